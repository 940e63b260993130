//! The CRL gate of an activation, and what follows from an entry.
//!
//! The gate is asked after the row has been written. A CRL that is put in place later is followed by a look at the rows,
//! so that either the activation sees the CRL, or the CRL checker sees the activation.

use shared::decision::Verdict;
use shared::fault::{Fault, FaultKind};
use shared::pki::Certificate;
use shared::port::{
    AuthorityStore, CertificateRegistry, CertificateStatus, Creation, CrlStates, RegisteredCertificate,
    RegistrationStore, SnapshotPages, ThingRegistry,
};
use shared::profile::{CrlRequirement, Rules};
use shared::registration::Registration;
use shared::revocation::{Listing, NotRevoked, Standing, standing};

use super::{Activator, Attempt, Stop, no_certificate};
use crate::admission::Examined;

/// What the gate lets a certificate become.
pub(super) enum GateOutcome {
    /// ACTIVE.
    Good(NotRevoked),
    /// INACTIVE, with thing and policy, so that its release only has to set ACTIVE.
    OnHold(Listing),
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Asks the CRLs of the CA. A revoked certificate is set REVOKED.
    ///
    /// A profile that requires no CRL is asked for none, unless the row tells of an entry: then only the CRLs can say
    /// whether it is still there.
    pub(super) async fn pass_gate(
        &self,
        row: &Registration,
        certificate: &Certificate,
        rules: &Rules,
        registered: &RegisteredCertificate,
        attempt: &mut Attempt,
    ) -> Result<GateOutcome, Stop> {
        let entry = row.revoked_entry();
        if let (None, Some(cleared)) = (&entry, NotRevoked::unless_required(&rules.crl)) {
            return Ok(GateOutcome::Good(cleared));
        }
        let entry = match (self.standing(certificate, rules, attempt).await?, entry) {
            (Standing::Good(cleared), _) => {
                attempt.inputs.passed();
                return Ok(GateOutcome::Good(cleared));
            }
            (Standing::Listed(entry), _) => entry,
            (Standing::Unknown { .. }, Some(entry))
                if rules.crl.requirement == CrlRequirement::None && !row.is_entry_earlier =>
            {
                entry
            }
            (Standing::Unknown { verdict, wanted }, _) => {
                for source in &wanted {
                    self.authorities.request_crl(&rules.ca_certificate_id, source).await?;
                }
                return Err(Stop::KeptOut(Box::new(row.candidate()), verdict));
            }
        };
        if entry.is_hold() {
            return Ok(GateOutcome::OnHold(entry));
        }
        Err(Stop::Settled(self.take_out(&entry, registered, attempt).await?))
    }

    /// What the CRLs of the CA say, whether or not its profile requires them.
    async fn standing(
        &self,
        certificate: &Certificate,
        rules: &Rules,
        attempt: &mut Attempt,
    ) -> Result<Standing, Fault> {
        let states = self.authorities.crl_states(&rules.ca_certificate_id).await?;
        attempt.inputs.read_crls(&states);
        standing(certificate, &rules.crl.clone().asked(), &states, &self.snapshots, attempt.now).await
    }

    /// Gives a certificate on hold its thing and policy, and sets it INACTIVE. If the thing is another one's, the
    /// certificate stays PENDING_ACTIVATION: the take-over rule is applied once the hold is gone.
    pub(super) async fn hold(
        &self,
        examined: &Examined,
        rules: &Rules,
        registered: &RegisteredCertificate,
        entry: &Listing,
        attempt: &mut Attempt,
    ) -> Result<Verdict, Stop> {
        // Whom it was about to replace has to go before it may come back.
        let may_make = !Self::is_replacing(rules, attempt);
        let made = if may_make { Some(self.make(examined, rules, registered, attempt).await?) } else { None };
        if made.is_none_or(|made| made.creation == Creation::Taken || made.has_others) {
            return Err(Stop::KeptOut(Box::new(examined.candidate.clone()), entry.verdict()));
        }
        self.share_with_others(examined, rules, attempt).await?;
        self.attach(examined, rules, registered).await?;
        Ok(self.take_out(entry, registered, attempt).await?)
    }

    /// Sets a certificate REVOKED or INACTIVE that a CRL has.
    async fn take_out(
        &self,
        entry: &Listing,
        registered: &RegisteredCertificate,
        attempt: &mut Attempt,
    ) -> Result<Verdict, Fault> {
        let Some(row) = attempt.row.clone() else { return Ok(no_certificate()) };
        attempt.has_acted = true;
        let (now, revision) = (attempt.now, row.revision);
        // Whoever has written the row since may have read a newer CRL than the gate.
        let change = |row: Registration| {
            if row.revision == revision { row.listed_anew(entry, now) } else { row.listed(entry, now) }
        };
        let converged = self.convergence(attempt).take_out(row, &change, registered, attempt.looked_at).await?;
        attempt.row.clone_from(&converged.row);
        match converged.row {
            None => Ok(no_certificate()),
            // The next attempt begins anew.
            Some(row) if converged.set.is_none() && row.status == Some(CertificateStatus::PendingActivation) => {
                let problem = "a newer crl has ended the hold at this moment, or the certificate was registered again";
                Err(Fault::new("iot:UpdateCertificate", FaultKind::Unavailable, problem))
            }
            Some(row) => Ok(row.verdict()),
        }
    }
}
