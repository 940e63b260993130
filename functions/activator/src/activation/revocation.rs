//! The CRL gate of an activation, and what follows from a listing.
//!
//! The gate is asked after the row has been written. A CRL that is put in place later is followed by a look at the rows,
//! so that either the activation sees the CRL, or the CRL checker sees the activation.

use shared::decision::Decision;
use shared::fault::Fault;
use shared::pki::Certificate;
use shared::port::{
    AuthorityStore, CertificateRegistry, CertificateStatus, Creation, CrlStates, ListedRegistrations,
    RegisteredCertificate, RegistrationStore, SnapshotPages, ThingRegistry,
};
use shared::profile::Rules;
use shared::registration::{Candidate, Registration};
use shared::revocation::{Listing, NotRevoked, Standing, exclude, standing};
use time::OffsetDateTime;

use super::{Activator, Stop};
use crate::admission::Examined;

/// What the gate lets a certificate become.
pub(super) enum Passage {
    /// ACTIVE.
    Free(NotRevoked),
    /// INACTIVE, with thing and policy, so that its release only has to set ACTIVE.
    OnHold(Listing),
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: ListedRegistrations + RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Asks the CRLs of the CA. A revoked certificate is set REVOKED.
    pub(super) async fn pass_gate(
        &self,
        candidate: &Candidate,
        certificate: &Certificate,
        rules: &Rules,
        now: OffsetDateTime,
    ) -> Result<Passage, Stop> {
        if let Some(proof) = NotRevoked::unless_required(&rules.crl) {
            return Ok(Passage::Free(proof));
        }
        let states = self.authorities.crl_states(&rules.ca_certificate_id).await?;
        match standing(certificate, &rules.crl, &states, &self.snapshots, now).await? {
            Standing::Good(proof) => Ok(Passage::Free(proof)),
            Standing::Listed(listing) if listing.is_hold() => Ok(Passage::OnHold(listing)),
            Standing::Listed(listing) => {
                self.exclude(candidate, &listing, now).await?;
                Err(Stop::Settled(listing.verdict()))
            }
            Standing::Unknown { verdict, wanted } => {
                for source in &wanted {
                    self.authorities.request_crl(&rules.ca_certificate_id, source).await?;
                }
                Err(Stop::KeptOut(Box::new(candidate.clone()), verdict))
            }
        }
    }

    /// Gives a certificate on hold its thing and policy, and sets it INACTIVE. If the thing is another one's, the
    /// certificate stays PENDING_ACTIVATION: the take-over rule is applied once the hold is gone.
    pub(super) async fn hold(
        &self,
        examined: &Examined,
        rules: &Rules,
        registered: &RegisteredCertificate,
        listing: &Listing,
        now: OffsetDateTime,
    ) -> Result<(), Stop> {
        let (creation, ()) = tokio::try_join!(
            self.registry.create_thing(&examined.thing),
            self.registry.attach_policy(&rules.policy_name, &registered.arn),
        )?;
        if creation == Creation::Taken {
            return Err(Stop::KeptOut(Box::new(examined.candidate.clone()), listing.verdict()));
        }
        tokio::try_join!(
            self.registry.attach_thing(&examined.thing.name, &registered.arn),
            self.join_group(examined, rules),
        )?;
        Ok(self.exclude(&examined.candidate, listing, now).await?)
    }

    /// Takes a listed certificate out.
    pub(super) async fn exclude(
        &self,
        candidate: &Candidate,
        listing: &Listing,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        let Candidate { certificate_id, id, .. } = candidate;
        let nothing_else = std::future::ready(Ok(()));
        exclude(&self.registry, &self.registrations, (id, certificate_id), listing, now, nothing_else).await
    }
}

/// The listing that a row tells of and that has not been carried out to its end, or was undone by an activation that
/// was cut short.
pub(super) fn unfinished_listing(row: &Registration, status: &CertificateStatus) -> Option<Listing> {
    let listing = row.listing()?;
    let done = match row.decision {
        Decision::Held => row.held_at.is_some() && *status == CertificateStatus::Inactive,
        _ => row.revoked_at.is_some() && *status == CertificateStatus::Revoked,
    };
    (!done).then_some(listing)
}
