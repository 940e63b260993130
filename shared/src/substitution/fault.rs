//! What is wrong with a template, or with a message for it.

use super::number::NumberFault;

/// Bytes of a text that is searched for a regular expression, at most. A replacement may search it once for each of its
/// characters.
pub(super) const MAX_SEARCHED_BYTES: usize = 16_384;

/// Why a text is not a template.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct ParseFault {
    /// Where, in characters of the text, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl ParseFault {
    pub(super) fn new(column: usize, message: impl Into<String>) -> Self {
        Self { column, message: message.into() }
    }
}

/// Why a message does not fill a template.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct EvaluationFault {
    /// Where the `${` of the expression is, in characters of the template's text, from 1.
    pub column: usize,
    /// What is wrong with the expression's value.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The result of an operation can't be held without rounding.
    #[error("the result is {0}")]
    Number(#[from] NumberFault),
    /// A text or an array is longer than an item of DynamoDB can be.
    #[error("the result is longer than 409600 octets")]
    TooLong,
    /// A text is too long to be searched for a regular expression.
    #[error("a text of more than {MAX_SEARCHED_BYTES} bytes is not searched for a regular expression")]
    TooLongToSearch,
    /// A text was asked for, and the value is Null or Undefined.
    #[error("the message has no value for the expression")]
    Undefined,
}
