//! Everything known of one client.

use std::time::Duration;

use serde::Serialize;
use shared::event::{DisconnectReason, LifecycleEvent};
use shared::id::{ClientId, SessionId};
use shared::presence::{ConnectFailure, Device, Subscriptions};
use shared::timestamp::{self, to_text};
use time::OffsetDateTime;

use super::event::{Event, leave};
use super::state::{State, elapsed};
use crate::output::{Text, facts, table};

/// What is known of a client.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    client_id: ClientId,
    state: State,
    /// None if none was ever heard of.
    connection: Option<Connection>,
    /// What the session of that connection has subscribed to.
    subscriptions: Vec<Subscription>,
    connect_failures: ConnectFailures,
    #[serde(with = "timestamp::optional_text")]
    last_event_at: Option<OffsetDateTime>,
    /// The newest first.
    events: Vec<Event>,
}

/// The newest connection that is known, with the names of the table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    session: SessionId,
    version_number: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_name: Option<String>,
    /// Missing if only the end was heard of.
    #[serde(skip_serializing_if = "Option::is_none", with = "timestamp::optional_text")]
    connected_at: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none", with = "timestamp::optional_text")]
    disconnected_at: Option<OffsetDateTime>,
    /// Missing until the grace time is over.
    #[serde(skip_serializing_if = "Option::is_none", with = "timestamp::optional_text")]
    offline_since: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_initiated: Option<bool>,
}

/// A topic filter that is subscribed to.
#[derive(Debug, Serialize)]
struct Subscription {
    filter: String,
    #[serde(with = "timestamp::text")]
    since: OffsetDateTime,
}

/// Attempts to connect that failed.
#[derive(Debug, Serialize)]
struct ConnectFailures {
    count: u64,
    last: Option<ConnectFailure>,
}

impl Report {
    /// What a row and the history tell at a time.
    pub(super) fn new(device: Device, events: Vec<LifecycleEvent>, grace: Duration, now: OffsetDateTime) -> Self {
        let connection = device.connection.as_ref();
        let state = connection.map_or(State::Unknown, |it| State::new(it.end().is_none(), it.at(), grace, now));
        Self {
            connection: device.connection.map(|connection| Connection::new(connection, state)),
            client_id: device.client_id,
            state,
            subscriptions: subscriptions(device.subscriptions),
            connect_failures: ConnectFailures { count: device.connect_failures, last: device.last_connect_failure },
            last_event_at: device.last_event_at,
            events: events.into_iter().map(Event::new).collect(),
        }
    }

    /// The report for people; `since` is how far back events were looked for.
    pub(super) fn text(&self, since: Duration, now: OffsetDateTime) -> Text {
        let mut lines = vec![("client", Some(self.client_id.to_string())), ("state", Some(self.state_text(now)))];
        lines.extend(self.connection.iter().flat_map(Connection::lines));
        lines.extend([
            ("failed attempts", self.connect_failures.text()),
            ("last event", self.last_event_at.map(to_text)),
        ]);
        let subscriptions = self.subscriptions.iter().map(|it| [it.filter.clone(), to_text(it.since)]);
        let subscriptions = if self.subscriptions.is_empty() {
            "no subscription is known".into()
        } else {
            table(["FILTER", "SUBSCRIBED"], subscriptions)
        };
        let events = if self.events.is_empty() {
            format!("no event in the last {}", humantime::format_duration(since)).into()
        } else {
            table(["TIME", "EVENT", "DETAIL", "SESSION"], self.events.iter().map(Event::row))
        };
        Text::paragraphs([facts(lines), subscriptions, events])
    }

    fn state_text(&self, now: OffsetDateTime) -> String {
        let state = self.state.as_str();
        match self.connection.as_ref().and_then(|connection| connection.disconnected_at.or(connection.connected_at)) {
            Some(since) => format!("{state} for {}", elapsed(since, now)),
            None => format!("{state}: no connection has been heard of"),
        }
    }
}

impl Connection {
    fn new(connection: shared::presence::Connection, state: State) -> Self {
        let (beginning, end) = (connection.beginning(), connection.end());
        let disconnected_at = end.map(|end| end.at);
        Self {
            version_number: connection.version,
            ip_address: beginning.and_then(|beginning| beginning.ip_address.clone()),
            connected_at: beginning.map(|beginning| beginning.at),
            disconnected_at,
            offline_since: disconnected_at.filter(|_| state == State::Offline),
            disconnect_reason: end
                .and_then(|end| end.reason.as_ref())
                .map(DisconnectReason::as_str)
                .map(ToOwned::to_owned),
            client_initiated: end.and_then(|end| end.client_initiated),
            session: connection.session,
            principal: connection.principal,
            thing_name: connection.thing_name,
        }
    }

    fn lines(&self) -> Vec<(&'static str, Option<String>)> {
        let left = self.client_initiated.map(|flag| leave(flag).unwrap_or("the client did not say that it goes"));
        vec![
            ("session", Some(self.session.as_str().to_owned())),
            ("version", Some(self.version_number.to_string())),
            ("address", self.ip_address.clone()),
            ("principal", self.principal.clone()),
            ("thing", self.thing_name.clone()),
            ("connected", Some(self.connected_at.map_or_else(|| "not heard of".to_owned(), to_text))),
            ("disconnected", self.disconnected_at.map(to_text)),
            ("offline since", self.offline_since.map(to_text)),
            ("reason", self.disconnect_reason.clone()),
            ("left", left.map(ToOwned::to_owned)),
        ]
    }
}

impl ConnectFailures {
    /// None if none failed.
    fn text(&self) -> Option<String> {
        let Some(last) = &self.last else {
            return (self.count > 0).then(|| self.count.to_string());
        };
        let reason = last.reason.as_deref().map(|reason| format!(" ({reason})"));
        let address = last.ip_address.as_deref().map(|address| format!(" from {address}"));
        let principal = last.principal.as_deref().map(|principal| format!(" by {principal}"));
        let told = [reason, address, principal].into_iter().flatten().collect::<String>();
        Some(format!("{}, the last at {}{told}", self.count, to_text(last.at)))
    }
}

fn subscriptions(known: Subscriptions) -> Vec<Subscription> {
    let held = known.filters.into_iter().filter(|(_, last)| last.subscribed);
    held.map(|(filter, last)| Subscription { filter, since: last.at }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::timestamp::from_millis;

    use super::*;

    const NOW: u64 = 1_790_000_000_000;
    const GRACE: Duration = Duration::from_mins(1);

    fn now() -> OffsetDateTime {
        from_millis(NOW).unwrap()
    }

    fn event(kind: &str, millis_ago: u64, members: &Value) -> LifecycleEvent {
        let mut event = json!({
            "clientId": "pump\u{1b}17", "timestamp": NOW - millis_ago, "eventType": kind, "versionNumber": 4,
            "sessionIdentifier": "0123456789ab", "principalIdentifier": "AROA:ann",
        });
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        LifecycleEvent::decode(&event.to_string(), now()).unwrap()
    }

    /// The row that events lead to, with an attempt counted as failed for each that did.
    fn device(events: &[LifecycleEvent]) -> Device {
        let unknown = Device::unknown("pump\u{1b}17".parse().unwrap());
        let mut device = events.iter().fold(unknown, |device, event| device.heard(&Device::of(event)));
        let failed = events.iter().filter(|event| event.occurrence.event_type() == "connect_failed");
        device.connect_failures = u64::try_from(failed.count()).unwrap();
        device
    }

    fn connected() -> LifecycleEvent {
        event("connected", 900_000, &json!({"ipAddress": "203.0.113.9", "thingName": "pump"}))
    }

    fn disconnected(millis_ago: u64) -> LifecycleEvent {
        let members = json!({"clientInitiatedDisconnect": false, "disconnectReason": "MQTT_KEEP_ALIVE_TIMEOUT"});
        event("disconnected", millis_ago, &members)
    }

    fn failed() -> LifecycleEvent {
        let members = json!({"ipAddress": "198.51.100.1", "connectFailureReason": "AUTHORIZATION_FAILED"});
        event("connect_failed", 800_000, &members)
    }

    fn report(events: &[LifecycleEvent]) -> Report {
        let newest_first = events.iter().rev().cloned().collect();
        Report::new(device(events), newest_first, GRACE, now())
    }

    #[test]
    fn the_connection_decides_the_state_and_offline_waits_for_the_grace_time() {
        for (events, state, offline_since) in [
            (vec![connected()], "connected", None),
            (vec![connected(), disconnected(59_999)], "grace", None),
            (vec![connected(), disconnected(60_000)], "offline", Some("2026-09-21T14:12:20.000Z")),
            (vec![disconnected(60_000)], "offline", Some("2026-09-21T14:12:20.000Z")),
            (vec![failed()], "unknown", None),
        ] {
            let report = serde_json::to_value(report(&events)).unwrap();
            assert_eq!(report["state"], state, "{events:?}");
            assert_eq!(report["connection"]["offlineSince"], json!(offline_since), "{events:?}");
        }
    }

    #[test]
    fn the_document_holds_all_that_is_known() {
        let events = [
            connected(),
            event("subscribed", 890_000, &json!({"topics": ["b", "a/#"]})),
            event("unsubscribed", 880_000, &json!({"topics": ["b"]})),
            failed(),
            disconnected(60_000),
        ];
        let mut report = serde_json::to_value(report(&events)).unwrap();
        let shown: Vec<_> = report["events"].as_array().unwrap().iter().map(|it| it["eventType"].clone()).collect();
        assert_eq!(shown, ["disconnected", "connect_failed", "unsubscribed", "subscribed", "connected"]);
        report["events"] = json!([]);
        assert_eq!(
            report,
            json!({
                "clientId": "pump\u{1b}17",
                "state": "offline",
                "connection": {
                    "session": "0123456789ab", "versionNumber": 4, "ipAddress": "203.0.113.9", "principal": "AROA:ann",
                    "thingName": "pump", "connectedAt": "2026-09-21T13:58:20.000Z",
                    "disconnectedAt": "2026-09-21T14:12:20.000Z", "offlineSince": "2026-09-21T14:12:20.000Z",
                    "disconnectReason": "MQTT_KEEP_ALIVE_TIMEOUT", "clientInitiated": false,
                },
                "subscriptions": [{"filter": "a/#", "since": "2026-09-21T13:58:30.000Z"}],
                "connectFailures": {
                    "count": 1,
                    "last": {"at": "2026-09-21T14:00:00.000Z", "ipAddress": "198.51.100.1", "principal": "AROA:ann",
                             "reason": "AUTHORIZATION_FAILED", "session": "0123456789ab"},
                },
                "lastEventAt": "2026-09-21T14:12:20.000Z",
                "events": [],
            })
        );
    }

    #[test]
    fn what_is_not_known_is_null_or_empty() {
        let nothing = Report::new(Device::unknown("a".parse().unwrap()), Vec::new(), GRACE, now());
        assert_eq!(
            serde_json::to_value(nothing).unwrap(),
            json!({"clientId": "a", "state": "unknown", "connection": null, "subscriptions": [], "events": [],
                   "connectFailures": {"count": 0, "last": null}, "lastEventAt": null})
        );
    }

    #[test]
    fn the_text_reads_as_state_then_subscriptions_then_events() {
        let subscribed = event("subscribed", 890_000, &json!({"topics": ["a\u{1b}/#"]}));
        let text = report(&[connected(), subscribed, failed(), disconnected(192_000)]).text(GRACE, now());
        for line in [
            "client           pump\\u001b17",
            "state            offline for 3m 12s",
            "address          203.0.113.9",
            "thing            pump",
            "connected        2026-09-21T13:58:20.000Z",
            "offline since    2026-09-21T14:10:08.000Z",
            "reason           MQTT_KEEP_ALIVE_TIMEOUT",
            "left             the client did not say that it goes",
            "failed attempts  1, the last at 2026-09-21T14:00:00.000Z (AUTHORIZATION_FAILED) from 198.51.100.1 by AROA:ann",
            "last event       2026-09-21T14:10:08.000Z",
            "",
            "FILTER     SUBSCRIBED",
            "a\\u001b/#  2026-09-21T13:58:30.000Z",
            "2026-09-21T14:10:08.000Z  disconnected    MQTT_KEEP_ALIVE_TIMEOUT, version 4               01234567",
            "2026-09-21T13:58:20.000Z  connected       203.0.113.9, version 4                           01234567",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}:\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn what_there_is_none_of_is_said_in_words() {
        let text = Report::new(device(&[failed()]), Vec::new(), GRACE, now()).text(Duration::from_hours(168), now());
        for part in [
            "unknown: no connection has been heard of",
            "failed attempts  1,",
            "no subscription is known",
            "no event in the last 7days",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        let text = report(&[disconnected(5)]).text(GRACE, now());
        assert!(text.contains("grace for 0s") && text.contains("connected     not heard of"), "{text}");
        assert!(!text.contains("offline since") && !text.contains("failed attempts"), "{text}");
    }
}
