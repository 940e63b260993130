//! What an expression can be: the types of AWS IoT SQL, and how one is taken for another.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::number::Number;

/// A value. Int and Decimal are both a [`Number`]; whether it is whole tells them apart.
///
/// The `to_…` functions convert as AWS IoT does where another type is expected
/// (<https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html>).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// A JSON array.
    Array(Vec<Self>),
    /// `true` or `false`.
    Boolean(bool),
    /// JSON's null, which is a value.
    Null,
    /// An Int or a Decimal.
    Number(Number),
    /// A JSON object. Its members go by their names, whatever their order was; of two with one name the later counts.
    Object(BTreeMap<String, Self>),
    /// A string.
    Text(String),
    /// Not a value: a member that isn't there, or what comes of an operation on types that it is not made for.
    Undefined,
}

impl Value {
    /// Its text; none of Null and Undefined. Arrays and objects are their JSON.
    #[must_use]
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Array(_) | Self::Boolean(_) | Self::Object(_) => Some(Cow::Owned(self.to_string())),
            Self::Null | Self::Undefined => None,
            Self::Number(number) => Some(Cow::Borrowed(number.as_str())),
            Self::Text(text) => Some(Cow::Borrowed(text)),
        }
    }

    /// It as a Decimal: a number, or a string that is written like one and that [`Number`] can hold.
    #[must_use]
    pub fn to_number(&self) -> Option<Cow<'_, Number>> {
        match self {
            Self::Number(number) => Some(Cow::Borrowed(number)),
            Self::Text(text) => Number::parse(text).ok().map(Cow::Owned),
            Self::Array(_) | Self::Boolean(_) | Self::Null | Self::Object(_) | Self::Undefined => None,
        }
    }

    /// It as an Int, rounded down, within `i64`.
    #[must_use]
    pub fn to_index(&self) -> Option<i64> {
        self.to_number().map(|number| number.index())
    }

    /// It as a Boolean: itself, or the string true or false in any case.
    #[must_use]
    pub fn to_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// The member of an object.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        if let Self::Object(members) = self { members.get(name) } else { None }
    }

    /// The element of an array, counted from 0.
    #[must_use]
    pub fn element(&self, index: usize) -> Option<&Self> {
        if let Self::Array(elements) = self { elements.get(index) } else { None }
    }

    /// What the type is called.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Array(_) => "Array",
            Self::Boolean(_) => "Boolean",
            Self::Null => "Null",
            Self::Number(number) if number.is_whole() => "Int",
            Self::Number(_) => "Decimal",
            Self::Object(_) => "Object",
            Self::Text(_) => "String",
            Self::Undefined => "Undefined",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// JSON without white space. An undefined value, which JSON can't express, is written as null.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(elements) => {
                f.write_str("[")?;
                for (at, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", separator(at))?;
                }
                f.write_str("]")
            }
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Null | Self::Undefined => f.write_str("null"),
            Self::Number(number) => f.write_str(number.as_str()),
            Self::Object(members) => {
                f.write_str("{")?;
                for (at, (name, value)) in members.iter().enumerate() {
                    write!(f, "{}{}:{value}", separator(at), quoted(name)?)?;
                }
                f.write_str("}")
            }
            Self::Text(text) => f.write_str(&quoted(text)?),
        }
    }
}

fn separator(at: usize) -> &'static str {
    if at == 0 { "" } else { "," }
}

fn quoted(text: &str) -> Result<String, fmt::Error> {
    serde_json::to_string(text).map_err(|_| fmt::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_convert_as_the_table_of_the_documentation_says() {
        let array = Value::from_json(br#"["a",1.50]"#).unwrap();
        let object = Value::from_json(br#"{"b":null,"a":"\"\u0001"}"#).unwrap();
        let number = |text| Value::Number(Number::parse(text).unwrap());
        let cases = [
            // value, as String, as Decimal, as Int, as Boolean
            (number("12"), Some("12"), Some("12"), Some(12), None),
            (number("-1.5"), Some("-1.5"), Some("-1.5"), Some(-2), None),
            (Value::Boolean(true), Some("true"), None, None, Some(true)),
            ("-1.2".into(), Some("-1.2"), Some("-1.2"), Some(-2), None),
            ("5E-12".into(), Some("5E-12"), Some("5E-12"), Some(0), None),
            ("tRuE".into(), Some("tRuE"), None, None, Some(true)),
            ("False".into(), Some("False"), None, None, Some(false)),
            (" 1".into(), Some(" 1"), None, None, None),
            (array, Some(r#"["a",1.50]"#), None, None, None),
            (object, Some(r#"{"a":"\"\u0001","b":null}"#), None, None, None),
            (Value::Null, None, None, None, None),
            (Value::Undefined, None, None, None, None),
        ];
        for (value, text, decimal, int, boolean) in cases {
            assert_eq!(value.to_text().as_deref(), text, "{value:?}");
            assert_eq!(value.to_number().map(|number| number.to_string()).as_deref(), decimal, "{value:?}");
            assert_eq!(value.to_index(), int, "{value:?}");
            assert_eq!(value.to_boolean(), boolean, "{value:?}");
        }
    }

    #[test]
    fn objects_are_equal_whatever_their_order() {
        let read = |text: &str| Value::from_json(text.as_bytes()).unwrap();
        assert_eq!(read(r#"{"a":1,"b":[2.50]}"#), read(r#"{"b":[2.5],"a":1.0}"#));
        assert_ne!(read(r#"{"a":1}"#), read(r#"{"a":2}"#));
        assert_ne!(read("[1,2]"), read("[2,1]"));
    }

    #[test]
    fn undefined_is_null_in_json() {
        assert_eq!(Value::Array(vec![Value::Undefined]).to_string(), "[null]");
    }
}
