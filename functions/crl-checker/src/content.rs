//! A snapshot's octets: from the bucket, or from a file that is not in the bucket yet.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

use shared::fault::{Fault, FaultKind};
use shared::id::Serial;
use shared::pki::crl::RevocationReason;
use shared::revocation::SnapshotObject;
use shared::snapshot::{Chunks, Layout};

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

/// A snapshot of which many serial numbers will be asked, in a file without a name.
#[derive(Debug)]
pub(crate) struct LocalSnapshot {
    file: File,
    layout: Layout,
}

impl LocalSnapshot {
    /// Copies a snapshot out of the bucket.
    pub(crate) async fn copy(
        mut content: impl Chunks<Error = Fault> + Send,
        object: &SnapshotObject,
        scratch: &std::path::Path,
    ) -> Result<Self, Fault> {
        let mut file = tempfile::tempfile_in(scratch).map_err(local)?;
        while let Some(piece) = content.next().await? {
            io::Write::write_all(&mut file, &piece).map_err(local)?;
        }
        file.seek(SeekFrom::Start(0)).map_err(local)?;
        Ok(Self { file, layout: object.layout.clone() })
    }

    /// Whether and why a serial number is in it. The page's own check proves that it is the right one and sound.
    pub(crate) fn find(&self, serial: &Serial) -> Result<Option<RevocationReason>, Fault> {
        let range = self.layout.page_of(serial);
        let mut page = vec![0; usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0)];
        self.file.read_exact_at(&mut page, range.start).map_err(local)?;
        self.layout.find(&page, serial).map_err(|fault| Fault::new(SCRATCH, FaultKind::Invalid, fault))
    }
}

fn local(error: io::Error) -> Fault {
    Fault::new(SCRATCH, FaultKind::Unavailable, error)
}
