//! JSON as Python's `json` and others write it, with words in the places of numbers that JSON can't express.

use super::json::JsonFault;
use super::value::Value;

/// How they are written.
const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// The first such word of a text that is JSON but for them; `error` says why it is none.
pub(super) fn first(octets: &[u8], error: &serde_json::Error) -> Option<&'static str> {
    // Nearly all that is no JSON ends here. The minus of a word is taken for the beginning of a number.
    if !matches!(octets.get(position(octets, error)?), Some(b'I' | b'N')) {
        return None;
    }
    let (patched, word) = patched(octets)?;
    // No word is left in it, so that this goes no deeper.
    let is_json = !matches!(Value::from_json(&patched), Err(JsonFault::NotANumber(_) | JsonFault::NotJson(_)));
    is_json.then_some(word)
}

/// Where the parser stopped.
fn position(octets: &[u8], error: &serde_json::Error) -> Option<usize> {
    let before = octets.split_inclusive(|octet| *octet == b'\n').take(error.line().checked_sub(1)?);
    (before.map(<[u8]>::len).sum::<usize>() + error.column()).checked_sub(1)
}

/// The text with a value in place of each word outside of strings, and the first of them. If that is JSON, a value was
/// due in each of these places: an array continues neither a word nor a number.
fn patched(octets: &[u8]) -> Option<(Vec<u8>, &'static str)> {
    let mut patched = Vec::with_capacity(octets.len());
    let (mut first, mut in_string) = (None, false);
    let mut rest = octets;
    while let Some(octet) = rest.first() {
        let word = WORDS.into_iter().find(|word| !in_string && rest.starts_with(word.as_bytes()));
        let length = match octet {
            b'\\' if in_string => 2,
            _ => word.map_or(1, str::len),
        };
        in_string ^= *octet == b'"';
        let (taken, after) = rest.split_at_checked(length)?;
        patched.extend_from_slice(if word.is_some() { b"[]" } else { taken });
        first = first.or(word);
        rest = after;
    }
    first.map(|word| (patched, word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{JsonFault, Value};

    fn word(text: &[u8]) -> Option<String> {
        match Value::from_json(text) {
            Err(JsonFault::NotANumber(word)) => Some(word),
            Err(JsonFault::NotJson(_)) => None,
            other => panic!("{}: {other:?}", text.escape_ascii()),
        }
    }

    #[test]
    fn words_in_the_places_of_values_are_told() {
        let cases = [
            ("NaN", "NaN"),
            (" \t\r\n Infinity \n", "Infinity"),
            ("-Infinity", "-Infinity"),
            ("[NaN]", "NaN"),
            ("[1,\n -Infinity]", "-Infinity"),
            ("[NaN,1]", "NaN"),
            ("[1.5, Infinity, NaN, -Infinity]", "Infinity"),
            (r#"{"a": NaN}"#, "NaN"),
            ("{\"a\": 1,\r\n\"NaN\": {\"\\\"NaN\": [[], {\"b\":Infinity}]}}", "Infinity"),
            (r#"{"a": "NaN", "b\\": -Infinity, "c": [1, 2]}"#, "-Infinity"),
            ("[[[[NaN]]]]", "NaN"),
            ("{\"ä\": \"€\", \"b\": NaN}", "NaN"),
        ];
        for (text, expected) in cases {
            assert_eq!(word(text.as_bytes()).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(JsonFault::NotANumber("NaN".to_owned()).to_string(), "the JSON has NaN, which is no number");
    }

    #[test]
    fn other_texts_with_such_words_are_no_json() {
        let octets: [&[u8]; 30] = [
            b"NaNny",
            b"[NaNny]",
            b"NaN5",
            b"NaN NaN",
            b"NaNNaN",
            b"NaN, 1, 2",
            b"Infinity pool",
            b"Infinity\0",
            b"Infinity[]",
            b"-NaN",
            b"+Infinity",
            b"- Infinity",
            b"--Infinity",
            b"1-Infinity",
            b"1e-Infinity",
            b"1.NaN",
            b"1 NaN",
            b"nan",
            b"[infinity]",
            b"nNaN",
            b"Inf",
            b"[NaN",
            b"[NaN,]",
            b"[NaN, oops]",
            b"{NaN: 1}",
            b"{\"a\": 1, NaN}",
            b"\"\\NaN\"",
            b"[\"\\NaN\", NaN]",
            b"[NaN, \"\xff\"]",
            b"[NaN, \"\\ud800\"]",
        ];
        for octets in octets {
            assert_eq!(word(octets), None, "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn json_with_such_words_in_its_texts_is_json() {
        for text in [r#"["NaN"]"#, r#"{"NaN":"-Infinity"}"#] {
            assert_eq!(Value::from_json(text.as_bytes()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn many_words_take_no_longer_than_many_numbers() {
        let text = format!("[{}1]", "NaN,".repeat(100_000));
        assert_eq!(word(text.as_bytes()).as_deref(), Some("NaN"));
    }

    proptest! {
        #[test]
        fn texts_are_told_apart_by_what_stands_in_place_of_the_word(
            before in r#"([\[{,:"\\a1 -]|"a":){0,8}"#,
            word in prop::sample::select(super::WORDS.to_vec()),
            after in r#"[\]},"a1 ]{0,4}"#,
        ) {
            let text = format!("{before}{word}{after}");
            // Like a word an object stands where a value is due or in a string, and nothing else has it for a part.
            let other = super::WORDS.into_iter().fold(text.clone(), |text, word| text.replace(word, "{}"));
            let is_json = Value::from_json(other.as_bytes()).is_ok();
            match Value::from_json(text.as_bytes()) {
                Err(JsonFault::NotANumber(found)) => prop_assert!(is_json && text.contains(&found)),
                told => prop_assert_eq!(told.is_ok(), is_json),
            }
        }
    }
}
