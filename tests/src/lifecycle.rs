//! Lifecycle events as AWS IoT sends them, and their way into the lifecycle recorder.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::lambda::Function;

/// When the events begin, in milliseconds since 1970.
pub const START: i64 = 1_790_000_000_000;

fn event(client: &str, kind: &str, after: i64, session: &str, members: Value) -> Value {
    let mut event = json!({
        "clientId": client, "timestamp": START + after, "eventType": kind, "sessionIdentifier": session,
        "principalIdentifier": "ce".repeat(32),
    });
    if let (Value::Object(event), Value::Object(members)) = (&mut event, members) {
        event.extend(members);
    }
    event
}

/// A connection that begins so many milliseconds after [`START`].
#[must_use]
pub fn connected(client: &str, after: i64, session: &str, version: i64) -> Value {
    event(client, "connected", after, session, json!({"ipAddress": "198.51.100.7", "versionNumber": version}))
}

/// A connection that ends because it broke.
#[must_use]
pub fn disconnected(client: &str, after: i64, session: &str, version: i64) -> Value {
    let members = json!({
        "clientInitiatedDisconnect": false, "disconnectReason": "CONNECTION_LOST", "versionNumber": version,
    });
    event(client, "disconnected", after, session, members)
}

/// An attempt to connect that was not authorized.
#[must_use]
pub fn connect_failed(client: &str, after: i64, session: &str) -> Value {
    event(client, "connect_failed", after, session, json!({"connectFailureReason": "AUTHORIZATION_FAILED"}))
}

/// A subscription to one topic filter.
#[must_use]
pub fn subscribed(client: &str, after: i64, session: &str, filter: &str) -> Value {
    event(client, "subscribed", after, session, json!({"topics": [filter]}))
}

/// Gives events to a function as one batch, as Lambda does it with messages of a queue; the n-th message is called `n`.
/// Tells the ids of those that are to be delivered again.
///
/// # Errors
/// If the function fails as a whole.
pub async fn deliver(function: &mut Function, events: &[Value]) -> Result<Vec<String>> {
    let bodies: Vec<String> = events.iter().map(ToString::to_string).collect();
    deliver_bodies(function, &bodies).await
}

/// The same with messages that may hold anything.
///
/// # Errors
/// If the function fails as a whole.
pub async fn deliver_bodies(function: &mut Function, bodies: &[String]) -> Result<Vec<String>> {
    let record = |(n, body): (usize, &String)| {
        json!({
            "messageId": n.to_string(), "receiptHandle": "handle", "body": body, "attributes": {},
            "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "us-east-1",
        })
    };
    let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
    let answer = function.answer(json!({"Records": records}).to_string().as_bytes()).await?;
    let failures = answer.get("batchItemFailures").and_then(Value::as_array);
    let failures = failures.with_context(|| format!("no answer for SQS: {answer}"))?;
    let id = |failure: &Value| Some(failure.get("itemIdentifier")?.as_str()?.to_owned());
    failures.iter().map(|failure| id(failure).with_context(|| format!("no id: {answer}"))).collect()
}
