//! What the template says and the local cloud does not enforce.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::ProjectionType;
use serde_json::json;
use shared::aws::authorities::RECORD_INDEX;
use shared::aws::sessions::PRINCIPAL_INDEX;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, crl_checker};
use tests::stack::{STACK, Stack};

/// The local cloud gives every attribute of a row to whoever reads an index. On AWS what is not projected is not there,
/// and a filter on it finds nothing.
#[tokio::test]
async fn indexes_hold_what_the_crl_checker_reads_from_them() -> Result<()> {
    let stack = Stack::connect().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&stack.config);
    for (table, index, expected) in [
        ("authorities", RECORD_INDEX, &["crlHosts", "crlSources"][..]),
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

/// An alarm on a metric that nobody writes is never raised.
#[tokio::test]
async fn alarms_are_on_metrics_that_the_crl_checker_writes() -> Result<()> {
    let stack = Stack::connect().await;
    let mut function = Function::start(&crl_checker(), &environment::crl_checker(&stack.url, ROOT)).await?;
    let report = function.answer(json!({"caCertificateId": "0".repeat(64)}).to_string().as_bytes()).await?;
    let metrics = function.metrics().await.with_context(|| format!("no metrics with {report}"))?;
    assert_eq!(metrics["CrlChecksFailed"], 1, "{metrics}");
    let directive = &metrics["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Dimensions"], json!([["FunctionName"]]));
    let written = directive["Metrics"].as_array().context("no metrics")?;
    let written: BTreeSet<&str> = written.iter().filter_map(|metric| metric["Name"].as_str()).collect();

    let template = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml"))?;
    let namespace = format!("Namespace: {}", directive["Namespace"].as_str().context("no namespace")?);
    let lines: Vec<&str> = template.lines().map(str::trim).collect();
    let of_alarms: BTreeSet<&str> = lines
        .windows(2)
        .filter_map(|pair| match pair {
            [first, second] if *first == namespace => second.strip_prefix("MetricName: "),
            _ => None,
        })
        .collect();
    assert!(of_alarms.len() >= 3, "{of_alarms:?}");
    assert!(of_alarms.is_subset(&written), "{of_alarms:?} are not all among {written:?}");
    Ok(())
}
