//! What goes wrong during a history, and whom it may delay.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use serde_json::{Value, json};
use shared::fault::{Fault, FaultKind};
use shared::id::CertificateId;
use shared::port::{Holders, Holding};
use shared::testing::dynamodb::Answer;
use shared::testing::{Delivery, DynamoDb, Fate, Holdings, InjectedFault, Queue};

use crate::stage::LATEST;

const FAULTS: [InjectedFault; 5] = [
    InjectedFault::AnswerLost,
    InjectedFault::DiedAfter,
    InjectedFault::DiedBefore,
    InjectedFault::Refused,
    InjectedFault::Stalled,
];

/// Whom the faults of a batch have struck.
#[derive(Clone, Debug, Default)]
pub(super) struct Struck {
    /// Certificates, by their ids.
    pub(super) certificates: BTreeSet<String>,
    /// Items, by what [`Message::item`](super::script::Message::item) calls them.
    pub(super) items: BTreeSet<String>,
    /// What is in the wrapping of messages that were to be put aside.
    pub(super) originals: BTreeSet<String>,
}

#[derive(Debug)]
struct State {
    random: Rng,
    /// A call fails once in so many times; none does if it is nothing.
    once_in: Option<usize>,
    struck: Struck,
}

/// The faults. Copies are the same.
#[derive(Clone, Debug)]
pub(super) struct Weather(Arc<Mutex<State>>);

impl Weather {
    pub(super) fn new(random: Rng, once_in: usize) -> Self {
        Self(Arc::new(Mutex::new(State { random, once_in: Some(once_in), struck: Struck::default() })))
    }

    /// From now on nothing fails.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap().once_in = None;
    }

    /// Whether anything may fail.
    pub(super) fn is_bad(&self) -> bool {
        self.0.lock().unwrap().once_in.is_some()
    }

    /// Whom faults have struck since the last call.
    pub(super) fn struck(&self) -> Struck {
        std::mem::take(&mut self.0.lock().unwrap().struck)
    }

    /// A fault, if there is to be one.
    fn strike<T>(&self, choose: impl FnOnce(&mut Rng) -> T) -> Option<T> {
        let mut state = self.0.lock().unwrap();
        let once_in = state.once_in?;
        (state.random.usize(..once_in) == 0).then(|| choose(&mut state.random))
    }

    fn record(&self, record: impl FnOnce(&mut Struck)) {
        record(&mut self.0.lock().unwrap().struck);
    }

    pub(super) fn over_tables(&self, dynamodb: &DynamoDb) {
        let weather = self.clone();
        dynamodb.when(move |sent| {
            if sent.body.to_string().contains("poison") {
                return Fate::Answered(Answer {
                    status: 400,
                    body: json!({"__type": "com.amazonaws.dynamodb.v20120810#ValidationException", "message": "no"}),
                });
            }
            let is_batch = sent.operation == "BatchWriteItem";
            let fate = weather.strike(|random| {
                if is_batch && random.bool() {
                    Fate::PartlyTaken(1 + random.usize(..4))
                } else {
                    Fate::Struck(random.choice(FAULTS).unwrap())
                }
            });
            // What is not taken up is sent again at once, and nobody waits for another delivery.
            if let Some(Fate::Struck(_)) = fate {
                weather.record(|struck| struck.items.extend(items(&sent.body)));
            }
            fate.unwrap_or(Fate::CarriedOut)
        });
    }

    pub(super) fn over_queue(&self, queue: &Queue) {
        let weather = self.clone();
        queue.when(move |bodies| {
            let delivery = weather.strike(|random| {
                if random.bool() {
                    Delivery::NotTaken(vec![random.usize(..bodies.len())], FaultKind::Unavailable)
                } else {
                    Delivery::Struck(random.choice(FAULTS).unwrap())
                }
            });
            weather.record(|struck| match &delivery {
                Some(Delivery::NotTaken(places, _)) => {
                    struck.originals.extend(places.iter().map(|place| original(&bodies[*place])));
                }
                Some(Delivery::Struck(_)) => struck.originals.extend(bodies.iter().map(|body| original(body))),
                Some(Delivery::Taken) | None => {}
            });
            delivery.unwrap_or(Delivery::Taken)
        });
    }

    pub(super) fn over_certificates(&self, holdings: Holdings) -> Registry {
        Registry { holdings, weather: self.clone() }
    }
}

/// What waits in the wrapping.
pub(super) fn original(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body["original"].as_str().unwrap().to_owned()
}

/// The items that a request is about.
fn items(request: &Value) -> Vec<String> {
    let name = |table: &str, item: &Value| {
        let named = if table == LATEST { &item["device"] } else { &item["payload"] };
        named["S"].as_str().unwrap().to_owned()
    };
    if let Some(tables) = request["RequestItems"].as_object() {
        let requests = tables
            .iter()
            .flat_map(|(table, requests)| requests.as_array().unwrap().iter().map(move |request| (table, request)));
        let item = |(table, request): (&String, &Value)| {
            let put = request.get("PutRequest").map(|put| &put["Item"]);
            name(table, put.unwrap_or_else(|| &request["DeleteRequest"]["Key"]))
        };
        return requests.map(item).collect();
    }
    let item = request.get("Item").unwrap_or_else(|| &request["Key"]);
    vec![name(request["TableName"].as_str().unwrap(), item)]
}

/// Certificates with faults.
#[derive(Debug)]
pub(super) struct Registry {
    holdings: Holdings,
    weather: Weather,
}

impl Holders for Registry {
    async fn holding(&self, certificate: &CertificateId) -> Result<Holding, Fault> {
        let hangs = self.weather.strike(Rng::bool);
        if hangs.is_some() {
            self.weather.record(|struck| {
                struck.certificates.insert(certificate.to_string());
            });
        }
        match hangs {
            Some(true) => std::future::pending().await,
            Some(false) => Err(Fault::new("dynamodb:Query", FaultKind::Throttled, "injected fault")),
            None => self.holdings.holding(certificate).await,
        }
    }
}
