//! CRLs: a frozen corpus (`tests/data/crls/generate.py` tells how it was made), lists made and signed here, bytes that
//! nobody made on purpose, and what rustls-webpki and OpenSSL say about the same lists.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test ends where its set-up does")]

mod bounds;
mod by_openssl;
mod by_webpki;
mod corpus;
mod damage;
mod large;
mod make;
mod names;
mod odd;
mod pem;
mod scope;
mod shapes;

use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlFault, CrlReader, RevocationReason};
use time::OffsetDateTime;
use time::macros::datetime;

/// The thisUpdate of the corpus.
const NOW: OffsetDateTime = datetime!(2026-11-01 00:00 UTC);

/// Serial number and reason of an entry.
type Listed = (Vec<u8>, RevocationReason);

fn path(name: &str) -> String {
    format!("{}/../tests/data/crls/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn file(name: &str) -> Vec<u8> {
    let path = path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn certificate(name: &str) -> Certificate {
    Certificate::from_der(&file(&format!("{name}.der"))).unwrap()
}

/// What comes out of a list that arrives in these chunks, with the entries that were handed over until then.
fn read<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    authority: &Certificate,
) -> (Result<Crl, CrlFault>, Vec<Listed>) {
    let mut reader = CrlReader::new(authority);
    let mut listed = Vec::new();
    for chunk in chunks {
        // A fault is told again by `finish`.
        let fed = reader.feed(chunk, |entry| listed.push((entry.serial.to_vec(), entry.reason)));
        drop(fed);
    }
    (reader.finish(NOW), listed)
}

/// Whether a certificate can have this serial number, without leading zeros.
fn is_possible(serial: &[u8]) -> bool {
    (1..=20).contains(&serial.len())
}

/// Everything that a list goes through.
fn check(list: &[u8], authority: &Certificate, now: OffsetDateTime) -> Result<Vec<Listed>, CrlFault> {
    let mut reader = CrlReader::new(authority);
    let mut listed = Vec::new();
    reader.feed(list, |entry| listed.push((entry.serial.to_vec(), entry.reason)))?;
    let crl = reader.finish(now)?;
    crl.check_current(now)?;
    assert_eq!(crl.entries(), u64::try_from(listed.len()).unwrap());
    Ok(listed)
}
