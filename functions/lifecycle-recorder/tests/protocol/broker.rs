//! A model of the broker: it makes a random history of some clients, and knows what became of each.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::Value;
use shared::presence::{ConnectFailure, Connection, Device};

use crate::stage::{MINUTE, START, connect_failed, connected, decoded, disconnected, id, subscribed, unsubscribed};

const SECOND: i64 = 1000;
/// Topic filters that a session gives up at most: as many as are remembered.
const MAX_GIVEN_UP: usize = 128;
/// Topic filters that AWS IoT lets a connection subscribe to.
const MAX_HELD: usize = 50;
/// Minutes offline after which the version of a client without a persistent session starts again.
const RESTART: i64 = 61;

/// What happened, and what is true at its end.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The events, each once, in the order in which they happened.
    pub(crate) events: Vec<Value>,
    /// What is true of each client; without the counts.
    pub(crate) clients: BTreeMap<String, Truth>,
}

/// The facts about a client that the broker knows.
#[derive(Debug)]
pub(crate) struct Truth {
    /// The row, without subscriptions.
    pub(crate) device: Device,
    /// What is subscribed to in the session of the newest connection.
    pub(crate) held: BTreeSet<String>,
}

/// A client as the broker sees it.
struct Client {
    /// Whether its sessions are long.
    calm: bool,
    id: String,
    offline_since: i64,
    online: bool,
    principal: String,
    session: Option<Session>,
    sessions: usize,
    truth: Truth,
    version: i64,
}

/// A session, which may have several connections if it is persistent.
struct Session {
    given_up: BTreeSet<String>,
    held: BTreeSet<String>,
    id: String,
    /// Minutes that it outlasts its connection; none if it ends with that.
    persistent: Option<i64>,
    /// By how much the clock of its node is wrong, in milliseconds.
    skew: i64,
}

/// A random history of some clients.
pub(crate) fn history(random: &mut Rng) -> History {
    let mut history = History::default();
    let mut clients: Vec<Client> = (0..random.usize(1..=3)).map(|n| Client::new(n, random)).collect();
    let mut now = START;
    for _ in 0..random.usize(3..24) {
        let n = random.usize(..clients.len());
        now += clients[n].act(now, random, &mut history.events);
        now += match random.u8(..10) {
            0 => random.i64(RESTART..600) * MINUTE,
            1..3 => random.i64(1..50) * MINUTE,
            3..6 => random.i64(1..60) * SECOND,
            _ => random.i64(1..1000),
        };
    }
    let told = clients.into_iter().filter(|client| client.truth.device.last_event_at.is_some());
    history.clients = told.map(|client| (client.id, client.truth)).collect();
    history
}

/// A number of repetitions: few, and at times many.
fn some(random: &mut Rng, few: i64, many: i64) -> i64 {
    let most = if random.u8(..4) == 0 { many } else { few };
    random.i64(1..most)
}

impl Client {
    fn new(n: usize, random: &mut Rng) -> Self {
        let id_text = ["pump-17", "site/7 valve", "iotconsole-4b0d"][n];
        let certificate = random.u8(..3) > 0;
        Self {
            calm: random.u8(..3) == 0,
            id: id_text.to_owned(),
            offline_since: START,
            online: false,
            principal: if certificate { "ce".repeat(32) } else { format!("AROAEXAMPLE:{n}") },
            session: None,
            sessions: 0,
            truth: Truth { device: Device::unknown(id(id_text)), held: BTreeSet::new() },
            version: -1,
        }
    }

    /// Does something, and tells how many milliseconds it took.
    fn act(&mut self, now: i64, random: &mut Rng, events: &mut Vec<Value>) -> i64 {
        let begun = events.len();
        let what = if self.calm && random.u8(..10) > 0 { random.u8(5..9) } else { random.u8(..10) };
        let took = match what {
            0 => self.fail(now, random, events),
            1 => self.flap(now, random, events),
            2..4 => self.connect(now, random, events),
            4 if self.online => self.disconnect(now, random.i64(0..20), events),
            5..7 if self.online => self.subscribe(now, random, events),
            7 if self.online => self.reply(now, random, events),
            8 if self.online => self.unsubscribe(now, random, events),
            _ if self.online => 0,
            _ => self.connect(now, random, events),
        };
        for event in &mut events[begun..] {
            if event["eventType"] != "connect_failed" {
                event["principalIdentifier"] = self.principal.clone().into();
            }
            self.told(event);
        }
        took
    }

    /// Adds to the truth what one event tells.
    fn told(&mut self, event: &Value) {
        let (event, known) = (decoded(event), &mut self.truth.device);
        let one = Device::of(&event);
        known.last_event_at = known.last_event_at.max(one.last_event_at);
        known.permanent |= one.permanent;
        known.connect_failures += u64::from(one.last_connect_failure.is_some());
        let order = |failure: &ConnectFailure| (failure.at, failure.session.clone());
        if one.last_connect_failure.as_ref().map(order) > known.last_connect_failure.as_ref().map(order) {
            known.last_connect_failure = one.last_connect_failure;
        }
    }

    fn connect(&mut self, now: i64, random: &mut Rng, events: &mut Vec<Value>) -> i64 {
        let away = if self.online { 0 } else { (now - self.offline_since) / MINUTE };
        let persistent = random.u8(..4) == 0;
        let goes_on = self.session.as_ref().is_some_and(|session| {
            persistent && session.persistent.is_some_and(|minutes| self.online || away < minutes)
        });
        let outlasted = self.session.as_ref().and_then(|session| session.persistent).unwrap_or(RESTART);
        let restarts = !self.online && away >= outlasted;
        let taken_over = self.online.then(|| self.name());
        let version = if restarts || self.version < 0 { 0 } else { self.version + random.i64(1..4) };
        let old = self.session.as_ref().map_or(0, |session| session.skew);
        if !goes_on {
            self.sessions += 1;
            self.session = Some(Session {
                given_up: BTreeSet::new(),
                held: BTreeSet::new(),
                id: format!("{}-{}", self.sessions, random.u16(..)),
                persistent: persistent.then(|| random.i64(11..180)),
                skew: random.i64(-120..=120) * SECOND,
            });
        }
        let begin = connected(&self.id, self.at(now), &self.name(), version);
        if let Some(session) = taken_over {
            // The end of a connection that is taken over is told a moment after the beginning of the next one.
            events.push(disconnected(&self.id, now + old + random.i64(0..2000), &session, self.version));
        }
        self.begin(&begin, version);
        events.push(begin);
        0
    }

    fn begin(&mut self, begin: &Value, version: i64) {
        self.version = version;
        self.online = true;
        let connection = Connection::of(&decoded(begin)).unwrap();
        self.truth.device.connection = Some(Connection { principal: Some(self.principal.clone()), ..connection });
        self.truth.held.clone_from(&self.session.as_ref().unwrap().held);
    }

    fn disconnect(&mut self, now: i64, lasts: i64, events: &mut Vec<Value>) -> i64 {
        let end = disconnected(&self.id, self.at(now + lasts), &self.name(), self.version);
        let known = self.truth.device.connection.as_mut().unwrap();
        let beginning = known.beginning().cloned();
        let end_state = Connection::of(&decoded(&end)).unwrap();
        known.state = shared::presence::ConnectionState::Ended(beginning, end_state.end().unwrap().clone());
        self.online = false;
        self.offline_since = now + lasts;
        events.push(end);
        lasts
    }

    /// Connects and disconnects some times within seconds.
    fn flap(&mut self, now: i64, random: &mut Rng, events: &mut Vec<Value>) -> i64 {
        let mut took = 0;
        for _ in 0..random.usize(1..6) {
            took += self.connect(now + took, random, events) + random.i64(1..300);
            if random.u8(..4) > 0 {
                took += self.disconnect(now + took, random.i64(0..50), events) + random.i64(1..300);
            }
        }
        took
    }

    fn fail(&mut self, now: i64, random: &mut Rng, events: &mut Vec<Value>) -> i64 {
        let attempts = some(random, 5, 40);
        for n in 0..attempts {
            let mut event = connect_failed(&self.id, now + 10 * n, &format!("failed-{}", random.u32(..)));
            event["principalIdentifier"] = ["aa".repeat(32), self.principal.clone()][random.usize(..2)].clone().into();
            events.push(event);
        }
        10 * attempts
    }

    /// Subscribes to some filters at once, as AWS IoT lets one request have eight.
    fn subscribe(&mut self, now: i64, random: &mut Rng, events: &mut Vec<Value>) -> i64 {
        let requests = random.i64(1..6);
        for n in 0..requests {
            let names: BTreeSet<String> =
                (0..random.usize(1..=8)).map(|_| format!("held/{}", random.usize(..MAX_HELD))).collect();
            let texts: Vec<&str> = names.iter().map(String::as_str).collect();
            events.push(subscribed(&self.id, self.at(now + n), &self.name(), &texts));
            self.session.as_mut().unwrap().held.extend(names);
        }
        self.subscriptions_changed();
        requests
    }

    /// Gives some filters up, of which it need not have had all.
    fn unsubscribe(&mut self, now: i64, random: &mut Rng, events: &mut Vec<Value>) -> i64 {
        let names: BTreeSet<String> =
            (0..random.usize(1..=8)).map(|_| format!("held/{}", random.usize(..MAX_HELD))).collect();
        let session = self.session.as_ref().unwrap();
        if session.given_up.union(&names).count() > MAX_GIVEN_UP {
            return 0;
        }
        let texts: Vec<&str> = names.iter().map(String::as_str).collect();
        events.push(unsubscribed(&self.id, self.at(now), &self.name(), &texts));
        let session = self.session.as_mut().unwrap();
        session.held.retain(|name| !names.contains(name));
        session.given_up.extend(names);
        self.subscriptions_changed();
        1
    }

    /// Subscribes to filters that it needs for one answer each.
    fn reply(&mut self, now: i64, random: &mut Rng, events: &mut Vec<Value>) -> i64 {
        let mut took = 0;
        for _ in 0..some(random, 8, 60) {
            let session = self.session.as_mut().unwrap();
            if session.given_up.len() >= MAX_GIVEN_UP {
                break;
            }
            let name = format!("reply/{}", random.u32(..));
            session.given_up.insert(name.clone());
            let session = self.name();
            events.push(subscribed(&self.id, self.at(now + took), &session, &[&name]));
            took += random.i64(1..50);
            events.push(unsubscribed(&self.id, self.at(now + took), &session, &[&name]));
            took += 1;
        }
        took
    }

    fn subscriptions_changed(&mut self) {
        self.truth.held.clone_from(&self.session.as_ref().unwrap().held);
    }

    fn name(&self) -> String {
        self.session.as_ref().unwrap().id.clone()
    }

    /// A time as the session's node tells it.
    fn at(&self, now: i64) -> i64 {
        now + self.session.as_ref().unwrap().skew
    }
}
