//! What waits in the overflow queue, and what other processes are told about it.
//!
//! Further events of a certificate are acknowledged while a row tells that one waits. They rely on the attempt that is made for
//! that one, which must therefore know whatever has changed until the row is gone.

use lambda_runtime::{Diagnostic, tracing};
use shared::contained::{IsolationError, contained};
use shared::decision::{Decision, Reason};
use shared::event::RegisteredEvent;
use shared::fault::{Fault, chain};
use shared::port::{
    AuthorityStore, CertificateRegistry, CertificateStatus, CrlStates, OverflowQueue, RegistrationStore, SnapshotPages,
    ThingRegistry, WaitingEvent, WaitingIf,
};
use shared::registration::Registration;
use shared::text::Detail;

use crate::activation::Activator;
use crate::answer::{Response, Unanswered};
use crate::invocation::Invocation;
use crate::overflow::Overflow;

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Lets the newest event of a certificate wait, and the earliest of its batch: they are sent on, unless another one of the
    /// certificate waits. Whoever asks next is told that it waits; if that fails, the certificate may wait twice.
    ///
    /// # Errors
    /// If the table can't be read, or the event can't be sent on. `error_type` is the kind of fault.
    pub(crate) async fn let_wait(
        &self,
        Unanswered { ends, event, revision }: Unanswered,
        (newest, earliest): (String, Option<String>),
        overflow: &Overflow<impl OverflowQueue + Sync>,
        invocation: &Invocation,
    ) -> Result<(), Diagnostic> {
        let (certificate, now) = (&event.certificate_id, invocation.now);
        let sent = async {
            let condition = if invocation.has_waited {
                told_before(ends)
            } else {
                let known = self.registrations.waiting(&event.ca_certificate_id, certificate, revision, now).await?;
                if known.is_waiting {
                    return Ok(());
                }
                WaitingIf::Ended(known.ends)
            };
            for body in earliest.into_iter().chain([newest]) {
                let ca_certificate_id = event.ca_certificate_id.clone();
                overflow.send(&WaitingEvent { body, ca_certificate_id }).await?;
            }
            self.tell_waiting(&event, revision, condition, invocation).await;
            Ok(())
        };
        let sent = contained(sent, invocation.until).await;
        sent.map_err(|failure| failed(&event, "could not be sent on", &failure))
    }

    /// Tells other processes that an event of a certificate whose newest row has this revision waits in the overflow queue,
    /// unless it has been answered meanwhile. If that fails, another one may be sent there.
    async fn tell_waiting(
        &self,
        event: &RegisteredEvent,
        revision: Option<u64>,
        condition: WaitingIf,
        invocation: &Invocation,
    ) {
        let (authority, certificate, now) = (&event.ca_certificate_id, &event.certificate_id, invocation.now);
        if let Err(fault) = self.registrations.set_waiting(authority, certificate, revision, condition, now).await {
            may_wait_twice(event, &fault);
        }
    }

    /// The same after an attempt that failed, and that may have given the row another revision than the one before. An event
    /// from the overflow queue is delivered again there, unless another delivery of it has been answered meanwhile. One from
    /// the rule's queue is not, and would be acknowledged in a burst on account of itself: only if another one has waited since
    /// before, that one still waits.
    pub(crate) async fn keep_waiting(
        &self,
        Unanswered { ends, event, revision: before }: &Unanswered,
        after: Option<u64>,
        invocation: &Invocation,
    ) {
        let (authority, certificate) = (&event.ca_certificate_id, &event.certificate_id);
        let keeping = async {
            if invocation.has_waited {
                return self.tell_waiting(event, after, told_before(*ends), invocation).await;
            }
            if *before == after {
                return;
            }
            match self.registrations.waiting(authority, certificate, *before, invocation.now).await {
                Ok(known) if known.is_waiting => {
                    self.tell_waiting(event, after, WaitingIf::StillWaiting, invocation).await;
                }
                Ok(_) => {}
                Err(fault) => may_wait_twice(event, &fault),
            }
        };
        self.in_time(keeping, certificate, invocation).await;
    }

    /// Tells other processes that no event of a certificate waits any more. Returns how often its waiting has ended.
    ///
    /// # Errors
    /// If that can't be told: the event has to be delivered again, since others are acknowledged on account of it.
    /// `error_type` is the kind of fault.
    pub(crate) async fn end_waiting(
        &self,
        event: &RegisteredEvent,
        invocation: &Invocation,
    ) -> Result<u64, Diagnostic> {
        let ending = self.registrations.end_waiting(&event.ca_certificate_id, &event.certificate_id, invocation.now);
        let ended = contained(ending, invocation.until).await;
        ended.map_err(|failure| failed(event, "counts as waiting", &failure))
    }

    /// Whether an attempt that has not let a certificate in would end otherwise now, because of what others have changed since
    /// it has read it. Asked once no event waits any more, it answers for all that were acknowledged until then.
    ///
    /// # Errors
    /// If that can't be told. `error_type` is the kind of fault.
    pub(crate) async fn is_open_again(
        &self,
        event: &RegisteredEvent,
        decided: &Response,
        row: Option<Registration>,
        invocation: &Invocation,
    ) -> Result<bool, Diagnostic> {
        let look = async {
            // What has no row, or one of an earlier life, tells nothing of a certificate that was registered again.
            if decided.reason == Reason::CertificateGone {
                return Ok(self.registry.certificate(&event.certificate_id).await?.is_some());
            }
            if matches!(decided.decision, Decision::AlreadyActive | Decision::NotPending) {
                let found = self.registry.certificate(&event.certificate_id).await?;
                return Ok(found.is_some_and(|found| found.status == CertificateStatus::PendingActivation));
            }
            match &row {
                Some(row) => self.has_changed(row, invocation.present()).await,
                None => Ok(false),
            }
        };
        let looked = contained(look, invocation.until).await;
        looked.map_err(|failure| failed(event, "may be open again", &failure))
    }
}

/// When the message of this process may be told of: unless its waiting has ended, or has ended once more since this process has
/// ended it.
const fn told_before(ends: Option<u64>) -> WaitingIf {
    match ends {
        Some(_) => WaitingIf::Ended(ends),
        None => WaitingIf::StillWaiting,
    }
}

fn may_wait_twice(event: &RegisteredEvent, fault: &Fault) {
    let (certificate, error) = (&event.certificate_id, chain(fault));
    tracing::warn!(certificate.id = %certificate, %error, "certificate {certificate}: may wait twice");
}

/// What Lambda and operators are told of an event that is delivered again.
fn failed(event: &RegisteredEvent, what: &str, failure: &IsolationError) -> Diagnostic {
    let (certificate, error) = (&event.certificate_id, Detail::new(failure));
    tracing::warn!(certificate.id = %certificate, %error, "certificate {certificate}: {what}");
    Diagnostic { error_type: failure.as_str().to_owned(), error_message: error.into() }
}
