//! Decisions, looked up by certificate or by thing.

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use shared::aws::fault;
use shared::aws::registrations::PARTITION_KEY;
use shared::id::{CertificateId, ThingName};
use shared::registration::{CERTIFICATE_INDEX, Registration, RegistrationId};

use super::{Store, explain};

impl Store {
    /// The keys of the rows about a certificate. There can be two: one under the serial number it claims, and one from
    /// when its serial number proved nothing.
    ///
    /// # Errors
    /// A failed call.
    pub async fn registration_ids(&self, certificate: &CertificateId) -> Result<Vec<RegistrationId>> {
        let mut items = self
            .client
            .query()
            .table_name(&self.registrations)
            .index_name(CERTIFICATE_INDEX)
            .key_condition_expression("certificateId = :id")
            .expression_attribute_values(":id", AttributeValue::S(certificate.to_string()))
            .into_paginator()
            .items()
            .send();
        let mut ids = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| explain(fault("dynamodb:Query", error)))?;
            let id = item.get(PARTITION_KEY).and_then(|value| value.as_s().ok());
            ids.extend(id.map(|text| RegistrationId::from_text(text)));
        }
        Ok(ids)
    }

    /// The rows of certificates whose thing has, or would have, this name. Reads the whole table.
    ///
    /// # Errors
    /// A failed call, or a row that cannot be read.
    pub async fn registrations_of_thing(&self, name: &ThingName) -> Result<Vec<Registration>> {
        let mut items = self
            .client
            .scan()
            .table_name(&self.registrations)
            .filter_expression("thingName = :name AND attribute_exists(decision)")
            .expression_attribute_values(":name", AttributeValue::S(name.to_string()))
            .into_paginator()
            .items()
            .send();
        let mut rows = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| explain(fault("dynamodb:Scan", error)))?;
            rows.push(serde_dynamo::from_item(item).context("a registration row cannot be read")?);
        }
        Ok(rows)
    }
}
