//! A snapshot's octets: from the bucket, or from a file that is not in the bucket yet.

use std::fs::File;
use std::io::{self, Read as _};

use shared::fault::{Fault, FaultKind};
use shared::snapshot::Chunks;

/// Octets read from a file at once.
const PIECE: usize = 65_536;
const SCRATCH: &str = "the snapshot";

/// A snapshot, piece by piece.
pub(crate) enum Content<C> {
    /// Being made.
    File(File),
    /// In the bucket.
    Stored(C),
}

impl<C: Chunks<Error = Fault> + Send> Chunks for Content<C> {
    type Error = Fault;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        match self {
            Self::File(file) => {
                let mut piece = vec![0; PIECE];
                let read = file.read(&mut piece).map_err(local)?;
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
