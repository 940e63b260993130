//! Functions of numbers.
//!
//! What is exact stays exact. The others are of double precision, as AWS IoT's are; what no number is the result of
//! (`ln(0)`, `sqrt(-1)`) is Undefined.

use aws_lc_rs::digest;

use crate::substitution::fault::Problem;
use crate::substitution::message::Message;
use crate::substitution::number::{Number, NumberFault};
use crate::substitution::operator::Operator;
use crate::substitution::value::Value;

/// Decimal places that `trunc` keeps at most.
const MAX_PLACES: i64 = 34;

/// A function of one number or two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::substitution) enum Numeric {
    Abs,
    Acos,
    Asin,
    Atan,
    Atan2,
    BitAnd,
    BitNot,
    BitOr,
    BitXor,
    Ceil,
    Cos,
    Cosh,
    Exp,
    Floor,
    Ln,
    Log,
    Mod,
    Power,
    Round,
    Sign,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
    Trunc,
}

impl Numeric {
    /// The function, and how many arguments it takes.
    pub(super) fn named(lower: &str) -> Option<(Self, usize)> {
        Some(match lower {
            "abs" => (Self::Abs, 1),
            "acos" => (Self::Acos, 1),
            "asin" => (Self::Asin, 1),
            "atan" => (Self::Atan, 1),
            "atan2" => (Self::Atan2, 2),
            "bitand" => (Self::BitAnd, 2),
            "bitnot" => (Self::BitNot, 1),
            "bitor" => (Self::BitOr, 2),
            "bitxor" => (Self::BitXor, 2),
            "ceil" => (Self::Ceil, 1),
            "cos" => (Self::Cos, 1),
            "cosh" => (Self::Cosh, 1),
            "exp" => (Self::Exp, 1),
            "floor" => (Self::Floor, 1),
            "ln" => (Self::Ln, 1),
            "log" => (Self::Log, 1),
            "mod" | "remainder" => (Self::Mod, 2),
            "power" => (Self::Power, 2),
            "round" => (Self::Round, 1),
            "sign" => (Self::Sign, 1),
            "sin" => (Self::Sin, 1),
            "sinh" => (Self::Sinh, 1),
            "sqrt" => (Self::Sqrt, 1),
            "tan" => (Self::Tan, 1),
            "tanh" => (Self::Tanh, 1),
            "trunc" => (Self::Trunc, 2),
            _ => return None,
        })
    }

    /// The value for one argument, or for two.
    pub(super) fn call(self, one: &Value, other: &Value) -> Result<Value, Problem> {
        match self {
            Self::Abs => exact(one, Number::absolute),
            Self::Acos => of_double(one, f64::acos),
            Self::Asin => of_double(one, f64::asin),
            Self::Atan => of_double(one, f64::atan),
            Self::Atan2 => of_doubles(one, other, f64::atan2),
            Self::BitAnd => of_whole(one, other, Number::bit_and),
            Self::BitNot => exact(one, Number::bit_not),
            Self::BitOr => of_whole(one, other, Number::bit_or),
            Self::BitXor => of_whole(one, other, Number::bit_xor),
            Self::Ceil => exact(one, Number::ceiling),
            Self::Cos => of_double(one, f64::cos),
            Self::Cosh => of_double(one, f64::cosh),
            Self::Exp => of_double(one, f64::exp),
            Self::Floor => exact(one, Number::floor),
            Self::Ln => of_double(one, f64::ln),
            Self::Log => of_double(one, f64::log10),
            Self::Mod => Operator::Remainder.apply(one, other),
            Self::Power => of_doubles(one, other, f64::powf),
            Self::Round => exact(one, Number::rounded),
            Self::Sign => exact(one, |number| Ok(number.sign())),
            Self::Sin => of_double(one, f64::sin),
            Self::Sinh => of_double(one, f64::sinh),
            Self::Sqrt => of_double(one, f64::sqrt),
            Self::Tan => of_double(one, f64::tan),
            Self::Tanh => of_double(one, f64::tanh),
            Self::Trunc => trunc(one, other),
        }
    }
}

/// A double as a value; Undefined if it is none. Out of DynamoDB's range it is a fault.
pub(in crate::substitution) fn double(result: f64) -> Result<Value, Problem> {
    if !result.is_finite() {
        return Ok(Value::Undefined);
    }
    // The shortest text that is read as the same double.
    Ok(Value::Number(Number::parse(&format!("{result:?}"))?))
}

/// A number from 0 to 1 (without 1), always the same for a delivery and its route.
///
/// AWS IoT's is random. Here a message that is delivered again becomes the same item.
pub(super) fn rand(message: &Message<'_>) -> Result<Value, Problem> {
    /// Two to the power of the bits that are used.
    const RANGE: f64 = 4_294_967_296.0;
    // Not that of `newuuid()`.
    let digest = digest::digest(&digest::SHA256, format!("rand {}", message.name()).as_bytes());
    let bits = digest.as_ref().iter().take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    double(f64::from(bits) / RANGE)
}

fn exact(value: &Value, function: fn(&Number) -> Result<Number, NumberFault>) -> Result<Value, Problem> {
    let result = value.to_number().map(|number| function(&number)).transpose()?;
    Ok(result.map_or(Value::Undefined, Value::Number))
}

fn of_whole(
    one: &Value,
    other: &Value,
    function: fn(&Number, &Number) -> Result<Number, NumberFault>,
) -> Result<Value, Problem> {
    let Some((one, other)) = one.to_number().zip(other.to_number()) else { return Ok(Value::Undefined) };
    Ok(Value::Number(function(&one, &other)?))
}

fn of_double(value: &Value, function: fn(f64) -> f64) -> Result<Value, Problem> {
    value.to_number().map_or(Ok(Value::Undefined), |number| double(function(number.to_double())))
}

fn of_doubles(one: &Value, other: &Value, function: fn(f64, f64) -> f64) -> Result<Value, Problem> {
    let Some((one, other)) = one.to_number().zip(other.to_number()) else { return Ok(Value::Undefined) };
    double(function(one.to_double(), other.to_double()))
}

/// The places are a number, no string.
fn trunc(value: &Value, places: &Value) -> Result<Value, Problem> {
    match (value.to_number(), places) {
        (Some(number), Value::Number(places)) => {
            Ok(Value::Number(number.truncated(places.index().clamp(0, MAX_PLACES))?))
        }
        _ => Ok(Value::Undefined),
    }
}
