//! Where the template and what is deployed or written have to agree.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::ProjectionType;
use serde_json::{Value, json};
use shared::aws::authorities::RECORD_INDEX;
use shared::aws::devices::LISTING_INDEX;
use shared::aws::sessions::PRINCIPAL_INDEX;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, crl_checker, lifecycle_recorder, rule_sink};
use tests::stack::{STACK, Stack};
use tests::template::Template;

/// The own metrics of a function that alarms are on.
fn alarmed_metrics(namespace: &str, function: &str) -> Result<BTreeSet<&'static str>> {
    let dimensions = json!([{"Name": "FunctionName", "Value": {"Ref": function}}]);
    let alarms = Template::transformed()?.properties("AWS::CloudWatch::Alarm")?.into_values();
    let own = alarms.filter(|alarm| alarm["Namespace"] == namespace && alarm["Dimensions"] == dimensions);
    own.map(|alarm| alarm["MetricName"].as_str().context("an alarm on no metric")).collect()
}

/// The local cloud gives every attribute of a row to whoever reads an index. On AWS what is not projected is not there,
/// and a filter on it finds nothing.
#[tokio::test]
async fn indexes_hold_what_is_read_from_them() -> Result<()> {
    let stack = Stack::connect().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&stack.config);
    for (table, index, expected) in [
        ("authorities", RECORD_INDEX, &["crlHosts", "crlSources", "enrolledAt"][..]),
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

    let of_alarms = alarmed_metrics(namespace, "CrlChecker")?;
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

    let of_alarms = alarmed_metrics(namespace, "LifecycleRecorder")?;
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

    let of_alarms = alarmed_metrics(namespace, "RuleSink")?;
    assert_eq!(of_alarms, BTreeSet::from(["PrincipalMismatches"]));
    assert!(of_alarms.is_subset(&written), "{of_alarms:?} are not all among {written:?}");
    Ok(())
}
