//! Sorting more records than memory holds: sorted runs in temporary files, merged as often as needed.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, Write};

use super::fault::SnapshotFault;
use super::record::{Record, SEED_OCTETS};
use super::scratch::{Scratch, ScratchFile};

/// Octets that each run may hold in memory while it is read or written.
const BUFFER_OCTETS: usize = 64 * 1_024;

/// All records in order, each serial number once.
pub(super) enum Sorted {
    /// Few enough for memory.
    Memory(Vec<Record>),
    /// Each file in order; merged while they are walked. The fingerprints are made again with the seed: that takes less
    /// time than a list of this size takes to arrive, and spares 8 octets of storage for each entry.
    Runs(Vec<ScratchFile>, [u8; SEED_OCTETS]),
}

impl Sorted {
    /// Hands every record over in order. Can be called again.
    pub(super) fn walk(&self, mut each: impl FnMut(Record) -> Result<(), SnapshotFault>) -> Result<(), SnapshotFault> {
        match self {
            Self::Memory(records) => records.iter().copied().try_for_each(each),
            Self::Runs(files, seed) => {
                let mut heap = BinaryHeap::with_capacity(files.len());
                for file in files {
                    heap.extend(Run::start(file.file(), *seed).map_err(SnapshotFault::Scratch)?);
                }
                let mut held: Option<Record> = None;
                while let Some(mut run) = heap.peek_mut() {
                    let record = run.head;
                    match Record::read_short(*seed, &mut run.rest).map_err(SnapshotFault::Scratch)? {
                        Some(next) => run.head = next,
                        None => drop(PeekMut::pop(run)),
                    }
                    match &mut held {
                        Some(before) if before.same_serial(&record) => before.worsen(&record),
                        _ => held.replace(record).map_or(Ok(()), &mut each)?,
                    }
                }
                held.map_or(Ok(()), each)
            }
        }
    }
}

/// Brings records into order and leaves one of each serial number, with the most severe reason.
pub(super) fn sort(records: &mut Vec<Record>) {
    records.sort_unstable_by(Record::order);
    records.dedup_by(|later, kept| {
        let same = kept.same_serial(later);
        if same {
            kept.worsen(later);
        }
        same
    });
}

/// Writes sorted records into a temporary file, of 2 octets and the serial number each.
pub(super) fn spill(records: &[Record], scratch: &Scratch) -> io::Result<ScratchFile> {
    let mut out = BufWriter::with_capacity(BUFFER_OCTETS, scratch.file()?);
    let mut octets = Vec::new();
    for record in records {
        octets.clear();
        record.write_short(&mut octets);
        out.write_all(&octets)?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)
}

struct Run<'a> {
    head: Record,
    rest: BufReader<&'a File>,
}

impl<'a> Run<'a> {
    /// None if the file has no record.
    fn start(mut file: &'a File, seed: [u8; SEED_OCTETS]) -> io::Result<Option<Self>> {
        file.rewind()?;
        let mut rest = BufReader::with_capacity(BUFFER_OCTETS, file);
        Ok(Record::read_short(seed, &mut rest)?.map(|head| Self { head, rest }))
    }
}

/// The run with the least record is the greatest: a heap hands the greatest over first.
impl Ord for Run<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.head.order(&self.head)
    }
}

impl PartialOrd for Run<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Run<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Run<'_> {}
