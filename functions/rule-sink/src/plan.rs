//! The writes of an invocation as requests: what can go into batches, what has to be done one after another, and what
//! need not be done because a later message of the same item makes it irrelevant.

use std::collections::BTreeMap;

use shared::item::{Effect, Write};
use shared::port::{BATCH_WRITES, MAX_BATCH_BYTES};

/// A message that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// When the rule saw it: milliseconds since 1970.
    pub at: u64,
    /// What names the delivery: two of one name and time are one message that came twice.
    pub delivery_id: String,
    /// Its place among the records.
    pub place: usize,
    /// The write.
    pub write: Write,
}

/// A write that has to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The place of the message that is written.
    pub place: usize,
    /// Messages that need not be written if this one is: earlier ones of the same item, and repeats.
    pub superseded: Vec<usize>,
    /// The write.
    pub write: Write,
}

/// What has to be done. No two batches and no two sequences have an item in common, so that their order does not count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Writes that replace, so many together as a request takes.
    pub batches: Vec<Vec<Step>>,
    /// Writes of one item each, one after another.
    pub sequences: Vec<Vec<Step>>,
}

impl Plan {
    /// Plans the writes. Messages of one item are in the order in which rules saw them.
    #[must_use]
    pub fn new(writes: Vec<Pending>) -> Self {
        let mut items: BTreeMap<(String, String, Option<String>), Vec<Pending>> = BTreeMap::new();
        for pending in writes {
            let Write { key, table, .. } = &pending.write;
            let text = |key: &shared::item::KeyAttribute| key.value.canonical().into_owned();
            let item = (table.clone(), text(&key.hash), key.range.as_ref().map(text));
            items.entry(item).or_default().push(pending);
        }
        let mut plan = Self::default();
        let mut size = 0;
        // In the order of tables, so that one that makes trouble meets few others in a batch.
        for mut steps in items.into_values().map(steps) {
            match steps.pop() {
                Some(step) if steps.is_empty() && step.write.effect.replaces() => {
                    size += step.write.size();
                    match plan.batches.last_mut() {
                        Some(batch) if batch.len() < BATCH_WRITES && size <= MAX_BATCH_BYTES => batch.push(step),
                        _ => {
                            size = step.write.size();
                            plan.batches.push(vec![step]);
                        }
                    }
                }
                Some(step) => {
                    steps.push(step);
                    plan.sequences.push(steps);
                }
                None => {}
            }
        }
        plan
    }
}

/// What has to be done for one item.
fn steps(writes: Vec<Pending>) -> Vec<Step> {
    let mut distinct: Vec<(Pending, Vec<usize>)> = Vec::with_capacity(writes.len());
    // One delivery has several writes of an item if several routes lead to it.
    let mut known: BTreeMap<(u64, String), Vec<usize>> = BTreeMap::new();
    for pending in writes {
        let places = known.entry((pending.at, pending.delivery_id.clone())).or_default();
        let same = |at: &&usize| distinct.get(**at).is_some_and(|(first, _)| first.write == pending.write);
        let first = places.iter().find(same).copied();
        if let Some((_, repeats)) = first.and_then(|at| distinct.get_mut(at)) {
            repeats.push(pending.place);
        } else {
            places.push(distinct.len());
            distinct.push((pending, Vec::new()));
        }
    }
    // Of one millisecond the queue's order is the best that is known.
    distinct.sort_by_key(|(pending, _)| (pending.at, pending.place));
    let mut steps: Vec<Step> = Vec::with_capacity(distinct.len());
    for (Pending { place, write, .. }, superseded) in distinct {
        let mut step = Step { place, superseded, write };
        while let Some(earlier) = steps.pop_if(|earlier| is_irrelevant(&earlier.write.effect, &step.write.effect)) {
            step.superseded.push(earlier.place);
            step.superseded.extend(earlier.superseded);
        }
        steps.push(step);
    }
    steps
}

/// Whether nothing is left of a write after the next one of the same item.
fn is_irrelevant(earlier: &Effect, later: &Effect) -> bool {
    match (earlier, later) {
        (_, Effect::Delete | Effect::Put(_)) => true,
        (Effect::Update(earlier), Effect::Update(later)) => earlier.keys().all(|name| later.contains_key(name)),
        _ => false,
    }
}
