//! The second signature that ECDSA has for each message, and the id of the certificate that carries it.

use aws_lc_rs::digest;

use super::crl::der::{self, BIT_STRING, INTEGER, SEQUENCE};
use super::{Certificate, Curve, PublicKey, SignatureAlgorithm};
use crate::id::CertificateId;

impl Certificate {
    /// The id of the one other certificate with the same signed part that verifies under the CA's key: its signature is
    /// (r, n − s) where this one's is (r, s). None for algorithms whose signatures have one form.
    ///
    /// Anybody can compute the other form, so that whoever holds the private key of a certificate can come in under two
    /// ids. Call it for a certificate that has been verified: a signature that is not ECDSA's has no other form either.
    #[must_use]
    pub fn twin_id(&self, authority: &Self) -> Option<CertificateId> {
        let twin = self.twin(authority)?;
        Some(CertificateId::of_digest(digest::digest(&digest::SHA256, &twin).as_ref()))
    }

    /// The DER form of that certificate.
    fn twin(&self, authority: &Self) -> Option<Vec<u8>> {
        let (Ok(SignatureAlgorithm::Ecdsa(_)), PublicKey::Ec { curve, .. }) =
            (&self.signature_algorithm, &authority.key)
        else {
            return None;
        };
        let mut numbers = der::only(&self.signature, SEQUENCE, "an ECDSA signature that is no SEQUENCE").ok()?;
        let r = der::element(&mut numbers).ok()?;
        let s = der::expect(&mut numbers, INTEGER, "an s that is no INTEGER").ok()?;
        let other = difference(order(*curve), s)?;
        let signature = element(SEQUENCE, &[r.whole, &integer(&other)]);
        Some(element(SEQUENCE, &[&self.signed, &self.algorithm, &element(BIT_STRING, &[&[0], &signature])]))
    }
}

/// Writes an element of these parts.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
    let header = match length.as_slice() {
        [] => vec![0],
        [short @ ..0x80] => vec![*short],
        // A length has no more octets than usize.
        octets => [&[0x80 | u8::try_from(octets.len()).unwrap_or(8)], octets].concat(),
    };
    [&[tag], header.as_slice(), &content].concat()
}

/// Writes a number that is not negative.
fn integer(octets: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
    let is_low = digits.first().is_some_and(|first| *first < 0x80);
    element(INTEGER, &[if is_low { &[] } else { &[0] }, &digits])
}

/// Order of the curve's base point, big-endian (FIPS 186-4 appendix D.1.2).
fn order(curve: Curve) -> &'static [u8] {
    match curve {
        Curve::P256 => &P256_ORDER,
        Curve::P384 => &P384_ORDER,
        Curve::P521 => &P521_ORDER,
    }
}

/// `minuend - subtrahend`, both big-endian; none if it would be negative.
fn difference(minuend: &[u8], subtrahend: &[u8]) -> Option<Vec<u8>> {
    let mut result = Vec::with_capacity(minuend.len());
    let mut subtrahend = subtrahend.iter().rev();
    let mut borrow = false;
    for digit in minuend.iter().rev() {
        let (rest, below) = digit.overflowing_sub(subtrahend.next().copied().unwrap_or(0));
        let (rest, below_again) = rest.overflowing_sub(u8::from(borrow));
        borrow = below || below_again;
        result.push(rest);
    }
    result.reverse();
    (!borrow && subtrahend.all(|digit| *digit == 0)).then_some(result)
}

const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0,
    0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];
const P521_ORDER: [u8; 66] = [
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfa, 0x51, 0x86, 0x87, 0x83,
    0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47,
    0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::verify_issued_by;

    fn frozen(name: &str) -> Certificate {
        let path = format!("{}/../tests/data/certificates/{name}.der", env!("CARGO_MANIFEST_DIR"));
        Certificate::from_der(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn the_twin_of_each_curve_verifies_and_has_the_first_one_as_its_twin() {
        for (leaf, authority) in [
            ("good-p256-sha256", "ca-p256"),
            ("good-p256-sha512", "ca-p256"),
            ("good-p384-sha384", "ca-p384"),
            ("good-p521-sha512", "ca-p521"),
            ("good-version-1", "ca-p256"),
        ] {
            let (leaf, authority) = (frozen(leaf), frozen(authority));
            let twin = Certificate::from_der(&leaf.twin(&authority).unwrap()).unwrap();
            assert_eq!(Ok(()), verify_issued_by(&twin, &authority, authority.not_before()));
            assert_ne!(twin.id(), leaf.id());
            assert_eq!(leaf.twin_id(&authority).as_ref(), Some(twin.id()));
            assert_eq!(twin.twin_id(&authority).as_ref(), Some(leaf.id()));
        }
    }

    #[test]
    fn an_rsa_signature_has_no_twin() {
        for leaf in ["good-rsa-pkcs1-sha256", "good-rsa-pss-sha256"] {
            assert_eq!(frozen(leaf).twin_id(&frozen("ca-rsa")), None);
        }
    }

    #[test]
    fn differences_are_of_whole_numbers() {
        assert_eq!(difference(&[1, 0, 0], &[1]), Some(vec![0, 0xff, 0xff]));
        assert_eq!(difference(&[1, 0, 0], &[0, 0, 0, 1]), Some(vec![0, 0xff, 0xff]));
        assert_eq!(difference(&[5], &[5]), Some(vec![0]));
        assert_eq!(difference(&[5], &[6]), None);
        assert_eq!(difference(&[5], &[1, 0]), None);
    }
}
