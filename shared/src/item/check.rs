//! What JSON can hold and an item can't: names of members that are no names of attributes ("Naming rules" under
//! "Supported data types and naming rules in Amazon DynamoDB").

use super::MAX_NAME_BYTES;
use crate::substitution::Value;

/// A member whose name is none for an attribute, with its path as `a.b[0]."c d"`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameFault {
    /// The name has no characters.
    #[error("the name of the member {0} is empty")]
    Empty(String),
    /// The name has more than [`MAX_NAME_BYTES`] octets.
    #[error("the name of the member {path} has {octets} octets, at most {MAX_NAME_BYTES} are allowed")]
    TooLong {
        /// The octets that it has.
        octets: usize,
        /// The path; of a long name its beginning.
        path: String,
    },
}

/// The first member anywhere in a value whose name no attribute can have, if there is one. Members go by their names.
#[must_use]
pub fn unfit_name(value: &Value) -> Option<NameFault> {
    let (octets, path) = find(value)?;
    let path = path.strip_prefix('.').unwrap_or(&path).to_owned();
    Some(if octets == 0 { NameFault::Empty(path) } else { NameFault::TooLong { octets, path } })
}

/// The octets of its name, and its path from the value on.
fn find(value: &Value) -> Option<(usize, String)> {
    match value {
        Value::Array(elements) => elements.iter().enumerate().find_map(|(at, element)| {
            let (octets, path) = find(element)?;
            Some((octets, format!("[{at}]{path}")))
        }),
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            let is_fit = (1..=MAX_NAME_BYTES).contains(&name.len());
            let (octets, path) = if is_fit { find(value)? } else { (name.len(), String::new()) };
            Some((octets, format!(".{}{path}", shown(name))))
        }),
        Value::Boolean(_) | Value::Null | Value::Number(_) | Value::Text(_) | Value::Undefined => None,
    }
}

/// A name as templates write it, or in quotes what they could not write. Somebody else chose it.
fn shown(name: &str) -> String {
    const MOST: usize = 80;
    let start: String = name.chars().take(MOST).collect();
    let more = if start.len() < name.len() { "…" } else { "" };
    let is_a_word = !name.is_empty() && start.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_a_word { start + more } else { format!("{start:?}{more}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> Option<String> {
        unfit_name(&Value::from_json(json.as_bytes()).unwrap()).map(|fault| fault.to_string())
    }

    #[test]
    fn empty_names_are_found_anywhere() {
        let cases = [
            (r#"{"": 1}"#, r#""""#),
            (r#"{"a": 1, "b": {"": {}}}"#, r#"b."""#),
            (r#"[1, {"a": [[{"größe": {"": null}}]]}]"#, r#"[1].a[0][0].größe."""#),
            (r#"{"a b": {"c\n": {"": 1}}}"#, r#""a b"."c\n"."""#),
            (r#"{"b": {"": 1}, "a": {"x": [], "": 2}}"#, r#"a."""#),
        ];
        for (json, path) in cases {
            assert_eq!(told(json), Some(format!("the name of the member {path} is empty")), "{json}");
        }
    }

    #[test]
    fn long_names_are_found_and_cut() {
        let object = |length| format!(r#"{{"a": [{{"{}": 1}}]}}"#, "x".repeat(length));
        assert_eq!(told(&object(65_535)), None);
        let path = format!("a[0].{}…", "x".repeat(80));
        let expected = format!("the name of the member {path} has 65536 octets, at most 65535 are allowed");
        assert_eq!(told(&object(65_536)), Some(expected));
        // Octets, not characters.
        assert_eq!(told(&format!(r#"{{"x{}": 1}}"#, "é".repeat(32_767))), None);
        assert!(told(&format!(r#"{{"xx{}": 1}}"#, "é".repeat(32_767))).unwrap().contains("65536 octets"));
    }

    #[test]
    fn other_values_have_no_such_name() {
        for json in ["1", "\"\"", "null", "[]", "{}", r#"[["", {" ": ""}]]"#, r#"{"a": {"b": [{"c": 1}]}}"#] {
            assert_eq!(told(json), None, "{json}");
        }
        assert_eq!(unfit_name(&Value::Undefined), None);
    }
}
