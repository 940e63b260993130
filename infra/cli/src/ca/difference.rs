//! What a change does to a profile, member by member.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::profile::Profile;

use crate::output::Text;

/// Members that no rule is in.
const NO_RULES: [&str; 5] = ["caPem", "createdAt", "enrolledAt", "updatedAt", "version"];

/// A member that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    /// Its name in the profile's JSON.
    member: String,
    /// What it was; null if the default counted.
    before: Value,
    /// What it is.
    after: Value,
}

/// The members that differ, in the order of their names.
///
/// # Errors
/// A profile that has no JSON form.
pub(super) fn differences(before: &Profile, after: &Profile) -> Result<Vec<Difference>> {
    let (before, after) = (members(before)?, members(after)?);
    let names: BTreeSet<_> =
        before.keys().chain(after.keys()).filter(|name| !NO_RULES.contains(&name.as_str())).collect();
    let member = |of: &Map<String, Value>, name| of.get(name).cloned().unwrap_or_default();
    let all = names.into_iter().map(|name| Difference {
        member: name.clone(),
        before: member(&before, name),
        after: member(&after, name),
    });
    Ok(all.filter(|difference| difference.before != difference.after).collect())
}

fn members(profile: &Profile) -> Result<Map<String, Value>> {
    let json = serde_json::to_value(profile)?;
    json.as_object().cloned().context("a profile is an object")
}

/// For people: a line for each member, or for each element of a list that comes or goes.
pub(super) fn text(differences: &[Difference]) -> Text {
    Text::lines(differences.iter().flat_map(Difference::lines))
}

impl Difference {
    fn lines(&self) -> Vec<String> {
        let Self { member, before, after } = self;
        match (elements(before), elements(after)) {
            (Some(before), Some(after)) => {
                let (before, after): (BTreeSet<_>, BTreeSet<_>) =
                    (before.into_iter().collect(), after.into_iter().collect());
                let gone = before.difference(&after).map(|element| format!("- {member}: {element}"));
                gone.chain(after.difference(&before).map(|element| format!("+ {member}: {element}"))).collect()
            }
            _ => vec![format!("{member}: {} -> {}", word(before), word(after))],
        }
    }
}

/// The elements of a list, or of an object as `name = value`; none if the member is neither.
fn elements(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => Some(items.iter().map(word).collect()),
        Value::Object(members) => {
            let flat = members.iter().map(|(name, value)| format!("{name} = {}", word(value)));
            Some(flat.collect())
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "default".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(before: &Value, after: &Value) -> Vec<String> {
        let read = |json: &Value| serde_json::from_value::<Profile>(json.clone()).unwrap();
        let differences = differences(&read(before), &read(after)).unwrap();
        text(&differences).lines().map(ToOwned::to_owned).filter(|line| !line.is_empty()).collect()
    }

    #[test]
    fn each_change_is_a_line() {
        let before = json!({"admission": "listed", "attributes": {"a": "x", "b": "y"}, "crlSources": ["s3://lists/1", "s3://lists/2"]});
        let after = json!({
            "admission": "all", "attributes": {"a": "x", "b": "z"}, "crlSources": ["s3://lists/2", "s3://lists/3"], "label": "pumps",
        });
        assert_eq!(
            shown(&before, &after),
            [
                "admission: listed -> all",
                "- attributes: b = y",
                "+ attributes: b = z",
                "- crlSources: s3://lists/1",
                "+ crlSources: s3://lists/3",
                "label: default -> pumps",
            ]
        );
        assert_eq!(shown(&after, &after), [""; 0]);
    }

    #[test]
    fn what_is_no_rule_is_no_difference() {
        let stamped = json!({"caPem": "x", "createdAt": "t", "enrolledAt": "t", "updatedAt": "t"});
        assert_eq!(shown(&json!({}), &stamped), [""; 0]);
    }
}
