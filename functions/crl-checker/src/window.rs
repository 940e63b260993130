//! A part of the difference between two snapshots, all of which has been verified before any of it is acted on.

use std::sync::Arc;

use shared::fault::{Fault, FaultKind};
use shared::id::Serial;
use shared::pki::crl::RevocationReason;
use shared::port::SnapshotStore;
use shared::revocation::{Progress, SnapshotObject, altered, is_altered};
use shared::snapshot::{Change, Difference, DifferenceError, ScratchFile};

use crate::checker::{Ports, Sweep};
use crate::content::Content;

/// The next changes after those that have been carried out.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Serial numbers that came onto the list, in this window and after it.
    pub(crate) added: u64,
    /// Serial numbers with the reason for which they are listed; none for a hold that is gone.
    pub(crate) changes: Vec<(Serial, Option<RevocationReason>)>,
    /// Whether no change comes after this window.
    pub(crate) is_last: bool,
    /// Serial numbers that left the list, in this window and after it.
    pub(crate) removed: u64,
    /// Changes in this window and after it.
    pub(crate) total: u64,
}

/// Fault of a window that can't be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The bucket has lost the snapshot that was carried out before, or it was altered.
    Base(Fault),
    /// The same of the snapshot that is to be carried out.
    Target(Fault),
    /// Something that passes, or that somebody has to look at.
    Fault(Fault),
}

impl<P: Ports> Sweep<'_, P> {
    /// Reads both snapshots from end to end, and compares their hashes; returns at most so many changes as
    /// `Portions::window` says. The target is read from the file in which it was made, if that is at hand.
    pub(crate) async fn window(
        &self,
        base: Option<&SnapshotObject>,
        progress: &Progress,
        made: Option<Arc<ScratchFile>>,
    ) -> Result<Window, Unreadable> {
        let target = &progress.target;
        let old = match base {
            Some(base) => Some((self.stored(base, Unreadable::Base).await?, base.layout.clone(), base.sha256.clone())),
            None => None,
        };
        let new = match made {
            Some(made) => Content::file(made),
            None => self.stored(target, Unreadable::Target).await?,
        };
        let mut difference = Difference::new(old, (new, target.layout.clone(), target.sha256.clone()));
        if let Some(after) = &progress.after {
            let impossible = |fault| Unreadable::Target(altered(target, fault));
            difference = difference.after(after).map_err(impossible)?;
        }
        let mut window = Window { is_last: true, ..Window::default() };
        while let Some(change) = difference.next().await.map_err(|error| unreadable(error, base, target))? {
            window.add(change, self.limits.portions.window);
        }
        Ok(window)
    }

    async fn stored(
        &self,
        object: &SnapshotObject,
        lost: impl FnOnce(Fault) -> Unreadable,
    ) -> Result<Content<<P::Bucket as SnapshotStore>::Content>, Unreadable> {
        match self.snapshots.pages().open(&object.key).await {
            Ok(content) => Ok(content),
            Err(fault) if is_lost(&fault) => Err(lost(fault)),
            Err(fault) => Err(Unreadable::Fault(fault)),
        }
    }
}

impl Window {
    fn add(&mut self, change: Change, most: usize) {
        self.total += 1;
        let due = match change {
            Change::Added { serial, reason } => {
                self.added += 1;
                Some((serial, Some(reason)))
            }
            Change::ReasonChanged { serial, to, .. } => Some((serial, Some(to))),
            Change::Removed { serial, reason } => {
                self.removed += 1;
                // Only a hold ends by leaving the list: an entry of another reason leaves it when its certificate has
                // expired.
                (reason == RevocationReason::CertificateHold).then_some((serial, None))
            }
        };
        match due {
            Some(due) if self.changes.len() < most => self.changes.push(due),
            Some(_) => self.is_last = false,
            None => {}
        }
    }
}

/// Whether a snapshot has to be made again.
pub(crate) fn is_lost(fault: &Fault) -> bool {
    fault.kind == FaultKind::Missing || is_altered(fault)
}

fn unreadable(error: DifferenceError<Fault>, base: Option<&SnapshotObject>, target: &SnapshotObject) -> Unreadable {
    match error {
        DifferenceError::ReadNew(fault) | DifferenceError::ReadOld(fault) => Unreadable::Fault(fault),
        DifferenceError::New(fault) => Unreadable::Target(altered(target, fault)),
        DifferenceError::Old(fault) => Unreadable::Base(altered(base.unwrap_or(target), fault)),
    }
}
