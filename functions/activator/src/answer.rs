//! One event: what is decided about it, and what is told about that.

use std::io::Write as _;

use lambda_runtime::{Diagnostic, tracing};
use serde::Serialize;
use shared::aws::registrations::MAX_KEPT_PAYLOAD;
use shared::contained::{IsolationError, contained};
use shared::decision::{Decision, Reason, Verdict};
use shared::event::{EventFault, RegisteredEvent};
use shared::fault::chain;
use shared::id::CertificateId;
use shared::metrics;
use shared::port::{
    AuthorityStore, CertificateRegistry, CrlStates, OverflowQueue, RegistrationStore, SnapshotPages, ThingRegistry,
    WaitingEvent,
};
use shared::profile::Profile;
use shared::registration::Process;
use shared::text::{Detail, EscapedLines};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::activation::{Activator, Attempt, Outcome, Told};
use crate::metrics::counts;
use crate::overflow::Overflow;

/// What an attempt has of its invocation.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// The function's name.
    pub(crate) function: String,
    /// Time at which the earliest event of the certificate in the batch was published; none of a single event.
    pub(crate) earliest: Option<OffsetDateTime>,
    /// Time at which the invocation began.
    pub(crate) now: OffsetDateTime,
    /// The attempt, as rows know it.
    pub(crate) process: Process,
    /// Whether the event is from the overflow queue.
    pub(crate) has_waited: bool,
    /// Whether an operator has sent the event: an attempt is made whatever the tables say.
    pub(crate) is_by_hand: bool,
    /// Moment by which the attempt has to end.
    pub(crate) until: Instant,
}

/// What was decided about an event. People and tests read it; of a batch only the failures are told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The certificate; none if the event names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<CertificateId>,
    /// The decision.
    pub decision: Decision,
    /// A sentence for people.
    pub detail: Detail,
    /// The member at fault of an event that was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<&'static str>,
    /// Why.
    pub reason: Reason,
}

/// What the tables tell about an event.
#[derive(Debug)]
pub(crate) enum LookedUp {
    /// The answer.
    Answered(Response),
    /// Nothing: only AWS IoT can.
    Open(Box<Open>),
}

/// An event that only AWS IoT can answer.
#[derive(Debug)]
pub(crate) struct Open {
    /// The attempt, which has read the tables.
    attempt: Attempt,
    /// The event.
    event: RegisteredEvent,
    /// The profile of the certificate's CA.
    profile: Option<Box<Profile>>,
    /// The revision of the certificate's newest row, if it has one.
    revision: Option<u64>,
}

/// Why an event is not acceptable.
struct Rejection {
    detail: String,
    member: Option<&'static str>,
    reason: Reason,
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Answers one event from the tables, if they tell the answer. Whether an attempt has a turn that would most likely end as
    /// the last one did is asked only then.
    ///
    /// # Errors
    /// What may be tried again: failed calls, a rejected event that is too large to be kept here. `error_type` is the kind
    /// of fault.
    pub(crate) async fn look_up(
        &self,
        payload: &str,
        event: Result<RegisteredEvent, EventFault>,
        invocation: &Invocation,
        has_turn: impl FnOnce() -> bool,
    ) -> Result<LookedUp, Diagnostic> {
        let event = match self.accept(event) {
            Ok(event) => event,
            Err(rejection) => return self.reject(payload, rejection, invocation.now).await.map(LookedUp::Answered),
        };
        let mut attempt = Attempt::new(invocation.process.clone(), invocation.is_by_hand, invocation.now);
        attempt.earliest = invocation.earliest;
        let told = contained(self.ask_tables(&event, &mut attempt, has_turn), invocation.until).await;
        let outcome = match told {
            Ok(Told::Nothing { profile, revision }) => {
                return Ok(LookedUp::Open(Box::new(Open { attempt, event, profile, revision })));
            }
            Ok(Told::Outcome(outcome)) => Ok(outcome),
            Err(failure) => Err(failure),
        };
        self.tell(&event, outcome, attempt, invocation).await.map(LookedUp::Answered)
    }

    /// Decides about one event.
    ///
    /// # Errors
    /// What may be tried again: failed calls, a CRL that is missing. `error_type` is the kind of fault.
    pub(crate) async fn attempt(&self, open: Open, invocation: &Invocation) -> Result<Response, Diagnostic> {
        let Open { mut attempt, event, profile, .. } = open;
        let decided =
            contained(Box::pin(self.activate(&event, profile.map(|profile| *profile), &mut attempt)), invocation.until)
                .await;
        self.tell(&event, decided.map(Outcome::Decided), attempt, invocation).await
    }

    /// Lets an event wait: it is sent on, unless another one of the certificate was. Whoever asks next is told that it waits; if
    /// that fails, the certificate may wait twice.
    ///
    /// # Errors
    /// If the table can't be read, or the event can't be sent on. `error_type` is the kind of fault.
    pub(crate) async fn let_wait(
        &self,
        open: Open,
        payload: String,
        overflow: &Overflow<impl OverflowQueue + Sync>,
        invocation: &Invocation,
    ) -> Result<(), Diagnostic> {
        let Open { event, revision, .. } = open;
        let (certificate, now) = (&event.certificate_id, invocation.now);
        let sent = async {
            if !self.registrations.is_waiting(&event.ca_certificate_id, certificate, revision, now).await? {
                let ca_certificate_id = event.ca_certificate_id.clone();
                overflow.send(&WaitingEvent { body: payload, ca_certificate_id }).await?;
                self.tell_waiting(&event, revision, now).await;
            }
            Ok(())
        };
        contained(sent, invocation.until).await.map_err(|failure| {
            let error = Detail::new(&failure);
            tracing::warn!(certificate.id = %certificate, %error, "certificate {certificate}: could not be sent on");
            Diagnostic { error_type: failure.as_str().to_owned(), error_message: error.into() }
        })
    }

    /// Tells other processes that an event of a certificate whose newest row has this revision waits in the overflow queue. If
    /// that fails, another one may be sent there.
    async fn tell_waiting(&self, event: &RegisteredEvent, revision: Option<u64>, now: OffsetDateTime) {
        let (authority, certificate) = (&event.ca_certificate_id, &event.certificate_id);
        if let Err(fault) = self.registrations.set_waiting(authority, certificate, revision, now).await {
            let error = chain(&fault);
            tracing::warn!(certificate.id = %certificate, %error, "certificate {certificate}: may wait twice");
        }
    }

    /// Tells other processes that no event of a certificate waits any more, where no row will. If that fails, events that come
    /// while others wait are acknowledged for an hour at most.
    async fn tell_waited(&self, event: &RegisteredEvent) {
        let (authority, certificate) = (&event.ca_certificate_id, &event.certificate_id);
        if let Err(fault) = self.registrations.end_waiting(authority, certificate).await {
            let error = chain(&fault);
            tracing::warn!(certificate.id = %certificate, %error, "certificate {certificate}: may count as waiting");
        }
    }

    /// The event, if it is one about this account.
    fn accept(&self, event: Result<RegisteredEvent, EventFault>) -> Result<RegisteredEvent, Rejection> {
        match event {
            Ok(event) if event.account_id == self.settings.account_id => Ok(event),
            Ok(event) => {
                let detail = format!("awsAccountId: the event is about account {}", event.account_id);
                Err(Rejection { detail, member: Some("awsAccountId"), reason: Reason::OtherAccount })
            }
            Err(fault) => Err(Rejection { detail: fault.to_string(), member: fault.member(), reason: fault.reason() }),
        }
    }

    /// Tells operators, and Lambda, what has come of an event.
    async fn tell(
        &self,
        event: &RegisteredEvent,
        outcome: Result<Outcome, IsolationError>,
        mut attempt: Attempt,
        invocation: &Invocation,
    ) -> Result<Response, Diagnostic> {
        let (certificate, now) = (&event.certificate_id, invocation.now);
        match outcome {
            Ok(Outcome::Repeated(Verdict { decision, detail, reason })) => {
                tracing::debug!(
                    certificate.id = %certificate, %decision, %reason, %detail,
                    "certificate {certificate}: {decision} ({reason}) still holds"
                );
                let certificate_id = Some(certificate.clone());
                Ok(Response { certificate_id, decision, detail, member: None, reason })
            }
            Ok(Outcome::Undecided(Verdict { decision, detail, reason })) => {
                tracing::debug!(
                    certificate.id = %certificate, %decision, %reason, %detail,
                    "certificate {certificate}: {decision} ({reason}), too early for another attempt"
                );
                Err(Diagnostic { error_type: reason.to_string(), error_message: detail.into() })
            }
            Ok(Outcome::Decided(verdict)) => {
                publish(&invocation.function, &verdict, now);
                let Verdict { decision, detail, reason } = verdict;
                tracing::info!(
                    certificate.id = %certificate, ca.id = %event.ca_certificate_id, %decision, %reason, %detail,
                    "certificate {certificate}: {decision} ({reason})"
                );
                if matches!(reason, Reason::CrlStateUnreadable | Reason::CrlTooManyPoints) {
                    let ca = &event.ca_certificate_id;
                    tracing::warn!(ca.id = %ca, %reason, %detail, "CA {ca}: an operator is needed: {detail}");
                }
                let has_row = attempt.row.is_some();
                if invocation.has_waited && !has_row && decision != Decision::Deferred {
                    self.tell_waited(event).await;
                }
                if decision == Decision::Deferred {
                    return Err(Diagnostic { error_type: reason.to_string(), error_message: detail.into() });
                }
                let certificate_id = Some(certificate.clone());
                Ok(Response { certificate_id, decision, detail, member: None, reason })
            }
            Err(failure) => {
                let error = Detail::new(&failure);
                if failure.is_retryable() {
                    tracing::warn!(certificate.id = %certificate, %error, "certificate {certificate}: to be tried again");
                } else {
                    tracing::error!(certificate.id = %certificate, %error, "certificate {certificate}: needs an operator");
                }
                self.note(certificate, &error, failure.is_retryable(), &mut attempt).await;
                if invocation.has_waited {
                    self.tell_waiting(event, attempt.row.map(|row| row.revision), now).await;
                }
                Err(Diagnostic { error_type: failure.as_str().to_owned(), error_message: error.into() })
            }
        }
    }

    /// Tells the row of the certificate what went wrong, for whoever asks why the device is not in.
    async fn note(&self, certificate: &CertificateId, error: &Detail, is_retryable: bool, attempt: &mut Attempt) {
        if let Err(fault) = self.note_failure(error, is_retryable, attempt).await {
            tracing::warn!(
                certificate.id = %certificate, error = %chain(&fault),
                "certificate {certificate}: the failure could not be noted"
            );
        }
    }

    /// Keeps a payload that is not a registered event of this account. Trying again would not mend it.
    async fn reject(&self, payload: &str, rejection: Rejection, now: OffsetDateTime) -> Result<Response, Diagnostic> {
        let Rejection { detail, member, reason } = rejection;
        let verdict = Verdict::new(Decision::Rejected, reason, detail);
        tracing::warn!(decision = %verdict.decision, %reason, detail = %verdict.detail, "event rejected ({reason})");
        self.registrations.record_rejection(payload, &verdict, now).await.map_err(|fault| {
            let error = chain(&fault);
            tracing::error!(%error, "a rejected event could not be kept");
            Diagnostic { error_type: fault.kind.as_str().to_owned(), error_message: error.into() }
        })?;
        let Verdict { decision, detail, reason } = verdict;
        if payload.len() > MAX_KEPT_PAYLOAD {
            // The row holds the beginning only; as a failed invocation the whole of it reaches the queue.
            return Err(Diagnostic { error_type: reason.to_string(), error_message: detail.into() });
        }
        Ok(Response { certificate_id: None, decision, detail, member, reason })
    }
}

/// Writes the metrics of a decision, if it has any.
fn publish(function: &str, verdict: &Verdict, now: OffsetDateTime) {
    let counts = counts(verdict);
    if counts.is_empty() {
        return;
    }
    if let Err(error) = writeln!(EscapedLines::stdout(), "{}", metrics::line(function, now, &counts)) {
        tracing::error!(%error, "the metrics could not be written");
    }
}
