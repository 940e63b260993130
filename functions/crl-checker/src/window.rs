//! A part of the difference between two snapshots, all of which has been verified before any of it is acted on.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};

use shared::fault::{Fault, FaultKind};
use shared::id::Serial;
use shared::pki::crl::RevocationReason;
use shared::port::SnapshotStore;
use shared::revocation::{Progress, SnapshotObject, altered, is_altered};
use shared::snapshot::{Change, Difference, DifferenceError, ScratchFile};

use crate::checker::{Checker, Ports};
use crate::content::{Content, local};

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

/// A CRL that a run which only reports has not put into the bucket.
#[derive(Debug)]
pub(crate) struct Unpublished {
    pub(crate) file: File,
    /// Keeps the file's share of the storage.
    pub(crate) _held: ScratchFile,
    pub(crate) key: String,
}

impl<P: Ports> Checker<P> {
    /// Reads both snapshots from end to end, and compares their hashes; returns at most so many changes as
    /// `Portions::window` says.
    pub(crate) async fn window(
        &self,
        base: Option<&SnapshotObject>,
        progress: &Progress,
        unpublished: Option<&Unpublished>,
    ) -> Result<Window, Unreadable> {
        let target = &progress.target;
        let old = match base {
            Some(base) => Some((self.stored(base, Unreadable::Base).await?, base.layout.clone(), base.sha256.clone())),
            None => None,
        };
        let new = match unpublished.filter(|unpublished| unpublished.key == target.key) {
            Some(unpublished) => Content::File(rewound(&unpublished.file).map_err(Unreadable::Fault)?),
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
            Ok(content) => Ok(Content::Stored(content)),
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

fn rewound(file: &File) -> Result<File, Fault> {
    let mut again = file.try_clone().map_err(local)?;
    again.seek(SeekFrom::Start(0)).map_err(local)?;
    Ok(again)
}
