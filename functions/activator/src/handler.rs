//! Lambda's side: a batch of the queue's, or one event of an operator's hand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::batch::{BatchResponse, SqsEvent, SqsSource};
use shared::event::{EventFault, RegisteredEvent};
use shared::port::{
    AuthorityStore, CertificateRegistry, CrlStates, OverflowQueue, RegistrationStore, SnapshotPages, ThingRegistry,
};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::activation::Activator;
use crate::answer::{LookedUp, Response};
use crate::batch::{self, Received};
use crate::invocation::Invocation;
use crate::overflow::Overflow;

/// Certificates of one batch that are worked on at once.
const AT_ONCE: usize = 10;
/// Of a batch from the overflow queue, those are worked on at once that the quotas let through in this time. Each has several
/// calls to make at turns of their own: what has begun is to come to its end before the next one begins, and before it has to
/// be looked at again.
const IN_WORK: Duration = Duration::from_millis(2500);
/// Certificates of a batch of new events that are decided about while nobody else waits: for so many there is room in the quotas in
/// a moment, before their devices come back.
const AT_ONCE_ALONE: usize = 2;

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

/// The activator behind its queues.
#[derive(Debug)]
pub struct Handler<R, A, S, P, Q> {
    activator: Activator<R, A, S, P>,
    overflow: Overflow<Q>,
}

impl<R, A, S, P, Q> Handler<R, A, S, P, Q>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
    Q: OverflowQueue + Sync,
{
    /// Puts the parts together.
    pub fn new(activator: Activator<R, A, S, P>, overflow: Q) -> Self {
        Self { activator, overflow: Overflow::new(overflow) }
    }

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
            return self.take(payload.get(), &context, now).await.map(Answer::Batch);
        }
        let invocation = Invocation { is_by_hand: true, ..Invocation::new(&context, now) };
        let event = RegisteredEvent::decode(payload.get());
        match self.activator.look_up(payload.get(), event, &invocation, || true).await? {
            LookedUp::Answered(response) => Ok(response),
            LookedUp::Open(open) => {
                self.activator.attempt(*open, &invocation).await.map(|attempted| attempted.response)
            }
        }
        .map(Answer::Event)
    }

    /// Decides about each certificate of a batch that the tables tell nothing of, or lets it wait.
    async fn take(&self, payload: &str, context: &Context, now: OffsetDateTime) -> Result<BatchResponse, Diagnostic> {
        let SqsEvent { records } = serde_json::from_str(payload).map_err(|error| unreadable(&error))?;
        let source: SqsSource = serde_json::from_str(payload).map_err(|error| unreadable(&error))?;
        let has_waited = !source.is(&self.activator.settings.queues.events_arn);
        let received = batch::read(records).ok_or_else(|| unreadable(&"a messageId is empty"))?;
        if batch::is_burst(&received, self.activator.settings.queues.batch_size.get(), now) {
            self.overflow.begins_at(now);
        }
        let room = self.room(has_waited, now);
        let invocation = Invocation { has_waited, ..Invocation::new(context, now) };
        let places = Semaphore::new(self.at_once(has_waited));
        let answers = received.into_iter().enumerate().map(async |(place, received)| {
            // What has waited, and comes too late in its batch, goes back to the end of the queue: failed, it would be away for
            // the queue's visibility timeout.
            let held = timeout_at(invocation.begin_by, places.acquire()).await;
            let Received { earliest, earlier_payload, event, message_ids, payload } = received;
            let invocation = Invocation { earliest, is_late: held.is_err(), ..invocation.at(place) };
            Box::pin(self.answer(event, (payload, earlier_payload), &room, &invocation))
                .await
                .map_or(message_ids, |()| Vec::new())
        });
        Ok(join_all(answers).await.into_iter().flatten().collect())
    }

    /// How many certificates of a batch are worked on at once.
    fn at_once(&self, has_waited: bool) -> usize {
        let most = if has_waited { self.activator.settings.quotas.at_once_within(IN_WORK) } else { usize::MAX };
        most.min(AT_ONCE)
    }

    /// Answers one event of a batch from the tables, decides about its certificate while there is room, or lets it wait.
    async fn answer(
        &self,
        event: Result<RegisteredEvent, EventFault>,
        payloads: (String, Option<String>),
        room: &Room,
        invocation: &Invocation,
    ) -> Result<(), Diagnostic> {
        let has_turn = AtomicBool::new(false);
        let take_turn = || {
            if invocation.is_late {
                return false;
            }
            has_turn.store(self.activator.repeats.turn_now(), Ordering::Relaxed);
            has_turn.load(Ordering::Relaxed)
        };
        let unanswered = match self.activator.look_up(&payloads.0, event, invocation, take_turn).await? {
            LookedUp::Answered(_) => None,
            LookedUp::Open(open) if !invocation.is_late && (has_turn.load(Ordering::Relaxed) || room.take()) => {
                self.activator.attempt(*open, invocation).await?.changed
            }
            LookedUp::Open(open) => Some(open.unanswered),
        };
        match unanswered {
            Some(unanswered) => self.activator.let_wait(unanswered, payloads, &self.overflow, invocation).await,
            None => Ok(()),
        }
    }

    /// How many certificates of a batch may be decided about at once.
    ///
    /// All that have waited in the overflow queue. None of the events while a burst lasts, since others wait before them.
    /// Otherwise as many as AWS IoT has room for in a moment.
    fn room(&self, has_waited: bool, now: OffsetDateTime) -> Room {
        if has_waited {
            Room::new(usize::MAX)
        } else if self.overflow.is_used_at(now) {
            Room::new(0)
        } else {
            Room::new(AT_ONCE_ALONE)
        }
    }
}

/// For how many more certificates there is room.
struct Room(AtomicUsize);

impl Room {
    fn new(places: usize) -> Self {
        Self(AtomicUsize::new(places))
    }

    /// Takes a place, if there is one.
    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |places| places.checked_sub(1)).is_ok()
    }
}

fn unreadable(problem: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic { error_type: "record".to_owned(), error_message: format!("Records: {problem}") }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
