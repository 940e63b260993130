//! Pages: the unit that is read, each with a check of its own.

use aws_lc_rs::digest;

use super::fault::SnapshotFault;
use super::layout::Frame;
use super::record::{RECORD_OCTETS, Record};

/// Octets of a page, and the most that a look-up reads.
pub const PAGE_OCTETS: usize = 8_192;

/// Octets of a check and of a snapshot id.
pub(super) const CHECK_OCTETS: usize = 16;

/// Octets before the check.
const BODY_OCTETS: usize = PAGE_OCTETS - CHECK_OCTETS;

/// Octets before the records.
const HEAD_OCTETS: usize = 36;

/// Most records of a page.
pub(super) const CAPACITY: usize = (BODY_OCTETS - HEAD_OCTETS) / RECORD_OCTETS;

/// The index of the page that holds a fingerprint. It is less than `pages`, unless that is 0.
pub(super) fn page_number(fingerprint: u64, pages: u32) -> u32 {
    let number = (u128::from(fingerprint) * u128::from(pages)) >> 64;
    // Always fits: the product is below pages * 2^64.
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The first 16 octets of SHA-256.
pub(super) fn short_hash(octets: &[u8]) -> [u8; CHECK_OCTETS] {
    let digest = digest::digest(&digest::SHA256, octets);
    // Always there: SHA-256 has 32 octets.
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Fills a page up with zeros and ends it with its check.
pub(super) fn seal(page: &mut Vec<u8>) {
    page.resize(BODY_OCTETS, 0);
    let check = short_hash(page);
    page.extend_from_slice(&check);
}

/// The page without its check, once the check is right.
pub(super) fn unseal(page: &[u8]) -> Result<&[u8; BODY_OCTETS], SnapshotFault> {
    let page: &[u8; PAGE_OCTETS] = page.try_into().map_err(|_| SnapshotFault::Length)?;
    let (body, check) = page.split_first_chunk::<BODY_OCTETS>().ok_or(SnapshotFault::Length)?;
    if short_hash(body) == check { Ok(body) } else { Err(SnapshotFault::Check) }
}

/// Writes a page of at most [`CAPACITY`] records over whatever `page` holds.
pub(super) fn write(frame: &Frame, index: u32, records: &[Record], page: &mut Vec<u8>) -> Result<(), SnapshotFault> {
    let count = u16::try_from(records.len()).map_err(|_| SnapshotFault::Overflow)?;
    if records.len() > CAPACITY {
        return Err(SnapshotFault::Overflow);
    }
    page.clear();
    page.extend_from_slice(&frame.id);
    page.extend_from_slice(&frame.seed);
    page.extend_from_slice(&frame.pages.to_be_bytes());
    page.extend_from_slice(&index.to_be_bytes());
    page.extend_from_slice(&count.to_be_bytes());
    page.extend_from_slice(&[0; 2]);
    for record in records {
        record.write(page);
    }
    seal(page);
    Ok(())
}

/// Reads the records of the page with this index, once everything about it is right.
pub(super) fn read(frame: &Frame, index: u32, page: &[u8]) -> Result<Vec<Record>, SnapshotFault> {
    let body = unseal(page)?;
    let (id, rest) = body.split_first_chunk().ok_or(SnapshotFault::Length)?;
    let (seed, rest) = rest.split_first_chunk().ok_or(SnapshotFault::Length)?;
    let (pages, rest) = rest.split_first_chunk().ok_or(SnapshotFault::Length)?;
    let (found, rest) = rest.split_first_chunk().ok_or(SnapshotFault::Length)?;
    let (count, rest) = rest.split_first_chunk().ok_or(SnapshotFault::Length)?;
    let (reserved, rest) = rest.split_first_chunk::<2>().ok_or(SnapshotFault::Length)?;
    if *id != frame.id || *seed != frame.seed || u32::from_be_bytes(*pages) != frame.pages {
        return Err(SnapshotFault::Id);
    }
    let found = u32::from_be_bytes(*found);
    if found != index {
        return Err(SnapshotFault::Index { expected: index, found });
    }
    let count = usize::from(u16::from_be_bytes(*count));
    let (records, padding) = rest.split_at_checked(count * RECORD_OCTETS).ok_or(SnapshotFault::Records)?;
    if reserved.iter().chain(padding).any(|octet| *octet != 0) {
        return Err(SnapshotFault::Records);
    }
    let (records, _) = records.as_chunks();
    let records: Option<Vec<_>> = records.iter().map(Record::read).collect();
    let records = records.ok_or(SnapshotFault::Records)?;
    // A record in the wrong page or out of order could not be found, or would be compared with the wrong one.
    let here = records.iter().all(|record| page_number(record.fingerprint, frame.pages) == index);
    let ascending = records.is_sorted_by(|a, b| a.order(b).is_lt());
    if here && ascending { Ok(records) } else { Err(SnapshotFault::Records) }
}
