//! How long the CRL checker takes for a CRL of a million entries, what it asks for, and how much memory it needs.
//!
//! The release binary against the local cloud, which is slower than AWS and runs on the same processors. It prints, and
//! never fails because of a figure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, crl_checker};
use tests::recorder::Recorder;
use tests::roll::{Roll, Standing};
use tests::stack::Stack;

/// Entries of the first CRL.
const LISTED: u64 = 1_000_000;
/// Certificates that are newly revoked.
const REVOKED: u64 = 100;
/// Certificates whose hold ends.
const RELEASED: u64 = 20;
/// Registered certificates that no CRL has ever listed.
const OTHERS: u64 = 100_000;
/// What the process may have in memory.
const BUDGET_MIB: u64 = 128;

#[tokio::main]
async fn main() -> Result<()> {
    let stack = Stack::connect().await;
    let roll = Roll::new(&stack).await?;
    let held = LISTED - RELEASED..LISTED;
    let revoked = LISTED..LISTED + REVOKED;
    let (result, took) = timed(async {
        roll.register(held.clone(), Standing::Held).await?;
        roll.register(revoked.clone(), Standing::Activated).await?;
        roll.fill(revoked.end..revoked.end + OTHERS).await
    })
    .await;
    result?;
    println!("{} registrations written in {:.1} s", OTHERS + REVOKED + RELEASED, took.as_secs_f64());

    let recorder = Recorder::start(&stack.url).await?;
    let mut function = Function::start(&crl_checker(), &environment::crl_checker(&recorder.url, ROOT)).await?;
    let (length, took) = timed(Box::pin(roll.publish(1, 0..held.start, held.clone()))).await;
    println!("CRL of {LISTED} entries, {} octets, made and published in {:.1} s", length?, took.as_secs_f64());
    sweep("first sweep", &roll, &mut function, &recorder).await?;
    sweep("the same again", &roll, &mut function, &recorder).await?;
    roll.publish(2, (0..held.start).chain(revoked), []).await?;
    let report = sweep("100 revoked, 20 released", &roll, &mut function, &recorder).await?;
    let changes = report.get("changes").cloned().unwrap_or_default();
    ensure!(changes.get("revoked") == Some(&REVOKED.into()), "not what was to be measured: {report}");
    ensure!(changes.get("released") == Some(&RELEASED.into()), "not what was to be measured: {report}");

    let mebibytes = function.peak_memory()? >> 20;
    println!("peak memory <= {BUDGET_MIB} MiB: {}", if mebibytes <= BUDGET_MIB { "yes" } else { "no" });
    Ok(())
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let done = work.await;
    (done, begun.elapsed())
}

async fn sweep(name: &str, roll: &Roll, function: &mut Function, recorder: &Recorder) -> Result<Value> {
    let (report, took) = timed(function.answer(&roll.request())).await;
    let mut counts = BTreeMap::<String, usize>::new();
    for operation in recorder.take() {
        *counts.entry(operation).or_default() += 1;
    }
    let memory = function.peak_memory()? >> 20;
    println!("{name}: {:.1} s, at most {memory} MiB so far", took.as_secs_f64());
    for (operation, count) in counts {
        println!("  {operation:<26}{count:>7}");
    }
    report
}
