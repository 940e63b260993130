//! What an invocation tells CloudWatch, in the embedded metric format ("Specification: Embedded metric format" in the
//! CloudWatch user guide): one line on standard output.

use serde_json::{Value, json};
use time::OffsetDateTime;

/// Namespace of all metrics of the suite.
const NAMESPACE: &str = "iot-jitr";

/// The line of an invocation, with its counts by metric name. All have the unit Count and the dimension `FunctionName`.
#[must_use]
pub fn line(function: &str, now: OffsetDateTime, counts: &[(&'static str, u64)]) -> Value {
    let metrics: Vec<Value> = counts.iter().map(|(name, _)| json!({"Name": name, "Unit": "Count"})).collect();
    let mut line = json!({
        "_aws": {
            "CloudWatchMetrics": [{"Dimensions": [["FunctionName"]], "Metrics": metrics, "Namespace": NAMESPACE}],
            "Timestamp": now.unix_timestamp().saturating_mul(1000),
        },
        "FunctionName": function,
    });
    if let Some(members) = line.as_object_mut() {
        members.extend(counts.iter().map(|(name, count)| ((*name).to_owned(), (*count).into())));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_that_is_named_has_a_value() {
        let line = line("iot-jitr-crl-checker", OffsetDateTime::UNIX_EPOCH, &[("One", 1), ("Two", 2)]);
        let named = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(named.len(), 2);
        assert_eq!((&line["One"], &line["Two"]), (&json!(1), &json!(2)));
        assert_eq!(line["FunctionName"], "iot-jitr-crl-checker");
    }
}
