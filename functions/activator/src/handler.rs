//! Lambda's side: a batch of the queue's, or one event of an operator's hand.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::batch::{BatchResponse, SqsEvent, SqsRecord};
use shared::deadline::time_left;
use shared::event::RegisteredEvent;
use shared::port::{AuthorityStore, CertificateRegistry, CrlStates, RegistrationStore, SnapshotPages, ThingRegistry};
use shared::registration::Process;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::activation::Activator;
use crate::answer::{Invocation, Response};
use crate::batch;

/// Certificates of one batch that are worked on at once.
const AT_ONCE: usize = 10;
/// Time kept back before the function's deadline, for writing down that the attempt was cut short.
const RESERVE: Duration = Duration::from_millis(1500);
/// Time for an invocation that has no deadline.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(20);

/// The answer to an invocation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Which messages the queue is to deliver again.
    Batch(BatchResponse),
    /// What was decided about one event.
    Event(Response),
}

/// What tells a batch of a queue from an event.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
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
    /// Of an event: what may be tried again, which is failed calls, a CRL that is missing, a rejected event that is too
    /// large to be kept here; `error_type` is the kind of fault. Of a batch: if it can't be told which record failed, so
    /// that all are delivered again.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Diagnostic> {
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
    ) -> Result<Answer, Diagnostic> {
        let LambdaEvent { payload, context } = event;
        if serde_json::from_str(payload.get()).is_ok_and(|shape: Shape<'_>| shape.records.is_some()) {
            let SqsEvent { records } = serde_json::from_str(payload.get()).map_err(|error| unreadable(&error))?;
            return self.take(records, &context, now).await.map(Answer::Batch);
        }
        let invocation = Invocation { is_by_hand: true, ..invocation(&context, now, process(&context, now)) };
        let event = RegisteredEvent::decode(payload.get());
        self.answer(payload.get(), event, &invocation).await.map(Answer::Event)
    }

    /// Decides about each certificate of a batch.
    async fn take(
        &self,
        records: Vec<SqsRecord>,
        context: &Context,
        now: OffsetDateTime,
    ) -> Result<BatchResponse, Diagnostic> {
        let received = batch::read(records).ok_or_else(|| unreadable(&"a messageId is empty"))?;
        let answers = received.into_iter().enumerate().map(async |(place, received)| {
            // Rows tell the attempts of one batch apart.
            let Process { id, until } = process(context, now);
            let process = Process { id: format!("{id}/{place}"), until };
            let answer = self.answer(&received.payload, received.event, &invocation(context, now, process)).await;
            answer.map_or(received.message_ids, |_| Vec::new())
        });
        let failed: Vec<String> = stream::iter(answers).buffer_unordered(AT_ONCE).concat().await;
        Ok(failed.into_iter().collect())
    }
}

fn invocation(context: &Context, now: OffsetDateTime, process: Process) -> Invocation<'_> {
    let left = time_left(OffsetDateTime::from(context.deadline()), now, RESERVE, WITHOUT_DEADLINE);
    let function = &context.env_config.function_name;
    Invocation { function, is_by_hand: false, now, process, until: Instant::now() + left }
}

/// The attempt as rows know it. Lambda gives an event that it delivers again the same request id, and a later deadline.
fn process(context: &Context, now: OffsetDateTime) -> Process {
    let deadline = OffsetDateTime::from(context.deadline());
    let until = if deadline > now { deadline } else { now + WITHOUT_DEADLINE };
    Process { id: format!("{}/{}", context.request_id, context.deadline), until }
}

fn unreadable(problem: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic { error_type: "record".to_owned(), error_message: format!("Records: {problem}") }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
