//! A thing that exists already: the take-over rule applied, and the replaced certificates switched off.

use shared::decision::Verdict;
use shared::fault::{Fault, FaultKind};
use shared::pki::Certificate;
use shared::port::{
    CertificateRegistry, CertificateStatus, NewStatus, Principal, RegistrationStore, Replaced, ThingRegistry,
};
use shared::profile::{Rules, TakeOver};
use shared::registration::RegistrationId;
use time::OffsetDateTime;

use super::Activator;
use crate::admission::Examined;
use crate::take_over::{self, Attached, Facts, Step};

/// How often a thing that changes meanwhile is read again.
const REWRITES: usize = 3;

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    S: RegistrationStore + Sync,
{
    /// Applies the take-over rule to a thing that exists with other settings than this certificate's. Tells whom the
    /// certificate replaces, if the rule lets it.
    pub(super) async fn take_over(
        &self,
        examined: &Examined,
        rules: &Rules,
        replacing: Option<Replaced>,
        now: OffsetDateTime,
    ) -> Result<Result<Option<Replaced>, Verdict>, Fault> {
        let Examined { candidate, thing } = examined;
        for _ in 0..REWRITES {
            let (found, principals) =
                tokio::try_join!(self.registry.thing(&thing.name), self.registry.principals(&thing.name))?;
            let Some(found) = found else { break };
            if take_over::is_own(candidate, &found, &principals) {
                return Ok(Ok(replacing));
            }
            let holder = match &found.registration_id {
                Some(id) if id.authority().as_ref() == Some(&candidate.ca_certificate_id) => {
                    self.registrations.registration(id).await?
                }
                _ => None,
            };
            let (attached, others) = match rules.take_over {
                TakeOver::Refuse => (Vec::new(), 0),
                TakeOver::Join | TakeOver::Rotate => self.attached(&principals).await?,
            };
            let version = found.version;
            let facts = Facts { attached, holder, others, thing: found };
            let replaced = match take_over::decide(rules.take_over, candidate, &facts, now) {
                Err(verdict) => return Ok(Err(verdict)),
                Ok(Step::Attach) => return Ok(Ok(None)),
                Ok(Step::Replace(replaced)) => replaced,
            };
            self.registrations.intend_to_replace(candidate, &replaced).await?;
            if self.registry.rewrite_thing(thing, version).await? {
                return Ok(Ok(Some(replaced)));
            }
        }
        let problem = format!("the thing {} changes faster than it can be read", thing.name);
        Err(Fault::new("iot:UpdateThing", FaultKind::Unavailable, problem))
    }

    /// The certificates among a thing's principals, and how many principals are none.
    async fn attached(&self, principals: &[Principal]) -> Result<(Vec<Attached>, usize), Fault> {
        let mut attached = Vec::new();
        let mut others = 0;
        for principal in principals {
            let id = match principal {
                Principal::Certificate(id) => id,
                Principal::Other(_) => {
                    others += 1;
                    continue;
                }
            };
            let Some(registered) = self.registry.certificate(id).await? else { continue };
            let certificate = Certificate::from_pem(&registered.pem).ok();
            let ca = registered.ca_certificate_id;
            attached.push(Attached {
                active: registered.status == CertificateStatus::Active,
                id: id.clone(),
                not_before: certificate.as_ref().map(Certificate::not_before),
                registration_id: certificate
                    .as_ref()
                    .zip(ca.as_ref())
                    .map(|(certificate, ca)| RegistrationId::issued(ca, certificate.serial())),
                ca_certificate_id: ca,
            });
        }
        Ok((attached, others))
    }

    /// Switches off the older certificates of the same CA that the new one has replaced.
    pub(super) async fn retire_replaced(&self, examined: &Examined, now: OffsetDateTime) -> Result<(), Fault> {
        let principals = self.registry.principals(&examined.thing.name).await?;
        let (attached, _) = self.attached(&principals).await?;
        for old in take_over::outdated(&examined.candidate, &attached) {
            if let Some(id) = &old.registration_id {
                self.registrations.supersede(id, &examined.candidate, now).await?;
            }
            self.registry.set_status(&old.id, NewStatus::Inactive).await?;
        }
        Ok(())
    }
}
