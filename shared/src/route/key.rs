//! The keys of an item.

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
