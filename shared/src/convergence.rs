//! Makes AWS IoT agree with a row of the `Registrations` table: the only place that sets a certificate's status.
//!
//! 1. Change the facts, see what AWS IoT has, and derive the status that is wanted.
//! 2. Write facts and intent, on the condition that the row is still the one that was read.
//! 3. For ACTIVE: ask the newest CRLs, and see that thing and policy are attached. For a hold: ask the newest CRLs whether
//!    it is still there. Whoever came to a list without it before the row told of it found nothing to end.
//! 4. Set the status; end the sessions of a certificate that leaves ACTIVE.
//! 5. Confirm, on the same condition. If the row has changed meanwhile, begin again from the row as it is.
//!
//! Two processes may set different statuses in any order. The last one to confirm finds the other's write in the row, and
//! looks again. One that died leaves its intent, which keeps the row in the index of unconfirmed rows.

mod active;
mod during;
mod hold;
mod row;
mod succession;

use std::future::Future;

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::fault::{Fault, FaultKind};
use crate::id::CertificateId;
use crate::port::{
    Attachments, AuthorityStore, CertificateRegistry, CrlStates, Look, RegisteredCertificate, RegistrationStore, Saved,
    SessionClient, SessionEnd, Sessions, SnapshotPages, StatusChange,
};
use crate::registration::{CertificateStatus, NewStatus, Process, Registration};
use crate::revocation::{NotRevoked, Snapshots};

use self::active::Clearance;
use self::succession::Succession;

pub use self::row::{OwnRow, change_facts, own_row, rewrite, too_fast};

/// How often a row that changes meanwhile is begun with again.
const MAX_ROUNDS: usize = 12;

/// A change of facts: from the row as it is to the row as it should be. It may be made several times.
pub type FactChange<'a> = &'a (dyn Fn(Registration) -> Registration + Sync);

/// What a process needs to make AWS IoT agree with rows.
#[derive(Debug)]
pub struct Convergence<'a, R, A, S, P, L> {
    /// The `Authorities` table.
    pub authorities: &'a A,
    /// Time at which the process began.
    pub now: OffsetDateTime,
    /// The process, as rows know it.
    pub process: Process,
    /// The `Registrations` table.
    pub registrations: &'a S,
    /// AWS IoT's registry.
    pub registry: &'a R,
    /// Live sessions.
    pub sessions: &'a L,
    /// The snapshots of the CRLs.
    pub snapshots: &'a Snapshots<P>,
}

/// A row, and what was done to make AWS IoT agree with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Converged {
    /// Whether a CRL that is needed to let the certificate in does not count at the moment.
    pub is_unknown: bool,
    /// The row; none if it was deleted, or the certificate was.
    pub row: Option<Registration>,
    /// Live sessions ended at once.
    pub sessions_ended: u64,
    /// Live sessions that the service ends by itself within minutes.
    pub sessions_not_offered: u64,
    /// The status that was set last; none if none was set.
    pub set: Option<NewStatus>,
    /// The status before the first one was set, as AWS IoT was known to have it.
    pub was: Option<CertificateStatus>,
}

impl Converged {
    fn begun() -> Self {
        Self { is_unknown: false, row: None, sessions_ended: 0, sessions_not_offered: 0, set: None, was: None }
    }
}

/// What a change of status rests on.
#[derive(Clone, Copy)]
struct Grounds<'a> {
    /// No CRL is against it; of ACTIVE only.
    cleared: Option<&'a NotRevoked>,
    /// How the certificate was found.
    look: &'a Look,
}

/// How a round ended.
enum Round {
    Again(Registration),
    Done(Option<Registration>),
}

impl<R, A, S, P, L> Convergence<'_, R, A, S, P, L>
where
    R: Attachments + CertificateRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
    L: Sessions + Sync,
{
    /// Changes facts of a row, and makes AWS IoT agree with it.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed, or the row changes faster than it can be read. If a status was set, the row is
    /// left unconfirmed.
    pub async fn converge(&self, row: Registration, change: FactChange<'_>) -> Result<Converged, Fault> {
        self.rounds(row, Some(change), Converged::begun()).await
    }

    async fn rounds(
        &self,
        mut row: Registration,
        mut change: Option<FactChange<'_>>,
        mut converged: Converged,
    ) -> Result<Converged, Fault> {
        let certificate_id = row.certificate_id.clone();
        for _ in 0..MAX_ROUNDS {
            match Box::pin(self.round(row, &mut change, &mut converged)).await? {
                Round::Done(row) => return Ok(Converged { row, ..converged }),
                Round::Again(again) if again.certificate_id == certificate_id => row = again,
                Round::Again(_) => return Ok(converged),
            }
        }
        Err(too_fast(&row.registration_id))
    }

    /// Sets a certificate ACTIVE that waited for its activation when it was looked at, has its thing and its policy, and has
    /// been cleared since this process wrote its intent.
    ///
    /// # Errors
    /// As [`converge`](Self::converge).
    pub async fn activate(&self, row: Registration, cleared: &NotRevoked, look: &Look) -> Result<Converged, Fault> {
        let (certificate, mut converged) = (row.certificate_id.clone(), Converged::begun());
        let grounds = Grounds { cleared: Some(cleared), look };
        let round = Box::pin(self.set(row, NewStatus::Active, Some(grounds), &mut converged)).await?;
        self.finish(&certificate, round, converged).await
    }

    /// Changes facts, and takes a certificate out that the caller has looked at, without another look at what AWS IoT has.
    ///
    /// # Errors
    /// As [`converge`](Self::converge).
    pub async fn take_out(
        &self,
        row: Registration,
        change: FactChange<'_>,
        registered: &RegisteredCertificate,
        looked_at: Instant,
    ) -> Result<Converged, Fault> {
        let changed = change(row.clone());
        let wanted = if changed.is_revoked() { NewStatus::Revoked } else { NewStatus::Inactive };
        let intended = match self.registrations.save(&row, changed.intending(&self.process, wanted)).await? {
            Saved::Done(row) => row,
            Saved::Outdated(Some(other)) if other.certificate_id == row.certificate_id => {
                return self.converge(other, change).await;
            }
            Saved::Outdated(_) => return Ok(Converged::begun()),
        };
        let mut converged = Converged::begun();
        let look = Look::new(looked_at, registered);
        let round = Box::pin(self.put_out(&row, intended, wanted, registered, &look, &mut converged)).await?;
        self.finish(&row.certificate_id, round, converged).await
    }

    /// Sets a certificate INACTIVE that has no row: nothing but AWS IoT tells of it.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed.
    pub async fn switch_off(&self, certificate: &CertificateId) -> Result<(), Fault> {
        self.registry.set_status(certificate, NewStatus::Inactive, None).await.map(|_| ())
    }

    async fn finish(
        &self,
        certificate: &CertificateId,
        round: Round,
        converged: Converged,
    ) -> Result<Converged, Fault> {
        match round {
            Round::Done(row) => Ok(Converged { row, ..converged }),
            Round::Again(row) if row.certificate_id == *certificate => self.rounds(row, None, converged).await,
            Round::Again(_) => Ok(converged),
        }
    }

    /// Steps 1 to 5.
    async fn round(
        &self,
        row: Registration,
        change: &mut Option<FactChange<'_>>,
        converged: &mut Converged,
    ) -> Result<Round, Fault> {
        let (due, was_set_active) = (*change, converged.set == Some(NewStatus::Active));
        let with_facts = |row: Registration| {
            let changed = match due {
                Some(due) => due(row),
                None => row,
            };
            if was_set_active { changed.came_in(self.now) } else { changed }
        };
        let changed = with_facts(row.clone());
        let is_known = row.status.is_some() && row.intents.is_empty() && !row.is_deleted();
        if changed.is_to_be_revoked() && changed.status != Some(CertificateStatus::Revoked) && is_known {
            // Whatever AWS IoT has, it becomes REVOKED.
            return match self.save(&row, changed.intending(&self.process, NewStatus::Revoked), change).await? {
                Ok(intended) => self.set(intended, NewStatus::Revoked, None, converged).await,
                Err(round) => Ok(round),
            };
        }
        let Some(registered) = self.registry.certificate(&row.certificate_id).await? else {
            let deleted = with_facts(row.clone().seen(&CertificateStatus::deleted(), self.now));
            return self.rest(&row, deleted.without_intent(&self.process), change).await;
        };
        let look = Look::new(Instant::now(), &registered);
        let seen = with_facts(row.clone().seen(&registered.status, self.now));
        if self.forgets_hold(&row, &seen, &registered).await? {
            *change = None;
            let kept = row.clone().seen(&registered.status, self.now);
            return match registered.status {
                CertificateStatus::PendingActivation => self.rest(&row, kept, &mut None).await,
                _ => self.begin_again(&row, kept).await,
            };
        }
        let is_out = matches!(registered.status, CertificateStatus::Inactive | CertificateStatus::Revoked);
        if is_out && row.status.as_ref() != Some(&registered.status) {
            // Whoever has set it may have died before it ended the sessions.
            self.end_sessions(&row, converged).await?;
        }
        let seen = self.attended(seen, &row, &registered).await?;
        let (seen, wanted) = match self.succession(&seen, &registered.status).await? {
            Succession::Complete => (seen.clone(), seen.wanted(&registered.status)),
            // The thing is its own until the successor is in.
            Succession::Awaited => (seen.clone(), seen.bound().wanted(&registered.status)),
            Succession::Void => (seen.clone().bound(), seen.bound().wanted(&registered.status)),
        };
        let wanted = match wanted {
            Some(wanted) if CertificateStatus::from(wanted) != registered.status => wanted,
            _ if registered.status == CertificateStatus::Inactive && self.is_unasked_hold(&row, &seen) => {
                NewStatus::Inactive
            }
            _ => return self.rest(&row, seen.settled(&row, &self.process, self.now), change).await,
        };
        if self.is_hold_open(&row, wanted, &registered).await? {
            converged.is_unknown = true;
            // It is left unconfirmed: each run asks again.
            let left = row.clone().intending(&self.process, NewStatus::Inactive);
            let left = if row.intents.is_empty() { left } else { row.clone() };
            return self.rest(&row, left, &mut None).await;
        }
        let intended = match self.save(&row, seen.intending(&self.process, wanted), change).await? {
            Ok(intended) => intended,
            Err(round) => return Ok(round),
        };
        if wanted == NewStatus::Active {
            return self.set_active(intended, &registered, &look, converged).await;
        }
        self.put_out(&row, intended, wanted, &registered, &look, converged).await
    }

    /// What follows for a certificate that is ACTIVE. Whoever has let it in by other hands finds its thing attached again,
    /// and has it back after a hold.
    async fn attended(
        &self,
        seen: Registration,
        row: &Registration,
        registered: &RegisteredCertificate,
    ) -> Result<Registration, Fault> {
        if registered.status != CertificateStatus::Active {
            return Ok(seen);
        }
        let mut intents = row.intents.values();
        // A dead attempt to let it in has lost its thing to the release; where it is attached, others have attached it.
        let is_none_taking_out = intents.all(|intent| intent.wanted == NewStatus::Active && intent.until <= self.now);
        let is_by_others = row.status != Some(CertificateStatus::Active) && is_none_taking_out;
        let is_back = seen.released_at.is_some() && is_by_others && self.is_attached(&seen, registered).await?;
        let seen = if is_back { seen.returned() } else { seen };
        if !seen.is_kept_out() {
            return Ok(seen);
        }
        let freed = seen.clone().hold_ended(self.now);
        let seen = match self.succession(&freed, &registered.status).await? {
            Succession::Void => seen.bound(),
            _ => seen,
        };
        Ok(seen.was_inside(self.now))
    }

    /// Writes what the newest CRLs say, and begins again.
    async fn begin_again(&self, intended: &Registration, facts: Registration) -> Result<Round, Fault> {
        Ok(match self.registrations.save(intended, facts).await? {
            Saved::Done(row) | Saved::Outdated(Some(row)) => Round::Again(row),
            Saved::Outdated(None) => Round::Done(None),
        })
    }

    /// Step 3 for ACTIVE, and the rest.
    async fn set_active(
        &self,
        intended: Registration,
        registered: &RegisteredCertificate,
        look: &Look,
        converged: &mut Converged,
    ) -> Result<Round, Fault> {
        let facts = match self.clearance(&intended, registered).await? {
            Clearance::Cleared(cleared) => {
                let grounds = Grounds { cleared: Some(&cleared), look };
                return self.set(intended, NewStatus::Active, Some(grounds), converged).await;
            }
            Clearance::Facts(facts) => *facts,
            Clearance::Unknown(facts) => {
                converged.is_unknown = true;
                return self.rest(&intended, *facts, &mut None).await;
            }
        };
        self.begin_again(&intended, facts).await
    }

    /// Steps 4 and 5. REVOKED needs no grounds.
    async fn set(
        &self,
        row: Registration,
        wanted: NewStatus,
        grounds: Option<Grounds<'_>>,
        converged: &mut Converged,
    ) -> Result<Round, Fault> {
        if self.act(&row, wanted, grounds.map(|grounds| grounds.look), converged).await? == StatusChange::Impossible {
            return self.look_again(row, wanted).await;
        }
        let facts = match grounds.and_then(|grounds| grounds.cleared) {
            Some(cleared) => row.clone().cleared(cleared.crl_number()),
            None => row.clone(),
        };
        let confirmed = facts.set_to(wanted, &self.process, self.now);
        Ok(match self.registrations.save(&row, confirmed).await? {
            Saved::Done(row) => Round::Done(Some(row)),
            Saved::Outdated(Some(row)) => Round::Again(row),
            Saved::Outdated(None) => Round::Done(None),
        })
    }

    /// Step 4.
    async fn act(
        &self,
        row: &Registration,
        wanted: NewStatus,
        look: Option<&Look>,
        converged: &mut Converged,
    ) -> Result<StatusChange, Fault> {
        let change = self.registry.set_status(&row.certificate_id, wanted, look).await?;
        if change == StatusChange::Done {
            if converged.set.is_none() {
                converged.was.clone_from(&row.status);
            }
            converged.set = Some(wanted);
            if wanted != NewStatus::Active {
                self.end_sessions(row, converged).await?;
            }
        }
        Ok(change)
    }

    /// A status could not be set: the certificate was deleted, has a status that allows no change, or was changed by others. What
    /// it has now is not this process's doing.
    async fn look_again(&self, row: Registration, wanted: NewStatus) -> Result<Round, Fault> {
        let registered = self.registry.certificate(&row.certificate_id).await?;
        let status = registered.map_or_else(CertificateStatus::deleted, |registered| registered.status);
        let seen = row.clone().without_intent(&self.process).seen(&status, self.now);
        let is_inside = status == CertificateStatus::Active;
        let round = self.rest(&row, seen.settled(&row, &self.process, self.now), &mut None).await?;
        Ok(match round {
            // It was let in once more, and is still to go.
            Round::Done(Some(row)) if is_inside && wanted != NewStatus::Active => Round::Again(row),
            round => round,
        })
    }

    /// Writes a row that needs no change of status, if there is anything to write.
    async fn rest(
        &self,
        row: &Registration,
        after: Registration,
        change: &mut Option<FactChange<'_>>,
    ) -> Result<Round, Fault> {
        if after == *row {
            return Ok(Round::Done(Some(after)));
        }
        Ok(match self.save(row, after, change).await? {
            Ok(row) => Round::Done(Some(row)),
            Err(round) => round,
        })
    }

    /// Writes a row with the change of facts, which then needs not be made again. Otherwise, how the round ends.
    async fn save(
        &self,
        before: &Registration,
        after: Registration,
        change: &mut Option<FactChange<'_>>,
    ) -> Result<Result<Registration, Round>, Fault> {
        Ok(match self.registrations.save(before, after).await? {
            Saved::Done(row) => {
                *change = None;
                Ok(row)
            }
            Saved::Outdated(Some(row)) => Err(Round::Again(row)),
            Saved::Outdated(None) => Err(Round::Done(None)),
        })
    }

    /// Leaving ACTIVE ends a session within minutes; where the service offers it, it is ended at once.
    async fn end_sessions(&self, row: &Registration, converged: &mut Converged) -> Result<(), Fault> {
        if row.admitted_at.is_none() && row.is_outside() {
            return Ok(());
        }
        let thing = row.thing_name.as_ref().filter(|_| !row.is_unbound());
        for client in self.sessions.clients(&row.certificate_id, thing).await? {
            match self.sessions.end(&client).await {
                Ok(SessionEnd::Ended) => converged.sessions_ended += 1,
                Ok(SessionEnd::NotConnected) => {}
                Ok(SessionEnd::NotOffered) => converged.sessions_not_offered += 1,
                // A client id that AWS IoT does not take, or a far end that takes the operation for a mistake.
                Err(fault) if fault.kind == FaultKind::Invalid => converged.sessions_not_offered += 1,
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}

/// For a process that lets nobody in, and asks no CRL.
#[derive(Clone, Copy, Debug)]
pub struct NoSnapshots;

impl SnapshotPages for NoSnapshots {
    async fn read(&self, key: &str, _: std::ops::Range<u64>) -> Result<Vec<u8>, Fault> {
        Err(Fault::new("s3:GetObject", FaultKind::Unavailable, format!("{key} is not read by this process")))
    }
}

/// For a process that can't end sessions: AWS IoT ends them by itself within minutes.
#[derive(Clone, Copy, Debug)]
pub struct NoSessions;

impl Sessions for NoSessions {
    async fn clients(&self, _: &CertificateId, _: Option<&crate::id::ThingName>) -> Result<Vec<SessionClient>, Fault> {
        Ok(Vec::new())
    }

    fn end(&self, _: &SessionClient) -> impl Future<Output = Result<SessionEnd, Fault>> + Send {
        std::future::ready(Ok(SessionEnd::NotOffered))
    }
}
