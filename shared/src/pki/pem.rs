//! PEM: text with blocks of base64 between encapsulation boundaries (RFC 7468).
//!
//! Tools write other text around the blocks: `openssl x509 -text` the certificate in words, `openssl pkcs12` its bag
//! attributes, an operator a comment. Such text is passed over before, between and after the blocks. Lines may end in
//! LF, CR or CRLF and in blanks, and a byte order mark may stand before a boundary. A block is read as `laxtextualmsg`
//! of RFC 7468 section 3 describes it: with white space anywhere in its base64, or with none at all.
//!
//! A boundary begins its line. What looks like one and is not, for example with a comment behind it, is text. Within a
//! block, anything but base64 and white space is a fault.

mod block;
mod boundary;
mod decoder;

pub use block::{Block, PemError, certificates, read_blocks};
pub(super) use decoder::{Decoder, Event, Flaw};

/// Labels of certificates: that of RFC 7468 section 5, an older one, and OpenSSL's for a certificate with trust
/// settings behind it.
pub const CERTIFICATE_LABELS: &[&str] = &["CERTIFICATE", "X509 CERTIFICATE", TRUSTED_CERTIFICATE];

/// Labels of private keys: PKCS#8 (RFC 7468 sections 10 and 11), SEC1 (RFC 5915) and PKCS#1 (RFC 8017).
pub const PRIVATE_KEY_LABELS: &[&str] = &["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];

/// The label of CRLs (RFC 7468 section 6, which advises against `CRL`).
pub const CRL_LABELS: &[&str] = &["X509 CRL"];

/// Identifier of DER.
const SEQUENCE: u8 = 0x30;

/// What `openssl x509 -trustout` writes.
const TRUSTED_CERTIFICATE: &str = "TRUSTED CERTIFICATE";

/// Whether a file that begins so is a certificate or a CRL in DER, and not text. Both have more than 127 bytes, so that the
/// length of the outer SEQUENCE begins with 0x81 or a little more. In UTF-8 no character begins so behind `0`, which is the
/// identifier of a SEQUENCE.
#[must_use]
pub fn is_der(beginning: &[u8]) -> bool {
    matches!(beginning, [SEQUENCE, 0x80..=0xbf, ..])
}

/// Whether a file that begins so is text in UTF-16, as some tools of Windows write it.
#[must_use]
pub fn is_utf16(beginning: &[u8]) -> bool {
    beginning.starts_with(b"\xff\xfe") || beginning.starts_with(b"\xfe\xff")
}
