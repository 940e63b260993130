//! The rule sink's side of the stack: messages on their way into it, queues and rules of a test's own, and the tables
//! that it writes.

mod chance;
mod payload;
mod rule;
mod table;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

pub use chance::Chance;
pub use payload::{Payload, payload};
pub use rule::listen;
pub use table::{Item, Table, content, octets};

use crate::lambda::Function;
use crate::queue::Delivery;

/// When the messages begin that are not published but made, in milliseconds since 1970.
pub const START: u64 = 1_790_000_000_000;

/// A body as a rule makes it. Its time is `n` milliseconds after [`START`]; its trace id follows from the topic and `n`, and
/// is before those of earlier ones.
#[must_use]
pub fn envelope(route: &str, topic: &str, n: u32, payload: &[u8]) -> Value {
    json!({
        "payload": BASE64_STANDARD.encode(payload),
        "topic": topic,
        "timestamp": START + u64::from(n),
        "clientId": "client",
        "principal": "ce".repeat(32),
        "traceId": format!("{topic}-{}", u32::MAX - n),
        "route": route,
    })
}

/// Bodies as deliveries; the n-th message is called `n`.
#[must_use]
pub fn deliveries(bodies: &[String]) -> Vec<Delivery> {
    let delivery = |(n, body): (usize, &String)| Delivery {
        body: body.clone(),
        message_id: n.to_string(),
        receipt: "handle".to_owned(),
    };
    bodies.iter().enumerate().map(delivery).collect()
}

/// What Lambda makes of a batch.
#[must_use]
pub fn event(batch: &[Delivery]) -> Vec<u8> {
    let record = |delivery: &Delivery| {
        json!({
            "messageId": delivery.message_id, "receiptHandle": delivery.receipt, "body": delivery.body,
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}, "eventSource": "aws:sqs",
            "awsRegion": "us-east-1",
        })
    };
    json!({"Records": batch.iter().map(record).collect::<Vec<_>>()}).to_string().into_bytes()
}

/// The messages that an answer gives back to the queue.
///
/// # Errors
/// If it is none for SQS.
pub fn given_back(answer: &Value) -> Result<BTreeSet<String>> {
    let failures = answer.get("batchItemFailures").and_then(Value::as_array);
    let failures = failures.with_context(|| format!("no answer for SQS: {answer}"))?;
    let id = |failure: &Value| Some(failure.get("itemIdentifier")?.as_str()?.to_owned());
    failures.iter().map(|failure| id(failure).with_context(|| format!("no id: {answer}"))).collect()
}

/// Gives a batch to a function; tells the messages that are to be delivered again.
///
/// # Errors
/// If the function fails as a whole.
pub async fn deliver(function: &mut Function, batch: &[Delivery]) -> Result<BTreeSet<String>> {
    given_back(&function.answer(&event(batch)).await?)
}
