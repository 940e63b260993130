//! Items of DynamoDB tables, and what is to be done with them.

mod check;
mod size;

use std::collections::BTreeMap;

use crate::route::KeyValue;
use crate::substitution::Value;

pub use check::{NameFault, unfit_name};

/// Attributes that one UPDATE sets, at most: an expression has at most 300 operators ("Expression parameters" under
/// "Service, account, and table quotas in Amazon DynamoDB").
pub const MAX_UPDATED: usize = 300;

/// The greatest name of an attribute, in octets.
pub const MAX_NAME_BYTES: usize = 65_535;

/// What an attribute holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Attribute {
    /// Octets.
    Binary(Vec<u8>),
    /// Anything that JSON can hold; undefined values are written as null.
    Json(Value),
}

/// Attributes by name.
pub type Attributes = BTreeMap<String, Attribute>;

/// One attribute of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyAttribute {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: KeyValue,
}

/// The primary key of an item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ItemKey {
    /// The partition key.
    pub hash: KeyAttribute,
    /// The sort key, if the table has one.
    pub range: Option<KeyAttribute>,
}

impl ItemKey {
    /// The attributes, one or two.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        [Some(&self.hash), self.range.as_ref()].into_iter().flatten()
    }
}

/// What is to be done with one item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// What is done.
    pub effect: Effect,
    /// The item.
    pub key: ItemKey,
    /// The table.
    pub table: String,
}

/// What is done with an item. The attributes are those besides the key's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// It is deleted, if there is one.
    Delete,
    /// It is put in place of whatever is there.
    Put(Attributes),
    /// It is put if there is none, or one that has expired.
    PutNew(Attributes, Option<Expired>),
    /// These attributes are set, others stay; if there is no item, it is made.
    Update(Attributes),
}

/// Which item has expired, though DynamoDB has not deleted it yet: that takes up to days ("Using time to live (TTL) in
/// DynamoDB" in the Amazon DynamoDB developer guide).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expired {
    /// The second since 1970 at which the field of an expired item says at most.
    pub at: u64,
    /// The attribute that says when an item expires. An item without it, or whose value is no number, never does.
    pub field: String,
}

impl Effect {
    /// The attributes that are written.
    #[must_use]
    pub fn attributes(&self) -> Option<&Attributes> {
        match self {
            Self::Delete => None,
            Self::Put(attributes) | Self::PutNew(attributes, _) | Self::Update(attributes) => Some(attributes),
        }
    }

    /// Whether it makes whatever was there before irrelevant, and has no condition, so that a batch can take it.
    #[must_use]
    pub fn replaces(&self) -> bool {
        matches!(self, Self::Delete | Self::Put(_))
    }
}
