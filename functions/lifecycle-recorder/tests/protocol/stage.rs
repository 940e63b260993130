//! The tables, the recorder, and events as AWS IoT sends them.

use std::time::Duration;

use lifecycle_recorder::{Batch, Outcome, Recorder};
use serde_json::{Value, json};
use shared::aws::device_events::DeviceEvents;
use shared::aws::devices::Devices;
use shared::aws::presence::PresenceTables;
use shared::batch::SqsRecord;
use shared::event::LifecycleEvent;
use shared::id::ClientId;
use shared::presence::{Device, PRINCIPAL_PREFIX};
use shared::testing::DynamoDb;
use shared::testing::dynamodb::Tables;
use time::OffsetDateTime;
use tokio::time::Instant;

pub(crate) const DEVICES: &str = "devices";
pub(crate) const EVENTS: &str = "events";
/// A time in milliseconds that events begin at.
pub(crate) const START: i64 = 1_790_000_000_000;
pub(crate) const MINUTE: i64 = 60_000;
/// For how long the history keeps an event, and a row that is not permanent outlasts its newest one.
pub(crate) const RETENTION: Duration = Duration::from_hours(24 * 90);

/// The recorder over its tables.
pub(crate) struct Stage {
    pub(crate) dynamodb: DynamoDb,
    pub(crate) recorder: Recorder<PresenceTables>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let tables = Tables::default()
            .table(DEVICES, "clientId", None)
            .index(DEVICES, "byPrincipal", "principal", None)
            .index(DEVICES, "byPresence", "presence", Some("presenceSince"))
            .table(EVENTS, "clientId", Some("event"));
        let dynamodb = DynamoDb::new(tables);
        let recorder = Recorder::new(tables_of(&dynamodb));
        Self { dynamodb, recorder }
    }

    pub(crate) fn tables(&self) -> PresenceTables {
        tables_of(&self.dynamodb)
    }

    pub(crate) fn devices(&self) -> Devices {
        Devices::new(&self.dynamodb.config(), DEVICES)
    }

    pub(crate) fn history(&self) -> DeviceEvents {
        DeviceEvents::new(&self.dynamodb.config(), EVENTS)
    }

    /// Records events as one batch; the message of the n-th one is called `n`.
    pub(crate) async fn record(&self, events: &[Value]) -> Outcome {
        let batch = batch(events);
        assert_eq!(batch.refused, [], "the test sends what is no event");
        self.recorder.record(&batch, Instant::now() + Duration::from_mins(1)).await
    }

    /// The same, when all of it must succeed.
    pub(crate) async fn recorded(&self, events: &[Value]) {
        let outcome = self.record(events).await;
        assert_eq!(outcome.failed.len(), 0, "{outcome:?}");
    }

    pub(crate) async fn device(&self, client: &str) -> Option<Device> {
        self.devices().device(&id(client)).await.unwrap()
    }

    /// The only row of a client, as DynamoDB holds it.
    pub(crate) fn only_row(&self) -> Value {
        let rows = self.client_rows();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0].clone()
    }

    /// The rows of clients, without those of principals that fail to connect.
    pub(crate) fn client_rows(&self) -> Vec<Value> {
        self.rows_of(false)
    }

    /// The rows of principals that fail to connect.
    pub(crate) fn principal_rows(&self) -> Vec<Value> {
        self.rows_of(true)
    }

    fn rows_of(&self, principals: bool) -> Vec<Value> {
        let is_principal = |row: &Value| row["clientId"]["S"].as_str().unwrap().starts_with(PRINCIPAL_PREFIX);
        self.dynamodb.rows(DEVICES).into_iter().filter(|row| is_principal(row) == principals).collect()
    }
}

fn tables_of(dynamodb: &DynamoDb) -> PresenceTables {
    PresenceTables::new(&dynamodb.config(), DEVICES.to_owned(), EVENTS.to_owned(), RETENTION)
}

pub(crate) fn batch(events: &[Value]) -> Batch {
    let record = |(n, event): (usize, &Value)| SqsRecord { body: event.to_string(), message_id: n.to_string() };
    Batch::read(events.iter().enumerate().map(record).collect(), now()).unwrap()
}

/// An event as it is decoded.
pub(crate) fn decoded(event: &Value) -> LifecycleEvent {
    LifecycleEvent::decode(&event.to_string(), now()).unwrap_or_else(|fault| panic!("{event}: {fault}"))
}

/// When the events are received: a month after [`START`].
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(START / 1000).unwrap() + time::Duration::days(30)
}

pub(crate) fn id(client: &str) -> ClientId {
    client.parse().unwrap()
}

fn event(client: &str, kind: &str, at: i64, session: &str, members: &Value) -> Value {
    let mut event = json!({
        "clientId": client, "timestamp": at, "eventType": kind, "sessionIdentifier": session,
        "principalIdentifier": "ce".repeat(32),
    });
    event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    event
}

pub(crate) fn connected(client: &str, at: i64, session: &str, version: i64) -> Value {
    event(client, "connected", at, session, &json!({"ipAddress": "198.51.100.7", "versionNumber": version}))
}

pub(crate) fn disconnected(client: &str, at: i64, session: &str, version: i64) -> Value {
    let members = json!({
        "clientInitiatedDisconnect": false, "disconnectReason": "CONNECTION_LOST", "versionNumber": version,
    });
    event(client, "disconnected", at, session, &members)
}

pub(crate) fn connect_failed(client: &str, at: i64, session: &str) -> Value {
    let members = json!({"connectFailureReason": "AUTHORIZATION_FAILED", "ipAddress": "203.0.113.9"});
    event(client, "connect_failed", at, session, &members)
}

pub(crate) fn subscribed(client: &str, at: i64, session: &str, topics: &[&str]) -> Value {
    event(client, "subscribed", at, session, &json!({"topics": topics}))
}

pub(crate) fn unsubscribed(client: &str, at: i64, session: &str, topics: &[&str]) -> Value {
    event(client, "unsubscribed", at, session, &json!({"topics": topics}))
}
