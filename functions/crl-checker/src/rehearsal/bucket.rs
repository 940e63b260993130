//! Snapshots that a dry run would have written or removed. They stay in the scratch storage until the run ends.

use std::collections::HashMap;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use shared::fault::{Fault, FaultKind};
use shared::port::{SnapshotPages, SnapshotStore};
use shared::snapshot::ScratchFile;

use super::{Rehearsable, lock};
use crate::content::{Content, local};

/// Objects that would be there, and none for one that would be gone.
pub(super) type Objects = HashMap<String, Option<Arc<ScratchFile>>>;

impl<B> Rehearsable<'_, B> {
    /// The object as the draft has it; none if the draft does not know it.
    fn drafted_object(&self, key: &str) -> Option<Result<Arc<ScratchFile>, Fault>> {
        let drafted = lock(&self.draft?.objects).get(key).cloned()?;
        let gone = || Fault::new("s3:GetObject", FaultKind::Missing, format!("no object {key}"));
        Some(drafted.ok_or_else(gone))
    }
}

impl<B: SnapshotPages + Sync> SnapshotPages for Rehearsable<'_, B> {
    async fn read(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        let Some(drafted) = self.drafted_object(key) else { return self.port.read(key, range).await };
        let octets = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut read = vec![0; octets];
        drafted?.file().read_exact_at(&mut read, range.start).map_err(local)?;
        Ok(read)
    }
}

impl<B: SnapshotStore + Sync> SnapshotStore for Rehearsable<'_, B> {
    type Content = Content<B::Content>;

    async fn open(&self, key: &str) -> Result<Self::Content, Fault> {
        match self.drafted_object(key) {
            Some(drafted) => Ok(Content::file(drafted?)),
            None => self.port.open(key).await.map(Content::Stored),
        }
    }

    async fn put(&self, key: &str, content: &Arc<ScratchFile>) -> Result<(), Fault> {
        let Some(draft) = self.draft else { return self.port.put(key, content).await };
        lock(&draft.objects).insert(key.to_owned(), Some(Arc::clone(content)));
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<(), Fault> {
        let Some(draft) = self.draft else { return self.port.remove(key).await };
        lock(&draft.objects).insert(key.to_owned(), None);
        Ok(())
    }
}
