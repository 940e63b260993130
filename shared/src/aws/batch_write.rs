//! `BatchWriteItem`, sent again for what DynamoDB did not take up.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemError;
use aws_sdk_dynamodb::types::WriteRequest;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use tokio::time::{Instant, timeout_at};

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

/// Sends a batch, and what DynamoDB did not take up again after each of the waits. A request that is sent again is given up
/// at the end, if there is one, so that what the earlier ones have done is known.
pub(super) async fn send(
    client: &Client,
    requests: Requests,
    mut waits: impl Iterator<Item = Duration>,
    end: Option<Instant>,
) -> Ended {
    let mut left = Requests::new();
    let mut sent = requests;
    loop {
        let answer = client.batch_write_item().set_request_items(Some(sent)).send();
        match in_time(answer, end.filter(|_| !left.is_empty())).await {
            None => return Ended { error: None, left },
            Some(Err(error)) => return Ended { error: Some(error), left },
            Some(Ok(answer)) => left = answer.unprocessed_items.unwrap_or_default(),
        }
        left.retain(|_, requests| !requests.is_empty());
        let wait = if left.is_empty() { None } else { waits.next() };
        let Some(wait) = wait else { return Ended { error: None, left } };
        tokio::time::sleep(wait).await;
        // A copy stays, for the case that the request fails.
        sent = left.clone();
    }
}

async fn in_time<T>(answer: impl Future<Output = T>, end: Option<Instant>) -> Option<T> {
    match end {
        Some(end) => timeout_at(end, answer).await.ok(),
        None => Some(answer.await),
    }
}
