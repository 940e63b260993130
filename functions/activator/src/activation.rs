//! The activation protocol: cheap to repeat, safe to interrupt anywhere, never half open.
//!
//! Decisions are made by the pure modules beside this one; here they are carried out, each step idempotent, in an
//! order that makes a device ACTIVE last. A certificate that is kept out stays PENDING_ACTIVATION, so that the device
//! gets in on a later connection once the reason is gone.

mod authority;
mod gate;
mod repeat;
mod replacement;
mod rows;
mod twin;

use shared::convergence::{Convergence, NoSessions};
use shared::decision::{Decision, Reason, Verdict};
use shared::event::RegisteredEvent;
use shared::fault::{Fault, FaultKind};
use shared::pace::Pacer;
use shared::pki::Certificate;
use shared::port::{
    AuthorityStore, CertificateRegistry, CertificateStatus, Creation, CrlStates, Look, Principal,
    RegisteredCertificate, RegistrationStore, SnapshotPages, ThingRegistry,
};
use shared::profile::{Admission, Profile, Rules, TakeOver};
use shared::registration::{Candidate, Process, Registration, Repeat};
use shared::revocation::{NotRevoked, Snapshots};
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use self::authority::Authority;
use self::gate::GateOutcome;
use self::repeat::Inputs;
use self::rows::Begin;
use crate::admission::{self, Examined, certificate_refusal, refusal};
use crate::invocation::Invocation;
use crate::profiles::Profiles;
use crate::settings::Settings;

/// A certificate that AWS IoT does not know yet may still appear within this time of its event.
const APPEARANCE: Duration = Duration::minutes(5);

/// Outcome of an event.
pub(crate) enum Outcome {
    /// An attempt has come to a decision.
    Decided(Verdict),
    /// The tables tell the decision.
    Repeated(Verdict),
    /// The tables tell that it is too early for another attempt.
    Undecided(Verdict),
}

/// What the tables tell about an event.
pub(crate) enum Told {
    /// Nothing: an attempt is to be made.
    Nothing {
        /// The profile of the certificate's CA.
        profile: Option<Box<Profile>>,
        /// The revision of the certificate's newest row, if it has one.
        revision: Option<u64>,
    },
    /// An outcome: no attempt is to be made.
    Outcome(Outcome),
}

impl Told {
    /// Whether they tell of a certificate that has been decided about and is not simply in.
    pub(crate) fn is_of_known(&self) -> bool {
        match self {
            Self::Nothing { revision, .. } => revision.is_some(),
            Self::Outcome(Outcome::Repeated(verdict)) => verdict.decision != Decision::Activated,
            Self::Outcome(Outcome::Decided(_) | Outcome::Undecided(_)) => false,
        }
    }
}

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

/// What making the thing has shown.
struct Made {
    creation: Creation,
    /// Whether other principals are on the thing that this certificate may have to replace.
    has_others: bool,
}

/// One attempt to activate a certificate, as far as it has come.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Time at which the earliest event of the certificate was published that is handled with this one.
    pub(crate) earliest: Option<OffsetDateTime>,
    /// Whether it may have set a status.
    pub(crate) has_acted: bool,
    /// What has been read that a decision may rest on.
    pub(crate) inputs: Inputs,
    /// Whether it is made whatever the tables say: an operator has sent the event.
    pub(crate) is_by_hand: bool,
    /// Whether the certificate has had a row before.
    pub(crate) is_repeated: bool,
    /// Moment at which AWS IoT was last asked for the certificate's status; at first that at which the attempt began.
    pub(crate) looked_at: Instant,
    /// Time at which the attempt began.
    pub(crate) now: OffsetDateTime,
    /// The attempt, as rows know it.
    pub(crate) process: Process,
    /// Time at which the event was published.
    pub(crate) published_at: OffsetDateTime,
    /// The certificate's row, once the attempt has written it.
    pub(crate) row: Option<Registration>,
}

impl Attempt {
    /// An attempt that has not begun.
    pub(crate) fn new(event: &RegisteredEvent, invocation: &Invocation) -> Self {
        let Invocation { earliest, is_by_hand, now, ref process, .. } = *invocation;
        Self {
            earliest,
            has_acted: false,
            inputs: Inputs::default(),
            is_by_hand,
            is_repeated: false,
            looked_at: Instant::now(),
            now,
            process: process.clone(),
            published_at: event.timestamp,
            row: None,
        }
    }
}

/// The activator with everything it works on, made once at start.
#[derive(Debug)]
pub struct Activator<R, A, S, P> {
    pub(crate) authorities: A,
    pub(crate) registrations: S,
    pub(crate) registry: R,
    /// Attempts that would most likely end as the last one did.
    pub(crate) repeats: Pacer,
    pub(crate) settings: Settings,
    pub(crate) snapshots: Snapshots<P>,
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Puts the parts together.
    pub fn new(settings: Settings, registry: R, authorities: A, registrations: S, snapshots: P) -> Self {
        let repeats = Pacer::new(settings.quotas.repeats());
        Self { authorities, registrations, registry, repeats, settings, snapshots: Snapshots::new(snapshots) }
    }

    /// Asks the tables about an event. Whether an attempt has a turn that would most likely end as the last one did is asked
    /// only then.
    ///
    /// # Errors
    /// A [`Fault`] if a table could not be read.
    pub(crate) async fn ask_tables(
        &self,
        event: &RegisteredEvent,
        attempt: &mut Attempt,
        profiles: &Profiles,
        has_turn: impl FnOnce() -> bool,
    ) -> Result<Told, Fault> {
        let newest_row = async { if attempt.is_by_hand { Ok(None) } else { self.newest_row(event).await } };
        let (row, profile) = tokio::try_join!(newest_row, profiles.of(&event.ca_certificate_id, &self.authorities))?;
        attempt.inputs.read_rules(&self.settings, profile.as_ref());
        let profile = profile.map(Box::new);
        let Some(row) = row else { return Ok(Told::Nothing { profile, revision: None }) };
        Ok(match self.repeat(event, &row, attempt).await?.in_turn(has_turn) {
            Repeat::Due { .. } | Repeat::Open => Told::Nothing { profile, revision: Some(row.revision) },
            Repeat::Decided(verdict) => Told::Outcome(Outcome::Repeated(verdict)),
            Repeat::Undecided(verdict) => Told::Outcome(Outcome::Undecided(verdict)),
        })
    }

    /// Decides about the certificate of one event and carries the decision out.
    ///
    /// The attempt has a row once there is one in which a failure can be noted.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed; repeating the event then ends in the same state as a clean run.
    pub(crate) async fn activate(
        &self,
        event: &RegisteredEvent,
        profile: Option<Profile>,
        attempt: &mut Attempt,
    ) -> Result<Verdict, Fault> {
        let now = attempt.now;
        let look = async {
            let registered = self.registry.certificate(&event.certificate_id).await?;
            Ok((registered, Instant::now()))
        };
        let (registered, authority);
        ((registered, attempt.looked_at), authority) =
            tokio::try_join!(look, self.authority(&event.ca_certificate_id, profile, now))?;
        let Some(registered) = registered else { return gone(event, now) };
        match self.decide(event, &registered, authority, attempt).await {
            Ok(verdict) | Err(Stop::Settled(verdict)) => Ok(verdict),
            // An attempt that was interrupted after ACTIVE is completed or left as it is, never taken back.
            Err(Stop::KeptOut(..)) if registered.status == CertificateStatus::Active => {
                Ok(not_pending(&registered.status))
            }
            Err(Stop::KeptOut(candidate, verdict)) => {
                self.record(&candidate, &verdict, &registered.status, attempt).await?;
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
        attempt: &mut Attempt,
    ) -> Result<Verdict, Stop> {
        let now = attempt.now;
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
        if registered.status != CertificateStatus::PendingActivation {
            let candidate = Candidate::issued(&event.ca_certificate_id, certificate);
            return Err(Stop::Settled(self.attend(&candidate, &registered.status, attempt).await?));
        }

        let authority = authority.map_err(unproven)?;
        let rules = &authority.rules;
        let examined = admission::examine(certificate, &authority.certificate, rules, now)
            .map_err(|(candidate, verdict)| Stop::KeptOut(candidate, verdict))?;
        let kept_out = |verdict| Stop::KeptOut(Box::new(examined.candidate.clone()), verdict);
        self.check_announced(&examined, rules, attempt).await?.map_err(kept_out)?;
        self.check_twin(&examined.candidate, certificate, &authority).await?;

        let row = match self.begin(&examined.candidate, attempt).await? {
            Begin::Begun(row) => row,
            Begin::SerialReused => return Err(kept_out(serial_reused())),
            Begin::Decided(verdict) => return Err(Stop::Settled(verdict)),
        };
        match self.pass_gate(&row, certificate, rules, registered, attempt).await? {
            GateOutcome::Good(cleared) => self.carry_out(&examined, rules, registered, &cleared, attempt).await,
            GateOutcome::OnHold(entry) => self.hold(&examined, rules, registered, &entry, attempt).await,
        }
    }

    /// Looks the announcements up where the profile asks for them.
    async fn check_announced(
        &self,
        examined: &Examined,
        rules: &Rules,
        attempt: &mut Attempt,
    ) -> Result<Result<(), Verdict>, Fault> {
        let Examined { candidate, thing } = examined;
        let (by_serial, by_name) = match (rules.admission, &candidate.serial) {
            (Admission::Listed, Some(serial)) => {
                self.announcements(&rules.ca_certificate_id, serial, &thing.name).await?
            }
            _ => (None, None),
        };
        attempt.inputs.read_announcements(by_serial.as_ref(), by_name.as_ref());
        let admitted = admission::admit(rules.admission, &thing.name, by_serial.as_ref(), by_name.as_ref());
        if admitted.is_ok() {
            attempt.inputs.passed();
        }
        Ok(admitted)
    }

    /// Thing and policy, attachments, ACTIVE; then whoever was replaced is taken out.
    async fn carry_out(
        &self,
        examined: &Examined,
        rules: &Rules,
        registered: &RegisteredCertificate,
        cleared: &NotRevoked,
        attempt: &mut Attempt,
    ) -> Result<Verdict, Stop> {
        let kept_out = |verdict| Stop::KeptOut(Box::new(examined.candidate.clone()), verdict);
        let made = self.make(examined, rules, registered, attempt).await?;
        if made.creation == Creation::Taken {
            self.take_over(examined, rules, attempt).await?.map_err(kept_out)?;
        }
        if rules.take_over == TakeOver::Refuse && (made.creation == Creation::Taken || made.has_others) {
            self.check_alone(examined).await?.map_err(kept_out)?;
        }
        let replaced = if rules.take_over == TakeOver::Rotate && (made.has_others || Self::is_replacing(rules, attempt))
        {
            self.mark_replaced(examined, attempt).await?.map_err(kept_out)?
        } else {
            self.share_with_others(examined, rules, attempt).await?;
            Vec::new()
        };
        self.attach(examined, rules, registered).await?;
        let row = self.prepare(&examined.candidate, cleared, attempt).await?;
        attempt.has_acted = true;
        let look = Look::new(attempt.looked_at, registered);
        let converged = self.convergence(attempt).activate(row, cleared, &look).await?;
        attempt.row.clone_from(&converged.row);
        if converged.row.as_ref().is_some_and(|row| row.status == Some(CertificateStatus::PendingActivation)) {
            let problem =
                format!("certificate {} was registered again at this moment", examined.candidate.certificate_id);
            return Err(Fault::new("iot:UpdateCertificate", FaultKind::Unavailable, problem).into());
        }
        self.retire_replaced(&examined.candidate, replaced, attempt).await?;
        Ok(converged.row.map_or_else(no_certificate, |row| row.verdict()))
    }

    /// Whether an attempt has begun to replace the holder of the thing, and the rule still says so.
    fn is_replacing(rules: &Rules, attempt: &Attempt) -> bool {
        rules.take_over == TakeOver::Rotate && attempt.row.as_ref().is_some_and(|row| row.replacing.is_some())
    }

    /// Makes the thing, and attaches the policy. It also looks who is on the thing: one that was made for this certificate in
    /// an earlier attempt, or an earlier life, may have others. Where they are to stay, a first attempt needs no look.
    async fn make(
        &self,
        examined: &Examined,
        rules: &Rules,
        registered: &RegisteredCertificate,
        attempt: &Attempt,
    ) -> Result<Made, Fault> {
        let may_have_others = match rules.take_over {
            TakeOver::Join => false,
            TakeOver::Refuse => attempt.is_repeated,
            TakeOver::Rotate => true,
        };
        let has_others = async {
            if !may_have_others {
                return Ok(false);
            }
            let own = Principal::Certificate(examined.candidate.certificate_id.clone());
            let principals = self.registry.principals(&examined.thing.name).await?;
            Ok(principals.iter().any(|principal| *principal != own))
        };
        let (creation, (), has_others) = tokio::try_join!(
            self.registry.create_thing(&examined.thing),
            self.registry.attach_policy(&rules.policy_name, &registered.arn),
            has_others,
        )?;
        Ok(Made { creation, has_others })
    }

    /// Attaches the thing, and puts it into its group.
    async fn attach(
        &self,
        examined: &Examined,
        rules: &Rules,
        registered: &RegisteredCertificate,
    ) -> Result<(), Fault> {
        let join_group = async {
            match &rules.thing_group {
                Some(group) => self.registry.join_group(&examined.thing.name, group).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(self.registry.attach_thing(&examined.thing.name, &registered.arn), join_group)?;
        Ok(())
    }

    /// What makes AWS IoT agree with the certificate's row.
    fn convergence(&self, attempt: &Attempt) -> Convergence<'_, R, A, S, P, NoSessions> {
        Convergence {
            authorities: &self.authorities,
            now: attempt.now,
            process: attempt.process.clone(),
            registrations: &self.registrations,
            registry: &self.registry,
            sessions: &NoSessions,
            snapshots: &self.snapshots,
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
