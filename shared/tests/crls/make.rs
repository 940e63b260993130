//! Lists made and signed on the spot.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use shared::pki::crl::RevocationReason;

use crate::file;

pub(crate) const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];
pub(crate) const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
pub(crate) const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
pub(crate) const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 0x18];
pub(crate) const REASON_CODE: &[u8] = &[0x55, 0x1d, 0x15];
/// 1.3.6.1.4.1.99999.1.
pub(crate) const UNKNOWN: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x86, 0x8d, 0x1f, 0x01];

/// `SEQUENCE { OID ecdsa-with-SHA256 }`.
const ECDSA_SHA256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// Content of the object identifier commonName.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|octet| **octet == 0).count()..];
    let mut element = vec![tag];
    match length {
        [] => element.push(0),
        [short] if *short < 0x80 => element.push(*short),
        long => {
            element.push(0x80 | u8::try_from(long.len()).unwrap());
            element.extend(long);
        }
    }
    element.extend(content);
    element
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// An INTEGER of this magnitude.
pub(crate) fn integer(magnitude: &[u8]) -> Vec<u8> {
    let magnitude = &magnitude[magnitude.iter().take_while(|octet| **octet == 0).count()..];
    let sign: &[u8] = if magnitude.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    element(0x02, &[sign, magnitude].concat())
}

pub(crate) fn utc(text: &str) -> Vec<u8> {
    element(0x17, text.as_bytes())
}

pub(crate) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { element(0x01, &[0xff]) } else { Vec::new() };
    sequence(&[element(0x06, oid), critical, element(0x04, value)])
}

pub(crate) fn reason_code(reason: RevocationReason) -> Vec<u8> {
    extension(REASON_CODE, false, &element(0x0a, &[reason.code()]))
}

pub(crate) fn entry(serial: &[u8], date: Vec<u8>, extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = if extensions.is_empty() { Vec::new() } else { sequence(extensions) };
    sequence(&[integer(serial), date, extensions])
}

/// The usual entry: a `UTCTime`, a reasonCode.
pub(crate) fn usual_entry(serial: &[u8], reason: RevocationReason) -> Vec<u8> {
    entry(serial, utc("261031120000Z"), &[reason_code(reason)])
}

/// A list of these entries that `ca-p256` signs; of version 1 if there are no extensions at all.
pub(crate) fn list(entries: &[u8], extensions: Option<&[Vec<u8>]>) -> Vec<u8> {
    sign(&signed_part(entries, extensions))
}

/// A name of one commonName, of the string type with this identifier octet.
pub(crate) fn name(string_type: u8, common_name: &[u8]) -> Vec<u8> {
    let attribute = sequence(&[element(0x06, COMMON_NAME), element(string_type, common_name)]);
    sequence(&[element(0x31, &attribute)])
}

/// What of such a list is signed.
pub(crate) fn signed_part(entries: &[u8], extensions: Option<&[Vec<u8>]>) -> Vec<u8> {
    signed_part_of(&name(0x0c, b"ca-p256"), entries, extensions)
}

/// The same of a list that names this issuer.
pub(crate) fn signed_part_of(issuer: &[u8], entries: &[u8], extensions: Option<&[Vec<u8>]>) -> Vec<u8> {
    let version = if extensions.is_some() { integer(&[1]) } else { Vec::new() };
    sequence(&[
        version,
        ECDSA_SHA256.to_vec(),
        issuer.to_vec(),
        utc("261101000000Z"),
        element(0x18, b"20991231235959Z"),
        if entries.is_empty() { Vec::new() } else { element(0x30, entries) },
        extensions.map(|extensions| element(0xa0, &sequence(extensions))).unwrap_or_default(),
    ])
}

/// The list with a signature by `ca-p256`.
pub(crate) fn sign(signed: &[u8]) -> Vec<u8> {
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &file("ca-p256.key")).unwrap();
    let signature = key.sign(&SystemRandom::new(), signed).unwrap();
    let signature = element(0x03, &[&[0], signature.as_ref()].concat());
    sequence(&[signed.to_vec(), ECDSA_SHA256.to_vec(), signature])
}

/// cRLNumber 1 only.
pub(crate) fn numbered() -> Vec<Vec<u8>> {
    vec![extension(CRL_NUMBER, false, &integer(&[1]))]
}
