//! Numbers of DynamoDB: decimal, of up to 38 significant digits.

use std::cmp::Ordering;
use std::fmt;

use winnow::Parser as _;
use winnow::combinator::{alt, opt, preceded};
use winnow::token::{one_of, take_while};

const DIGITS: usize = 38;
/// Of the first digit.
const HIGHEST: i32 = 125;
/// Of the first digit.
const LOWEST: i32 = -130;

/// `coefficient * 10^exponent`. The coefficient has no trailing zeros, so that equal numbers have equal members.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Number {
    coefficient: i128,
    exponent: i32,
}

impl Number {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Ok((sign, (whole, fraction), power)) = decimal.parse(text) else {
            return Err(not_numeric(text));
        };
        let digits = [whole, fraction].concat();
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self { coefficient: 0, exponent: 0 });
        }
        let Ok(magnitude) = significant.parse::<i128>() else { return Err(too_long()) };
        let dropped = digits.len() - digits.trim_end_matches('0').len();
        let shift = i32::try_from(dropped).unwrap_or(i32::MAX) - i32::try_from(fraction.len()).unwrap_or(i32::MAX);
        let coefficient = if sign == Some('-') { -magnitude } else { magnitude };
        let Ok(power) = power.map_or(Ok(0), str::parse::<i64>) else { return Err(not_numeric(text)) };
        // What is no i32 is out of range anyway.
        let power = i32::try_from(power).unwrap_or(if power < 0 { i32::MIN / 2 } else { i32::MAX / 2 });
        Self { coefficient, exponent: power.saturating_add(shift) }.checked()
    }

    /// A sum is exact or refused.
    pub(super) fn plus(self, other: Self) -> Result<Self, String> {
        match (self.coefficient, other.coefficient) {
            (0, _) => return Ok(other),
            (_, 0) => return Ok(self),
            _ => {}
        }
        let exponent = self.exponent.min(other.exponent);
        let aligned = |number: Self| {
            let power = u32::try_from(number.exponent - exponent).ok()?;
            number.coefficient.checked_mul(10_i128.checked_pow(power)?)
        };
        let sum = aligned(self).zip(aligned(other)).and_then(|(one, other)| one.checked_add(other));
        // The service says so of sums that would not be exact, too.
        let Some(sum) = sum.map(|sum| Self { coefficient: sum, exponent }.normal()) else { return Err(overflow()) };
        if sum.digits() > DIGITS { Err(overflow()) } else { sum.checked() }
    }

    fn normal(mut self) -> Self {
        if self.coefficient == 0 {
            self.exponent = 0;
        }
        while self.coefficient != 0 && self.coefficient % 10 == 0 {
            self.coefficient /= 10;
            self.exponent += 1;
        }
        self
    }

    pub(super) fn negated(self) -> Self {
        Self { coefficient: -self.coefficient, ..self }
    }

    /// What it counts for in an item's size: two digits an octet, one for the exponent, one for a minus sign.
    pub(super) fn size(self) -> usize {
        if self.coefficient == 0 {
            return 1;
        }
        let digits = self.digits();
        // Digits are paired from the decimal point on.
        let unpaired = digits.is_multiple_of(2) && self.exponent.rem_euclid(2) == 1;
        1 + digits.div_ceil(2) + usize::from(unpaired) + usize::from(self.coefficient < 0)
    }

    fn digits(self) -> usize {
        self.coefficient.unsigned_abs().to_string().len()
    }

    fn checked(self) -> Result<Self, String> {
        let digits = self.digits();
        if digits > DIGITS {
            return Err(too_long());
        }
        let first = self.exponent.saturating_add(i32::try_from(digits).unwrap_or(i32::MAX)).saturating_sub(1);
        match first {
            _ if self.coefficient == 0 => Ok(self),
            HIGHEST.. if first > HIGHEST => Err(overflow()),
            ..LOWEST => {
                Err("Number underflow. Attempting to store a number with magnitude smaller than supported range"
                    .to_owned())
            }
            _ => Ok(self),
        }
    }
}

fn too_long() -> String {
    "Attempting to store more than 38 significant digits in a Number".to_owned()
}

fn not_numeric(text: &str) -> String {
    format!("The parameter cannot be converted to a numeric value: {text}")
}

fn overflow() -> String {
    "Number overflow. Attempting to store a number with magnitude larger than supported range".to_owned()
}

type Decimal<'a> = (Option<char>, (&'a str, &'a str), Option<&'a str>);

fn decimal<'a>(input: &mut &'a str) -> winnow::Result<Decimal<'a>> {
    let digits = |least: usize| take_while(least.., |c: char| c.is_ascii_digit());
    let sign = || opt(one_of(['-', '+']));
    let with_whole = (digits(1), opt(preceded('.', digits(0))).map(Option::unwrap_or_default));
    let mantissa = alt((with_whole, preceded('.', digits(1)).map(|fraction| ("", fraction))));
    let power = opt(preceded(one_of(['e', 'E']), (sign(), digits(1)).take()));
    (sign(), mantissa, power).parse_next(input)
}

impl From<usize> for Number {
    fn from(count: usize) -> Self {
        Self { coefficient: i128::try_from(count).unwrap_or(i128::MAX), exponent: 0 }.normal()
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.coefficient.signum().cmp(&other.coefficient.signum());
        if signs != Ordering::Equal || self.coefficient == 0 {
            return signs;
        }
        let first = |number: &Self| i32::try_from(number.digits()).unwrap_or(i32::MAX).saturating_add(number.exponent);
        let larger = first(self).cmp(&first(other)).then_with(|| {
            // Both start at the same place: the one with the higher exponent has fewer digits.
            let lowest = self.exponent.min(other.exponent);
            let aligned = |number: &Self| {
                let power = 10_u128.saturating_pow(number.exponent.abs_diff(lowest));
                number.coefficient.unsigned_abs().saturating_mul(power)
            };
            aligned(self).cmp(&aligned(other))
        });
        if self.coefficient < 0 { larger.reverse() } else { larger }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.coefficient.unsigned_abs().to_string();
        let zeros = |count: usize| "0".repeat(count);
        let text = if let Ok(count) = usize::try_from(self.exponent) {
            digits + &zeros(count)
        } else {
            let places = usize::try_from(self.exponent.unsigned_abs()).unwrap_or(usize::MAX);
            let digits = zeros((places + 1).saturating_sub(digits.len())) + &digits;
            let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
            format!("{whole}.{fraction}")
        };
        f.pad_integral(self.coefficient >= 0, "", &text)
    }
}
