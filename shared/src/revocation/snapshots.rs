//! Looking serial numbers up in snapshots: one ranged read each, none for small snapshots that were seen before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;

use super::SnapshotObject;
use crate::fault::{Fault, FaultKind};
use crate::id::Serial;
use crate::pki::crl::RevocationReason;
use crate::port::{SnapshotPages, SnapshotStore};
use crate::snapshot::{Found, Search, SnapshotFault, StreamError};

/// Snapshots up to this size, in octets, are read whole and kept.
const SMALL: u64 = 262_144;
/// How many small snapshots are kept, the last used ones.
const KEPT: usize = 16;

/// Pages that arrive in a stream in the time that one ranged read takes: about 2 MB in about 30 ms.
const PAGES_PER_READ: u64 = 256;

/// Small snapshots that were read before. What is cached is immutable, and chosen by a key that names the content. Clones
/// are the same one.
#[derive(Clone, Debug, Default)]
pub struct SnapshotCache(Arc<Mutex<VecDeque<Kept>>>);

/// A snapshot's key and content.
type Kept = (String, Arc<Vec<u8>>);

/// Snapshots behind a small cache.
#[derive(Debug)]
pub struct Snapshots<P> {
    cache: SnapshotCache,
    pages: P,
}

impl<P: SnapshotPages + Sync> Snapshots<P> {
    /// Reads through `pages`.
    #[must_use]
    pub fn new(pages: P) -> Self {
        Self::with_cache(pages, SnapshotCache::default())
    }

    /// Reads through `pages` what this cache does not have.
    #[must_use]
    pub const fn with_cache(pages: P, cache: SnapshotCache) -> Self {
        Self { cache, pages }
    }

    /// Where the snapshots are.
    #[must_use]
    pub const fn pages(&self) -> &P {
        &self.pages
    }

    /// Whether and why a serial number is in a snapshot.
    ///
    /// # Errors
    /// A [`Fault`] if the snapshot can't be read, or is corrupt: never "not in".
    pub async fn find(&self, object: &SnapshotObject, serial: &Serial) -> Result<Option<RevocationReason>, Fault> {
        let layout = &object.layout;
        let found = if layout.octets() <= SMALL {
            layout.find_in_whole(&self.whole(object).await?, serial)
        } else {
            layout.find(&self.pages.read(&object.key, layout.page_of(serial)).await?, serial)
        };
        found.map_err(|fault| altered(object, fault))
    }

    /// Checks that the object is there: as a whole if it is small, otherwise by its header page. What else is in it is
    /// checked by whoever reads it.
    ///
    /// # Errors
    /// A [`Fault`] of the kind `Missing` if it is not there, `Invalid` if it is another object, or one of the read.
    pub async fn probe(&self, object: &SnapshotObject) -> Result<(), Fault> {
        if object.layout.octets() <= SMALL {
            return self.read_whole(object).await.map(|_| ());
        }
        let page = self.pages.read(&object.key, object.layout.header()).await?;
        object.layout.check_header(&page).map_err(|fault| altered(object, fault))
    }

    /// Looks serial numbers up together: page by page if they are few, otherwise by one pass over the whole object,
    /// whose hash is compared with the state's before anything is returned.
    ///
    /// # Errors
    /// A [`Fault`] if the snapshot can't be read, or is corrupt.
    pub async fn find_all(&self, object: &SnapshotObject, serials: &[Serial]) -> Result<Found, Fault>
    where
        P: SnapshotStore,
    {
        let search = Search::new(&object.layout, serials).map_err(|fault| altered(object, fault))?;
        let pages: Vec<_> = search.pages().collect();
        let few = u64::try_from(pages.len()).unwrap_or(u64::MAX);
        if few.saturating_mul(PAGES_PER_READ) > u64::from(object.layout.pages) {
            let content = self.pages.open(&object.key).await?;
            return search.in_stream(content, &object.sha256).await.map_err(|error| match error {
                StreamError::Fault(fault) => altered(object, fault),
                StreamError::Read(fault) => fault,
            });
        }
        let mut found = Found::new();
        for range in pages {
            let page = self.pages.read(&object.key, range.clone()).await?;
            search.in_page(&range, &page, &mut found).map_err(|fault| altered(object, fault))?;
        }
        Ok(found)
    }

    async fn read_whole(&self, object: &SnapshotObject) -> Result<Vec<u8>, Fault> {
        let read = self.pages.read(&object.key, 0..object.layout.octets()).await?;
        // Whoever can write an object can write the checks of its pages too.
        if hex::encode(digest::digest(&digest::SHA256, &read)) != object.sha256 {
            return Err(altered(object, SnapshotFault::Hash));
        }
        Ok(read)
    }

    async fn whole(&self, object: &SnapshotObject) -> Result<Arc<Vec<u8>>, Fault> {
        if let Some(kept) = self.cache.recall(&object.key) {
            return Ok(kept);
        }
        let read = Arc::new(self.read_whole(object).await?);
        self.cache.keep(&object.key, &read);
        Ok(read)
    }
}

impl SnapshotCache {
    fn keep(&self, key: &str, read: &Arc<Vec<u8>>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((key.to_owned(), Arc::clone(read)));
        kept.truncate(KEPT);
    }

    fn recall(&self, key: &str) -> Option<Arc<Vec<u8>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == key)?;
        let found = kept.remove(at)?;
        kept.push_front(found);
        kept.front().map(|(_, object)| Arc::clone(object))
    }
}

/// Why a snapshot is not the one which the state names.
#[derive(Debug, thiserror::Error)]
#[error("{key} is not what was written")]
struct Altered {
    key: String,
    #[source]
    fault: SnapshotFault,
}

/// The fault of a snapshot that is not the one which the state names.
#[must_use]
pub fn altered(object: &SnapshotObject, fault: SnapshotFault) -> Fault {
    Fault::new("s3:GetObject", FaultKind::Invalid, Altered { key: object.key.clone(), fault })
}

/// Whether a fault says that a snapshot is not the one which the state names.
#[must_use]
pub fn is_altered(fault: &Fault) -> bool {
    altered_key(fault).is_some()
}

/// The key of the snapshot that is not the one which the state names, if that is what the fault says.
#[must_use]
pub fn altered_key(fault: &Fault) -> Option<&str> {
    let altered = std::error::Error::source(fault)?.downcast_ref::<Altered>()?;
    Some(&altered.key)
}
