//! What everything in a storm shares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use shared::batch::{SqsEvent, SqsRecord};
use shared::id::AccountId;
use shared::testing::dynamodb::Tables;
use shared::testing::{DynamoDb, Queue as DeadLetters};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::time::{Instant, sleep};

use super::devices::{Session, client, principal};
use super::functions;
use super::queue::Queue;
use super::settings::Settings;
use super::tables::Limits;

/// When a storm begins.
const BEGIN: OffsetDateTime = datetime!(2026-09-01 12:00 UTC);
/// Names of the tables.
pub(super) const DEVICES: &str = "devices";
pub(super) const EVENTS: &str = "device-events";
pub(super) const MESSAGES: &str = "messages";
pub(super) const REGISTRATIONS: &str = "registrations";
/// How long the history keeps an event.
pub(super) const RETENTION: Duration = Duration::from_hours(24 * 90);
/// Time that a request to DynamoDB takes at least, and how much longer it may take.
const LATENCY: (Duration, Duration) = (Duration::from_millis(3), Duration::from_millis(4));
/// Of the events, those that AWS IoT sends twice, and how much later the second time.
const REPEATED: f64 = 0.01;
const REPEATED_AFTER: Duration = Duration::from_secs(5);
/// Events by which the devices are made known, as one batch.
const MADE_KNOWN_AT_ONCE: usize = 1000;

/// The time in the simulation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn now(self) -> OffsetDateTime {
        BEGIN + self.0.elapsed()
    }

    /// Milliseconds since 1970.
    pub(super) fn millis(self) -> i64 {
        i64::try_from(self.now().unix_timestamp_nanos() / 1_000_000).expect("a time near now")
    }
}

/// The tables, the queues, and what has really happened.
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) device_messages: Arc<Queue>,
    pub(super) dynamodb: DynamoDb,
    pub(super) lifecycle_events: Arc<Queue>,
    pub(super) limits: Arc<Limits>,
    pub(super) rejected: DeadLetters,
    truth: Mutex<Truth>,
}

/// What has really happened.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// Lifecycle events, repeats not counted.
    pub(super) events: usize,
    /// Messages by device, and by what they say.
    pub(super) messages: BTreeSet<(String, u64)>,
    /// The devices' connections.
    pub(super) sessions: BTreeMap<String, Session>,
}

impl World {
    /// The world with so many devices, all of them connected.
    pub(super) async fn new(settings: &Settings, devices: u32, has_outage: bool) -> Self {
        let world = Self {
            clock: Clock(Instant::now()),
            device_messages: Arc::new(Queue::new(&settings.sink)),
            dynamodb: DynamoDb::new(tables(devices)),
            lifecycle_events: Arc::new(Queue::new(&settings.recorder)),
            limits: Arc::new(Limits::new(has_outage)),
            rejected: DeadLetters::default(),
            truth: Mutex::default(),
        };
        world.make_known(devices).await;
        let (least, more) = LATENCY;
        world.dynamodb.set_latency(move || least + up_to(more));
        let limits = Arc::clone(&world.limits);
        world.dynamodb.when(move |sent| limits.fate(sent));
        world
    }

    /// Lets the recorder know of the devices' first connections.
    async fn make_known(&self, devices: u32) {
        let sessions: Vec<Session> = (0..devices).map(Session::first).collect();
        let events: Vec<Value> = sessions.iter().flat_map(|session| session.beginning(self.clock.millis())).collect();
        let recorder = functions::recorder(self);
        for part in events.chunks(MADE_KNOWN_AT_ONCE) {
            let record = |event: &Value| SqsRecord { body: event.to_string(), message_id: "1".to_owned() };
            let event = SqsEvent { records: part.iter().map(record).collect() };
            let answer = recorder.handle_at(LambdaEvent::new(event, Context::default()), self.clock.now()).await;
            assert!(answer.is_ok_and(|answer| answer.batch_item_failures.is_empty()), "devices can't be made known");
        }
        self.truth().events = events.len();
        self.forget_requests();
    }

    /// What a rule puts into the recorder's queue of an event of AWS IoT, now and then twice.
    pub(super) fn tell(self: &Arc<Self>, event: &Value) {
        self.truth().events += 1;
        let body = event.to_string();
        if chance(REPEATED) {
            let (world, body) = (Arc::clone(self), body.clone());
            tokio::spawn(async move {
                sleep(up_to(REPEATED_AFTER)).await;
                world.lifecycle_events.send(body);
            });
        }
        self.lifecycle_events.send(body);
    }

    /// What the rule of telemetry puts into the sink's queue of a message of a device.
    pub(super) fn publish(&self, device: u32, says: u64) {
        let client = client(device);
        let payload = STANDARD.encode(json!({"n": says}).to_string());
        let message = json!({
            "clientId": client, "id": format!("{device:08x}-{says}"), "payload": payload,
            "principal": principal(device), "route": "telemetry", "timestamp": self.clock.millis(),
            "topic": format!("dt/{client}/state"),
            "traceId": format!("{device:08x}-{says:04}-4000-8000-000000000000"),
        });
        self.device_messages.send(message.to_string());
        self.truth().messages.insert((client, says));
    }

    /// Whether one of the queues holds messages.
    pub(super) fn is_draining(&self) -> bool {
        self.lifecycle_events.len() + self.device_messages.len() > 0
    }

    /// Frees the memory of the requests that were made.
    pub(super) fn forget_requests(&self) {
        drop(self.dynamodb.sent());
    }

    pub(super) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The account that everything is in.
pub(super) fn account() -> AccountId {
    "123456789012".parse().expect("an account")
}

/// Whether something happens that happens in this part of the cases.
pub(super) fn chance(part: f64) -> bool {
    fastrand::f64() < part
}

/// A random time up to this one.
pub(super) fn up_to(time: Duration) -> Duration {
    time.mul_f64(fastrand::f64())
}

/// The template's tables, with the devices' registrations.
fn tables(devices: u32) -> Tables {
    let mut tables = Tables::default()
        .table(DEVICES, "clientId", None)
        .index(DEVICES, "byPrincipal", "principal", None)
        .index(DEVICES, "byPresence", "presence", Some("presenceSince"))
        .table(EVENTS, "clientId", Some("event"))
        .table(MESSAGES, "device", Some("message"))
        .table(REGISTRATIONS, "registrationId", None)
        .index(REGISTRATIONS, "byCertificateId", "certificateId", None);
    for device in 0..devices {
        let text = |text: String| json!({"S": text});
        let item = json!({
            "activatedAt": text("2026-08-01T12:00:00Z".to_owned()), "caCertificateId": text("ca".repeat(32)),
            "certificateId": text(principal(device)), "decidedAt": text("2026-08-01T12:00:00Z".to_owned()),
            "decision": text("activated".to_owned()), "reason": text("checks_passed".to_owned()),
            "registrationId": text(format!("{}#{device:x}", "ca".repeat(32))), "thingName": text(client(device)),
        });
        let answer = tables.answer("PutItem", &json!({"TableName": REGISTRATIONS, "Item": item}));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    tables
}
