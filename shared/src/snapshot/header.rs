//! The header page: what a snapshot is about.

use aws_lc_rs::digest;
use time::OffsetDateTime;

use super::fault::SnapshotFault;
use super::layout::Frame;
use super::page::{seal, short_hash, unseal};
use super::record::{SEED_OCTETS, octets};
use crate::id::CaCertificateId;

const MAGIC: [u8; 8] = *b"jitrsnap";
const VERSION: u32 = 1;

/// Most octets of the CRL number (RFC 5280 section 5.2.3).
const NUMBER_OCTETS: usize = 20;

/// Most octets of the source.
const SOURCE_OCTETS: usize = 1_000;

/// Octets that the snapshot id is made of.
const IDENTITY_OCTETS: usize = 1_103;

/// Octets of SHA-256.
pub(super) const HASH_OCTETS: usize = 32;

/// What a snapshot says of the CRL that it was made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// The CA whose certificates are listed.
    pub ca_certificate_id: CaCertificateId,
    /// The CRL number in hexadecimal, at most 20 octets; none if the CRL has none.
    pub crl_number: Option<String>,
    /// When the next CRL is due; fractions of a second are not kept.
    pub next_update: OffsetDateTime,
    /// Where the CRL comes from, at most 1,000 octets.
    pub source: String,
    /// When the CRL was made; fractions of a second are not kept.
    pub this_update: OffsetDateTime,
}

impl Header {
    /// The octets that identify the snapshot, and the frame with the id made of them.
    pub(super) fn identity(&self, entries: u64, pages: u32) -> Result<(Vec<u8>, Frame), SnapshotFault> {
        let seed = seed(&self.ca_certificate_id, &self.source);
        let number = self.crl_number.as_deref().map_or_else(|| Ok(Vec::new()), number_octets)?;
        let number_length = u8::try_from(number.len()).map_err(|_| SnapshotFault::CrlNumber)?;
        let source_length = u16::try_from(self.source.len()).map_err(|_| SnapshotFault::Source)?;
        if self.source.len() > SOURCE_OCTETS {
            return Err(SnapshotFault::Source);
        }
        let mut identity = Vec::with_capacity(IDENTITY_OCTETS);
        identity.extend_from_slice(&MAGIC);
        identity.extend_from_slice(&VERSION.to_be_bytes());
        identity.extend_from_slice(&authority_octets(&self.ca_certificate_id));
        identity.extend_from_slice(&seed);
        identity.extend_from_slice(&self.this_update.unix_timestamp().to_be_bytes());
        identity.extend_from_slice(&self.next_update.unix_timestamp().to_be_bytes());
        identity.extend_from_slice(&entries.to_be_bytes());
        identity.extend_from_slice(&pages.to_be_bytes());
        identity.push(number_length);
        identity.extend_from_slice(&number);
        identity.resize(identity.len() + NUMBER_OCTETS.saturating_sub(number.len()), 0);
        identity.extend_from_slice(&source_length.to_be_bytes());
        identity.extend_from_slice(self.source.as_bytes());
        identity.resize(IDENTITY_OCTETS, 0);
        let id = short_hash(&identity);
        Ok((identity, Frame { entries, id, pages, seed }))
    }
}

/// Makes the header page out of the identifying octets.
pub(super) fn write(identity: &[u8], pages_hash: &[u8]) -> Vec<u8> {
    let mut page = [identity, pages_hash].concat();
    seal(&mut page);
    page
}

/// Checks a header page against what is known of the snapshot; returns the SHA-256 of the record pages.
pub(super) fn read(frame: &Frame, page: &[u8]) -> Result<[u8; HASH_OCTETS], SnapshotFault> {
    let body = unseal(page)?;
    let (identity, rest) = body.split_first_chunk::<IDENTITY_OCTETS>().ok_or(SnapshotFault::Length)?;
    let hash = rest.first_chunk().ok_or(SnapshotFault::Length)?;
    if !identity.starts_with(&[MAGIC.as_slice(), &VERSION.to_be_bytes()].concat()) {
        return Err(SnapshotFault::Format);
    }
    // The id covers these fields, but the layout might have been put together from two.
    let seed = identity.get(44..52) == Some(&frame.seed);
    let entries = identity.get(68..76) == Some(&frame.entries.to_be_bytes());
    let pages = identity.get(76..80) == Some(&frame.pages.to_be_bytes());
    if seed && entries && pages && short_hash(identity) == frame.id { Ok(*hash) } else { Err(SnapshotFault::Id) }
}

/// The start of the order of all snapshots of one source.
pub(super) fn seed(authority: &CaCertificateId, source: &str) -> [u8; SEED_OCTETS] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&authority_octets(authority));
    context.update(source.as_bytes());
    // Always there: SHA-256 has 32 octets.
    context.finish().as_ref().first_chunk().copied().unwrap_or_default()
}

fn authority_octets(authority: &CaCertificateId) -> [u8; 32] {
    let mut octets = [0; 32];
    // An id that exists has 64 hexadecimal digits.
    let _ = hex::decode_to_slice(authority.as_str(), &mut octets);
    octets
}

/// The number without leading zeros; zero itself has one octet, so that it differs from no number.
fn number_octets(digits: &str) -> Result<Vec<u8>, SnapshotFault> {
    let minimal = digits.trim_start_matches('0');
    let text = if minimal.is_empty() && !digits.is_empty() { "0" } else { minimal };
    let number = octets(text).ok_or(SnapshotFault::CrlNumber)?;
    if (1..=NUMBER_OCTETS).contains(&number.len()) { Ok(number) } else { Err(SnapshotFault::CrlNumber) }
}
