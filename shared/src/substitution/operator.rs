//! Operators, as <https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-operators.html> defines them.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::LONGEST_RESULT;
use super::fault::Problem;
use super::number::{Number, NumberFault};
use super::value::Value;

/// What stands between two expressions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Add,
    And,
    Divide,
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Multiply,
    NotEqual,
    Or,
    Remainder,
    Subtract,
}

impl Operator {
    /// How it is written, in capitals.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::And => "AND",
            Self::Divide => "/",
            Self::Equal => "=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Multiply => "*",
            Self::NotEqual => "<>",
            Self::Or => "OR",
            Self::Remainder => "%",
            Self::Subtract => "-",
        }
    }

    pub(super) fn apply(self, one: &Value, other: &Value) -> Result<Value, Problem> {
        let ordered = |holds: fn(Ordering) -> bool| {
            Ok(numbers(one, other).map_or(Value::Undefined, |(one, other)| Value::Boolean(holds(one.cmp(&other)))))
        };
        match self {
            Self::Add => add(one, other),
            Self::And => Ok(logical(one, other, |one, other| one && other)),
            // Two numbers that are both whole are Ints; a string becomes a Decimal even if it is whole.
            Self::Divide => match (one, other) {
                (Value::Number(one), Value::Number(other)) if one.is_whole() && other.is_whole() => {
                    Ok(one.divided_whole(other)?.map_or(Value::Undefined, Value::Number))
                }
                _ => arithmetic(one, other, Number::divided),
            },
            Self::Equal => Ok(equal(one, other).map_or(Value::Undefined, Value::Boolean)),
            Self::Greater => ordered(Ordering::is_gt),
            Self::GreaterOrEqual => ordered(Ordering::is_ge),
            Self::Less => ordered(Ordering::is_lt),
            Self::LessOrEqual => ordered(Ordering::is_le),
            Self::Multiply => arithmetic(one, other, |one, other| one.times(other).map(Some)),
            Self::NotEqual => Ok(equal(one, other).map_or(Value::Undefined, |equal| Value::Boolean(!equal))),
            Self::Or => Ok(logical(one, other, |one, other| one || other)),
            Self::Remainder => arithmetic(one, other, Number::remainder),
            Self::Subtract => arithmetic(one, other, |one, other| one.minus(other).map(Some)),
        }
    }
}

/// `NOT`.
pub(super) fn not(value: &Value) -> Value {
    value.to_boolean().map_or(Value::Undefined, |value| Value::Boolean(!value))
}

/// The minus in front of a value.
pub(super) fn negated(value: &Value) -> Result<Value, Problem> {
    Ok(value.to_number().map(|number| number.negated()).transpose()?.map_or(Value::Undefined, Value::Number))
}

/// Whether two values are equal; not even told of Undefined. What differs in type is not equal.
pub(super) fn equal(one: &Value, other: &Value) -> Option<bool> {
    (*one != Value::Undefined && *other != Value::Undefined).then(|| one == other)
}

/// Joins texts; Undefined if one of the values has none.
pub(super) fn joined<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<Value, Problem> {
    let mut joined = String::new();
    for value in values {
        let Some(text) = value.to_text() else { return Ok(Value::Undefined) };
        if joined.len() + text.len() > LONGEST_RESULT {
            return Err(Problem::TooLong);
        }
        joined.push_str(&text);
    }
    Ok(Value::Text(joined))
}

fn add(one: &Value, other: &Value) -> Result<Value, Problem> {
    match (one, other) {
        (Value::Text(_), _) | (_, Value::Text(_)) => joined([one, other]),
        (Value::Number(one), Value::Number(other)) => Ok(Value::Number(one.plus(other)?)),
        _ => Ok(Value::Undefined),
    }
}

/// Of what isn't a Boolean nothing comes, even if the other operand would decide.
fn logical(one: &Value, other: &Value, operation: fn(bool, bool) -> bool) -> Value {
    let operands = one.to_boolean().zip(other.to_boolean());
    operands.map_or(Value::Undefined, |(one, other)| Value::Boolean(operation(one, other)))
}

fn numbers<'a>(one: &'a Value, other: &'a Value) -> Option<(Cow<'a, Number>, Cow<'a, Number>)> {
    one.to_number().zip(other.to_number())
}

fn arithmetic(
    one: &Value,
    other: &Value,
    operation: fn(&Number, &Number) -> Result<Option<Number>, NumberFault>,
) -> Result<Value, Problem> {
    let Some((one, other)) = numbers(one, other) else { return Ok(Value::Undefined) };
    Ok(operation(&one, &other)?.map_or(Value::Undefined, Value::Number))
}
