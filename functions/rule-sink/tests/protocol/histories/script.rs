//! The messages of a history.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::stage::{START, hex, json_message};

/// Devices whose items are changed, and such whose items are unique.
const CHANGED: [&str; 2] = ["pump", "valve"];
const UNIQUE: [&str; 2] = ["first", "brief"];
/// Hours that a history lasts; an item of the route `brief` expires after one.
const HOURS: u64 = 4;
const HOUR: u64 = 3_600_000;

/// A message, and what can be told of it without the sink.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) body: String,
    /// The octet of which the principal is made.
    pub(super) certificate: u8,
    pub(super) device: &'static str,
    pub(super) kind: Kind,
    /// Whether DynamoDB refuses its item.
    pub(super) is_poisoned: bool,
    /// What its payload says; no two messages say the same.
    pub(super) says: String,
    pub(super) timestamp: u64,
}

/// What a message is for, by its route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Items that are there for their message alone: `all`, `also` and, for the certificate's own device, `claimed`.
    History { is_claimed: bool },
    /// An item that is replaced: `latest` and, for the certificate's own device, `mine`.
    Replaces { is_claimed: bool },
    /// One attribute of an item is set, others stay: `count` and `status`.
    Sets(&'static str),
    /// The item is deleted.
    Deletes,
    /// An item that is there stays, and if it expires, for an hour.
    Unique { expires: bool },
    /// Nothing can be made of it, for this reason.
    Senseless(&'static str),
}

impl Message {
    /// Whether the certificate has to be that of the device.
    pub(super) fn is_claimed(&self) -> bool {
        matches!(self.kind, Kind::History { is_claimed: true } | Kind::Replaces { is_claimed: true })
    }

    /// Whether it keeps its name when the queue calls it otherwise.
    pub(super) fn is_named(&self) -> bool {
        self.body.contains("\"id\"") || self.body.contains("\"traceId\"")
    }

    /// What the item is known by that it goes to.
    pub(super) fn item(&self) -> &str {
        if matches!(self.kind, Kind::History { .. }) { &self.says } else { self.device }
    }

    /// Whether nothing is left of another message for the same item after this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.item() == other.item()
            && match self.kind {
                Kind::Replaces { .. } | Kind::Deletes => true,
                Kind::Sets(_) => self.kind == other.kind,
                _ => false,
            }
    }
}

/// The messages of a history. Some come by two routes.
pub(super) fn messages(random: &mut Rng) -> Vec<Message> {
    let mut messages = Vec::new();
    for n in 0..3 + random.usize(..30) {
        let kind = kind(random);
        let message = message(random, n, kind);
        if let Kind::History { is_claimed: false } = kind {
            messages.push(copy(&message, "also"));
        }
        messages.push(message);
    }
    messages
}

fn kind(random: &mut Rng) -> Kind {
    match random.usize(..12) {
        0 => Kind::History { is_claimed: false },
        1 => Kind::History { is_claimed: true },
        2 | 3 => Kind::Replaces { is_claimed: false },
        4 => Kind::Replaces { is_claimed: true },
        5 => Kind::Sets("count"),
        6 => Kind::Sets("x"),
        7 => Kind::Sets("y"),
        8 => Kind::Deletes,
        9 => Kind::Unique { expires: false },
        10 => Kind::Unique { expires: true },
        _ => Kind::Senseless(random.choice(["envelope", "operation", "payload_not_object", "route_unknown"]).unwrap()),
    }
}

fn message(random: &mut Rng, n: usize, kind: Kind) -> Message {
    // A deletion has no item that could be refused.
    let is_poisoned = random.usize(..4) == 0 && !matches!(kind, Kind::Deletes | Kind::Senseless(_));
    let says = format!("{}{n}", if is_poisoned { "poison" } else { "m" });
    let device = match kind {
        Kind::Unique { expires } => UNIQUE[usize::from(expires)],
        _ => random.choice(CHANGED).unwrap(),
    };
    // Several of one time are in the order of the queue.
    let after = u64::try_from(random.usize(..12)).unwrap() * HOURS * HOUR / 12;
    let (route, payload) = match kind {
        Kind::History { is_claimed } => (if is_claimed { "claimed" } else { "all" }, json!(says)),
        Kind::Replaces { is_claimed } => (if is_claimed { "mine" } else { "latest" }, json!(says)),
        Kind::Sets("count") => ("count", json!(says)),
        Kind::Sets(name) => ("status", json!({name: says})),
        Kind::Deletes => ("deleted", json!(says)),
        Kind::Unique { expires } => (if expires { "brief" } else { "first" }, json!(says)),
        Kind::Senseless("operation") => ("chosen", json!({"operation": says})),
        Kind::Senseless("payload_not_object") => ("status", json!(says)),
        Kind::Senseless(_) => ("nowhere", json!(says)),
    };
    let certificate = u8::try_from(1 + random.usize(..4)).unwrap();
    let mut body = json_message(route, device, after, &payload);
    body["principal"] = hex(certificate).into();
    name(random, &mut body, n);
    if kind == Kind::Senseless("envelope") {
        body.as_object_mut().unwrap().remove("topic");
    }
    Message { body: body.to_string(), certificate, device, kind, is_poisoned, says, timestamp: START + after }
}

/// Most messages have a trace id, some only a name by their rule, and others none but the queue's.
fn name(random: &mut Rng, body: &mut Value, n: usize) {
    body["traceId"] = format!("trace-{n}").into();
    body["id"] = format!("id-{n}").into();
    let missing: &[&str] = match random.usize(..4) {
        0 => &["traceId"],
        1 => &["traceId", "id"],
        _ => &[],
    };
    for member in missing {
        body.as_object_mut().unwrap().remove(*member);
    }
}

/// The same message by another route.
fn copy(message: &Message, route: &str) -> Message {
    let mut body: Value = serde_json::from_str(&message.body).unwrap();
    let says = format!("{}-{route}", message.says);
    body["route"] = route.into();
    body["payload"] = json_message(route, "", 0, &json!(says))["payload"].clone();
    Message { body: body.to_string(), says, ..message.clone() }
}
