//! What operators do with the two tables and the activator does not: write profiles, announce certificates, look
//! decisions up by other things than their key.

mod announcements;
mod decisions;

use std::collections::HashMap;

use anyhow::{Context as _, Result, anyhow};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::aws::authorities::{PARTITION_KEY, SORT_KEY};
use shared::aws::fault;
use shared::fault::{Fault, FaultKind};
use shared::id::CaCertificateId;
use shared::profile::{PROFILE_RECORD, Profile};

pub use announcements::{Announced, Announcement, Key};

/// The two tables of a stack.
#[derive(Clone, Debug)]
pub struct Store {
    authorities: String,
    client: Client,
    registrations: String,
}

impl Store {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig, authorities: impl Into<String>, registrations: impl Into<String>) -> Self {
        Self { authorities: authorities.into(), client: Client::new(config), registrations: registrations.into() }
    }

    /// Writes a profile if the row is still as it was read: `before`, or absent. Tells whether it was.
    ///
    /// # Errors
    /// A failed call.
    pub async fn write_profile(
        &self,
        id: &CaCertificateId,
        profile: &Profile,
        before: Option<&Profile>,
    ) -> Result<bool> {
        let mut item: HashMap<String, AttributeValue> =
            serde_dynamo::to_item(profile).context("the profile has no form in DynamoDB")?;
        item.insert(PARTITION_KEY.to_owned(), AttributeValue::S(id.to_string()));
        item.insert(SORT_KEY.to_owned(), AttributeValue::S(PROFILE_RECORD.to_owned()));
        let request = self.client.put_item().table_name(&self.authorities).set_item(Some(item));
        let request = match before.map(|profile| &profile.updated_at) {
            None => request.condition_expression("attribute_not_exists(caCertificateId)"),
            Some(None) => request.condition_expression("attribute_not_exists(updatedAt)"),
            Some(Some(updated_at)) => request
                .condition_expression("updatedAt = :before")
                .expression_attribute_values(":before", AttributeValue::S(updated_at.clone())),
        };
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(false)
            }
            Err(error) => Err(explain(fault("dynamodb:PutItem", error))),
        }
    }
}

/// Names the likely cause where the service's own words do not.
#[must_use]
pub fn explain(fault: Fault) -> anyhow::Error {
    match fault.kind {
        FaultKind::NotFound if fault.operation.starts_with("dynamodb:") => {
            anyhow!(fault).context("the stack has no such table here: check --stack, the Region and the account")
        }
        FaultKind::Denied => anyhow!(fault).context("the credentials do not allow this"),
        FaultKind::Invalid
        | FaultKind::Missing
        | FaultKind::NotFound
        | FaultKind::Throttled
        | FaultKind::Unavailable => anyhow!(fault),
    }
}
