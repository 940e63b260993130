//! Tables: their keys, and what of an item they accept.

use std::collections::BTreeMap;

use super::attribute::{Attribute, Item, size};
use super::path::Path;
use super::refusal::Refusal;

const LARGEST_ITEM: usize = 400 * 1024;
const LONGEST_HASH: usize = 2048;
const LONGEST_RANGE: usize = 1024;

/// The values of an item's key attributes; the second is empty where there is none.
pub(super) type Key = (String, String);

/// The names of the key attributes of a table or an index.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub(super) hash: String,
    pub(super) range: Option<String>,
}

impl Schema {
    pub(super) fn new(hash: &str, range: Option<&str>) -> Self {
        Self { hash: hash.to_owned(), range: range.map(ToOwned::to_owned) }
    }

    pub(super) fn attributes(&self) -> impl Iterator<Item = &String> {
        [&self.hash].into_iter().chain(&self.range)
    }

    /// The key of an item, if it has one.
    pub(super) fn key(&self, item: &Item) -> Option<Key> {
        let value = |name: &String| item.get(name)?.as_text().map(ToOwned::to_owned);
        let range = self.range.as_ref().map_or_else(|| Some(String::new()), value)?;
        value(&self.hash).map(|hash| (hash, range))
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) indexes: BTreeMap<String, Schema>,
    pub(super) rows: BTreeMap<Key, Item>,
    pub(super) schema: Schema,
}

impl Table {
    pub(super) fn new(schema: Schema) -> Self {
        Self { indexes: BTreeMap::new(), rows: BTreeMap::new(), schema }
    }

    /// Reads a key, which holds the key attributes and nothing else.
    pub(super) fn key(&self, key: &Item) -> Result<Key, Refusal> {
        let found = self.schema.key(key).filter(|_| key.len() == self.schema.attributes().count());
        let found = found.ok_or_else(|| Refusal::invalid("The provided key element does not match the schema"))?;
        self.check_filled(key)?;
        check_length(&found).map(|()| found)
    }

    /// The key of an item that is to be stored.
    pub(super) fn key_of(&self, item: &Item) -> Result<Key, Refusal> {
        for name in self.schema.attributes() {
            let problem = match item.get(name) {
                None => format!("Missing the key {name} in the item"),
                Some(Attribute::S(_)) => continue,
                Some(other) => format!("Type mismatch for key {name} expected: S actual: {}", other.type_name()),
            };
            return Err(Refusal::invalid(format!("One or more parameter values were invalid: {problem}")));
        }
        self.check_filled(item)?;
        let key = self.schema.key(item).unwrap_or_default();
        check_length(&key).map(|()| key)
    }

    fn check_filled(&self, item: &Item) -> Result<(), Refusal> {
        let is_empty = |name: &&String| item.get(*name).and_then(Attribute::as_text) == Some("");
        self.schema.attributes().find(is_empty).map_or(Ok(()), |name| {
            Err(Refusal::invalid(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                 empty string value. Key: {name}"
            )))
        })
    }

    /// Refuses an item that its indexes can't take, or that is too large.
    pub(super) fn check(&self, item: &Item) -> Result<(), Refusal> {
        for (index, schema) in &self.indexes {
            for name in schema.attributes() {
                check_index_key(index, name, item.get(name))?;
            }
            schema.key(item).map_or(Ok(()), |key| check_length(&key))?;
        }
        if size(item) > LARGEST_ITEM {
            return Err(Refusal::invalid("Item size has exceeded the maximum allowed size"));
        }
        Ok(())
    }

    /// Refuses to write to key attributes.
    pub(super) fn check_paths<'a>(&self, mut paths: impl Iterator<Item = &'a Path>) -> Result<(), Refusal> {
        let of_key = paths.find(|path| self.schema.attributes().any(|name| *name == path.attribute));
        of_key.map_or(Ok(()), |path| {
            Err(Refusal::invalid(format!(
                "One or more parameter values were invalid: Cannot update attribute {}. This attribute is part of \
                 the key",
                path.attribute
            )))
        })
    }

    /// Stores an item in the place of the one before, or none.
    pub(super) fn store(&mut self, key: Key, item: Option<Item>) {
        match item {
            Some(item) => self.rows.insert(key, item),
            None => self.rows.remove(&key),
        };
    }
}

fn check_index_key(index: &str, name: &str, value: Option<&Attribute>) -> Result<(), Refusal> {
    let problem = match value {
        Some(Attribute::S(text)) if text.is_empty() => format!(
            "One or more parameter values are not valid. A value specified for a secondary index key is not supported. \
             The AttributeValue for a key attribute cannot contain an empty string value. IndexName: {index}, \
             IndexKey: {name}"
        ),
        None | Some(Attribute::S(_)) => return Ok(()),
        Some(other) => format!(
            "One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: S Actual: {} \
             IndexName: {index}",
            other.type_name()
        ),
    };
    Err(Refusal::Invalid(problem))
}

fn check_length(key: &Key) -> Result<(), Refusal> {
    let problem = match key {
        (hash, _) if hash.len() > LONGEST_HASH => "Size of hashkey has exceeded the maximum size limit of 2048 bytes",
        (_, range) if range.len() > LONGEST_RANGE => {
            "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
        }
        _ => return Ok(()),
    };
    Err(Refusal::invalid(format!("One or more parameter values were invalid: {problem}")))
}
