//! The members of a request.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The members of a request, or of a part of one. What is not known here is refused, for it would change the meaning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    pub(super) fn new(value: &'a Value, known: &[&str]) -> Result<Self, Refusal> {
        let members = value.as_object().ok_or_else(|| Refusal::shape("a structure", value))?;
        // What is asked for in vain changes nothing.
        let is_known = |name: &str, value: &Value| {
            known.contains(&name)
                || value.is_null()
                || (matches!(name, "ReturnConsumedCapacity" | "ReturnItemCollectionMetrics") && value == "NONE")
        };
        match members.iter().find(|(name, value)| !is_known(name, value)) {
            Some((name, _)) => Err(Refusal::invalid(format!("Member {name} is not supported in memory"))),
            None => Ok(Self(members)),
        }
    }

    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn required(self, name: &str) -> Result<&'a Value, Refusal> {
        self.get(name).ok_or_else(|| {
            let constraint = "failed to satisfy constraint: Member must not be null";
            let name = lower_first(name);
            Refusal::invalid(format!("1 validation error detected: Value null at '{name}' {constraint}"))
        })
    }

    pub(super) fn text(self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let text =
            |value: &'a Value| value.as_str().ok_or_else(|| Refusal::shape(&format!("a string as {name}"), value));
        self.get(name).map(text).transpose()
    }

    pub(super) fn flag(self, name: &str) -> Result<Option<bool>, Refusal> {
        let flag =
            |value: &Value| value.as_bool().ok_or_else(|| Refusal::shape(&format!("a boolean as {name}"), value));
        self.get(name).map(flag).transpose()
    }

    pub(super) fn table(self) -> Result<&'a str, Refusal> {
        self.required("TableName").and_then(|_| self.text("TableName").map(Option::unwrap_or_default))
    }

    /// Which of the words it is, the first if it isn't there.
    pub(super) fn choice<'w>(self, name: &str, words: &[&'w str]) -> Result<&'w str, Refusal> {
        let chosen = self.text(name)?;
        let found = words.iter().find(|word| chosen.is_none_or(|chosen| chosen == **word));
        found.copied().ok_or_else(|| {
            let (name, words) = (lower_first(name), words.join(", "));
            Refusal::invalid(format!(
                "1 validation error detected: Value '{}' at '{name}' failed to satisfy constraint: Member must satisfy \
                 enum value set: [{words}]",
                chosen.unwrap_or_default()
            ))
        })
    }
}

/// A member's name as messages have it.
fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().into_iter().flat_map(char::to_lowercase).chain(characters).collect()
}

/// The members of an object, in order.
pub(super) fn entries(value: &Value) -> Result<impl Iterator<Item = (&String, &Value)>, Refusal> {
    value.as_object().map(Map::iter).ok_or_else(|| Refusal::shape("a map", value))
}

/// The elements of an array, of which there is at least one.
pub(super) fn elements(value: &Value) -> Result<&[Value], Refusal> {
    match value.as_array() {
        Some(elements) if elements.is_empty() => {
            let constraint = "failed to satisfy constraint: Member must have length greater than or equal to 1";
            Err(Refusal::invalid(format!("1 validation error detected: Value '[]' {constraint}")))
        }
        Some(elements) => Ok(elements),
        None => Err(Refusal::shape("a list", value)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_known_and_of_their_type() {
        let problem = |value: Value| Members::new(&value, &["A"]).unwrap_err().answer().body.to_string();
        assert!(problem(json!({"A": 1, "Expected": {}})).contains("Member Expected is not supported"));
        assert!(problem(json!({"ReturnConsumedCapacity": "TOTAL"})).contains("ReturnConsumedCapacity"));
        assert!(problem(json!([])).contains("SerializationException"));
        assert!(Members::new(&json!({"ReturnConsumedCapacity": "NONE", "Expected": null}), &[]).is_ok());

        let value = json!({"A": 1, "B": "b"});
        let members = Members::new(&value, &["A", "B"]).unwrap();
        assert!(members.text("A").is_err() && members.flag("A").is_err() && members.table().is_err());
        assert_eq!((members.text("B"), members.text("C"), members.flag("C")), (Ok(Some("b")), Ok(None), Ok(None)));
        assert_eq!((members.choice("B", &["a", "b"]), members.choice("C", &["a", "b"])), (Ok("b"), Ok("a")));
        assert!(members.choice("B", &["a"]).is_err());
        assert!(elements(&json!([])).is_err() && elements(&json!({})).is_err() && entries(&json!([])).is_err());
    }
}
