//! The elements of a certificate, and that what wraps its signed part has one encoding.

use super::crl::der::{self, BIT_STRING, Flaw, INTEGER, SEQUENCE};

/// Identifier octets of the optional parts of `TBSCertificate` (RFC 5280 section 4.1).
const EXTENSIONS: u8 = 0xa3;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const VERSION: u8 = 0xa0;

/// Where the parts of a certificate stand in its DER form.
///
/// No signature covers what stands outside of the signed part. It is read so that a single encoding of it passes: one
/// signed certificate must not have several ids. The one exception are the two signatures (r, s) and (r, n − s), which
/// ECDSA has for each message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout<'a> {
    /// The signature algorithm outside of the signed part, as a whole.
    pub(super) algorithm: &'a [u8],
    /// Whether the signed part has extensions, be it an empty list of them.
    pub(super) has_extensions: bool,
    /// Whether the signed part has an issuerUniqueID or a subjectUniqueID.
    pub(super) has_unique_identifiers: bool,
    /// The octets of the signature.
    pub(super) signature: &'a [u8],
    /// The signed part: `TBSCertificate` as a whole.
    pub(super) signed: &'a [u8],
    /// The signature algorithm as the signed part names it, as a whole.
    pub(super) signed_algorithm: &'a [u8],
}

impl<'a> Layout<'a> {
    /// Reads the outer structure of one certificate and the places of the signed part's elements.
    ///
    /// # Errors
    /// What is not DER, or not where RFC 5280 section 4.1 has it.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, Flaw> {
        let mut outer = der::only(der, SEQUENCE, "a certificate that is no SEQUENCE")?;
        let signed = der::element(&mut outer)?;
        let algorithm = der::element(&mut outer)?;
        let signature = der::expect(&mut outer, BIT_STRING, "a signature that is no BIT STRING")?;
        der::end(outer)?;
        if signed.tag != SEQUENCE || algorithm.tag != SEQUENCE {
            return Err(Flaw("a certificate with a part that is no SEQUENCE"));
        }

        let mut inner = signed.content;
        der::optional(&mut inner, VERSION)?;
        der::expect(&mut inner, INTEGER, "a serial number that is no INTEGER")?;
        let signed_algorithm = der::element(&mut inner)?;
        for _ in ["issuer", "validity", "subject", "subjectPublicKeyInfo"] {
            der::expect(&mut inner, SEQUENCE, "a part of the signed part that is no SEQUENCE")?;
        }
        let issuer_unique_id = der::optional(&mut inner, ISSUER_UNIQUE_ID)?;
        let subject_unique_id = der::optional(&mut inner, SUBJECT_UNIQUE_ID)?;
        let extensions = der::optional(&mut inner, EXTENSIONS)?;
        der::end(inner)?;
        Ok(Self {
            algorithm: algorithm.whole,
            has_extensions: extensions.is_some(),
            has_unique_identifiers: issuer_unique_id.is_some() || subject_unique_id.is_some(),
            signature: der::whole_octets(signature)?,
            signed: signed.whole,
            signed_algorithm: signed_algorithm.whole,
        })
    }
}
