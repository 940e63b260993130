//! `BatchWriteItem`, sent again for what DynamoDB did not take up.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemError;
use aws_sdk_dynamodb::types::WriteRequest;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

pub(super) const WRITE: &str = "dynamodb:BatchWriteItem";

/// Writes by table.
pub(super) type Requests = HashMap<String, Vec<WriteRequest>>;

/// How a batch ended.
pub(super) struct Ended {
    /// Why the last request failed, if it did.
    pub(super) error: Option<SdkError<BatchWriteItemError, HttpResponse>>,
    /// What an answer said was not taken up, and no later one said was. Empty if the first request failed.
    pub(super) left: Requests,
}

/// Sends a batch, and what DynamoDB did not take up again after each of the waits.
pub(super) async fn send(client: &Client, requests: Requests, mut waits: impl Iterator<Item = Duration>) -> Ended {
    let mut left = Requests::new();
    let mut sent = requests;
    loop {
        match client.batch_write_item().set_request_items(Some(sent)).send().await {
            Err(error) => return Ended { error: Some(error), left },
            Ok(answer) => left = answer.unprocessed_items.unwrap_or_default(),
        }
        left.retain(|_, requests| !requests.is_empty());
        if left.is_empty() {
            return Ended { error: None, left };
        }
        let Some(wait) = waits.next() else { return Ended { error: None, left } };
        tokio::time::sleep(wait).await;
        // A copy stays, for the case that the request fails.
        sent = left.clone();
    }
}
