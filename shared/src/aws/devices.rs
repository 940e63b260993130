//! The `Devices` table: one row per client, changed under conditions.

mod conditions;
mod failing;
mod listing;
mod row;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::backoff;
use super::error::fault;
use super::row::{Conditional, Item, conditional};
use crate::fault::{Fault, FaultKind};
use crate::id::ClientId;
use crate::port::Written;
use crate::presence::{Change, Device};

pub use listing::{LISTING_INDEX, Listed, SHARDS, Since};

/// Partition key of the table.
pub(super) const CLIENT_ID: &str = "clientId";

const GET: &str = "dynamodb:GetItem";
/// Requests for one change while transactions count failed attempts in the same row.
const TRIES: usize = 6;

type UpdateError = SdkError<UpdateItemError, HttpResponse>;

/// The table.
#[derive(Clone, Debug)]
pub struct Devices {
    pub(super) client: Client,
    pub(super) table: String,
}

impl Devices {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self { client: Client::new(config), table: table.into() }
    }

    /// The row of a client.
    ///
    /// # Errors
    /// Faults of the call, and [`FaultKind::Invalid`] for a row that can't be read.
    pub async fn device(&self, client: &ClientId) -> Result<Option<Device>, Fault> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(CLIENT_ID, AttributeValue::S(client.as_str().to_owned()))
            .consistent_read(true);
        let answer = request.send().await.map_err(|error| fault(GET, error))?;
        answer.item.map(|item| read(GET, client, item)).transpose()
    }

    /// Writes a change, if the row is one that the change was made for. A row that is not permanent expires `retention`
    /// after its newest event.
    ///
    /// # Errors
    /// Faults of the call, and [`FaultKind::Invalid`] for a row that can't be read.
    pub async fn change(&self, client: &ClientId, change: &Change, retention: Duration) -> Result<Written, Fault> {
        let request = conditions::request(&self.client, &self.table, client, change, retention)?;
        Ok(match conditional(self.send(request).await)? {
            Conditional::Done(row) => Written::Done(Box::new(read(super::row::UPDATE, client, row)?)),
            Conditional::Failed(row) if row.is_empty() => Written::NotMet(Box::new(Device::unknown(client.clone()))),
            Conditional::Failed(row) => Written::NotMet(Box::new(read(super::row::UPDATE, client, row)?)),
        })
    }

    /// Sends an update again, after a wait, while a transaction on the row is under way.
    async fn send(&self, request: UpdateItemFluentBuilder) -> Result<UpdateItemOutput, UpdateError> {
        let mut waits = backoff::waits(self.client.config().retry_config(), TRIES);
        loop {
            let answer = request.clone().send().await;
            let error = answer.as_ref().err().and_then(UpdateError::as_service_error);
            if !error.is_some_and(UpdateItemError::is_transaction_conflict_exception) {
                return answer;
            }
            let Some(wait) = waits.next() else { return answer };
            tokio::time::sleep(wait).await;
        }
    }
}

fn read(operation: &'static str, client: &ClientId, item: Item) -> Result<Device, Fault> {
    row::read(item).map_err(|problem| {
        let problem = format!("row of client {client}: {problem}");
        Fault::new(operation, FaultKind::Invalid, problem)
    })
}
