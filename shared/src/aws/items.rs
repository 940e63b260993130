//! Items of any table.

mod request;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;

use super::backoff;
use super::batch_write::{self, Ended, WRITE};
use super::error::fault;
use super::row::UPDATE;
use crate::fault::Fault;
use crate::item::{Attributes, Effect, ItemKey, Write};
use crate::port::{BatchWritten, ItemStore, ItemWritten};

const DELETE: &str = "dynamodb:DeleteItem";
const PUT: &str = "dynamodb:PutItem";
/// What DynamoDB calls writes that no repetition makes right ("Error handling with DynamoDB" in its developer guide).
const REFUSALS: [&str; 3] =
    ["ItemCollectionSizeLimitExceededException", "SerializationException", "ValidationException"];

/// Tables of any kind, through one client.
#[derive(Clone, Debug)]
pub struct Items {
    client: Client,
}

impl Items {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    fn put(&self, table: &str, key: &ItemKey, attributes: &Attributes) -> PutItemFluentBuilder {
        self.client.put_item().table_name(table).set_item(Some(request::item(key, attributes)))
    }

    async fn update(&self, table: &str, key: &ItemKey, attributes: &Attributes) -> Result<ItemWritten, Fault> {
        let update = self.client.update_item().table_name(table).set_key(Some(request::key(key)));
        let request::Setting { expression, names, values } = request::setting(attributes);
        let update = update
            .set_update_expression(expression)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values);
        written(UPDATE, update.send().await)
    }
}

impl ItemStore for Items {
    async fn write_batch(&self, writes: &[&Write], patience: Duration) -> Result<BatchWritten, Fault> {
        if writes.is_empty() {
            return Ok(BatchWritten::Left(Vec::new()));
        }
        let end = Instant::now().checked_add(patience);
        let in_time = |wait: &Duration| end.is_none_or(|end| Instant::now() + *wait <= end);
        let waits = backoff::waits(self.client.config().retry_config(), usize::MAX).take_while(in_time);
        let Ended { error, left } = batch_write::send(&self.client, request::batch(writes)?, waits, end).await;
        let Some(error) = error else { return Ok(BatchWritten::Left(request::places(writes, &left))) };
        if let Some(problem) = refusal(&error) {
            return Ok(BatchWritten::Refused(problem));
        }
        let fault = fault(WRITE, error);
        if fault.kind.is_retryable() && !left.is_empty() {
            return Ok(BatchWritten::Left(request::places(writes, &left)));
        }
        Err(fault)
    }

    async fn write(&self, write: &Write) -> Result<ItemWritten, Fault> {
        let Write { effect, key, table } = write;
        match effect {
            Effect::Delete => {
                let delete = self.client.delete_item().table_name(table).set_key(Some(request::key(key)));
                written(DELETE, delete.send().await)
            }
            Effect::Put(attributes) => written(PUT, self.put(table, key, attributes).send().await),
            Effect::PutNew(attributes, expired) => {
                let put = request::if_new(self.put(table, key, attributes), key, expired.as_ref());
                written(PUT, put.send().await)
            }
            Effect::Update(attributes) => self.update(table, key, attributes).await,
        }
    }
}

/// What became of one write.
fn written<T, E>(operation: &'static str, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<ItemWritten, Fault>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let Err(error) = answer else { return Ok(ItemWritten::Done) };
    if let Some(problem) = refusal(&error) {
        return Ok(ItemWritten::Refused(problem));
    }
    match error.code() {
        Some("ConditionalCheckFailedException") => Ok(ItemWritten::Exists),
        _ => Err(fault(operation, error)),
    }
}

/// What DynamoDB said if a write is against its rules.
fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let code = error.code().filter(|code| REFUSALS.contains(code))?;
    Some(error.message().unwrap_or(code).to_owned())
}
