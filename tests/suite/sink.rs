//! What devices say ends in tables, each message once and as it was said, or among the rejected messages.

mod exactly;
mod foreign;
mod redriven;
mod shadow;
mod trouble;
mod writing;

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tests::environment::{self, ROOT};
use tests::lambda::{Function, rule_sink};
use tests::queue::Queue;
use tests::sink::Table;
use tests::stack::Stack;
use tokio::time::{Instant, sleep};

/// How long a message may take through the deployed function: ten thousand others may be before it.
const DRAIN: Duration = Duration::from_mins(4);

/// Asks again until there is an answer, as long as a message may be on its way.
async fn drained<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < DRAIN {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        sleep(Duration::from_secs(1)).await;
    }
    bail!("{what} did not appear within {DRAIN:?}")
}

/// The function's binary with routes of a test's own, and with a queue of its own for what it refuses.
struct Sink {
    rejected: Queue,
    variables: Vec<(String, String)>,
}

impl Sink {
    /// `url` is where it finds AWS.
    async fn new(stack: &Stack, url: &str, name: &str, routes: &Value) -> Result<Self> {
        let rejected = Queue::new(stack, &format!("{name}-rejected")).await?;
        let mut variables = environment::rule_sink(url, ROOT);
        // Of two variables with one name the later one counts.
        variables.push(("MORE_ROUTES".to_owned(), routes.to_string()));
        variables.push(("REJECTED_QUEUE_URL".to_owned(), rejected.url.clone()));
        Ok(Self { rejected, variables })
    }

    async fn start(&self) -> Result<Function> {
        Function::start(&rule_sink(), &self.variables).await
    }

    /// What it has refused, in any order.
    async fn refused(&self) -> Result<Vec<Value>> {
        let bodies = self.rejected.bodies().await?;
        Ok(bodies.iter().map(|body| serde_json::from_str(body)).collect::<Result<_, _>>()?)
    }
}

/// A route into a table like the stack's, and further members of it.
fn route(table: &Table, members: Value) -> Value {
    let mut route = json!({
        "tableName": table.name,
        "hashKeyField": "device",
        "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "message",
        "rangeKeyValue": "${timestamp()}#${topic()}#${newuuid()}",
    });
    if let (Value::Object(route), Value::Object(members)) = (&mut route, members) {
        route.extend(members);
    }
    route
}
