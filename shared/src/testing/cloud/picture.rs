//! The state as a value that two runs can be compared by: without times, and with ids that programs make up numbered.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde_json::{Map, Value, json};

use super::CloudState;
use super::clients::{AUTHORITIES, DEVICES, REGISTRATIONS};

const TIME: &str = "(time)";
/// Digits, `-`, and the groups of a UUID.
const UUID: &str = "00000000-0000-0000-0000-000000000000";
/// A date and the beginning of a time.
const DATE: &str = "0000-00-00T0";

impl CloudState {
    /// Everything, but for times and the attributes of these names. Made-up ids, which are UUIDs, are numbered in the
    /// order in which they are met.
    #[must_use]
    pub fn picture(&self, without: &[&str]) -> Value {
        let mut ids = BTreeMap::new();
        self.picture_with(without, &mut |id| {
            let next = ids.len();
            format!("(id {})", ids.entry(id.to_owned()).or_insert(next))
        })
    }

    /// The same with names for the ids.
    pub(in crate::testing) fn picture_with(&self, without: &[&str], name: &mut dyn FnMut(&str) -> String) -> Value {
        let text = |value: &dyn Debug| Value::String(format!("{value:?}"));
        let certificates = self.certificates.iter().map(|(id, certificate)| {
            let owner = (&certificate.arn, &certificate.ca_certificate_id, &certificate.owned_by);
            (id.to_string(), json!({"owner": text(&owner), "status": certificate.status.as_str()}))
        });
        let things = self.things.iter().map(|(name, thing)| {
            let rest = (&thing.attributes, &thing.groups, &thing.principals, &thing.thing_type);
            (name.to_string(), json!({"rest": text(&rest), "thingVersion": thing.version}))
        });
        let tables = [AUTHORITIES, DEVICES, REGISTRATIONS].map(|table| self.tables.rows(table));
        let picture = json!({
            "authorities": text(&self.authorities.keys()),
            "certificates": certificates.collect::<Map<_, _>>(),
            "connected": text(&self.connected),
            "policies": text(&self.policies),
            "snapshots": text(&self.snapshots),
            "sources": text(&self.sources),
            "tables": tables,
            "things": things.collect::<Map<_, _>>(),
        });
        still(&picture, without, name)
    }
}

/// A value without the times in it, and with names for made-up ids.
pub(in crate::testing) fn still(value: &Value, without: &[&str], name: &mut dyn FnMut(&str) -> String) -> Value {
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

/// Seconds or milliseconds since 1970.
fn is_epoch(number: &str) -> bool {
    matches!(number.len(), 10 | 13) && number.bytes().all(|digit| digit.is_ascii_digit())
}

/// A text without the times in it, and with names for made-up ids.
pub(in crate::testing) fn still_text<'t>(text: &'t str, name: &mut dyn FnMut(&str) -> String) -> Cow<'t, str> {
    if text.len() < DATE.len() || !text.contains('-') {
        return Cow::Borrowed(text);
    }
    let mut still = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(id) = start(rest, UUID, |byte| byte.is_ascii_hexdigit()) {
            still.push_str(&name(id));
            rest = rest.get(id.len()..).unwrap_or_default();
        } else if start(rest, DATE, |byte| byte.is_ascii_digit()).is_some() {
            still.push_str(TIME);
            let date = rest.get(DATE.len()..).unwrap_or_default();
            rest = date.trim_start_matches(|c: char| c.is_ascii_digit() || ":.Z".contains(c));
        } else {
            still.push(next);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
    }
    Cow::Owned(still)
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
            ("Größe-3 und mehr-als das", "Größe-3 und mehr-als das"),
            ("2026-09-01", "2026-09-01"),
        ] {
            assert_eq!(still_text(text, &mut name), expected, "{text}");
        }
        let row = json!({"expiresAt": {"N": "1790000000"}, "attempts": {"N": "3"}, "size": {"N": "12"}});
        let expected = json!({"expiresAt": {"N": TIME}, "size": {"N": "12"}});
        assert_eq!(still(&row, &["attempts"], &mut name), expected);
    }
}
