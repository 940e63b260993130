//! Serial numbers and CRL numbers as people write them.
//!
//! Tools print them in hexadecimal, and OpenSSL the shorter ones in decimal too, as in `4096 (0x1000)`. What could be either is
//! not guessed: a wrong guess revokes the certificate of somebody else.

use clap::ValueEnum;
use num_bigint::BigUint;
use shared::id::Serial;
use shared::pki::crl::CrlNumber;
use thiserror::Error;

/// Decimal digits of the largest number that is told in both bases: longer ones nobody prints in decimal.
const MAX_DECIMAL_DIGITS: usize = 20;
/// Digits of the largest serial number in hexadecimal, which has 20 octets (RFC 5280, section 4.1.2.2).
const MAX_HEX_DIGITS: usize = 40;

/// How numbers are written of which the digits don't tell it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Base {
    /// With the digits 0 to 9.
    Decimal,
    /// With the digits 0 to 9 and a to f.
    Hex,
}

/// Why a text is not taken for a number.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum NumberError {
    /// It has decimal digits only, and means another number in hexadecimal.
    #[error("it may be decimal or hexadecimal: write 0x{text}, or 0x{hex} if {text} is decimal")]
    Ambiguous {
        /// The digits.
        text: String,
        /// What they mean as decimal ones, in hexadecimal.
        hex: String,
    },
    /// OpenSSL's form with two bases, and two numbers.
    #[error("the number before the brackets is 0x{hex} in hexadecimal, which is not what the brackets say")]
    Contradiction {
        /// The decimal number in hexadecimal.
        hex: String,
    },
    /// It is no number, or one that does not fit.
    #[error("{0}")]
    Invalid(String),
}

/// A certificate's serial number. It is unmistakable by a prefix `0x`, by colons, by a letter among its digits, by having one
/// digit, or in both bases as OpenSSL prints it.
///
/// # Errors
/// See [`NumberError`].
pub fn serial(text: &str) -> Result<Serial, NumberError> {
    serial_in(text, None)
}

/// The same, in a base that counts where the text could be either.
///
/// # Errors
/// See [`NumberError`].
pub fn serial_in(text: &str, base: Option<Base>) -> Result<Serial, NumberError> {
    hexadecimal(text, base)?.parse().map_err(|error| NumberError::Invalid(format!("{error}")))
}

/// The number of a CRL, by the same rules.
///
/// # Errors
/// See [`NumberError`].
pub fn crl_number(text: &str) -> Result<CrlNumber, NumberError> {
    let digits = hexadecimal(text, None)?;
    digits.trim_start_matches("0x").parse().map_err(|error| NumberError::Invalid(format!("{error}")))
}

/// Digits in hexadecimal for people: with a prefix, so that they can be given back, and in decimal beside it if that is short.
#[must_use]
pub fn in_both_bases(hex: &str) -> String {
    match decimal(hex) {
        Some(decimal) => format!("0x{hex} (decimal {decimal})"),
        None => format!("0x{hex}"),
    }
}

/// Digits in hexadecimal as decimal ones, if they are not too many.
#[must_use]
pub fn decimal(hex: &str) -> Option<String> {
    let decimal = BigUint::parse_bytes(hex.as_bytes(), 16)?.to_str_radix(10);
    (decimal.len() <= MAX_DECIMAL_DIGITS).then_some(decimal)
}

/// What the text means in hexadecimal, if that can't be mistaken. Whether it is a number of the kind that is wanted is left to
/// whoever wants it.
fn hexadecimal(text: &str, base: Option<Base>) -> Result<String, NumberError> {
    let text = text.trim();
    if let Some((decimal, hex)) = in_brackets(text) {
        let read = to_hex(decimal);
        let is_same = read.as_deref() == Some(hex.trim_start_matches('0').to_ascii_lowercase().as_str());
        return match read {
            Some(_) if is_same => Ok(hex.to_owned()),
            Some(hex) => Err(NumberError::Contradiction { hex }),
            None => Ok(text.to_owned()),
        };
    }
    let has_digits_only = text.bytes().all(|octet| octet.is_ascii_digit());
    let digits = text.trim_start_matches('0');
    match (to_hex(digits).filter(|_| has_digits_only && digits.len() > 1), base) {
        (None, _) | (Some(_), Some(Base::Hex)) => Ok(text.to_owned()),
        (Some(hex), Some(Base::Decimal)) => Ok(hex),
        (Some(hex), None) if digits.len() > MAX_HEX_DIGITS => Ok(hex),
        (Some(hex), None) => Err(NumberError::Ambiguous { text: text.chars().take(60).collect(), hex }),
    }
}

/// `4096` and `1000` of `4096 (0x1000)`.
fn in_brackets(text: &str) -> Option<(&str, &str)> {
    let (decimal, hex) = text.split_once('(')?;
    let hex = hex.strip_suffix(')')?.strip_prefix("0x")?;
    Some((decimal.trim_end(), hex))
}

/// Decimal digits in hexadecimal; none if they are no number, or a larger one than anybody has.
fn to_hex(decimal: &str) -> Option<String> {
    // 20 octets are 49 decimal digits.
    let is_short = (1..=49).contains(&decimal.len());
    let number = if is_short { BigUint::parse_bytes(decimal.as_bytes(), 10) } else { None };
    number.map(|number| number.to_str_radix(16))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_can_be_read_in_one_way_only_is_read_so() {
        // Too many digits for a serial number in hexadecimal.
        let nines = "9".repeat(41);
        let nines_in_hex = BigUint::parse_bytes(nines.as_bytes(), 10).unwrap().to_str_radix(16);
        for (text, expected) in [
            ("0x1000", "1000"),
            ("10:00", "1000"),
            ("0A:1B", "a1b"),
            ("00a1b", "a1b"),
            ("7", "7"),
            ("007", "7"),
            (" 0x0010 ", "10"),
            ("4096 (0x1000)", "1000"),
            ("31(0x1F)", "1f"),
            (&nines, &nines_in_hex),
        ] {
            assert_eq!(serial(text).as_ref().map(Serial::as_str), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_could_be_either_is_refused_with_both_readings() {
        let error = serial("4096").unwrap_err().to_string();
        assert_eq!(error, "it may be decimal or hexadecimal: write 0x4096, or 0x1000 if 4096 is decimal");
        for text in ["10", "0010", &"9".repeat(40)] {
            assert!(matches!(serial(text), Err(NumberError::Ambiguous { .. })), "{text}");
            assert!(matches!(crl_number(text), Err(NumberError::Ambiguous { .. })), "{text}");
        }
        assert!(matches!(serial("4096 (0x1001)"), Err(NumberError::Contradiction { .. })));
        for text in ["", "0", "-1", "xyz", "4096 (x)", "(0x10)", &"f".repeat(41), &"9".repeat(60)] {
            assert!(matches!(serial(text), Err(NumberError::Invalid(_))), "{text}");
        }
    }

    #[test]
    fn a_base_counts_where_the_digits_leave_it_open() {
        let read = |text, base| serial_in(text, Some(base)).map(|serial| serial.as_str().to_owned());
        assert_eq!(read("4096", Base::Decimal).as_deref(), Ok("1000"));
        assert_eq!(read("4096", Base::Hex).as_deref(), Ok("4096"));
        assert_eq!(read("0x4096", Base::Decimal).as_deref(), Ok("4096"));
        assert_eq!(read("a1", Base::Decimal).as_deref(), Ok("a1"), "a letter tells");
    }

    #[test]
    fn numbers_of_crls_are_read_by_the_same_rules() {
        assert_eq!(crl_number("0x1F").unwrap(), "1f".parse().unwrap());
        assert_eq!(crl_number("4096 (0x1000)").unwrap(), "1000".parse().unwrap());
    }

    proptest! {
        /// Whatever is told to people can be given back, and is never taken for another number.
        #[test]
        fn what_is_told_is_read_back(digits in "[1-9a-f][0-9a-f]{0,39}") {
            let known: Serial = digits.parse().unwrap();
            prop_assert_eq!(serial(&format!("0x{known}")), Ok(known.clone()));
            if let Some(decimal) = decimal(known.as_str()) {
                prop_assert_eq!(serial(&format!("{decimal} (0x{known})")), Ok(known.clone()));
                prop_assert_eq!(serial_in(&decimal, Some(Base::Decimal)), Ok(known.clone()));
            }
            if let Ok(read) = serial(&digits) {
                prop_assert_eq!(read, known);
            }
        }
    }
}
