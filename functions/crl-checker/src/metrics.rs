//! What a run tells CloudWatch, in the embedded metric format ("Specification: Embedded metric format" in the CloudWatch
//! user guide): one line on standard output.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::report::{Outcome, Report};

/// Namespace of all metrics of the suite.
const NAMESPACE: &str = "iot-jitr";

/// The counts of a run, by metric name. All have the unit Count and the dimension `FunctionName`.
fn counts(report: &Report) -> [(&'static str, u64); 9] {
    let sources = |outcome| {
        let found = report.sources.iter().filter(|source| source.outcome == outcome).count();
        u64::try_from(found).unwrap_or(u64::MAX)
    };
    let changes = &report.changes;
    [
        ("CertificatesHeld", changes.held),
        ("CertificatesReleased", changes.released),
        ("CertificatesRevoked", changes.revoked),
        ("CrlChecksFailed", sources(Outcome::Failed)),
        ("CrlsKeptOut", sources(Outcome::KeptOut)),
        ("CrlsPublished", sources(Outcome::Published)),
        ("RunsUnfinished", u64::from(!report.finished)),
        ("SessionsEnded", changes.sessions_ended),
        ("SessionsNotOffered", changes.sessions_not_offered),
    ]
}

/// The line of a run.
pub(crate) fn line(report: &Report, function: &str, now: OffsetDateTime) -> Value {
    let counts = counts(report);
    let metrics: Vec<Value> = counts.iter().map(|(name, _)| json!({"Name": name, "Unit": "Count"})).collect();
    let mut line = json!({
        "_aws": {
            "CloudWatchMetrics": [{"Dimensions": [["FunctionName"]], "Metrics": metrics, "Namespace": NAMESPACE}],
            "Timestamp": now.unix_timestamp().saturating_mul(1000),
        },
        "FunctionName": function,
    });
    if let Some(members) = line.as_object_mut() {
        members.extend(counts.into_iter().map(|(name, count)| (name.to_owned(), count.into())));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_that_is_named_has_a_value() {
        let report = Report { finished: true, ..Report::default() };
        let line = line(&report, "iot-jitr-crl-checker", OffsetDateTime::UNIX_EPOCH);
        let named = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(named.len(), 9);
        assert!(named.iter().all(|metric| line[metric["Name"].as_str().unwrap()] == 0), "{line}");
    }
}
