//! Carrying out what a CRL says about one registered certificate: a change of facts, and then the convergence.

use shared::convergence::{Converged, Convergence};
use shared::fault::Fault;
use shared::port::{CertificateRegistry, CertificateStatus};
use shared::registration::{NewStatus, Registration};
use shared::revocation::Listing;

use crate::checker::{Ports, Run, Sweep};
use crate::rehearsal::Rehearsable;
use crate::report::{CertificateChange, Changes};

/// What makes AWS IoT agree with rows, in a run.
pub(crate) type Convergent<'a, 's, P> = Convergence<
    'a,
    Rehearsable<'s, <P as Ports>::Registry>,
    Rehearsable<'s, <P as Ports>::Authorities>,
    Rehearsable<'s, <P as Ports>::Registrations>,
    Rehearsable<'s, <P as Ports>::Bucket>,
    Rehearsable<'s, <P as Ports>::Sessions>,
>;

/// What a run did about one certificate.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// The certificate, if anything has become of it.
    pub(crate) certificate: Option<CertificateChange>,
    pub(crate) changes: Changes,
}

impl<'s, P: Ports> Sweep<'s, P> {
    /// Takes a certificate out that a CRL has, if it is not out yet. `thorough` believes AWS IoT, not the row.
    pub(crate) async fn enter(
        &self,
        row: &Registration,
        entry: &Listing,
        thorough: bool,
        run: Run<'_>,
    ) -> Result<Effect, Fault> {
        let listed = row.clone().listed(entry, run.now);
        if is_settled(row, &listed, thorough) || self.was_never_in(row, &listed, thorough, run).await? {
            return Ok(Effect::default());
        }
        let converged =
            self.convergence(run).converge(row.clone(), &|row: Registration| row.listed(entry, run.now)).await?;
        let is_marked = converged.set.is_none()
            && listed != *row
            && converged.row.as_ref().is_some_and(|row| row.status == Some(CertificateStatus::PendingActivation));
        let mut changes = Changes::of(&converged);
        changes.held += u64::from(is_marked);
        Ok(Effect::new(row, &converged, changes))
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
    pub(crate) async fn release(&self, row: &Registration, run: Run<'_>) -> Result<Effect, Fault> {
        let is_expired = row.candidate().not_after.is_some_and(|not_after| not_after < run.now);
        if !row.is_revoked() && (!row.is_on_hold() || is_expired) {
            return Ok(Effect::default());
        }
        let converged =
            self.convergence(run).converge(row.clone(), &|row: Registration| row.hold_ended(run.now)).await?;
        Ok(Effect::new(row, &converged, Changes::of(&converged)))
    }

    /// What makes AWS IoT agree with rows.
    pub(crate) fn convergence<'a>(&'a self, run: Run<'a>) -> Convergent<'a, 's, P> {
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
}

/// Whether the row says that there is nothing to do about an entry. One that was REVOKED before and is listed anew may have
/// been deleted and registered since.
fn is_settled(row: &Registration, listed: &Registration, thorough: bool) -> bool {
    !thorough && !listed.is_revoked() && listed == row && row.is_confirmed()
}

impl Effect {
    /// What was done about the certificate of a row.
    pub(crate) fn new(before: &Registration, converged: &Converged, changes: Changes) -> Self {
        let certificate = changes.is_any().then(|| CertificateChange::of(before, converged));
        Self { certificate, changes }
    }
}

impl CertificateChange {
    fn of(before: &Registration, converged: &Converged) -> Self {
        let after = converged.row.as_ref().unwrap_or(before);
        let to = converged.set.map(CertificateStatus::from).or_else(|| after.status.clone());
        Self {
            ca_certificate_id: before.ca_certificate_id.clone(),
            certificate_id: before.certificate_id.clone(),
            detail: after.detail.clone(),
            from: converged.was.clone().or_else(|| before.status.clone()),
            reason: after.reason,
            serial: before.serial.clone(),
            thing_name: before.thing_name.clone(),
            to,
        }
    }
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
