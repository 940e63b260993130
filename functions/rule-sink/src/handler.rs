//! Lambda's side: keep the deadline, tell CloudWatch, tell SQS which messages to deliver again.

use std::io::Write as _;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, tracing};
use shared::batch::{BatchResponse, SqsEvent};
use shared::deadline::time_left;
use shared::metrics;
use shared::port::{DeadLetters, Holders, ItemStore};
use shared::text::EscapedLines;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::sink::Sink;

/// Time kept back before the function's deadline, for the answer.
const RESERVE: Duration = Duration::from_secs(2);
/// Time for an invocation that has no deadline.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(55);

impl<I: ItemStore + Sync, D: DeadLetters + Sync, H: Holders + Sync> Sink<I, D, H> {
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
        let records = event.payload.records;
        if records.iter().any(|record| record.message_id.is_empty()) {
            let (error_type, error_message) = ("record".to_owned(), "Records: a messageId is empty".to_owned());
            return Err(Diagnostic { error_type, error_message });
        }
        let begun = Instant::now();
        let outcome = self.take(&records, now, begun.checked_add(left).unwrap_or(begun)).await;
        let failed = outcome.failed.len();
        let counts = [
            ("MessagesFailed", u64::try_from(failed).unwrap_or(u64::MAX)),
            ("MessagesRejected", outcome.rejected),
            ("MessagesRepeated", outcome.repeated),
            ("MessagesWritten", outcome.written),
            ("PrincipalMismatches", outcome.mismatches),
        ];
        let line = metrics::line(&event.context.env_config.function_name, now, &counts);
        if let Err(error) = writeln!(EscapedLines::stdout(), "{line}") {
            tracing::error!(%error, "the metrics could not be written");
        }
        let (written, rejected, repeated) = (outcome.written, outcome.rejected, outcome.repeated);
        let records = records.len();
        tracing::info!(records, written, rejected, repeated, failed, "{written} of {records} messages written");
        Ok(outcome.failed.into_iter().collect())
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
