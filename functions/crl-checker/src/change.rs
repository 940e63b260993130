//! Carrying out what a CRL says about one registered certificate: a change of facts, and then the convergence.

use shared::convergence::{Converged, Convergence};
use shared::fault::Fault;
use shared::port::{CertificateRegistry, CertificateStatus};
use shared::registration::{NewStatus, Registration};
use shared::revocation::Listing;

use crate::checker::{Checker, Mode, Ports, Run};
use crate::report::Changes;

/// What makes AWS IoT agree with rows, in a run.
pub(crate) type Convergent<'a, P> = Convergence<
    'a,
    <P as Ports>::Registry,
    <P as Ports>::Authorities,
    <P as Ports>::Registrations,
    <P as Ports>::Bucket,
    <P as Ports>::Sessions,
>;

impl<P: Ports> Checker<P> {
    /// Takes a certificate out that a CRL has, if it is not out yet. `thorough` believes AWS IoT, not the row.
    pub(crate) async fn enter(
        &self,
        row: &Registration,
        entry: &Listing,
        thorough: bool,
        run: Run<'_>,
    ) -> Result<Changes, Fault> {
        let listed = row.clone().listed(entry, run.now);
        if is_settled(row, &listed, thorough) || self.was_never_in(row, &listed, thorough, run).await? {
            return Ok(Changes::default());
        }
        if run.mode == Mode::Report {
            return self.predict(&listed, run).await;
        }
        let converged =
            self.convergence(run).converge(row.clone(), &|row: Registration| row.listed(entry, run.now)).await?;
        let is_marked = converged.set.is_none()
            && listed != *row
            && converged.row.as_ref().is_some_and(|row| row.status == Some(CertificateStatus::PendingActivation));
        let mut changes = Changes::of(&converged);
        changes.held += u64::from(is_marked);
        Ok(changes)
    }

    /// Whether a certificate on hold was never let in: it meets the hold at the gate, should it come again. What other hands
    /// have done since its row was written is asked where AWS IoT is believed.
    async fn was_never_in(
        &self,
        row: &Registration,
        listed: &Registration,
        thorough: bool,
        run: Run<'_>,
    ) -> Result<bool, Fault> {
        if listed.is_revoked() || row.admitted_at.is_some() || !row.intents.is_empty() || !row.is_outside() {
            return Ok(false);
        }
        if !thorough {
            return Ok(true);
        }
        let found = self.registry(run).certificate(&row.certificate_id).await?;
        Ok(found.is_none_or(|found| found.status != CertificateStatus::Active))
    }

    /// Lets a certificate in again whose hold has ended. A revocation that was begun is brought to its end, whatever the
    /// list says by now: it is final.
    pub(crate) async fn release(&self, row: &Registration, run: Run<'_>) -> Result<Changes, Fault> {
        let is_expired = row.candidate().not_after.is_some_and(|not_after| not_after < run.now);
        if !row.is_revoked() && (!row.is_on_hold() || is_expired) {
            return Ok(Changes::default());
        }
        let freed = row.clone().hold_ended(run.now);
        if run.mode == Mode::Report {
            return self.predict(&freed, run).await;
        }
        let converged =
            self.convergence(run).converge(row.clone(), &|row: Registration| row.hold_ended(run.now)).await?;
        Ok(Changes::of(&converged))
    }

    /// What makes AWS IoT agree with rows.
    pub(crate) fn convergence<'a>(&'a self, run: Run<'a>) -> Convergent<'a, P> {
        Convergence {
            authorities: &self.authorities,
            now: run.now,
            process: run.process.clone(),
            registrations: &self.registrations,
            registry: self.registry(run),
            sessions: &self.sessions,
            snapshots: &self.snapshots,
        }
    }

    /// What a change of facts would lead to.
    async fn predict(&self, after: &Registration, run: Run<'_>) -> Result<Changes, Fault> {
        let mut changes = Changes::default();
        let Some(found) = self.registry(run).certificate(&after.certificate_id).await? else { return Ok(changes) };
        let seen = after.clone().seen(&found.status, run.now);
        let wanted = seen.wanted(&found.status);
        match wanted.filter(|wanted| CertificateStatus::from(*wanted) != found.status) {
            Some(NewStatus::Revoked) => changes.revoked += 1,
            Some(NewStatus::Inactive) => changes.held += 1,
            Some(NewStatus::Active) => {
                let outcome = self.convergence(run).foresee(&seen, &found).await?;
                changes.released += u64::from(outcome.is_cleared);
                changes.unknown += u64::from(outcome.is_unknown);
            }
            None if found.status == CertificateStatus::PendingActivation && seen.is_on_hold() => changes.held += 1,
            None => {}
        }
        Ok(changes)
    }
}

/// Whether the row says that there is nothing to do about an entry. One that was REVOKED before and is listed anew may have
/// been deleted and registered since.
fn is_settled(row: &Registration, listed: &Registration, thorough: bool) -> bool {
    !thorough && !listed.is_revoked() && listed == row && row.is_confirmed()
}

impl Changes {
    /// What was done about one certificate.
    pub(crate) fn of(converged: &Converged) -> Self {
        let set = |status| u64::from(converged.set == Some(status));
        Self {
            held: set(NewStatus::Inactive),
            released: set(NewStatus::Active),
            revoked: set(NewStatus::Revoked),
            sessions_ended: converged.sessions_ended,
            sessions_not_offered: converged.sessions_not_offered,
            unknown: u64::from(converged.is_unknown),
            ..Self::default()
        }
    }
}
