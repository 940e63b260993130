//! `$aws/events/certificates/registered/<caCertificateId>`: a certificate was registered just in time, or a device
//! came back with one that is still pending ("AWS IoT just-in-time registration").

use std::str::FromStr;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::decision::Reason;
use crate::id::{AccountId, CaCertificateId, CertificateId};
use crate::timestamp;

/// An event has about 400 bytes; what is larger by far comes from somewhere else.
pub const MAX_EVENT_BYTES: usize = 16_384;

/// Why a payload is not a registered event.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EventFault {
    /// A member is missing or has an impossible value.
    #[error("{member}: {problem}")]
    Member {
        /// The member's name.
        member: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The payload is not a JSON object.
    #[error("the event must be a JSON object: {0}")]
    NotAnObject(String),
    /// The payload is larger than [`MAX_EVENT_BYTES`].
    #[error("the event has {0} bytes, more than {MAX_EVENT_BYTES}")]
    TooLarge(usize),
}

impl EventFault {
    /// The reason that goes into the registration row.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Member { .. } => Reason::EventMember,
            Self::NotAnObject(_) => Reason::EventNotAnObject,
            Self::TooLarge(_) => Reason::EventTooLarge,
        }
    }

    /// The member that is at fault, if it is one.
    #[must_use]
    pub fn member(&self) -> Option<&'static str> {
        match self {
            Self::Member { member, .. } => Some(member),
            Self::NotAnObject(_) | Self::TooLarge(_) => None,
        }
    }
}

/// A registered event. Members that AWS adds later are ignored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegisteredEvent {
    /// The account in which the certificate was registered.
    pub account_id: AccountId,
    /// The CA that issued it.
    pub ca_certificate_id: CaCertificateId,
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Its status when the event was made; read again before anything is done.
    pub certificate_status: String,
    /// When the certificate was registered; none on the event of the registration itself.
    pub registered_at: Option<OffsetDateTime>,
    /// When the event was made.
    pub timestamp: OffsetDateTime,
}

impl RegisteredEvent {
    /// Decodes a payload.
    ///
    /// # Errors
    /// [`EventFault`], which names the member at fault.
    pub fn decode(payload: &str) -> Result<Self, EventFault> {
        if payload.len() > MAX_EVENT_BYTES {
            return Err(EventFault::TooLarge(payload.len()));
        }
        let members: Map<String, Value> =
            serde_json::from_str(payload).map_err(|fault| EventFault::NotAnObject(fault.to_string()))?;
        Ok(Self {
            account_id: id(&members, "awsAccountId")?,
            ca_certificate_id: id(&members, "caCertificateId")?,
            certificate_id: id(&members, "certificateId")?,
            certificate_status: text(&members, "certificateStatus")?.to_owned(),
            registered_at: optional_time(&members, "certificateRegistrationTimestamp")?,
            timestamp: optional_time(&members, "timestamp")?.ok_or_else(|| missing("timestamp"))?,
        })
    }
}

fn missing(member: &'static str) -> EventFault {
    EventFault::Member { member, problem: "is missing".to_owned() }
}

fn text<'a>(members: &'a Map<String, Value>, member: &'static str) -> Result<&'a str, EventFault> {
    match members.get(member) {
        None | Some(Value::Null) => Err(missing(member)),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(EventFault::Member { member, problem: format!("must be a string, is {}", kind(other)) }),
    }
}

fn id<T: FromStr<Err: ToString>>(members: &Map<String, Value>, member: &'static str) -> Result<T, EventFault> {
    text(members, member)?.parse().map_err(|fault: T::Err| EventFault::Member { member, problem: fault.to_string() })
}

/// Milliseconds since 1970, as a number or as a string of digits: AWS IoT sends both.
fn optional_time(members: &Map<String, Value>, member: &'static str) -> Result<Option<OffsetDateTime>, EventFault> {
    let millis = match members.get(member) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    millis
        .and_then(timestamp::from_millis)
        .map(Some)
        .ok_or_else(|| EventFault::Member { member, problem: "must be a time in milliseconds since 1970".to_owned() })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "an array",
        Value::Bool(_) => "a boolean",
        Value::Null => "null",
        Value::Number(_) => "a number",
        Value::Object(_) => "an object",
        Value::String(_) => "a string",
    }
}
