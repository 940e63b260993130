//! Values of attributes: their wire form, what may be stored, how they compare, how much room they take.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::number::Number;
use super::refusal::Refusal;

/// An item, or a part of one.
pub(super) type Item = BTreeMap<String, Attribute>;

/// A value. Two are equal when DynamoDB says so: sets have no order, numbers compare by value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Attribute {
    B(Vec<u8>),
    Bool(bool),
    Bs(BTreeSet<Vec<u8>>),
    L(Vec<Self>),
    M(Item),
    N(Number),
    Ns(BTreeSet<Number>),
    Null,
    S(String),
    Ss(BTreeSet<String>),
}

impl Attribute {
    /// The names of all types.
    pub(super) const TYPES: [&str; 10] = ["B", "BOOL", "BS", "L", "M", "N", "NS", "NULL", "S", "SS"];

    pub(super) fn parse(value: &Value) -> Result<Self, Refusal> {
        let members = value.as_object().ok_or_else(|| Refusal::shape("an attribute value", value))?;
        let mut members = members.iter();
        let (Some((name, content)), None) = (members.next(), members.next()) else {
            let problem = "must contain exactly one of the supported datatypes";
            return Err(Refusal::invalid(format!("Supplied AttributeValue {value} {problem}")));
        };
        let wrong = || Refusal::shape(name, content);
        match name.as_str() {
            "B" => octets(content).map(Self::B),
            "BOOL" => content.as_bool().map(Self::Bool).ok_or_else(wrong),
            "BS" => set(content, octets).map(Self::Bs),
            "L" => content.as_array().ok_or_else(wrong)?.iter().map(Self::parse).collect::<Result<_, _>>().map(Self::L),
            "M" => item(content).map(Self::M),
            "N" => number(content).map(Self::N),
            "NS" => set(content, number).map(Self::Ns),
            "NULL" if *content == json!(true) => Ok(Self::Null),
            "NULL" => Err(parameter("Null attribute value types must have the value of true")),
            "S" => text(content).map(Self::S),
            "SS" => set(content, text).map(Self::Ss),
            _ => Err(Refusal::shape("an attribute value", value)),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let content = match self {
            Self::B(octets) => json!(STANDARD.encode(octets)),
            Self::Bool(value) => json!(value),
            Self::Bs(set) => set.iter().map(|octets| STANDARD.encode(octets)).collect(),
            Self::L(list) => list.iter().map(Self::to_json).collect(),
            Self::M(map) => to_json(map),
            Self::N(number) => json!(number.to_string()),
            Self::Ns(set) => set.iter().map(Number::to_string).collect(),
            Self::Null => json!(true),
            Self::S(text) => json!(text),
            Self::Ss(set) => json!(set),
        };
        Value::Object(Map::from_iter([(self.type_name().to_owned(), content)]))
    }

    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Bs(_) => "BS",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::N(_) => "N",
            Self::Ns(_) => "NS",
            Self::Null => "NULL",
            Self::S(_) => "S",
            Self::Ss(_) => "SS",
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::S(text) = self { Some(text) } else { None }
    }

    /// The order of two strings (by their octets in UTF-8), two numbers or two binaries; nothing else has one.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::B(one), Self::B(other)) => Some(one.cmp(other)),
            (Self::N(one), Self::N(other)) => Some(one.cmp(other)),
            (Self::S(one), Self::S(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }

    /// What an item's size counts it for.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::B(octets) => octets.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::Bs(set) => set.iter().map(Vec::len).sum(),
            Self::L(list) => 3 + list.iter().map(|value| 1 + value.size()).sum::<usize>(),
            Self::M(map) => 3 + map.len() + size(map),
            Self::N(number) => number.size(),
            Self::Ns(set) => set.iter().map(|number| number.size()).sum(),
            Self::S(text) => text.len(),
            Self::Ss(set) => set.iter().map(String::len).sum(),
        }
    }
}

impl Attribute {
    fn depth(&self) -> usize {
        match self {
            Self::L(list) => 1 + list.iter().map(Self::depth).max().unwrap_or_default(),
            Self::M(map) => 1 + depth(map),
            _ => 0,
        }
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::L(list) => Box::new(list.iter().flat_map(Self::names)),
            Self::M(map) => Box::new(names(map)),
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// The size of an item: that of its attributes' names and values.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// How many lists and maps lie in one another at the deepest place.
pub(super) fn depth(item: &Item) -> usize {
    item.values().map(Attribute::depth).max().unwrap_or_default()
}

/// The names of all attributes, those within maps included.
pub(super) fn names(item: &Item) -> impl Iterator<Item = &str> {
    item.iter().flat_map(|(name, value)| std::iter::once(name.as_str()).chain(value.names()))
}

pub(super) fn to_json(item: &Item) -> Value {
    item.iter().map(|(name, value)| (name.clone(), value.to_json())).collect()
}

pub(super) fn item(value: &Value) -> Result<Item, Refusal> {
    let members = value.as_object().ok_or_else(|| Refusal::shape("a map of attributes", value))?;
    members.iter().map(|(name, value)| Ok((name.clone(), Attribute::parse(value)?))).collect()
}

fn text(value: &Value) -> Result<String, Refusal> {
    value.as_str().map(ToOwned::to_owned).ok_or_else(|| Refusal::shape("a string", value))
}

fn octets(value: &Value) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text(value)?).map_err(|_| Refusal::shape("base64", value))
}

fn number(value: &Value) -> Result<Number, Refusal> {
    Number::parse(&text(value)?).map_err(Refusal::Invalid)
}

fn set<T: Ord>(value: &Value, read: impl Fn(&Value) -> Result<T, Refusal>) -> Result<BTreeSet<T>, Refusal> {
    let elements = value.as_array().ok_or_else(|| Refusal::shape("a set", value))?;
    if elements.is_empty() {
        return Err(parameter("A set may not be empty"));
    }
    let set: BTreeSet<T> = elements.iter().map(read).collect::<Result<_, _>>()?;
    if set.len() < elements.len() {
        return Err(parameter(&format!("Input collection {value} contains duplicates.")));
    }
    Ok(set)
}

fn parameter(problem: &str) -> Refusal {
    Refusal::invalid(format!("One or more parameter values were invalid: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &Value) -> Attribute {
        Attribute::parse(value).unwrap()
    }

    #[test]
    fn values_come_back_as_they_were() {
        let values = [
            json!({"B": "AQI="}),
            json!({"BOOL": false}),
            json!({"BS": ["AQ==", "Ag=="]}),
            json!({"L": [{"S": ""}, {"L": []}]}),
            json!({"M": {"a": {"N": "-1.5"}}}),
            json!({"NS": ["1", "2"]}),
            json!({"NULL": true}),
            json!({"SS": ["", "a"]}),
        ];
        for value in values {
            assert_eq!(read(&value).to_json(), value);
            assert!(Attribute::TYPES.contains(&read(&value).type_name()));
        }
        assert_eq!(read(&json!({"N": "1.50"})).to_json(), json!({"N": "1.5"}));
    }

    #[test]
    fn values_that_are_none_are_refused() {
        let cases = [
            (json!({}), "exactly one"),
            (json!({"S": "a", "N": "1"}), "exactly one"),
            (json!("a"), "an attribute value"),
            (json!({"X": "a"}), "an attribute value"),
            (json!({"S": 1}), "a string"),
            (json!({"N": 1}), "a string"),
            (json!({"N": "one"}), "numeric value"),
            (json!({"N": "1234567890123456789012345678901234567890.1"}), "38"),
            (json!({"M": {"a": {"L": [{"N": "1e126"}]}}}), "overflow"),
            (json!({"B": "A"}), "base64"),
            (json!({"NULL": false}), "value of true"),
            (json!({"SS": []}), "may not be empty"),
            (json!({"L": [{"NS": []}]}), "may not be empty"),
            (json!({"SS": ["a", "a"]}), "duplicates"),
            (json!({"NS": ["1", "1.0"]}), "duplicates"),
        ];
        for (value, expected) in cases {
            let problem = Attribute::parse(&value).unwrap_err().answer().body.to_string();
            assert!(problem.contains(expected), "{value}: {problem}");
        }
    }

    #[test]
    fn equality_is_by_value() {
        let equal = |one: Value, other: Value| read(&one) == read(&other);
        assert!(equal(json!({"SS": ["a", "b"]}), json!({"SS": ["b", "a"]})));
        assert!(equal(json!({"NS": ["1.0", "2"]}), json!({"NS": ["2.00", "1"]})));
        assert!(equal(
            json!({"M": {"a": {"N": "1"}, "b": {"L": []}}}),
            json!({"M": {"b": {"L": []}, "a": {"N": "1.0"}}})
        ));
        assert!(!equal(json!({"L": [{"S": "a"}, {"S": "b"}]}), json!({"L": [{"S": "b"}, {"S": "a"}]})));
        assert!(!equal(json!({"S": "1"}), json!({"N": "1"})));
    }

    #[test]
    fn sizes_count_names_values_and_structure() {
        let cases = [
            (json!({"ab": {"S": "é"}}), 4),
            (json!({"a": {"B": "AQI="}, "b": {"BOOL": true}, "c": {"NULL": true}}), 7),
            (json!({"a": {"SS": ["xy", "z"]}, "b": {"NS": ["1", "22"]}, "c": {"BS": ["AQI="]}}), 3 + 3 + 4 + 2),
            (json!({"a": {"L": [{"S": "xy"}, {"L": []}]}}), 1 + 3 + 3 + 4),
            (json!({"a": {"M": {"k": {"S": "xy"}}}}), 1 + 3 + 1 + 3),
        ];
        for (value, expected) in cases {
            assert_eq!(size(&item(&value).unwrap()), expected, "{value}");
        }
    }
}
