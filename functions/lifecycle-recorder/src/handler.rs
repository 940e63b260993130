//! Lambda's side: decode the records, keep the deadline, tell SQS which ones to deliver again.

use std::io::Write as _;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, tracing};
use shared::batch::{BatchResponse, SqsEvent};
use shared::deadline::time_left;
use shared::metrics;
use shared::port::PresenceStore;
use shared::text::{Detail, EscapedLines};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::batch::Batch;
use crate::failures::Failing;
use crate::recorder::Recorder;

/// Time kept back before the function's deadline, for the answer.
const RESERVE: Duration = Duration::from_secs(2);
/// Principals that failed to connect which one invocation logs: those with the most attempts.
const MAX_FAILING_LOGGED: usize = 10;
/// Time for an invocation that has no deadline.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(25);

impl<P: PresenceStore + Sync> Recorder<P> {
    /// Handles one invocation.
    ///
    /// # Errors
    /// If a record has no id: it could not be told which one failed, so that all are delivered again.
    pub async fn handle(&self, event: LambdaEvent<SqsEvent>) -> Result<BatchResponse, Diagnostic> {
        self.handle_at(event, now()).await
    }

    /// The same at a given time.
    ///
    /// # Errors
    /// See [`handle`](Self::handle).
    pub async fn handle_at(
        &self,
        event: LambdaEvent<SqsEvent>,
        now: OffsetDateTime,
    ) -> Result<BatchResponse, Diagnostic> {
        let left = time_left(OffsetDateTime::from(event.context.deadline()), now, RESERVE, WITHOUT_DEADLINE);
        let records = u64::try_from(event.payload.records.len()).unwrap_or(u64::MAX);
        let batch = Batch::read(event.payload.records, now).ok_or_else(|| Diagnostic {
            error_type: "record".to_owned(),
            error_message: "Records: a messageId is empty".to_owned(),
        })?;
        for refused in &batch.refused {
            let (error, id) = (Detail::new(&refused.fault), refused.message_id.as_str());
            let member = refused.fault.member().unwrap_or_default();
            tracing::warn!(%error, member, message.id = id, "message {id} holds no lifecycle event: {error}");
        }
        let outcome = self.record(&batch, Instant::now() + left).await;
        let refused = u64::try_from(batch.refused.len()).unwrap_or(u64::MAX);
        let counts = [
            ("ConnectFailures", outcome.connect_failures),
            ("EventsFailed", u64::try_from(outcome.failed.len()).unwrap_or(u64::MAX)),
            ("EventsRecorded", outcome.recorded),
            ("EventsRefused", refused),
        ];
        let line = metrics::line(&event.context.env_config.function_name, now, &counts);
        if let Err(error) = writeln!(EscapedLines::stdout(), "{line}") {
            tracing::error!(%error, "the metrics could not be written");
        }
        for Failing { attempts, clients, principal } in outcome.failing.iter().take(MAX_FAILING_LOGGED) {
            tracing::warn!(
                %principal,
                attempts,
                clients,
                "{principal} failed to connect {attempts} times, under {clients} client ids"
            );
        }
        tracing::info!(
            records,
            recorded = outcome.recorded,
            refused,
            failed = outcome.failed.len(),
            clients = batch.clients.len(),
            "{} events of {} clients recorded",
            outcome.recorded,
            batch.clients.len()
        );
        let again = outcome.failed.into_iter().chain(batch.refused.into_iter().map(|refused| refused.message_id));
        Ok(again.collect())
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
