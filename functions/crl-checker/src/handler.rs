//! Lambda's side: decode the request, keep the deadline, log what was found, answer with the report.

use std::io::Write as _;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, tracing};
use serde_json::value::RawValue;
use shared::deadline::time_left;
use shared::fault::chain;
use shared::metrics;
use shared::registration::Process;
use shared::text::{Detail, EscapedLines};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::checker::{Checker, Ports};
use crate::metrics::counts;
use crate::report::{Outcome, Report, Request};

/// Time kept back before the function's deadline for what has been begun: one source, one certificate.
const RESERVE: Duration = Duration::from_secs(30);
/// Time for an invocation that has no deadline.
const WITHOUT_DEADLINE: Duration = Duration::from_mins(1);

impl<P: Ports> Checker<P> {
    /// Handles one invocation.
    ///
    /// # Errors
    /// A request that can't be understood, and faults that concern the whole run. What concerns one source is in the
    /// report, the log and the metrics.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Report, Diagnostic> {
        let request = decode(event.payload.get())?;
        let now = now();
        let deadline = OffsetDateTime::from(event.context.deadline());
        let until = Instant::now() + time_left(deadline, now, RESERVE, WITHOUT_DEADLINE);
        let id = format!("{}/{}", event.context.request_id, event.context.deadline);
        let process = Process { id, until: deadline.max(now + WITHOUT_DEADLINE) };
        let report = Box::pin(self.run(&request, &process, now, until)).await.map_err(|fault| {
            let error = chain(&fault);
            tracing::error!(%error, "the run failed");
            Diagnostic { error_type: fault.kind.as_str().to_owned(), error_message: error.into() }
        })?;
        log(&report);
        if !request.dry_run {
            let line = metrics::line(&event.context.env_config.function_name, now, &counts(&report));
            if let Err(error) = writeln!(EscapedLines::stdout(), "{line}") {
                tracing::error!(%error, "the metrics could not be written");
            }
        }
        Ok(report)
    }
}

/// The schedule sends an event of its own without any of the members; whatever else is in it does not count.
fn decode(payload: &str) -> Result<Request, Diagnostic> {
    let refused = |message: String| {
        let error_message = Detail::from(message).into();
        Diagnostic { error_type: "request".to_owned(), error_message }
    };
    let mut members = serde_json::Deserializer::from_str(payload);
    let request: Request = serde_path_to_error::deserialize(&mut members)
        .map_err(|error| refused(format!("request, member {}: {}", error.path(), error.inner())))?;
    if request.accept_shrunk && request.ca_certificate_id.is_none() {
        return Err(refused("acceptShrunk is for one CA: caCertificateId is missing".to_owned()));
    }
    Ok(request)
}

fn log(report: &Report) {
    for source in &report.sources {
        let name = source.source.as_ref().map_or("", |source| source.as_str());
        let (ca, outcome) = (&source.ca_certificate_id, source.outcome);
        let reason = source.reason.map(shared::decision::Reason::as_str).unwrap_or_default();
        let detail = source.detail.as_deref().unwrap_or_default();
        match outcome {
            Outcome::Failed => tracing::error!(ca.id = %ca, crl.source = name, detail, "CRL {name}: failed"),
            Outcome::KeptOut => {
                tracing::warn!(ca.id = %ca, crl.source = name, reason, detail, "CRL {name}: kept out ({reason})");
            }
            Outcome::LostLock | Outcome::Postponed | Outcome::Published | Outcome::Unchanged => {
                tracing::info!(ca.id = %ca, crl.source = name, ?outcome, "CRL {name}: {outcome:?}");
            }
        }
        // Once for each list, not with every run.
        if let (Some(skipped), Outcome::Published) = (source.skipped, outcome) {
            tracing::warn!(
                ca.id = %ca, crl.source = name, crl.skipped = skipped,
                "CRL {name}: {skipped} entries skipped, no certificate can have their serial numbers"
            );
        }
    }
    for detail in &report.failures {
        tracing::error!(%detail, "failed: {detail}");
    }
    tracing::info!(
        changes = ?report.changes, finished = report.finished, reconciled = report.reconciled,
        "{} CRLs checked", report.sources.len()
    );
}

#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_asks_for_everything_and_an_operator_for_one_ca() {
        let scheduled = decode(r#"{"version":"0","detail-type":"Scheduled Event","detail":{}}"#).unwrap();
        assert_eq!(scheduled, Request::default());
        let ca = "c".repeat(64);
        let asked = decode(&format!(r#"{{"caCertificateId":"{ca}","dryRun":true,"acceptShrunk":true}}"#)).unwrap();
        assert!(asked.dry_run && asked.accept_shrunk && asked.ca_certificate_id.is_some());
    }

    #[test]
    fn what_can_not_be_understood_is_named() {
        for (payload, member) in [
            (r#"{"caCertificateId":"x"}"#, "caCertificateId"),
            (r#"{"dryRun":"yes"}"#, "dryRun"),
            (r#"{"acceptShrunk":true}"#, "acceptShrunk"),
        ] {
            let message = decode(payload).unwrap_err().error_message;
            assert!(message.contains(member), "{message}");
        }
    }
}
