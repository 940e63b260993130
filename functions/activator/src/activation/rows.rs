//! The certificate's row at the beginning and at the end of an attempt.

use shared::convergence::{OwnRow, change_facts, own_row, too_fast};
use shared::decision::{Decision, Reason, Verdict};
use shared::fault::{Fault, FaultKind};
use shared::port::{
    AuthorityStore, CertificateRegistry, CertificateStatus, CrlStates, NewStatus, RegistrationStore, Saved,
    SnapshotPages, ThingRegistry,
};
use shared::registration::{Candidate, Registration, STRANGER_LIFETIME};
use shared::revocation::NotRevoked;
use shared::text::Detail;

use super::{Activator, Attempt, no_certificate, not_pending};

/// How often a row that changes meanwhile is read again.
const TRIES: usize = 5;

/// What became of beginning an attempt.
pub(super) enum Begin {
    /// The row says that the certificate is to be ACTIVE, and by whom.
    Begun(Box<Registration>),
    /// The certificate has left PENDING_ACTIVATION since AWS IoT was asked.
    Decided(Verdict),
    /// The row belongs to another certificate with the same serial number.
    SerialReused,
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Writes that the checks have passed and that this attempt sets out to make the certificate ACTIVE.
    pub(super) async fn begin(&self, candidate: &Candidate, attempt: &mut Attempt) -> Result<Begin, Fault> {
        let now = attempt.now;
        let mut before = Registration::new(candidate, now);
        for _ in 0..TRIES {
            let begun = before
                .clone()
                .seen(&CertificateStatus::PendingActivation, now)
                .admitted(candidate, now)
                .begun_with(attempt.published_at, now)
                .intending(&attempt.process, NewStatus::Active);
            match self.registrations.save(&before, begun).await? {
                Saved::Done(row) => {
                    attempt.is_repeated = !before.is_new();
                    attempt.row = Some(row.clone());
                    return Ok(Begin::Begun(Box::new(row)));
                }
                Saved::Outdated(Some(row)) if row.certificate_id != candidate.certificate_id => {
                    return Ok(Begin::SerialReused);
                }
                Saved::Outdated(Some(row)) if row.is_being_taken_out(&attempt.process, now) => {
                    let problem = format!("certificate {} is being taken out at this moment", row.certificate_id);
                    return Err(Fault::new("dynamodb:UpdateItem", FaultKind::Unavailable, problem));
                }
                Saved::Outdated(Some(row)) => {
                    if let Some(verdict) = self.has_left(&row).await? {
                        return Ok(Begin::Decided(verdict));
                    }
                    before = row;
                }
                Saved::Outdated(None) => before = Registration::new(candidate, now),
            }
        }
        Err(too_fast(candidate.id.as_str()))
    }

    /// Why there is nothing to begin, if the row tells of a status that AWS IoT did not have when it was asked.
    async fn has_left(&self, row: &Registration) -> Result<Option<Verdict>, Fault> {
        if matches!(row.status, None | Some(CertificateStatus::PendingActivation)) {
            return Ok(None);
        }
        Ok(match self.registry.certificate(&row.certificate_id).await? {
            None => Some(no_certificate()),
            // It was deleted and registered again.
            Some(registered) if registered.status == CertificateStatus::PendingActivation => None,
            Some(registered) => Some(not_pending(&registered.status)),
        })
    }

    /// Looks after a certificate that has left PENDING_ACTIVATION: what an attempt that died has begun is brought to its
    /// end.
    pub(super) async fn attend(
        &self,
        candidate: &Candidate,
        status: &CertificateStatus,
        attempt: &mut Attempt,
    ) -> Result<Verdict, Fault> {
        let row = self.registrations.registration(&candidate.id).await?;
        let Some(row) = row.filter(|row| row.certificate_id == candidate.certificate_id) else {
            return Ok(not_pending(status));
        };
        let is_known = row.status.as_ref() == Some(status) && row.is_confirmed();
        if is_known || row.is_in_progress(&attempt.process, attempt.now) {
            return Ok(not_pending(status));
        }
        attempt.row = Some(row.clone());
        attempt.has_acted = true;
        let decision = row.decision;
        let converged = self.convergence(attempt).converge(row, &|row| row).await?;
        let row = converged.row.filter(|row| row.decision != decision || converged.set.is_some());
        Ok(row.map_or_else(|| not_pending(status), |row| row.verdict()))
    }

    /// The last write before ACTIVE, where an earlier fact is against it: thing and policy are attached, the take-over
    /// rule and the newest CRLs have let the certificate pass. The row must still be the one that the gate was asked for.
    pub(super) async fn prepare(
        &self,
        candidate: &Candidate,
        cleared: &NotRevoked,
        attempt: &mut Attempt,
    ) -> Result<Registration, Fault> {
        // It is gone if the row was deleted on the way.
        let row = attempt.row.clone().ok_or_else(|| too_fast(candidate.id.as_str()))?;
        if row.may_be_active() {
            return Ok(row);
        }
        let ready = row.clone().bound().cleared(cleared.crl_number());
        match self.registrations.save(&row, ready).await? {
            Saved::Done(row) => {
                attempt.row = Some(row.clone());
                Ok(row)
            }
            Saved::Outdated(_) => Err(too_fast(&row.registration_id)),
        }
    }

    /// Changes a fact of the attempt's row that hangs on nothing else in it.
    pub(super) async fn change_row(
        &self,
        attempt: &mut Attempt,
        change: impl Fn(Registration) -> Registration + Sync,
    ) -> Result<(), Fault> {
        if let Some(row) = attempt.row.take() {
            attempt.row = change_facts(&self.registrations, row, &change).await?;
        }
        Ok(())
    }

    /// Writes any other verdict than ACTIVE, about a certificate that AWS IoT had with this status. A later decision stays. If
    /// the row is another certificate's, the verdict goes to the unproven key. A row about a CA that nobody enrolled expires.
    pub(super) async fn record(
        &self,
        candidate: &Candidate,
        verdict: &Verdict,
        status: &CertificateStatus,
        attempt: &mut Attempt,
    ) -> Result<(), Fault> {
        let (now, was_pending) = (attempt.now, *status == CertificateStatus::PendingActivation);
        let is_stranger = verdict.reason == Reason::AuthorityNotEnrolled;
        let expires = is_stranger.then(|| now.saturating_add(STRANGER_LIFETIME));
        let (basis, process, published_at) = (attempt.inputs.basis(), attempt.process.clone(), attempt.published_at);
        // Later events are not needed beside one that is delivered again; an operator's is not.
        let may_back_off = !(attempt.is_by_hand && verdict.decision == Decision::Deferred);
        let own = attempt.row.take().filter(|row| row.registration_id == candidate.id.as_str());
        let own = match own {
            Some(row) => OwnRow::Found(Box::new(row)),
            None => own_row(&self.registrations, candidate).await?,
        };
        let row = own.or_new(|candidate| Registration::new(candidate, now));
        // A status of an earlier life, or what has become of the certificate since AWS IoT was asked.
        let earlier = match self.has_left(&row).await? {
            Some(_) => None,
            None => row.status.clone(),
        };
        let change = |row: Registration| {
            let is_expected = row.is_outside() || row.status == earlier;
            if !is_expected || !row.is_older_than(now) {
                return row.without_intent(&process);
            }
            let row = match (row.is_outside(), was_pending) {
                (true, true) => row.without_dead_intents(now),
                (true, false) => row,
                (false, _) => row.seen(&CertificateStatus::PendingActivation, now),
            };
            let row = row.recorded(candidate, verdict, &process, expires, now).begun_with(published_at, now);
            if may_back_off { row.backing_off(basis.clone(), now) } else { row }
        };
        attempt.row = change_facts(&self.registrations, row, &change).await?;
        Ok(())
    }

    /// Tells the row what went wrong, for whoever asks why the device is not in. An attempt that has no row has nowhere to
    /// write it. Further attempts are put off where they would fail in the same way.
    pub(crate) async fn note_failure(
        &self,
        failure: &Detail,
        is_retryable: bool,
        attempt: &mut Attempt,
    ) -> Result<(), Fault> {
        let (now, has_acted, process) = (attempt.now, attempt.has_acted, attempt.process.clone());
        let basis = if is_retryable || attempt.is_by_hand { None } else { Some(attempt.inputs.basis()) };
        self.change_row(attempt, |row| row.failed(failure, basis.clone(), has_acted, &process, now)).await
    }
}
