//! Looking serial numbers up in snapshots: one ranged read each, none for small snapshots that were seen before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::SnapshotObject;
use crate::fault::{Fault, FaultKind};
use crate::id::Serial;
use crate::pki::crl::RevocationReason;
use crate::port::SnapshotPages;

/// Snapshots up to this size, in octets, are read whole and kept.
const SMALL: u64 = 262_144;
/// How many small snapshots are kept, the last used ones.
const KEPT: usize = 16;

/// Snapshots behind a small cache. What is cached is immutable, and chosen by a key that names the content.
#[derive(Debug)]
pub struct Snapshots<P> {
    kept: Mutex<VecDeque<(String, Arc<Vec<u8>>)>>,
    pages: P,
}

impl<P: SnapshotPages + Sync> Snapshots<P> {
    /// Reads through `pages`.
    #[must_use]
    pub const fn new(pages: P) -> Self {
        Self { kept: Mutex::new(VecDeque::new()), pages }
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
        found.map_err(|fault| Fault::new("s3:GetObject", FaultKind::Invalid, format!("{}: {fault}", object.key)))
    }

    async fn whole(&self, object: &SnapshotObject) -> Result<Arc<Vec<u8>>, Fault> {
        if let Some(kept) = self.recall(&object.key) {
            return Ok(kept);
        }
        let read = Arc::new(self.pages.read(&object.key, 0..object.layout.octets()).await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((object.key.clone(), Arc::clone(&read)));
        kept.truncate(KEPT);
        Ok(read)
    }

    fn recall(&self, key: &str) -> Option<Arc<Vec<u8>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == key)?;
        let found = kept.remove(at)?;
        kept.push_front(found);
        kept.front().map(|(_, object)| Arc::clone(object))
    }
}
