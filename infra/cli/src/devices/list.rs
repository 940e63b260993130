//! `jitr devices list`: who is connected and who is offline, and since when.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::future::try_join_all;
use serde::Serialize;
use shared::aws::devices::{Listed, SHARDS, Since};
use shared::id::ClientId;
use shared::timestamp::{self, to_text};
use time::OffsetDateTime;

use super::GraceArgs;
use super::state::{State, ago, elapsed};
use crate::cloud::Cloud;
use crate::output::{Format, Text, table};
use crate::store::explain;

/// Which clients to list; all, if nothing is said.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Those that are connected, and those that have been away for less than the grace time.
    #[arg(long, conflicts_with = "offline_for")]
    connected: bool,
    /// Those that have been offline for so long at least, and for the grace time in any case.
    #[arg(long, value_name = "DURATION")]
    offline_for: Option<humantime::Duration>,
    /// The MQTT test clients of the AWS console instead of all others.
    #[arg(long)]
    console: bool,
    #[command(flatten)]
    grace: GraceArgs,
}

/// A client in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    client_id: ClientId,
    state: State,
    /// What events have told, without the grace time.
    connected: bool,
    #[serde(with = "timestamp::text")]
    since: OffsetDateTime,
    /// Where its last connection came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_name: Option<String>,
}

/// Lists clients.
pub(super) async fn run(args: &ListArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let partitions = args.partitions(now).into_iter().flat_map(|partition| (0..SHARDS).map(move |n| (n, partition)));
    let reads = partitions.map(|(shard, (connected, since))| {
        let read = cloud.devices.listed(shard, args.console, connected, since);
        async { read.await.map_err(explain) }
    });
    let listed = try_join_all(reads).await?.into_iter().flatten();
    format.print(&args.entries(listed, now), |entries| args.text(entries, now))
}

impl ListArgs {
    /// What of the index to read: clients connected or not, and since when.
    fn partitions(&self, now: OffsetDateTime) -> Vec<(bool, Since)> {
        match self.least_offline() {
            Some(least) => vec![(false, Since::Until(ago(now, least)))],
            None if self.connected => vec![(true, Since::Any), (false, Since::From(ago(now, self.grace.get())))],
            None => vec![(true, Since::Any), (false, Since::Any)],
        }
    }

    /// For how long a client must have been offline.
    fn least_offline(&self) -> Option<Duration> {
        self.offline_for.map(|least| Duration::from(least).max(self.grace.get()))
    }

    /// What to list out of what was read: those first that have been as they are for longest.
    fn entries(&self, listed: impl IntoIterator<Item = Listed>, now: OffsetDateTime) -> Vec<Entry> {
        let entry = |row: Listed| Entry {
            state: State::new(row.connected, row.since, self.grace.get(), now),
            client_id: row.client_id,
            connected: row.connected,
            since: row.since,
            ip_address: row.ip_address,
            disconnect_reason: row.disconnect_reason,
            principal: row.principal,
            thing_name: row.thing_name,
        };
        let is_wanted = |entry: &Entry| !self.connected || entry.state != State::Offline;
        let mut entries: Vec<_> = latest(listed).map(entry).filter(is_wanted).collect();
        entries.sort_by(|one, other| (one.since, &one.client_id).cmp(&(other.since, &other.client_id)));
        entries
    }

    fn text(&self, entries: &[Entry], now: OffsetDateTime) -> Text {
        if entries.is_empty() {
            return self.nobody().into();
        }
        let header = ["CLIENT", "STATE", "SINCE", "FOR", "ADDRESS", "REASON", "THING"];
        table(header, entries.iter().map(|entry| entry.row(now)))
    }

    fn nobody(&self) -> String {
        let client = if self.console { "test client of the AWS console" } else { "client" };
        match self.least_offline() {
            Some(least) => format!("no {client} has been offline for {}", humantime::format_duration(least)),
            None if self.connected => format!("no {client} is connected"),
            None => format!("no {client} has been heard of"),
        }
    }
}

/// Each client once, as it was last: one that changes while the index is read may be found in both states.
fn latest(listed: impl IntoIterator<Item = Listed>) -> impl Iterator<Item = Listed> {
    // A connection's end may have the time of its beginning.
    let age = |row: &Listed| (row.since, !row.connected);
    let mut clients: BTreeMap<ClientId, Listed> = BTreeMap::new();
    for row in listed {
        if clients.get(&row.client_id).is_none_or(|known| age(known) < age(&row)) {
            clients.insert(row.client_id.clone(), row);
        }
    }
    clients.into_values()
}

impl Entry {
    fn row(&self, now: OffsetDateTime) -> [String; 7] {
        let some = |text: &Option<String>| text.as_deref().unwrap_or("-").to_owned();
        [
            self.client_id.to_string(),
            self.state.as_str().to_owned(),
            to_text(self.since),
            elapsed(self.since, now),
            some(&self.ip_address),
            some(&self.disconnect_reason),
            some(&self.thing_name),
        ]
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;
    use shared::timestamp::from_millis;

    use super::*;

    const NOW: u64 = 1_790_000_000_000;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ListArgs,
    }

    fn args(line: &str) -> ListArgs {
        let line = format!("list --grace 60s {line}");
        Line::try_parse_from(line.split_whitespace()).map_or_else(|error| panic!("{error}"), |line| line.args)
    }

    fn now() -> OffsetDateTime {
        from_millis(NOW).unwrap()
    }

    fn row(client: &str, connected: bool, millis_ago: u64) -> Listed {
        Listed {
            client_id: client.parse().unwrap(),
            connected,
            disconnect_reason: (!connected).then(|| "CONNECTION_LOST".to_owned()),
            ip_address: Some("203.0.113.9".to_owned()),
            principal: Some("AROA:ann".to_owned()),
            since: from_millis(NOW - millis_ago).unwrap(),
            thing_name: None,
        }
    }

    fn names(line: &str, listed: &[Listed]) -> Vec<String> {
        args(line).entries(listed.to_vec(), now()).into_iter().map(|entry| entry.client_id.to_string()).collect()
    }

    #[test]
    fn no_more_of_the_index_is_read_than_is_needed() {
        let before = |millis_ago: u64| from_millis(NOW - millis_ago).unwrap();
        let offline = |millis_ago| vec![(false, Since::Until(before(millis_ago)))];
        for (line, partitions) in [
            ("", vec![(true, Since::Any), (false, Since::Any)]),
            ("--connected", vec![(true, Since::Any), (false, Since::From(before(60_000)))]),
            ("--offline-for 10m", offline(600_000)),
            ("--offline-for 59s", offline(60_000)),
            ("--offline-for 0s", offline(60_000)),
        ] {
            assert_eq!(args(line).partitions(now()), partitions, "{line}");
        }
    }

    #[test]
    fn whoever_is_within_grace_is_listed_with_the_connected_ones() {
        let listed = [row("in", true, 5), row("blink", false, 59_999), row("out", false, 60_000)];
        assert_eq!(names("--connected", &listed), ["blink", "in"]);
        assert_eq!(names("", &listed), ["out", "blink", "in"]);
    }

    #[test]
    fn the_longest_comes_first_and_then_the_id_counts() {
        let listed = [row("b", true, 5), row("c", false, 5), row("a", true, 5), row("z", true, 6), row("d", true, 4)];
        assert_eq!(names("", &listed), ["z", "a", "b", "c", "d"]);
    }

    #[test]
    fn a_client_that_is_found_twice_is_listed_as_it_was_last() {
        for listed in [
            [row("a", true, 90_000), row("a", false, 70_000)],
            [row("a", false, 70_000), row("a", true, 90_000)],
            [row("a", true, 70_000), row("a", false, 70_000)],
            [row("a", false, 70_000), row("a", true, 70_000)],
        ] {
            let entries = args("").entries(listed.clone(), now());
            let states: Vec<_> = entries.iter().map(|entry| entry.state).collect();
            assert_eq!(states, [State::Offline], "{listed:?}");
            assert_eq!(names("--connected", &listed), Vec::<String>::new());
        }
        assert_eq!(names("--connected", &[row("a", false, 90_000), row("a", true, 1)]), ["a"]);
    }

    #[test]
    fn rows_are_for_reading_and_hold_nothing_that_a_terminal_obeys() {
        let mut named = row("pump-17", false, 192_000);
        named.thing_name = Some("pump\u{9b}17".to_owned());
        let listed = [named, row("a\u{1b}[2J\nb's", true, 12_999)];
        let args = args("");
        let text = args.text(&args.entries(listed, now()), now());
        let lines: Vec<_> = text.lines().map(|line| line.split("  ").filter(|cell| !cell.is_empty())).collect();
        let cells: Vec<Vec<_>> = lines.into_iter().map(|cells| cells.map(str::trim).collect()).collect();
        let address = "203.0.113.9";
        assert_eq!(
            cells,
            [
                vec!["CLIENT", "STATE", "SINCE", "FOR", "ADDRESS", "REASON", "THING"],
                vec![
                    "pump-17",
                    "offline",
                    "2026-09-21T14:10:08.000Z",
                    "3m 12s",
                    address,
                    "CONNECTION_LOST",
                    "pump\\u009b17"
                ],
                vec!["a\\u001b[2J\\nb's", "connected", "2026-09-21T14:13:07.001Z", "12s", address, "-", "-"],
            ],
            "{text}"
        );
    }

    #[test]
    fn an_empty_list_says_what_there_is_none_of() {
        for (line, words) in [
            ("", "no client has been heard of"),
            ("--connected", "no client is connected"),
            ("--offline-for 10m", "no client has been offline for 10m"),
            ("--offline-for 1s", "no client has been offline for 1m"),
            ("--console --connected", "no test client of the AWS console is connected"),
        ] {
            assert_eq!(&*args(line).text(&[], now()), words);
        }
    }

    #[test]
    fn the_document_has_the_state_beside_what_events_told() {
        let mut listed = row("pump-17", false, 1000);
        listed.thing_name = Some("pump".to_owned());
        assert_eq!(
            serde_json::to_value(args("").entries([listed, row("web", true, 0)], now())).unwrap(),
            json!([
                {"clientId": "pump-17", "state": "grace", "connected": false, "since": "2026-09-21T14:13:19.000Z",
                 "ipAddress": "203.0.113.9", "disconnectReason": "CONNECTION_LOST", "principal": "AROA:ann",
                 "thingName": "pump"},
                {"clientId": "web", "state": "connected", "connected": true, "since": "2026-09-21T14:13:20.000Z",
                 "ipAddress": "203.0.113.9", "principal": "AROA:ann"},
            ])
        );
    }
}
