//! Lifecycle events: clients that connect, fail to, disconnect, subscribe and unsubscribe ("Lifecycle events" in the AWS
//! IoT developer guide).

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use time::{Duration, OffsetDateTime};

use super::disconnect_reason::DisconnectReason;
use super::fault::EventFault;
use super::member::{Members, fault};
use crate::id::{ClientId, SessionId};
use crate::presence::PRINCIPAL_PREFIX;
use crate::text::shorten;
use crate::timestamp;

/// Longest topic filter in bytes. AWS IoT lets a topic have 256; a shared subscription's `$share/<group>/` stands before it.
/// A row holds some two hundred of them as keys, so that a longer one is rejected, not shortened.
pub const MAX_TOPIC_FILTER: usize = 512;

/// Longest of the other texts in bytes: longer ones are shortened. Addresses, reasons, names of things and ids of
/// principals have less than 130.
pub const MAX_EVENT_TEXT: usize = 256;

/// How far the time of an event may be ahead of the clock. Times are right within two minutes; one that is later than this
/// by far would outlast every true one as the newest that is known of its client.
pub const MAX_TIME_AHEAD: Duration = Duration::days(1);

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

    /// Decodes a payload that was received at `now`. Members that AWS adds later are ignored. What is a key of a table keeps
    /// its length or is at fault; other texts are shortened to [`MAX_EVENT_TEXT`].
    ///
    /// # Errors
    /// [`EventFault`], which names the member at fault; a type of event that is not known counts as one, and so does a time
    /// of more than [`MAX_TIME_AHEAD`] after `now`.
    pub fn decode(payload: &str, now: OffsetDateTime) -> Result<Self, EventFault> {
        let members = Members::read(payload)?;
        let some = |member| Ok(members.optional_text(member)?.filter(|text| !text.is_empty()).map(bounded));
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
            other => return Err(fault("eventType", format_args!("{other:?} is not known"))),
        };
        Ok(Self {
            client_id: client(&members)?,
            occurrence,
            principal: some("principalIdentifier")?,
            session: members.parsed("sessionIdentifier")?,
            thing_name: some("thingName")?,
            timestamp: timestamp(&members, now)?,
        })
    }
}

fn client(members: &Members) -> Result<ClientId, EventFault> {
    let client: ClientId = members.parsed("clientId")?;
    if client.as_str().starts_with(PRINCIPAL_PREFIX) {
        return Err(fault("clientId", format_args!("must not begin with {PRINCIPAL_PREFIX:?}")));
    }
    Ok(client)
}

fn timestamp(members: &Members, now: OffsetDateTime) -> Result<OffsetDateTime, EventFault> {
    let at = members.time("timestamp")?;
    if at <= now.saturating_add(MAX_TIME_AHEAD) {
        return Ok(at);
    }
    let (at, now) = (timestamp::to_text(at), timestamp::to_text(now));
    Err(fault("timestamp", format_args!("must be at most {MAX_TIME_AHEAD} after {now}, is {at}")))
}

fn bounded(text: &str) -> String {
    shorten(text, MAX_EVENT_TEXT)
}

fn filters(members: &Members) -> Result<BTreeSet<String>, EventFault> {
    let filters = members.texts("topics")?;
    if let Some(filter) = filters.iter().find(|filter| filter.len() > MAX_TOPIC_FILTER) {
        let problem = format_args!("a topic filter must have at most {MAX_TOPIC_FILTER} bytes, got {}", filter.len());
        return Err(fault("topics", problem));
    }
    if filters.iter().any(String::is_empty) {
        return Err(fault("topics", "must not hold an empty topic filter"));
    }
    Ok(filters.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::text::MAX_DETAIL;

    fn event(kind: &str, members: &Value) -> Value {
        let mut event = json!({
            "clientId": "site/7 pump", "timestamp": 1_790_000_100_000_u64, "eventType": kind,
            "sessionIdentifier": "0b6c", "principalIdentifier": "AROA:ann", "more": [1],
        });
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        event
    }

    fn now() -> OffsetDateTime {
        timestamp::from_millis(1_790_000_100_000).unwrap()
    }

    #[test]
    fn a_time_far_ahead_of_the_clock_is_at_fault() {
        let day = 86_400_000;
        for (ahead, is_event) in [(0, true), (day, true), (day + 1, false), (250_000_000_000_000, false)] {
            let at = 1_790_000_100_000_u64 + ahead;
            let event = event("connect_failed", &json!({"timestamp": at})).to_string();
            let decoded = LifecycleEvent::decode(&event, now());
            assert_eq!(decoded.is_ok(), is_event, "{ahead}: {decoded:?}");
            assert!(decoded.err().is_none_or(|fault| fault.member() == Some("timestamp")), "{ahead}");
        }
        let event = event("connect_failed", &json!({"timestamp": 1_790_000_100_001_u64 + day})).to_string();
        let fault = LifecycleEvent::decode(&event, now()).unwrap_err().to_string();
        let expected = "timestamp: must be at most 1d after 2026-09-21T14:15:00.000Z, is 2026-09-22T14:15:00.001Z";
        assert_eq!(fault, expected);
    }

    #[test]
    fn optional_members_may_be_missing_null_or_empty() {
        for members in [json!({}), json!({"ipAddress": null}), json!({"ipAddress": "", "thingName": ""})] {
            let mut members = members;
            members["versionNumber"] = 4.into();
            let event = LifecycleEvent::decode(&event("connected", &members).to_string(), now()).unwrap();
            assert_eq!(event.occurrence, Occurrence::Connected { ip_address: None, version: 4 });
            assert_eq!((event.client_id.as_str(), event.thing_name), ("site/7 pump", None));
        }
    }

    #[test]
    fn a_time_is_a_number_or_its_digits() {
        let decoded = |time: Value| {
            LifecycleEvent::decode(&event("subscribed", &json!({"timestamp": time, "topics": []})).to_string(), now())
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
            ("subscribed", json!({"topics": ["a", "t".repeat(MAX_TOPIC_FILTER + 1)]}), "topics"),
            ("connect_failed", json!({"clientId": "c".repeat(2049)}), "clientId"),
            ("connect_failed", json!({"sessionIdentifier": "s".repeat(257)}), "sessionIdentifier"),
            ("connect_failed", json!({"clientId": ""}), "clientId"),
            ("connect_failed", json!({"clientId": "principal#ce"}), "clientId"),
            ("connect_failed", json!({"sessionIdentifier": null}), "sessionIdentifier"),
            ("connect_failed", json!({"timestamp": "soon"}), "timestamp"),
            ("connect_failed", json!({"timestamp": 253_370_764_800_000_u64}), "timestamp"),
            ("connect_failed", json!({"ipAddress": 7}), "ipAddress"),
            ("rebooted", json!({}), "eventType"),
        ] {
            let fault = LifecycleEvent::decode(&event(kind, &members).to_string(), now()).unwrap_err();
            assert_eq!(fault.member(), Some(member), "{kind} {members}: {fault}");
        }
    }

    #[test]
    fn texts_that_are_no_keys_are_shortened() {
        let long = "x".repeat(3_000);
        let short = shorten(&long, MAX_EVENT_TEXT);
        let members = json!({
            "connectFailureReason": long, "disconnectReason": long, "ipAddress": long, "principalIdentifier": long,
            "thingName": long, "versionNumber": 4,
        });
        let decode = |kind| LifecycleEvent::decode(&event(kind, &members).to_string(), now()).unwrap();
        let (text, reason) = (Some(short.clone()), Some(DisconnectReason::Other(short)));
        let failed = Occurrence::ConnectFailed { ip_address: text.clone(), reason: text.clone() };
        let begun = Occurrence::Connected { ip_address: text.clone(), version: 4 };
        let ended = Occurrence::Disconnected { client_initiated: None, reason, version: 4 };
        for (kind, occurrence) in [("connect_failed", failed), ("connected", begun), ("disconnected", ended)] {
            let event = decode(kind);
            assert_eq!((event.occurrence, event.principal, event.thing_name), (occurrence, text.clone(), text.clone()));
        }
    }

    #[test]
    fn the_longest_topic_filter_is_kept() {
        let longest = "t".repeat(MAX_TOPIC_FILTER);
        let event = event("subscribed", &json!({"topics": [longest]})).to_string();
        assert_eq!(LifecycleEvent::decode(&event, now()).unwrap().occurrence, Occurrence::Subscribed([longest].into()));
    }

    #[test]
    fn a_fault_quotes_only_the_beginning() {
        let long = "x".repeat(4_000);
        for payload in [event(&long, &json!({})), long.as_str().into()] {
            let fault = LifecycleEvent::decode(&payload.to_string(), now()).unwrap_err().to_string();
            assert!(fault.len() < MAX_DETAIL + 100 && fault.ends_with('…'), "{fault}");
        }
    }
}
