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
            return Err(format!("The parameter cannot be converted to a numeric value: {text}"));
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
        // An exponent that is no i32 is out of range anyway.
        let exponent =
            power.map_or(Some(0), |power| power.parse().ok()).and_then(|power: i32| power.checked_add(shift));
        Self { coefficient, exponent: exponent.unwrap_or(i32::MAX) }.checked()
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
        Self { coefficient: sum.ok_or_else(too_long)?, exponent }.normal().checked()
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
            HIGHEST.. if first > HIGHEST => {
                Err("Number overflow. Attempting to store a number with magnitude larger than supported range"
                    .to_owned())
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_read_exactly_and_written_plainly() {
        let cases = [
            ("0", "0"),
            ("-0.00", "0"),
            ("007", "7"),
            ("+1.50", "1.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e2", "100"),
            ("-12.5E-3", "-0.0125"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
            ("1000000000000000000000000000000000000000", "1000000000000000000000000000000000000000"),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text).to_string(), expected, "{text}");
        }
        let refused = [
            ("", "cannot be converted"),
            (".", "cannot be converted"),
            ("1 ", "cannot be converted"),
            ("0x1", "cannot be converted"),
            ("100000000000000000000000000000000000001", "38 significant"),
            ("1.00000000000000000000000000000000000001", "38 significant"),
            ("1e126", "overflow"),
            ("1e99999999999", "overflow"),
            ("1e-131", "underflow"),
        ];
        for (text, expected) in refused {
            let problem = Number::parse(text).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
        assert_eq!(number("1e125").to_string().len(), 126);
        assert_eq!(number("0e999").to_string(), "0");
        assert!(Number::parse("-9.9e-130").is_ok());
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let ordered =
            ["-1e100", "-10", "-9.5", "-9.49", "-1e-100", "0", "1e-130", "0.5", "9", "10", "10.5", "2e2", "1e125"];
        for (i, one) in ordered.iter().enumerate() {
            for (j, other) in ordered.iter().enumerate() {
                assert_eq!(number(one).cmp(&number(other)), i.cmp(&j), "{one} and {other}");
            }
        }
        assert_eq!(number("1.0"), number("1"));
    }

    #[test]
    fn sums_are_exact() {
        let cases = [
            ("1", "2", "3"),
            ("0.1", "0.2", "0.3"),
            ("5", "-5", "0"),
            ("99", "1", "100"),
            ("1e20", "1e-10", "100000000000000000000.0000000001"),
            ("0", "1e-100", ""),
            ("1e100", "0", ""),
        ];
        for (one, other, expected) in cases {
            let sum = number(one).plus(number(other)).unwrap();
            let expected =
                if expected.is_empty() { [one, other].into_iter().find(|n| *n != "0").unwrap() } else { expected };
            assert_eq!(sum, number(expected), "{one} + {other}");
        }
        assert!(number("1e38").plus(number("1")).unwrap_err().contains("38"));
        assert!(number("1e100").plus(number("1")).unwrap_err().contains("38"));
        assert!(number("9e125").plus(number("9e125")).unwrap_err().contains("overflow"));
        assert_eq!(number("3").negated(), number("-3"));
        assert_eq!(Number::from(20), number("20"));
    }

    #[test]
    fn two_digits_take_an_octet() {
        for (text, expected) in [("0", 1), ("7", 2), ("12", 2), ("120", 3), ("123", 3), ("-123", 4), ("1e100", 2)] {
            assert_eq!(number(text).size(), expected, "{text}");
        }
    }
}
