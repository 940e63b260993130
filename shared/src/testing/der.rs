//! DER by hand, for what no library agrees to make.

#![expect(clippy::indexing_slicing, reason = "what is taken apart here is well formed")]

/// Identifier octet of a BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// Identifier octet of an INTEGER.
pub const INTEGER: u8 = 0x02;
/// Identifier octet of a SEQUENCE.
pub const SEQUENCE: u8 = 0x30;

/// An element with the length that DER writes.
#[must_use]
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    if let Ok(length @ 0..=127) = u8::try_from(content.len()) {
        element.push(length);
    } else {
        let length: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
        element.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
        element.extend(length);
    }
    element.extend_from_slice(content);
    element
}

/// A number that is not negative, as an INTEGER without leading zeros but the one that keeps it so.
#[must_use]
pub fn integer(octets: &[u8]) -> Vec<u8> {
    let mut content: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0);
    }
    element(INTEGER, &content)
}

/// The first element as a whole, its content, and what follows.
#[must_use]
pub fn split(input: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (own, content) = match input[1] {
        short @ ..0x80 => (2, usize::from(short)),
        long => {
            let octets = &input[2..2 + usize::from(long & 0x7f)];
            (2 + octets.len(), octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)))
        }
    };
    let (whole, rest) = input.split_at(own + content);
    (whole, &whole[own..], rest)
}

/// A certificate in its three parts.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The algorithm outside of the signed part, as a whole.
    pub algorithm: Vec<u8>,
    /// The signature, without the octet that counts unused bits.
    pub signature: Vec<u8>,
    /// The signed part, as a whole.
    pub signed: Vec<u8>,
}

impl Parts {
    /// Takes a certificate apart.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let (signed, _, rest) = split(split(certificate).1);
        let (algorithm, _, rest) = split(rest);
        let (_, bits, _) = split(rest);
        Self { algorithm: algorithm.to_vec(), signature: bits[1..].to_vec(), signed: signed.to_vec() }
    }

    /// The certificate with this algorithm outside of the signed part and this signature, both as whole elements.
    #[must_use]
    pub fn wrapped(&self, algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
        element(SEQUENCE, &[&self.signed, algorithm, signature].concat())
    }

    /// The certificate with this signature, given without the octet that counts unused bits.
    #[must_use]
    pub fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        self.wrapped(&self.algorithm, &element(BIT_STRING, &[&[0], signature].concat()))
    }
}

/// Order of P-256's base point (FIPS 186-4 appendix D.1.2.3).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The certificate that differs in its signature only, and verifies too: (r, n − s) instead of (r, s). For signatures
/// with P-256.
#[must_use]
pub fn twin(certificate: &[u8]) -> Vec<u8> {
    let parts = Parts::of(certificate);
    let (r, _, rest) = split(split(&parts.signature).1);
    let (_, s, _) = split(rest);
    let mut octets = [0; 32];
    for (octet, value) in octets.iter_mut().rev().zip(s.iter().rev()) {
        *octet = *value;
    }
    let mut borrow = false;
    for (octet, order) in octets.iter_mut().zip(P256_ORDER).rev() {
        let (rest, below) = order.overflowing_sub(*octet);
        let (rest, below_again) = rest.overflowing_sub(u8::from(borrow));
        *octet = rest;
        borrow = below || below_again;
    }
    parts.with_signature(&element(SEQUENCE, &[r, &integer(&octets)].concat()))
}
