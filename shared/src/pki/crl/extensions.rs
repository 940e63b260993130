//! Extensions of a CRL and of its entries (RFC 5280 sections 4.1, 5.2 and 5.3).

use std::collections::BTreeSet;

use x509_parser::asn1_rs::Oid;

use super::der::{self, BOOLEAN, Flaw, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};
use super::{CrlFault, CrlNumber, Scope};
use crate::pki::Name;

/// Content of the object identifiers.
const AUTHORITY_INFORMATION_ACCESS: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
const DELTA_CRL_INDICATOR: &[u8] = &[0x55, 0x1d, 0x1b];
const ISSUER_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x12];
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];

/// `Extension`.
pub(super) struct Extension<'a> {
    pub(super) critical: bool,
    /// Content of the object identifier.
    pub(super) oid: &'a [u8],
    /// What the OCTET STRING wraps.
    pub(super) value: &'a [u8],
}

/// Reads the content of `Extensions` and hands over each of them.
///
/// # Errors
/// Those of `handle`; [`CrlFault::Malformed`] for an empty list and for one extension twice.
pub(super) fn each<'a>(
    mut list: &'a [u8],
    mut handle: impl FnMut(Extension<'a>) -> Result<(), CrlFault>,
) -> Result<(), CrlFault> {
    if list.is_empty() {
        return Err(Flaw("an empty list of extensions").into());
    }
    let mut seen = BTreeSet::new();
    while !list.is_empty() {
        let mut content = der::expect(&mut list, SEQUENCE, "an extension that is no SEQUENCE")?;
        let oid = der::expect(&mut content, OBJECT_IDENTIFIER, "an extension without OBJECT IDENTIFIER")?;
        der::object_identifier(oid)?;
        let critical = der::boolean(der::optional(&mut content, BOOLEAN)?)?;
        let value = der::only(content, OCTET_STRING, "an extension without value")?;
        if !seen.insert(oid) {
            return Err(Flaw("an extension that stands twice").into());
        }
        handle(Extension { critical, oid, value })?;
    }
    Ok(())
}

/// The object identifier in digits.
pub(super) fn name(oid: &[u8]) -> String {
    Oid::new(oid.into()).to_id_string()
}

/// What the extensions of a CRL say.
#[derive(Debug, Default)]
pub(super) struct CrlExtensions {
    /// deltaCRLIndicator: the number of the CRL that the list is a change to.
    pub(super) base: Option<CrlNumber>,
    /// keyIdentifier of authorityKeyIdentifier.
    pub(super) key_identifier: Option<Vec<u8>>,
    /// cRLNumber.
    pub(super) number: Option<CrlNumber>,
    /// issuingDistributionPoint; evaluated whether critical or not.
    pub(super) scope: Option<Scope>,
}

impl CrlExtensions {
    /// Reads the content of `crlExtensions`, which wraps `Extensions`, of a list of this issuer.
    pub(super) fn read(content: &[u8], issuer: &Name) -> Result<Self, CrlFault> {
        let mut read = Self::default();
        let list = der::only(content, SEQUENCE, "crlExtensions that are no SEQUENCE")?;
        each(list, |Extension { critical, oid, value }| {
            match oid {
                AUTHORITY_KEY_IDENTIFIER => read.key_identifier = key_identifier(value)?.map(<[u8]>::to_vec),
                CRL_NUMBER => read.number = Some(CrlNumber::read(value)?),
                DELTA_CRL_INDICATOR => read.base = Some(CrlNumber::read(value)?),
                ISSUING_DISTRIBUTION_POINT => read.scope = Some(Scope::read(value, issuer)?),
                // These tell more about the issuer and limit nothing.
                AUTHORITY_INFORMATION_ACCESS | ISSUER_ALTERNATIVE_NAME => {}
                _ if critical => return Err(CrlFault::Extension(name(oid))),
                _ => {}
            }
            Ok(())
        })?;
        Ok(read)
    }
}

/// Reads `AuthorityKeyIdentifier` (RFC 5280 section 4.2.1.1). Issuer and serial number of the CA certificate, if they
/// are there, don't count: the registered CA is the one to be checked against.
fn key_identifier(value: &[u8]) -> Result<Option<&[u8]>, Flaw> {
    let mut content = der::only(value, SEQUENCE, "an authorityKeyIdentifier that is no SEQUENCE")?;
    let identifier = der::optional(&mut content, 0x80)?;
    der::optional(&mut content, 0xa1)?;
    der::optional(&mut content, 0x82)?;
    der::end(content)?;
    Ok(identifier)
}
