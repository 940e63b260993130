//! The members of an event, read one by one, so that a fault names the member.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::fault::{EventFault, MAX_EVENT_BYTES};
use crate::text::Detail;
use crate::timestamp;

/// The members of a JSON object.
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn read(payload: &str) -> Result<Self, EventFault> {
        if payload.len() > MAX_EVENT_BYTES {
            return Err(EventFault::TooLarge(payload.len()));
        }
        serde_json::from_str(payload).map(Self).map_err(|fault| EventFault::NotAnObject(Detail::new(fault)))
    }

    /// A member that is there; null counts as missing.
    fn value(&self, member: &'static str) -> Option<&Value> {
        self.0.get(member).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, member: &'static str) -> Result<&str, EventFault> {
        self.optional_text(member)?.ok_or_else(|| missing(member))
    }

    pub(super) fn optional_text(&self, member: &'static str) -> Result<Option<&str>, EventFault> {
        match self.value(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(fault(member, format_args!("must be a string, is {}", kind(other)))),
        }
    }

    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(&self, member: &'static str) -> Result<T, EventFault> {
        self.text(member)?.parse().map_err(|problem: T::Err| fault(member, problem))
    }

    pub(super) fn optional_flag(&self, member: &'static str) -> Result<Option<bool>, EventFault> {
        match self.value(member) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(fault(member, format_args!("must be a boolean, is {}", kind(other)))),
        }
    }

    pub(super) fn integer(&self, member: &'static str) -> Result<i64, EventFault> {
        let value = self.value(member).ok_or_else(|| missing(member))?;
        value.as_i64().ok_or_else(|| fault(member, "must be an integer of 64 bits"))
    }

    pub(super) fn texts(&self, member: &'static str) -> Result<Vec<String>, EventFault> {
        let value = self.value(member).ok_or_else(|| missing(member))?;
        let texts = value.as_array().and_then(|texts| {
            texts.iter().map(|text| text.as_str().map(ToOwned::to_owned)).collect::<Option<Vec<_>>>()
        });
        texts.ok_or_else(|| fault(member, "must be an array of strings"))
    }

    pub(super) fn time(&self, member: &'static str) -> Result<OffsetDateTime, EventFault> {
        self.optional_time(member)?.ok_or_else(|| missing(member))
    }

    /// Milliseconds since 1970, as a number or as a string of digits: AWS IoT sends both.
    pub(super) fn optional_time(&self, member: &'static str) -> Result<Option<OffsetDateTime>, EventFault> {
        let millis = match self.value(member) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        let at = millis.and_then(timestamp::from_millis).filter(|at| at.year() < 9999);
        at.map(Some).ok_or_else(|| fault(member, "must be a time in milliseconds since 1970"))
    }
}

fn missing(member: &'static str) -> EventFault {
    fault(member, "is missing")
}

/// A fault of one member.
pub(super) fn fault(member: &'static str, problem: impl fmt::Display) -> EventFault {
    EventFault::Member { member, problem: Detail::new(problem) }
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
