//! What the template says and the local cloud does not enforce.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::ProjectionType;
use serde_json::{Value, json};
use shared::aws::authorities::RECORD_INDEX;
use shared::aws::devices::LISTING_INDEX;
use shared::aws::sessions::PRINCIPAL_INDEX;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, crl_checker, lifecycle_recorder};
use tests::stack::{STACK, Stack};

/// The longest time for which a queue keeps a message, in seconds ("Amazon SQS message quotas" in the Amazon SQS
/// developer guide).
const LONGEST_RETENTION: u64 = 1_209_600;
const SECONDS_OF_A_DAY: u64 = 86_400;

/// What stands in the template, by paths such as `Resources.Activator.Properties.Timeout`: as much of YAML as is needed
/// here. What stands in one line is one text, and of a list only the last item in braces is kept.
struct Template(BTreeMap<String, String>);

impl Template {
    fn read() -> Result<Self> {
        let template = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml"))?;
        let mut path: Vec<(usize, &str)> = Vec::new();
        let mut texts = BTreeMap::new();
        for line in template.lines() {
            let content = line.trim_start();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let indentation = line.len() - content.len();
            path.retain(|(outer, _)| *outer < indentation);
            let content = content.trim_start_matches("- ");
            let text = if content.starts_with('{') {
                content
            } else if let Some((name, text)) = content.split_once(':') {
                path.push((indentation, name));
                text.trim()
            } else {
                continue;
            };
            let names: Vec<&str> = path.iter().map(|(_, name)| *name).collect();
            texts.insert(names.join("."), text.to_owned());
        }
        Ok(Self(texts))
    }

    fn text(&self, path: &str) -> Result<&str> {
        self.0.get(path).map(String::as_str).with_context(|| format!("no {path}"))
    }

    fn number(&self, path: &str) -> Result<u64> {
        self.text(path)?.parse().with_context(|| format!("{path} is not a number"))
    }

    /// The properties of the resource whose ARN stands somewhere, by their path.
    fn of_arn(&self, path: &str) -> Result<String> {
        let name = self.text(path)?.strip_prefix("!GetAtt ").and_then(|text| text.strip_suffix(".Arn"));
        Ok(format!("Resources.{}.Properties", name.with_context(|| format!("{path} is not an ARN"))?))
    }

    /// The properties of all resources of a type, by their paths.
    fn resources(&self, kind: &str) -> Vec<String> {
        let found = self.0.iter().filter(|(_, text)| *text == kind);
        let names = found.filter_map(|(path, _)| path.strip_prefix("Resources.")?.strip_suffix(".Type"));
        names.map(|name| format!("Resources.{name}.Properties")).collect()
    }

    /// The own metrics of a function that alarms are on.
    fn alarmed_metrics(&self, namespace: &str, function: &str) -> Result<BTreeSet<&str>> {
        let dimension = format!("{{Name: FunctionName, Value: !Ref {function}}}");
        let mut metrics = BTreeSet::new();
        for alarm in self.resources("AWS::CloudWatch::Alarm") {
            let property = |name| self.text(&format!("{alarm}.{name}"));
            if property("Namespace")? == namespace && property("Dimensions")? == dimension {
                metrics.insert(property("MetricName")?);
            }
        }
        Ok(metrics)
    }
}

/// The local cloud gives every attribute of a row to whoever reads an index. On AWS what is not projected is not there,
/// and a filter on it finds nothing.
#[tokio::test]
async fn indexes_hold_what_is_read_from_them() -> Result<()> {
    let stack = Stack::connect().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&stack.config);
    for (table, index, expected) in [
        ("authorities", RECORD_INDEX, &["crlHosts", "crlSources"][..]),
        ("devices", LISTING_INDEX, &["connected", "disconnectReason", "ipAddress", "principal", "thingName"][..]),
        ("devices", PRINCIPAL_INDEX, &["connected"][..]),
    ] {
        let answer = dynamodb.describe_table().table_name(format!("{STACK}-{table}")).send().await?;
        let table = answer.table().context("no such table")?;
        let found = table.global_secondary_indexes().iter().find(|found| found.index_name() == Some(index));
        let projection = found.and_then(|index| index.projection()).context("no such index")?;
        assert_eq!(projection.projection_type(), Some(&ProjectionType::Include), "{index}");
        let held: BTreeSet<&str> = projection.non_key_attributes().iter().map(String::as_str).collect();
        assert_eq!(held, expected.iter().copied().collect(), "{index}");
    }
    Ok(())
}

/// The names of the metrics in a line that a function has written, and their namespace.
fn written(metrics: &Value) -> Result<(&str, BTreeSet<&str>)> {
    let directive = &metrics["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Dimensions"], json!([["FunctionName"]]));
    let namespace = directive["Namespace"].as_str().context("no namespace")?;
    let written = directive["Metrics"].as_array().context("no metrics")?;
    Ok((namespace, written.iter().filter_map(|metric| metric["Name"].as_str()).collect()))
}

/// An alarm on a metric that nobody writes is never raised.
#[tokio::test]
async fn alarms_are_on_metrics_that_the_crl_checker_writes() -> Result<()> {
    let stack = Stack::connect().await;
    let mut function = Function::start(&crl_checker(), &environment::crl_checker(&stack.url, ROOT)).await?;
    let report = function.answer(json!({"caCertificateId": "0".repeat(64)}).to_string().as_bytes()).await?;
    let metrics = function.metrics().await.with_context(|| format!("no metrics with {report}"))?;
    assert_eq!(metrics["CrlChecksFailed"], 1, "{metrics}");
    let (namespace, written) = written(&metrics)?;

    let template = Template::read()?;
    let of_alarms = template.alarmed_metrics(namespace, "CrlChecker")?;
    assert!(of_alarms.len() >= 3, "{of_alarms:?}");
    assert!(of_alarms.is_subset(&written), "{of_alarms:?} are not all among {written:?}");
    Ok(())
}

#[tokio::test]
async fn alarms_are_on_metrics_that_the_lifecycle_recorder_writes() -> Result<()> {
    let stack = Stack::connect().await;
    let variables = environment::lifecycle_recorder(&stack.url, ROOT);
    let mut function = Function::start(&lifecycle_recorder(), &variables).await?;
    let event = json!({"Records": [{"messageId": "1", "body": "no event"}]});
    let answer = function.answer(event.to_string().as_bytes()).await?;
    let metrics = function.metrics().await.with_context(|| format!("no metrics with {answer}"))?;
    assert_eq!(metrics["EventsRefused"], 1, "{metrics}");
    let (namespace, written) = written(&metrics)?;

    let template = Template::read()?;
    let of_alarms = template.alarmed_metrics(namespace, "LifecycleRecorder")?;
    assert_eq!(of_alarms, BTreeSet::from(["ConnectFailures", "EventsRefused"]));
    assert!(of_alarms.is_subset(&written), "{of_alarms:?} are not all among {written:?}");
    Ok(())
}

/// What a rule can't hand over is lost without an error action, and the local cloud can always hand it over.
#[test]
fn every_rule_keeps_what_it_cannot_hand_over() -> Result<()> {
    let template = Template::read()?;
    let rules = template.resources("AWS::IoT::TopicRule");
    assert!(rules.len() >= 3, "{rules:?}");
    for rule in rules {
        let queue = template.text(&format!("{rule}.TopicRulePayload.ErrorAction.Sqs.QueueUrl"))?;
        assert_eq!(queue, "!Ref RuleErrors", "{rule}");
    }
    Ok(())
}

/// A message that is still being worked on must not be handed out again, one that fails must not bring the rest of its
/// batch back, and one that always fails must end where it can be found ("Using Lambda with Amazon SQS" in the AWS
/// Lambda developer guide).
#[test]
fn queues_of_functions_fit_them_and_lose_nothing() -> Result<()> {
    let template = Template::read()?;
    let of_events = |(path, text): (&String, &String)| {
        let (function, event) = path.strip_suffix(".Type")?.split_once(".Events.")?;
        (text == "SQS").then(|| (function.to_owned(), format!("{function}.Events.{event}.Properties")))
    };
    let sources: Vec<_> = template.0.iter().filter_map(of_events).collect();
    assert!(!sources.is_empty());
    for (function, source) in sources {
        let text = |name| template.text(&format!("{source}.{name}"));
        assert_eq!(text("FunctionResponseTypes")?, "[ReportBatchItemFailures]", "{source}");
        let window = text("MaximumBatchingWindowInSeconds")?.strip_prefix("!Ref ").context("not a parameter")?;
        let longest_window = template.number(&format!("Parameters.{window}.MaxValue"))?;
        let queue = template.of_arn(&format!("{source}.Queue"))?;
        let hidden = template.number(&format!("{queue}.VisibilityTimeout"))?;
        assert!(hidden >= 6 * template.number(&format!("{function}.Timeout"))? + longest_window, "{queue}");

        assert!(template.number(&format!("{queue}.RedrivePolicy.maxReceiveCount"))? >= 5, "{queue}");
        let dead_letters = template.of_arn(&format!("{queue}.RedrivePolicy.deadLetterTargetArn"))?;
        let kept = template.number(&format!("{dead_letters}.MessageRetentionPeriod"))?;
        assert_eq!(kept, LONGEST_RETENTION, "{dead_letters}");
    }
    Ok(())
}

/// Whether a failed connection has been counted is known from the history, which must outlast every repeat.
#[test]
fn the_history_outlasts_the_queue() -> Result<()> {
    let template = Template::read()?;
    let history = template.number("Parameters.EventRetentionDays.MinValue")? * SECONDS_OF_A_DAY;
    assert!(history > template.number("Resources.LifecycleEvents.Properties.MessageRetentionPeriod")?);
    Ok(())
}
