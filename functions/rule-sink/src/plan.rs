//! The writes of a slice as requests: what can go into batches, what has to be done one after another, and what
//! need not be done because a later message of the same item makes it irrelevant.

use std::collections::{BTreeMap, BTreeSet};

use shared::item::{Effect, KeyAttribute, Write};
use shared::port::{BATCH_WRITES, MAX_BATCH_BYTES};

/// A message that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
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
    /// Earlier messages of the same item, which need not be written if this one is.
    pub superseded: Vec<usize>,
    /// The write.
    pub write: Write,
}

/// What names an item: the table, and the keys as [`KeyValue::canonical`](shared::route::KeyValue::canonical) has them.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ItemId(String, String, Option<String>);

impl ItemId {
    pub(crate) fn new(Write { key, table, .. }: &Write) -> Self {
        let text = |key: &KeyAttribute| key.value.canonical().into_owned();
        Self(table.clone(), text(&key.hash), key.range.as_ref().map(text))
    }
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
    /// Plans the writes, which are in the order in which rules saw the messages.
    #[must_use]
    pub fn new(writes: Vec<Pending>) -> Self {
        let mut items: BTreeMap<ItemId, Vec<Pending>> = BTreeMap::new();
        for pending in writes {
            items.entry(ItemId::new(&pending.write)).or_default().push(pending);
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

    /// The items of which a message is left undone.
    pub(crate) fn undone_items(&self, is_undone: impl Fn(usize) -> bool) -> BTreeSet<ItemId> {
        let steps = self.batches.iter().chain(&self.sequences).flatten();
        let undone = steps.filter(|step| step.superseded.iter().chain([&step.place]).any(|place| is_undone(*place)));
        undone.map(|step| ItemId::new(&step.write)).collect()
    }
}

/// What has to be done for one item.
fn steps(writes: Vec<Pending>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(writes.len());
    for Pending { place, write } in writes {
        let mut step = Step { place, superseded: Vec::new(), write };
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
