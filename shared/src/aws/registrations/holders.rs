//! The `Registrations` table as it tells whose thing a certificate is.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{PARTITION_KEY, Registrations};
use crate::aws::error::fault;
use crate::aws::row;
use crate::fault::{Fault, FaultKind};
use crate::id::CertificateId;
use crate::port::{Holders, Holding, ListedRegistrations};
use crate::registration::{CERTIFICATE_INDEX, RegistrationId};

const QUERY: &str = "dynamodb:Query";

impl Registrations {
    /// The rows that an index names for a value of its key. It follows the table after a moment.
    pub(super) async fn ids_by(
        &self,
        index: &'static str,
        key: &'static str,
        value: &str,
    ) -> Result<Vec<RegistrationId>, Fault> {
        let mut ids = Vec::new();
        let mut start = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(index)
                .key_condition_expression("#key = :value")
                .projection_expression("#id")
                .expression_attribute_names("#key", key)
                .expression_attribute_names("#id", PARTITION_KEY)
                .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
                .set_exclusive_start_key(start);
            let answer = request.send().await.map_err(|error| fault(QUERY, error))?;
            for item in answer.items.unwrap_or_default() {
                let id = row::text(&item, PARTITION_KEY).map(RegistrationId::from_text);
                let missing = || Fault::new(QUERY, FaultKind::Invalid, "the index gave a row without registrationId");
                ids.push(id.ok_or_else(missing)?);
            }
            start = answer.last_evaluated_key.filter(|last| !last.is_empty());
            if start.is_none() {
                return Ok(ids);
            }
        }
    }
}

impl Holders for Registrations {
    async fn holding(&self, certificate: &CertificateId) -> Result<Holding, Fault> {
        let ids = self.ids_by(CERTIFICATE_INDEX, "certificateId", certificate.as_str()).await?;
        // The index may show what a row was a moment ago: the rows themselves are read consistently.
        let rows = self.registrations(&ids).await?.into_iter().collect::<Result<Vec<_>, _>>();
        Ok(Holding::of(certificate, &rows.map_err(|unreadable| unreadable.fault)?))
    }
}
