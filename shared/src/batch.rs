//! Records of an SQS queue, as Lambda hands them over, and the answer about each ("Using Lambda with Amazon SQS" and
//! "Implementing partial batch responses" in the AWS Lambda developer guide).

use serde::{Deserialize, Serialize};

/// An invocation's records. Whatever else AWS sends does not count.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct SqsEvent {
    /// The records, 10,000 at most.
    #[serde(rename = "Records")]
    pub records: Vec<SqsRecord>,
}

/// The queue of an invocation's records, as each of them tells.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct SqsSource {
    #[serde(rename = "Records")]
    records: Vec<SourceArn>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
struct SourceArn {
    #[serde(default, rename = "eventSourceARN")]
    event_source_arn: String,
}

impl SqsSource {
    /// Whether all records are from the queue of this ARN. Lambda's batches are from one queue.
    #[must_use]
    pub fn is(&self, queue_arn: &str) -> bool {
        self.records.iter().all(|record| record.event_source_arn == queue_arn)
    }
}

/// A message of the queue.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SqsRecord {
    /// What was sent.
    #[serde(default)]
    pub body: String,
    /// Its id. Lambda understands a failure without id as one of all records.
    pub message_id: String,
}

/// Which records are to be delivered again; all others are deleted from the queue.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The records.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A record that is to be delivered again.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// The id of the message.
    pub item_identifier: String,
}

impl FromIterator<String> for BatchResponse {
    fn from_iter<T: IntoIterator<Item = String>>(ids: T) -> Self {
        let failure = |item_identifier| BatchItemFailure { item_identifier };
        Self { batch_item_failures: ids.into_iter().map(failure).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_the_records_as_lambda_wants_it() {
        let answer: BatchResponse = ["1".to_owned()].into_iter().collect();
        assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#);
    }
}
