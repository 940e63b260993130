//! The number that orders the CRLs of one CA.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::der::{self, Flaw, INTEGER};

/// `CRLNumber`: an integer of at most 20 octets that grows with every CRL of a CA (RFC 5280 section 5.2.3).
///
/// Compared by value. Its text is lower-case hexadecimal without leading zeros, `0` for zero.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CrlNumber([u8; 20]);

/// A text is not a CRL number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a CRL number has 1 to 40 hexadecimal digits, got {0:?}")]
pub struct CrlNumberError(String);

impl CrlNumber {
    /// Reads the value of the extension.
    pub(super) fn read(value: &[u8]) -> Result<Self, Flaw> {
        let octets = der::magnitude(der::only(value, INTEGER, "a cRLNumber that is no INTEGER")?)?;
        Self::from_octets(octets).ok_or(Flaw("a cRLNumber of more than 20 octets"))
    }

    fn from_octets(octets: &[u8]) -> Option<Self> {
        let mut padded = [0; 20];
        let start = padded.len().checked_sub(octets.len())?;
        padded.get_mut(start..)?.copy_from_slice(octets);
        Some(Self(padded))
    }
}

impl fmt::Display for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        let digits = digits.trim_start_matches('0');
        f.write_str(if digits.is_empty() { "0" } else { digits })
    }
}

impl FromStr for CrlNumber {
    type Err = CrlNumberError;

    /// Accepts both cases and leading zeros, up to 40 digits.
    fn from_str(text: &str) -> Result<Self, CrlNumberError> {
        let read = || {
            if text.is_empty() || text.len() > 40 {
                return None;
            }
            Self::from_octets(&hex::decode(format!("{text:0>40}")).ok()?)
        };
        read().ok_or_else(|| CrlNumberError(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for CrlNumber {
    type Error = CrlNumberError;

    fn try_from(text: String) -> Result<Self, CrlNumberError> {
        text.parse()
    }
}

impl From<CrlNumber> for String {
    fn from(number: CrlNumber) -> Self {
        number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_text_and_compare_by_value() {
        let most = "f".repeat(40);
        let texts = ["0", "1", "9", "a", "10", "ff", "100", &most];
        let numbers: Vec<CrlNumber> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(numbers.is_sorted());
        for (number, text) in numbers.iter().zip(texts) {
            assert_eq!(number.to_string(), text);
            let json = serde_json::to_string(number).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<CrlNumber>(&json).unwrap(), *number);
        }
        assert_eq!("00FF".parse::<CrlNumber>().unwrap().to_string(), "ff");
        for text in ["", "g", "-1", " 1", "ä", &"0".repeat(41)] {
            assert!(text.parse::<CrlNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn encodings_are_canonical_and_of_at_most_20_octets() {
        for (encoded, text) in [("020100", "0"), ("02020080", "80"), ("02017f", "7f")] {
            assert_eq!(CrlNumber::read(&hex::decode(encoded).unwrap()).unwrap().to_string(), text);
        }
        let most = format!("021500{}", "ff".repeat(20));
        assert_eq!(CrlNumber::read(&hex::decode(most).unwrap()).unwrap().to_string(), "ff".repeat(20));
        for encoded in ["", "0200", "0202007f", "0201ff", "02010000", "030101", &format!("0215{}", "01".repeat(21))] {
            assert!(CrlNumber::read(&hex::decode(encoded).unwrap()).is_err(), "{encoded}");
        }
    }
}
