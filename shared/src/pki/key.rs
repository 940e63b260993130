//! Public keys: what kind, how strong, and the bytes that verify a signature.

use std::fmt;

use serde::{Deserialize, Serialize};
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::x509::SubjectPublicKeyInfo;

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
}
