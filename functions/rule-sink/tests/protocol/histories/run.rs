//! A history from its beginning to its end: batches of messages, and what may become of each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use rule_sink::Sink;
use serde_json::{Value, json};
use shared::aws::items::Items;
use shared::batch::SqsRecord;
use shared::port::Holding;
use shared::testing::{DynamoDb, Holdings, Queue};
use tokio::time::Instant;

use super::model::Model;
use super::script::{self, Kind, Message};
use super::weather::{Registry, Struck, Weather, original};
use crate::stage::{Stage, hex, now, sink};

/// Things of certificates, by the octet of their ids. The third was never let in, the fourth is on its way.
const THINGS: [(u8, &str); 2] = [(1, "pump"), (2, "valve")];
const NEVER_IN: u8 = 3;
const ON_ITS_WAY: u8 = 4;

/// A message in the queue.
#[derive(Clone, Debug)]
struct Delivery {
    message: usize,
    record: SqsRecord,
}

/// What the README promises about a message, as things stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Accepted,
    Refused(&'static str),
    /// It is not known yet whose it is.
    Undecided,
}

pub(super) struct Run {
    dynamodb: DynamoDb,
    holdings: Holdings,
    messages: Vec<Message>,
    model: Model,
    /// How many of the queue's messages have been looked at.
    looked_at: usize,
    /// What is to be delivered.
    pool: Vec<Delivery>,
    put_aside: Queue,
    random: Rng,
    /// What certificates hold, by the octet of their ids.
    registered: BTreeMap<u8, Holding>,
    sink: Sink<Items, Queue, Registry>,
    weather: Weather,
}

impl Run {
    pub(super) fn new(mut random: Rng) -> Self {
        let Stage { dynamodb, holders, queue, .. } = Stage::new();
        let weather = Weather::new(random.fork(), random.usize(2..8));
        weather.over_tables(&dynamodb);
        weather.over_queue(&queue);
        dynamodb.shuffle(random.u64(..));
        let weight = random.choice([1, 30_000, usize::MAX]).unwrap();
        let sink = sink(&dynamodb, queue.clone(), weather.over_certificates(holders.clone()));
        let messages = script::messages(&mut random);
        let delivery = |(message, Message { body, .. }): (usize, &Message)| Delivery {
            message,
            record: SqsRecord { body: body.clone(), message_id: format!("record-{message}") },
        };
        let pool = messages.iter().enumerate().map(delivery).collect();
        let mut run = Self {
            dynamodb,
            holdings: holders,
            messages,
            model: Model::default(),
            looked_at: 0,
            pool,
            put_aside: queue,
            random,
            registered: BTreeMap::new(),
            sink: sink.with_max_slice_weight(weight),
            weather,
        };
        for (certificate, name) in &THINGS {
            run.let_in(*certificate, name);
        }
        run.register(NEVER_IN, Holding::Nothing);
        run.register(ON_ITS_WAY, Holding::NotYet);
        run
    }

    /// Goes through the history, and then once more through what was refused, when it has been moved back.
    pub(super) async fn end(mut self) {
        for _ in 0..self.random.usize(..8) {
            self.take_some().await;
            if self.random.usize(..4) == 0 {
                self.let_in(ON_ITS_WAY, "pump");
            }
        }
        self.let_in(ON_ITS_WAY, "pump");
        self.take_all().await;
        self.let_in(NEVER_IN, "valve");
        self.move_back();
        self.take_all().await;
    }

    fn let_in(&mut self, certificate: u8, name: &str) {
        self.register(certificate, Holding::Thing(name.parse().unwrap()));
    }

    fn register(&mut self, certificate: u8, holding: Holding) {
        self.holdings.set(hex(certificate).parse().unwrap(), holding.clone());
        self.registered.insert(certificate, holding);
    }

    /// Takes what is there, while nothing fails.
    async fn take_all(&mut self) {
        self.weather.clear();
        while !self.pool.is_empty() {
            self.take_some().await;
        }
        self.model.assert_tables(&self.dynamodb);
    }

    /// The messages that were put aside come again, some in a wrapping that nobody knows.
    fn move_back(&mut self) {
        for (n, body) in self.put_aside.bodies().into_iter().enumerate() {
            let wrapped = json!({"original": &body, "rejected": {"reason": "lost its way", "detail": [n]}}).to_string();
            let message = self.named(&original(&body));
            let body = if self.random.bool() { wrapped } else { body };
            self.pool.push(Delivery { message, record: SqsRecord { body, message_id: format!("moved-{n}") } });
        }
    }

    fn named(&self, body: &str) -> usize {
        self.messages.iter().position(|message| message.body == body).unwrap()
    }

    /// Takes some of the messages that are there as a batch. Those that are given back come again, and a few others, too.
    async fn take_some(&mut self) {
        if self.pool.is_empty() {
            return;
        }
        self.random.shuffle(&mut self.pool);
        let rest = self.random.usize(..self.pool.len());
        let batch = self.pool.split_off(rest);
        let records: Vec<SqsRecord> = batch.iter().map(|delivery| delivery.record.clone()).collect();
        let outcome = self.sink.take(&records, now(), Instant::now() + Duration::from_mins(1)).await;
        let failed: BTreeSet<String> = outcome.failed.into_iter().collect();
        let refused = self.newly_put_aside();
        self.check(&batch, &failed, &self.weather.struck(), &refused);
        self.apply(&batch, &failed, &refused);
        self.model.watch_unique(&self.dynamodb, &self.messages);
        let may_repeat = self.weather.is_bad();
        for mut delivery in batch {
            if failed.contains(&delivery.record.message_id) || may_repeat && self.random.usize(..8) == 0 {
                // SQS has moved it to the dead letters, and somebody back.
                if self.messages[delivery.message].is_named() && self.random.usize(..4) == 0 {
                    delivery.record.message_id = format!("moved-{}", self.random.u64(..));
                }
                self.pool.push(delivery);
            }
        }
    }

    /// What was put aside since the last call: the messages, and why.
    fn newly_put_aside(&mut self) -> Vec<(usize, String)> {
        let bodies = self.put_aside.bodies();
        let new = bodies[self.looked_at..].iter();
        self.looked_at = bodies.len();
        let reason = |body: &str| {
            let body: Value = serde_json::from_str(body).unwrap();
            body["rejected"]["reason"].as_str().unwrap().to_owned()
        };
        new.map(|body| (self.named(&original(body)), reason(body))).collect()
    }

    fn verdict(&self, message: &Message) -> Verdict {
        if let Kind::Senseless(reason) = message.kind {
            return Verdict::Refused(reason);
        }
        if !message.is_claimed() {
            return Verdict::Accepted;
        }
        match &self.registered[&message.certificate] {
            Holding::NotYet => Verdict::Undecided,
            Holding::Nothing => Verdict::Refused("principal_unknown"),
            Holding::Thing(thing) if thing.as_str() == message.device => Verdict::Accepted,
            Holding::Thing(_) => Verdict::Refused("principal_mismatch"),
        }
    }

    /// The messages of a batch, each once, in the order in which rules saw them.
    fn ordered(&self, batch: &[Delivery]) -> Vec<(&Message, String)> {
        let mut ordered: Vec<&Delivery> = Vec::new();
        for delivery in batch {
            if ordered.iter().all(|other| other.message != delivery.message) {
                ordered.push(delivery);
            }
        }
        ordered.sort_by_key(|delivery| self.messages[delivery.message].timestamp);
        ordered.into_iter().map(|d| (&self.messages[d.message], d.record.message_id.clone())).collect()
    }

    /// Nothing is given back but what a fault has struck, or what comes after such for the same item; nothing overtakes
    /// that; and what is refused is put aside with its reason before it is acknowledged.
    fn check(&self, batch: &[Delivery], failed: &BTreeSet<String>, struck: &Struck, refused: &[(usize, String)]) {
        let is_put_aside = |message: &Message, reason: &str| {
            refused.iter().any(|(at, told)| self.messages[*at].says == message.says && told == reason)
        };
        let (mut left, mut may_wait) = (BTreeSet::new(), BTreeSet::new());
        for (message, id) in self.ordered(batch) {
            let is_failed = failed.contains(&id);
            let item = message.item();
            let is_queue_struck = struck.originals.contains(&message.body);
            let is_claim_struck = message.is_claimed() && struck.certificates.contains(&hex(message.certificate));
            match self.verdict(message) {
                Verdict::Refused(reason) if is_failed => {
                    assert!(is_queue_struck || is_claim_struck, "{message:?} is given back, and not {reason}");
                    if is_claim_struck {
                        may_wait.insert(item);
                    }
                }
                Verdict::Refused(reason) => assert!(is_put_aside(message, reason), "{message:?} is lost: {reason}"),
                Verdict::Undecided => {
                    assert!(is_failed, "{message:?} is done");
                    left.insert(item);
                }
                Verdict::Accepted if is_failed => {
                    let is_struck = struck.items.contains(item)
                        || is_claim_struck
                        || may_wait.contains(item)
                        || message.is_poisoned && is_queue_struck;
                    assert!(is_struck || left.contains(item), "{message:?} is given back for nothing");
                    // A poisoned one may have been refused, and then hinders nobody.
                    if message.is_poisoned {
                        may_wait.insert(item);
                    } else {
                        left.insert(item);
                    }
                }
                // One that is refused has no effect that could come too early.
                Verdict::Accepted => {
                    let has_overtaken = left.contains(item) && !is_put_aside(message, "dynamodb");
                    assert!(!has_overtaken, "{message:?} has overtaken an earlier one");
                }
            }
        }
        for (at, reason) in refused {
            let message = &self.messages[*at];
            let is_right = match self.verdict(message) {
                Verdict::Refused(expected) => reason == expected,
                Verdict::Accepted => message.is_poisoned && reason == "dynamodb",
                Verdict::Undecided => false,
            };
            assert!(is_right, "{message:?} is refused: {reason}");
            let copies = refused.iter().filter(|(other, _)| other == at).count();
            let delivered = batch.iter().filter(|delivery| delivery.message == *at).count();
            assert!(copies <= delivered, "{message:?} is put aside {copies} times, came {delivered} times");
        }
    }

    /// What is acknowledged and not refused is done.
    fn apply(&mut self, batch: &[Delivery], failed: &BTreeSet<String>, refused: &[(usize, String)]) {
        let done: Vec<Message> = self
            .ordered(batch)
            .into_iter()
            .filter(|(message, id)| !failed.contains(id) && self.verdict(message) == Verdict::Accepted)
            .map(|(message, _)| message.clone())
            .collect();
        for (at, message) in done.iter().enumerate() {
            if !message.is_poisoned {
                self.model.apply(message);
                continue;
            }
            let is_refused = refused.iter().any(|(at, _)| self.messages[*at].says == message.says);
            let is_covered = done[at + 1..].iter().any(|later| !later.is_poisoned && later.covers(message));
            assert!(is_refused || is_covered, "{message:?} is lost");
        }
    }
}
