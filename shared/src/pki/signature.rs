//! Which signature algorithms count, and their verification by AWS-LC.

use std::fmt;

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self as lc, ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

use super::key::{Curve, PublicKey};

const OID_MGF1: &str = "1.2.840.113549.1.1.8";
const OID_RSA_PSS: &str = "1.2.840.113549.1.1.10";
const OID_SHA256: &str = "2.16.840.1.101.3.4.2.1";
const OID_SHA384: &str = "2.16.840.1.101.3.4.2.2";
const OID_SHA512: &str = "2.16.840.1.101.3.4.2.3";

/// Hash functions of the SHA-2 family that may stand under a signature. SHA-1, SHA-224 and MD5 never do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// AWS-LC's implementation.
    pub(super) fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// An allowed signature algorithm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignatureAlgorithm {
    /// ECDSA with P-256, P-384 or P-521 (RFC 5758 section 3.2).
    Ecdsa(Hash),
    /// RSASSA-PKCS1-v1_5 (RFC 4055 section 5).
    RsaPkcs1(Hash),
    /// RSASSA-PSS, hash and MGF1 hash alike, salt as long as the hash (RFC 4055 section 3.1).
    RsaPss(Hash),
}

impl SignatureAlgorithm {
    /// Reads an algorithm identifier.
    ///
    /// # Errors
    /// The object identifier, with the odd parameter for RSASSA-PSS, of an algorithm that is not allowed.
    pub(super) fn read(identifier: &AlgorithmIdentifier<'_>) -> Result<Self, String> {
        let oid = identifier.algorithm.to_id_string();
        Ok(match oid.as_str() {
            "1.2.840.113549.1.1.11" => Self::RsaPkcs1(Hash::Sha256),
            "1.2.840.113549.1.1.12" => Self::RsaPkcs1(Hash::Sha384),
            "1.2.840.113549.1.1.13" => Self::RsaPkcs1(Hash::Sha512),
            "1.2.840.10045.4.3.2" => Self::Ecdsa(Hash::Sha256),
            "1.2.840.10045.4.3.3" => Self::Ecdsa(Hash::Sha384),
            "1.2.840.10045.4.3.4" => Self::Ecdsa(Hash::Sha512),
            OID_RSA_PSS => return read_pss(identifier),
            _ => return Err(oid),
        })
    }

    /// The hash function.
    #[must_use]
    pub fn hash(self) -> Hash {
        match self {
            Self::Ecdsa(hash) | Self::RsaPkcs1(hash) | Self::RsaPss(hash) => hash,
        }
    }

    /// Verifies `signature` over `message` under `key`.
    ///
    /// Returns false for a key of another kind, and for RSA keys outside 2048 to 8192 bits.
    #[must_use]
    pub fn verifies(self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        self.parse(key).is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }

    /// The same for a message of which only the digest is at hand; false if it is of another [`Hash`] than this
    /// algorithm's.
    pub(super) fn verifies_digest(self, key: &PublicKey, digest: &Digest, signature: &[u8]) -> bool {
        self.parse(key).is_some_and(|key| key.verify_digest_sig(digest, signature).is_ok())
    }

    fn parse(self, key: &PublicKey) -> Option<ParsedPublicKey> {
        let (algorithm, bytes): (&'static dyn VerificationAlgorithm, &[u8]) = match (self, key) {
            (Self::Ecdsa(hash), PublicKey::Ec { curve, point }) => (ecdsa(*curve, hash), point),
            (Self::RsaPkcs1(Hash::Sha256), PublicKey::Rsa { key, .. }) => (&lc::RSA_PKCS1_2048_8192_SHA256, key),
            (Self::RsaPkcs1(Hash::Sha384), PublicKey::Rsa { key, .. }) => (&lc::RSA_PKCS1_2048_8192_SHA384, key),
            (Self::RsaPkcs1(Hash::Sha512), PublicKey::Rsa { key, .. }) => (&lc::RSA_PKCS1_2048_8192_SHA512, key),
            (Self::RsaPss(Hash::Sha256), PublicKey::Rsa { key, .. }) => (&lc::RSA_PSS_2048_8192_SHA256, key),
            (Self::RsaPss(Hash::Sha384), PublicKey::Rsa { key, .. }) => (&lc::RSA_PSS_2048_8192_SHA384, key),
            (Self::RsaPss(Hash::Sha512), PublicKey::Rsa { key, .. }) => (&lc::RSA_PSS_2048_8192_SHA512, key),
            _ => return None,
        };
        UnparsedPublicKey::new(algorithm, bytes).parse().ok()
    }
}

fn ecdsa(curve: Curve, hash: Hash) -> &'static dyn VerificationAlgorithm {
    match (curve, hash) {
        (Curve::P256, Hash::Sha256) => &lc::ECDSA_P256_SHA256_ASN1,
        (Curve::P256, Hash::Sha384) => &lc::ECDSA_P256_SHA384_ASN1,
        (Curve::P256, Hash::Sha512) => &lc::ECDSA_P256_SHA512_ASN1,
        (Curve::P384, Hash::Sha256) => &lc::ECDSA_P384_SHA256_ASN1,
        (Curve::P384, Hash::Sha384) => &lc::ECDSA_P384_SHA384_ASN1,
        (Curve::P384, Hash::Sha512) => &lc::ECDSA_P384_SHA512_ASN1,
        (Curve::P521, Hash::Sha256) => &lc::ECDSA_P521_SHA256_ASN1,
        (Curve::P521, Hash::Sha384) => &lc::ECDSA_P521_SHA384_ASN1,
        (Curve::P521, Hash::Sha512) => &lc::ECDSA_P521_SHA512_ASN1,
    }
}

/// RFC 4055 allows any mixture of parameters; one shape each is enough, and what AWS-LC verifies.
fn read_pss(identifier: &AlgorithmIdentifier<'_>) -> Result<SignatureAlgorithm, String> {
    let fault = |what: &str| format!("{OID_RSA_PSS} with {what}");
    let parameters = identifier.parameters.as_ref().ok_or_else(|| fault("no parameters"))?;
    let parameters = RsaSsaPssParams::try_from(parameters).map_err(|_| fault("unreadable parameters"))?;
    let mask = parameters.mask_gen_algorithm().map_err(|_| fault("an unreadable mask generation function"))?;
    let hash_oid = parameters.hash_algorithm_oid().to_id_string();
    let (hash, length) = match hash_oid.as_str() {
        OID_SHA256 => (Hash::Sha256, 32),
        OID_SHA384 => (Hash::Sha384, 48),
        OID_SHA512 => (Hash::Sha512, 64),
        _ => return Err(fault(&format!("hash {hash_oid}"))),
    };
    if mask.mgf.to_id_string() != OID_MGF1 || mask.hash.to_id_string() != hash_oid {
        return Err(fault("a mask generation function of another hash"));
    }
    if parameters.salt_length() != length || parameters.trailer_field() != 1 {
        return Err(fault("a salt of another length than the hash"));
    }
    Ok(SignatureAlgorithm::RsaPss(hash))
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (family, hash) = match self {
            Self::Ecdsa(hash) => ("ECDSA", hash),
            Self::RsaPkcs1(hash) => ("RSA PKCS#1 v1.5", hash),
            Self::RsaPss(hash) => ("RSA PSS", hash),
        };
        write!(f, "{family} with {hash:?}")
    }
}
