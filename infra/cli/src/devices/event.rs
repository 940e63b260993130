//! An event of a client's history.

use std::collections::BTreeSet;

use serde::Serialize;
use shared::event::{DisconnectReason, LifecycleEvent, Occurrence};
use shared::id::SessionId;
use shared::timestamp::{self, to_text};
use time::OffsetDateTime;

/// Characters of a session identifier or a principal that tell it from the others of a client.
const SHORT: usize = 8;

/// An event, with the names of the table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    #[serde(with = "timestamp::text")]
    timestamp: OffsetDateTime,
    #[serde(rename = "eventType")]
    kind: &'static str,
    session: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_number: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_initiated: Option<bool>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    topics: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_name: Option<String>,
}

impl Event {
    pub(super) fn new(event: LifecycleEvent) -> Self {
        let mut told = Self {
            timestamp: event.timestamp,
            kind: event.occurrence.event_type(),
            session: event.session,
            version_number: None,
            ip_address: None,
            reason: None,
            client_initiated: None,
            topics: BTreeSet::new(),
            principal: event.principal,
            thing_name: event.thing_name,
        };
        match event.occurrence {
            Occurrence::ConnectFailed { ip_address, reason } => (told.ip_address, told.reason) = (ip_address, reason),
            Occurrence::Connected { ip_address, version } => {
                (told.ip_address, told.version_number) = (ip_address, Some(version));
            }
            Occurrence::Disconnected { client_initiated, reason, version } => {
                told.reason = reason.as_ref().map(DisconnectReason::as_str).map(ToOwned::to_owned);
                (told.client_initiated, told.version_number) = (client_initiated, Some(version));
            }
            Occurrence::Subscribed(filters) | Occurrence::Unsubscribed(filters) => told.topics = filters,
        }
        told
    }

    pub(super) fn row(&self) -> [String; 4] {
        [to_text(self.timestamp), self.kind.to_owned(), self.detail(), short(self.session.as_str())]
    }

    fn detail(&self) -> String {
        let mut parts: Vec<_> = [&self.reason, &self.ip_address].into_iter().flatten().cloned().collect();
        parts.extend(self.version_number.map(|version| format!("version {version}")));
        parts.extend(self.client_initiated.and_then(leave).map(ToOwned::to_owned));
        parts.extend(self.topics.iter().cloned());
        // Whoever fails may be somebody else than the client whose id it is.
        if self.kind == "connect_failed" {
            parts.extend(self.principal.as_deref().map(|principal| format!("by {}", short(principal))));
        }
        parts.join(", ")
    }
}

/// What a disconnected client said before, if it said so.
pub(super) fn leave(client_initiated: bool) -> Option<&'static str> {
    client_initiated.then_some("the client said that it goes")
}

/// The beginning of a long text.
fn short(text: &str) -> String {
    text.chars().take(SHORT).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(kind: &str, members: &Value) -> Event {
        let mut event = json!({
            "clientId": "pump-17", "timestamp": 1_790_000_000_000_u64, "eventType": kind, "versionNumber": 4,
            "sessionIdentifier": "0123456789ab", "principalIdentifier": "c".repeat(64),
        });
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        Event::new(
            LifecycleEvent::decode(&event.to_string(), OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap())
                .unwrap(),
        )
    }

    #[test]
    fn each_event_tells_what_is_its_own() {
        for (kind, members, detail) in [
            ("connected", json!({"ipAddress": "203.0.113.9"}), "203.0.113.9, version 4"),
            ("connected", json!({}), "version 4"),
            ("disconnected", json!({"disconnectReason": "CONNECTION_LOST"}), "CONNECTION_LOST, version 4"),
            (
                "disconnected",
                json!({"disconnectReason": "CLIENT_INITIATED_DISCONNECT", "clientInitiatedDisconnect": true}),
                "CLIENT_INITIATED_DISCONNECT, version 4, the client said that it goes",
            ),
            ("disconnected", json!({"clientInitiatedDisconnect": false}), "version 4"),
            (
                "connect_failed",
                json!({"ipAddress": "203.0.113.9", "connectFailureReason": "AUTHORIZATION_FAILED"}),
                "AUTHORIZATION_FAILED, 203.0.113.9, by cccccccc",
            ),
            ("subscribed", json!({"topics": ["b", "a/#"]}), "a/#, b"),
            ("unsubscribed", json!({"topics": ["a/#", "b"]}), "a/#, b"),
        ] {
            let [time, name, told, session] = event(kind, &members).row();
            assert_eq!((time.as_str(), name.as_str()), ("2026-09-21T14:13:20.000Z", kind));
            assert_eq!((told.as_str(), session.as_str()), (detail, "01234567"), "{kind} {members}");
        }
    }

    #[test]
    fn the_document_holds_the_whole_event_and_no_empty_members() {
        let common = json!({
            "timestamp": "2026-09-21T14:13:20.000Z", "session": "0123456789ab", "principal": "c".repeat(64),
        });
        for (kind, members, own) in [
            (
                "connected",
                json!({"ipAddress": "::1", "thingName": "pump"}),
                json!({"ipAddress": "::1", "versionNumber": 4, "thingName": "pump"}),
            ),
            (
                "disconnected",
                json!({"disconnectReason": "THROTTLED", "clientInitiatedDisconnect": false}),
                json!({"reason": "THROTTLED", "clientInitiated": false, "versionNumber": 4}),
            ),
            ("subscribed", json!({"topics": ["b", "a"]}), json!({"topics": ["a", "b"]})),
            ("connect_failed", json!({"connectFailureReason": "x"}), json!({"reason": "x"})),
        ] {
            let mut expected = common.clone();
            expected["eventType"] = kind.into();
            expected.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
            assert_eq!(serde_json::to_value(event(kind, &members)).unwrap(), expected);
        }
    }
}
