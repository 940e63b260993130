//! JSON into values, its numbers exactly.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::not_a_number;
use super::number::{Number, NumberFault};
use super::value::Value;

/// Arrays and objects inside of each other, at most: what DynamoDB allows.
const DEEPEST: usize = 32;

/// Why octets don't become a value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JsonFault {
    /// They would be JSON but for `NaN`, `Infinity` or `-Infinity` where a value should be: the first of these words.
    #[error("the JSON has {0}, which is no number")]
    NotANumber(String),
    /// They are no JSON of RFC 8259 in UTF-8.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// A number that can't be held without rounding.
    #[error("the JSON has {0}")]
    Number(#[from] NumberFault),
    /// Arrays and objects are nested deeper than 32.
    #[error("the JSON is nested deeper than 32")]
    TooDeep,
}

impl Value {
    /// Reads a JSON text.
    ///
    /// # Errors
    /// See [`JsonFault`].
    pub fn from_json(octets: &[u8]) -> Result<Self, JsonFault> {
        // Already this pass goes through all of it, so that a word in place of a number is found here.
        let raw = serde_json::from_slice(octets).map_err(|error| match not_a_number::first(octets, &error) {
            Some(word) => JsonFault::NotANumber(word.to_owned()),
            None => not_json(&error),
        })?;
        read(raw, DEEPEST)
    }
}

/// `serde_json` itself would make an f64 of a number with a fraction, unless a feature of it is on that changes it for
/// the whole program. So each level is split into its raw parts; a number's part is its text.
fn read(raw: &RawValue, depth: usize) -> Result<Value, JsonFault> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'[') => {
            let depth = depth.checked_sub(1).ok_or(JsonFault::TooDeep)?;
            let elements: Vec<&RawValue> = parsed(text.as_bytes())?;
            elements.into_iter().map(|element| read(element, depth)).collect::<Result<_, _>>().map(Value::Array)
        }
        Some(b'{') => {
            let depth = depth.checked_sub(1).ok_or(JsonFault::TooDeep)?;
            let members: BTreeMap<Name<'_>, &RawValue> = parsed(text.as_bytes())?;
            let member = |(name, value): (Name<'_>, _)| Ok((name.0.into_owned(), read(value, depth)?));
            members.into_iter().map(member).collect::<Result<_, _>>().map(Value::Object)
        }
        Some(b'"') => parsed(text.as_bytes()).map(Value::Text),
        Some(b't') => Ok(Value::Boolean(true)),
        Some(b'f') => Ok(Value::Boolean(false)),
        Some(b'n') => Ok(Value::Null),
        _ => Ok(Value::Number(Number::parse(text)?)),
    }
}

/// A member's name, borrowed if it has no escapes.
#[derive(Deserialize, Eq, Ord, PartialEq, PartialOrd)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

fn parsed<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, JsonFault> {
    serde_json::from_slice(octets).map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> JsonFault {
    JsonFault::NotJson(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_becomes_values() {
        let cases = [
            (" null ", "null"),
            ("true", "true"),
            ("\tfalse\n", "false"),
            (r#""a\u00e9\ud83d\ude00\n""#, r#""aé😀\n""#),
            ("[]", "[]"),
            (" [ 1 , [ \"a\" , { } ] ] ", r#"[1,["a",{}]]"#),
            (r#"{"b": {"\u0061": [1e3]}, "a": -0.10}"#, r#"{"a":-0.10,"b":{"a":[1000]}}"#),
            (r#"{"a": 1, "a": 2}"#, r#"{"a":2}"#),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
            ("0.1234567890123456789012345678901234567", "0.1234567890123456789012345678901234567"),
        ];
        for (text, expected) in cases {
            assert_eq!(Value::from_json(text.as_bytes()).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let octets: [&[u8]; 12] =
            [b"", b" ", b"{", b"[1,]", b"01", b"1.", b"+1", b"nul", b"{'a':1}", b"\"\xff\"", b"1 2", b"\"\\ud800\""];
        for octets in octets {
            assert!(matches!(Value::from_json(octets), Err(JsonFault::NotJson(_))), "{octets:?}");
        }
    }

    #[test]
    fn numbers_that_would_be_rounded_are_refused() {
        let cases = [
            ("[123456789012345678901234567890123456789]", NumberFault::TooLong),
            (r#"{"a":[0.123456789012345678901234567890123456789]}"#, NumberFault::TooLong),
            ("1e126", NumberFault::OutOfRange),
        ];
        for (text, fault) in cases {
            assert_eq!(Value::from_json(text.as_bytes()), Err(JsonFault::Number(fault)), "{text}");
        }
    }

    #[test]
    fn nesting_ends_at_32() {
        let nested = |depth: usize| format!("{}{}", r#"{"a":["#.repeat(depth / 2), "]}".repeat(depth / 2));
        assert!(Value::from_json(nested(32).as_bytes()).is_ok());
        assert_eq!(Value::from_json(nested(34).as_bytes()), Err(JsonFault::TooDeep));
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(Value::from_json(deep.as_bytes()), Err(JsonFault::TooDeep));
    }

    proptest! {
        #[test]
        fn octets_never_panic(octets: Vec<u8>) {
            let _ = Value::from_json(&octets);
        }

        #[test]
        fn fractions_survive_byte_for_byte(text in "-?(0|[1-9][0-9]{0,17})\\.[0-9]{0,17}[1-9]0{0,3}") {
            let json = format!(r#"{{"a":[{text}]}}"#);
            prop_assert_eq!(Value::from_json(json.as_bytes()).unwrap().to_string(), json);
        }

        #[test]
        fn whole_numbers_survive_byte_for_byte(text in "0|-?[1-9][0-9]{0,37}") {
            prop_assert_eq!(Value::from_json(text.as_bytes()).unwrap().to_string(), text);
        }
    }
}
