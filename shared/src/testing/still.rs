//! Values without what differs between two runs of the same steps: times vanish, and ids that programs make up, which
//! are UUIDs, get names.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use serde_json::{Value, json};

/// What stands in the place of a time.
const TIME: &str = "(time)";
/// Form of a UUID.
const UUID: &str = "00000000-0000-0000-0000-000000000000";
/// Form of a date and the beginning of a time.
const DATE: &str = "0000-00-00T0";

/// Gives a made-up id another name.
pub(super) type Naming<'n> = &'n mut dyn FnMut(&str) -> String;

/// A value without the times in it and without the members of some names.
pub(super) fn still(value: &Value, without: &[&str], name: Naming<'_>) -> Value {
    match value {
        Value::Array(values) => values.iter().map(|value| still(value, without, name)).collect(),
        Value::Object(members) => {
            let members = members.iter().filter(|(key, _)| !without.contains(&key.as_str()));
            members
                .map(|(key, value)| match value {
                    Value::String(number) if key == "N" && is_epoch(number) => (key.clone(), json!(TIME)),
                    value => (still_text(key, name).into_owned(), still(value, without, name)),
                })
                .collect()
        }
        Value::String(text) => Value::String(still_text(text, name).into_owned()),
        other => other.clone(),
    }
}

/// A text without the times in it.
pub(super) fn still_text<'t>(text: &'t str, name: Naming<'_>) -> Cow<'t, str> {
    rewritten(text, &mut |part| match part {
        Part::Id(id) => name(id),
        Part::Time(_) => TIME.to_owned(),
    })
}

/// A value with other ids, and the same times.
pub(super) fn renamed(value: &Value, name: Naming<'_>) -> Value {
    match value {
        Value::Array(values) => values.iter().map(|value| renamed(value, name)).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (renamed_text(key, name), renamed(value, name))).collect()
        }
        Value::String(text) => Value::String(renamed_text(text, name)),
        other => other.clone(),
    }
}

fn renamed_text(text: &str, name: Naming<'_>) -> String {
    let rewrite = &mut |part: Part<'_>| match part {
        Part::Id(id) => name(id),
        Part::Time(time) => time.to_owned(),
    };
    rewritten(text, rewrite).into_owned()
}

/// The ids of a value, in order, each as often as it stands there.
pub(super) fn ids(value: &Value) -> Vec<String> {
    let mut ids = Vec::new();
    renamed(value, &mut |id| {
        ids.push(id.to_owned());
        id.to_owned()
    });
    ids
}

/// A part of a text that differs from run to run.
enum Part<'t> {
    Id(&'t str),
    Time(&'t str),
}

fn rewritten<'t>(text: &'t str, rewrite: &mut dyn FnMut(Part<'_>) -> String) -> Cow<'t, str> {
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, part, after)) = first_part(rest) {
        written.push_str(before);
        written.push_str(&rewrite(part));
        rest = after;
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    written.push_str(rest);
    Cow::Owned(written)
}

/// The first part of a text that differs from run to run, with what stands before and after it.
fn first_part(text: &str) -> Option<(&str, Part<'_>, &str)> {
    text.match_indices('-').find_map(|(dash, _)| {
        let found = |groups: usize, part: fn(&str) -> Option<Part<'_>>| {
            let at = dash.checked_sub(groups)?;
            part(text.get(at..)?).map(|part| (at, part))
        };
        let (at, part) = found(8, id).or_else(|| found(4, time))?;
        let length = match part {
            Part::Id(part) | Part::Time(part) => part.len(),
        };
        Some((text.get(..at)?, part, text.get(at + length..)?))
    })
}

/// Feeds a value to a hasher, but for the times in it. The order of members does not count: keys may be ids.
pub(super) fn hash(value: &Value, hasher: &mut dyn Hasher, name: Naming<'_>) {
    match value {
        Value::Array(values) => {
            hasher.write_usize(values.len());
            for value in values {
                hash(value, hasher, name);
            }
        }
        Value::Object(members) => {
            let sum = members.iter().fold(0_u64, |sum, (key, value)| {
                let mut member = DefaultHasher::new();
                hash_text(key, &mut member, name);
                match value {
                    Value::String(number) if key == "N" && is_epoch(number) => member.write(TIME.as_bytes()),
                    value => hash(value, &mut member, name),
                }
                sum.wrapping_add(member.finish())
            });
            hasher.write_u64(sum);
        }
        Value::String(text) => hash_text(text, hasher, name),
        other => hasher.write(other.to_string().as_bytes()),
    }
}

/// Feeds a text to a hasher, but for the times in it.
pub(super) fn hash_text(text: &str, hasher: &mut dyn Hasher, name: Naming<'_>) {
    let mut rest = text;
    while let Some((before, part, after)) = first_part(rest) {
        hasher.write(before.as_bytes());
        match part {
            Part::Id(id) => hasher.write(name(id).as_bytes()),
            Part::Time(_) => hasher.write(TIME.as_bytes()),
        }
        rest = after;
    }
    hasher.write(rest.as_bytes());
    hasher.write_u8(0xff);
}

/// The beginning of a text, if it is a UUID.
fn id(text: &str) -> Option<Part<'_>> {
    start(text, UUID, |byte| byte.is_ascii_hexdigit()).map(Part::Id)
}

/// The beginning of a text, if it is a date with a time.
fn time(text: &str) -> Option<Part<'_>> {
    let date = start(text, DATE, |byte| byte.is_ascii_digit())?;
    let rest = text.get(date.len()..)?;
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || ":.Z".contains(c));
    text.get(..text.len() - after.len()).map(Part::Time)
}

/// The beginning of a text, if it is of the form of `like`: `0` stands for a digit, `T` for itself or a space.
fn start<'t>(text: &'t str, like: &str, is_digit: impl Fn(u8) -> bool) -> Option<&'t str> {
    let start = text.get(..like.len())?;
    let fits = |(byte, like): (u8, u8)| match like {
        b'0' => is_digit(byte),
        b'T' => byte == b'T' || byte == b' ',
        other => byte == other,
    };
    start.bytes().zip(like.bytes()).all(fits).then_some(start)
}

/// Seconds or milliseconds since 1970.
fn is_epoch(number: &str) -> bool {
    matches!(number.len(), 10 | 13) && number.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_vanish_and_ids_get_names() {
        let mut name = |id: &str| format!("<{}>", &id[..2]);
        for (text, expected) in [
            ("2026-09-01T00:00:00.000Z", "(time)"),
            ("until 2026-09-01T00:00:00.000Z, not after", "until (time), not after"),
            ("2026-09-01 0:00:00.0 +00:00:00", "(time) +00:00:00"),
            ("a#0f1e2d3c-0000-4000-8000-000000000000#b", "a#<0f>#b"),
            ("pump-17", "pump-17"),
            ("Größe-3 und mehr-davon", "Größe-3 und mehr-davon"),
            ("2026-09-01", "2026-09-01"),
        ] {
            assert_eq!(still_text(text, &mut name), expected, "{text}");
        }
        let row = json!({"expiresAt": {"N": "1790000000"}, "attempts": {"N": "3"}, "size": {"N": "12"}});
        let expected = json!({"expiresAt": {"N": TIME}, "size": {"N": "12"}});
        assert_eq!(still(&row, &["attempts"], &mut name), expected);
        let at = json!(["2026-09-01T00:00:00.000Z", {"0f1e2d3c-0000-4000-8000-000000000000": 1}]);
        assert_eq!(renamed(&at, &mut name), json!(["2026-09-01T00:00:00.000Z", {"<0f>": 1}]));
        let hash_of = |value: &Value| {
            let mut hasher = DefaultHasher::new();
            hash(value, &mut hasher, &mut |id| format!("<{}>", &id[..2]));
            hasher.finish()
        };
        let later = json!(["2027-09-01T00:00:00.000Z", {"0f1e2d3c-0000-4000-8000-000000000001": 1}]);
        assert_eq!(hash_of(&at), hash_of(&later));
        for other in
            [json!([at[0], {"1f1e2d3c-0000-4000-8000-000000000001": 1}]), json!([at[1], at[0]]), json!(["", at[1]])]
        {
            assert_ne!(hash_of(&at), hash_of(&other), "{other}");
        }
        assert_eq!(ids(&at), ["0f1e2d3c-0000-4000-8000-000000000000"]);
    }
}
