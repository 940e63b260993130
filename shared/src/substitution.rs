//! Substitution templates of AWS IoT rules: texts with `${…}` expressions that are filled from a message.
//!
//! The language is that of AWS IoT SQL 2016-03-23
//! (<https://docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html>), as far as a key of an item
//! needs it:
//!
//! - paths into the JSON payload (`a.b[0].c`; `*` is the whole of it), strings in single or double quotes, numbers,
//!   `true`, `false`, `null`;
//! - `OR`, `AND`, `NOT`, `=` `<>` `<` `<=` `>` `>=`, `+` `-`, `*` `/` `%`, parentheses, and
//!   `CASE x WHEN a THEN b … ELSE c END`;
//! - all functions that need no call to AWS: of the message (`topic`, `timestamp`, `clientid`, …), of numbers, texts, arrays
//!   and objects, hashes, regular expressions, base64, and times in the zones of IANA's database.
//!
//! Left out are functions that call AWS (`aws_lambda`, `get_dynamodb`, `get_registry_data`, `get_secret`,
//! `get_thing_shadow`, `machinelearning_predict`, and `decode(…, 'proto')`, whose descriptions are in S3), those of what rules
//! do not hand over (`get_mqtt_property`, `get_user_properties`, `sourceip`), and literals of arrays and objects.
//!
//! It differs where AWS IoT would lose something:
//!
//! - Numbers are never rounded, other than a quotient that doesn't end and the functions that AWS IoT calculates with
//!   double precision. A result that DynamoDB can't hold is a fault.
//! - Where a text is asked for, Null and Undefined are a fault and not an empty text: otherwise all messages without the
//!   member would be one item.
//! - `newuuid()` and `rand()` are the same whenever the same message is delivered by the same route.
//!
//! And where it has to:
//!
//! - Regular expressions are those of `regex-lite`, not Java's: no look-around, no references back, no possessive
//!   quantifiers, no properties of Unicode. An expression has at most 1,024 bytes, a text that is searched 16,384.
//! - Patterns of times and names of zones are literals. Zones without letters for their short name (`z`) have their offset:
//!   `+09` for Asia/Dili. Names of zones are read (`VV`, `z`), ambiguous short ones (`PST`) are not.
//! - `bitnot(13)` is -14, as of two's complement; AWS's page says 2, as if an Int had four bits.
//! - `regexp_substr` without a match is Undefined, and `indexof` -1; AWS's page does not say.
//!
//! Whatever a template can be known to be wrong about is found when it is parsed. A template has at most 4,096
//! characters and expressions nested 32 deep; a result has at most 409,600 octets.

use std::fmt;

mod expression;
mod fault;
mod function;
mod json;
mod message;
mod not_a_number;
mod number;
mod operator;
mod parser;
mod pattern;
mod token;
mod value;
mod zone;

pub use fault::{EvaluationFault, ParseFault, Problem};
pub use json::JsonFault;
pub use message::Message;
pub use number::{Number, NumberFault};
pub use value::Value;

use expression::Expression;
use token::Piece;

/// Characters of a template, at most.
const LONGEST: usize = 4096;

/// Octets of a result, at most: those of an item.
const LONGEST_RESULT: usize = 409_600;

/// A checked template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
    source: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// The column of its `${`, and what it holds.
    Expression(usize, Expression),
    Literal(String),
}

impl Template {
    /// Reads a template. Text without `${` is one, too.
    ///
    /// # Errors
    /// [`ParseFault`] with the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, ParseFault> {
        if text.chars().count() > LONGEST {
            return Err(ParseFault::new(LONGEST + 1, format!("a template has at most {LONGEST} characters")));
        }
        let part = |piece| match piece {
            Piece::Expression(column, tokens) => Ok(Part::Expression(column, parser::expression(&tokens)?)),
            Piece::Literal(text) => Ok(Part::Literal(text)),
        };
        let parts = token::pieces(text)?.into_iter().map(part).collect::<Result<_, ParseFault>>()?;
        Ok(Self { parts, source: text.to_owned() })
    }

    /// The text with its expressions filled in.
    ///
    /// # Errors
    /// [`EvaluationFault`] if an expression is Null, Undefined, or can't be held.
    pub fn text(&self, message: &Message<'_>) -> Result<String, EvaluationFault> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Expression(column, expression) => {
                    let fault = |problem| EvaluationFault { column: *column, problem };
                    let value = expression.evaluate(message).map_err(fault)?;
                    let text = value.to_text().ok_or_else(|| fault(Problem::Undefined))?;
                    if filled.len() + text.len() > LONGEST_RESULT {
                        return Err(fault(Problem::TooLong));
                    }
                    filled.push_str(&text);
                }
                Part::Literal(text) => filled.push_str(text),
            }
        }
        Ok(filled)
    }

    /// The value of a template that is one `${…}` and nothing else, with its type; of any other its text.
    ///
    /// # Errors
    /// [`EvaluationFault`] if the value can't be held; for a text see [`Template::text`].
    pub fn value(&self, message: &Message<'_>) -> Result<Value, EvaluationFault> {
        match self.parts.as_slice() {
            [Part::Expression(column, expression)] => match expression.evaluate(message) {
                Ok(value) => Ok(value.into_owned()),
                Err(problem) => Err(EvaluationFault { column: *column, problem }),
            },
            _ => self.text(message).map(Value::Text),
        }
    }

    /// The text of a template without expressions, which is the same for every message.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests;
