//! Carrying out a plan: batches and sequences at the same time, each for itself.

use std::collections::HashMap;

use futures_util::future;
use lambda_runtime::tracing;
use shared::concurrency::run;
use shared::contained::{IsolationError, contained};
use shared::item::Write;
use shared::port::{BatchWritten, ItemStore, ItemWritten};
use tokio::time::Instant;

use crate::fates::Fate;
use crate::plan::Plan;
use crate::refusal::{Reason, Refusal};
use crate::sequence::{Pending, Sequence};

/// Batches that are under way at a time.
const BATCH_CONCURRENCY: usize = 8;
/// Sequences, and writes of a batch that has to be taken apart, that are under way at a time.
const SINGLE_CONCURRENCY: usize = 16;

/// The fates of messages, by their places.
type Settled = Vec<(usize, Fate)>;

/// Carries out what can be done until then. Of what is not among the answer nothing is known.
pub(crate) async fn carry_out<I: ItemStore + Sync>(items: &I, plan: &Plan, until: Instant) -> Settled {
    let batches = alternating(&plan.batches, |batch| batch.first().and_then(Sequence::last));
    let sequences = alternating(&plan.sequences, Sequence::last);
    let batches = batches.into_iter().map(|batch| write_batch(items, batch, until)).collect();
    let sequences = sequences.into_iter().map(|sequence| write_sequence(items, sequence, until)).collect();
    let (batches, sequences) = future::join(run(batches, BATCH_CONCURRENCY), run(sequences, SINGLE_CONCURRENCY)).await;
    batches.into_iter().chain(sequences).flatten().collect()
}

/// Units of work in an order in which the tables take turns, so that one that hangs does not keep others waiting.
fn alternating<'a, T>(units: &'a [T], last: impl Fn(&'a T) -> Option<&'a Pending>) -> Vec<&'a T> {
    let mut turns: HashMap<&str, usize> = HashMap::new();
    let mut turn = |unit| {
        let table = last(unit).map_or("", |pending| pending.write.table.as_str());
        let turn = turns.entry(table).or_default();
        *turn = turn.saturating_add(1);
        (*turn, unit)
    };
    let mut units: Vec<(usize, &T)> = units.iter().map(&mut turn).collect();
    units.sort_by_key(|(turn, _)| *turn);
    units.into_iter().map(|(_, unit)| unit).collect()
}

async fn write_batch<I: ItemStore + Sync>(items: &I, batch: &[Sequence], until: Instant) -> Settled {
    let writes: Vec<_> = batch.iter().filter_map(Sequence::last).map(|last| &last.write).collect();
    let patience = until.saturating_duration_since(Instant::now());
    match contained(items.write_batch(&writes, patience), until).await {
        Ok(BatchWritten::Left(left)) => {
            if !left.is_empty() {
                tracing::warn!(messages = left.len(), "DynamoDB did not take messages up");
            }
            let done = batch.iter().enumerate().filter(|(place, _)| !left.contains(place));
            done.flat_map(|(_, sequence)| sequence.places()).map(|place| (place, Fate::Written)).collect()
        }
        // One write in it is wrong, or one table: it costs the others nothing.
        Ok(BatchWritten::Refused(_)) => write_apart(items, batch, until).await,
        Err(IsolationError::Fault(fault)) if !fault.kind.is_retryable() && has_several_tables(&writes) => {
            write_apart(items, batch, until).await
        }
        Err(undone) => {
            let messages = batch.iter().map(|sequence| sequence.places().count()).sum();
            log(writes.first().copied(), messages, &undone);
            Vec::new()
        }
    }
}

fn has_several_tables(writes: &[&Write]) -> bool {
    writes.windows(2).any(|pair| matches!(pair, [one, other] if one.table != other.table))
}

async fn write_apart<I: ItemStore + Sync>(items: &I, batch: &[Sequence], until: Instant) -> Settled {
    let writes: Vec<_> = batch.iter().map(|sequence| write_sequence(items, sequence, until)).collect();
    run(writes, SINGLE_CONCURRENCY).await.concat()
}

async fn write_sequence<I: ItemStore + Sync>(items: &I, sequence: &Sequence, until: Instant) -> Settled {
    let mut settled = Vec::new();
    let mut remaining = sequence.begin();
    while let Some(due) = remaining.next() {
        let Pending { place, write } = due.pending;
        let fate = match contained(items.write(write), until).await {
            Ok(ItemWritten::Done) => Fate::Written,
            Ok(ItemWritten::Exists) => Fate::Repeated,
            Ok(ItemWritten::Refused(detail)) => {
                settled.push((*place, Fate::Refused(Refusal::new(Reason::Dynamodb, detail))));
                remaining.reinstate(&due);
                continue;
            }
            Err(undone) => {
                // What comes after it must not overtake it.
                log(Some(write), remaining.count(&due), &undone);
                break;
            }
        };
        settled.extend(remaining.superseded(&due).map(|place| (place, fate.clone())));
        settled.push((*place, fate));
    }
    settled
}

fn log(write: Option<&Write>, messages: usize, undone: &IsolationError) {
    let table = write.map(|write| write.table.as_str());
    if undone.is_retryable() {
        tracing::warn!(table, messages, error = %undone, "messages are left to their next delivery");
    } else {
        tracing::error!(table, messages, error = %undone, "messages could not be written");
    }
}
