//! Lambda's side: decode the event, keep the deadline, turn the outcome into an answer.

use std::future::Future;
use std::io::Write as _;
use std::time::Duration;

use lambda_runtime::{Context, Diagnostic, LambdaEvent, tracing};
use serde::Serialize;
use serde_json::value::RawValue;
use shared::aws::registrations::MAX_KEPT_PAYLOAD;
use shared::deadline::time_left;
use shared::decision::{Decision, Reason, Verdict};
use shared::event::RegisteredEvent;
use shared::fault::{Fault, FaultKind, chain};
use shared::id::CertificateId;
use shared::metrics;
use shared::port::{AuthorityStore, CertificateRegistry, CrlStates, RegistrationStore, SnapshotPages, ThingRegistry};
use shared::registration::Process;
use shared::text::{Detail, EscapedLines};
use time::OffsetDateTime;

use crate::activation::{Activator, Attempt};
use crate::metrics::counts;

/// Time kept back before the function's deadline, for writing down that the attempt was cut short.
const RESERVE: Duration = Duration::from_millis(1500);
/// Time for an invocation that has no deadline.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(20);

/// The answer to an invocation. Lambda drops it after an asynchronous one; people and tests read it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The certificate; none if the event names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<CertificateId>,
    /// What was decided.
    pub decision: Decision,
    /// A sentence for people.
    pub detail: Detail,
    /// The member at fault of an event that was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<&'static str>,
    /// Why.
    pub reason: Reason,
}

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Handles one invocation.
    ///
    /// # Errors
    /// Only what Lambda shall try again, and at last hand to the failed-registrations queue: failed calls, a CRL that is
    /// missing, a rejected event that is too large to be kept here. `error_type` is the kind of fault.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Response, Diagnostic> {
        self.handle_at(event, now()).await
    }

    /// The same at a given time.
    ///
    /// # Errors
    /// See [`handle`](Self::handle).
    pub async fn handle_at(
        &self,
        event: LambdaEvent<Box<RawValue>>,
        now: OffsetDateTime,
    ) -> Result<Response, Diagnostic> {
        let payload = event.payload.get();
        match RegisteredEvent::decode(payload) {
            Ok(registered) if registered.account_id == self.settings.account_id => {
                self.answer(&registered, &event.context, now).await
            }
            Ok(registered) => {
                let problem = format!("awsAccountId: the event is about account {}", registered.account_id);
                self.reject(payload, Reason::OtherAccount, Some("awsAccountId"), problem, now).await
            }
            Err(fault) => self.reject(payload, fault.reason(), fault.member(), fault.to_string(), now).await,
        }
    }

    async fn answer(
        &self,
        event: &RegisteredEvent,
        context: &Context,
        now: OffsetDateTime,
    ) -> Result<Response, Diagnostic> {
        let certificate = &event.certificate_id;
        let mut attempt = Attempt::new(process(context, now), now);
        match before_deadline(context, now, Box::pin(self.activate(event, &mut attempt))).await {
            Ok(verdict) => {
                publish(&context.env_config.function_name, &verdict, now);
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
            Err(fault) => {
                let error = chain(&fault);
                let kind = fault.kind;
                if kind.is_retryable() {
                    tracing::warn!(certificate.id = %certificate, %error, "certificate {certificate}: to be tried again");
                } else {
                    tracing::error!(certificate.id = %certificate, %error, "certificate {certificate}: needs an operator");
                }
                self.note(certificate, &error, &mut attempt).await;
                Err(Diagnostic { error_type: kind.as_str().to_owned(), error_message: error.into() })
            }
        }
    }

    /// Tells the row of the certificate what went wrong, for whoever asks why the device is not in.
    async fn note(&self, certificate: &CertificateId, error: &Detail, attempt: &mut Attempt) {
        if let Err(fault) = self.note_failure(error, attempt).await {
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
        reason: Reason,
        member: Option<&'static str>,
        detail: String,
        now: OffsetDateTime,
    ) -> Result<Response, Diagnostic> {
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

async fn before_deadline(
    context: &Context,
    now: OffsetDateTime,
    work: impl Future<Output = Result<Verdict, Fault>>,
) -> Result<Verdict, Fault> {
    let left = time_left(OffsetDateTime::from(context.deadline()), now, RESERVE, WITHOUT_DEADLINE);
    match tokio::time::timeout(left, work).await {
        Ok(outcome) => outcome,
        Err(elapsed) => Err(Fault::new("the activation", FaultKind::Unavailable, elapsed)),
    }
}

/// The attempt as rows know it. Lambda gives an event that it delivers again the same request id, and a later deadline.
fn process(context: &Context, now: OffsetDateTime) -> Process {
    let deadline = OffsetDateTime::from(context.deadline());
    let until = if deadline > now { deadline } else { now + WITHOUT_DEADLINE };
    Process { id: format!("{}/{}", context.request_id, context.deadline), until }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
