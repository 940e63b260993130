//! The keys of an item.

use std::borrow::Cow;

use crate::substitution::{EvaluationFault, Message, Number, Template};

/// A key attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Octets of a text, at most: 2048 of a partition key, 1024 of a sort key.
    pub longest: usize,
    /// The attribute.
    pub name: String,
    /// Its type.
    pub kind: KeyType,
    /// Its value.
    pub value: Template,
}

/// The types that a key can have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyType {
    /// A number.
    Number,
    /// A string. The default.
    #[default]
    Text,
}

/// The value of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyValue {
    /// Of the type NUMBER.
    Number(Number),
    /// Of the type STRING; not empty.
    Text(String),
}

impl KeyValue {
    /// The same text for keys that DynamoDB takes for one: numbers go by their value, 1 and 1e0 are one key. A number
    /// and a text may have the same, since a key of a table has one type.
    #[must_use]
    pub fn canonical(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => number.canonical(),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }
}

/// Why a message has no key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFault {
    /// A text of no characters can't be a key.
    #[error("{0}: the key is empty")]
    Empty(String),
    /// The template has no value for the message.
    #[error("{0}: {1}")]
    Evaluation(String, #[source] EvaluationFault),
    /// A NUMBER was asked for.
    #[error("{0}: the key is a NUMBER, {1:?} is none that fits")]
    NoNumber(String, String),
    /// A text is longer than a key can be.
    #[error("{name}: the key has {got} octets, at most {longest} are allowed")]
    TooLong {
        /// The octets that the key has.
        got: usize,
        /// The octets that it may have.
        longest: usize,
        /// The attribute.
        name: String,
    },
}

impl Key {
    /// The key of a message.
    ///
    /// # Errors
    /// See [`KeyFault`]; each names the attribute.
    pub fn of(&self, message: &Message<'_>) -> Result<KeyValue, KeyFault> {
        let text = self.value.text(message).map_err(|fault| KeyFault::Evaluation(self.name.clone(), fault))?;
        self.checked(text)
    }

    /// A text as the key.
    pub(super) fn checked(&self, text: String) -> Result<KeyValue, KeyFault> {
        let name = || self.name.clone();
        match self.kind {
            KeyType::Number => match Number::parse(&text) {
                Ok(number) => Ok(KeyValue::Number(number)),
                // Somebody else chose the text.
                Err(_) => Err(KeyFault::NoNumber(name(), text.chars().take(80).collect())),
            },
            KeyType::Text if text.is_empty() => Err(KeyFault::Empty(name())),
            KeyType::Text if text.len() > self.longest => {
                Err(KeyFault::TooLong { got: text.len(), longest: self.longest, name: name() })
            }
            KeyType::Text => Ok(KeyValue::Text(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_have_one_canonical_text() {
        let number = |text| KeyValue::Number(Number::parse(text).unwrap());
        let canonical = |text| number(text).canonical().into_owned();
        for equal in [
            vec!["1", "1.0", "1e0", "0.1e1", "01"],
            vec!["1.5", "1.50", "15e-1", "0.15E1"],
            vec!["-0.05", "-5e-2", "-0.050"],
            vec!["0", "-0", "0.00", "0e5"],
            vec!["1e40", "10E39", "1.0e+40"],
            vec!["0.00000015", "1.5e-7", "15E-8"],
        ] {
            for text in &equal {
                assert_eq!(canonical(text), canonical(equal[0]), "{text}");
            }
        }
        let different = ["0", "1", "-1", "10", "0.1", "1e40", "1e41", "1.5", "-1.5"].map(canonical);
        assert_eq!(different.iter().collect::<std::collections::BTreeSet<_>>().len(), different.len());
        assert!(matches!(number("12").canonical(), Cow::Borrowed("12")));
        // What is no number has no value but its characters.
        assert_eq!(KeyValue::Text("1.0".to_owned()).canonical(), "1.0");
    }
}
