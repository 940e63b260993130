//! What the [broker](crate::broker) knows is what the tables hold at the end, whatever happened to its events on the way:
//! repeated, in any order, in any batches, some of them late, over tables that refuse requests and lose answers.
//!
//! A history that ends wrong is followed again with `SEED=<seed> SEEDS=1 cargo test --test protocol -- oracle`; more are
//! with another number of `SEEDS`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use shared::presence::{Device, Subscriptions};
use shared::testing::dynamodb::Answer;
use shared::testing::{Fate, InjectedFault};
use tokio::time::Instant;

use crate::broker::{History, Truth, history};
use crate::stage::{EVENTS, RETENTION, Stage, batch, decoded};

/// Histories of a usual run.
const SEEDS: u64 = 200;
/// Requests after which the tables are sound again, so that every history ends.
const MAX_FAULTY: usize = 400;
/// Deliveries after which a history does not end any more.
const MAX_DELIVERIES: usize = 3000;

#[expect(clippy::disallowed_methods, reason = "an argument of whoever runs the test")]
fn argument(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Prints the seed of a history that ends wrong.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("SEED={}", self.0);
        }
    }
}

#[test]
fn the_tables_hold_what_the_broker_knows() {
    let (first, count) = (argument("SEED", 1), argument("SEEDS", SEEDS));
    for seed in first..first + count {
        let seed = Seed(seed);
        let mut random = Rng::with_seed(seed.0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(follow(&mut random));
    }
}

async fn follow(random: &mut Rng) {
    let history = history(random);
    let stage = Stage::new();
    let answers_lost = disturb(&stage, random);
    let counted = deliver(&stage, arrivals(&history.events, random), random).await;
    stage.dynamodb.when(|_| Fate::CarriedOut);
    assert_rows(&stage, &history).await;
    assert_history(&stage, &history);
    let failures: u64 = history.clients.values().map(|truth| truth.device.connect_failures).sum();
    assert!(counted <= failures, "{counted} failures were told of {failures}");
    assert!(answers_lost || counted == failures, "{counted} failures were told of {failures}");
}

/// Lets requests fail, as many as the history wants; tells whether they may have had their effect.
fn disturb(stage: &Stage, random: &mut Rng) -> bool {
    let (percent, kinds) = (random.u8(..40), random.u8(1..=5));
    let mut chance = random.fork();
    let mut requests = 0;
    stage.dynamodb.shuffle(random.u64(..));
    stage.dynamodb.when(move |sent| {
        requests += 1;
        if requests > MAX_FAULTY || chance.u8(..100) >= percent {
            return Fate::CarriedOut;
        }
        match (chance.u8(..kinds), sent.operation.as_str()) {
            (0, _) => Fate::Struck(InjectedFault::Refused),
            (1, "BatchWriteItem") => Fate::PartlyTaken(chance.usize(1..4)),
            (1, "TransactWriteItems") => Fate::Answered(conflict(sent.body["TransactItems"].as_array().unwrap().len())),
            (1, _) => Fate::Answered(refusal("TransactionConflictException")),
            (2, _) => Fate::Answered(refusal("ThrottlingException")),
            (3, _) => Fate::Struck(InjectedFault::AnswerLost),
            _ => Fate::Struck([InjectedFault::DiedBefore, InjectedFault::DiedAfter][chance.usize(..2)]),
        }
    });
    kinds > 3
}

fn refusal(code: &str) -> Answer {
    Answer { status: 400, body: json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}")}) }
}

fn conflict(actions: usize) -> Answer {
    let mut answer = refusal("TransactionCanceledException");
    let code = |n| if n + 1 == actions { "TransactionConflict" } else { "None" };
    answer.body["CancellationReasons"] = (0..actions).map(|n| json!({"Code": code(n)})).collect();
    answer
}

/// The messages in the order in which they arrive: some events twice or more, and in any order, or nearly in their own but
/// for some that wait in a backlog.
fn arrivals(events: &[Value], random: &mut Rng) -> VecDeque<Value> {
    let far = events.len() * 2;
    let disorder = [1, 5, far][random.usize(..3)];
    let (repeats, backlog) = (random.u8(..40), random.u8(..20));
    let mut placed = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let mut copies = 1;
        while random.u8(..100) < repeats {
            copies += 1;
        }
        for _ in 0..copies {
            let waits = if random.u8(..100) < backlog { far } else { disorder };
            placed.push((place + random.usize(..waits), random.u32(..), event.clone()));
        }
    }
    placed.sort_by_key(|(place, chance, _)| (*place, *chance));
    placed.into_iter().map(|(_, _, event)| event).collect()
}

/// Delivers messages until each one is acknowledged; tells how many failures were said to be counted.
async fn deliver(stage: &Stage, mut queue: VecDeque<Value>, random: &mut Rng) -> u64 {
    let size = [1, 10, 100][random.usize(..3)];
    let mut counted = 0;
    for _ in 0..MAX_DELIVERIES {
        if queue.is_empty() {
            return counted;
        }
        let mut taken = |queue: &mut VecDeque<Value>| -> Vec<Value> {
            let count = random.usize(1..=size).min(queue.len());
            queue.drain(..count).collect()
        };
        // Two invocations may be under way at a time.
        let batches = [taken(&mut queue), taken(&mut queue)];
        let until = Instant::now() + Duration::from_secs(28);
        let read = [batch(&batches[0]), batch(&batches[1])];
        let outcomes = tokio::join!(stage.recorder.record(&read[0], until), stage.recorder.record(&read[1], until));
        for (events, outcome) in batches.iter().zip([outcomes.0, outcomes.1]) {
            counted += outcome.connect_failures;
            for message in outcome.failed {
                let place = random.usize(..=queue.len());
                queue.insert(place, events[message.parse::<usize>().unwrap()].clone());
            }
        }
    }
    panic!("{} messages are delivered again and again", queue.len());
}

async fn assert_rows(stage: &Stage, history: &History) {
    let rows = stage.client_rows().into_iter();
    let rows: BTreeMap<String, Value> =
        rows.map(|row| (row["clientId"]["S"].as_str().unwrap().to_owned(), row)).collect();
    assert_eq!(rows.keys().collect::<Vec<_>>(), history.clients.keys().collect::<Vec<_>>());
    for (client, truth) in &history.clients {
        let mut device = stage.device(client).await.unwrap();
        let held: BTreeSet<String> = device.subscriptions.held().map(ToOwned::to_owned).collect();
        (device.pending, device.subscriptions) = (BTreeMap::new(), Subscriptions::default());
        assert_eq!(device, truth.device);
        assert_eq!(held, truth.held, "{client}");
        assert_attributes(&rows[client], truth);
    }
}

/// What readers see that is made of the rest.
fn assert_attributes(row: &Value, truth: &Truth) {
    let Device { connection, last_event_at, permanent, .. } = &truth.device;
    let seconds = last_event_at.unwrap().unix_timestamp() + i64::try_from(RETENTION.as_secs()).unwrap();
    let expiry = if *permanent { json!({"S": "never"}) } else { json!({"N": seconds.to_string()}) };
    assert_eq!(row["expiresAt"], expiry, "{row}");
    let Some(connection) = connection else { return };
    let open = connection.end().is_none();
    let presence = row["presence"]["S"].as_str().unwrap();
    assert!(presence.contains(if open { "connected#" } else { "offline#" }), "{row}");
    let (since, beginning) = (&row["presenceSince"], &row["connectedAt"]);
    assert_eq!(since, if open { beginning } else { &row["disconnectedAt"] }, "{row}");
    assert_eq!(row["offlineSince"], row["disconnectedAt"], "{row}");
}

fn assert_history(stage: &Stage, history: &History) {
    let key = |event: &Value| {
        let event = decoded(event);
        (event.client_id.to_string(), event.key())
    };
    let expected: BTreeSet<(String, String)> = history.events.iter().map(key).collect();
    let text = |row: &Value, name: &str| row[name]["S"].as_str().unwrap().to_owned();
    let rows = stage.dynamodb.rows(EVENTS);
    let kept: BTreeSet<(String, String)> = rows.iter().map(|row| (text(row, "clientId"), text(row, "event"))).collect();
    assert_eq!(kept, expected);
}
