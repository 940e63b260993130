//! What the template says of a stack on AWS, and no local cloud shows: assertions on the output of the SAM transform.

#![expect(clippy::indexing_slicing, reason = "a member that is not there is null")]

mod alarms;
mod names;
mod queues;
mod retention;
mod rules;
mod settings;
mod snapshots;
mod tables;

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

const SECONDS_OF_A_DAY: u64 = 86_400;

/// A file of the project.
fn file(path: &str) -> Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&file).with_context(|| file.display().to_string())
}

fn number(value: &Value) -> Result<u64> {
    value.as_u64().with_context(|| format!("{value} is not a number"))
}
