//! The throughput of DynamoDB's tables on demand while they are new ("DynamoDB on-demand capacity mode" and "Best
//! practices for designing and using partition keys" in its developer guide), and its transactions, which exclude each
//! other.
//!
//! A new table takes 4,000 write units and 12,000 read units a second, and so does each of its indexes: four partitions
//! of 1,000 and 3,000. A write that an index has no room for is throttled. Nothing is saved up for a burst, and no
//! partition is split, although DynamoDB does both.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use shared::testing::dynamodb::Answer;
use shared::testing::{Fate, Sent, TokenBucket};
use tokio::time::Instant;

use super::world::{DEVICES, EVENTS, MESSAGES};

/// Partitions of a table or an index, and units a second of each.
const PARTITIONS: u64 = 4;
const WRITES: f64 = 1000.0;
const READS: f64 = 3000.0;
/// Bytes of a write unit.
const UNIT: usize = 1024;
/// Units for a write of a device's row, in the table and in each index.
const ROW: f64 = 2.0;
const ENTRY: f64 = 1.0;
/// How long a transaction excludes others.
const TRANSACTION: Duration = Duration::from_millis(5);

const BY_PRESENCE: &str = "byPresence";
const BY_PRINCIPAL: &str = "byPrincipal";

/// An outage, in which every request is throttled: how long after the beginning of the storm it begins and ends.
const OUTAGE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(8));

/// What the tables have room for.
#[derive(Debug)]
pub(super) struct Limits(Mutex<State>);

#[derive(Debug)]
struct State {
    conflicts: u64,
    outage: Option<Range<Instant>>,
    partitions: BTreeMap<Partition, TokenBucket>,
    throttled: u64,
    /// When each row was last written, and when by a transaction.
    touched: BTreeMap<String, Instant>,
    transactions: BTreeMap<String, Instant>,
}

/// The throughput of a partition.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Partition {
    is_for_reads: bool,
    /// Name of the table or the index.
    name: String,
    place: u64,
}

impl Partition {
    /// The partition that a key is in.
    fn of(name: &str, is_for_reads: bool, key: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self { is_for_reads, name: name.to_owned(), place: hasher.finish() % PARTITIONS }
    }

    fn bucket(&self) -> TokenBucket {
        TokenBucket::new(if self.is_for_reads { READS } else { WRITES })
    }
}

impl Limits {
    /// The limits from the beginning of a storm on.
    pub(super) fn new(has_outage: bool) -> Self {
        let (now, (begin, end)) = (Instant::now(), OUTAGE);
        Self(Mutex::new(State {
            conflicts: 0,
            outage: has_outage.then(|| now + begin..now + end),
            partitions: BTreeMap::new(),
            throttled: 0,
            touched: BTreeMap::new(),
            transactions: BTreeMap::new(),
        }))
    }

    /// What becomes of a request.
    pub(super) fn fate(&self, sent: &Sent) -> Fate {
        let (mut state, body) = (self.state(), &sent.body);
        if state.outage.as_ref().is_some_and(|outage| outage.contains(&Instant::now())) {
            state.throttled += 1;
            return throttled();
        }
        match sent.operation.as_str() {
            "BatchWriteItem" => state.write_batch(body),
            "TransactWriteItems" => state.transact(body),
            "UpdateItem" => state.update(body),
            _ => state.read(body),
        }
    }

    /// Conflicts of transactions, and requests and items that were throttled.
    pub(super) fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.conflicts, state.throttled)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write_batch(&mut self, body: &Value) -> Fate {
        let tables = body["RequestItems"].as_object().into_iter().flatten();
        let puts = tables.flat_map(|(table, puts)| puts.as_array().into_iter().flatten().map(move |put| (table, put)));
        let (mut all, mut left) = (0, 0);
        for (table, put) in puts {
            let item = &put["PutRequest"]["Item"];
            let partition = Partition::of(table, false, text(&item[partition_key(table)]));
            all += 1;
            left += usize::from(!self.admits(&[(partition, units(item))]));
        }
        match left {
            0 => Fate::CarriedOut,
            _ if left == all => throttled(),
            _ => Fate::PartlyTaken(left),
        }
    }

    fn update(&mut self, body: &Value) -> Fate {
        let client = text(&body["Key"][partition_key(DEVICES)]);
        if is_recent(self.transactions.get(client)) {
            self.conflicts += 1;
            return refused("TransactionConflictException", &json!({}));
        }
        let values = &body["ExpressionAttributeValues"];
        let mut charges = vec![(Partition::of(DEVICES, false, client), ROW)];
        // A client that changes its presence is taken out of one shard of the index and put into another one.
        if let Some((_, shard)) = text(&values[":presence"]).split_once('#') {
            let shards = ["connected", "offline"].map(|presence| format!("{presence}#{shard}"));
            charges.extend(shards.map(|shard| (Partition::of(BY_PRESENCE, false, &shard), ENTRY)));
            // Each client has a certificate of its own.
            charges.push((Partition::of(BY_PRINCIPAL, false, client), ENTRY));
        }
        if !self.admits(&charges) {
            return throttled();
        }
        self.touched.insert(client.to_owned(), Instant::now());
        Fate::CarriedOut
    }

    /// A transaction of events and a row, which is the last of its actions. It writes everything twice.
    fn transact(&mut self, body: &Value) -> Fate {
        let actions = body["TransactItems"].as_array().map(Vec::as_slice).unwrap_or_default();
        let (row, puts) = actions.split_last().expect("a transaction has actions");
        let client = text(&row["Update"]["Key"][partition_key(DEVICES)]);
        let canceled = |code| {
            let reasons: Vec<Value> =
                puts.iter().map(|_| json!({"Code": "None"})).chain([json!({"Code": code})]).collect();
            refused("TransactionCanceledException", &json!({"CancellationReasons": reasons}))
        };
        if is_recent(self.touched.get(client)) {
            self.conflicts += 1;
            return canceled("TransactionConflict");
        }
        let of_events = puts.iter().map(|put| (Partition::of(EVENTS, false, client), 2.0 * units(&put["Put"]["Item"])));
        let charges: Vec<_> = of_events.chain([(Partition::of(DEVICES, false, client), 2.0 * ROW)]).collect();
        if !self.admits(&charges) {
            return canceled("ThrottlingError");
        }
        for times in [&mut self.touched, &mut self.transactions] {
            times.insert(client.to_owned(), Instant::now());
        }
        Fate::CarriedOut
    }

    /// A read of one item, or of what an index has for one key.
    fn read(&mut self, body: &Value) -> Fate {
        let table =
            body["TableName"].as_str().or_else(|| body["RequestItems"].as_object()?.keys().next().map(String::as_str));
        let index = body["IndexName"].as_str();
        let partition = Partition::of(index.or(table).unwrap_or_default(), true, &body.to_string());
        if self.admits(&[(partition, 1.0)]) { Fate::CarriedOut } else { throttled() }
    }

    /// Takes so many units from each partition, or none from any.
    fn admits(&mut self, charges: &[(Partition, f64)]) -> bool {
        let have_room = charges.iter().all(|(partition, units)| self.bucket(partition).holds(*units));
        if have_room {
            for (partition, units) in charges {
                self.bucket(partition).take_all(*units);
            }
        } else {
            self.throttled += 1;
        }
        have_room
    }

    fn bucket(&mut self, partition: &Partition) -> &mut TokenBucket {
        self.partitions.entry(partition.clone()).or_insert_with(|| partition.bucket())
    }
}

/// The attribute that decides which partition an item is in.
fn partition_key(table: &str) -> &'static str {
    if table == MESSAGES { "device" } else { "clientId" }
}

fn is_recent(at: Option<&Instant>) -> bool {
    at.is_some_and(|at| at.elapsed() < TRANSACTION)
}

/// Units that writing an item takes. Its JSON is longer than what DynamoDB counts.
fn units(item: &Value) -> f64 {
    f64::from(u32::try_from(item.to_string().len().div_ceil(UNIT)).expect("an item is not so large"))
}

fn throttled() -> Fate {
    refused("ProvisionedThroughputExceededException", &json!({}))
}

fn refused(name: &str, members: &Value) -> Fate {
    let mut body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "simulated"});
    let members = members.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(members);
    Fate::Answered(Answer { status: 400, body })
}

fn text(attribute: &Value) -> &str {
    attribute["S"].as_str().unwrap_or_default()
}
