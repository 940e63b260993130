//! `jitr routes`: where the rule sink puts messages.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::route::{Route, Routes};

use crate::files;
use crate::output::{Format, printable, table};

/// What to do with routes.
#[derive(Debug, Subcommand)]
pub enum RoutesCommand {
    /// Tell everything that is wrong with a file of routes, or list its routes.
    Check(CheckArgs),
}

/// The file to check.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// JSON: an object of route names.
    file: PathBuf,
}

/// A route in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    route: String,
    table_name: String,
    hash_key_field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    range_key_field: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A file that cannot be read, and everything that is wrong with the routes.
pub fn run(command: &RoutesCommand, format: Format) -> Result<()> {
    let RoutesCommand::Check(CheckArgs { file }) = command;
    let entries = check(&files::read(file)?, &file.display().to_string())?;
    format.print(&entries, |entries| text(entries))
}

fn check(json: &str, file: &str) -> Result<Vec<Entry>> {
    match Routes::parse(json) {
        Ok(routes) => Ok(routes.iter().map(|(name, route)| Entry::new(name, route)).collect()),
        Err(faults) => {
            let faults: Vec<String> =
                faults.0.iter().map(|fault| format!("\n  {}", printable(&fault.to_string()))).collect();
            bail!("{file}: {} wrong:{}", faults.len(), faults.concat())
        }
    }
}

impl Entry {
    fn new(name: &str, route: &Route) -> Self {
        Self {
            route: name.to_owned(),
            table_name: route.table_name.clone(),
            hash_key_field: route.hash_key.name.clone(),
            range_key_field: route.range_key.as_ref().map(|key| key.name.clone()),
        }
    }
}

fn text(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "no routes".to_owned();
    }
    let row = |entry: &Entry| {
        let range = entry.range_key_field.as_deref().map_or_else(|| "-".to_owned(), printable);
        [entry.route.clone(), entry.table_name.clone(), printable(&entry.hash_key_field), range]
    };
    table(["ROUTE", "TABLE", "HASH KEY", "RANGE KEY"], entries.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_faults_is_listed() {
        let json = r#"{"telemetry": {"tableName": "messages", "hashKeyField": "thing", "hashKeyValue": "${topic(2)}",
            "rangeKeyField": "at", "rangeKeyValue": "${timestamp()}"}}"#;
        let listed = text(&check(json, "routes.json").unwrap());
        for word in ["telemetry", "messages", "thing", "at"] {
            assert!(listed.contains(word), "{listed}");
        }
        assert_eq!(text(&check("{}", "routes.json").unwrap()), "no routes");
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let json = r#"{"telemetry": {"tableName": "m", "hashKeyField": "thing", "hashKeyValue": "${topc(2)}"}}"#;
        let told = check(json, "routes.json").unwrap_err().to_string();
        for words in ["routes.json: 2 wrong:", "telemetry.tableName", "telemetry.hashKeyValue: column 3"] {
            assert!(told.contains(words), "{told}");
        }
    }
}
