//! Expressions and what they are for a message.

use std::borrow::Cow;

use super::fault::Problem;
use super::function::{Function, double};
use super::message::Message;
use super::operator::{Operator, equal, negated, not};
use super::pattern::Pattern;
use super::value::Value;
use super::zone::Zone;

/// What stands between `${` and `}`.
///
/// Only what is written inside of something else is nested in it; operators and steps that follow each other are lists.
/// The bound of the nesting, which the parser keeps, is therefore one of the depth of recursion.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Call(Function, Vec<Self>),
    Case {
        branches: Vec<(Self, Self)>,
        of: Box<Self>,
        otherwise: Option<Box<Self>>,
    },
    Cast(Box<Self>, Type),
    /// Operators of the same rank, applied from left to right.
    Chain(Box<Self>, Vec<(Operator, Self)>),
    /// `encode(*, 'base64')`: of the payload as it came.
    EncodedPayload,
    Literal(Value),
    Negated(Box<Self>),
    Not(Box<Self>),
    /// `parse_time`.
    Formatted {
        at: Box<Self>,
        pattern: Pattern,
        zone: Zone,
    },
    Path(Box<Self>, Vec<Step>),
    /// The JSON payload: `*`, or what a path starts from.
    Payload,
    /// `time_to_epoch`.
    SinceEpoch(Box<Self>, Pattern),
}

/// Into an object or an array.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Element(usize),
    Member(String),
}

/// What `cast` makes of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Type {
    Boolean,
    Decimal,
    /// A Decimal of double precision.
    Double,
    Int,
    Text,
}

impl Type {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "bool" | "boolean" => Some(Self::Boolean),
            "decimal" => Some(Self::Decimal),
            "double" => Some(Self::Double),
            "int" | "integer" => Some(Self::Int),
            "ntext" | "nvarchar" | "string" | "text" | "varchar" => Some(Self::Text),
            _ => None,
        }
    }

    /// Numbers come from Booleans and become them, other than where a conversion was not asked for.
    fn cast(self, value: &Value) -> Result<Value, Problem> {
        let number = || match value {
            Value::Boolean(value) => Some(Cow::Owned(u64::from(*value).into())),
            _ => value.to_number(),
        };
        let cast = match self {
            Self::Boolean => match value {
                Value::Number(number) => Some(Value::Boolean(!number.is_zero())),
                _ => value.to_boolean().map(Value::Boolean),
            },
            Self::Decimal => number().map(|number| Value::Number(number.into_owned())),
            Self::Double => return number().map_or(Ok(Value::Undefined), |number| double(number.to_double())),
            Self::Int => number().map(|number| number.floor()).transpose()?.map(Value::Number),
            Self::Text => value.to_text().map(|text| Value::Text(text.into_owned())),
        };
        Ok(cast.unwrap_or(Value::Undefined))
    }
}

impl Expression {
    /// Its value. What the payload or the template holds already is not copied.
    pub(super) fn evaluate<'a>(&'a self, message: &Message<'a>) -> Result<Cow<'a, Value>, Problem> {
        Ok(Cow::Owned(match self {
            Self::Call(function, arguments) => {
                let arguments = arguments.iter().map(|argument| argument.evaluate(message));
                function.call(arguments.collect::<Result<_, _>>()?, message)?
            }
            Self::Case { branches, of, otherwise } => {
                let of = of.evaluate(message)?;
                if *of == Value::Undefined {
                    return Ok(of);
                }
                for (when, then) in branches {
                    if equal(&of, &*when.evaluate(message)?) == Some(true) {
                        return then.evaluate(message);
                    }
                }
                return otherwise
                    .as_ref()
                    .map_or(Ok(Cow::Owned(Value::Undefined)), |otherwise| otherwise.evaluate(message));
            }
            Self::Cast(value, to) => to.cast(&*value.evaluate(message)?)?,
            Self::Chain(first, rest) => {
                let mut value = first.evaluate(message)?;
                for (operator, operand) in rest {
                    value = Cow::Owned(operator.apply(&value, &*operand.evaluate(message)?)?);
                }
                return Ok(value);
            }
            Self::EncodedPayload => Value::Text(super::function::base64(message.raw)),
            Self::Formatted { at, pattern, zone } => {
                let text = at.evaluate(message)?.to_index().and_then(|at| pattern.format(at, zone));
                text.map_or(Value::Undefined, Value::Text)
            }
            Self::Literal(value) => return Ok(Cow::Borrowed(value)),
            Self::Negated(value) => negated(&*value.evaluate(message)?)?,
            Self::Not(value) => not(&*value.evaluate(message)?),
            Self::Path(start, steps) => return Ok(follow(start.evaluate(message)?, steps)),
            Self::Payload => return Ok(message.payload.map_or(Cow::Owned(Value::Undefined), Cow::Borrowed)),
            Self::SinceEpoch(text, pattern) => {
                let text = text.evaluate(message)?;
                let millis = text.to_text().and_then(|text| pattern.millis(&text));
                millis.map_or(Value::Undefined, |millis| Value::Number(millis.into()))
            }
        }))
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Element(index) => value.element(*index),
            Self::Member(name) => value.member(name),
        }
    }
}

fn follow<'a>(start: Cow<'a, Value>, steps: &[Step]) -> Cow<'a, Value> {
    let undefined = || Cow::Owned(Value::Undefined);
    match start {
        Cow::Borrowed(start) => {
            steps.iter().try_fold(start, |value, step| step.of(value)).map_or_else(undefined, Cow::Borrowed)
        }
        Cow::Owned(start) => {
            let found = steps.iter().try_fold(&start, |value, step| step.of(value));
            found.map_or_else(undefined, |value| Cow::Owned(value.clone()))
        }
    }
}
