//! Whether the tables say what has happened.

use std::collections::BTreeSet;

use serde_json::Value;

use super::devices::Session;
use super::world::{DEVICES, EVENTS, MESSAGES, World};

/// What the tables say, and is not so.
pub(super) fn untruths(world: &World) -> Vec<String> {
    let truth = world.truth();
    let rows = world.dynamodb.rows(DEVICES);
    let of_row = |row: &Value| match truth.sessions.get(text(row, "clientId")) {
        Some(session) => row_untruth(row, session),
        None => Some("a row of nobody".to_owned()),
    };
    let mut untruths: Vec<String> =
        rows.iter().filter_map(|row| of_row(row).map(|untruth| format!("{untruth}: {row}"))).collect();
    if rows.len() != truth.sessions.len() {
        untruths.push(format!("{} rows of {} devices", rows.len(), truth.sessions.len()));
    }
    let events = world.dynamodb.rows(EVENTS).len();
    if events != truth.events {
        untruths.push(format!("{events} events in the history of {}", truth.events));
    }
    let messages = world.dynamodb.rows(MESSAGES);
    let written: BTreeSet<(String, u64)> = messages.iter().map(message).collect();
    if written != truth.messages || messages.len() != truth.messages.len() {
        untruths.push(format!("{} items of {} messages", messages.len(), truth.messages.len()));
    }
    untruths
}

/// What is wrong with the row of a device that is connected by this session.
fn row_untruth(row: &Value, session: &Session) -> Option<String> {
    let filters: BTreeSet<String> = session.filters().concat().into_iter().collect();
    let subscriptions = row["subscriptions"]["M"].as_object().into_iter().flatten();
    let subscribed = subscriptions.filter(|(_, subscription)| subscription["M"]["subscribed"]["BOOL"] == true);
    let subscribed: BTreeSet<String> = subscribed.map(|(filter, _)| filter.clone()).collect();
    let failures = row["connectFailures"]["N"].as_str().unwrap_or("0");
    let checks = [
        (row["connected"]["BOOL"] == true, "not connected"),
        (text(row, "session") == session.id(), "another session"),
        (row.get("disconnectedAt").is_none(), "disconnected"),
        (subscribed == filters, "other subscriptions"),
        (failures == session.failures.to_string(), "another number of failed attempts"),
    ];
    checks.into_iter().find_map(|(is_right, untruth)| (!is_right).then(|| untruth.to_owned()))
}

/// The device of an item of the sink, and what it said.
fn message(item: &Value) -> (String, u64) {
    let says = item["payload"]["M"]["n"]["N"].as_str().and_then(|text| text.parse().ok());
    (text(item, "device").to_owned(), says.unwrap_or(u64::MAX))
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name]["S"].as_str().unwrap_or_default()
}
