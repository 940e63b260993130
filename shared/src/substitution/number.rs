//! Numbers, exactly: decimals of at most 38 significant digits, as DynamoDB keeps them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode};

/// Most significant digits of a DynamoDB number.
const DIGITS: usize = 38;
/// Power of ten of the first digit of DynamoDB's greatest numbers.
const HIGHEST: i64 = 125;
/// Power of ten of the first digit of DynamoDB's smallest numbers.
const LOWEST: i64 = -130;
/// Significant digits of a quotient that doesn't end: those of AWS IoT's Decimal (data types of its SQL reference).
const QUOTIENT_DIGITS: u64 = 34;
/// From here on a number with a fraction is not kept as it was written: nobody needs that many zeros.
const LONGEST_TEXT: usize = 256;

/// A number that DynamoDB can hold without rounding.
///
/// It keeps its text. Only a whole number below 10^38 that was written with a point or an exponent becomes its plain
/// digits: AWS IoT's SQL of 2016-03-23 takes 10.0 for 10. Zero has no sign. Numbers are equal if their values are.
#[derive(Clone, Debug)]
pub struct Number {
    text: String,
}

/// Why a text is not such a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NumberFault {
    /// It is not of the form `-12.3e-4`.
    #[error("not a number")]
    Malformed,
    /// Its magnitude is above 9.99…E+125, or under 1E-130 without being zero.
    #[error("a number outside of 1E-130 to 9.99E+125")]
    OutOfRange,
    /// It has more than 38 significant digits.
    #[error("a number of more than 38 significant digits")]
    TooLong,
}

impl Number {
    /// Reads a number as JSON writes it; zeros in front are allowed.
    ///
    /// # Errors
    /// See [`NumberFault`].
    pub fn parse(text: &str) -> Result<Self, NumberFault> {
        let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
        let [whole, fraction, exponent] = parts(unsigned);
        let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if ![whole, fraction, power]
            .into_iter()
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(NumberFault::Malformed);
        }
        let digits = [whole, fraction].concat();
        let significant = digits.trim_matches('0');
        if significant.is_empty() {
            return Ok(Self { text: "0".to_owned() });
        }
        if significant.len() > DIGITS {
            return Err(NumberFault::TooLong);
        }
        // An exponent that is no i32 is as good as any other that is out of range.
        let exponent: i64 = exponent.parse::<i32>().map_err(|_| NumberFault::OutOfRange)?.into();
        let zeros = digits.len() - digits.trim_start_matches('0').len();
        let first = exponent + count(whole.len()) - count(zeros) - 1;
        let last = in_range(first)? - count(significant.len()) + 1;
        let is_plain = last >= 0 && first < count(DIGITS);
        if is_plain || text.len() > LONGEST_TEXT {
            return Ok(Self { text: written(sign, significant, last) });
        }
        let unsigned = unsigned.trim_start_matches('0');
        let zero = if unsigned.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
        Ok(Self { text: [sign, zero, unsigned].concat() })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same text for equal numbers.
    #[must_use]
    pub fn canonical(&self) -> Cow<'_, str> {
        // Plain digits have no other form, and nothing that was read once fails to fit.
        let written = if self.is_whole() { None } else { Self::exact(&self.decimal()).ok() };
        written.map_or(Cow::Borrowed(&self.text), |number| Cow::Owned(number.text))
    }

    /// Whether AWS IoT takes it for an Int: a whole number below 10^38.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.text.contains(['.', 'e', 'E'])
    }

    /// Whether it is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.text == "0"
    }

    /// The powers of ten of the first and of the last significant digit; none of zero.
    pub(crate) fn powers(&self) -> Option<(i64, i64)> {
        let [whole, fraction, exponent] = parts(self.text.trim_start_matches('-'));
        let exponent: i64 = exponent.parse().ok()?;
        let digits = whole.bytes().chain(fraction.bytes()).enumerate();
        let mut significant = digits.filter(|(_, digit)| *digit != b'0').map(|(at, _)| at);
        let first = significant.next()?;
        let power = |at| exponent + count(whole.len()) - 1 - count(at);
        Some((power(first), power(significant.last().unwrap_or(first))))
    }

    /// The greatest whole number that is not greater, or the end of the range of `i64` on that side.
    #[must_use]
    pub fn index(&self) -> i64 {
        let (floor, _) = self.decimal().with_scale_round(0, RoundingMode::Floor).into_bigint_and_scale();
        let end = if self.text.starts_with('-') { i64::MIN } else { i64::MAX };
        i64::try_from(floor).unwrap_or(end)
    }

    /// The nearest number of double precision; every number is within its range.
    pub(super) fn to_double(&self) -> f64 {
        self.text.parse().unwrap_or(f64::NAN)
    }

    pub(super) fn absolute(&self) -> Result<Self, NumberFault> {
        Self::exact(&self.decimal().abs())
    }

    pub(super) fn ceiling(&self) -> Result<Self, NumberFault> {
        Self::exact(&self.decimal().with_scale_round(0, RoundingMode::Ceiling))
    }

    pub(super) fn floor(&self) -> Result<Self, NumberFault> {
        Self::exact(&self.decimal().with_scale_round(0, RoundingMode::Floor))
    }

    /// The nearest whole number; of two the one that is further from zero.
    pub(super) fn rounded(&self) -> Result<Self, NumberFault> {
        Self::exact(&self.decimal().with_scale_round(0, RoundingMode::HalfUp))
    }

    /// Without what comes after so many decimal places.
    pub(super) fn truncated(&self, places: i64) -> Result<Self, NumberFault> {
        Self::exact(&self.decimal().with_scale_round(places, RoundingMode::Down))
    }

    /// 1, 0 or -1.
    pub(super) fn sign(&self) -> Self {
        let sign = match self.text.as_str() {
            "0" => 0_i64,
            text if text.starts_with('-') => -1,
            _ => 1,
        };
        sign.into()
    }

    /// The bits that both have, both rounded down, in two's complement of any length.
    pub(super) fn bit_and(&self, other: &Self) -> Result<Self, NumberFault> {
        Self::exact(&(self.bits() & other.bits()).into())
    }

    /// The bits that one of them has.
    pub(super) fn bit_or(&self, other: &Self) -> Result<Self, NumberFault> {
        Self::exact(&(self.bits() | other.bits()).into())
    }

    /// The bits in which they differ.
    pub(super) fn bit_xor(&self, other: &Self) -> Result<Self, NumberFault> {
        Self::exact(&(self.bits() ^ other.bits()).into())
    }

    /// All other bits.
    pub(super) fn bit_not(&self) -> Result<Self, NumberFault> {
        Self::exact(&(!self.bits()).into())
    }

    fn bits(&self) -> BigInt {
        self.decimal().with_scale_round(0, RoundingMode::Floor).into_bigint_and_scale().0
    }

    pub(super) fn negated(&self) -> Result<Self, NumberFault> {
        Self::exact(&-self.decimal())
    }

    pub(super) fn plus(&self, other: &Self) -> Result<Self, NumberFault> {
        Self::exact(&(self.decimal() + other.decimal()))
    }

    pub(super) fn minus(&self, other: &Self) -> Result<Self, NumberFault> {
        Self::exact(&(self.decimal() - other.decimal()))
    }

    pub(super) fn times(&self, other: &Self) -> Result<Self, NumberFault> {
        Self::exact(&(self.decimal() * other.decimal()))
    }

    /// The quotient of two whole numbers without its fraction, as of two Ints; none by zero.
    pub(super) fn divided_whole(&self, other: &Self) -> Result<Option<Self>, NumberFault> {
        let [(one, _), (other, _)] = [self, other].map(|number| number.decimal().into_bigint_and_scale());
        one.checked_div(&other).map(|quotient| Self::exact(&BigDecimal::new(quotient, 0))).transpose()
    }

    /// The quotient; none by zero. One that has more digits than fit is rounded to 34, half to even.
    pub(super) fn divided(&self, other: &Self) -> Result<Option<Self>, NumberFault> {
        // 38 digits are divided by 38 digits: what remains below the 80 additional ones is told by one digit.
        const ADDITIONAL: u32 = 80;
        if other.is_zero() {
            return Ok(None);
        }
        let (one, scale) = self.decimal().into_bigint_and_scale();
        let (other, other_scale) = other.decimal().into_bigint_and_scale();
        let one = one * BigInt::from(10).pow(ADDITIONAL);
        let (mut digits, mut scale) = (&one / &other, scale - other_scale + i64::from(ADDITIONAL));
        if &digits * &other == one {
            let quotient = BigDecimal::new(digits.clone(), scale);
            if let Ok(exact) = Self::exact(&quotient) {
                return Ok(Some(exact));
            }
        } else {
            let sticky = if (one < BigInt::ZERO) == (other < BigInt::ZERO) { 1 } else { -1 };
            (digits, scale) = (digits * 10 + sticky, scale + 1);
        }
        let Some(precision) = std::num::NonZeroU64::new(QUOTIENT_DIGITS) else { return Ok(None) };
        Self::exact(&BigDecimal::new(digits, scale).with_precision_round(precision, RoundingMode::HalfEven)).map(Some)
    }

    /// What remains of a division, with the sign of the dividend; none by zero.
    pub(super) fn remainder(&self, other: &Self) -> Result<Option<Self>, NumberFault> {
        if other.is_zero() {
            return Ok(None);
        }
        Self::exact(&(self.decimal() % other.decimal())).map(Some)
    }

    fn decimal(&self) -> BigDecimal {
        // The text was checked; the crate's grammar includes it.
        self.text.parse().unwrap_or_default()
    }

    /// The number if it fits without rounding.
    fn exact(decimal: &BigDecimal) -> Result<Self, NumberFault> {
        let (digits, scale) = decimal.as_bigint_and_scale();
        let digits = digits.to_string();
        let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self { text: "0".to_owned() });
        }
        if significant.len() > DIGITS {
            return Err(NumberFault::TooLong);
        }
        in_range(count(digits.len()) - scale - 1)?;
        Ok(Self { text: written(sign, significant, count(digits.len() - significant.len()) - scale) })
    }
}

impl From<u64> for Number {
    fn from(whole: u64) -> Self {
        Self { text: whole.to_string() }
    }
}

impl From<i64> for Number {
    fn from(whole: i64) -> Self {
        Self { text: whole.to_string() }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.text == other.text { Ordering::Equal } else { self.decimal().cmp(&other.decimal()) }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Number {}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

/// Digits before and behind the point, and the exponent.
fn parts(unsigned: &str) -> [&str; 3] {
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    [whole, fraction, exponent]
}

fn in_range(first: i64) -> Result<i64, NumberFault> {
    if (LOWEST..=HIGHEST).contains(&first) { Ok(first) } else { Err(NumberFault::OutOfRange) }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// Writes digits of which the last counts `10^last`: plain if few zeros do, else with an exponent.
fn written(sign: &str, digits: &str, last: i64) -> String {
    let length = count(digits.len());
    let first = last + length - 1;
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or_default());
    match (last, first) {
        (0.., _) if first < count(DIGITS) => [sign, digits, &zeros(last)].concat(),
        (..0, -7..0) => [sign, "0.", &zeros(-1 - first), digits].concat(),
        (..0, 0..) => {
            let (whole, fraction) =
                usize::try_from(first + 1).ok().and_then(|at| digits.split_at_checked(at)).unwrap_or((digits, ""));
            [sign, whole, ".", fraction].concat()
        }
        _ => {
            let (whole, fraction) = digits.split_at_checked(1).unwrap_or((digits, ""));
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{sign}{whole}{point}{fraction}E{first}")
        }
    }
}

#[cfg(test)]
mod tests;
