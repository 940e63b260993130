//! Lifecycle events: clients that connect, fail to, disconnect, subscribe and unsubscribe ("Lifecycle events" in the AWS
//! IoT developer guide).

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use time::OffsetDateTime;

use super::disconnect_reason::DisconnectReason;
use super::fault::EventFault;
use super::member::{Members, fault};
use crate::id::{ClientId, SessionId};
use crate::timestamp;

/// A lifecycle event. AWS IoT may send it more than once, and in any order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LifecycleEvent {
    /// The client that it is about.
    pub client_id: ClientId,
    /// What happened.
    pub occurrence: Occurrence,
    /// Whoever the client authenticated as: a certificate id, or an IAM id such as `AROA...:name`. None for a client
    /// without credentials that AWS IoT knows.
    pub principal: Option<String>,
    /// The session, or the attempt to begin one.
    pub session: SessionId,
    /// The thing that the certificate is attached to exclusively; none for every other client.
    pub thing_name: Option<String>,
    /// When it happened, in milliseconds, two minutes more or less.
    pub timestamp: OffsetDateTime,
}

/// What happened to a client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Occurrence {
    /// A connection could not be made.
    ConnectFailed {
        /// The address that it was tried from.
        ip_address: Option<String>,
        /// Why, in AWS IoT's words.
        reason: Option<String>,
    },
    /// A connection was made.
    Connected {
        /// The address that it comes from.
        ip_address: Option<String>,
        /// Grows with each connection of a client id; starts again from 0 after about an hour offline.
        version: i64,
    },
    /// A connection ended.
    Disconnected {
        /// Whether the client said that it goes.
        client_initiated: Option<bool>,
        /// Why.
        reason: Option<DisconnectReason>,
        /// The version of the connection that ended.
        version: i64,
    },
    /// The client subscribed to topic filters.
    Subscribed(BTreeSet<String>),
    /// The client gave topic filters up.
    Unsubscribed(BTreeSet<String>),
}

impl Occurrence {
    /// The `eventType` of AWS IoT.
    #[must_use]
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::ConnectFailed { .. } => "connect_failed",
            Self::Connected { .. } => "connected",
            Self::Disconnected { .. } => "disconnected",
            Self::Subscribed(_) => "subscribed",
            Self::Unsubscribed(_) => "unsubscribed",
        }
    }
}

impl LifecycleEvent {
    /// What makes an event the same as another one of its client, in the order of time:
    /// `<timestamp>#<type>#<session>`. A session may subscribe several times in one millisecond, so that its topic
    /// filters count as well, by their hash.
    #[must_use]
    pub fn key(&self) -> String {
        let key = format!("{}#{}#{}", timestamp::to_text(self.timestamp), self.occurrence.event_type(), self.session);
        match &self.occurrence {
            Occurrence::Subscribed(filters) | Occurrence::Unsubscribed(filters) => {
                let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
                let hash = hex::encode(digest(&SHA256, filters.join("\n").as_bytes()));
                format!("{key}#{}", hash.get(..16).unwrap_or_default())
            }
            Occurrence::ConnectFailed { .. } | Occurrence::Connected { .. } | Occurrence::Disconnected { .. } => key,
        }
    }

    /// Decodes a payload. Members that AWS adds later are ignored.
    ///
    /// # Errors
    /// [`EventFault`], which names the member at fault; a type of event that is not known counts as one.
    pub fn decode(payload: &str) -> Result<Self, EventFault> {
        let members = Members::read(payload)?;
        let some = |member| Ok(members.optional_text(member)?.filter(|text| !text.is_empty()).map(ToOwned::to_owned));
        let occurrence = match members.text("eventType")? {
            "connect_failed" => {
                Occurrence::ConnectFailed { ip_address: some("ipAddress")?, reason: some("connectFailureReason")? }
            }
            "connected" => {
                Occurrence::Connected { ip_address: some("ipAddress")?, version: members.integer("versionNumber")? }
            }
            "disconnected" => Occurrence::Disconnected {
                client_initiated: members.optional_flag("clientInitiatedDisconnect")?,
                reason: some("disconnectReason")?.and_then(|text| text.parse().ok()),
                version: members.integer("versionNumber")?,
            },
            "subscribed" => Occurrence::Subscribed(filters(&members)?),
            "unsubscribed" => Occurrence::Unsubscribed(filters(&members)?),
            other => return Err(fault("eventType", format!("{other:?} is not known"))),
        };
        Ok(Self {
            client_id: members.parsed("clientId")?,
            occurrence,
            principal: some("principalIdentifier")?,
            session: members.parsed("sessionIdentifier")?,
            thing_name: some("thingName")?,
            timestamp: members.time("timestamp")?,
        })
    }
}

fn filters(members: &Members) -> Result<BTreeSet<String>, EventFault> {
    let filters = members.texts("topics")?;
    if filters.iter().any(String::is_empty) {
        return Err(fault("topics", "must not hold an empty topic filter".to_owned()));
    }
    Ok(filters.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(kind: &str, members: &Value) -> Value {
        let mut event = json!({
            "clientId": "site/7 pump", "timestamp": 1_790_000_100_000_u64, "eventType": kind,
            "sessionIdentifier": "0b6c", "principalIdentifier": "AROA:ann", "more": [1],
        });
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        event
    }

    #[test]
    fn optional_members_may_be_missing_null_or_empty() {
        for members in [json!({}), json!({"ipAddress": null}), json!({"ipAddress": "", "thingName": ""})] {
            let mut members = members;
            members["versionNumber"] = 4.into();
            let event = LifecycleEvent::decode(&event("connected", &members).to_string()).unwrap();
            assert_eq!(event.occurrence, Occurrence::Connected { ip_address: None, version: 4 });
            assert_eq!((event.client_id.as_str(), event.thing_name), ("site/7 pump", None));
        }
    }

    #[test]
    fn a_time_is_a_number_or_its_digits() {
        let decoded = |time: Value| {
            LifecycleEvent::decode(&event("subscribed", &json!({"timestamp": time, "topics": []})).to_string())
        };
        assert_eq!(decoded("1790000100000".into()), decoded(1_790_000_100_000_u64.into()));
    }

    #[test]
    fn a_fault_names_its_member() {
        for (kind, members, member) in [
            ("connected", json!({}), "versionNumber"),
            ("connected", json!({"versionNumber": 1.5}), "versionNumber"),
            ("disconnected", json!({"versionNumber": "4"}), "versionNumber"),
            (
                "disconnected",
                json!({"versionNumber": 4, "clientInitiatedDisconnect": "no"}),
                "clientInitiatedDisconnect",
            ),
            ("subscribed", json!({}), "topics"),
            ("subscribed", json!({"topics": ["a", 1]}), "topics"),
            ("unsubscribed", json!({"topics": [""]}), "topics"),
            ("connect_failed", json!({"clientId": ""}), "clientId"),
            ("connect_failed", json!({"sessionIdentifier": null}), "sessionIdentifier"),
            ("connect_failed", json!({"timestamp": "soon"}), "timestamp"),
            ("connect_failed", json!({"timestamp": 253_370_764_800_000_u64}), "timestamp"),
            ("connect_failed", json!({"ipAddress": 7}), "ipAddress"),
            ("rebooted", json!({}), "eventType"),
        ] {
            let fault = LifecycleEvent::decode(&event(kind, &members).to_string()).unwrap_err();
            assert_eq!(fault.member(), Some(member), "{kind} {members}: {fault}");
        }
    }
}
