//! Snapshots in a folder, in place of the bucket.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use shared::fault::{Fault, FaultKind};
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlFault};
use shared::port::SnapshotPages;
use shared::revocation::{CrlSource, PublishedCrl, SnapshotObject};
use shared::snapshot::{Builder, Header};
use time::OffsetDateTime;

use crate::crl::list::read_crl;

/// Reads snapshots that are files of a folder, named by their keys.
#[derive(Debug)]
pub(super) struct LocalPages {
    folder: PathBuf,
}

impl LocalPages {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn part(&self, key: &str, range: &Range<u64>) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(self.folder.join(key))?;
        file.seek(SeekFrom::Start(range.start))?;
        let mut octets = Vec::new();
        file.take(range.end.saturating_sub(range.start)).read_to_end(&mut octets)?;
        Ok(octets)
    }
}

impl SnapshotPages for LocalPages {
    async fn read(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        self.part(key, &range).map_err(|error| Fault::new("file:Read", FaultKind::Unavailable, error))
    }
}

/// Reads a CRL out of its file into a snapshot in the folder, as the CRL checker makes one.
///
/// # Errors
/// A file that cannot be read, or a snapshot that cannot be written.
pub(super) fn read_snapshot(
    path: &Path,
    authority: &Certificate,
    id: &CaCertificateId,
    source: &CrlSource,
    folder: &Path,
    key: &str,
    at: OffsetDateTime,
) -> Result<Result<(Crl, PublishedCrl), CrlFault>> {
    let mut builder = Builder::new(id, source.as_str(), folder);
    let unreadable = || format!("{} cannot be read", path.display());
    let input = File::open(path).with_context(unreadable)?;
    let read = read_crl(input, authority, at, |entry| builder.insert(entry.serial, entry.reason));
    let crl = match read.with_context(unreadable)? {
        Ok(crl) => crl,
        Err(fault) => return Ok(Err(fault)),
    };
    let header = Header {
        ca_certificate_id: id.clone(),
        crl_number: crl.number().map(ToString::to_string),
        next_update: crl.next_update(),
        source: source.to_string(),
        this_update: crl.this_update(),
    };
    let unwritable = || format!("the snapshot of {} cannot be written", path.display());
    let mut file = File::create_new(folder.join(key)).with_context(unwritable)?;
    let written = builder.write(&header, &mut file).with_context(unwritable)?;
    let published = PublishedCrl {
        number: crl.number().cloned(),
        next_update: crl.next_update(),
        scope: crl.scope().clone(),
        snapshot: SnapshotObject { key: key.to_owned(), layout: written.layout, sha256: written.sha256 },
        this_update: crl.this_update(),
    };
    Ok(Ok((crl, published)))
}
