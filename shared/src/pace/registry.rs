//! AWS IoT's registry at the pace of its quotas.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use tokio::time::Instant;

use super::{Pacer, Quotas};
use crate::fault::{Fault, FaultKind};
use crate::id::{CaCertificateId, CertificateId, PolicyName, ThingName};
use crate::port::{
    Attachments, CertificateRegistry, Creation, Look, NewStatus, NewThing, Principal, RegisteredCertificate,
    StatusChange, Thing, ThingRegistry,
};

/// How often a call is made again that was throttled, each time at a turn of its own.
const REPEATS: usize = 20;
/// How often a change of status is made again whose outcome is not known.
const UNANSWERED_REPEATS: u32 = 2;
/// A look at a status counts for so long: longer than the calls of an activation take while nobody has to wait.
const LOOK_LASTS: Duration = Duration::from_secs(5);

/// A registry whose narrow operations are called at the pace of their quotas. The others have quotas several times as wide.
#[derive(Debug)]
pub struct Paced<R> {
    attach_policy: Pacer,
    describe_certificate: Pacer,
    look_lasts: Duration,
    registry: R,
    update_certificate: Pacer,
}

impl<R> Paced<R> {
    /// A registry under these quotas. It should leave throttled calls of the narrow operations alone: they are made again
    /// here.
    pub fn new(registry: R, quotas: &Quotas) -> Self {
        let pacer = |quota| Pacer::new(quotas.budget(quota));
        Self {
            attach_policy: pacer(quotas.attach_policy),
            describe_certificate: pacer(quotas.describe_certificate),
            look_lasts: LOOK_LASTS,
            registry,
            update_certificate: pacer(quotas.update_certificate),
        }
    }

    /// The same, as if a status always waited for its turn until the look that allows it has lasted too long.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn late(self) -> Self {
        Self { look_lasts: Duration::ZERO, ..self }
    }
}

/// Makes a call at the next turn of its operation, and again at later ones for as long as it is throttled.
async fn at_pace<T, F>(pacer: &Pacer, call: impl Fn() -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    at_pace_while(is_throttled, pacer, call).await
}

fn is_throttled(fault: &Fault) -> bool {
    fault.kind == FaultKind::Throttled
}

/// The same for as long as it is to be repeated.
async fn at_pace_while<T, F>(
    is_repeated: impl Fn(&Fault) -> bool,
    pacer: &Pacer,
    call: impl Fn() -> F,
) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let in_turn = || async {
        pacer.turn().await;
        call().await
    };
    in_turn
        .retry(ConstantBuilder::default().with_delay(Duration::ZERO).with_max_times(REPEATS))
        .sleep(tokio::time::sleep)
        .when(is_repeated)
        .notify(|fault: &Fault, _| {
            if is_throttled(fault) {
                pacer.throttled();
            }
        })
        .await
}

fn unknown(id: &CertificateId) -> Fault {
    let problem = format!("it is not known whether the status of certificate {id} was set");
    Fault::new("iot:UpdateCertificate", FaultKind::Unavailable, problem)
}

fn locked(moment: &Mutex<Instant>) -> MutexGuard<'_, Instant> {
    moment.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R: CertificateRegistry + Sync> CertificateRegistry for Paced<R> {
    async fn certificate(&self, id: &CertificateId) -> Result<Option<RegisteredCertificate>, Fault> {
        at_pace(&self.describe_certificate, || self.registry.certificate(id)).await
    }

    async fn authority_pem(&self, id: &CaCertificateId) -> Result<Option<String>, Fault> {
        self.registry.authority_pem(id).await
    }

    async fn set_status(
        &self,
        id: &CertificateId,
        status: NewStatus,
        look: Option<&Look>,
    ) -> Result<StatusChange, Fault> {
        let looked_at = look.map(|look| Mutex::new(look.at));
        let unanswered = AtomicU32::new(0);
        let set = || async {
            if let Some((look, looked_at)) = look.zip(looked_at.as_ref())
                && locked(looked_at).elapsed() >= self.look_lasts
            {
                match self.certificate(id).await {
                    Ok(seen) if look.allows(status, seen.as_ref()) => *locked(looked_at) = Instant::now(),
                    // What was found may be the own doing: the intent in the row explains it to whoever goes on.
                    Ok(_) if unanswered.load(Ordering::Relaxed) > 0 => return Ok(Err(unknown(id))),
                    Ok(_) => return Ok(Ok(StatusChange::Impossible)),
                    // It was made again often enough, and says nothing about the other operation.
                    Err(fault) => return Ok(Err(fault)),
                }
            }
            self.registry.set_status(id, status, look).await.map(Ok)
        };
        let is_repeated = |fault: &Fault| match fault.kind {
            FaultKind::Throttled => true,
            FaultKind::Unavailable => unanswered.fetch_add(1, Ordering::Relaxed) < UNANSWERED_REPEATS,
            _ => false,
        };
        at_pace_while(is_repeated, &self.update_certificate, set).await?
    }
}

impl<R: Attachments + Sync> Attachments for Paced<R> {
    async fn principals(&self, name: &ThingName) -> Result<Vec<Principal>, Fault> {
        self.registry.principals(name).await
    }

    async fn has_policy(&self, certificate_arn: &str) -> Result<bool, Fault> {
        self.registry.has_policy(certificate_arn).await
    }
}

impl<R: ThingRegistry + Sync> ThingRegistry for Paced<R> {
    async fn create_thing(&self, thing: &NewThing) -> Result<Creation, Fault> {
        self.registry.create_thing(thing).await
    }

    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, Fault> {
        self.registry.thing(name).await
    }

    async fn rewrite_thing(&self, thing: &NewThing, version: i64) -> Result<bool, Fault> {
        self.registry.rewrite_thing(thing, version).await
    }

    async fn attach_thing(&self, name: &ThingName, certificate_arn: &str) -> Result<(), Fault> {
        self.registry.attach_thing(name, certificate_arn).await
    }

    async fn attach_policy(&self, policy: &PolicyName, certificate_arn: &str) -> Result<(), Fault> {
        at_pace(&self.attach_policy, || self.registry.attach_policy(policy, certificate_arn)).await
    }

    async fn detach_thing(&self, name: &ThingName, certificate_arn: &str) -> Result<(), Fault> {
        self.registry.detach_thing(name, certificate_arn).await
    }

    async fn delete_thing(&self, name: &ThingName, version: i64) -> Result<bool, Fault> {
        self.registry.delete_thing(name, version).await
    }

    async fn join_group(&self, name: &ThingName, group: &ThingName) -> Result<(), Fault> {
        self.registry.join_group(name, group).await
    }
}
