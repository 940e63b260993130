//! One event: what is decided about it, and what is told about that.

use std::io::Write as _;

use lambda_runtime::{Diagnostic, tracing};
use serde::Serialize;
use shared::aws::registrations::MAX_KEPT_PAYLOAD;
use shared::contained::contained;
use shared::decision::{Decision, Reason, Verdict};
use shared::event::{EventFault, RegisteredEvent};
use shared::fault::chain;
use shared::id::CertificateId;
use shared::metrics;
use shared::port::{AuthorityStore, CertificateRegistry, CrlStates, RegistrationStore, SnapshotPages, ThingRegistry};
use shared::registration::Process;
use shared::text::{Detail, EscapedLines};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::activation::{Activator, Attempt, Outcome};
use crate::metrics::counts;

/// What an attempt has of its invocation.
#[derive(Clone, Debug)]
pub(crate) struct Invocation<'a> {
    /// The function's name.
    pub(crate) function: &'a str,
    /// Time at which the invocation began.
    pub(crate) now: OffsetDateTime,
    /// The attempt, as rows know it.
    pub(crate) process: Process,
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

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
{
    /// Decides about one event.
    ///
    /// # Errors
    /// What may be tried again: failed calls, a CRL that is missing, a rejected event that is too large to be kept here.
    /// `error_type` is the kind of fault.
    pub(crate) async fn answer(
        &self,
        payload: &str,
        event: Result<RegisteredEvent, EventFault>,
        invocation: &Invocation<'_>,
    ) -> Result<Response, Diagnostic> {
        match event {
            Ok(event) if event.account_id == self.settings.account_id => self.attempt(&event, invocation).await,
            Ok(event) => {
                let problem = format!("awsAccountId: the event is about account {}", event.account_id);
                self.reject(payload, Reason::OtherAccount, Some("awsAccountId"), problem, invocation.now).await
            }
            Err(fault) => self.reject(payload, fault.reason(), fault.member(), fault.to_string(), invocation.now).await,
        }
    }

    async fn attempt(&self, event: &RegisteredEvent, invocation: &Invocation<'_>) -> Result<Response, Diagnostic> {
        let (certificate, now) = (&event.certificate_id, invocation.now);
        let mut attempt = Attempt::new(invocation.process.clone(), invocation.is_by_hand, now);
        let decided = contained(Box::pin(self.activate(event, &mut attempt)), invocation.until).await;
        match decided {
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
                publish(invocation.function, &verdict, now);
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
                self.note(certificate, &error, failure.is_retryable(), &mut attempt).await;
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
