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
            _ => 1,
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

/// Level of the deepest value: an attribute's own is 1, that of what is in it 2.
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
