//! The batches that need most memory: as much as Lambda hands over at once, of payloads that become as many values as
//! their bytes allow.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::environment::{self, ROOT};
use tests::lambda::{Function, rule_sink};
use tests::sink::{Table, deliveries, envelope, event};

/// The greatest payload of AWS IoT, in bytes.
const MAX_PAYLOAD: usize = 131_072;
/// The greatest event of Lambda, in bytes.
const MAX_EVENT: usize = 6 << 20;
/// Objects or arrays inside of each other; DynamoDB allows 32.
const DEPTH: usize = 30;

/// Prints the memory of the function for each kind of batch; `url` is a DynamoDB that answers at once.
pub(crate) async fn measure(url: &str, table: &Table, routes: &Value) -> Result<()> {
    println!("{:<44}{:>10}{:>12}{:>12}", "worst batches, 6 MB each", "messages", "ms", "MiB at most");
    for (name, payload) in payloads() {
        let body = |n: u32| envelope("telemetry", &format!("dt/{}-{n}/telemetry", table.name), n, &payload).to_string();
        let one = event(&deliveries(&[body(0)])).len();
        let count = u32::try_from((MAX_EVENT - 1000) / one)?;
        let batch = event(&deliveries(&(0..count).map(body).collect::<Vec<_>>()));
        let mut variables = environment::rule_sink(url, ROOT);
        variables.push(("MORE_ROUTES".to_owned(), routes.to_string()));
        let mut function = Function::start(&rule_sink(), &variables).await?;
        let begun = std::time::Instant::now();
        let answer = function.answer(&batch).await?;
        let took = begun.elapsed().as_millis();
        ensure!(answer == json!({"batchItemFailures": []}), "not what was to be measured: {answer}");
        println!("{name:<44}{count:>10}{took:>12}{:>12}", function.peak_memory()? >> 20);
    }
    Ok(())
}

/// Payloads, each with its name.
fn payloads() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |open: &str, inner: &str, close: &str| open.repeat(DEPTH) + inner + &close.repeat(DEPTH);
    let members = (0..MAX_PAYLOAD / 10).map(|n| format!("\"{n:05}\":1")).collect::<Vec<_>>().join(",");
    let twelve = ('a'..='l').map(|name| format!("\"{name}\":1")).collect::<Vec<_>>().join(",");
    vec![
        ("numbers", array("1")),
        ("empty texts", array("\"\"")),
        ("empty arrays", array("[]")),
        ("arrays, nested 30 deep", array(&nested("[", "1", "]"))),
        ("objects of one member", array(r#"{"a":1}"#)),
        ("objects of twelve members", array(&format!("{{{twelve}}}"))),
        ("objects of one member, nested 30 deep", array(&nested(r#"{"a":"#, "1", "}"))),
        ("an object of many members", format!("{{{members}}}").into_bytes()),
        ("a text of escapes", format!("\"{}\"", "\\u0001".repeat(MAX_PAYLOAD / 6 - 1)).into_bytes()),
        ("binary", vec![0xff; MAX_PAYLOAD]),
    ]
}

/// An array of as many elements as fit.
fn array(element: &str) -> Vec<u8> {
    let count = (MAX_PAYLOAD - 1) / (element.len() + 1);
    format!("[{}]", vec![element; count].join(",")).into_bytes()
}
