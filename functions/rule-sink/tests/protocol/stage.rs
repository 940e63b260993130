//! The tables, the queue of refused messages, the registrations, and messages as a rule hands them over.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rule_sink::{Outcome, Sink};
use serde_json::{Value, json};
use shared::aws::items::Items;
use shared::batch::SqsRecord;
use shared::id::CertificateId;
use shared::port::{DeadLetters, Holders, Holding};
use shared::route::Routes;
use shared::testing::dynamodb::{ScalarType, Tables};
use shared::testing::{DynamoDb, Holdings, Queue};
use time::OffsetDateTime;
use tokio::time::Instant;

pub(crate) const MESSAGES: &str = "messages";
pub(crate) const LATEST: &str = "latest";
pub(crate) const NUMBERS: &str = "numbers";
/// A time in milliseconds that messages begin at.
pub(crate) const START: u64 = 1_790_000_000_000;

/// A route of each kind.
const ROUTES: &str = r#"{
    "all": {
        "tableName": "messages", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "message", "rangeKeyValue": "${timestamp()}#${newuuid()}"
    },
    "also": {
        "tableName": "messages", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "message", "rangeKeyValue": "${timestamp()}#${newuuid()}"
    },
    "brief": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "unique": true,
        "ttl": {"field": "expires", "after": "1h"}
    },
    "chosen": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "operation": "${operation}"
    },
    "claimed": {
        "tableName": "messages", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "message", "rangeKeyValue": "${timestamp()}#${newuuid()}", "bindTo": "principal"
    },
    "columns": {
        "tableName": "numbers", "hashKeyField": "device", "hashKeyValue": "${device}",
        "rangeKeyField": "at", "rangeKeyType": "NUMBER", "rangeKeyValue": "${at}", "columns": true,
        "ttl": {"field": "expires", "after": "1d"}
    },
    "count": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "operation": "UPDATE",
        "payloadField": "count"
    },
    "dated": {
        "tableName": "numbers", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "at", "rangeKeyType": "NUMBER", "rangeKeyValue": "${timestamp()}", "columns": true
    },
    "deleted": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "operation": "DELETE"
    },
    "emptied": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "operation": "DELETE",
        "columns": true
    },
    "encoded": {
        "tableName": "messages", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "message", "rangeKeyValue": "${encode(*, 'base64')}"
    },
    "expiring": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "ttl": {"field": "expires", "at": "${until}"}
    },
    "first": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "unique": true
    },
    "latest": {"tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}"},
    "missing": {"tableName": "missing", "hashKeyField": "device", "hashKeyValue": "${topic(2)}"},
    "mine": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "bindTo": "principal"
    },
    "named": {"tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${name}"},
    "numbered": {
        "tableName": "numbers", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "at", "rangeKeyType": "NUMBER", "rangeKeyValue": "${at}"
    },
    "once": {
        "tableName": "messages", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "message", "rangeKeyValue": "${timestamp()}", "unique": true
    },
    "owned": {
        "tableName": "messages", "hashKeyField": "device", "hashKeyValue": "${clientid()}",
        "rangeKeyField": "message", "rangeKeyValue": "${accountid()}#${traceid()}#${principal()}",
        "bindTo": "principal", "device": "${topic(3)}"
    },
    "raw": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "raw": true
    },
    "readable": {
        "tableName": "messages", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "message", "rangeKeyValue": "${parse_time('yyyy-MM-dd HH:mm:ss.SSS z', timestamp(), 'Asia/Dili')}"
    },
    "small": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "maxItemBytes": 100
    },
    "sorted": {
        "tableName": "messages", "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "message", "rangeKeyValue": "${name}"
    },
    "status": {
        "tableName": "latest", "hashKeyField": "device", "hashKeyValue": "${topic(2)}", "operation": "UPDATE",
        "columns": true
    }
}"#;

/// The sink over its tables.
pub(crate) struct Stage {
    pub(crate) dynamodb: DynamoDb,
    pub(crate) holders: Holdings,
    pub(crate) queue: Queue,
    pub(crate) sink: Sink<Items, Queue, Holdings>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let tables = Tables::default()
            .table(MESSAGES, "device", Some("message"))
            .table(LATEST, "device", None)
            .table_with(NUMBERS, ("device", ScalarType::S), Some(("at", ScalarType::N)));
        let dynamodb = DynamoDb::new(tables);
        let (holders, queue) = (Holdings::default(), Queue::default());
        let sink = sink(&dynamodb, queue.clone(), holders.clone());
        Self { dynamodb, holders, queue, sink }
    }

    /// The same with slices of at most so many bytes of memory.
    pub(crate) fn with_max_slice_weight(weight: usize) -> Self {
        let stage = Self::new();
        Self { sink: stage.sink.with_max_slice_weight(weight), ..stage }
    }

    /// Takes messages as one batch; the n-th one is called `n`.
    pub(crate) async fn take(&self, messages: &[Value]) -> Outcome {
        let bodies: Vec<String> = messages.iter().map(Value::to_string).collect();
        self.take_bodies(&bodies).await
    }

    pub(crate) async fn take_bodies(&self, bodies: &[String]) -> Outcome {
        let record = |(n, body): (usize, &String)| SqsRecord { body: body.clone(), message_id: n.to_string() };
        let records: Vec<SqsRecord> = bodies.iter().enumerate().map(record).collect();
        self.sink.take(&records, now(), Instant::now() + Duration::from_mins(1)).await
    }

    /// The same, when all of it must be written.
    pub(crate) async fn written(&self, messages: &[Value]) {
        let outcome = self.take(messages).await;
        let expected = Outcome { written: messages.len().try_into().unwrap(), ..Outcome::default() };
        assert_eq!(outcome, expected, "{:?}", self.queue.bodies());
    }

    /// The same, when all of it must be refused, and put aside; tells reasons and details.
    pub(crate) async fn refused(&self, messages: &[Value]) -> Vec<(String, String)> {
        let before = self.queue.bodies().len();
        let outcome = self.take(messages).await;
        assert_eq!((outcome.written, outcome.repeated), (0, 0), "{outcome:?}");
        assert_eq!(outcome.failed, Vec::<String>::new());
        let refused = self.rejected().split_off(before);
        assert_eq!(outcome.rejected, u64::try_from(refused.len()).unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        refused.iter().map(|body| (text(&body["rejected"]["reason"]), text(&body["rejected"]["detail"]))).collect()
    }

    /// What waits among the dead letters.
    pub(crate) fn rejected(&self) -> Vec<Value> {
        self.queue.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    /// The only row of a table, as DynamoDB holds it.
    pub(crate) fn only_row(&self, table: &str) -> Value {
        let rows = self.dynamodb.rows(table);
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0].clone()
    }

    /// All tables.
    pub(crate) fn rows(&self) -> BTreeMap<&'static str, Vec<Value>> {
        [MESSAGES, LATEST, NUMBERS].into_iter().map(|table| (table, self.dynamodb.rows(table))).collect()
    }

    /// How often each operation was asked for since the last call.
    pub(crate) fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for sent in self.dynamodb.sent() {
            *calls.entry(sent.operation).or_default() += 1;
        }
        calls
    }

    /// A certificate that was let in as a thing, or not.
    pub(crate) fn certificate(&self, octet: u8, holding: Holding) -> CertificateId {
        let id: CertificateId = hex(octet).parse().unwrap();
        self.holders.set(id.clone(), holding);
        id
    }
}

/// The sink over these ports.
pub(crate) fn sink<D, H>(dynamodb: &DynamoDb, dead_letters: D, holders: H) -> Sink<Items, D, H>
where
    D: DeadLetters + Sync,
    H: Holders + Sync,
{
    let items = Items::new(&dynamodb.config());
    Sink::new("123456789012".parse().unwrap(), Routes::parse(ROUTES).unwrap(), items, dead_letters, holders)
}

/// The time at which messages are taken: that of the first ones.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp((START / 1000).try_into().unwrap()).unwrap()
}

pub(crate) fn hex(octet: u8) -> String {
    format!("{octet:02x}").repeat(32)
}

/// A message as a rule hands it over. Each has a trace id of its own.
pub(crate) fn message(route: &str, device: &str, after: u64, payload: &[u8]) -> Value {
    json!({
        "payload": STANDARD.encode(payload), "topic": format!("dt/{device}/t"), "timestamp": START + after,
        "clientId": device, "principal": hex(1), "traceId": format!("{route}-{device}-{after}"), "route": route,
    })
}

/// The same with a JSON payload.
pub(crate) fn json_message(route: &str, device: &str, after: u64, payload: &Value) -> Value {
    message(route, device, after, payload.to_string().as_bytes())
}
