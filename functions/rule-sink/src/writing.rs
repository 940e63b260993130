//! Carrying out a plan: batches and sequences at the same time, each for itself.

use futures_util::{StreamExt as _, future, stream};
use lambda_runtime::tracing;
use shared::contained::{IsolationError, contained};
use shared::port::{BatchWritten, ItemStore, ItemWritten};
use tokio::time::Instant;

use crate::fates::Fate;
use crate::plan::{Plan, Step};
use crate::refusal::{Reason, Refusal};

/// Batches that are under way at a time.
const BATCH_CONCURRENCY: usize = 8;
/// Sequences, and writes of a batch that has to be taken apart, that are under way at a time.
const SINGLE_CONCURRENCY: usize = 16;

/// The fates of messages, by their places.
type Settled = Vec<(usize, Fate)>;

/// Carries out what can be done until then. Of what is not among the answer nothing is known.
pub(crate) async fn carry_out<I: ItemStore + Sync>(items: &I, plan: &Plan, until: Instant) -> Settled {
    let batches: Vec<_> = plan.batches.iter().map(|batch| write_batch(items, batch, until)).collect();
    let sequences: Vec<_> = plan.sequences.iter().map(|steps| write_sequence(items, steps, until)).collect();
    let batches = stream::iter(batches).buffer_unordered(BATCH_CONCURRENCY).collect::<Vec<_>>();
    let sequences = stream::iter(sequences).buffer_unordered(SINGLE_CONCURRENCY).collect::<Vec<_>>();
    let (batches, sequences) = future::join(batches, sequences).await;
    batches.into_iter().chain(sequences).flatten().collect()
}

async fn write_batch<I: ItemStore + Sync>(items: &I, batch: &[Step], until: Instant) -> Settled {
    let writes: Vec<_> = batch.iter().map(|step| &step.write).collect();
    let patience = until.saturating_duration_since(Instant::now());
    match contained(items.write_batch(&writes, patience), until).await {
        Ok(BatchWritten::Left(left)) => {
            if !left.is_empty() {
                tracing::warn!(messages = left.len(), "DynamoDB did not take messages up");
            }
            let done = batch.iter().enumerate().filter(|(place, _)| !left.contains(place));
            done.flat_map(|(_, step)| settled(step, ItemWritten::Done)).collect()
        }
        // One write in it is wrong, or one table: it costs the others nothing.
        Ok(BatchWritten::Refused(_)) => write_apart(items, batch, until).await,
        Err(IsolationError::Fault(fault)) if !fault.kind.is_retryable() && has_several_tables(batch) => {
            write_apart(items, batch, until).await
        }
        Err(undone) => {
            log(batch, &undone);
            Vec::new()
        }
    }
}

fn has_several_tables(batch: &[Step]) -> bool {
    batch.windows(2).any(|pair| matches!(pair, [one, other] if one.write.table != other.write.table))
}

async fn write_apart<I: ItemStore + Sync>(items: &I, batch: &[Step], until: Instant) -> Settled {
    let writes: Vec<_> = batch.iter().map(|step| write_sequence(items, std::slice::from_ref(step), until)).collect();
    let settled = stream::iter(writes).buffer_unordered(SINGLE_CONCURRENCY).collect::<Vec<_>>().await;
    settled.into_iter().flatten().collect()
}

async fn write_sequence<I: ItemStore + Sync>(items: &I, steps: &[Step], until: Instant) -> Settled {
    let mut fates = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        match contained(items.write(&step.write), until).await {
            Ok(written) => fates.extend(settled(step, written)),
            Err(undone) => {
                // What comes after it must not overtake it.
                log(steps.get(at..).unwrap_or_default(), &undone);
                break;
            }
        }
    }
    fates
}

/// What an answer means for the messages of a step.
fn settled(step: &Step, written: ItemWritten) -> Settled {
    let (own, superseded) = match written {
        ItemWritten::Done => (Fate::Written, Fate::Written),
        ItemWritten::Exists => (Fate::Repeated, Fate::Repeated),
        // What it was to replace has to be written after all.
        ItemWritten::Refused(detail) => (Fate::Refused(Refusal::new(Reason::Dynamodb, detail)), Fate::Again),
    };
    let superseded = step.superseded.iter().map(|place| (*place, superseded.clone()));
    superseded.chain([(step.place, own)]).collect()
}

fn log(steps: &[Step], undone: &IsolationError) {
    let messages: usize = steps.iter().map(|step| 1 + step.superseded.len()).sum();
    let table = steps.first().map(|step| step.write.table.as_str());
    if undone.is_retryable() {
        tracing::warn!(table, messages, error = %undone, "messages are left to their next delivery");
    } else {
        tracing::error!(table, messages, error = %undone, "messages could not be written");
    }
}
