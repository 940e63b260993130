//! Decisions, looked up by certificate or by thing.

use std::collections::HashMap;

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::aws::fault;
use shared::aws::registrations::PARTITION_KEY;
use shared::id::{CertificateId, ThingName};
use shared::registration::{CERTIFICATE_INDEX, RegistrationId, THING_INDEX};

use super::{Store, explain};

impl Store {
    /// The keys of the rows about a certificate. There can be two: one under the serial number it claims, and one from
    /// when its serial number proved nothing.
    ///
    /// # Errors
    /// A failed call.
    pub async fn registration_ids(&self, certificate: &CertificateId) -> Result<Vec<RegistrationId>> {
        let rows = self.indexed(CERTIFICATE_INDEX, "certificateId", certificate.as_str()).await?;
        let id = |row: &HashMap<_, AttributeValue>| row.get(PARTITION_KEY)?.as_s().ok().cloned();
        Ok(rows.iter().filter_map(id).map(|text| RegistrationId::from_text(&text)).collect())
    }

    /// The certificates whose thing has, or would have, this name.
    ///
    /// # Errors
    /// A failed call.
    pub async fn certificates_of_thing(&self, name: &ThingName) -> Result<Vec<CertificateId>> {
        let rows = self.indexed(THING_INDEX, "thingName", name.as_str()).await?;
        let id = |row: &HashMap<_, AttributeValue>| row.get("certificateId")?.as_s().ok()?.parse().ok();
        Ok(rows.iter().filter_map(id).collect())
    }

    async fn indexed(&self, index: &str, key: &str, value: &str) -> Result<Vec<HashMap<String, AttributeValue>>> {
        let mut items = self
            .client
            .query()
            .table_name(&self.registrations)
            .index_name(index)
            .key_condition_expression("#key = :value")
            .expression_attribute_names("#key", key)
            .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut rows = Vec::new();
        while let Some(item) = items.next().await {
            rows.push(item.map_err(|error| explain(fault("dynamodb:Query", error)))?);
        }
        Ok(rows)
    }
}
