//! `jitr devices failing`: principals whose failed attempts to connect were counted together.

use anyhow::Result;
use clap::Args;
use clap::builder::RangedI64ValueParser;
use serde::Serialize;
use shared::presence::FailingPrincipalRow;
use shared::timestamp::{self, to_text};
use time::OffsetDateTime;

use crate::cloud::Cloud;
use crate::output::{Format, Text, table};
use crate::store::explain;

/// The most principals that are shown: each takes a request.
const MAX_PRINCIPALS: i64 = 100;

/// How many principals to list.
#[derive(Args, Debug)]
pub struct FailingArgs {
    /// How many principals to list, those that failed last.
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = RangedI64ValueParser::<i32>::new().range(1..=MAX_PRINCIPALS))]
    last: i32,
}

/// A principal in the list, with the names of the table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    principal: String,
    connect_failures: u64,
    #[serde(with = "timestamp::text")]
    last: OffsetDateTime,
    clients: Vec<String>,
}

/// Lists principals.
pub(super) async fn run(args: &FailingArgs, cloud: &Cloud, format: Format) -> Result<()> {
    let rows = cloud.devices.failing(args.last).await.map_err(explain)?;
    let entries: Vec<Entry> = rows.into_iter().map(Entry::from).collect();
    format.print(&entries, |entries| text(entries))
}

impl From<FailingPrincipalRow> for Entry {
    fn from(row: FailingPrincipalRow) -> Self {
        let principal = row.principal.to_string();
        Self { principal, connect_failures: row.attempts, last: row.last, clients: row.clients }
    }
}

fn text(entries: &[Entry]) -> Text {
    if entries.is_empty() {
        return "no principal has failed to connect under many client ids".into();
    }
    let row = |entry: &Entry| {
        let attempts = entry.connect_failures.to_string();
        [entry.principal.clone(), attempts, to_text(entry.last), entry.clients.join(", ")]
    };
    table(["PRINCIPAL", "ATTEMPTS", "LAST", "CLIENTS"], entries.iter().map(row))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::presence::FailingPrincipal;
    use shared::timestamp::from_millis;

    use super::*;

    #[test]
    fn a_principal_is_told_with_its_count_and_some_client_ids() {
        let row = FailingPrincipalRow {
            attempts: 1992,
            clients: vec!["a".to_owned(), "b".to_owned()],
            last: from_millis(1_790_000_000_000).unwrap(),
            principal: FailingPrincipal::from_key(&"principal#ce".parse().unwrap()).unwrap(),
        };
        let entries = [Entry::from(row)];
        let told = json!([{
            "principal": "ce", "connectFailures": 1992, "last": "2026-09-21T14:13:20.000Z", "clients": ["a", "b"],
        }]);
        assert_eq!(serde_json::to_value(&entries).unwrap(), told);
        assert!(text(&entries).to_string().contains("1992"));
        assert!(text(&[]).to_string().starts_with("no principal"));
    }
}
