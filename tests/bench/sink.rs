//! How many messages the rule sink takes, and how much of a processor each costs.
//!
//! The release binary, first against a DynamoDB that answers at once, so that what is left is the function's own work,
//! then against the local cloud's, which is slower than AWS's and runs on the same processors. It prints, and never fails
//! because of a figure.

mod worst;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tests::environment::{self, ROOT};
use tests::lambda::{Function, rule_sink};
use tests::queue::Delivery;
use tests::sink::{Table, deliveries, envelope, event};
use tests::stack::Stack;
use tokio::net::TcpListener;

/// Messages of a batch: what the template lets Lambda gather.
const BATCH: u32 = 1000;
/// Batches against the DynamoDB that answers at once, after a first one that is not counted.
const BATCHES: u32 = 60;
/// Batches against the local cloud's.
const FEWER: u32 = 10;
/// Invocations with a single message.
const SINGLE: u32 = 2000;
/// Octets of a payload.
const PAYLOAD: usize = 200;
/// Devices that the messages are of.
const DEVICES: u32 = 200;
/// Messages that a second of a processor should be enough for.
const GOAL: f64 = 20_000.0;

#[tokio::main]
async fn main() -> Result<()> {
    let stack = Stack::connect().await;
    let table = Table::new(&stack, "sink-bench").await?;
    let at_once = stub().await?;
    println!("rule sink, batches of {BATCH} messages with payloads of {PAYLOAD} octets");
    println!(
        "{:<24}{:>10}{:>12}{:>16}{:>12}{:>12}",
        "", "messages", "messages/s", "messages/CPU s", "ms/batch", "billed ms"
    );
    let run = measure("DynamoDB at once", &at_once, &table, BATCHES, BATCH).await?;
    measure("the same, one by one", &at_once, &table, SINGLE, 1).await?;
    measure("DynamoDB of this cloud", &stack.url, &table, FEWER, BATCH).await?;
    worst::measure(&at_once, &table, &routes(&table)).await?;
    // A DynamoDB that is busy gives back everything once, and all of it is kept to be sent again.
    println!("the same, each request answered with everything unprocessed at first");
    worst::measure(&busy().await?, &table, &routes(&table)).await?;
    let met = if run.per_cpu_second >= GOAL { "yes" } else { "no" };
    println!("messages/CPU s >= {GOAL}: {met}; at most {} MiB", run.memory >> 20);
    Ok(())
}

struct Run {
    /// Octets, at most.
    memory: u64,
    per_cpu_second: f64,
}

async fn measure(name: &str, url: &str, table: &Table, batches: u32, size: u32) -> Result<Run> {
    let mut variables = environment::rule_sink(url, ROOT);
    variables.push(("MORE_ROUTES".to_owned(), routes(table).to_string()));
    let mut function = Function::start(&rule_sink(), &variables).await?;
    // Connections are made, and what is read once has been read.
    take(&mut function, batches, size).await?;
    let process = newest_child()?;
    let used = used(process)?;
    let mut took = Vec::new();
    for n in 0..batches {
        took.push(take(&mut function, n, size).await?);
    }
    let used = self::used(process)?.saturating_sub(used);
    let messages = f64::from(batches * size);
    let whole: Duration = took.iter().sum();
    took.sort_unstable();
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    let run = Run { memory: function.peak_memory()?, per_cpu_second: messages / used.as_secs_f64() };
    println!(
        "{name:<24}{messages:>10}{:>12.0}{:>16.0}{:>12.1}{:>12}",
        messages / whole.as_secs_f64(),
        run.per_cpu_second,
        median.as_secs_f64() * 1e3,
        // Lambda counts milliseconds that have begun.
        median.as_micros().div_ceil(1000),
    );
    Ok(run)
}

/// The template's telemetry without the question whose certificate it is: nobody was let in here.
fn routes(table: &Table) -> Value {
    json!({"telemetry": {
        "tableName": table.name,
        "hashKeyField": "device",
        "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "message",
        "rangeKeyValue": "${timestamp()}#${topic()}#${newuuid()}",
        "ttl": {"field": "expiresAt", "after": "90d"},
    }})
}

fn batch(n: u32, size: u32) -> Vec<u8> {
    let body = |m: u32| {
        let at = n * size + m;
        let topic = format!("dt/pump-{:04}/telemetry", at % DEVICES);
        envelope("telemetry", &topic, at, &payload(at)).to_string()
    };
    let deliveries: Vec<Delivery> = deliveries(&(0..size).map(body).collect::<Vec<_>>());
    event(&deliveries)
}

/// What a pump might say.
fn payload(at: u32) -> Vec<u8> {
    let mut payload = json!({
        "sequence": at,
        "temperature": 21.5,
        "humidity": f64::from(at % 1000) / 10.0,
        "pressure": 1013.25,
        "state": {"pump": "on", "valve": at.is_multiple_of(2), "errors": [0, at % 7]},
        "firmware": "4.2.1",
        "note": "",
    });
    let missing = PAYLOAD.saturating_sub(payload.to_string().len());
    if let Some(note) = payload.get_mut("note") {
        *note = "x".repeat(missing).into();
    }
    payload.to_string().into_bytes()
}

/// Hands the n-th batch over.
async fn take(function: &mut Function, n: u32, size: u32) -> Result<Duration> {
    let event = batch(n, size);
    let begun = Instant::now();
    let answer = function.answer(&event).await?;
    let took = begun.elapsed();
    ensure!(answer == json!({"batchItemFailures": []}), "not what was to be measured: {answer}");
    let metrics = function.metrics().await.context("no metrics")?;
    ensure!(metrics.get("MessagesWritten") == Some(&size.into()), "not what was to be measured: {metrics}");
    Ok(took)
}

/// A DynamoDB that has written everything as soon as it has been asked.
async fn stub() -> Result<String> {
    serve(Router::new().fallback(written)).await
}

/// A DynamoDB that has processed nothing when it is asked for the first, third, fifth time.
async fn busy() -> Result<String> {
    let requests = Arc::new(AtomicUsize::new(0));
    let answer = move |headers: HeaderMap, body: Bytes| {
        let is_busy = requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        async move {
            let (status, headers, written) = written(headers, body.clone()).await;
            let text = String::from_utf8_lossy(&body);
            let unprocessed = text.replacen("\"RequestItems\"", "\"UnprocessedItems\"", 1);
            (status, headers, if is_busy { unprocessed } else { written.to_owned() })
        }
    };
    serve(Router::new().fallback(answer)).await
}

async fn serve(routes: Router) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let routes = routes.layer(DefaultBodyLimit::disable());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(url)
}

async fn written(headers: HeaderMap, _: Bytes) -> (StatusCode, [(&'static str, &'static str); 2], &'static str) {
    let headers_of = [("content-type", "application/x-amz-json-1.0"), ("x-amzn-requestid", "0")];
    match headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        Some("DynamoDB_20120810.BatchWriteItem") => (StatusCode::OK, headers_of, r#"{"UnprocessedItems":{}}"#),
        _ => (StatusCode::BAD_REQUEST, headers_of, r#"{"__type":"ValidationException","message":"not expected"}"#),
    }
}

/// The process that this one has started last (proc(5); Linux only).
fn newest_child() -> Result<u32> {
    let parent = std::process::id().to_string();
    let process = |entry: std::io::Result<fs::DirEntry>| {
        let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
        (fields(id).ok()?.get(1)? == &parent).then_some(id)
    };
    fs::read_dir("/proc")?.filter_map(process).max().context("no process was started")
}

/// How much of a processor a process has used: `utime` and `stime` of proc(5), in ticks of a hundredth of a second.
fn used(process: u32) -> Result<Duration> {
    let fields = fields(process)?;
    let ticks = |at: usize| fields.get(at).context("too few fields")?.parse::<u64>().context("no number");
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

/// What the kernel tells of a process, from its state on.
fn fields(process: u32) -> Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, which comes before, may hold anything.
    let (_, fields) = text.rsplit_once(')').context("no name")?;
    Ok(fields.split_whitespace().map(ToOwned::to_owned).collect())
}
