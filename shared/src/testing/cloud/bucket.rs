//! The bucket of the snapshots in memory, and the CRLs that CAs publish.

use std::collections::VecDeque;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use super::{FakeCloud, Object};
use crate::fault::{Fault, FaultKind};
use crate::port::{SnapshotPages, SnapshotStore};
use crate::revocation::CrlSource;
use crate::snapshot::{Chunks, ScratchFile};

const GET: &str = "s3:GetObject";
const PUT: &str = "s3:PutObject";
/// How much of an object comes at once.
const PIECE: usize = 10_000;

/// An object's content in pieces.
#[derive(Debug)]
pub struct Content(VecDeque<Vec<u8>>);

impl Chunks for Content {
    type Error = Fault;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.0.pop_front())
    }
}

impl SnapshotPages for FakeCloud {
    async fn read(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        self.lock().bytes_read += range.end.saturating_sub(range.start);
        let place = |at| usize::try_from(at).unwrap_or(usize::MAX);
        let (object, range) = (key.to_owned(), place(range.start)..place(range.end));
        let read = self.call(GET, move |state| {
            let bytes = state.snapshots.get(&object)?.get(range.clone())?;
            Some(Object::from(bytes.to_vec()))
        });
        read.await?.map(|bytes| bytes.to_vec()).ok_or_else(|| missing(key))
    }
}

impl SnapshotStore for FakeCloud {
    type Content = Content;

    async fn open(&self, key: &str) -> Result<Content, Fault> {
        let object = key.to_owned();
        let object = self.call(GET, move |state| state.snapshots.get(&object).cloned()).await?;
        let object = object.ok_or_else(|| missing(key))?;
        Ok(Content(object.chunks(PIECE).map(<[u8]>::to_vec).collect()))
    }

    async fn put(&self, key: &str, content: &Arc<ScratchFile>) -> Result<(), Fault> {
        let (mut content, mut object) = (content.file(), Vec::new());
        let read = content.seek(SeekFrom::Start(0)).and_then(|_| content.read_to_end(&mut object));
        read.map_err(|error| Fault::new(PUT, FaultKind::Invalid, error))?;
        let (key, object) = (key.to_owned(), Object::from(object));
        let put = self.call(PUT, move |state| {
            state.snapshots.insert(key.clone(), object.clone());
        });
        put.await
    }

    async fn remove(&self, key: &str) -> Result<(), Fault> {
        let key = key.to_owned();
        let removed = self.call("s3:DeleteObject", move |state| {
            state.snapshots.remove(&key);
        });
        removed.await
    }
}

impl FakeCloud {
    /// Fetches the CRL of a source; none if nothing is published there.
    ///
    /// # Errors
    /// The fault that the call meets.
    pub async fn fetch_crl(&self, source: &CrlSource) -> Result<Option<Object>, Fault> {
        let source = source.clone();
        self.call("https:GetCrl", move |state| state.sources.get(&source).cloned()).await
    }
}

fn missing(key: &str) -> Fault {
    Fault::new(GET, FaultKind::Missing, format!("no object {key}"))
}
