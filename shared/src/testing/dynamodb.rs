//! DynamoDB in memory: tables that answer requests in DynamoDB's wire form, and refuse what the service refuses.
//!
//! Keys are strings or numbers. Indexes are read as of now, and project all attributes. A page ends after 1 MB, as the
//! service's do. What is not supported is refused, never ignored. What it answers is in the [cases], which the whole
//! suite sends to the local cloud's DynamoDB too.

#![expect(clippy::expect_used, reason = "a test that describes its tables wrongly ends")]

mod attribute;
mod batch;
pub mod cases;
mod condition;
mod function;
mod key_condition;
mod number;
mod path;
mod read;
mod refusal;
mod request;
mod reserved;
mod table;
mod tokens;
mod transaction;
mod update;
mod walk;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use attribute::to_json;
use refusal::Refusal;
pub use table::ScalarType;
use table::{Index, Schema, Table};

/// Tables, and what they hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// Copies share a table until one of them changes it.
    tables: BTreeMap<String, Arc<Table>>,
    /// The transactions that were carried out, by their token.
    transactions: BTreeMap<String, Value>,
}

/// What DynamoDB answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON.
    pub body: Value,
}

impl Tables {
    /// Adds an empty table. Its key attributes are strings.
    #[must_use]
    pub fn table(self, name: &str, hash: &str, range: Option<&str>) -> Self {
        self.table_with(name, (hash, ScalarType::S), range.map(|range| (range, ScalarType::S)))
    }

    /// Adds an empty table whose key attributes are of these types.
    #[must_use]
    pub fn table_with(mut self, name: &str, hash: (&str, ScalarType), range: Option<(&str, ScalarType)>) -> Self {
        self.tables.insert(name.to_owned(), Arc::new(Table::new(Schema::new(hash, range))));
        self
    }

    /// Adds a global secondary index, in which an item is if it has the index's key attributes. They are strings, but for
    /// those that the table's key has too.
    ///
    /// # Panics
    /// If there is no such table.
    #[must_use]
    pub fn index(mut self, table: &str, name: &str, hash: &str, range: Option<&str>) -> Self {
        let table = self.changed(table).expect("the index is of a table that was added before");
        let typed = |name| (name, table.schema.kind(name));
        let schema = Schema::new(typed(hash), range.map(typed));
        table.indexes.insert(name.to_owned(), Index::new(schema));
        self
    }

    /// Carries out an operation, such as `UpdateItem`.
    pub fn answer(&mut self, operation: &str, request: &Value) -> Answer {
        let answered = match operation {
            "BatchGetItem" => batch::get(self, request),
            "BatchWriteItem" => batch::write(self, request, 0),
            "DeleteItem" => write::single(self, "Delete", request),
            "GetItem" => read::get(self, request),
            "PutItem" => write::single(self, "Put", request),
            "Query" => read::query(self, request),
            "Scan" => read::scan(self, request),
            "TransactWriteItems" => transaction::write(self, request),
            "UpdateItem" => write::single(self, "Update", request),
            other => Err(Refusal::UnknownOperation(other.to_owned())),
        };
        told(answered)
    }

    /// Carries out a `BatchWriteItem` but for its last `left` requests, which it gives back as `UnprocessedItems`: tables
    /// in the order of their names, the requests of each in theirs. Any other operation is carried out as a whole.
    pub fn answer_in_part(&mut self, operation: &str, request: &Value, left: usize) -> Answer {
        if operation != "BatchWriteItem" {
            return self.answer(operation, request);
        }
        told(batch::write(self, request, left))
    }

    /// All items of a table, in the order of their keys.
    ///
    /// # Panics
    /// If there is no such table.
    #[must_use]
    pub fn rows(&self, table: &str) -> Vec<Value> {
        self.tables.get(table).expect("a table").rows.values().map(|row| to_json(row)).collect()
    }

    /// What each item of a table is known by, in the order of their keys. It is found out once for each item that is stored;
    /// `fingerprint` has to be the same each time until [`forget_fingerprints`](Self::forget_fingerprints).
    ///
    /// # Panics
    /// If there is no such table.
    pub(super) fn fingerprints(&self, table: &str, mut fingerprint: impl FnMut(&Value) -> u64) -> Vec<u64> {
        let rows = self.tables.get(table).expect("a table").rows.values();
        rows.map(|row| *row.fingerprint.get_or_init(|| fingerprint(&to_json(row)))).collect()
    }

    /// Lets no item be known by what it was known by before.
    pub(super) fn forget_fingerprints(&mut self) {
        self.tables.values_mut().for_each(|table| Arc::make_mut(table).forget_fingerprints());
    }

    /// A table that is about to be changed.
    fn changed(&mut self, name: &str) -> Option<&mut Table> {
        self.tables.get_mut(name).map(Arc::make_mut)
    }

    fn named(&self, name: &str) -> Result<&Table, Refusal> {
        self.tables.get(name).map(|table| &**table).ok_or(Refusal::UnknownTable)
    }
}

fn told(answered: Result<Value, Refusal>) -> Answer {
    answered.map_or_else(|refusal| refusal.answer(), |body| Answer { status: 200, body })
}

#[cfg(test)]
mod tests;
