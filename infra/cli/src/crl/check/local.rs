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

use super::delta::Update;
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

/// Where the snapshot of a CRL goes.
pub(super) struct Target<'a> {
    folder: &'a Path,
    key: String,
}

impl<'a> Target<'a> {
    pub(super) fn new(folder: &'a Path, key: String) -> Self {
        Self { folder, key }
    }

    /// The source that stands for it.
    pub(super) fn source(&self) -> Result<CrlSource> {
        Ok(format!("s3://local/{}", self.key).parse()?)
    }

    /// Reads a CRL out of its file into a snapshot in the folder, as the CRL checker makes one. Of what the list and a
    /// delta CRL say of a certificate, the more severe counts, unless the delta CRL takes a hold off.
    ///
    /// # Errors
    /// A file that cannot be read, or a snapshot that cannot be written.
    pub(super) fn read_snapshot(
        &self,
        path: &Path,
        authority: &Certificate,
        update: Option<&Update>,
        at: OffsetDateTime,
    ) -> Result<Result<(Crl, PublishedCrl), CrlFault>> {
        let (id, source): (CaCertificateId, _) = (authority.id().as_str().parse()?, self.source()?);
        let mut builder = Builder::new(&id, source.as_str(), self.folder);
        let unreadable = || format!("{} cannot be read", path.display());
        let input = File::open(path).with_context(unreadable)?;
        let read = read_crl(input, authority, at, |entry| {
            if update.is_none_or(|update| !update.removes(&entry)) {
                builder.insert(entry.serial, entry.reason);
            }
        });
        let crl = match read.with_context(unreadable)? {
            Ok(crl) => crl,
            Err(fault) => return Ok(Err(fault)),
        };
        if let Some(update) = update {
            builder.insert(&update.serial, update.reason);
        }
        let header = Header {
            ca_certificate_id: id,
            crl_number: crl.number().map(ToString::to_string),
            next_update: crl.next_update(),
            source: source.to_string(),
            this_update: crl.this_update(),
        };
        let unwritable = || format!("the snapshot of {} cannot be written", path.display());
        let mut file = File::create_new(self.folder.join(&self.key)).with_context(unwritable)?;
        let written = builder.write(&header, &mut file).with_context(unwritable)?;
        let published = PublishedCrl {
            number: crl.number().cloned(),
            next_update: crl.next_update(),
            scope: crl.scope().clone(),
            skipped: crl.skipped(),
            snapshot: SnapshotObject { key: self.key.clone(), layout: written.layout, sha256: written.sha256 },
            this_update: crl.this_update(),
        };
        Ok(Ok((crl, published)))
    }
}
