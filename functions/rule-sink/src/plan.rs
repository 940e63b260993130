//! The writes of a slice as requests: what can go into batches, and what has to be done one after another.

use std::collections::{BTreeMap, BTreeSet};

use shared::item::{KeyAttribute, Write};
use shared::port::{BATCH_WRITES, MAX_BATCH_BYTES};

use crate::sequence::{Pending, Sequence};

/// What names an item: the table, and the keys as [`KeyValue::canonical`](shared::route::KeyValue::canonical) has them.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ItemId(String, String, Option<String>);

impl ItemId {
    pub(crate) fn new(Write { key, table, .. }: &Write) -> Self {
        let text = |key: &KeyAttribute| key.value.canonical().into_owned();
        Self(table.clone(), text(&key.hash), key.range.as_ref().map(text))
    }
}

/// What has to be done. No two of its sequences have an item in common, so that their order does not count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Items whose last message replaces whatever there was, so many together as a request takes.
    pub batches: Vec<Vec<Sequence>>,
    /// Items that are written message by message.
    pub sequences: Vec<Sequence>,
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
        let mut total = 0_usize;
        // In the order of tables, so that one that makes trouble meets few others in a batch.
        for sequence in items.into_values().map(Sequence::new) {
            let Some(last) = sequence.last().filter(|_| sequence.is_replacement()) else {
                plan.sequences.push(sequence);
                continue;
            };
            let size = last.write.size();
            total = total.saturating_add(size);
            match plan.batches.last_mut() {
                Some(batch) if batch.len() < BATCH_WRITES && total <= MAX_BATCH_BYTES => batch.push(sequence),
                _ => {
                    total = size;
                    plan.batches.push(vec![sequence]);
                }
            }
        }
        plan
    }

    /// The items of which a message is left undone.
    pub(crate) fn undone_items(&self, is_undone: impl Fn(usize) -> bool) -> BTreeSet<ItemId> {
        let sequences = self.batches.iter().flatten().chain(&self.sequences);
        let undone = sequences.filter(|sequence| sequence.places().any(&is_undone));
        undone.filter_map(|sequence| Some(ItemId::new(&sequence.last()?.write))).collect()
    }
}
