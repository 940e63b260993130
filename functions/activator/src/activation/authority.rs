//! The CA of a certificate: whether this stack serves it, its certificate, and the rules in force for its devices.
//!
//! The rule hands over events of every CA of the account that registers devices by itself. Only an operator can say which
//! of them are this stack's, so that a CA without an enrolment is refused before AWS IoT is asked anything about it.

use shared::decision::{Reason, Verdict};
use shared::fault::Fault;
use shared::id::{CaCertificateId, Serial, ThingName};
use shared::pki::Certificate;
use shared::port::{Announcement, AuthorityStore, CertificateRegistry};
use shared::profile::{Profile, Rules};
use time::OffsetDateTime;

use super::Activator;
use crate::admission::refusal;
use crate::settings::UnenrolledAuthorities;

/// A CA that this stack serves.
pub(super) struct Authority {
    /// The CA certificate.
    pub(super) certificate: Certificate,
    /// The rules in force for its devices.
    pub(super) rules: Rules,
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry,
    A: AuthorityStore,
{
    /// The CA of this profile, or why its devices are refused.
    pub(super) async fn authority(
        &self,
        id: &CaCertificateId,
        profile: Option<Profile>,
        now: OffsetDateTime,
    ) -> Result<Result<Authority, Verdict>, Fault> {
        let is_enrolled = profile.as_ref().is_some_and(Profile::is_enrolled);
        if !is_enrolled && self.settings.unenrolled_authorities == UnenrolledAuthorities::Refuse {
            return Ok(Err(not_enrolled()));
        }
        let mut profile = profile.unwrap_or_default();
        let pem = match profile.ca_pem.take() {
            Some(pem) => Some(pem),
            None => self.registered_pem(id, now).await?,
        };
        let Some(pem) = pem else { return Ok(Err(not_registered())) };
        let rules = Rules::new(id.clone(), profile, &self.settings.defaults);
        let certificate = Certificate::from_pem(&pem).map_err(|fault| {
            refusal(Reason::IssuerUnusable, format!("the registered CA certificate can't be read: {fault}"))
        });
        Ok(certificate.map(|certificate| Authority { certificate, rules }))
    }

    /// The CA certificate as AWS IoT has it, which is asked once: the answer is kept in the CA's profile.
    async fn registered_pem(&self, id: &CaCertificateId, now: OffsetDateTime) -> Result<Option<String>, Fault> {
        let pem = self.registry.authority_pem(id).await?;
        if let Some(pem) = &pem {
            self.authorities.keep_authority(id, pem, now).await?;
        }
        Ok(pem)
    }
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    A: AuthorityStore + Sync,
{
    /// The announcements of a serial number and of a thing's name.
    pub(super) async fn announcements(
        &self,
        authority: &CaCertificateId,
        serial: &Serial,
        name: &ThingName,
    ) -> Result<(Option<Announcement>, Option<Announcement>), Fault> {
        tokio::try_join!(
            self.authorities.announced_serial(authority, serial),
            self.authorities.announced_name(authority, name),
        )
    }
}

fn not_enrolled() -> Verdict {
    refusal(Reason::AuthorityNotEnrolled, "no operator has enrolled the CA with this stack")
}

fn not_registered() -> Verdict {
    refusal(Reason::AuthorityNotFound, "the CA is not registered in this account and Region")
}
