//! Rows of DynamoDB tables as values.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::Deserializer;

use super::error::fault;
use crate::fault::{Fault, FaultKind};

pub(super) const UPDATE: &str = "dynamodb:UpdateItem";

/// A row as the SDK has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Reads a row, or names the attribute at fault.
pub(super) fn read<T: DeserializeOwned>(item: Item) -> Result<T, String> {
    let row = serde_dynamo::AttributeValue::M(serde_dynamo::Item::from(item).into_inner());
    serde_path_to_error::deserialize(Deserializer::from_attribute_value(row))
        .map_err(|error| format!("attribute {}: {}", error.path(), error.inner()))
}

/// Writes a value as an attribute.
pub(super) fn attribute(operation: &'static str, value: &impl Serialize) -> Result<AttributeValue, Fault> {
    serde_dynamo::to_attribute_value(value).map_err(|error| Fault::new(operation, FaultKind::Invalid, error))
}

/// Writes a value with named members as a row.
pub(super) fn write(operation: &'static str, value: &impl Serialize) -> Result<Item, Fault> {
    serde_dynamo::to_item(value).map_err(|error| Fault::new(operation, FaultKind::Invalid, error))
}

/// A text of a row.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// What became of a conditional update.
pub(super) enum Conditional {
    /// The condition was met; the row now, if the request asked for it.
    Done(Item),
    /// It was not, by the row that is there; empty if there is none.
    Failed(Item),
}

/// A failed condition is an answer, not a fault.
pub(super) fn conditional(
    answer: Result<UpdateItemOutput, SdkError<UpdateItemError, HttpResponse>>,
) -> Result<Conditional, Fault> {
    match answer {
        Ok(answer) => Ok(Conditional::Done(answer.attributes.unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Conditional::Failed(failed.item().cloned().unwrap_or_default()))
            }
            _ => Err(fault(UPDATE, error)),
        },
    }
}
