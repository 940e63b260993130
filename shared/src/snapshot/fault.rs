//! What can be wrong with a snapshot.

use std::io;

/// Why a snapshot could not be made, or can't be believed.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// A page's check is not that of its octets.
    #[error("a page of the snapshot is damaged")]
    Check,
    /// The CRL number is not the hexadecimal text of an integer of at most 20 octets.
    #[error("the crl number is not hexadecimal or has more than 20 octets")]
    CrlNumber,
    /// The number of records differs from the layout's.
    #[error("the snapshot has {found} records instead of {expected}")]
    Entries {
        /// What the layout says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// The object does not begin as a snapshot of this format and version.
    #[error("the object is not a snapshot of a known format")]
    Format,
    /// The octets of the whole object are not those that its name promises.
    #[error("the hash of the snapshot is not the expected one")]
    Hash,
    /// The page or header belongs to another snapshot, or to the same one at another layout.
    #[error("the page belongs to another snapshot")]
    Id,
    /// The page is not the one that was asked for.
    #[error("the page has index {found} instead of {expected}")]
    Index {
        /// What the layout says.
        expected: u32,
        /// What the page says.
        found: u32,
    },
    /// The layout itself is impossible: texts that are not hexadecimal or of the wrong length, or no page at all.
    #[error("the layout of the snapshot is malformed")]
    Layout,
    /// Too few or too many octets.
    #[error("the snapshot or page has the wrong length")]
    Length,
    /// The entries don't fit into the pages, however many.
    #[error("the entries do not fit into pages")]
    Overflow,
    /// A page's records are impossible, out of order, or too many.
    #[error("the records of a page are malformed")]
    Records,
    /// A temporary file could not be made, written or read.
    #[error("a temporary file failed")]
    Scratch(#[source] io::Error),
    /// The two snapshots have different orders, as they are of different sources.
    #[error("the snapshots are of different sources")]
    Seed,
    /// A serial number is zero or has more than 20 octets.
    #[error("a serial number is zero or has more than 20 octets")]
    Serial,
    /// The source is longer than 1,000 octets, or the builder was made for another source or CA.
    #[error("the source is too long or not the builder's")]
    Source,
    /// More was asked for after a fault.
    #[error("reading went on after a fault")]
    Stopped,
    /// The object could not be written.
    #[error("the snapshot could not be written")]
    Write(#[source] io::Error),
}

impl SnapshotFault {
    /// Whether the storage for temporary files is full.
    #[must_use]
    pub fn is_out_of_scratch(&self) -> bool {
        matches!(self, Self::Scratch(error) | Self::Write(error) if error.kind() == io::ErrorKind::StorageFull)
    }
}
