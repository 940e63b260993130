//! The protocol: every event into the history, every client's row by one merged change, failures counted once.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, future, stream};
use lambda_runtime::tracing;
use shared::contained::{self, contained};
use shared::event::{LifecycleEvent, Occurrence};
use shared::fault::{Fault, FaultKind};
use shared::id::ClientId;
use shared::port::{COUNTED_AT_ONCE, HISTORY_BATCH, PresenceStore, Written};
use shared::presence::Device;
use tokio::time::Instant;

use crate::batch::{Batch, Received, digest};

/// Requests for the history at a time.
const HISTORY_CONCURRENCY: usize = 8;
/// Clients whose rows are written at a time.
const ROW_CONCURRENCY: usize = 16;
/// Writes of one row before it is left to the next delivery. Others may write it at the same time, and topic filters are
/// written ten at a time: as many as a session may have, given up, forgotten and replaced by others, take less than 90.
const ROW_WRITES: usize = 128;

/// Records lifecycle events.
#[derive(Clone, Debug)]
pub struct Recorder<P> {
    store: P,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// Failed attempts to connect that had not been counted before, whatever became of the rest. One whose transaction was
    /// not answered is in the table, and not here.
    pub connect_failures: u64,
    /// Messages whose events are not recorded, or not completely: they have to be delivered again.
    pub failed: BTreeSet<String>,
    /// Events that are recorded.
    pub recorded: u64,
}

/// What was not done in time, or at all.
struct Unprocessed<'a> {
    problem: Problem,
    received: Vec<&'a Received>,
}

enum Problem {
    ReturnedByDynamoDb,
    Isolated(contained::IsolationError),
}

impl<P: PresenceStore + Sync> Recorder<P> {
    /// A recorder on these tables.
    pub fn new(store: P) -> Self {
        Self { store }
    }

    /// Records a batch. What was not begun at `until` is left, and what was not ended is given up: another delivery
    /// does it again, and changes nothing where it was done.
    pub async fn record(&self, batch: &Batch, until: Instant) -> Outcome {
        let (history, rows) = future::join(self.keep_history(batch, until), self.update_clients(batch, until)).await;
        let (rows, connect_failures) = rows;
        let mut failed = BTreeSet::new();
        for unprocessed in history.into_iter().chain(rows) {
            log(&unprocessed);
            failed.extend(unprocessed.received.into_iter().flat_map(|received| received.message_ids.iter().cloned()));
        }
        let recorded = batch.events().filter(|received| received.message_ids.iter().all(|id| !failed.contains(id)));
        Outcome { connect_failures, recorded: u64::try_from(recorded.count()).unwrap_or(u64::MAX), failed }
    }

    /// All events but failed attempts to connect, which go into the history when they are counted.
    async fn keep_history<'a>(&self, batch: &'a Batch, until: Instant) -> Vec<Unprocessed<'a>> {
        let events: Vec<&Received> = batch.events().filter(|received| !is_failure(&received.event)).collect();
        let requests = events.chunks(HISTORY_BATCH).map(|part| async move {
            let events: Vec<&LifecycleEvent> = part.iter().map(|received| &received.event).collect();
            match contained(self.store.keep(&events), until).await {
                Ok(left) if left.is_empty() => None,
                Ok(left) => {
                    let is_left = |received: &&&Received| left.contains(&&received.event);
                    let received = part.iter().filter(is_left).copied().collect();
                    Some(Unprocessed { problem: Problem::ReturnedByDynamoDb, received })
                }
                Err(cause) => Some(Unprocessed { problem: Problem::Isolated(cause), received: part.to_vec() }),
            }
        });
        let requests: Vec<_> = requests.collect();
        stream::iter(requests).buffer_unordered(HISTORY_CONCURRENCY).filter_map(future::ready).collect().await
    }

    /// The failed attempts and the row of each client; also tells how many attempts were counted.
    async fn update_clients<'a>(&self, batch: &'a Batch, until: Instant) -> (Vec<Unprocessed<'a>>, u64) {
        let clients: Vec<_> =
            batch.clients.iter().map(|(client, received)| self.update_client(client, received, until)).collect();
        let mut clients = stream::iter(clients).buffer_unordered(ROW_CONCURRENCY);
        let (mut unprocessed, mut counted) = (Vec::new(), 0);
        while let Some((left, count)) = clients.next().await {
            unprocessed.extend(left);
            counted += count;
        }
        (unprocessed, counted)
    }

    /// One client. What was counted counts, whatever becomes of the row; and the row is written, whatever becomes of the
    /// count.
    async fn update_client<'a>(
        &self,
        client: &ClientId,
        received: &'a [Received],
        until: Instant,
    ) -> (Vec<Unprocessed<'a>>, u64) {
        let failures: Vec<&Received> = received.iter().filter(|received| is_failure(&received.event)).collect();
        let (mut unprocessed, mut counted) = (Vec::new(), 0);
        for part in failures.chunks(COUNTED_AT_ONCE) {
            let events: Vec<&LifecycleEvent> = part.iter().map(|received| &received.event).collect();
            match contained(self.store.count_failures(client, &events), until).await {
                Ok(count) => counted += count,
                Err(cause) => {
                    unprocessed.push(Unprocessed { problem: Problem::Isolated(cause), received: part.to_vec() });
                }
            }
        }
        if let Err(cause) = contained(self.update_row(&digest(client, received)), until).await {
            let received = received.iter().collect();
            unprocessed.push(Unprocessed { problem: Problem::Isolated(cause), received });
        }
        (unprocessed, counted)
    }

    /// Writes what was told into the row. Each attempt is made for the row that the one before has met; the first one
    /// for the row that is likely.
    async fn update_row(&self, told: &Device) -> Result<(), Fault> {
        let mut row = told.likely_row();
        for _ in 0..ROW_WRITES {
            let change = row.change(told);
            if change.is_empty() {
                return Ok(());
            }
            row = match self.store.change(&told.client_id, &change).await? {
                Written::Done(now) | Written::NotMet(now) => *now,
            };
        }
        let problem = format!("the row of client {} is written by too many at a time", told.client_id);
        Err(Fault::new("dynamodb:UpdateItem", FaultKind::Unavailable, problem))
    }
}

fn is_failure(event: &LifecycleEvent) -> bool {
    matches!(event.occurrence, Occurrence::ConnectFailed { .. })
}

fn log(unprocessed: &Unprocessed<'_>) {
    let events = unprocessed.received.len();
    let client = unprocessed.received.first().map(|received| received.event.client_id.as_str());
    match &unprocessed.problem {
        Problem::ReturnedByDynamoDb => {
            tracing::warn!(client.id = client, events, "DynamoDB returned events unprocessed");
        }
        Problem::Isolated(cause) if cause.is_retryable() => {
            tracing::warn!(client.id = client, events, error = %cause, "events are left to their next delivery");
        }
        Problem::Isolated(cause) => {
            tracing::error!(client.id = client, events, error = %cause, "events could not be recorded");
        }
    }
}
