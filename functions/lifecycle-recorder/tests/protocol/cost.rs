//! What events cost in DynamoDB's write request units, computed from the requests that are sent and the rows that they
//! change, as the function's README tells it ("Read and write operations" in the Amazon DynamoDB developer guide).

use std::fmt::Write as _;

use serde_json::{Map, Value};
use shared::testing::Sent;

use crate::stage::{DEVICES, MINUTE, START, Stage, connect_failed, connected, disconnected, subscribed, unsubscribed};

/// Octets that one unit writes.
const UNIT: usize = 1024;
/// Dollars for a million units on demand in us-east-1.
const PRICE: f64 = 0.625;
/// The template's indexes of the table `Devices`: their keys, and what else they hold.
const INDEXES: [(&[&str], &[&str]); 2] = [
    (&["principal"], &["connected"]),
    (&["presence", "presenceSince"], &["connected", "disconnectReason", "ipAddress", "principal", "thingName"]),
];

/// Units that were used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Units {
    history: usize,
    indexes: usize,
    rows: usize,
}

impl Units {
    fn all(self) -> usize {
        self.history + self.indexes + self.rows
    }
}

/// An item of less than a unit's size is one unit. Its JSON is longer than what DynamoDB counts.
fn assert_is_one_unit(item: &Value) {
    assert!(item.to_string().len() <= UNIT, "{item}");
}

/// What the requests wrote themselves. A write whose condition was not met costs as much as one.
fn written(sent: &[Sent]) -> Units {
    let mut units = Units::default();
    for Sent { body, operation } in sent {
        match operation.as_str() {
            "BatchWriteItem" => {
                let puts = body["RequestItems"].as_object().unwrap().values().flat_map(|puts| puts.as_array().unwrap());
                for put in puts {
                    assert_is_one_unit(&put["PutRequest"]["Item"]);
                    units.history += 1;
                }
            }
            "TransactWriteItems" => {
                // In a transaction everything is written twice.
                for action in body["TransactItems"].as_array().unwrap() {
                    match action.get("Put") {
                        Some(put) => {
                            assert_is_one_unit(&put["Item"]);
                            units.history += 2;
                        }
                        None => units.rows += 2,
                    }
                }
            }
            "UpdateItem" => units.rows += 1,
            other => panic!("{other}"),
        }
    }
    units
}

/// What DynamoDB wrote into the indexes for a row that changed: a new key is a new entry, and the end of the old one.
fn indexed(before: Option<&Value>, after: &Value) -> usize {
    let part = |row: Option<&Value>, names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| row.map(|row| row[name].clone()).unwrap_or_default()).collect()
    };
    let is_in = |row: Option<&Value>, keys: &[&str]| part(row, keys).iter().all(|value| !value.is_null());
    let entries = INDEXES.iter().map(|(keys, others)| {
        let (was_in, is_in) = (is_in(before, keys), is_in(Some(after), keys));
        if part(before, keys) == part(Some(after), keys) {
            usize::from(is_in && part(before, others) != part(Some(after), others))
        } else {
            usize::from(was_in) + usize::from(is_in)
        }
    });
    entries.sum()
}

/// Records events as one batch, and tells what that used.
async fn cost(stage: &Stage, events: &[Value]) -> Units {
    let rows = |stage: &Stage| -> Map<String, Value> {
        let rows = stage.dynamodb.rows(DEVICES).into_iter();
        rows.map(|row| (row["clientId"]["S"].as_str().unwrap().to_owned(), row)).collect()
    };
    let before = rows(stage);
    let _ = stage.dynamodb.sent();
    stage.recorded(events).await;
    let mut units = written(&stage.dynamodb.sent());
    for (client, row) in rows(stage) {
        assert_is_one_unit(&row);
        units.indexes += indexed(before.get(&client), &row);
    }
    units
}

/// A line of the table in the README.
fn line(table: &mut String, what: &str, events: usize, units: Units) {
    let of_event = |units: usize| f64::from(u32::try_from(units).unwrap()) / f64::from(u32::try_from(events).unwrap());
    let all = of_event(units.all());
    writeln!(
        table,
        "| {what} | {events} | {:.2} | {:.2} | {:.2} | {all:.2} | {:.2} |",
        of_event(units.history),
        of_event(units.rows),
        of_event(units.indexes),
        all * PRICE,
    )
    .unwrap();
}

#[tokio::test]
async fn the_readme_tells_what_events_cost() {
    let stage = Stage::new();
    let mut table = String::new();
    let known = (0..1000).map(|n| format!("device-{n:04}")).collect::<Vec<_>>();
    let first: Vec<Value> = known.iter().map(|client| connected(client, START, "s1", 1)).collect();
    line(&mut table, "first connection", first.len(), cost(&stage, &first).await);
    let ends: Vec<Value> = known.iter().map(|client| disconnected(client, START + MINUTE, "s1", 1)).collect();
    line(&mut table, "disconnection", ends.len(), cost(&stage, &ends).await);
    let again: Vec<Value> = known.iter().map(|client| connected(client, START + 2 * MINUTE, "s2", 2)).collect();
    line(&mut table, "connection", again.len(), cost(&stage, &again).await);
    let filters: Vec<Value> =
        known.iter().map(|client| subscribed(client, START + 2 * MINUTE + 1, "s2", &["cmd/+"])).collect();
    line(&mut table, "subscription", filters.len(), cost(&stage, &filters).await);
    let given_up: Vec<Value> =
        known.iter().map(|client| unsubscribed(client, START + 2 * MINUTE + 2, "s2", &["cmd/+"])).collect();
    line(&mut table, "subscription given up", given_up.len(), cost(&stage, &given_up).await);
    let mut failures: Vec<Value> =
        known.iter().map(|client| connect_failed(client, START + 3 * MINUTE, "f1")).collect();
    for (n, failure) in failures.iter_mut().enumerate() {
        failure["principalIdentifier"] = format!("{n:064x}").into();
    }
    line(&mut table, "failed attempt to connect", failures.len(), cost(&stage, &failures).await);
    let bulk: Vec<Value> = known.iter().map(|client| connect_failed(client, START + 3 * MINUTE, "f2")).collect();
    line(
        &mut table,
        "failed attempt of one principal, under a thousand client ids",
        bulk.len(),
        cost(&stage, &bulk).await,
    );
    let repeats: Vec<Value> = known.iter().map(|client| connected(client, START + 2 * MINUTE, "s2", 2)).collect();
    line(&mut table, "event that was recorded before", repeats.len(), cost(&stage, &repeats).await);
    let storm: Vec<Value> = known
        .iter()
        .flat_map(|client| {
            let (end, begin) = (START + 4 * MINUTE, START + 4 * MINUTE + 9);
            [disconnected(client, end, "s2", 2), connected(client, begin, "s3", 3)]
        })
        .collect();
    line(&mut table, "fleet that reconnects within a batch", storm.len(), cost(&stage, &storm).await);
    let flapping: Vec<Value> = (0..500)
        .flat_map(|n| {
            let (session, begin) = (format!("t{n}"), START + 5 * MINUTE + 100 * n);
            [connected("device-0000", begin, &session, 4 + n), disconnected("device-0000", begin + 50, &session, 4 + n)]
        })
        .collect();
    line(&mut table, "one client that flaps within a batch", flapping.len(), cost(&stage, &flapping).await);

    let readme = include_str!("../../README.md");
    assert!(readme.contains(&table), "the README does not tell this:\n{table}");
}
