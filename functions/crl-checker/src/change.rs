//! Carrying out what a CRL says about one registered certificate.

use shared::fault::{Fault, FaultKind};
use shared::pki::Certificate;
use shared::port::{
    AuthorityStore, CertificateRegistry, CertificateStatus, CrlStates, Finish, ListedRegistrations, NewStatus,
    RegistrationStore, SessionEnd, Sessions, StatusChange,
};
use shared::profile::{CrlRequirement, CrlRules};
use shared::registration::{Registration, RegistrationId};
use shared::revocation::{Listing, NotRevoked, Standing, exclude, standing};
use time::OffsetDateTime;

use crate::checker::{Checker, Mode, Ports};
use crate::plan::{HoldPlan, Plan, begun_revocation, is_releasable, on_hold, on_listing};
use crate::report::Changes;

impl<P: Ports> Checker<P> {
    /// Takes a listed certificate out, if it is not out yet. `thorough` believes AWS IoT, not the row.
    pub(crate) async fn enter(
        &self,
        row: &Registration,
        listing: &Listing,
        thorough: bool,
        mode: Mode,
        now: OffsetDateTime,
    ) -> Result<Changes, Fault> {
        let begun = begun_revocation(row);
        let listing = begun.as_ref().unwrap_or(listing);
        let plan = match on_listing(row, listing, thorough) {
            Plan::Nothing => return Ok(Changes::default()),
            Plan::Exclude => HoldPlan::Exclude,
            Plan::Look => match self.registry.certificate(&row.certificate_id).await? {
                Some(registered) => on_hold(row, &registered.status),
                None => HoldPlan::Nothing,
            },
        };
        let mut changes = Changes::default();
        match plan {
            HoldPlan::Nothing => return Ok(changes),
            HoldPlan::Mark if mode == Mode::Apply => {
                self.registrations.list(&id(row), &row.certificate_id, listing, now).await?;
                // The activation may have come to its end between the look and the mark.
                let again = self.registry.certificate(&row.certificate_id).await?;
                if again.is_some_and(|registered| registered.status == CertificateStatus::Active) {
                    changes = self.take_out(row, listing, now).await?;
                }
            }
            HoldPlan::Exclude if mode == Mode::Apply => changes = self.take_out(row, listing, now).await?,
            HoldPlan::Exclude | HoldPlan::Mark => {}
        }
        if listing.is_hold() {
            changes.held += 1;
        } else {
            changes.revoked += 1;
        }
        Ok(changes)
    }

    async fn take_out(&self, row: &Registration, listing: &Listing, now: OffsetDateTime) -> Result<Changes, Fault> {
        let mut changes = Changes::default();
        let sessions = async {
            changes = self.end_sessions(row).await?;
            Ok(())
        };
        let key = (&id(row), &row.certificate_id);
        exclude(&self.registry, &self.registrations, key, listing, now, sessions).await?;
        Ok(changes)
    }

    /// Leaving ACTIVE ends a session within minutes; where the service offers it, it is ended at once.
    async fn end_sessions(&self, row: &Registration) -> Result<Changes, Fault> {
        let mut changes = Changes::default();
        if row.activated_at.is_none() {
            return Ok(changes);
        }
        for client in self.sessions.client_ids(&row.certificate_id, row.thing_name.as_ref()).await? {
            match self.sessions.end(&client).await {
                Ok(SessionEnd::Ended) => changes.sessions_ended += 1,
                Ok(SessionEnd::NotOffered) => changes.sessions_not_offered += 1,
                // A client id that AWS IoT does not take, or a far end that takes the operation for a mistake.
                Err(fault) if fault.kind == FaultKind::Invalid => changes.sessions_not_offered += 1,
                Err(fault) => return Err(fault),
            }
        }
        Ok(changes)
    }

    /// Lets a certificate in again whose hold has ended, in the order of an activation: the row, then the states of the
    /// CRLs, then ACTIVE, then the row.
    pub(crate) async fn release(&self, row: &Registration, mode: Mode, now: OffsetDateTime) -> Result<Changes, Fault> {
        let candidate = row.candidate();
        let nothing = Changes::default();
        let expired = candidate.not_after.is_some_and(|not_after| not_after < now);
        if !is_releasable(row) || expired {
            return Ok(nothing);
        }
        let Some(registered) = self.registry.certificate(&row.certificate_id).await? else { return Ok(nothing) };
        if !matches!(registered.status, CertificateStatus::Active | CertificateStatus::Inactive) {
            return Ok(nothing);
        }
        let certificate = Certificate::from_pem(&registered.pem).map_err(|fault| {
            Fault::new("iot:DescribeCertificate", FaultKind::Invalid, format!("{}: {fault}", row.certificate_id))
        })?;
        if mode == Mode::Apply && !self.registrations.release(&candidate.id, &row.certificate_id, now).await? {
            return Ok(nothing);
        }
        let listing = match self.standing(row, &certificate, now).await? {
            Standing::Good(_) if mode == Mode::Report => return Ok(Changes { released: 1, ..nothing }),
            Standing::Good(cleared) => return self.let_in(row, &cleared, now).await,
            Standing::Listed(listing) => listing,
            // It stays on hold by the CRL that it was on.
            Standing::Unknown { .. } if mode == Mode::Report => return Ok(Changes { unknown: 1, ..nothing }),
            Standing::Unknown { .. } => {
                let listing = Listing {
                    crl_number: row.crl_number.clone(),
                    reason: shared::pki::crl::RevocationReason::CertificateHold,
                };
                self.shut(row, &listing, now).await?;
                return Ok(Changes { unknown: 1, ..nothing });
            }
        };
        if mode == Mode::Apply {
            self.shut(row, &listing, now).await?;
        }
        Ok(nothing)
    }

    async fn let_in(&self, row: &Registration, cleared: &NotRevoked, now: OffsetDateTime) -> Result<Changes, Fault> {
        let candidate = row.candidate();
        if self.registry.set_status(&row.certificate_id, NewStatus::Active).await? == StatusChange::Impossible {
            return Ok(Changes::default());
        }
        let verdict = shared::decision::Verdict::released();
        match self.registrations.finish(&candidate, &verdict, cleared.crl_number(), now).await? {
            Finish::Finished => Ok(Changes { released: 1, ..Changes::default() }),
            Finish::Listed(listing) => {
                self.shut(row, &listing, now).await?;
                Ok(Changes::default())
            }
            Finish::Superseded => {
                self.registry.set_status(&row.certificate_id, NewStatus::Inactive).await?;
                Ok(Changes::default())
            }
        }
    }

    async fn shut(&self, row: &Registration, listing: &Listing, now: OffsetDateTime) -> Result<(), Fault> {
        let nothing_else = std::future::ready(Ok(()));
        exclude(&self.registry, &self.registrations, (&id(row), &row.certificate_id), listing, now, nothing_else).await
    }

    /// What all CRLs of the CA say, whether or not its profile asks them before it lets a device in.
    async fn standing(
        &self,
        row: &Registration,
        certificate: &Certificate,
        now: OffsetDateTime,
    ) -> Result<Standing, Fault> {
        let authority = &row.ca_certificate_id;
        let profile = self.authorities.profile(authority).await?.unwrap_or_default();
        let rules = CrlRules { requirement: CrlRequirement::Required, ..profile.crl_rules() };
        let states = self.authorities.crl_states(authority).await?;
        standing(certificate, &rules, &states, &self.snapshots, now).await
    }
}

fn id(row: &Registration) -> RegistrationId {
    RegistrationId::from_text(&row.registration_id)
}
