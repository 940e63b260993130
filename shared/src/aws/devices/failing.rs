//! Rows of principals that fail to connect, beside those of clients.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use time::OffsetDateTime;

use super::{CLIENT_ID, Devices, LISTING_INDEX};
use crate::aws::error::fault;
use crate::aws::row::{self, Conditional, UPDATE, conditional};
use crate::fault::{Fault, FaultKind};
use crate::id::ClientId;
use crate::presence::{FailingPrincipal, FailingPrincipalRow, FailuresInBulk, MAX_FAILING_CLIENTS};
use crate::timestamp::{self, seconds_after, to_text};

/// Partition of the index `byPresence` in which such rows are, once attempts have been counted together.
const FAILING: &str = "failing";
const GET: &str = "dynamodb:GetItem";
const QUERY: &str = "dynamodb:Query";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    client_id: ClientId,
    #[serde(default)]
    clients: Vec<String>,
    #[serde(default)]
    connect_failures: u64,
    #[serde(with = "timestamp::text")]
    presence_since: OffsetDateTime,
}

impl Devices {
    /// Whether a client without a row may have one because a principal failed to connect as it at `at`: one of the first
    /// [`MAX_FAILING_CLIENTS`] may, for as long as the principal's row lasts.
    ///
    /// # Errors
    /// Faults of the call.
    pub async fn admit(
        &self,
        principal: &FailingPrincipal,
        client: &ClientId,
        at: OffsetDateTime,
        retention: Duration,
    ) -> Result<bool, Fault> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(CLIENT_ID, AttributeValue::S(principal.key()))
            .update_expression("ADD #clients :clients SET #expiresAt = :expiresAt")
            .condition_expression(
                "attribute_not_exists(#clients) OR size(#clients) < :most OR contains(#clients, :client)",
            )
            .expression_attribute_names("#clients", "clients")
            .expression_attribute_names("#expiresAt", "expiresAt")
            .expression_attribute_values(":client", AttributeValue::S(client.to_string()))
            .expression_attribute_values(":clients", AttributeValue::Ss(vec![client.to_string()]))
            .expression_attribute_values(":expiresAt", AttributeValue::N(seconds_after(at, retention).to_string()))
            .expression_attribute_values(":most", AttributeValue::N(MAX_FAILING_CLIENTS.to_string()));
        Ok(matches!(conditional(request.send().await)?, Conditional::Done(_)))
    }

    /// Counts failed attempts of a principal together.
    ///
    /// # Errors
    /// Faults of the calls. The attempts may have been counted all the same.
    pub async fn count_in_bulk(
        &self,
        principal: &FailingPrincipal,
        failures: FailuresInBulk,
        retention: Duration,
    ) -> Result<(), Fault> {
        let count = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(CLIENT_ID, AttributeValue::S(principal.key()))
            .expression_attribute_names("#failures", "connectFailures")
            .expression_attribute_values(":count", AttributeValue::N(failures.count.to_string()));
        let latest = count
            .clone()
            .update_expression("ADD #failures :count SET #presence = :failing, #since = :at, #expiresAt = :expiresAt")
            .condition_expression("attribute_not_exists(#since) OR #since < :at")
            .expression_attribute_names("#presence", "presence")
            .expression_attribute_names("#since", "presenceSince")
            .expression_attribute_names("#expiresAt", "expiresAt")
            .expression_attribute_values(":failing", AttributeValue::S(FAILING.to_owned()))
            .expression_attribute_values(":at", AttributeValue::S(to_text(failures.at)))
            .expression_attribute_values(
                ":expiresAt",
                AttributeValue::N(seconds_after(failures.at, retention).to_string()),
            );
        if let Conditional::Failed(_) = conditional(latest.send().await)? {
            // A later attempt has been counted before these.
            count.update_expression("ADD #failures :count").send().await.map_err(|error| fault(UPDATE, error))?;
        }
        Ok(())
    }

    /// Principals whose failed attempts were counted together, the last of them first; `most` at most.
    ///
    /// # Errors
    /// Faults of the calls, and [`FaultKind::Invalid`] for a row that can't be read.
    pub async fn failing(&self, most: i32) -> Result<Vec<FailingPrincipalRow>, Fault> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(LISTING_INDEX)
            .key_condition_expression("#presence = :failing")
            .expression_attribute_names("#presence", "presence")
            .expression_attribute_values(":failing", AttributeValue::S(FAILING.to_owned()))
            .scan_index_forward(false)
            .limit(most);
        let found = query.send().await.map_err(|error| fault(QUERY, error))?.items.unwrap_or_default();
        let mut rows = Vec::new();
        // The index has neither counts nor client ids.
        for key in found.iter().filter_map(|item| row::text(item, CLIENT_ID)) {
            let request =
                self.client.get_item().table_name(&self.table).key(CLIENT_ID, AttributeValue::S(key.to_owned()));
            let item = request.send().await.map_err(|error| fault(GET, error))?.item;
            rows.extend(item.map(read).transpose()?.flatten());
        }
        Ok(rows)
    }
}

fn read(item: row::Item) -> Result<Option<FailingPrincipalRow>, Fault> {
    let row: Row = row::read(item).map_err(|problem| Fault::new(GET, FaultKind::Invalid, problem))?;
    Ok(FailingPrincipal::from_key(&row.client_id).map(|principal| FailingPrincipalRow {
        attempts: row.connect_failures,
        clients: row.clients,
        last: row.presence_since,
        principal,
    }))
}
