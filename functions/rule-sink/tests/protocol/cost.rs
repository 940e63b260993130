//! What a million messages cost by three ways, with the arithmetic, as the function's README tells it. Requests and units
//! are counted from what the function sends; its time is what `make bench` measured.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::stage::{MESSAGES, Stage, json_message};

/// Messages of a batch: the template's `SinkBatchSize`.
const BATCH: u32 = 1000;
/// Milliseconds of a processor that a batch takes, and a message by itself.
const CPU: (f64, f64) = (26.0, 0.5);
/// A processor's share at 512 MB; Lambda gives a whole one at 1,769 MB ("Configure Lambda function memory").
const SHARE: f64 = 512.0 / 1769.0;
/// Milliseconds until DynamoDB answers, taken as typical.
const ANSWER: f64 = 5.0;
/// Requests of a batch that are under way at a time.
const AT_A_TIME: f64 = 8.0;

/// Dollars in us-east-1: for a million rules that are triggered or actions, requests of SQS, invocations on arm64,
/// gigabyte-seconds, and write request units on demand.
const RULE: f64 = 0.15;
const SQS: f64 = 0.40;
const INVOCATION: f64 = 0.20;
const GIGABYTE_SECONDS: f64 = 13.3334;
const UNIT: f64 = 0.625;

/// Octets that one unit writes.
const UNIT_BYTES: usize = 1024;

/// Requests to DynamoDB, and units that they use, for a batch.
async fn asked(messages: &[Value]) -> (f64, f64) {
    let stage = Stage::new();
    stage.written(messages).await;
    let requests = stage.calls().values().sum::<usize>();
    let rows = stage.dynamodb.rows(MESSAGES);
    // An item of less than a unit's size is one unit. Its JSON is longer than what DynamoDB counts.
    assert!(rows.iter().all(|row| row.to_string().len() <= UNIT_BYTES));
    let float = |count: usize| f64::from(u32::try_from(count).unwrap());
    (float(requests), float(rows.len()))
}

/// Dollars for a million invocations of so many milliseconds at 512 MB.
fn duration(milliseconds: f64) -> f64 {
    milliseconds.ceil() / 1000.0 * 0.5 * GIGABYTE_SECONDS
}

#[tokio::test]
async fn the_readme_tells_what_messages_cost() {
    let payload = json!({"temperature": 21.5, "humidity": 43, "status": "ok", "samples": [1, 2, 3, 4, 5]});
    let messages: Vec<Value> =
        (0..u64::from(BATCH)).map(|n| json_message("all", &format!("pump-{}", n % 200), n, &payload)).collect();
    let (requests, units) = asked(&messages).await;
    let (single_requests, single_units) = asked(&messages[..1]).await;
    assert_eq!((requests, single_requests), (40.0, 1.0));

    let batch = f64::from(BATCH);
    let batch_time = CPU.0 / SHARE + requests / AT_A_TIME * ANSWER;
    let single_time = CPU.1 / SHARE + ANSWER;
    // A message is sent alone; ten are received with one request, and deleted with another one.
    let sqs = SQS * (1.0 + 0.1 + 0.1);
    let ways = [
        ("rule sink", sqs, INVOCATION / batch, duration(batch_time) / batch, units / batch * UNIT),
        ("AWS IoT's DynamoDB action", 0.0, 0.0, 0.0, UNIT),
        ("a function invoked for each message", 0.0, INVOCATION, duration(single_time), single_units * UNIT),
    ];
    let mut table = String::new();
    for (name, sqs, invocations, time, units) in ways {
        let rule = 2.0 * RULE;
        let all = rule + sqs + invocations + time + units;
        writeln!(table, "| {name} | {rule:.2} | {sqs:.2} | {invocations:.4} | {time:.4} | {units:.3} | {all:.2} |")
            .unwrap();
    }
    let arithmetic = format!(
        "{:.0} ms / {SHARE:.2} + {:.0} x {ANSWER:.0} ms = {:.0} ms; {:.1} ms / {SHARE:.2} + {ANSWER:.0} ms = {:.0} ms",
        CPU.0,
        requests / AT_A_TIME,
        batch_time.ceil(),
        CPU.1,
        single_time.ceil(),
    );
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&table), "the README does not tell this:\n{table}");
    assert!(readme.contains(&arithmetic), "the README does not tell this:\n{arithmetic}");
}
