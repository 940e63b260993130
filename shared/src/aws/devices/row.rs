//! A row of the table as a value.

use std::collections::BTreeMap;

use serde::Deserialize;
use time::OffsetDateTime;

use crate::aws::row::{self, Item};
use crate::id::{ClientId, SessionId};
use crate::presence::{
    Beginning, ConnectFailure, Connection, ConnectionState, Device, End, Pending, Subscription, Subscriptions,
};
use crate::timestamp;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    client_id: ClientId,
    #[serde(default)]
    client_initiated: Option<bool>,
    #[serde(default)]
    connect_failures: u64,
    #[serde(default)]
    connected: bool,
    #[serde(default, with = "timestamp::optional_text")]
    connected_at: Option<OffsetDateTime>,
    #[serde(default)]
    disconnect_reason: Option<String>,
    #[serde(default, with = "timestamp::optional_text")]
    disconnected_at: Option<OffsetDateTime>,
    #[serde(default)]
    expiry_override: Option<String>,
    #[serde(default)]
    ip_address: Option<String>,
    #[serde(default)]
    last_connect_failure: Option<ConnectFailure>,
    #[serde(default, with = "timestamp::optional_text")]
    last_event_at: Option<OffsetDateTime>,
    #[serde(default)]
    pending_subscriptions: Pending,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    session: Option<SessionId>,
    #[serde(default)]
    subscriptions: BTreeMap<String, Subscription>,
    #[serde(default, with = "timestamp::optional_text")]
    subscriptions_forgotten: Option<OffsetDateTime>,
    #[serde(default)]
    thing_name: Option<String>,
    #[serde(default)]
    version_number: Option<i64>,
}

/// Reads a row, or names the attribute at fault.
pub(super) fn read(item: Item) -> Result<Device, String> {
    let mut row: Row = row::read(item)?;
    Ok(Device {
        connection: connection(&mut row)?,
        client_id: row.client_id,
        connect_failures: row.connect_failures,
        last_connect_failure: row.last_connect_failure,
        last_event_at: row.last_event_at,
        pending: row.pending_subscriptions,
        permanent: row.expiry_override.is_some(),
        subscriptions: Subscriptions { filters: row.subscriptions, forgotten: row.subscriptions_forgotten },
    })
}

/// None in the row of a client that has only failed to connect.
fn connection(row: &mut Row) -> Result<Option<Connection>, String> {
    let Some(session) = row.session.take() else { return Ok(None) };
    let missing = |attribute: &str| format!("attribute {attribute} is missing");
    let beginning = row.connected_at.map(|at| Beginning { at, ip_address: row.ip_address.take() });
    let state = if row.connected {
        ConnectionState::Open(beginning.ok_or_else(|| missing("connectedAt"))?)
    } else {
        let end = End {
            at: row.disconnected_at.ok_or_else(|| missing("disconnectedAt"))?,
            client_initiated: row.client_initiated,
            reason: row.disconnect_reason.take().and_then(|text| text.parse().ok()),
        };
        ConnectionState::Ended(beginning, end)
    };
    Ok(Some(Connection {
        principal: row.principal.take(),
        session,
        state,
        thing_name: row.thing_name.take(),
        version: row.version_number.ok_or_else(|| missing("versionNumber"))?,
    }))
}
