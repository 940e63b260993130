//! Making a snapshot.

#[cfg(test)]
mod tests;

use std::io::Write;

use aws_lc_rs::digest;

use super::fault::SnapshotFault;
use super::header::{self, Header};
use super::layout::{Frame, Layout};
use super::merge::{Sorted, sort, spill};
use super::page::{self, CAPACITY, PAGE_OCTETS, page_number};
use super::record::{Record, SEED_OCTETS};
use super::scratch::{Scratch, ScratchFile};
use crate::id::CaCertificateId;
use crate::pki::crl::RevocationReason;

/// Most records in memory, about 8 MB.
const RUN: usize = 262_144;

/// Entries for each page. With 180 expected, more than [`CAPACITY`] have a probability below 1e-9 for each page.
const LOAD: u64 = 180;

/// How often the number of pages is raised, by an eighth each time, before the entries count as impossible.
const ATTEMPTS: u32 = 16;

/// Collects the entries of a CRL and writes them as a snapshot.
///
/// Entries may come from a CRL that is not verified yet, as its signature is known only at its end; [`Self::write`]
/// is for after that. Up to 262,144 entries stay in memory (8 MB); more go into temporary files of 2 octets and the
/// serial number for each entry, and memory grows by 64 KiB for each 262,144 entries. The work is blocking.
pub struct Builder {
    attempts: u32,
    fault: Option<SnapshotFault>,
    load: u64,
    run: Vec<Record>,
    run_size: usize,
    scratch: Scratch,
    seed: [u8; SEED_OCTETS],
    spilled: Vec<ScratchFile>,
}

/// A snapshot that was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Written {
    /// What readers need to know.
    pub layout: Layout,
    /// SHA-256 of the whole object, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Builder {
    /// A builder for the CRL of this CA from this source; `scratch` is where temporary files go.
    #[must_use]
    pub fn new(authority: &CaCertificateId, source: &str, scratch: impl Into<Scratch>) -> Self {
        Self {
            attempts: ATTEMPTS,
            fault: None,
            load: LOAD,
            run: Vec::new(),
            run_size: RUN,
            scratch: scratch.into(),
            seed: header::seed(authority, source),
            spilled: Vec::new(),
        }
    }

    /// Takes one entry: the serial number's octets, most significant first, and the reason.
    ///
    /// Of a serial number that comes twice, the most severe reason counts; any is more severe than a hold. An entry
    /// with the reason `removeFromCRL` is left out, as it is not a revocation. A fault (a serial number that is zero
    /// or longer than 20 octets, a temporary file) is kept and returned by [`Self::write`].
    pub fn insert(&mut self, serial: &[u8], reason: RevocationReason) {
        if self.fault.is_some() || reason == RevocationReason::RemoveFromCrl {
            return;
        }
        let Some(record) = Record::new(self.seed, serial, reason) else {
            self.fault = Some(SnapshotFault::Serial);
            return;
        };
        if self.run.len() >= self.run_size {
            self.spill();
        }
        self.run.push(record);
    }

    /// Whether temporary files are in use: only then writing the snapshot takes more than a moment.
    #[must_use]
    pub fn has_spilled(&self) -> bool {
        !self.spilled.is_empty()
    }

    /// Whether an entry found no room in the temporary files. [`Self::write`] can't succeed then.
    #[must_use]
    pub fn is_out_of_scratch(&self) -> bool {
        self.fault.as_ref().is_some_and(SnapshotFault::is_out_of_scratch)
    }

    /// Writes the snapshot. The same entries under the same header give the same octets, in whatever order they came.
    ///
    /// # Errors
    /// A fault of an earlier [`Self::insert`], a header of another CA or source or with texts that are too long,
    /// a fault of a temporary file or of `out`. What `out` has got until then is of no use.
    pub fn write(mut self, header: &Header, out: &mut impl Write) -> Result<Written, SnapshotFault> {
        if !self.spilled.is_empty() {
            self.spill();
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if header::seed(&header.ca_certificate_id, &header.source) != self.seed {
            return Err(SnapshotFault::Source);
        }
        let sorted = if self.spilled.is_empty() {
            sort(&mut self.run);
            Sorted::Memory(self.run)
        } else {
            drop(self.run);
            Sorted::Runs(self.spilled, self.seed)
        };
        // Every page needs the id, the id needs the number of entries, the header needs the hash of the pages, and
        // the hash of the whole begins with the header. Walking the records three times costs less than reading the
        // object back, and `out` is written once, from its first octet to its last.
        let mut entries = 0;
        sorted.walk(|_| {
            entries += 1;
            Ok(())
        })?;
        let (identity, frame, pages_hash) = plan(&sorted, header, entries, self.load, self.attempts)?;
        let mut whole = digest::Context::new(&digest::SHA256);
        let mut put = |octets: &[u8]| {
            whole.update(octets);
            out.write_all(octets).map_err(SnapshotFault::Write)
        };
        put(&header::write(&identity, pages_hash.as_ref()))?;
        paginate(&sorted, &frame, put)?;
        out.flush().map_err(SnapshotFault::Write)?;
        Ok(Written { layout: frame.layout(), sha256: hex::encode(whole.finish()) })
    }

    fn spill(&mut self) {
        sort(&mut self.run);
        match spill(&self.run, &self.scratch) {
            Ok(file) => self.spilled.push(file),
            Err(error) => self.fault = Some(SnapshotFault::Scratch(error)),
        }
        self.run.clear();
    }
}

/// Finds the least number of pages that the records fit into, of those that are tried, and hashes the pages.
fn plan(
    sorted: &Sorted,
    header: &Header,
    entries: u64,
    load: u64,
    attempts: u32,
) -> Result<(Vec<u8>, Frame, digest::Digest), SnapshotFault> {
    let mut pages = u32::try_from(entries.div_ceil(load).max(1)).map_err(|_| SnapshotFault::Overflow)?;
    for _ in 0..attempts {
        let (identity, frame) = header.identity(entries, pages)?;
        let mut hash = digest::Context::new(&digest::SHA256);
        let outcome = paginate(sorted, &frame, |page| {
            hash.update(page);
            Ok(())
        });
        match outcome {
            Ok(()) => return Ok((identity, frame, hash.finish())),
            Err(SnapshotFault::Overflow) => pages = pages.saturating_add(pages / 8 + 1),
            Err(fault) => return Err(fault),
        }
    }
    Err(SnapshotFault::Overflow)
}

/// Hands every page over in order.
fn paginate(
    sorted: &Sorted,
    frame: &Frame,
    mut put: impl FnMut(&[u8]) -> Result<(), SnapshotFault>,
) -> Result<(), SnapshotFault> {
    let mut index = 0;
    let mut records = Vec::with_capacity(CAPACITY);
    let mut page = Vec::with_capacity(PAGE_OCTETS);
    sorted.walk(|record| {
        let number = page_number(record.fingerprint, frame.pages);
        while index < number {
            page::write(frame, index, &records, &mut page)?;
            put(&page)?;
            records.clear();
            index += 1;
        }
        records.push(record);
        Ok(())
    })?;
    while index < frame.pages {
        page::write(frame, index, &records, &mut page)?;
        put(&page)?;
        records.clear();
        index += 1;
    }
    Ok(())
}
