//! A row of the table: an event with its key and the time at which it expires.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use time::OffsetDateTime;

use super::{CLIENT_ID, EVENT};
use crate::aws::row::{self, Item};
use crate::event::{DisconnectReason, LifecycleEvent, Occurrence};
use crate::id::{ClientId, SessionId};
use crate::timestamp::{self, seconds_after, to_text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    client_id: ClientId,
    #[serde(default)]
    client_initiated: Option<bool>,
    event_type: String,
    #[serde(default)]
    ip_address: Option<String>,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    session: SessionId,
    #[serde(default)]
    thing_name: Option<String>,
    #[serde(with = "timestamp::text")]
    timestamp: OffsetDateTime,
    #[serde(default)]
    topics: BTreeSet<String>,
    #[serde(default)]
    version_number: Option<i64>,
}

/// The row of an event.
pub(super) fn item(event: &LifecycleEvent, retention: Duration) -> Item {
    let mut item = Item::new();
    let expires = seconds_after(event.timestamp, retention);
    item.insert("expiresAt".to_owned(), AttributeValue::N(expires.to_string()));
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            item.insert(name.to_owned(), AttributeValue::S(value.to_owned()));
        }
    };
    set(CLIENT_ID, Some(event.client_id.as_str()));
    set(EVENT, Some(&event.key()));
    set("eventType", Some(event.occurrence.event_type()));
    set("principal", event.principal.as_deref());
    set("session", Some(event.session.as_str()));
    set("thingName", event.thing_name.as_deref());
    set("timestamp", Some(&to_text(event.timestamp)));
    match &event.occurrence {
        Occurrence::ConnectFailed { ip_address, reason } => {
            set("ipAddress", ip_address.as_deref());
            set("reason", reason.as_deref());
        }
        Occurrence::Connected { ip_address, version } => {
            set("ipAddress", ip_address.as_deref());
            item.insert("versionNumber".to_owned(), AttributeValue::N(version.to_string()));
        }
        Occurrence::Disconnected { client_initiated, reason, version } => {
            set("reason", reason.as_ref().map(DisconnectReason::as_str));
            if let Some(flag) = client_initiated {
                item.insert("clientInitiated".to_owned(), AttributeValue::Bool(*flag));
            }
            item.insert("versionNumber".to_owned(), AttributeValue::N(version.to_string()));
        }
        // An empty set is not a value in DynamoDB.
        Occurrence::Subscribed(filters) | Occurrence::Unsubscribed(filters) if filters.is_empty() => {}
        Occurrence::Subscribed(filters) | Occurrence::Unsubscribed(filters) => {
            item.insert("topics".to_owned(), AttributeValue::Ss(filters.iter().cloned().collect()));
        }
    }
    item
}

/// Reads a row, or names the attribute at fault.
pub(super) fn read(item: Item) -> Result<LifecycleEvent, String> {
    let row: Row = row::read(item)?;
    let version = row.version_number.ok_or_else(|| "attribute versionNumber is missing".to_owned());
    let occurrence = match row.event_type.as_str() {
        "connect_failed" => Occurrence::ConnectFailed { ip_address: row.ip_address, reason: row.reason },
        "connected" => Occurrence::Connected { ip_address: row.ip_address, version: version? },
        "disconnected" => Occurrence::Disconnected {
            client_initiated: row.client_initiated,
            reason: row.reason.and_then(|text| text.parse().ok()),
            version: version?,
        },
        "subscribed" => Occurrence::Subscribed(row.topics),
        "unsubscribed" => Occurrence::Unsubscribed(row.topics),
        other => return Err(format!("attribute eventType: {other:?} is not known")),
    };
    Ok(LifecycleEvent {
        client_id: row.client_id,
        occurrence,
        principal: row.principal,
        session: row.session,
        thing_name: row.thing_name,
        timestamp: row.timestamp,
    })
}
