//! What the template says and the local cloud does not enforce.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::types::ProjectionType;
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};
use shared::aws::authorities::RECORD_INDEX;
use shared::aws::devices::LISTING_INDEX;
use shared::aws::sessions::PRINCIPAL_INDEX;
use shared::route::Routes;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, crl_checker, lifecycle_recorder, rule_sink};
use tests::stack::{STACK, Stack};

/// The longest time for which a queue keeps a message, in seconds ("Amazon SQS message quotas" in the Amazon SQS
/// developer guide).
const LONGEST_RETENTION: u64 = 1_209_600;
const SECONDS_OF_A_DAY: u64 = 86_400;

/// What stands in the template. A short tag is an object of one member: `!Ref Queue` is `{"!Ref": "Queue"}`.
struct Template(Value);

impl Template {
    fn read() -> Result<Self> {
        let template = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml"))?;
        Ok(Self(json_of(Yaml::load_from_str(&template)?.first().context("an empty template")?)?))
    }

    /// The properties of all resources of a type, by their names.
    fn properties(&self, kind: &str) -> Result<BTreeMap<&str, &Value>> {
        let resources = self.0.get("Resources").and_then(Value::as_object).context("no resources")?;
        let found = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
        Ok(found.map(|(name, resource)| (name.as_str(), &resource["Properties"])).collect())
    }

    /// The properties of the resource whose ARN this is.
    fn of_arn(&self, arn: &Value) -> Result<&Value> {
        let name = arn["!GetAtt"].as_str().and_then(|text| text.strip_suffix(".Arn"));
        let found = name.and_then(|name| self.0.pointer(&format!("/Resources/{name}/Properties")));
        found.with_context(|| format!("{arn} is no ARN of a resource"))
    }

    /// The queues from which functions are invoked.
    fn sources(&self) -> Result<BTreeSet<&str>> {
        let functions = self.properties("AWS::Serverless::Function")?.into_values();
        let events = functions.flat_map(|function| function["Events"].as_object().into_iter().flat_map(Map::values));
        let sources = events.filter(|event| event["Type"] == "SQS");
        let names = sources.map(|event| event.pointer("/Properties/Queue/!GetAtt")?.as_str()?.strip_suffix(".Arn"));
        names.map(|name| name.context("no ARN of a queue")).collect()
    }

    /// The own metrics of a function that alarms are on.
    fn alarmed_metrics(&self, namespace: &str, function: &str) -> Result<BTreeSet<&str>> {
        let dimensions = json!([{"Name": "FunctionName", "Value": {"!Ref": function}}]);
        let alarms = self.properties("AWS::CloudWatch::Alarm")?.into_values();
        let own = alarms.filter(|alarm| alarm["Namespace"] == namespace && alarm["Dimensions"] == dimensions);
        own.map(|alarm| alarm["MetricName"].as_str().context("an alarm on no metric")).collect()
    }
}

fn json_of(yaml: &Yaml<'_>) -> Result<Value> {
    Ok(match yaml {
        Yaml::Mapping(members) => {
            let member = |(name, value): (&Yaml<'_>, _)| {
                let name = name.as_str().with_context(|| format!("{name:?} is not a name"))?;
                Ok((name.to_owned(), json_of(value)?))
            };
            Value::Object(members.iter().map(member).collect::<Result<_>>()?)
        }
        Yaml::Sequence(items) => Value::Array(items.iter().map(json_of).collect::<Result<_>>()?),
        Yaml::Tagged(tag, value) => json!({tag.to_string(): json_of(value)?}),
        Yaml::Value(Scalar::Boolean(flag)) => (*flag).into(),
        Yaml::Value(Scalar::Integer(number)) => (*number).into(),
        Yaml::Value(Scalar::String(text)) => text.as_ref().into(),
        other => bail!("{other:?} has no place in a template"),
    })
}

fn number(value: &Value) -> Result<u64> {
    value.as_u64().with_context(|| format!("{value} is not a number"))
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
    let directive = metrics.pointer("/_aws/CloudWatchMetrics/0").context("no directive")?;
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

#[tokio::test]
async fn alarms_are_on_metrics_that_the_rule_sink_writes() -> Result<()> {
    let stack = Stack::connect().await;
    let mut function = Function::start(&rule_sink(), &environment::rule_sink(&stack.url, ROOT)).await?;
    let event = json!({"Records": [{"messageId": "1", "body": "no envelope"}]});
    let answer = function.answer(event.to_string().as_bytes()).await?;
    let metrics = function.metrics().await.with_context(|| format!("no metrics with {answer}"))?;
    assert_eq!(metrics["MessagesRejected"], 1, "{metrics}");
    let (namespace, written) = written(&metrics)?;

    let template = Template::read()?;
    let of_alarms = template.alarmed_metrics(namespace, "RuleSink")?;
    assert_eq!(of_alarms, BTreeSet::from(["PrincipalMismatches"]));
    assert!(of_alarms.is_subset(&written), "{of_alarms:?} are not all among {written:?}");
    Ok(())
}

/// What a rule can't hand over is lost without an error action, and the local cloud can always hand it over.
#[test]
fn every_rule_keeps_what_it_cannot_hand_over() -> Result<()> {
    let template = Template::read()?;
    let rules = template.properties("AWS::IoT::TopicRule")?;
    assert!(rules.len() >= 6, "{rules:?}");
    for (name, rule) in rules {
        let queue = &rule["TopicRulePayload"]["ErrorAction"]["Sqs"]["QueueUrl"];
        assert_eq!(*queue, json!({"!Ref": "RuleErrors"}), "{name}");
    }
    Ok(())
}

/// What a rule calls a route has to be one, and the sink needs all of the envelope.
#[test]
fn rules_hand_over_envelopes_for_routes_that_there_are() -> Result<()> {
    let template = Template::read()?;
    let routes = Routes::parse(&environment::routes())?;
    let mut used = BTreeSet::new();
    for (name, rule) in template.properties("AWS::IoT::TopicRule")? {
        let rule = &rule["TopicRulePayload"];
        if rule["Actions"][0]["Sqs"]["QueueUrl"] != json!({"!Ref": "DeviceMessages"}) {
            continue;
        }
        let sql =
            rule["Sql"].as_str().or_else(|| rule["Sql"]["!Sub"].as_str()).with_context(|| format!("{name}: no SQL"))?;
        let envelope = "SELECT encode(*, 'base64') AS payload, topic() AS topic, timestamp() AS timestamp, clientid() AS \
                        clientId, principal() AS principal, traceid() AS traceId, '";
        let (route, _) = sql
            .strip_prefix(envelope)
            .and_then(|rest| rest.split_once("' AS route FROM '"))
            .with_context(|| format!("{name}: {sql}"))?;
        assert!(routes.route(route).is_some(), "{name}: {route}");
        used.insert(route);
    }
    assert_eq!(used, routes.iter().map(|(name, _)| name).collect());
    Ok(())
}

/// DynamoDB refuses an item without the table's keys, and never deletes one whose time stands under another name.
#[test]
fn routes_fit_their_table() -> Result<()> {
    let template = Template::read()?;
    let table = &template.0["Resources"]["Messages"]["Properties"];
    for (name, route) in Routes::parse(&environment::routes())?.iter() {
        assert_eq!(route.table_name, format!("{STACK}-messages"), "{name}");
        let range_key = route.range_key.as_ref().with_context(|| format!("{name}: no sort key"))?;
        let keys = json!([
            {"AttributeName": route.hash_key.name, "KeyType": "HASH"},
            {"AttributeName": range_key.name, "KeyType": "RANGE"},
        ]);
        assert_eq!(table["KeySchema"], keys, "{name}");
        let ttl = route.ttl.as_ref().with_context(|| format!("{name}: no ttl"))?;
        assert_eq!(table["TimeToLiveSpecification"], json!({"AttributeName": ttl.field, "Enabled": true}), "{name}");
    }
    Ok(())
}

/// `cargo lambda watch` can't read the template.
#[test]
fn the_local_routes_are_those_of_the_template() -> Result<()> {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))?;
    let (_, rest) = manifest.split_once("\nROUTES = '''").context("no ROUTES")?;
    let (routes, _) = rest.split_once("'''").context("no end of ROUTES")?;
    assert_eq!(Routes::parse(routes)?, Routes::parse(&environment::routes())?);
    Ok(())
}

/// The tests' environment has what the stack's function gets.
#[test]
fn the_tests_give_the_rule_sink_all_its_settings() -> Result<()> {
    let template = Template::read()?;
    let settings = &template.properties("AWS::Serverless::Function")?["RuleSink"]["Environment"]["Variables"];
    let mut names: BTreeSet<&str> = settings.as_object().context("no settings")?.keys().map(String::as_str).collect();
    names.remove("RUST_LOG");
    let given = environment::rule_sink("http://127.0.0.1", ROOT);
    let given = given.iter().map(|(name, _)| name.as_str()).filter(|name| !name.starts_with("AWS_"));
    assert_eq!(names, given.collect());
    Ok(())
}

/// What waits for somebody has to call, and what waits for a function must not wait long.
#[test]
fn every_queue_has_an_alarm_and_insists_on_tls() -> Result<()> {
    let template = Template::read()?;
    let sources = template.sources()?;
    let alarms = template.properties("AWS::CloudWatch::Alarm")?;
    let policies = template.properties("AWS::SQS::QueuePolicy")?;
    for queue in template.properties("AWS::SQS::Queue")?.into_keys() {
        let (metric, threshold) = if sources.contains(queue) {
            ("ApproximateAgeOfOldestMessage", 900)
        } else {
            ("ApproximateNumberOfMessagesVisible", 0)
        };
        let dimensions = json!([{"Name": "QueueName", "Value": {"!GetAtt": format!("{queue}.QueueName")}}]);
        let is_on = |alarm: &&Value| alarm["Dimensions"] == dimensions && alarm["MetricName"] == metric;
        assert!(alarms.values().any(|alarm| is_on(alarm) && alarm["Threshold"] == threshold), "{queue}");
        let policy = policies.values().find(|policy| policy["Queues"] == json!([{"!Ref": queue}]));
        let statement = &policy.with_context(|| format!("{queue}: no policy"))?["PolicyDocument"]["Statement"][0];
        assert_eq!(statement["Resource"], json!({"!GetAtt": format!("{queue}.Arn")}));
        assert_eq!(statement["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}), "{queue}");
        assert_eq!(statement["Effect"], "Deny", "{queue}");
    }
    Ok(())
}

/// A message that is still being worked on must not be handed out again, one that fails must not bring the rest of its
/// batch back, and one that always fails must end where it can be found ("Using Lambda with Amazon SQS" in the AWS
/// Lambda developer guide).
#[test]
fn queues_of_functions_fit_them_and_lose_nothing() -> Result<()> {
    let template = Template::read()?;
    let mut sources = 0;
    for (name, function) in template.properties("AWS::Serverless::Function")? {
        let events = function["Events"].as_object().into_iter().flat_map(Map::values);
        for source in events.filter(|event| event["Type"] == "SQS").map(|event| &event["Properties"]) {
            assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{name}");
            let window = source["MaximumBatchingWindowInSeconds"]["!Ref"].as_str().context("not a parameter")?;
            let longest_window = number(&template.0["Parameters"][window]["MaxValue"])?;
            let queue = template.of_arn(&source["Queue"])?;
            let hidden = number(&queue["VisibilityTimeout"])?;
            assert!(hidden >= 6 * number(&function["Timeout"])? + longest_window, "{name}: {queue}");

            let redrive = &queue["RedrivePolicy"];
            assert!(number(&redrive["maxReceiveCount"])? >= 5, "{name}: {queue}");
            let dead_letters = template.of_arn(&redrive["deadLetterTargetArn"])?;
            assert_eq!(dead_letters["MessageRetentionPeriod"], LONGEST_RETENTION, "{name}: {dead_letters}");
            sources += 1;
        }
    }
    assert_eq!(sources, template.sources()?.len());
    assert!(sources >= 2);
    Ok(())
}

/// What Lambda takes of an event source ("`CreateEventSourceMapping`" in the AWS Lambda API reference): nothing that a
/// parameter allows is refused, and nothing that Lambda takes is kept from operators but the longest windows.
#[test]
fn parameters_of_event_sources_are_what_lambda_takes() -> Result<()> {
    let template = Template::read()?;
    let range = |parameter: &Value| -> Result<(u64, u64)> {
        let name = parameter["!Ref"].as_str().context("not a parameter")?;
        let parameter = &template.0["Parameters"][name];
        Ok((number(&parameter["MinValue"])?, number(&parameter["MaxValue"])?))
    };
    for (name, function) in template.properties("AWS::Serverless::Function")? {
        let events = function["Events"].as_object().into_iter().flat_map(Map::values);
        for source in events.filter(|event| event["Type"] == "SQS").map(|event| &event["Properties"]) {
            assert_eq!(range(&source["BatchSize"])?, (1, 10_000), "{name}");
            // Batches of more than ten need one second.
            let (shortest, longest) = range(&source["MaximumBatchingWindowInSeconds"])?;
            assert!(shortest == 1 && longest <= 300, "{name}");
            assert_eq!(range(&source["ScalingConfig"]["!If"][1]["MaximumConcurrency"])?, (2, 1000), "{name}");
        }
    }
    Ok(())
}

/// Whether a failed connection has been counted is known from the history, which must outlast every repeat; and a message
/// that has waited for long must not be deleted as soon as it is written.
#[test]
fn histories_outlast_their_queues() -> Result<()> {
    let template = Template::read()?;
    for (days, queue) in [("EventRetentionDays", "LifecycleEvents"), ("MessageRetentionDays", "DeviceMessages")] {
        let history = number(&template.0["Parameters"][days]["MinValue"])? * SECONDS_OF_A_DAY;
        let queue = &template.0["Resources"][queue]["Properties"];
        assert!(history > number(&queue["MessageRetentionPeriod"])?, "{days}");
    }
    Ok(())
}

/// AWS IoT takes policies of 2048 characters, white space not counted ("AWS IoT Core thing and policy quotas").
#[test]
fn the_device_policy_is_not_too_long_in_any_region() -> Result<()> {
    let template = Template::read()?;
    for (name, policy) in template.properties("AWS::IoT::Policy")? {
        let longest = [("Partition", "aws-us-gov"), ("Region", "ap-southeast-3"), ("AccountId", "123456789012")];
        let text = policy["PolicyDocument"].to_string();
        let text = longest.iter().fold(text, |text, (name, value)| text.replace(&format!("${{AWS::{name}}}"), value));
        // What stands for the function Sub makes it longer, never shorter.
        assert!(text.len() <= 2048, "{name}: {}", text.len());
    }
    Ok(())
}
