//! `jitr routes`: where the rule sink puts messages.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::route::{Route, Routes};

use crate::files;
use crate::output::{Format, Problems, Text, table};

/// Octets of all environment variables of a function together ("Lambda quotas" in the AWS Lambda developer guide).
const MOST_OCTETS: usize = 4096;

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

/// What routes there are, and how much room they take.
#[derive(Debug, Serialize)]
struct Checked {
    routes: Vec<Entry>,
    octets: usize,
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
/// A file that cannot be read, everything that is wrong with the routes, and routes that no function has room for.
pub fn run(command: &RoutesCommand, format: Format) -> Result<()> {
    let RoutesCommand::Check(CheckArgs { file }) = command;
    let checked = check(&files::read_text(file)?, &file.display().to_string())?;
    format.print(&checked, text)
}

fn check(json: &str, file: &str) -> Result<Checked> {
    let routes = match Routes::parse(json) {
        Ok(routes) => routes,
        Err(faults) => {
            let summary = format!("{file}: {} wrong", faults.0.len());
            return Err(Problems::new(summary, faults.0).into());
        }
    };
    let octets = serde_json::from_str::<serde_json::Value>(json)?.to_string().len();
    if octets > MOST_OCTETS {
        bail!("{file}: the routes take {}", room(octets))
    }
    Ok(Checked { routes: routes.iter().map(|(name, route)| Entry::new(name, route)).collect(), octets })
}

fn room(octets: usize) -> String {
    format!("{octets} octets without white space; all environment variables of a function together have {MOST_OCTETS}")
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

fn text(checked: &Checked) -> Text {
    if checked.routes.is_empty() {
        return Text::line("no routes");
    }
    let row = |entry: &Entry| {
        let range = entry.range_key_field.as_deref().unwrap_or("-").to_owned();
        [entry.route.clone(), entry.table_name.clone(), entry.hash_key_field.clone(), range]
    };
    let listed = table(["ROUTE", "TABLE", "HASH KEY", "RANGE KEY"], checked.routes.iter().map(row));
    Text::paragraphs([listed, room(checked.octets).into()])
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
        assert_eq!(&*text(&check("{}", "routes.json").unwrap()), "no routes");
    }

    #[test]
    fn the_room_is_told_and_has_an_end() {
        let json = r#"{"r": {"tableName": "messages",  "hashKeyField": "thing",
            "hashKeyValue": "a b${ 'é' }?"}}"#;
        let octets = r#"{"r":{"tableName":"messages","hashKeyField":"thing","hashKeyValue":"a b${ 'é' }?"}}"#.len();
        let checked = check(json, "routes.json").unwrap();
        assert_eq!(checked.octets, octets);
        let line =
            format!("{octets} octets without white space; all environment variables of a function together have 4096");
        assert_eq!(text(&checked).lines().last(), Some(line.as_str()));
        let route = serde_json::json!({"route": "r", "tableName": "messages", "hashKeyField": "thing"});
        let expected = serde_json::json!({"routes": [route], "octets": octets});
        assert_eq!(serde_json::to_value(&checked).unwrap(), expected);

        let of = |octets_of_all: usize| json.replace('?', &"x".repeat(octets_of_all - octets + 1));
        assert_eq!(check(&of(4096), "routes.json").unwrap().octets, 4096);
        let told = check(&of(4097), "routes.json").unwrap_err().to_string();
        let expected = "routes.json: the routes take 4097 octets without white space; \
            all environment variables of a function together have 4096";
        assert_eq!(told, expected);
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
