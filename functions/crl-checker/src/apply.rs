//! What changed from one CRL to the next, carried out on the certificates that are registered.
//!
//! The state names the snapshot whose changes have all been carried out, and how far the way to the next one has been
//! gone. It is written along the way, so that a run which ends at its deadline, or anywhere, is gone on with by the next.
//!
//! Few changes are looked up one by one. Many are first tried the other way round: the registrations are walked and
//! looked up in the list, for as many requests as the changes would take. If the fleet is smaller than that, the walk has
//! done it; otherwise the changes are looked up after all. So the cost is at most twice that of the cheaper way, and
//! nobody has to know the size of the fleet.

use shared::fault::Fault;
use shared::id::Serial;
use shared::pki::crl::{CrlNumber, RevocationReason};
use shared::port::CrlPublication;
use shared::registration::RegistrationId;
use shared::revocation::{CrlState, FleetWalk, Listing, Progress, is_altered, request_comparison};

use crate::carry::{BATCH, Due, Failures, Task};
use crate::checker::{Ports, Run, Sweep};
use crate::job::{Applied, Job};
use crate::walk::Lists;
use crate::window::{Unreadable, Window, is_lost};

/// Outcome of one step.
enum Step {
    Again,
    End(Applied),
}

impl<P: Ports> Sweep<'_, P> {
    /// Carries out what is new in the CRL that counts, and tries again what failed before.
    ///
    /// # Errors
    /// A [`Fault`] if a snapshot or the rows can't be read, and the first one of the certificates that failed: the
    /// others have been dealt with, and the state names those to be tried again.
    pub(crate) async fn apply(&self, job: &mut Job, run: Run<'_>) -> Result<Applied, Fault> {
        let mut failures = Failures::default();
        let applied = self.apply_all(job, run, &mut failures).await?;
        failures.into_result().map(|()| applied)
    }

    async fn apply_all(&self, job: &mut Job, run: Run<'_>, failures: &mut Failures) -> Result<Applied, Fault> {
        if !self.apply_failed(job, run, failures).await? {
            return Ok(Applied::LostLock);
        }
        while let Some(progress) = job.state.unapplied() {
            if run.is_over() || failures.are_too_many() {
                return Ok(Applied::Stopped);
            }
            let walks = progress.walk.as_ref().is_some_and(|walk| walk.requests_left > 0);
            let step = if walks {
                self.apply_by_fleet(job, progress, run, failures).await?
            } else {
                self.apply_by_entries(job, progress, run, failures).await?
            };
            match step {
                Step::Again | Step::End(Applied::Done) => {}
                Step::End(applied) => return Ok(applied),
            }
        }
        // The list that they are brought to could not be read before; it has been left behind now.
        let may_succeed = failures.first.is_none() && failures.undecided.is_empty();
        if !job.state.retry.is_empty() && may_succeed && !self.apply_failed(job, run, failures).await? {
            return Ok(Applied::LostLock);
        }
        let is_cut_short = !job.state.retry.is_empty() && failures.first.is_none() && run.is_over();
        Ok(if is_cut_short { Applied::Stopped } else { Applied::Done })
    }

    /// Tries the certificates again that failed in an earlier run, by what the list says of them now. False if
    /// another run is at it.
    async fn apply_failed(&self, job: &mut Job, run: Run<'_>, failures: &mut Failures) -> Result<bool, Fault> {
        if job.state.retry.is_empty() {
            return Ok(true);
        }
        let Some((number, snapshot)) = job.state.basis() else { return Ok(true) };
        let found = match self.snapshots.find_all(snapshot, &job.state.retry).await {
            Ok(found) => found,
            Err(fault) => {
                self.withdraw(&snapshot.key, &fault).await;
                // It is left behind below, and what is to be tried again waits for the list that follows.
                return if is_lost(&fault) && job.state.unapplied().is_some() { Ok(true) } else { Err(fault) };
            }
        };
        let changes: Vec<_> =
            job.state.retry.iter().map(|serial| (serial.clone(), found.get(serial).copied())).collect();
        let due = due(job, &changes, number);
        let done = self.carry_out(&due, false, run, &mut job.tally, failures).await?;
        let rest = due.into_iter().skip(done).map(|due| due.serial);
        let still: Vec<Serial> = failures.again().cloned().chain(rest).collect();
        if still == job.state.retry {
            return Ok(true);
        }
        job.state.retry = still;
        self.save(job, &Failures::default()).await
    }

    /// Looks the changes up one by one.
    async fn apply_by_entries(
        &self,
        job: &mut Job,
        mut progress: Progress,
        run: Run<'_>,
        failures: &mut Failures,
    ) -> Result<Step, Fault> {
        let base = job.state.applied.clone();
        let read = self.window(base.as_ref(), &progress, None);
        let window = match tokio::time::timeout_at(run.until, read).await {
            Ok(Ok(window)) => window,
            Ok(Err(unreadable)) => return self.begin_anew(job, unreadable).await,
            Err(_) => return Ok(Step::End(Applied::Stopped)),
        };
        if progress.after.is_none() && progress.walk.is_none() {
            (job.report.added, job.report.removed) = (window.added, window.removed);
            if window.total > self.limits.portions.few {
                let requests_left = window.total.div_ceil(u64::try_from(BATCH).unwrap_or(u64::MAX));
                progress.walk = Some(FleetWalk { from: None, requests_left });
                job.state.progress = Some(progress);
                let saved = self.save(job, failures).await?;
                return Ok(if saved { Step::Again } else { Step::End(Applied::LostLock) });
            }
        }
        let Window { changes, is_last, .. } = window;
        if job.state.progress.is_none() && !changes.is_empty() {
            // Whatever is done is part of the way to this target: were a newer one taken after a sudden end, no difference
            // would take back what only this one has.
            job.state.progress = Some(progress.clone());
            if !self.save(job, failures).await? {
                return Ok(Step::End(Applied::LostLock));
            }
        }
        let mut left = changes.len();
        for part in changes.chunks(self.limits.portions.checkpoint) {
            let due = due(job, part, progress.number.as_ref());
            let done = self.carry_out(&due, false, run, &mut job.tally, failures).await?;
            left -= done;
            if let Some(last) = done.checked_sub(1).and_then(|last| due.get(last)) {
                progress.after = Some(last.serial.clone());
            }
            let is_whole = done == due.len();
            if done > 0 && !(is_whole && left == 0 && is_last) {
                job.state.progress = Some(progress.clone());
                if !self.save(job, failures).await? {
                    return Ok(Step::End(Applied::LostLock));
                }
            }
            if !is_whole {
                return Ok(Step::End(Applied::Stopped));
            }
        }
        if is_last { self.end(job, progress, failures).await } else { Ok(Step::Again) }
    }

    /// Walks the registrations of the CA instead of the entries.
    async fn apply_by_fleet(
        &self,
        job: &mut Job,
        mut progress: Progress,
        run: Run<'_>,
        failures: &mut Failures,
    ) -> Result<Step, Fault> {
        let FleetWalk { from, requests_left } = progress.walk.take().unwrap_or_default();
        let lists = Lists::from([(job.authority.clone(), self.lists(&job.authority).await?)]);
        let read = self.part(&lists, from.as_ref(), requests_left, run);
        let Ok(part) = tokio::time::timeout_at(run.until, read).await else {
            return Ok(Step::End(Applied::Stopped));
        };
        let mut part = part?;
        if let Some((_, fault)) = part.failed.pop() {
            let probed = self.snapshots.probe(&progress.target).await;
            return match probed {
                Err(lost) if is_lost(&lost) => self.begin_anew(job, Unreadable::Target(lost)).await,
                // Another list of the CA is: the changes of this one can be looked up without it.
                Ok(()) if is_lost(&fault) => {
                    let error = shared::fault::chain(&fault);
                    lambda_runtime::tracing::warn!(%error, "another CRL is lost: changes are looked up one by one");
                    progress.walk = Some(FleetWalk::default());
                    job.state.progress = Some(progress);
                    let saved = self.save(job, failures).await?;
                    Ok(if saved { Step::Again } else { Step::End(Applied::LostLock) })
                }
                _ => Err(fault),
            };
        }
        let done = self.carry_out(&part.due, false, run, &mut job.tally, failures).await?;
        let is_whole = done == part.due.len();
        let next = if is_whole {
            part.next
        } else {
            done.checked_sub(1).and_then(|last| part.due.get(last)).map(Due::continuation).or(from)
        };
        if is_whole && next.is_none() {
            return self.end(job, progress, failures).await;
        }
        let requests_left = requests_left.saturating_sub(part.requests);
        progress.walk = Some(FleetWalk { from: next, requests_left });
        job.state.progress = Some(progress);
        Ok(match self.save(job, failures).await? {
            false => Step::End(Applied::LostLock),
            true if is_whole => Step::Again,
            true => Step::End(Applied::Stopped),
        })
    }

    /// The target has been reached.
    async fn end(&self, job: &mut Job, progress: Progress, failures: &Failures) -> Result<Step, Fault> {
        let before = job.state.applied.replace(progress.target);
        job.state.progress = None;
        if !self.save(job, failures).await? {
            return Ok(Step::End(Applied::LostLock));
        }
        if let Some(before) = before.filter(|before| !job.state.names(&before.key)) {
            self.discard(&before.key).await;
        }
        Ok(Step::End(Applied::Done))
    }

    /// A snapshot is lost. Without the base everything on the target is new, and holds that have ended are found by
    /// comparing the rows. A target that does not count any more is left out, and the same is true of holds that it
    /// brought. The CRL that counts is made again by the next check.
    async fn begin_anew(&self, job: &mut Job, unreadable: Unreadable) -> Result<Step, Fault> {
        let target = |state: &CrlState| state.unapplied().map(|progress| progress.target.key);
        let current = job.state.current.as_ref().map(|crl| crl.snapshot.key.clone());
        let (fault, lost) = match unreadable {
            Unreadable::Fault(fault) => return Err(fault),
            Unreadable::Target(fault) if target(&job.state) == current => {
                if let Some(key) = current {
                    self.withdraw(&key, &fault).await;
                }
                return Err(fault);
            }
            Unreadable::Target(fault) => (fault, target(&job.state)),
            Unreadable::Base(fault) => (fault, job.state.applied.take().map(|object| object.key)),
        };
        let error = shared::fault::chain(&fault);
        lambda_runtime::tracing::warn!(%error, "a snapshot is lost: everything on the list is looked at again");
        // Pinned before the comparison may act on it.
        let current = job.state.current.as_ref().map(Progress::to);
        job.state.progress = job.state.progress.take().filter(|progress| Some(&progress.target.key) != lost.as_ref());
        job.state.progress = match job.state.progress.take() {
            Some(Progress { number, target, .. }) => Some(Progress { after: None, number, target, walk: None }),
            None => current,
        };
        request_comparison(&self.authorities).await?;
        if !self.save(job, &Failures::default()).await? {
            return Ok(Step::End(Applied::LostLock));
        }
        if let Some(key) = lost.filter(|key| is_altered(&fault) && !job.state.names(key)) {
            self.discard(&key).await;
        }
        Ok(Step::Again)
    }

    /// Writes how far it has come, with the certificates that failed on the way. False if another run was faster.
    async fn save(&self, job: &mut Job, failures: &Failures) -> Result<bool, Fault> {
        for serial in failures.again() {
            if !job.state.retry.contains(serial) {
                job.state.retry.push(serial.clone());
            }
        }
        let saved = self.authorities.record_progress(&job.authority, &job.state).await?;
        job.state.step += u64::from(saved);
        Ok(saved)
    }
}

/// What changes ask for, with the keys of the rows.
fn due(job: &Job, changes: &[(Serial, Option<RevocationReason>)], number: Option<&CrlNumber>) -> Vec<Due> {
    let task = |reason: Option<RevocationReason>| match reason {
        Some(reason) => Task::Enter(Listing { crl_number: number.cloned(), reason }),
        None => Task::Release,
    };
    let due = |(serial, reason): &(Serial, Option<RevocationReason>)| Due {
        id: RegistrationId::issued(&job.authority, serial),
        serial: serial.clone(),
        task: task(*reason),
    };
    changes.iter().map(due).collect()
}
