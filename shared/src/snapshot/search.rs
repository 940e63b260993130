//! Looking many serial numbers up in one snapshot.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;

use super::fault::SnapshotFault;
use super::layout::{Frame, Layout, range};
use super::page::{self, page_number};
use super::record::Record;
use super::stream::{Chunks, Records, StreamError};
use crate::id::Serial;
use crate::pki::crl::RevocationReason;

/// Serial numbers that were found, with their reasons.
pub type Found = HashMap<Serial, RevocationReason>;

/// Serial numbers that are sought together, in the order of one snapshot's records.
#[derive(Debug)]
pub struct Search {
    frame: Frame,
    layout: Layout,
    sought: Vec<Record>,
}

impl Search {
    /// Brings the serial numbers into order.
    ///
    /// # Errors
    /// The layout is impossible.
    pub fn new<'s>(layout: &Layout, serials: impl IntoIterator<Item = &'s Serial>) -> Result<Self, SnapshotFault> {
        let frame = layout.frame()?;
        let sought = serials.into_iter().map(|serial| Record::sought(frame.seed, serial));
        let mut sought: Vec<Record> = sought.collect::<Result<_, _>>()?;
        sought.sort_unstable_by(Record::order);
        sought.dedup_by(|a, b| a.same_serial(b));
        Ok(Self { frame, layout: layout.clone(), sought })
    }

    /// The octets of the pages that may hold any of the serial numbers, each page once.
    pub fn pages(&self) -> impl Iterator<Item = Range<u64>> {
        let mut numbers: Vec<u32> = self.sought.iter().map(|record| self.page_of(record)).collect();
        numbers.dedup();
        numbers.into_iter().map(range)
    }

    /// Looks up what belongs into one of these pages.
    ///
    /// # Errors
    /// The octets are not exactly that page of this snapshot, undamaged.
    pub fn in_page(&self, at: &Range<u64>, octets: &[u8], found: &mut Found) -> Result<(), SnapshotFault> {
        let here = |record: &&Record| range(self.page_of(record)) == *at;
        let Some(first) = self.sought.iter().find(here) else { return Ok(()) };
        let records = page::read(&self.frame, self.page_of(first), octets)?;
        for sought in self.sought.iter().filter(here) {
            if let Some(record) =
                records.binary_search_by(|record| record.order(sought)).ok().and_then(|at| records.get(at))
            {
                found.insert(record.serial()?, record.reason);
            }
        }
        Ok(())
    }

    /// Looks all of them up in the whole object, which is compared with its SHA-256 before anything is returned.
    ///
    /// # Errors
    /// The object is not the one that layout and hash describe, or a piece can't be had.
    pub async fn in_stream<C: Chunks>(&self, chunks: C, sha256: &str) -> Result<Found, StreamError<C::Error>> {
        let mut records = Records::new(chunks, self.layout.clone(), sha256.to_owned());
        let mut found = Found::new();
        let mut sought = self.sought.iter().peekable();
        while let Some(record) = records.peek().await? {
            while sought.next_if(|next| next.order(&record) == Ordering::Less).is_some() {}
            if sought.next_if(|next| next.same_serial(&record)).is_some() {
                found.insert(record.serial()?, record.reason);
            }
            records.advance();
        }
        Ok(found)
    }

    fn page_of(&self, record: &Record) -> u32 {
        page_number(record.fingerprint, self.frame.pages)
    }
}
