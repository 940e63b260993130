//! Tables: their keys, and what of an item they accept.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::attribute::{Attribute, Item, depth, names, size};
use super::number::Number;
use super::path::Path;
use super::refusal::Refusal;

/// Levels of values in one another.
const MAX_DEPTH: usize = 32;
const MAX_HASH_BYTES: usize = 2048;
const MAX_ITEM_BYTES: usize = 400 * 1024;
const MAX_NAME_BYTES: usize = 65_535;
const MAX_RANGE_BYTES: usize = 1024;

/// The type of a key attribute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ScalarType {
    /// A number.
    N,
    /// A string.
    S,
}

impl ScalarType {
    fn name(self) -> &'static str {
        match self {
            Self::N => "N",
            Self::S => "S",
        }
    }
}

/// The value of a key attribute. Numbers are equal by value.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Scalar {
    N(Number),
    S(String),
}

impl Scalar {
    /// The value if it is of the type.
    pub(super) fn of(value: &Attribute, kind: ScalarType) -> Option<Self> {
        match (value, kind) {
            (Attribute::N(number), ScalarType::N) => Some(Self::N(*number)),
            (Attribute::S(text), ScalarType::S) => Some(Self::S(text.clone())),
            _ => None,
        }
    }

    fn is_longer(&self, most: usize) -> bool {
        matches!(self, Self::S(text) if text.len() > most)
    }
}

/// The values of an item's key attributes.
pub(super) type Key = (Scalar, Option<Scalar>);

/// The key attributes of a table or an index, by name, each with its type.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schema {
    pub(super) hash: String,
    hash_type: ScalarType,
    pub(super) range: Option<String>,
    range_type: ScalarType,
}

impl Schema {
    pub(super) fn new(hash: (&str, ScalarType), range: Option<(&str, ScalarType)>) -> Self {
        Self {
            hash: hash.0.to_owned(),
            hash_type: hash.1,
            range: range.map(|(name, _)| name.to_owned()),
            range_type: range.map_or(ScalarType::S, |(_, kind)| kind),
        }
    }

    pub(super) fn attributes(&self) -> impl Iterator<Item = &String> {
        [&self.hash].into_iter().chain(&self.range)
    }

    /// The type of one of the key attributes; of any other name it is S.
    pub(super) fn kind(&self, name: &str) -> ScalarType {
        match name {
            name if name == self.hash => self.hash_type,
            name if self.range.as_ref().is_some_and(|range| name == range) => self.range_type,
            _ => ScalarType::S,
        }
    }

    /// Whether a value is of the type of a key attribute.
    pub(super) fn admits(&self, name: &str, value: &Attribute) -> bool {
        value.type_name() == self.kind(name).name()
    }

    /// The key of an item, if it has one.
    pub(super) fn key(&self, item: &Item) -> Option<Key> {
        let value = |name: &String| Scalar::of(item.get(name)?, self.kind(name));
        let range = match &self.range {
            Some(name) => Some(value(name)?),
            None => None,
        };
        Some((value(&self.hash)?, range))
    }
}

/// An item that is stored. Copies of a table share it.
#[derive(Debug)]
pub(super) struct Row {
    /// What the item is known by, once somebody has asked.
    pub(super) fingerprint: OnceLock<u64>,
    pub(super) item: Item,
}

impl Row {
    fn new(item: Item) -> Self {
        Self { fingerprint: OnceLock::new(), item }
    }
}

impl Deref for Row {
    type Target = Item;

    fn deref(&self) -> &Item {
        &self.item
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.item == other.item
    }
}

/// An index, and which items are in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Index {
    /// The keys of the items under each hash key.
    places: BTreeMap<Scalar, BTreeSet<Key>>,
    pub(super) schema: Schema,
}

impl Index {
    pub(super) fn new(schema: Schema) -> Self {
        Self { places: BTreeMap::new(), schema }
    }

    fn add(&mut self, key: &Key, item: &Item) {
        if let Some((hash, _)) = self.schema.key(item) {
            self.places.entry(hash).or_default().insert(key.clone());
        }
    }

    fn remove(&mut self, key: &Key, item: &Item) {
        if let Some((hash, _)) = self.schema.key(item)
            && let Some(places) = self.places.get_mut(&hash)
        {
            places.remove(key);
            if places.is_empty() {
                self.places.remove(&hash);
            }
        }
    }
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub(super) indexes: BTreeMap<String, Index>,
    pub(super) rows: BTreeMap<Key, Arc<Row>>,
    pub(super) schema: Schema,
}

impl Table {
    pub(super) fn new(schema: Schema) -> Self {
        Self { indexes: BTreeMap::new(), rows: BTreeMap::new(), schema }
    }

    /// Reads a key, which holds the key attributes and nothing else.
    pub(super) fn key(&self, key: &Item) -> Result<Key, Refusal> {
        let found = self.schema.key(key).filter(|_| key.len() == self.schema.attributes().count());
        let found = found.ok_or_else(key_mismatch)?;
        self.check_filled(key)?;
        check_length(&found).map(|()| found)
    }

    /// The key of an item that is to be stored.
    pub(super) fn key_of(&self, item: &Item) -> Result<Key, Refusal> {
        for name in self.schema.attributes() {
            let problem = match item.get(name) {
                None => format!("Missing the key {name} in the item"),
                Some(value) if self.schema.admits(name, value) => continue,
                Some(other) => {
                    let expected = self.schema.kind(name).name();
                    format!("Type mismatch for key {name} expected: {expected} actual: {}", other.type_name())
                }
            };
            return Err(Refusal::invalid(format!("One or more parameter values were invalid: {problem}")));
        }
        self.check_filled(item)?;
        let key = self.schema.key(item).ok_or_else(key_mismatch)?;
        check_length(&key).map(|()| key)
    }

    /// Refuses empty strings as key attributes.
    pub(super) fn check_filled(&self, item: &Item) -> Result<(), Refusal> {
        let is_empty = |name: &&String| item.get(*name).and_then(Attribute::as_text) == Some("");
        self.schema.attributes().find(is_empty).map_or(Ok(()), |name| {
            Err(Refusal::invalid(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
                 empty string value. Key: {name}"
            )))
        })
    }

    /// Refuses empty strings as key attributes of an index.
    pub(super) fn check_indexes_filled(&self, item: &Item) -> Result<(), Refusal> {
        let schemas = self.indexes.iter().map(|(index, Index { schema, .. })| (index, schema));
        let keys = schemas.flat_map(|(index, schema)| schema.attributes().map(move |name| (index, name)));
        let mut empty = keys.filter(|(_, name)| item.get(*name).and_then(Attribute::as_text) == Some(""));
        empty.next().map_or(Ok(()), |(index, name)| {
            Err(Refusal::invalid(format!(
                "One or more parameter values are not valid. A value specified for a secondary index key is not \
                 supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: \
                 {index}, IndexKey: {name}"
            )))
        })
    }

    /// Refuses an item that the indexes can't take.
    pub(super) fn check_indexes(&self, item: &Item) -> Result<(), Refusal> {
        self.check_indexes_filled(item)?;
        for (index, Index { schema, .. }) in &self.indexes {
            for name in schema.attributes() {
                check_index_key(index, schema, name, item.get(name))?;
            }
            schema.key(item).map_or(Ok(()), |key| check_length(&key))?;
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

    /// Lets no item be known by what it was known by before.
    pub(super) fn forget_fingerprints(&mut self) {
        for row in self.rows.values_mut() {
            *row = Arc::new(Row::new(row.item.clone()));
        }
    }

    /// The item of a key.
    pub(super) fn item(&self, key: &Key) -> Option<&Item> {
        self.rows.get(key).map(|row| &row.item)
    }

    /// Stores an item in the place of the one before, or none.
    pub(super) fn store(&mut self, key: Key, item: Option<Item>) {
        if let Some(before) = self.rows.remove(&key) {
            self.indexes.values_mut().for_each(|index| index.remove(&key, &before));
        }
        if let Some(item) = item {
            self.indexes.values_mut().for_each(|index| index.add(&key, &item));
            self.rows.insert(key, Arc::new(Row::new(item)));
        }
    }

    /// The items under a hash key of the table or of an index, which are not in the order of the index.
    pub(super) fn under<'a>(&'a self, hash: &Scalar, index: Option<&'a Index>) -> Vec<&'a Item> {
        match index {
            None => {
                let rows = self.rows.range((hash.clone(), None)..).take_while(|((found, _), _)| found == hash);
                rows.map(|(_, row)| &row.item).collect()
            }
            Some(index) => {
                let places = index.places.get(hash).into_iter().flatten();
                places.filter_map(|key| self.item(key)).collect()
            }
        }
    }
}

/// The refusal of a key that is not one of the table.
pub(super) fn key_mismatch() -> Refusal {
    Refusal::invalid("The provided key element does not match the schema")
}

/// Refuses an item whose names can't be, or that is nested too deep.
pub(super) fn check_shape(item: &Item) -> Result<(), Refusal> {
    if names(item).any(str::is_empty) {
        return Err(Refusal::invalid("Empty attribute name"));
    }
    if names(item).any(|name| name.len() > MAX_NAME_BYTES) {
        return Err(Refusal::invalid("Attribute name is too large, must be less than 65536 bytes"));
    }
    if depth(item) > MAX_DEPTH {
        return Err(Refusal::invalid(
            "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported \
             limit",
        ));
    }
    Ok(())
}

/// Whether an item is larger than an item may be.
pub(super) fn is_too_large(item: &Item) -> bool {
    size(item) > MAX_ITEM_BYTES
}

fn check_index_key(index: &str, schema: &Schema, name: &str, value: Option<&Attribute>) -> Result<(), Refusal> {
    let Some(other) = value.filter(|value| !schema.admits(name, value)) else { return Ok(()) };
    Err(Refusal::invalid(format!(
        "One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: {} Actual: {} \
         IndexName: {index}",
        schema.kind(name).name(),
        other.type_name()
    )))
}

fn check_length((hash, range): &Key) -> Result<(), Refusal> {
    let problem = if hash.is_longer(MAX_HASH_BYTES) {
        "Size of hashkey has exceeded the maximum size limit of2048 bytes"
    } else if range.as_ref().is_some_and(|range| range.is_longer(MAX_RANGE_BYTES)) {
        "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
    } else {
        return Ok(());
    };
    Err(Refusal::invalid(format!("One or more parameter values were invalid: {problem}")))
}
