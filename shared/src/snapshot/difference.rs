//! What changed from one snapshot to the next.

use std::cmp::Ordering;

use super::fault::SnapshotFault;
use super::layout::Layout;
use super::record::Record;
use super::stream::{Chunks, Records, StreamError};
use crate::id::Serial;
use crate::pki::crl::RevocationReason;

/// One change of the set of revoked serial numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Revoked now, not before.
    Added {
        /// The certificate's serial number.
        serial: Serial,
        /// Why.
        reason: RevocationReason,
    },
    /// Revoked before and now, for different reasons.
    ReasonChanged {
        /// The certificate's serial number.
        serial: Serial,
        /// The reason in the old snapshot.
        from: RevocationReason,
        /// The reason in the new snapshot.
        to: RevocationReason,
    },
    /// Revoked before, not now.
    Removed {
        /// The certificate's serial number.
        serial: Serial,
        /// The reason that it had.
        reason: RevocationReason,
    },
}

/// Why a difference can't be told.
#[derive(Debug, thiserror::Error)]
pub enum DifferenceError<E> {
    /// The new snapshot can't be believed.
    #[error("the new snapshot has a fault")]
    New(#[source] SnapshotFault),
    /// The old snapshot can't be believed, or is not of the new one's source.
    #[error("the old snapshot has a fault")]
    Old(#[source] SnapshotFault),
    /// The octets of the new snapshot can't be had.
    #[error("the new snapshot could not be read")]
    ReadNew(#[source] E),
    /// The octets of the old snapshot can't be had.
    #[error("the old snapshot could not be read")]
    ReadOld(#[source] E),
}

/// Streams two snapshots of one source side by side; holds one page and one piece of each.
///
/// A change is handed over as soon as it is found, before the rest of the objects is known to be sound. The checks of the
/// pages find what broke, but whoever can write an object can write its checks too: act on changes only once
/// [`Self::next`] has returned none, which says that both objects have the promised hashes.
pub struct Difference<O, N> {
    after: Option<Record>,
    done: bool,
    failed: bool,
    new: Records<N>,
    old: Option<Records<O>>,
}

impl<E, O: Chunks<Error = E>, N: Chunks<Error = E>> Difference<O, N> {
    /// The difference between two snapshots, each with its octets, layout and the SHA-256 of the whole object in
    /// lower-case hexadecimal. Without an old one, everything in the new one is added.
    #[must_use]
    pub fn new(old: Option<(O, Layout, String)>, new: (N, Layout, String)) -> Self {
        let old = old.map(|(chunks, layout, sha256)| Records::new(chunks, layout, sha256));
        let (chunks, layout, sha256) = new;
        Self { after: None, done: false, failed: false, new: Records::new(chunks, layout, sha256), old }
    }

    /// Leaves out the changes up to that of this serial number, in the order of the changes. What they stand in is read
    /// and verified all the same.
    ///
    /// # Errors
    /// The layout or the serial number is impossible.
    pub fn after(self, serial: &Serial) -> Result<Self, SnapshotFault> {
        let after = Record::sought(self.new.layout().frame()?.seed, serial)?;
        Ok(Self { after: Some(after), ..self })
    }

    /// The next change in the order of fingerprints; none after the last.
    ///
    /// None means that both objects were read to their ends and have the promised hashes.
    ///
    /// # Errors
    /// An object is damaged, too short, too long or not the one its layout describes, the two are of different
    /// sources, or a piece can't be had. After an error every further call is one too.
    pub async fn next(&mut self) -> Result<Option<Change>, DifferenceError<E>> {
        if self.failed {
            return Err(DifferenceError::New(SnapshotFault::Stopped));
        }
        if self.done {
            return Ok(None);
        }
        // A call that is dropped halfway has lost octets; only one that came to its end clears this.
        self.failed = true;
        let change = self.step().await?;
        self.failed = false;
        self.done = change.is_none();
        Ok(change)
    }

    async fn step(&mut self) -> Result<Option<Change>, DifferenceError<E>> {
        if let Some(old) = &self.old
            && old.layout().seed != self.new.layout().seed
        {
            return Err(DifferenceError::Old(SnapshotFault::Seed));
        }
        loop {
            let old = match &mut self.old {
                Some(old) => old.peek().await.map_err(old_error)?,
                None => None,
            };
            let new = self.new.peek().await.map_err(new_error)?;
            let order = match (&old, &new) {
                (Some(old), Some(new)) => old.order(new),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            if order.is_le()
                && let Some(old) = &mut self.old
            {
                old.advance();
            }
            if order.is_ge() {
                self.new.advance();
            }
            if let Some(after) = &self.after
                && old.as_ref().filter(|_| order.is_le()).or(new.as_ref()).is_some_and(|it| it.order(after).is_le())
            {
                continue;
            }
            let change = match (order, old, new) {
                (Ordering::Less, Some(old), _) => removed(&old).map_err(DifferenceError::Old)?,
                (Ordering::Equal, Some(old), Some(new)) if old.reason == new.reason => continue,
                (Ordering::Equal, Some(old), Some(new)) => changed(&old, &new).map_err(DifferenceError::New)?,
                (_, _, Some(new)) => added(&new).map_err(DifferenceError::New)?,
                (_, _, None) => return Ok(None),
            };
            return Ok(Some(change));
        }
    }
}

fn added(new: &Record) -> Result<Change, SnapshotFault> {
    Ok(Change::Added { serial: new.serial()?, reason: new.reason })
}

fn changed(old: &Record, new: &Record) -> Result<Change, SnapshotFault> {
    Ok(Change::ReasonChanged { serial: new.serial()?, from: old.reason, to: new.reason })
}

fn removed(old: &Record) -> Result<Change, SnapshotFault> {
    Ok(Change::Removed { serial: old.serial()?, reason: old.reason })
}

fn new_error<E>(error: StreamError<E>) -> DifferenceError<E> {
    match error {
        StreamError::Fault(fault) => DifferenceError::New(fault),
        StreamError::Read(error) => DifferenceError::ReadNew(error),
    }
}

fn old_error<E>(error: StreamError<E>) -> DifferenceError<E> {
    match error {
        StreamError::Fault(fault) => DifferenceError::Old(fault),
        StreamError::Read(error) => DifferenceError::ReadOld(error),
    }
}
