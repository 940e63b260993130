//! The activation protocol: cheap to repeat, safe to interrupt anywhere, never half open.
//!
//! Decisions are made by the pure modules beside this one; here they are carried out, each step idempotent, in an
//! order that makes a device ACTIVE last. A certificate that is kept out stays PENDING_ACTIVATION, so that the device
//! gets in on a later connection once the reason is gone.

mod authority;
mod replacement;
mod revocation;
mod twin;

use shared::decision::{Decision, Reason, Verdict};
use shared::event::RegisteredEvent;
use shared::fault::{Fault, FaultKind};
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::port::{
    AuthorityStore, Begin, CertificateRegistry, CertificateStatus, Creation, CrlStates, Finish, ListedRegistrations,
    NewStatus, RegisteredCertificate, RegistrationStore, Replaced, SnapshotPages, StatusChange, ThingRegistry,
};
use shared::profile::{Admission, Rules};
use shared::registration::Candidate;
use shared::revocation::{NotRevoked, Snapshots};
use time::{Duration, OffsetDateTime};

use self::authority::Authority;
use self::revocation::{Passage, unfinished_listing};
use crate::admission::{self, Examined, certificate_refusal, refusal};
use crate::settings::Settings;

/// A certificate that AWS IoT does not know yet may still appear within this time of its event.
const APPEARANCE: Duration = Duration::minutes(5);

/// Why the protocol ended before activation.
enum Stop {
    /// A call to AWS failed.
    Fault(Fault),
    /// The certificate is not let in, which is recorded.
    KeptOut(Box<Candidate>, Verdict),
    /// There is nothing to do and nothing to record.
    Settled(Verdict),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The activator with everything it works on, made once at start.
#[derive(Debug)]
pub struct Activator<R, A, S, P> {
    pub(crate) authorities: A,
    pub(crate) registrations: S,
    pub(crate) registry: R,
    pub(crate) settings: Settings,
    pub(crate) snapshots: Snapshots<P>,
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: ListedRegistrations + RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Puts the parts together.
    pub fn new(settings: Settings, registry: R, authorities: A, registrations: S, snapshots: P) -> Self {
        Self { authorities, registrations, registry, settings, snapshots: Snapshots::new(snapshots) }
    }

    /// Decides about the certificate of one event and carries the decision out.
    ///
    /// `progress` is set once the certificate has a row in which a failure can be noted.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed; repeating the event then ends in the same state as a clean run.
    pub(crate) async fn activate(
        &self,
        event: &RegisteredEvent,
        now: OffsetDateTime,
        progress: &mut Option<Candidate>,
    ) -> Result<Verdict, Fault> {
        let (registered, authority) = tokio::try_join!(
            self.registry.certificate(&event.certificate_id),
            self.authority(&event.ca_certificate_id, now),
        )?;
        let Some(registered) = registered else { return gone(event, now) };
        match self.decide(event, &registered, authority, now, progress).await {
            Ok(verdict) | Err(Stop::Settled(verdict)) => Ok(verdict),
            // An attempt that was interrupted after ACTIVE is completed or left as it is, never taken back.
            Err(Stop::KeptOut(..)) if registered.status == CertificateStatus::Active => {
                Ok(not_pending(&registered.status))
            }
            Err(Stop::KeptOut(candidate, verdict)) => {
                self.registrations.record(&candidate, &verdict, now).await?;
                Ok(verdict)
            }
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }

    /// Steps 2 to 7 of the protocol, from what AWS IoT and the tables say.
    async fn decide(
        &self,
        event: &RegisteredEvent,
        registered: &RegisteredCertificate,
        authority: Result<Authority, Verdict>,
        now: OffsetDateTime,
        progress: &mut Option<Candidate>,
    ) -> Result<Verdict, Stop> {
        let certificate = Certificate::from_pem(&registered.pem);
        let unproven = |verdict| {
            let certificate = certificate.as_ref().ok();
            let candidate = Candidate::unproven(&event.ca_certificate_id, &event.certificate_id, certificate);
            Stop::KeptOut(Box::new(candidate), verdict)
        };
        admission::check_origin(event, registered, &self.settings.account_id).map_err(unproven)?;
        if registered.status == CertificateStatus::PendingActivation
            && let Err(verdict) = &authority
        {
            // What the certificate is like is for whoever serves its CA.
            return Err(unproven(verdict.clone()));
        }
        let certificate = certificate.as_ref().map_err(|fault| unproven(certificate_refusal(fault)))?;
        admission::check_id(event, certificate).map_err(unproven)?;
        self.check_status(&event.ca_certificate_id, certificate, &registered.status, now).await?;

        let authority = authority.map_err(unproven)?;
        let rules = &authority.rules;
        let examined = admission::examine(certificate, &authority.certificate, rules, now)
            .map_err(|(candidate, verdict)| Stop::KeptOut(candidate, verdict))?;
        let kept_out = |verdict| Stop::KeptOut(Box::new(examined.candidate.clone()), verdict);
        self.check_announced(&examined, rules).await?.map_err(kept_out)?;
        self.check_twin(&examined.candidate, certificate, &authority).await?;

        *progress = Some(examined.candidate.clone());
        let replacing = match self.registrations.begin(&examined.candidate, now).await? {
            Begin::Begun { replacing } => replacing,
            Begin::SerialReused => return Err(kept_out(serial_reused())),
        };
        match self.pass_gate(&examined.candidate, certificate, rules, now).await? {
            Passage::Free(proof) => self.carry_out(&examined, rules, registered, replacing, &proof, now).await,
            Passage::OnHold(listing) => {
                self.hold(&examined, rules, registered, &listing, now).await?;
                Ok(listing.verdict())
            }
        }
    }

    /// Goes on with a certificate that is pending, or whose activation was interrupted after it had become ACTIVE. If
    /// it has left PENDING_ACTIVATION otherwise there is nothing to do, but to close an attempt or to carry out a
    /// listing that was under way.
    async fn check_status(
        &self,
        authority: &CaCertificateId,
        certificate: &Certificate,
        status: &CertificateStatus,
        now: OffsetDateTime,
    ) -> Result<(), Stop> {
        if *status == CertificateStatus::PendingActivation {
            return Ok(());
        }
        let candidate = Candidate::issued(authority, certificate);
        let row = self.registrations.registration(&candidate.id).await?;
        let Some(row) = row.filter(|row| row.certificate_id == candidate.certificate_id) else {
            return Err(Stop::Settled(not_pending(status)));
        };
        if let Some(listing) = unfinished_listing(&row, status) {
            self.exclude(&candidate, &listing, now).await?;
            return Err(Stop::Settled(listing.verdict()));
        }
        match (row.decision, status) {
            (Decision::Activating, CertificateStatus::Active) => Ok(()),
            // The CRL checker has begun to release it, and is the one to complete that.
            (Decision::Activating, _) if row.held_at.is_some() || row.activated_at.is_some() => {
                Err(Stop::Settled(not_pending(status)))
            }
            (Decision::Activating, _) => Err(Stop::KeptOut(Box::new(candidate), not_pending(status))),
            _ => Err(Stop::Settled(not_pending(status))),
        }
    }

    /// Looks the announcements up where the profile asks for them.
    async fn check_announced(&self, examined: &Examined, rules: &Rules) -> Result<Result<(), Verdict>, Fault> {
        let Examined { candidate, thing } = examined;
        let (by_serial, by_name) = match (rules.admission, &candidate.serial) {
            (Admission::Listed, Some(serial)) => tokio::try_join!(
                self.authorities.announced_serial(&rules.ca_certificate_id, serial),
                self.authorities.announced_name(&rules.ca_certificate_id, &thing.name),
            )?,
            _ => (None, None),
        };
        Ok(admission::admit(rules.admission, &thing.name, by_serial.as_ref(), by_name.as_ref()))
    }

    /// Thing and policy, attachments, ACTIVE; the row at last.
    async fn carry_out(
        &self,
        examined: &Examined,
        rules: &Rules,
        registered: &RegisteredCertificate,
        replacing: Option<Replaced>,
        cleared: &NotRevoked,
        now: OffsetDateTime,
    ) -> Result<Verdict, Stop> {
        let candidate = &examined.candidate;
        let kept_out = |verdict| Stop::KeptOut(Box::new(candidate.clone()), verdict);
        let (creation, ()) = tokio::try_join!(
            self.registry.create_thing(&examined.thing),
            self.registry.attach_policy(&rules.policy_name, &registered.arn),
        )?;
        let replaced = match creation {
            Creation::Made => replacing,
            Creation::Taken => self.take_over(examined, rules, replacing, now).await?.map_err(kept_out)?,
        };
        if let Some(Replaced::Registration(id)) = &replaced {
            self.registrations.supersede(id, candidate, now).await?;
        }
        tokio::try_join!(
            self.registry.attach_thing(&examined.thing.name, &registered.arn),
            self.join_group(examined, rules),
        )?;
        self.make_active(candidate, registered, cleared).await?.map_err(kept_out)?;
        if replaced.is_some() {
            self.retire_replaced(examined, now).await?;
        }
        Ok(self.finish(candidate, cleared, now).await?)
    }

    async fn join_group(&self, examined: &Examined, rules: &Rules) -> Result<(), Fault> {
        match &rules.thing_group {
            Some(group) => self.registry.join_group(&examined.thing.name, group).await,
            None => Ok(()),
        }
    }

    /// Sets ACTIVE, unless the certificate has left PENDING_ACTIVATION by somebody else's hand meanwhile.
    async fn make_active(
        &self,
        candidate: &Candidate,
        registered: &RegisteredCertificate,
        _cleared: &NotRevoked,
    ) -> Result<Result<(), Verdict>, Fault> {
        if registered.status == CertificateStatus::Active {
            return Ok(Ok(()));
        }
        match self.registry.set_status(&candidate.certificate_id, NewStatus::Active).await? {
            StatusChange::Done => Ok(Ok(())),
            StatusChange::Impossible => {
                let again = self.registry.certificate(&candidate.certificate_id).await?;
                Ok(Err(again.map_or_else(no_certificate, |again| not_pending(&again.status))))
            }
        }
    }

    /// Writes the last row. Whoever was replaced or listed on the way in goes out again.
    async fn finish(&self, candidate: &Candidate, cleared: &NotRevoked, now: OffsetDateTime) -> Result<Verdict, Fault> {
        match self.registrations.finish(candidate, &Verdict::activated(), cleared.crl_number(), now).await? {
            Finish::Finished => Ok(Verdict::activated()),
            Finish::Listed(listing) => {
                self.exclude(candidate, &listing, now).await?;
                Ok(listing.verdict())
            }
            Finish::Superseded => {
                self.registry.set_status(&candidate.certificate_id, NewStatus::Inactive).await?;
                let verdict = Verdict::new(
                    Decision::NotPending,
                    Reason::Superseded,
                    "a younger certificate took the thing over; this one was set INACTIVE",
                );
                self.registrations.record(candidate, &verdict, now).await?;
                Ok(verdict)
            }
        }
    }
}

/// AWS IoT publishes the event a moment before every reader sees the certificate; later it is gone for good.
fn gone(event: &RegisteredEvent, now: OffsetDateTime) -> Result<Verdict, Fault> {
    if now - event.timestamp < APPEARANCE {
        let problem = format!("certificate {} can't be found yet", event.certificate_id);
        return Err(Fault::new("iot:DescribeCertificate", FaultKind::Unavailable, problem));
    }
    Ok(no_certificate())
}

fn serial_reused() -> Verdict {
    refusal(Reason::SerialReused, "another certificate of this CA has the same serial number")
}

fn no_certificate() -> Verdict {
    Verdict::new(Decision::NotPending, Reason::CertificateGone, "the certificate does not exist in AWS IoT")
}

fn not_pending(status: &CertificateStatus) -> Verdict {
    let decision = match status {
        CertificateStatus::Active => Decision::AlreadyActive,
        _ => Decision::NotPending,
    };
    let detail = format!("the certificate is {}, there is nothing to do", status.as_str());
    Verdict::new(decision, Reason::StatusNotPending, detail)
}
