//! CRLs and certificates in files, read as the functions read them.

use std::io::{self, Read};

use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlFault, CrlReader, Entry};
use time::OffsetDateTime;

/// Octets that are read at once.
const CHUNK: usize = 64 * 1024;

/// Streams a CRL out of a file or memory, DER or PEM, and verifies it under the CA's key: a CRL, or why it is none. Its
/// dates are not compared with `now`, the CA's are. Entries count only if there is a CRL in the end.
///
/// # Errors
/// What the system says of a file that cannot be read.
pub fn read_crl(
    input: impl Read,
    authority: &Certificate,
    now: OffsetDateTime,
    entries: impl FnMut(Entry<'_>),
) -> io::Result<Result<Crl, CrlFault>> {
    read_crl_with(CrlReader::new(authority), input, now, entries)
}

/// The same, through a reader that may accept other kinds of CRLs.
pub(super) fn read_crl_with(
    mut reader: CrlReader,
    mut input: impl Read,
    now: OffsetDateTime,
    mut entries: impl FnMut(Entry<'_>),
) -> io::Result<Result<Crl, CrlFault>> {
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
