//! What the README promises, for messages that are taken one after another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shared::testing::DynamoDb;

use super::script::{Kind, Message};
use crate::stage::{LATEST, MESSAGES};

/// Seconds for which an item of the route `brief` is kept.
const KEPT: u64 = 3600;

/// What the tables hold.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Items that are changed, by device.
    changed: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
    /// Items of the history by what they say: each is one.
    history: BTreeSet<String>,
    /// Unique items as they were seen last, by device.
    unique: BTreeMap<&'static str, Unique>,
    /// What might be unique items, by device: time and payload of what was accepted.
    candidates: BTreeMap<&'static str, Vec<(u64, String)>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Unique {
    expires: Option<u64>,
    says: String,
}

impl Model {
    /// A message is done.
    pub(super) fn apply(&mut self, message: &Message) {
        let says = message.says.clone();
        match message.kind {
            Kind::History { .. } => {
                self.history.insert(says);
            }
            Kind::Replaces { .. } => {
                self.changed.insert(message.device, BTreeMap::from([("payload", says)]));
            }
            Kind::Sets(name) => {
                self.changed.entry(message.device).or_default().insert(name, says);
            }
            Kind::Deletes => {
                self.changed.remove(message.device);
            }
            Kind::Unique { .. } => {
                self.candidates.entry(message.device).or_default().push((message.timestamp, says));
            }
            Kind::Senseless(_) => panic!("{message:?} is done"),
        }
    }

    /// A unique item is never overwritten, unless it had expired at the time of the next one.
    pub(super) fn watch_unique(&mut self, dynamodb: &DynamoDb, all: &[Message]) {
        for row in dynamodb.rows(LATEST) {
            let text = |name: &str| row[name]["S"].as_str().unwrap_or_default().to_owned();
            let seconds = row["expires"]["N"].as_str().map(|seconds| seconds.parse().unwrap());
            let Some(message) = all.iter().find(|message| message.says == text("payload")) else { continue };
            if !matches!(message.kind, Kind::Unique { .. }) {
                continue;
            }
            let found = Unique { expires: seconds, says: text("payload") };
            if let Some(before) = self.unique.insert(message.device, found.clone()) {
                let had_expired = before.expires.is_some_and(|second| second <= message.timestamp / 1000);
                assert!(before == found || had_expired, "{before:?} was overwritten by {found:?}");
            }
        }
    }

    /// Holds the tables against what is to be in them once every message is done.
    pub(super) fn assert_tables(&self, dynamodb: &DynamoDb) {
        let says = |row: &Value| row["payload"]["S"].as_str().unwrap().to_owned();
        let mut history: Vec<String> = dynamodb.rows(MESSAGES).iter().map(says).collect();
        history.sort_unstable();
        assert_eq!(history, self.history.iter().cloned().collect::<Vec<_>>(), "the history");

        let (unique, changed): (Vec<_>, Vec<_>) = dynamodb
            .rows(LATEST)
            .into_iter()
            .partition(|row| row["device"]["S"] == "first" || row["device"]["S"] == "brief");
        let changed: Vec<Value> = changed.into_iter().map(plain).collect();
        let expected: Vec<Value> = self
            .changed
            .iter()
            .map(|(device, attributes)| {
                let mut row = serde_json::to_value(attributes).unwrap();
                row["device"] = (*device).into();
                row
            })
            .collect();
        assert_eq!(changed, expected, "the items that are changed");

        assert_eq!(unique.len(), self.candidates.len(), "{unique:?} {:?}", self.candidates);
        for row in unique {
            let candidates = &self.candidates[row["device"]["S"].as_str().unwrap()];
            assert!(candidates.iter().any(|(_, text)| *text == says(&row)), "{row} {candidates:?}");
            let Some(expires) = row["expires"]["N"].as_str() else { continue };
            let expires: u64 = expires.parse().unwrap();
            // One that came when the item had expired would be in its place.
            assert!(candidates.iter().all(|(time, _)| time / 1000 < expires), "{row} {candidates:?}");
            assert!(candidates.iter().any(|(time, text)| *text == says(&row) && time / 1000 + KEPT == expires));
        }
    }
}

/// A row with its texts alone.
fn plain(row: Value) -> Value {
    let Value::Object(members) = row else { panic!("{row}") };
    members.into_iter().map(|(name, value)| (name, value["S"].clone())).collect()
}
