//! What changed from one CRL to the next, carried out on the certificates that are registered.
//!
//! The work follows the number of changes, not the size of the CRL or of the fleet. The state names the snapshot whose
//! changes have all been carried out; it moves on only at the end, so that a run that was cut short is repeated, and
//! what it had done already is seen in the rows.

use std::collections::HashMap;
use std::fs::File;

use lambda_runtime::tracing;
use shared::fault::{Fault, FaultKind, chain};
use shared::id::{CaCertificateId, Serial};
use shared::pki::crl::RevocationReason;
use shared::port::{CrlPublication, ListedRegistrations, SnapshotStore};
use shared::registration::{Registration, RegistrationId};
use shared::revocation::{CrlState, Listing, PublishedCrl, SnapshotObject};
use shared::snapshot::{Change, Difference, DifferenceError, SnapshotFault};

use crate::checker::{Checker, Mode, Ports, Run};
use crate::content::Content;
use crate::report::{Changes, Outcome, SourceReport};

/// Serial numbers that are looked up at once: what one `BatchGetItem` reads.
const BATCH: usize = 100;

/// What a change asks for.
enum Task {
    /// The certificate is listed now.
    Enter(Listing),
    /// Its hold is gone.
    Release,
}

impl<P: Ports> Checker<P> {
    /// Carries out what is new in the CRL that counts. `content` is its snapshot if the bucket does not have it.
    pub(crate) async fn apply(
        &self,
        authority: &CaCertificateId,
        state: &CrlState,
        content: Option<File>,
        run: Run,
        report: &mut SourceReport,
        changes: &mut Changes,
    ) -> Result<(), Fault> {
        let Some(crl) = state.unapplied() else { return Ok(()) };
        let former = self.former(state.applied.as_ref()).await?;
        let new = match content {
            Some(file) => Content::File(file),
            None => Content::Stored(self.snapshots.pages().open(&crl.snapshot.key).await?),
        };
        let snapshot = &crl.snapshot;
        let mut difference = Difference::new(former, (new, snapshot.layout.clone(), snapshot.sha256.clone()));
        let mut tasks = HashMap::with_capacity(BATCH);
        let mut failed = None;
        loop {
            let change = difference.next().await.map_err(unreadable)?;
            let ended = change.is_none();
            if let Some(change) = change {
                count(&change, report);
                if let Some((serial, task)) = task_of(change, crl) {
                    tasks.insert(RegistrationId::issued(authority, &serial), task);
                }
            }
            if (ended || tasks.len() == BATCH) && !self.carry_out(&mut tasks, run, changes, &mut failed).await? {
                report.outcome = Outcome::Postponed;
                return Ok(());
            }
            if ended {
                break;
            }
        }
        if let Some(fault) = failed {
            return Err(fault);
        }
        if run.mode == Mode::Apply {
            self.record_applied(authority, state, snapshot).await?;
        }
        Ok(())
    }

    /// The snapshot that was carried out last. If the bucket has lost it, all that is listed is looked at again; what
    /// has left the list meanwhile is found by the next reconciliation.
    async fn former(
        &self,
        applied: Option<&SnapshotObject>,
    ) -> Result<Option<(<P::Bucket as SnapshotStore>::Content, shared::snapshot::Layout, String)>, Fault> {
        let Some(object) = applied else { return Ok(None) };
        match self.snapshots.pages().open(&object.key).await {
            Ok(content) => Ok(Some((content, object.layout.clone(), object.sha256.clone()))),
            Err(fault) if fault.kind == FaultKind::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Looks the certificates up and deals with those that are registered; false if the time was up. What fails for one
    /// certificate does not stop the others: it is kept, so that the next run takes all of them up again.
    async fn carry_out(
        &self,
        tasks: &mut HashMap<RegistrationId, Task>,
        run: Run,
        changes: &mut Changes,
        failed: &mut Option<Fault>,
    ) -> Result<bool, Fault> {
        let ids: Vec<RegistrationId> = tasks.keys().cloned().collect();
        let rows = if ids.is_empty() { Vec::new() } else { self.registrations.registrations(&ids).await? };
        for row in rows {
            if run.is_over() {
                return Ok(false);
            }
            let Some(task) = tasks.get(&RegistrationId::from_text(&row.registration_id)) else { continue };
            match self.change(&row, task, run).await {
                Ok(more) => changes.add(more),
                Err(fault) => keep(failed, &row, fault),
            }
        }
        tasks.clear();
        Ok(!run.is_over())
    }

    async fn change(&self, row: &Registration, task: &Task, run: Run) -> Result<Changes, Fault> {
        match task {
            Task::Enter(listing) => self.enter(row, listing, false, run.mode, run.now).await,
            Task::Release => self.release(row, run.mode, run.now).await,
        }
    }

    /// Moves the state on, and removes the snapshot that nobody needs any more.
    async fn record_applied(
        &self,
        authority: &CaCertificateId,
        state: &CrlState,
        snapshot: &SnapshotObject,
    ) -> Result<(), Fault> {
        let before = state.applied.as_ref();
        let moved = self.authorities.record_applied(authority, &state.source, before, snapshot).await?;
        match before {
            Some(before) if moved && before.key != snapshot.key => self.snapshots.pages().remove(&before.key).await,
            _ => Ok(()),
        }
    }
}

/// Keeps the first fault; each of them is in the log.
pub(crate) fn keep(failed: &mut Option<Fault>, row: &Registration, fault: Fault) {
    let (certificate, error) = (&row.certificate_id, chain(&fault));
    tracing::warn!(certificate.id = %certificate, %error, "certificate {certificate}: to be tried again");
    failed.get_or_insert(fault);
}

fn count(change: &Change, report: &mut SourceReport) {
    match change {
        Change::Added { .. } => report.added += 1,
        Change::Removed { .. } => report.removed += 1,
        Change::ReasonChanged { .. } => {}
    }
}

/// Only a hold ends by leaving the list: an entry of another reason leaves it when its certificate has expired.
fn task_of(change: Change, crl: &PublishedCrl) -> Option<(Serial, Task)> {
    let listing = |reason| Task::Enter(Listing { crl_number: crl.number.clone(), reason });
    match change {
        Change::Added { serial, reason } | Change::ReasonChanged { serial, to: reason, .. } => {
            Some((serial, listing(reason)))
        }
        Change::Removed { serial, reason: RevocationReason::CertificateHold } => Some((serial, Task::Release)),
        Change::Removed { .. } => None,
    }
}

fn unreadable(error: DifferenceError<Fault>) -> Fault {
    let corrupt = |fault: SnapshotFault| Fault::new("s3:GetObject", FaultKind::Invalid, fault);
    match error {
        DifferenceError::ReadNew(fault) | DifferenceError::ReadOld(fault) => fault,
        DifferenceError::New(fault) | DifferenceError::Old(fault) => corrupt(fault),
    }
}
