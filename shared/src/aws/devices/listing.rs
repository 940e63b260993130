//! Listing of clients by presence, through an index.

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use time::OffsetDateTime;

use super::Devices;
use crate::aws::error::fault;
use crate::aws::row;
use crate::fault::{Fault, FaultKind};
use crate::id::ClientId;
use crate::presence::ClientKind;
use crate::timestamp::{self, to_text};

/// Name of the index of the `Devices` table by `presence`, then `presenceSince`.
pub const LISTING_INDEX: &str = "byPresence";

/// Parts into which the index is divided, so that a fleet that reconnects at once does not write into one partition,
/// which takes a thousand writes a second.
pub const SHARDS: u8 = 16;

const QUERY: &str = "dynamodb:Query";

/// A client as it is listed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The client.
    pub client_id: ClientId,
    /// Whether it is connected, as far as events have told.
    pub connected: bool,
    /// Why its last connection ended.
    #[serde(default)]
    pub disconnect_reason: Option<String>,
    /// Where its connection comes from.
    #[serde(default)]
    pub ip_address: Option<String>,
    /// Since when it is connected, or not.
    #[serde(rename = "presenceSince", with = "timestamp::text")]
    pub since: OffsetDateTime,
    /// Whoever authenticated.
    #[serde(default)]
    pub principal: Option<String>,
    /// The thing, if AWS IoT told.
    #[serde(default)]
    pub thing_name: Option<String>,
}

/// Since when the clients of a listing are as they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Since {
    /// Since any time.
    Any,
    /// Since this time or a later one.
    From(OffsetDateTime),
    /// Since this time or an earlier one.
    Until(OffsetDateTime),
}

/// Partition key of the index: presence and shard. Console clients are kept apart from the others.
pub(super) fn presence(connected: bool, client: &ClientId) -> String {
    let hash = digest(&SHA256, client.as_str().as_bytes());
    let shard = hash.as_ref().first().map_or(0, |first| first % SHARDS);
    key(ClientKind::is_console(client), connected, shard)
}

fn key(console: bool, connected: bool, shard: u8) -> String {
    let kind = if console { "console-" } else { "" };
    let state = if connected { "connected" } else { "offline" };
    format!("{kind}{state}#{shard:x}")
}

impl Devices {
    /// Clients of one shard, those first that have been connected, or offline, for longest: of the console or of all
    /// others, connected or not. The index is behind the rows by a moment.
    ///
    /// # Errors
    /// Faults of the calls, and [`FaultKind::Invalid`] for a row that can't be read.
    pub async fn listed(&self, shard: u8, console: bool, connected: bool, since: Since) -> Result<Vec<Listed>, Fault> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(LISTING_INDEX)
            .expression_attribute_names("#presence", "presence")
            .expression_attribute_values(":presence", AttributeValue::S(key(console, connected, shard)));
        let range = match since {
            Since::Any => None,
            Since::From(time) => Some((">=", time)),
            Since::Until(time) => Some(("<=", time)),
        };
        query = match range {
            None => query.key_condition_expression("#presence = :presence"),
            Some((comparison, time)) => query
                .key_condition_expression(format!("#presence = :presence AND #since {comparison} :time"))
                .expression_attribute_names("#since", "presenceSince")
                .expression_attribute_values(":time", AttributeValue::S(to_text(time))),
        };
        let mut pages = query.into_paginator().send();
        let mut listed = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(|error| fault(QUERY, error))?.items.unwrap_or_default() {
                listed.push(row::read(item).map_err(|problem| Fault::new(QUERY, FaultKind::Invalid, problem))?);
            }
        }
        Ok(listed)
    }
}
