//! What a reader has to know about a snapshot to find the one page that it needs.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::fault::SnapshotFault;
use super::header;
use super::page::{self, CHECK_OCTETS, PAGE_OCTETS, page_number};
use super::record::{Record, SEED_OCTETS};
use crate::id::Serial;
use crate::pki::crl::RevocationReason;

/// Size and key figures of a snapshot, kept where its readers look for it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layout {
    /// Number of revoked serial numbers.
    pub entries: u64,
    /// The snapshot id: 16 octets in hexadecimal. It differs from snapshot to snapshot.
    pub id: String,
    /// Number of record pages.
    pub pages: u32,
    /// What the fingerprints are made with: 8 octets in hexadecimal, the same for all snapshots of one source.
    pub seed: String,
}

/// A layout in octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) entries: u64,
    pub(super) id: [u8; CHECK_OCTETS],
    pub(super) pages: u32,
    pub(super) seed: [u8; SEED_OCTETS],
}

impl Frame {
    pub(super) fn layout(&self) -> Layout {
        Layout { entries: self.entries, id: hex::encode(self.id), pages: self.pages, seed: hex::encode(self.seed) }
    }

    /// The page that holds this serial number if any does, and the record to look for in it.
    fn place(&self, serial: &Serial) -> Result<(u32, Record), SnapshotFault> {
        let sought = Record::sought(self.seed, serial)?;
        Ok((page_number(sought.fingerprint, self.pages), sought))
    }
}

impl Layout {
    /// Size of the whole object in octets.
    #[must_use]
    pub fn octets(&self) -> u64 {
        offset(self.pages)
    }

    /// The octets of the one page to read for this serial number; always [`PAGE_OCTETS`] of them.
    ///
    /// An impossible layout gives the range of the first page, for which [`Self::find`] then returns the fault.
    #[must_use]
    pub fn page_of(&self, serial: &Serial) -> Range<u64> {
        let index = self.frame().and_then(|frame| frame.place(serial)).map_or(0, |(index, _)| index);
        range(index)
    }

    /// Looks a serial number up in the page that [`Self::page_of`] names: its reason if it is revoked, none if not.
    ///
    /// # Errors
    /// The octets are not exactly that page of this snapshot, undamaged: neither answer would be true.
    pub fn find(&self, page: &[u8], serial: &Serial) -> Result<Option<RevocationReason>, SnapshotFault> {
        let frame = self.frame()?;
        let (index, sought) = frame.place(serial)?;
        let records = page::read(&frame, index, page)?;
        let found = records.binary_search_by(|record| record.order(&sought)).ok();
        Ok(found.and_then(|at| records.get(at)).map(|record| record.reason))
    }

    /// The octets of the header page, which tells whether the object is there and is this snapshot.
    #[must_use]
    pub fn header(&self) -> Range<u64> {
        0..offset(0)
    }

    /// Checks the header page.
    ///
    /// # Errors
    /// The octets are not the header of this snapshot, undamaged.
    pub fn check_header(&self, page: &[u8]) -> Result<(), SnapshotFault> {
        header::read(&self.frame()?, page).map(|_| ())
    }

    /// Looks a serial number up in the whole object. For small snapshots, which readers may keep in memory.
    ///
    /// # Errors
    /// The object has another length, its header is not that of this snapshot, or the page has a fault as for
    /// [`Self::find`]. Other pages are not looked at.
    pub fn find_in_whole(&self, object: &[u8], serial: &Serial) -> Result<Option<RevocationReason>, SnapshotFault> {
        let frame = self.frame()?;
        if u64::try_from(object.len()).ok() != Some(self.octets()) {
            return Err(SnapshotFault::Length);
        }
        header::read(&frame, object.get(..PAGE_OCTETS).ok_or(SnapshotFault::Length)?)?;
        let range = self.page_of(serial);
        let start = usize::try_from(range.start).map_err(|_| SnapshotFault::Length)?;
        let page = object.get(start..).and_then(|rest| rest.get(..PAGE_OCTETS)).ok_or(SnapshotFault::Length)?;
        self.find(page, serial)
    }

    /// Reads the texts.
    pub(super) fn frame(&self) -> Result<Frame, SnapshotFault> {
        let mut frame = Frame { entries: self.entries, id: [0; _], pages: self.pages, seed: [0; _] };
        hex::decode_to_slice(&self.id, &mut frame.id).map_err(|_| SnapshotFault::Layout)?;
        hex::decode_to_slice(&self.seed, &mut frame.seed).map_err(|_| SnapshotFault::Layout)?;
        if frame.pages == 0 { Err(SnapshotFault::Layout) } else { Ok(frame) }
    }
}

/// Where the record page with this index begins; the header comes before the first.
fn offset(index: u32) -> u64 {
    // Widening: a usize has at most 64 bits.
    (u64::from(index) + 1) * u64::try_from(PAGE_OCTETS).unwrap_or_default()
}

pub(super) fn range(index: u32) -> Range<u64> {
    offset(index)..offset(index) + offset(0)
}
