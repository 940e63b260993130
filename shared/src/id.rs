//! Identifiers of AWS IoT and X.509 as types: a value that exists is well formed.
//!
//! Patterns and lengths are those of the AWS IoT API reference (`CertificateId`, `ThingName`, `PolicyName`) and of
//! RFC 5280 section 4.1.2.2 (serial numbers).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the identifier it should be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdError {
    /// An AWS account id is exactly 12 decimal digits.
    #[error("an account id has 12 digits, got {0:?}")]
    AccountId(String),
    /// An id that is a key of a table is neither empty nor longer than a key may be.
    #[error("{kind} must have 1 to {longest} octets, got {got}")]
    KeyLength {
        /// What the id is of.
        kind: &'static str,
        /// The most octets that it may have.
        longest: usize,
        /// The octets that it has.
        got: usize,
    },
    /// A certificate id is the SHA-256 of the DER certificate in hexadecimal.
    #[error("a certificate id has 64 hexadecimal digits, got {0:?}")]
    CertificateId(String),
    /// A serial number is a positive integer of at most 20 octets.
    #[error("a serial number is a positive integer of at most 20 octets, got {0:?}")]
    Serial(String),
    /// A name of the AWS IoT registry is outside its pattern.
    #[error("{kind} name must be 1 to 128 characters out of {alphabet}, got {text:?}")]
    Name {
        /// What the name was for.
        kind: &'static str,
        /// The characters AWS allows.
        alphabet: &'static str,
        /// The text as given, shortened.
        text: String,
    },
}

/// Quotes at most 80 characters of a text that somebody else chose.
fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The canonical text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

text_id! {
    /// A device certificate's id: SHA-256 of its DER form, 64 lower-case hexadecimal digits.
    CertificateId
}
text_id! {
    /// A registered CA certificate's id, 64 lower-case hexadecimal digits. It alone chooses the profile.
    CaCertificateId
}
text_id! {
    /// An AWS account id of 12 digits.
    AccountId
}
text_id! {
    /// A thing's name: 1 to 128 characters of `a-z A-Z 0-9 : _ -`.
    ///
    /// The pattern leaves out `* $ + ? #`, with which AWS IoT would not substitute policy variables.
    ThingName
}
text_id! {
    /// An AWS IoT policy's name: 1 to 128 characters of `a-z A-Z 0-9 _ + = , . @ -`.
    PolicyName
}
text_id! {
    /// A certificate's serial number: lower-case hexadecimal digits of the integer, no leading zeros, at most 20 octets.
    Serial
}
text_id! {
    /// An MQTT client id as AWS IoT reports it. It may hold any character, `/` included.
    ///
    /// At most 2048 octets, the longest hash key of DynamoDB; AWS IoT lets clients have 128.
    ClientId
}
text_id! {
    /// The identifier that AWS IoT gives to one MQTT session, opaque, of at most 256 octets.
    SessionId
}

impl CertificateId {
    /// The id of the certificate whose DER form has this SHA-256.
    #[must_use]
    pub fn of_digest(sha256: &[u8]) -> Self {
        Self(hex::encode(sha256))
    }
}

impl FromStr for CertificateId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        hex64(text).map(Self)
    }
}

impl FromStr for CaCertificateId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        hex64(text).map(Self)
    }
}

fn hex64(text: &str) -> Result<String, IdError> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(IdError::CertificateId(excerpt(text)))
    }
}

impl FromStr for AccountId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::AccountId(excerpt(text)))
        }
    }
}

impl FromStr for ClientId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        key_part("a client id", 2048, text).map(Self)
    }
}

impl FromStr for SessionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        key_part("a session identifier", 256, text).map(Self)
    }
}

fn key_part(kind: &'static str, longest: usize, text: &str) -> Result<String, IdError> {
    if (1..=longest).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(IdError::KeyLength { kind, longest, got: text.len() })
    }
}

impl FromStr for ThingName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-');
        registry_name("a thing", "a-z A-Z 0-9 : _ -", allowed, text).map(Self)
    }
}

impl FromStr for PolicyName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-');
        registry_name("a policy", "a-z A-Z 0-9 _ + = , . @ -", allowed, text).map(Self)
    }
}

fn registry_name(
    kind: &'static str,
    alphabet: &'static str,
    allowed: impl Fn(u8) -> bool,
    text: &str,
) -> Result<String, IdError> {
    if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(IdError::Name { kind, alphabet, text: excerpt(text) })
    }
}

impl Serial {
    fn canonical(digits: &str) -> Option<Self> {
        let digits = digits.trim_start_matches('0');
        (!digits.is_empty() && digits.len() <= 40).then(|| Self(digits.to_ascii_lowercase()))
    }
}

impl FromStr for Serial {
    type Err = IdError;

    /// Accepts what tools print: upper or lower case, colons between octets, leading zeros, a leading `0x`.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits: String = text.trim().trim_start_matches("0x").chars().filter(|c| *c != ':').collect();
        if digits.bytes().all(|b| b.is_ascii_hexdigit())
            && let Some(serial) = Self::canonical(&digits)
        {
            return Ok(serial);
        }
        Err(IdError::Serial(excerpt(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_of_every_notation_become_one() {
        for text in ["0a1b", "A1B", "0x0A1b", "0A:1B", "00:0a:1b"] {
            assert_eq!(text.parse::<Serial>().unwrap().as_str(), "a1b", "{text}");
        }
    }

    #[test]
    fn impossible_serials_are_refused() {
        for text in ["", "0", "00:00", "xyz", "-1", &"f".repeat(41)] {
            assert!(text.parse::<Serial>().is_err(), "{text}");
        }
    }

    #[test]
    fn certificate_ids_are_lower_cased_and_checked() {
        let id: CertificateId = "AB".repeat(32).parse().unwrap();
        assert_eq!(id.as_str(), "ab".repeat(32));
        for text in ["", "ab", &"g".repeat(64), &"a".repeat(65)] {
            assert!(text.parse::<CertificateId>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_outside_the_registry_patterns_are_refused() {
        assert!("pump:17_a-B".parse::<ThingName>().is_ok());
        for text in ["", "a b", "a*", "$aws", "a+", "a?", "a#", "a/b", "ä", &"a".repeat(129)] {
            assert!(text.parse::<ThingName>().is_err(), "{text}");
        }
        assert!("fleet+eu=1,2.x@y-z".parse::<PolicyName>().is_ok());
        assert!("fleet policy".parse::<PolicyName>().is_err());
    }

    #[test]
    fn client_ids_may_hold_anything_that_fits_a_key() {
        for text in ["a", "site/7/pump 1", "ä", "$x", &"a".repeat(2048)] {
            assert_eq!(text.parse::<ClientId>().unwrap().as_str(), text);
        }
        assert_eq!("".parse::<ClientId>().unwrap_err().to_string(), "a client id must have 1 to 2048 octets, got 0");
        assert!("a".repeat(2049).parse::<ClientId>().is_err() && "s".repeat(257).parse::<SessionId>().is_err());
    }

    #[test]
    fn account_ids_keep_leading_zeros() {
        assert_eq!("012345678901".parse::<AccountId>().unwrap().as_str(), "012345678901");
        assert!("12345678901".parse::<AccountId>().is_err());
    }
}
