//! The protocol: every event into the history, every client's row by one merged change, failures counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future;
use lambda_runtime::tracing;
use shared::concurrency::run;
use shared::contained::{self, contained};
use shared::event::LifecycleEvent;
use shared::fault::{Fault, FaultKind};
use shared::id::ClientId;
use shared::port::{COUNTED_AT_ONCE, Counted, HISTORY_BATCH, PresenceStore, RowPolicy, Written};
use shared::presence::{Device, FailingPrincipal};
use tokio::time::Instant;

use crate::batch::{Batch, Received, digest};
use crate::failures::{Failing, Failures, in_bulk, is_failure};

/// Requests for the history at a time.
const HISTORY_CONCURRENCY: usize = 8;
/// Clients whose rows are written at a time.
const ROW_CONCURRENCY: usize = 16;
/// Time kept back for counting failed attempts together: which of them get no rows is known once the clients are done.
const FOR_COUNTING: Duration = Duration::from_secs(3);
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
    /// not answered is in the table, and not here; one that was counted with others of its principal may be told again.
    pub connect_failures: u64,
    /// Whoever failed to connect, the most attempts first.
    pub failing: Vec<Failing>,
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

/// What has been done for clients or principals, and what has not.
#[derive(Default)]
struct Progress<'a> {
    /// Failed attempts that were counted.
    counted: u64,
    /// Failed attempts that get no rows of their own.
    in_bulk: BTreeMap<FailingPrincipal, Vec<&'a Received>>,
    unprocessed: Vec<Unprocessed<'a>>,
}

impl<'a> Progress<'a> {
    fn of_all(parts: Vec<Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.join(part);
        }
        all
    }

    fn join(&mut self, other: Self) {
        self.counted += other.counted;
        self.unprocessed.extend(other.unprocessed);
        for (principal, received) in other.in_bulk {
            self.in_bulk.entry(principal).or_default().extend(received);
        }
    }

    fn isolated(&mut self, cause: contained::IsolationError, received: Vec<&'a Received>) {
        self.unprocessed.push(Unprocessed { problem: Problem::Isolated(cause), received });
    }
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
        let failures = Failures::of(batch);
        let has_failures = !failures.principals.is_empty();
        let counting_at = if has_failures { until.checked_sub(FOR_COUNTING).unwrap_or(until) } else { until };
        let clients = self.update_clients(batch, &failures, counting_at);
        let (history, mut clients) = future::join(self.keep_history(batch, counting_at), clients).await;
        let mut in_bulk = failures.in_bulk;
        for (principal, received) in std::mem::take(&mut clients.in_bulk) {
            in_bulk.entry(principal).or_default().extend(received);
        }
        clients.join(self.count_in_bulk(in_bulk, until).await);
        let mut failed = BTreeSet::new();
        for unprocessed in history.into_iter().chain(clients.unprocessed) {
            log(&unprocessed);
            failed.extend(unprocessed.received.into_iter().flat_map(|received| received.message_ids.iter().cloned()));
        }
        let recorded = batch.events().filter(|received| received.message_ids.iter().all(|id| !failed.contains(id)));
        Outcome {
            connect_failures: clients.counted,
            failing: failures.principals,
            recorded: u64::try_from(recorded.count()).unwrap_or(u64::MAX),
            failed,
        }
    }

    /// All events but failed attempts to connect, which go into the history when they are counted.
    async fn keep_history<'a>(&self, batch: &'a Batch, until: Instant) -> Vec<Unprocessed<'a>> {
        let events: Vec<&Received> = batch.events().filter(|received| !is_failure(received)).collect();
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
        run(requests.collect(), HISTORY_CONCURRENCY).await.into_iter().flatten().collect()
    }

    /// The failed attempts and the row of each client.
    async fn update_clients<'a>(&self, batch: &'a Batch, failures: &Failures<'a>, until: Instant) -> Progress<'a> {
        let clients: Vec<_> = batch
            .clients
            .iter()
            .map(|(client, received)| self.update_client(client, received, failures.by_client.get(client), until))
            .collect();
        Progress::of_all(run(clients, ROW_CONCURRENCY).await)
    }

    /// One client. What was counted counts, whatever becomes of the row; and the row is written, whatever becomes of the
    /// count.
    async fn update_client<'a>(
        &self,
        client: &ClientId,
        received: &'a [Received],
        failures: Option<&BTreeMap<FailingPrincipal, Vec<&'a Received>>>,
        until: Instant,
    ) -> Progress<'a> {
        let mut progress = Progress::default();
        let mut told: Vec<&Received> = received.iter().filter(|received| !is_failure(received)).collect();
        let policy = if told.is_empty() { RowPolicy::Keep } else { RowPolicy::Create };
        for (principal, failures) in failures.into_iter().flatten() {
            for part in failures.chunks(COUNTED_AT_ONCE) {
                match contained(self.count_failures(client, principal, part, policy), until).await {
                    Ok(Counted::New(count)) => {
                        progress.counted += count;
                        told.extend(part);
                    }
                    Ok(Counted::NoRow) => progress.in_bulk.entry(principal.clone()).or_default().extend(part),
                    Err(cause) => progress.isolated(cause, part.to_vec()),
                }
            }
        }
        if let Err(cause) = contained(self.update_row(&digest(client, &told)), until).await {
            progress.isolated(cause, told);
        }
        progress
    }

    /// Counts failed attempts in the row of their client; if it has none, it gets one if the principal has not made too many
    /// already.
    async fn count_failures(
        &self,
        client: &ClientId,
        principal: &FailingPrincipal,
        part: &[&Received],
        policy: RowPolicy,
    ) -> Result<Counted, Fault> {
        let events: Vec<&LifecycleEvent> = part.iter().map(|received| &received.event).collect();
        let counted = self.store.count_failures(client, &events, policy).await?;
        let Some(last) = in_bulk(part).filter(|_| counted == Counted::NoRow) else { return Ok(counted) };
        if self.store.admit(principal, client, last.at).await? {
            return self.store.count_failures(client, &events, RowPolicy::Create).await;
        }
        Ok(Counted::NoRow)
    }

    /// Failed attempts that get no rows: one count for each principal.
    async fn count_in_bulk<'a>(
        &self,
        failures: BTreeMap<FailingPrincipal, Vec<&'a Received>>,
        until: Instant,
    ) -> Progress<'a> {
        let counts = failures.into_iter().map(|(principal, received)| async move {
            let mut progress = Progress::default();
            let Some(failures) = in_bulk(&received) else { return progress };
            match contained(self.store.count_in_bulk(&principal, failures), until).await {
                Ok(()) => progress.counted = failures.count,
                Err(cause) => progress.isolated(cause, received),
            }
            progress
        });
        Progress::of_all(run(counts.collect(), ROW_CONCURRENCY).await)
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
