//! Functions, as <https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html> defines them.

use std::borrow::Cow;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};

use super::LONGEST_RESULT;
use super::fault::Problem;
use super::message::Message;
use super::operator::joined;
use super::value::Value;

/// A function whose arguments are values of any type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Function {
    AccountId,
    ClientId,
    Concat,
    Encode,
    EndsWith,
    Get,
    GetOrDefault,
    IsNull,
    IsUndefined,
    Length,
    Lower,
    Md5,
    NewUuid,
    Principal,
    Sha256,
    StartsWith,
    Substring,
    Timestamp,
    Topic,
    TraceId,
    Trim,
    Upper,
}

impl Function {
    /// The function, and the fewest and the most arguments that it takes.
    pub(super) fn named(name: &str) -> Option<(Self, usize, usize)> {
        Some(match name.to_ascii_lowercase().as_str() {
            "accountid" => (Self::AccountId, 0, 0),
            "clientid" => (Self::ClientId, 0, 0),
            "concat" => (Self::Concat, 1, usize::MAX),
            "encode" => (Self::Encode, 2, 2),
            "endswith" => (Self::EndsWith, 2, 2),
            "get" => (Self::Get, 2, 2),
            "get_or_default" => (Self::GetOrDefault, 2, 2),
            "isnull" => (Self::IsNull, 1, 1),
            "isundefined" => (Self::IsUndefined, 1, 1),
            "length" => (Self::Length, 1, 1),
            "lower" => (Self::Lower, 1, 1),
            "md5" => (Self::Md5, 1, 1),
            "newuuid" => (Self::NewUuid, 0, 0),
            "principal" => (Self::Principal, 0, 0),
            "sha256" => (Self::Sha256, 1, 1),
            "startswith" => (Self::StartsWith, 2, 2),
            "substring" => (Self::Substring, 2, 3),
            "timestamp" => (Self::Timestamp, 0, 0),
            "topic" => (Self::Topic, 0, 1),
            "traceid" => (Self::TraceId, 0, 0),
            "trim" => (Self::Trim, 1, 1),
            "upper" => (Self::Upper, 1, 1),
            _ => return None,
        })
    }

    pub(super) fn call(self, arguments: Vec<Cow<'_, Value>>, message: &Message<'_>) -> Result<Value, Problem> {
        // The parser counted the arguments; one that is missing is an optional one.
        let argument = |at: usize| arguments.get(at).map_or(&Value::Undefined, |argument| &**argument);
        let text = |made_of: fn(&str) -> Value| argument(0).to_text().map_or(Value::Undefined, |text| made_of(&text));
        let texts = |holds: fn(&str, &str) -> bool| {
            let texts = argument(0).to_text().zip(argument(1).to_text());
            texts.map_or(Value::Undefined, |(one, other)| Value::Boolean(holds(&one, &other)))
        };
        let known = |id: Option<&str>| id.map_or(Value::Undefined, Value::from);
        Ok(match self {
            Self::AccountId => message.account_id.into(),
            Self::ClientId => message.client_id.unwrap_or("n/a").into(),
            Self::Concat => return concat(arguments),
            Self::Encode => text(|text| Value::Text(base64(text.as_bytes()))),
            Self::EndsWith => texts(|text, end| text.ends_with(end)),
            Self::Get => get(argument(0), argument(1)),
            Self::GetOrDefault => match argument(0) {
                Value::Null | Value::Undefined => argument(1).clone(),
                value => value.clone(),
            },
            Self::IsNull => Value::Boolean(*argument(0) == Value::Null),
            Self::IsUndefined => Value::Boolean(*argument(0) == Value::Undefined),
            Self::Length => text(|text| Value::Number(u64::try_from(text.chars().count()).unwrap_or(u64::MAX).into())),
            Self::Lower => text(|text| Value::Text(text.to_lowercase())),
            Self::Md5 => text(|text| Value::Text(hex::encode(Md5::digest(text)))),
            Self::NewUuid => Value::Text(uuid(message.delivery_id)),
            Self::Principal => known(message.principal),
            Self::Sha256 => text(|text| Value::Text(hex::encode(digest::digest(&digest::SHA256, text.as_bytes())))),
            Self::StartsWith => texts(|text, start| text.starts_with(start)),
            Self::Substring => {
                let until = if arguments.len() > 2 { argument(2).to_index() } else { Some(i64::MAX) };
                let range = argument(0).to_text().zip(argument(1).to_index()).zip(until);
                range.map_or(Value::Undefined, |((text, from), until)| Value::Text(substring(&text, from, until)))
            }
            Self::Timestamp => Value::Number(message.timestamp.into()),
            Self::Topic if arguments.is_empty() => message.topic.into(),
            Self::Topic => {
                let index = argument(0).to_index().and_then(|segment| usize::try_from(segment.checked_sub(1)?).ok());
                known(index.and_then(|index| message.topic.split('/').nth(index)))
            }
            Self::TraceId => known(message.trace_id),
            Self::Trim => text(|text| text.trim().into()),
            Self::Upper => text(|text| Value::Text(text.to_uppercase())),
        })
    }
}

pub(super) fn base64(octets: &[u8]) -> String {
    BASE64_STANDARD.encode(octets)
}

/// One argument stays as it is; with an array among several the result is an array, with a string a string.
fn concat(arguments: Vec<Cow<'_, Value>>) -> Result<Value, Problem> {
    if arguments.len() == 1 {
        return Ok(arguments.into_iter().next().map_or(Value::Undefined, Cow::into_owned));
    }
    if arguments.iter().any(|argument| matches!(**argument, Value::Array(_))) {
        let mut elements = Vec::new();
        let mut length = 0;
        for argument in arguments {
            length += argument.to_text().map_or(0, |text| text.len());
            match argument.into_owned() {
                Value::Array(more) => elements.extend(more),
                Value::Undefined => return Ok(Value::Undefined),
                element => elements.push(element),
            }
            if length > LONGEST_RESULT {
                return Err(Problem::TooLong);
            }
        }
        return Ok(Value::Array(elements));
    }
    if arguments.iter().any(|argument| matches!(**argument, Value::Text(_))) {
        return joined(arguments.iter().map(|argument| &**argument));
    }
    Ok(Value::Undefined)
}

fn get(of: &Value, key: &Value) -> Value {
    let index = || key.to_index().and_then(|index| usize::try_from(index).ok());
    let found = match (of, key) {
        (Value::Array(_), _) => index().and_then(|index| of.element(index)).cloned(),
        (Value::Object(_), Value::Text(name)) => of.member(name).cloned(),
        (Value::Text(text), _) => index().and_then(|index| text.chars().nth(index)).map(|c| Value::Text(c.to_string())),
        _ => None,
    };
    found.unwrap_or(Value::Undefined)
}

/// Characters `from..until`, both of them moved into the text.
fn substring(text: &str, from: i64, until: i64) -> String {
    let index = |at: i64| usize::try_from(at.max(0)).unwrap_or(usize::MAX);
    let (from, until) = (index(from), index(until));
    text.chars().skip(from).take(until.saturating_sub(from)).collect()
}

/// A UUID of version 8 (RFC 9562 section 5.8) out of the SHA-256 of the delivery's id.
///
/// AWS IoT's is random. Here the same message, delivered again, has the same, so that it becomes the same item; all
/// calls for one message give the same, too.
fn uuid(delivery_id: &str) -> String {
    let digest = digest::digest(&digest::SHA256, delivery_id.as_bytes());
    let bits = digest.as_ref().iter().take(16).fold(0_u128, |bits, octet| bits << 8 | u128::from(*octet));
    let bits = bits & !(0xF << 76) | 8 << 76;
    let bits = bits & !(0b11 << 62) | 0b10 << 62;
    let part = |shift: u32, digits: u32| bits >> shift & ((1 << (4 * digits)) - 1);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12))
}
