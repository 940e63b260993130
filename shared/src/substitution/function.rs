//! Functions, as <https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html> defines them.

mod collection;
mod hash;
mod numeric;
mod regexp;
mod text;

use std::borrow::Cow;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::LONGEST_RESULT;
use super::fault::Problem;
use super::json::JsonFault;
use super::message::Message;
use super::value::Value;
use hash::Hash;
use numeric::Numeric;
use regexp::Regexp;

pub(super) use numeric::double;
pub(super) use regexp::compiled;

/// The version of the language, for `sql_version()`.
const SQL_VERSION: &str = "2016-03-23";

/// A function whose arguments are values of any type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Function {
    AccountId,
    Chr,
    ClientId,
    Concat,
    Decode,
    Encode,
    EndsWith,
    Get,
    GetOrDefault,
    Hash(Hash),
    IndexOf,
    IsNull,
    IsUndefined,
    LeftPad,
    LeftTrim,
    Length,
    Lower,
    NanValue,
    NewUuid,
    NumBytes,
    Numeric(Numeric),
    Principal,
    Rand,
    Regexp(Regexp),
    Replace,
    RightPad,
    RightTrim,
    SqlVersion,
    StartsWith,
    Substring,
    Timestamp,
    Topic,
    TraceId,
    Transform,
    Trim,
    Upper,
}

impl Function {
    /// The function, and the fewest and the most arguments that it takes.
    pub(super) fn named(name: &str) -> Option<(Self, usize, usize)> {
        let lower = name.to_ascii_lowercase();
        if let Some((numeric, arguments)) = Numeric::named(&lower) {
            return Some((Self::Numeric(numeric), arguments, arguments));
        }
        if let Some((regexp, arguments)) = Regexp::named(&lower) {
            return Some((Self::Regexp(regexp), arguments, arguments));
        }
        if let Some(hash) = Hash::named(&lower) {
            return Some((Self::Hash(hash), 1, 1));
        }
        Some(match lower.as_str() {
            "accountid" => (Self::AccountId, 0, 0),
            "chr" => (Self::Chr, 1, 1),
            "clientid" => (Self::ClientId, 0, 0),
            "concat" => (Self::Concat, 0, usize::MAX),
            "decode" => (Self::Decode, 2, 2),
            "encode" => (Self::Encode, 2, 2),
            "endswith" => (Self::EndsWith, 2, 2),
            "get" => (Self::Get, 2, 2),
            "get_or_default" => (Self::GetOrDefault, 2, 2),
            "indexof" => (Self::IndexOf, 2, 2),
            "isnull" => (Self::IsNull, 1, 1),
            "isundefined" => (Self::IsUndefined, 1, 1),
            "length" => (Self::Length, 1, 1),
            "lower" => (Self::Lower, 1, 1),
            "lpad" => (Self::LeftPad, 2, 2),
            "ltrim" => (Self::LeftTrim, 1, 1),
            "nanvl" => (Self::NanValue, 2, 2),
            "newuuid" => (Self::NewUuid, 0, 0),
            "numbytes" => (Self::NumBytes, 1, 1),
            "principal" => (Self::Principal, 0, 0),
            "rand" => (Self::Rand, 0, 0),
            "replace" => (Self::Replace, 3, 3),
            "rpad" => (Self::RightPad, 2, 2),
            "rtrim" => (Self::RightTrim, 1, 1),
            "sql_version" => (Self::SqlVersion, 0, 0),
            "startswith" => (Self::StartsWith, 2, 2),
            "substring" => (Self::Substring, 2, 3),
            "timestamp" => (Self::Timestamp, 0, 0),
            "topic" => (Self::Topic, 0, 1),
            "traceid" => (Self::TraceId, 0, 0),
            "transform" => (Self::Transform, 3, 3),
            "trim" => (Self::Trim, 1, 1),
            "upper" => (Self::Upper, 1, 1),
            _ => return None,
        })
    }

    /// Why a function of AWS IoT is not there; none of what is no function of it.
    pub(super) fn left_out(name: &str) -> Option<&'static str> {
        match name.to_ascii_lowercase().as_str() {
            "aws_lambda"
            | "get_dynamodb"
            | "get_registry_data"
            | "get_secret"
            | "get_thing_shadow"
            | "machinelearning_predict" => Some("it calls an AWS service, and a template is filled without calls"),
            "get_mqtt_property" | "get_user_properties" | "sourceip" => Some("rules do not hand over what it returns"),
            _ => None,
        }
    }

    /// A text is at most [`LONGEST_RESULT`] bytes long.
    pub(super) fn call(self, arguments: Vec<Cow<'_, Value>>, message: &Message<'_>) -> Result<Value, Problem> {
        match self.apply(arguments, message)? {
            Value::Text(text) if text.len() > LONGEST_RESULT => Err(Problem::TooLong),
            value => Ok(value),
        }
    }

    fn apply(self, arguments: Vec<Cow<'_, Value>>, message: &Message<'_>) -> Result<Value, Problem> {
        // The parser counted the arguments; one that is missing is an optional one.
        let argument = |at: usize| arguments.get(at).map_or(&Value::Undefined, |argument| &**argument);
        let text = |made_of: fn(&str) -> Value| argument(0).to_text().map_or(Value::Undefined, |text| made_of(&text));
        let texts = |made_of: fn(&str, &str) -> Value| {
            let texts = argument(0).to_text().zip(argument(1).to_text());
            texts.map_or(Value::Undefined, |(one, other)| made_of(&one, &other))
        };
        let known = |id: Option<&str>| id.map_or(Value::Undefined, Value::from);
        Ok(match self {
            Self::AccountId => message.account_id.into(),
            Self::Chr => text::chr(argument(0)),
            Self::ClientId => message.client_id.unwrap_or("n/a").into(),
            Self::Concat => return collection::concat(arguments),
            Self::Decode => return argument(0).to_text().map_or(Ok(Value::Undefined), |text| decoded(&text)),
            Self::Encode => text(|text| Value::Text(base64(text.as_bytes()))),
            Self::EndsWith => texts(|text, end| Value::Boolean(text.ends_with(end))),
            Self::Get => collection::get(argument(0), argument(1)),
            Self::GetOrDefault | Self::NanValue => match argument(0) {
                // No value is NaN.
                Value::Null | Value::Undefined => argument(1).clone(),
                value => value.clone(),
            },
            Self::Hash(hash) => argument(0).to_text().map_or(Value::Undefined, |text| Value::Text(hash.of(&text))),
            Self::IndexOf => texts(text::index_of),
            Self::IsNull => Value::Boolean(*argument(0) == Value::Null),
            Self::IsUndefined => Value::Boolean(*argument(0) == Value::Undefined),
            Self::LeftPad => text::padded(argument(0), argument(1), |text, spaces| [spaces, text].concat()),
            Self::LeftTrim => text(|text| text.trim_start_matches(text::is_blank).into()),
            Self::Length => text(|text| count(text.chars().count())),
            Self::Lower => text(|text| Value::Text(text.to_lowercase())),
            Self::NewUuid => Value::Text(uuid(message)),
            Self::NumBytes => text(|text| count(text.len())),
            Self::Numeric(numeric) => return numeric.call(argument(0), argument(1)),
            Self::Principal => known(message.principal),
            Self::Rand => return numeric::rand(message),
            Self::Regexp(regexp) => return regexp.call(argument(0), argument(1), argument(2)),
            Self::Replace => {
                let texts = argument(0).to_text().zip(argument(1).to_text()).zip(argument(2).to_text());
                let Some(((text, searched), by)) = texts else { return Ok(Value::Undefined) };
                return text::replaced(&text, &searched, &by);
            }
            Self::RightPad => text::padded(argument(0), argument(1), |text, spaces| [text, spaces].concat()),
            Self::RightTrim => text(|text| text.trim_end_matches(text::is_blank).into()),
            Self::SqlVersion => SQL_VERSION.into(),
            Self::StartsWith => texts(|text, start| Value::Boolean(text.starts_with(start))),
            Self::Substring => {
                let until = if arguments.len() > 2 { argument(2).to_index() } else { Some(i64::MAX) };
                let range = argument(0).to_text().zip(argument(1).to_index()).zip(until);
                range.map_or(Value::Undefined, |((text, from), until)| Value::Text(text::substring(&text, from, until)))
            }
            Self::Timestamp => Value::Number(message.timestamp.into()),
            Self::Topic if arguments.is_empty() => message.topic.into(),
            Self::Topic => {
                let index = argument(0).to_index().and_then(|segment| usize::try_from(segment.checked_sub(1)?).ok());
                known(index.and_then(|index| message.topic.split('/').nth(index)))
            }
            Self::TraceId => known(message.trace_id),
            Self::Transform => return collection::transform(argument(0), argument(1), argument(2)),
            Self::Trim => text(|text| text.trim().into()),
            Self::Upper => text(|text| Value::Text(text.to_uppercase())),
        })
    }
}

pub(super) fn base64(octets: &[u8]) -> String {
    BASE64_STANDARD.encode(octets)
}

/// What is encoded in base64: a value if it is JSON, otherwise a text. Null if it is neither.
fn decoded(text: &str) -> Result<Value, Problem> {
    let Ok(bytes) = BASE64_STANDARD.decode(text) else { return Ok(Value::Null) };
    match Value::from_json(&bytes) {
        Ok(value) => Ok(value),
        Err(JsonFault::Number(fault)) => Err(fault.into()),
        Err(JsonFault::NotANumber(_) | JsonFault::NotJson(_) | JsonFault::TooDeep) => {
            Ok(String::from_utf8(bytes).map_or(Value::Null, Value::Text))
        }
    }
}

fn count(length: usize) -> Value {
    Value::Number(u64::try_from(length).unwrap_or(u64::MAX).into())
}

/// A UUID of version 8 (RFC 9562 section 5.8) out of the SHA-256 of the route and the delivery's id.
///
/// AWS IoT's is random. Here the same message, delivered again, has the same, so that it becomes the same item. What two
/// routes make of one message has two, as two rules of AWS IoT give. All calls for one message and route give the same.
fn uuid(message: &Message<'_>) -> String {
    let digest = digest::digest(&digest::SHA256, message.name().as_bytes());
    let bits = digest.as_ref().iter().take(16).fold(0_u128, |bits, octet| bits << 8 | u128::from(*octet));
    let bits = bits & !(0xF << 76) | 8 << 76;
    let bits = bits & !(0b11 << 62) | 0b10 << 62;
    let part = |shift: u32, digits: u32| bits >> shift & ((1 << (4 * digits)) - 1);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12))
}
