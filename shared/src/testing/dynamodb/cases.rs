//! What DynamoDB does, as cases: requests in the wire form, and the answers that AWS's documents give them.
//!
//! The unit tests run them in memory, and the whole suite in the local cloud too: two services that nobody wrote
//! together have to give the same answers.

mod batches;
mod conditions;
mod expressions;
mod indexes;
mod keys;
mod limits;
mod outcome;
mod queries;
mod reads;
mod revisions;
mod transactions;
mod updates;
mod values;
mod writes;

use serde_json::{Value, json};

pub use outcome::Outcome;

use super::{Answer, ScalarType, Tables};

/// A table of the cases. Every case starts with all of them empty.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Name of the table.
    pub name: &'static str,
    /// Partition key.
    pub hash: (&'static str, ScalarType),
    /// Sort key.
    pub range: Option<(&'static str, ScalarType)>,
    /// Global secondary index, which projects all attributes: name, partition key, sort key. Its keys are strings, but
    /// for those that the table's key has too.
    pub index: Option<(&'static str, &'static str, Option<&'static str>)>,
}

/// The tables of the cases.
pub const LAYOUTS: [Layout; 5] = [
    Layout { name: "t", hash: ("id", ScalarType::S), range: None, index: Some(("byKeeper", "keeper", None)) },
    Layout {
        name: "r",
        hash: ("device", ScalarType::S),
        range: Some(("message", ScalarType::S)),
        index: Some(("byKind", "kind", Some("message"))),
    },
    Layout {
        name: "n",
        hash: ("id", ScalarType::S),
        range: Some(("seq", ScalarType::N)),
        index: Some(("bySeq", "seq", Some("id"))),
    },
    Layout { name: "m", hash: ("seq", ScalarType::N), range: None, index: None },
    Layout {
        name: "u",
        hash: ("registrationId", ScalarType::S),
        range: None,
        index: Some(("byUnconfirmed", "unconfirmed", Some("since"))),
    },
];

/// The tables of the cases in memory, empty.
#[must_use]
pub fn tables() -> Tables {
    LAYOUTS.iter().fold(Tables::default(), |tables, Layout { name, hash, range, index }| {
        let tables = tables.table_with(name, *hash, *range);
        match index {
            Some((index, hash, range)) => tables.index(name, index, hash, *range),
            None => tables,
        }
    })
}

/// A behaviour of DynamoDB: steps that are taken in order.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is about; no other case has the same name.
    pub name: String,
    /// The requests.
    pub steps: Vec<Step>,
}

/// A request, and what it is answered.
#[derive(Clone, Debug)]
pub struct Step {
    /// What DynamoDB answers.
    pub expected: Outcome,
    /// Words that the message of a refusal contains, whoever refuses.
    pub message: &'static str,
    /// Name of the case, and what tells the step from the others of it.
    pub name: String,
    /// The operation, such as `GetItem`.
    pub operation: &'static str,
    /// The request's JSON.
    pub request: Value,
    /// Whether the pages that follow are read too.
    walks: bool,
}

impl Step {
    /// The request that follows these answers to the step's earlier requests; none at the end of the step.
    #[must_use]
    pub fn next_request(&self, answers: &[Answer]) -> Option<Value> {
        let Some(last) = answers.last() else { return Some(self.request.clone()) };
        let start = last.body.get("LastEvaluatedKey").filter(|_| self.walks)?;
        let mut request = self.request.clone();
        request.as_object_mut()?.insert("ExclusiveStartKey".to_owned(), start.clone());
        Some(request)
    }

    /// What the step's answers come to.
    #[must_use]
    pub fn outcome(&self, answers: &[Answer]) -> Outcome {
        match answers {
            [answer] if !self.walks => Outcome::of(self.operation, answer),
            answers => Outcome::of_pages(self.operation, answers),
        }
    }

    /// How an outcome differs from the expected one.
    ///
    /// # Errors
    /// If it does.
    pub fn check(&self, outcome: &Outcome) -> Result<(), String> {
        if *outcome != self.expected {
            return Err(format!("expected {}, found {outcome}", self.expected));
        }
        let found = outcome.message.as_deref().unwrap_or_default();
        if !found.contains(self.message) {
            return Err(format!("expected a message with {:?}, found {found:?}", self.message));
        }
        Ok(())
    }
}

/// Every case.
#[must_use]
pub fn all() -> Vec<Case> {
    [
        batches::cases(),
        conditions::cases(),
        expressions::cases(),
        indexes::cases(),
        keys::cases(),
        limits::cases(),
        queries::cases(),
        reads::cases(),
        revisions::cases(),
        transactions::cases(),
        updates::cases(),
        values::cases(),
        writes::cases(),
    ]
    .concat()
}

impl Case {
    /// Whether one of the requests is about the table.
    #[must_use]
    pub fn uses(&self, table: &str) -> bool {
        self.steps.iter().any(|step| names(&step.request, table))
    }

    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), steps: Vec::new() }
    }

    /// Puts items into a table.
    fn given(self, table: &str, items: impl IntoIterator<Item = Value>) -> Self {
        items
            .into_iter()
            .fold(self, |case, item| case.answers("PutItem", json!({"TableName": table, "Item": item}), json!({})))
    }

    /// A request that is carried out, and the body of its answer.
    fn answers(self, operation: &'static str, request: Value, body: Value) -> Self {
        self.step(operation, request, Outcome::carried_out(operation, body), "")
    }

    /// A request that is refused as invalid, with a message that contains these words.
    fn invalid(self, operation: &'static str, request: Value, message: &'static str) -> Self {
        self.refused(operation, request, "ValidationException", message)
    }

    /// A request that is refused with this error.
    fn refused(self, operation: &'static str, request: Value, code: &str, message: &'static str) -> Self {
        self.step(operation, request, Outcome::refused(code, json!({})), message)
    }

    /// A request whose condition does not hold, and the item that the answer has.
    fn condition_fails(self, operation: &'static str, request: Value, item: Option<Value>) -> Self {
        let members = item.map_or_else(|| json!({}), |item| json!({"Item": item}));
        let outcome = Outcome::refused("ConditionalCheckFailedException", members);
        self.step(operation, request, outcome, "The conditional request failed")
    }

    /// A transaction that is canceled for these reasons, whose messages are not compared.
    fn canceled(self, request: Value, reasons: &Value) -> Self {
        let outcome = Outcome::refused("TransactionCanceledException", json!({"CancellationReasons": reasons}));
        self.step("TransactWriteItems", request, outcome, "Transaction cancelled")
    }

    /// A `Query` or `Scan` whose pages hold so many items, and all items in the order of the pages; those of a `Scan`
    /// are compared in any order.
    fn pages<const N: usize>(
        mut self,
        operation: &'static str,
        request: Value,
        sizes: [usize; N],
        items: &[Value],
    ) -> Self {
        self = self.step(operation, request, Outcome::pages(operation, &sizes, items), "");
        if let Some(step) = self.steps.last_mut() {
            step.walks = true;
        }
        self
    }

    /// The items that a table holds.
    fn holds(self, table: &str, items: &[Value]) -> Self {
        let count = items.len();
        let request = json!({"TableName": table, "ConsistentRead": true});
        self.answers("Scan", request, json!({"Count": count, "Items": items, "ScannedCount": count}))
    }

    /// Tells the last step from the others by this label instead of by its number.
    fn labelled(mut self, label: &str) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.name = format!("{}: {label}", self.name);
        }
        self
    }

    fn step(mut self, operation: &'static str, request: Value, expected: Outcome, message: &'static str) -> Self {
        let name = format!("{}: {} {operation}", self.name, self.steps.len() + 1);
        self.steps.push(Step { expected, message, name, operation, request, walks: false });
        self
    }
}

/// Whether a request, or a part of one, names the table.
fn names(request: &Value, table: &str) -> bool {
    match request {
        Value::Object(members) => members.iter().any(|(name, value)| match name.as_str() {
            "TableName" => value == table,
            "RequestItems" => value.get(table).is_some(),
            _ => names(value, table),
        }),
        Value::Array(elements) => elements.iter().any(|element| names(element, table)),
        _ => false,
    }
}

/// A request with further members, which take the place of those that it has.
fn with(mut request: Value, members: &Value) -> Value {
    if let (Some(request), Some(members)) = (request.as_object_mut(), members.as_object()) {
        request.extend(members.clone());
    }
    request
}

/// Those of the named values that an expression uses, for `ExpressionAttributeValues`; null if it uses none.
fn used(expression: &str, values: &Value) -> Value {
    let is_used = |name: &str| expression.split(|c: char| !(c.is_alphanumeric() || c == ':')).any(|word| word == name);
    let values = values.as_object().into_iter().flatten().filter(|(name, _)| is_used(name));
    let values: Value = values.map(|(name, value)| (name.clone(), value.clone())).collect();
    if values.as_object().is_some_and(serde_json::Map::is_empty) { Value::Null } else { values }
}
