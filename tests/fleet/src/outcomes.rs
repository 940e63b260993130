//! What has come of fleets of several sizes at the template's defaults. A file beside this crate keeps it, for the table and the
//! picture in the documentation: the largest fleet takes an hour.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use crate::{Beside, Outcome};

/// The file.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/outcomes.json");

/// By the number of devices, and who is beside them.
pub type Outcomes = BTreeMap<(u32, Beside), Outcome>;

/// A row of the file.
#[derive(Deserialize, Serialize)]
struct Row {
    devices: u32,
    beside: Beside,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Reads a file of outcomes.
///
/// # Errors
/// If it can't be read.
pub fn read(path: &Path) -> Result<Outcomes> {
    let name = || path.display().to_string();
    let text = std::fs::read(path).with_context(name)?;
    let rows: Vec<Row> = serde_json::from_slice(&text).with_context(name)?;
    Ok(rows.into_iter().map(|Row { devices, beside, outcome }| ((devices, beside), outcome)).collect())
}

/// Writes a file of outcomes.
///
/// # Errors
/// If it can't be written.
pub fn write(path: &Path, outcomes: &Outcomes) -> Result<()> {
    let rows = outcomes.iter().map(|((devices, beside), outcome)| Row {
        devices: *devices,
        beside: *beside,
        outcome: *outcome,
    });
    let text = serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?;
    std::fs::write(path, format!("{text}\n")).with_context(|| path.display().to_string())
}

/// The outcomes as a table.
pub fn table(outcomes: &Outcomes) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "devices",
        "beside them",
        "seconds",
        "of the quota's time",
        "calls a device",
        "throttled",
        "events",
        "overflowed",
        "invocations",
        "given up",
        "outside",
        "longest wait of the other CA's",
    ]);
    table.add_rows(outcomes.iter().map(|((devices, beside), outcome)| {
        [
            devices.to_string(),
            beside.to_string(),
            format!("{:.1}", outcome.seconds),
            format!("{:.2}", outcome.seconds / outcome.quota_seconds),
            format!("{:.2}", outcome.calls_a_device(*devices)),
            outcome.throttled.to_string(),
            outcome.events.to_string(),
            outcome.overflowed.to_string(),
            outcome.invocations.to_string(),
            outcome.dead.to_string(),
            (devices - outcome.inside).to_string(),
            outcome.longest_of_other.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default(),
        ]
    }));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_outcomes() {
        let table = table(&read(Path::new(FILE)).unwrap()).to_string();
        assert!(include_str!("../README.md").contains(&table), "{table}");
    }
}
