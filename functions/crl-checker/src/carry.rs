//! Carrying changes out on the certificates that are registered, a hundred at a time.

use std::collections::HashMap;

use lambda_runtime::tracing;
use shared::fault::{Fault, chain};
use shared::id::Serial;
use shared::port::{Continuation, ListedRegistrations, ReadRow};
use shared::registration::{Registration, RegistrationId};
use shared::revocation::Listing;

use crate::change::Effect;
use crate::checker::{Ports, Run, Sweep};
use crate::report::Tally;

/// Certificates that are looked up at once: what one `BatchGetItem` reads.
pub(crate) const BATCH: usize = 100;
/// Certificates that may fail before it is not they that are at fault, and the run stops.
const MAX_FAILED: usize = 100;

/// Task that a change of a list gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Task {
    /// The certificate is on the list.
    Enter(Listing),
    /// Its hold is gone, or a revocation that was begun is on no list any more.
    Release,
}

/// A certificate that may have something to change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Due {
    pub(crate) id: RegistrationId,
    pub(crate) serial: Serial,
    pub(crate) task: Task,
}

impl Due {
    /// Where a walk goes on after this certificate.
    pub(crate) fn continuation(&self) -> Continuation {
        Continuation(self.id.to_string())
    }
}

/// Certificates whose change failed. One does not stop the others.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) first: Option<Fault>,
    /// Whether certificates were passed over, so that a comparison is not complete.
    pub(crate) has_missed: bool,
    pub(crate) serials: Vec<Serial>,
    /// Certificates whose hold has ended on one list, while another one that has to be asked does not count, and such as have
    /// a row that can't be read. None of them stops the run; those that are too many wait for the next comparison.
    pub(crate) undecided: Vec<Serial>,
}

impl Failures {
    /// Whether whatever fails for them fails for everybody.
    pub(crate) fn are_too_many(&self) -> bool {
        self.serials.len() > MAX_FAILED
    }

    /// The first fault, if there was any; each of them is in the log.
    pub(crate) fn into_result(self) -> Result<(), Fault> {
        self.first.map_or(Ok(()), Err)
    }

    /// The certificates that are to be tried again.
    pub(crate) fn again(&self) -> impl Iterator<Item = &Serial> {
        self.serials.iter().chain(&self.undecided)
    }

    fn leave_undecided(&mut self, serial: &Serial) {
        if self.undecided.len() < MAX_FAILED && !self.undecided.contains(serial) {
            self.undecided.push(serial.clone());
        }
    }

    /// However many can't be read, it costs the others nothing.
    fn add_unreadable(&mut self, due: &Due, fault: Fault) {
        let (id, error) = (&due.id, chain(&fault));
        tracing::warn!(registration.id = %id, %error, "registration {id}: can't be read");
        self.leave_undecided(&due.serial);
        self.first.get_or_insert(fault);
    }

    fn add(&mut self, due: &Due, fault: Fault) {
        let (id, error) = (&due.id, chain(&fault));
        tracing::warn!(registration.id = %id, %error, "registration {id}: to be tried again");
        self.serials.push(due.serial.clone());
        self.first.get_or_insert(fault);
    }
}

/// The key of a row, whether it can be read or not.
pub(crate) fn key_of(row: &ReadRow) -> RegistrationId {
    match row {
        Ok(row) => RegistrationId::from_text(&row.registration_id),
        Err(unreadable) => unreadable.id.clone(),
    }
}

impl<P: Ports> Sweep<'_, P> {
    /// Looks the certificates up, and changes those that are registered, in order. Returns how many have been dealt with:
    /// fewer than there are if the time was up or too many failed. `thorough` believes AWS IoT, not the row.
    ///
    /// # Errors
    /// A [`Fault`] if the rows can't be read. What fails for one certificate is added to `failures`.
    pub(crate) async fn carry_out(
        &self,
        due: &[Due],
        thorough: bool,
        run: Run<'_>,
        tally: &mut Tally,
        failures: &mut Failures,
    ) -> Result<usize, Fault> {
        let mut done = 0;
        for batch in due.chunks(BATCH) {
            if run.is_over() || failures.are_too_many() {
                return Ok(done);
            }
            let ids: Vec<RegistrationId> = batch.iter().map(|due| due.id.clone()).collect();
            let rows = self.registrations.registrations(&ids).await?.into_iter();
            let mut rows: HashMap<RegistrationId, ReadRow> = rows.map(|row| (key_of(&row), row)).collect();
            for due in batch {
                if run.is_over() || failures.are_too_many() {
                    return Ok(done);
                }
                match rows.remove(&due.id) {
                    Some(Ok(row)) => match self.change(&row, &due.task, thorough, run).await {
                        Ok(effect) => {
                            if effect.changes.unknown > 0 {
                                failures.leave_undecided(&due.serial);
                            }
                            tally.add(effect);
                        }
                        Err(fault) => {
                            self.withdraw_altered(&fault).await;
                            failures.add(due, fault);
                        }
                    },
                    Some(Err(unreadable)) => failures.add_unreadable(due, unreadable.fault),
                    None => {}
                }
                done += 1;
            }
        }
        Ok(done)
    }

    async fn change(&self, row: &Registration, task: &Task, thorough: bool, run: Run<'_>) -> Result<Effect, Fault> {
        match task {
            Task::Enter(entry) => self.enter(row, entry, thorough, run).await,
            Task::Release => self.release(row, run).await,
        }
    }
}
