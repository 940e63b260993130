//! CRLs and certificates in files, read as the functions read them.

use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, Result};
use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlFault, CrlReader, Entry};
use time::OffsetDateTime;

use crate::device::leaf;
use crate::files::read_octets;

/// Octets that are read at once.
const CHUNK: usize = 64 * 1024;

/// Streams a CRL out of a file or memory, DER or PEM, and verifies it under the CA's key: a CRL, or why it is none. Its
/// dates are not compared with `now`, the CA's are. Entries count only if there is a CRL in the end.
///
/// # Errors
/// What the system says of a file that cannot be read.
pub fn read_crl(
    mut input: impl Read,
    authority: &Certificate,
    now: OffsetDateTime,
    mut entries: impl FnMut(Entry<'_>),
) -> io::Result<Result<Crl, CrlFault>> {
    let mut reader = CrlReader::new(authority);
    let mut chunk = vec![0; CHUNK];
    loop {
        let octets = input.read(&mut chunk)?;
        if octets == 0 {
            return Ok(reader.finish(now));
        }
        if let Err(fault) = reader.feed(chunk.get(..octets).unwrap_or_default(), &mut entries) {
            return Ok(Err(fault));
        }
    }
}

/// Reads a certificate, DER or the first one of a PEM file.
///
/// # Errors
/// A file that cannot be read, or is no certificate.
pub fn read_certificate(path: &Path) -> Result<Certificate> {
    const SEQUENCE: u8 = 0x30;
    let octets = read_octets(path)?;
    let certificate = match octets.first() {
        Some(&SEQUENCE) => Certificate::from_der(&octets).map_err(Into::into),
        _ => leaf(&String::from_utf8_lossy(&octets)),
    };
    certificate.with_context(|| format!("{} is not usable", path.display()))
}
