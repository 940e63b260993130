//! Walks over the items of a table or an index, page by page.

use super::attribute::{self, Item, size};
use super::key_condition::KeyCondition;
use super::refusal::Refusal;
use super::request::Members;
use super::table::{Index, Key, Table};

/// What a page's items may take.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// A walk in the order of the keys.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    /// Which items it meets.
    pub(super) condition: Option<KeyCondition>,
    pub(super) forward: bool,
    pub(super) index: Option<&'a Index>,
    pub(super) table: &'a Table,
}

/// A part of a walk.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) items: Vec<&'a Item>,
    /// Where the next one starts.
    pub(super) last: Option<Item>,
}

impl<'a> Walk<'a> {
    pub(super) fn page(&self, request: Members<'_>) -> Result<Page<'a>, Refusal> {
        let limit =
            match request.get("Limit").map(|limit| limit.as_u64().ok_or_else(|| Refusal::shape("a Limit", limit))) {
                None => usize::MAX,
                Some(limit) => usize::try_from(limit?).unwrap_or(usize::MAX),
            };
        if limit == 0 {
            let constraint = "failed to satisfy constraint: Member must have value greater than or equal to 1";
            return Err(Refusal::invalid(format!("1 validation error detected: Value '0' at 'limit' {constraint}")));
        }
        let start = request.get("ExclusiveStartKey").map(|start| self.start(&attribute::item(start)?)).transpose()?;
        let is_met = |item: &&Item| self.condition.as_ref().is_none_or(|condition| condition.holds(item));
        let met = match &self.condition {
            Some(condition) => self.table.under(&condition.hash_key, self.index),
            None => self.table.rows.values().map(|row| &row.item).collect(),
        };
        let mut rows: Vec<_> =
            met.into_iter().filter(is_met).filter_map(|item| Some((self.position(item)?, item))).collect();
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        if !self.forward {
            rows.reverse();
        }
        if let Some(start) = start {
            rows.retain(|(position, _)| if self.forward { *position > start } else { *position < start });
        }
        let mut items: Vec<&Item> = Vec::new();
        let mut taken = 0;
        for (_, item) in rows {
            taken += size(item);
            if taken > MAX_PAGE_BYTES && !items.is_empty() {
                let last = items.last().map(|last| self.key(last));
                return Ok(Page { items, last });
            }
            items.push(item);
            // The service does not look whether anything follows.
            if items.len() == limit {
                return Ok(Page { items, last: Some(self.key(item)) });
            }
        }
        Ok(Page { items, last: None })
    }

    /// Where an item stands, if it is in the index: items of one index key are in the order of their own keys.
    fn position(&self, item: &Item) -> Option<(Key, Key)> {
        let key = self.table.schema.key(item)?;
        let place = self.index.map_or_else(|| Some(key.clone()), |index| index.schema.key(item))?;
        Some((place, key))
    }

    /// The attributes that say where an item stands.
    fn key(&self, item: &Item) -> Item {
        let of_index = self.index.into_iter().flat_map(|index| index.schema.attributes());
        let names = self.table.schema.attributes().chain(of_index);
        names.filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
    }

    fn start(&self, start: &Item) -> Result<(Key, Key), Refusal> {
        let position = self.position(start).filter(|_| self.key(start) == *start);
        let position = position.ok_or_else(|| Refusal::invalid("The provided starting key is invalid"))?;
        self.condition.as_ref().map_or(Ok(()), |condition| condition.check_start(start)).map(|()| position)
    }
}
