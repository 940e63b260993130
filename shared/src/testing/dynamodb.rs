//! DynamoDB in memory: tables that answer requests in DynamoDB's wire form, and refuse what the service refuses.
//!
//! Keys are strings. Indexes are read as of now, and project all attributes. A page ends after 1 MB, as the service's do.
//! What is not supported is refused, never ignored.

#![expect(clippy::expect_used, reason = "a test that describes its tables wrongly ends")]

mod attribute;
mod batch;
mod condition;
mod number;
mod path;
mod read;
mod refusal;
mod request;
mod table;
mod tokens;
mod transaction;
mod update;
mod walk;
mod write;

use std::collections::BTreeMap;

use serde_json::Value;

use attribute::to_json;
use refusal::Refusal;
use table::{Schema, Table};

/// Tables, and what they hold.
#[derive(Debug, Default)]
pub struct Tables {
    tables: BTreeMap<String, Table>,
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
    pub fn table(mut self, name: &str, hash: &str, range: Option<&str>) -> Self {
        self.tables.insert(name.to_owned(), Table::new(Schema::new(hash, range)));
        self
    }

    /// Adds a global secondary index, in which an item is if it has the index's key attributes.
    ///
    /// # Panics
    /// If there is no such table.
    #[must_use]
    pub fn index(mut self, table: &str, name: &str, hash: &str, range: Option<&str>) -> Self {
        let table = self.tables.get_mut(table).expect("the index is of a table that was added before");
        table.indexes.insert(name.to_owned(), Schema::new(hash, range));
        self
    }

    /// Carries out an operation, such as `UpdateItem`.
    pub fn answer(&mut self, operation: &str, request: &Value) -> Answer {
        let answered = match operation {
            "BatchGetItem" => batch::get(self, request),
            "BatchWriteItem" => batch::write(self, request),
            "DeleteItem" => write::single(self, "Delete", request),
            "GetItem" => read::get(self, request),
            "PutItem" => write::single(self, "Put", request),
            "Query" => read::query(self, request),
            "Scan" => read::scan(self, request),
            "TransactWriteItems" => transaction::write(self, request),
            "UpdateItem" => write::single(self, "Update", request),
            other => Err(Refusal::UnknownOperation(other.to_owned())),
        };
        answered.map_or_else(|refusal| refusal.answer(), |body| Answer { status: 200, body })
    }

    /// All items of a table, in the order of their keys.
    ///
    /// # Panics
    /// If there is no such table.
    #[must_use]
    pub fn rows(&self, table: &str) -> Vec<Value> {
        self.tables.get(table).expect("a table").rows.values().map(to_json).collect()
    }

    fn named(&self, name: &str) -> Result<&Table, Refusal> {
        self.tables.get(name).ok_or(Refusal::UnknownTable)
    }
}

#[cfg(test)]
mod tests;
