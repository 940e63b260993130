//! The `DeviceEvents` table: every lifecycle event once.

mod row;

use std::collections::HashMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use time::OffsetDateTime;

use super::backoff;
use super::batch_write::{self, WRITE};
use super::error::fault;
use super::row::Item;
use crate::event::LifecycleEvent;
use crate::fault::{Fault, FaultKind};
use crate::id::ClientId;
use crate::timestamp::to_text;

/// Partition key of the table.
const CLIENT_ID: &str = "clientId";
/// Sort key of the table.
pub(super) const EVENT: &str = "event";

const QUERY: &str = "dynamodb:Query";
/// Requests for what DynamoDB did not take up of a batch, the first one included.
const TRIES: usize = 5;

/// The table.
#[derive(Clone, Debug)]
pub struct DeviceEvents {
    pub(super) client: Client,
    /// Retries of the SDK, whose waits are those for unprocessed items.
    retries: Option<aws_config::retry::RetryConfig>,
    pub(super) table: String,
}

impl DeviceEvents {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self { client: Client::new(config), retries: config.retry_config().cloned(), table: table.into() }
    }

    /// Writes at most [`HISTORY_BATCH`](crate::port::HISTORY_BATCH) events that differ in their keys; what is there already is written again. They expire
    /// `retention` after they happened. Gives back those that DynamoDB did not take up in several tries.
    ///
    /// # Errors
    /// Faults of the calls.
    pub async fn keep<'a>(
        &self,
        events: &[&'a LifecycleEvent],
        retention: Duration,
    ) -> Result<Vec<&'a LifecycleEvent>, Fault> {
        let put = |event: &&LifecycleEvent| {
            let put = PutRequest::builder().set_item(Some(row::item(event, retention))).build();
            put.map(|put| WriteRequest::builder().put_request(put).build())
        };
        let invalid = |error| Fault::new(WRITE, FaultKind::Invalid, error);
        let puts: Vec<WriteRequest> = events.iter().map(put).collect::<Result<_, _>>().map_err(invalid)?;
        if puts.is_empty() {
            return Ok(Vec::new());
        }
        let waits = backoff::waits(self.retries.as_ref(), TRIES);
        let ended = batch_write::send(&self.client, HashMap::from([(self.table.clone(), puts)]), waits, None).await;
        if let Some(error) = ended.error {
            return Err(fault(WRITE, error));
        }
        let left = ended.left.get(&self.table).map(Vec::as_slice).unwrap_or_default();
        let keys: Vec<_> = left.iter().filter_map(key).collect();
        let is_left = |event: &&&LifecycleEvent| keys.contains(&(event.client_id.as_str(), event.key().as_str()));
        Ok(events.iter().filter(is_left).copied().collect())
    }

    /// The events of a client in a range of time, both ends included, the newest first, `most` at most: one Query.
    ///
    /// # Errors
    /// Faults of the call, and [`FaultKind::Invalid`] for a row that can't be read.
    pub async fn between(
        &self,
        client: &ClientId,
        from: OffsetDateTime,
        to: OffsetDateTime,
        most: i32,
    ) -> Result<Vec<LifecycleEvent>, Fault> {
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#client = :client AND #event BETWEEN :from AND :to")
            .expression_attribute_names("#client", CLIENT_ID)
            .expression_attribute_names("#event", EVENT)
            .expression_attribute_values(":client", AttributeValue::S(client.as_str().to_owned()))
            .expression_attribute_values(":from", AttributeValue::S(to_text(from)))
            // Behind the time a key goes on with "#", which is less than "$".
            .expression_attribute_values(":to", AttributeValue::S(format!("{}$", to_text(to))))
            .scan_index_forward(false)
            .limit(most);
        let answer = request.send().await.map_err(|error| fault(QUERY, error))?;
        let event = |item| row::read(item).map_err(|problem| Fault::new(QUERY, FaultKind::Invalid, problem));
        answer.items.unwrap_or_default().into_iter().map(event).collect()
    }

    /// The row of an event.
    pub(super) fn item(event: &LifecycleEvent, retention: Duration) -> Item {
        row::item(event, retention)
    }
}

/// The keys of a row that is to be put.
fn key(request: &WriteRequest) -> Option<(&str, &str)> {
    let item = &request.put_request.as_ref()?.item;
    Some((super::row::text(item, CLIENT_ID)?, super::row::text(item, EVENT)?))
}
