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
use shared::port::{AuthorityStore, CertificateRegistry, CrlStates, RegistrationStore, SnapshotPages, ThingRegistry};
use shared::profile::Profile;
use shared::text::{Detail, EscapedLines};
use time::OffsetDateTime;

use crate::activation::{Activator, Attempt, Outcome, Told};
use crate::invocation::Invocation;
use crate::metrics::counts;
use crate::profiles::Profiles;

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
    /// The profile of the certificate's CA.
    profile: Option<Box<Profile>>,
    /// The event.
    pub(crate) unanswered: Unanswered,
}

/// An event that has no answer yet.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// How often the certificate's waiting had ended when this process has ended it; none if it has not.
    pub(crate) ends: Option<u64>,
    /// The event.
    pub(crate) event: RegisteredEvent,
    /// The revision of the certificate's newest row, if it has one.
    pub(crate) revision: Option<u64>,
}

/// The outcome of an attempt.
#[derive(Debug)]
pub(crate) struct Attempted {
    /// The event, if what the decision rests on has changed since it was read, so that it needs another one.
    pub(crate) changed: Option<Unanswered>,
    /// The decision, as it is told.
    pub(crate) response: Response,
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
            Err(rejection) => return self.reject(payload, rejection, invocation).await.map(LookedUp::Answered),
        };
        let mut attempt = Attempt::new(&event, invocation);
        let mut is_repeat = false;
        let take_turn = || {
            is_repeat = has_turn();
            is_repeat
        };
        let ask = self.ask_tables(&event, &mut attempt, &invocation.profiles, take_turn);
        let mut told = contained(ask, invocation.until).await;
        let mut ends = None;
        if invocation.has_waited && told.as_ref().is_ok_and(Told::is_of_known) {
            // Who was told until now that it waits relies on what is read from now on.
            ends = Some(self.end_waiting(&event, invocation).await?);
            attempt = Attempt::new(&event, &Invocation { now: invocation.present(), ..invocation.clone() });
            let profiles = Profiles::default();
            told = contained(self.ask_tables(&event, &mut attempt, &profiles, || is_repeat), invocation.until).await;
        }
        let outcome = match told {
            Ok(Told::Nothing { profile, revision }) => {
                let unanswered = Unanswered { ends, event, revision };
                return Ok(LookedUp::Open(Box::new(Open { attempt, profile, unanswered })));
            }
            Ok(Told::Outcome(outcome)) => Ok(outcome),
            Err(failure) => Err(failure),
        };
        self.tell(&event, outcome, &mut attempt, invocation).await.map(LookedUp::Answered)
    }

    /// Decides about one event.
    ///
    /// # Errors
    /// What may be tried again: failed calls, a CRL that is missing. `error_type` is the kind of fault.
    pub(crate) async fn attempt(&self, open: Open, invocation: &Invocation) -> Result<Attempted, Diagnostic> {
        let Open { mut attempt, profile, unanswered } = open;
        let Unanswered { ends, event, revision } = unanswered;
        let decided =
            contained(Box::pin(self.activate(&event, profile.map(|profile| *profile), &mut attempt)), invocation.until)
                .await;
        let answer = self.tell(&event, decided.map(Outcome::Decided), &mut attempt, invocation).await;
        let row = attempt.row;
        let has_come_in = row.as_ref().is_some_and(|row| row.activated_at.is_some());
        let now_at = row.as_ref().map(|row| row.revision).or(revision);
        match answer {
            // Of a certificate without a row it was not known before that it stays out.
            Ok(response) if invocation.has_waited && revision.is_none() && response.decision != Decision::Activated => {
                let ends = Some(self.end_waiting(&event, invocation).await?);
                let is_open = self.is_open_again(&event, &response, row, invocation).await?;
                let changed = is_open.then_some(Unanswered { ends, event, revision: now_at });
                Ok(Attempted { changed, response })
            }
            Ok(response) => Ok(Attempted { changed: None, response }),
            Err(failure) => {
                // Once it has come in, an event from after it was deleted has to be decided about.
                if !invocation.is_by_hand && !has_come_in {
                    self.keep_waiting(&Unanswered { ends, event, revision }, now_at, invocation).await;
                }
                Err(failure)
            }
        }
    }

    /// Writes what has come of an attempt, as far as the time suffices: the batch has to be answered.
    pub(crate) async fn in_time(
        &self,
        writing: impl Future<Output = ()>,
        certificate: &CertificateId,
        invocation: &Invocation,
    ) {
        if tokio::time::timeout_at(invocation.written_by, Box::pin(writing)).await.is_err() {
            tracing::warn!(
                certificate.id = %certificate,
                "certificate {certificate}: there was no time to write what has come of the attempt"
            );
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
        attempt: &mut Attempt,
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
                let noting = self.note(certificate, &error, failure.is_retryable(), attempt);
                self.in_time(noting, certificate, invocation).await;
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
    async fn reject(
        &self,
        payload: &str,
        rejection: Rejection,
        invocation: &Invocation,
    ) -> Result<Response, Diagnostic> {
        let Rejection { detail, member, reason } = rejection;
        let verdict = Verdict::new(Decision::Rejected, reason, detail);
        tracing::warn!(decision = %verdict.decision, %reason, detail = %verdict.detail, "event rejected ({reason})");
        let keeping = self.registrations.record_rejection(payload, &verdict, invocation.now);
        contained(keeping, invocation.until).await.map_err(|failure| {
            let error = Detail::new(&failure);
            tracing::error!(%error, "a rejected event could not be kept");
            Diagnostic { error_type: failure.as_str().to_owned(), error_message: error.into() }
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
