//! Lifecycle events as AWS IoT sends them, and their way into the lifecycle recorder.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::lambda::Function;

/// When the events begin, in milliseconds since 1970.
pub const START: i64 = 1_790_000_000_000;

fn event(client: &str, kind: &str, after: i64, session: &str) -> Value {
    json!({
        "clientId": client, "timestamp": START + after, "eventType": kind, "sessionIdentifier": session,
        "principalIdentifier": "ce".repeat(32),
    })
}

/// A connection that begins so many milliseconds after [`START`].
#[must_use]
pub fn connected(client: &str, after: i64, session: &str, version: i64) -> Value {
    let mut event = event(client, "connected", after, session);
    event["ipAddress"] = "198.51.100.7".into();
    event["versionNumber"] = version.into();
    event
}

/// A connection that ends because it broke.
#[must_use]
pub fn disconnected(client: &str, after: i64, session: &str, version: i64) -> Value {
    let mut event = event(client, "disconnected", after, session);
    event["clientInitiatedDisconnect"] = false.into();
    event["disconnectReason"] = "CONNECTION_LOST".into();
    event["versionNumber"] = version.into();
    event
}

/// An attempt to connect that was not authorized.
#[must_use]
pub fn connect_failed(client: &str, after: i64, session: &str) -> Value {
    let mut event = event(client, "connect_failed", after, session);
    event["connectFailureReason"] = "AUTHORIZATION_FAILED".into();
    event
}

/// A subscription to one topic filter.
#[must_use]
pub fn subscribed(client: &str, after: i64, session: &str, filter: &str) -> Value {
    let mut event = event(client, "subscribed", after, session);
    event["topics"] = json!([filter]);
    event
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
    let failures = answer["batchItemFailures"].as_array().with_context(|| format!("no answer for SQS: {answer}"))?;
    let id = |failure: &Value| failure["itemIdentifier"].as_str().map(ToOwned::to_owned);
    failures.iter().map(|failure| id(failure).with_context(|| format!("no id: {answer}"))).collect()
}
