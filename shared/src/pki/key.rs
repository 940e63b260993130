//! Public keys: what kind, how strong, and the bytes that verify a signature.

use std::fmt;

use serde::{Deserialize, Serialize};
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::crl::der::{self, INTEGER, SEQUENCE};

const OID_RSA: &str = "1.2.840.113549.1.1.1";
const OID_EC: &str = "1.2.840.10045.2.1";
const OID_P256: &str = "1.2.840.10045.3.1.7";
const OID_P384: &str = "1.3.132.0.34";
const OID_P521: &str = "1.3.132.0.35";

/// The elliptic curves that AWS IoT accepts in client certificates ("X.509 client certificates").
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Curve {
    /// NIST P-256, secp256r1.
    #[serde(rename = "P-256")]
    P256,
    /// NIST P-384, secp384r1.
    #[serde(rename = "P-384")]
    P384,
    /// NIST P-521, secp521r1.
    #[serde(rename = "P-521")]
    P521,
}

impl Curve {
    /// Octets of a coordinate of its points.
    fn coordinate_octets(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        })
    }
}

/// A public key as a certificate carries it.
#[derive(Clone, Debug, PartialEq)]
pub enum PublicKey {
    /// An elliptic-curve key.
    Ec {
        /// Its curve.
        curve: Curve,
        /// The point, as X9.62 encodes it.
        point: Vec<u8>,
    },
    /// A key of another kind; it verifies nothing.
    Other {
        /// Object identifier of the key's algorithm, or of the curve.
        algorithm: String,
    },
    /// An RSA key.
    Rsa {
        /// Length of the modulus in bits.
        bits: usize,
        /// `RSAPublicKey` of RFC 8017 appendix A.1.1, in DER.
        key: Vec<u8>,
    },
}

impl PublicKey {
    pub(super) fn read(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = spki.algorithm.algorithm.to_id_string();
        let bytes = spki.subject_public_key.data.to_vec();
        match algorithm.as_str() {
            OID_RSA => match spki.parsed() {
                Ok(ParsedKey::RSA(rsa)) => Self::Rsa { bits: modulus_bits(rsa.modulus), key: bytes },
                _ => Self::Other { algorithm },
            },
            OID_EC => {
                let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
                match curve.map(|oid| oid.to_id_string()) {
                    Some(oid) if oid == OID_P256 => Self::Ec { curve: Curve::P256, point: bytes },
                    Some(oid) if oid == OID_P384 => Self::Ec { curve: Curve::P384, point: bytes },
                    Some(oid) if oid == OID_P521 => Self::Ec { curve: Curve::P521, point: bytes },
                    Some(oid) => Self::Other { algorithm: oid },
                    None => Self::Other { algorithm },
                }
            }
            _ => Self::Other { algorithm },
        }
    }

    /// Whether the two have one private key, compared by value and not by encoding. False for kinds that are not known
    /// here, which verify nothing.
    pub(super) fn shares_private_key(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ec { curve, .. }, Self::Ec { curve: other_curve, .. }) if curve != other_curve => false,
            (Self::Ec { .. }, Self::Ec { .. }) | (Self::Rsa { .. }, Self::Rsa { .. }) => {
                self.private_key_mark().is_some_and(|mark| other.private_key_mark() == Some(mark))
            }
            _ => false,
        }
    }

    /// The part of the key that tells its private key: whoever knows the private key of a point knows that of its
    /// negative, which has the same x coordinate; whoever can use an RSA modulus can factor it.
    fn private_key_mark(&self) -> Option<&[u8]> {
        match self {
            // X9.62 puts one octet before the coordinates, or before x alone.
            Self::Ec { curve, point } => point.get(1..=curve.coordinate_octets()),
            Self::Other { .. } => None,
            Self::Rsa { key, .. } => {
                let mut parts = der::only(key, SEQUENCE, "an RSA key that is no SEQUENCE").ok()?;
                let modulus = der::expect(&mut parts, INTEGER, "a modulus that is no INTEGER").ok()?;
                Some(modulus.strip_prefix(&[0]).unwrap_or(modulus))
            }
        }
    }
}

/// x509-parser rounds the modulus up to whole octets; a 2047-bit key must not pass as 2048.
fn modulus_bits(modulus: &[u8]) -> usize {
    let mut octets = modulus.iter().skip_while(|octet| **octet == 0);
    octets.next().map_or(0, |first| {
        let top = u8::BITS - first.leading_zeros();
        octets.count().saturating_mul(8).saturating_add(usize::try_from(top).unwrap_or(0))
    })
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ec { curve, .. } => write!(f, "EC {curve}"),
            Self::Other { algorithm } => write!(f, "of algorithm {algorithm}"),
            Self::Rsa { bits, .. } => write!(f, "RSA {bits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modulus_bits_are_counted_from_the_highest_set_bit() {
        assert_eq!(modulus_bits(&[0, 0x80, 0]), 16);
        assert_eq!(modulus_bits(&[0x7f, 0xff]), 15);
        assert_eq!(modulus_bits(&[]), 0);
        assert_eq!(modulus_bits(&[0, 0]), 0);
    }

    #[test]
    fn keys_are_compared_by_value() {
        let ec = |prefix: u8, x: u8, rest: usize| PublicKey::Ec {
            curve: Curve::P256,
            point: [vec![prefix], vec![x; 32], vec![1; rest]].concat(),
        };
        let rsa = |key: &str| PublicKey::Rsa { bits: 16, key: hex::decode(key).unwrap() };
        let full = ec(4, 7, 32);
        for same in [&full, &ec(2, 7, 0), &ec(3, 7, 0)] {
            assert!(full.shares_private_key(same) && same.shares_private_key(&full));
        }
        let short = PublicKey::Ec { curve: Curve::P256, point: vec![4, 7] };
        let other_curve = PublicKey::Ec { curve: Curve::P384, point: vec![7; 97] };
        let other = PublicKey::Other { algorithm: "1.3.101.112".to_owned() };
        let key = rsa("30080203008001020103");
        for different in [&ec(4, 8, 32), &short, &other_curve, &other, &key] {
            assert!(!full.shares_private_key(different), "{different:?}");
        }
        assert!(key.shares_private_key(&rsa("300a02030080010203010001")));
        assert!(!key.shares_private_key(&rsa("30080203008003020103")));
        assert!(!short.shares_private_key(&short) && !other.shares_private_key(&other));
    }
}
