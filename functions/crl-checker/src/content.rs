//! A snapshot's octets: from the bucket, or from a file that is not in the bucket yet.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use shared::fault::{Fault, FaultKind};
use shared::snapshot::{Chunks, ScratchFile};

/// Octets read from a file at once.
const PIECE: usize = 65_536;
const SCRATCH: &str = "the snapshot";

/// A snapshot, piece by piece.
#[derive(Debug)]
pub(crate) enum Content<C> {
    /// Being made.
    File {
        /// Octets that have been read.
        at: u64,
        file: Arc<ScratchFile>,
    },
    /// In the bucket.
    Stored(C),
}

impl<C> Content<C> {
    /// A file from its beginning, whoever else reads it.
    pub(crate) const fn file(file: Arc<ScratchFile>) -> Self {
        Self::File { at: 0, file }
    }
}

impl<C: Chunks<Error = Fault> + Send> Chunks for Content<C> {
    type Error = Fault;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        match self {
            Self::File { at, file } => {
                let mut piece = vec![0; PIECE];
                let read = file.file().read_at(&mut piece, *at).map_err(local)?;
                *at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
                piece.truncate(read);
                Ok((read > 0).then_some(piece))
            }
            Self::Stored(chunks) => chunks.next().await,
        }
    }
}

/// A fault of a temporary file.
pub(crate) fn local(error: io::Error) -> Fault {
    Fault::new(SCRATCH, FaultKind::Unavailable, error)
}
