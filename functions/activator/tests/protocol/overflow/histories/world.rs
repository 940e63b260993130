//! Queues that hide, lose nothing and deliver twice, the processes behind them, and who acts meanwhile.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use activator::{Answer, Handler, Settings};
use actors::activation::{EVENTS_ARN, handler, lambda_event, settings};
use actors::{Fleet, account, next_request_id, operator};
use serde_json::{Value, json};
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::id::ThingName;
use shared::pace::Quotas;
use shared::pki::crl::{CertificateKind, Scope};
use shared::port::AuthorityStore as _;
use shared::port::CertificateStatus::PendingActivation;
use shared::testing::{FakeCloud, InjectedFault, Issued, NewCrl, Queue};
use time::OffsetDateTime;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

use crate::overflow::OVERFLOW_ARN;

const DEVICES: usize = 16;
const SOURCE: &str = "https://crl.example.com/fleet.crl";
/// After this time nothing is unlisted, deleted or struck any more.
const RESTLESS: Duration = Duration::from_secs(40);
/// How long a message is hidden, as in the template.
const HIDDEN: Duration = Duration::from_mins(3);
/// How long an invocation may last, as in the template.
const TIMEOUT: Duration = Duration::from_secs(30);
const QUOTAS: Quotas = Quotas { attach_policy: 15.0, describe_certificate: 10.0, share: 0.3, update_certificate: 10.0 };

/// The parts of a history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Whether certificates are deleted, and registered again.
    pub(super) deletes: bool,
    pub(super) has_faults: bool,
    /// Whether a CRL that comes late lets devices in; the allow-list otherwise.
    pub(super) needs_crl: bool,
}

struct Message {
    body: String,
    id: String,
    visible: Instant,
}

/// A fleet, and everything between it and AWS.
pub(super) struct World {
    base: OffsetDateTime,
    begun: Instant,
    /// Messages of the rule's queue.
    events: RefCell<Vec<Message>>,
    pub(super) devices: Vec<(ThingName, Issued)>,
    pub(super) fleet: Fleet,
    is_over: Cell<bool>,
    /// Events so far, and those of them that the overflow queue has handed over.
    ids: Cell<usize>,
    moved: Cell<usize>,
    overflow: Queue,
    plan: Plan,
    /// Messages of the overflow queue.
    waiting: RefCell<Vec<Message>>,
}

/// A number below another one.
fn below(end: u64) -> u64 {
    fastrand::u64(..end)
}

/// Whether a thing happens that happens once in so many times.
fn once_in(times: u64) -> bool {
    below(times) == 0
}

fn latency(name: &str) -> Duration {
    let most = match name {
        "dynamodb:UpdateItem" => 2500,
        name if name.starts_with("iot:") => 800,
        _ => 60,
    };
    Duration::from_millis(below(most) * if once_in(40) { 6 } else { 1 })
}

impl World {
    pub(super) fn new(plan: Plan) -> Rc<Self> {
        let fleet = Fleet::new(if plan.needs_crl {
            json!({"crl": "required", "crlSources": [SOURCE]})
        } else {
            json!({"admission": "listed"})
        });
        let device = |n: usize| {
            let name = format!("pump-{n}");
            (name.parse().unwrap(), fleet.authority.issue(&name, fleet.now))
        };
        let devices = (0..DEVICES).map(device).collect();
        fleet.cloud.set_latency(latency);
        Rc::new(Self {
            base: actors::now(),
            begun: Instant::now(),
            events: RefCell::default(),
            devices,
            fleet,
            is_over: Cell::default(),
            ids: Cell::default(),
            moved: Cell::default(),
            overflow: Queue::default(),
            plan,
            waiting: RefCell::default(),
        })
    }

    /// Everybody acts at once for a while; then everybody connects again and again, and the last change is before the last time.
    pub(super) async fn history(self: &Rc<Self>) {
        for arn in [EVENTS_ARN, OVERFLOW_ARN, EVENTS_ARN, OVERFLOW_ARN] {
            spawn_local(Rc::clone(self).process(arn));
        }
        for place in 0..DEVICES {
            spawn_local(Rc::clone(self).reconnect(place));
        }
        spawn_local(Rc::clone(self).strike());
        while self.begun.elapsed() < RESTLESS {
            sleep(Duration::from_millis(below(8_000))).await;
            self.operate(usize::try_from(below(DEVICES as u64)).unwrap()).await;
        }
        for round in (0..10).rev() {
            for place in 0..DEVICES {
                sleep(Duration::from_millis(below(120))).await;
                if round > 0 && once_in(3) {
                    self.operate(place).await;
                } else if once_in(2) {
                    self.list(place);
                }
                self.connect(place, true);
            }
        }
        if self.plan.needs_crl {
            sleep(Duration::from_secs(below(400))).await;
            let scope = Scope { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None };
            let crl = NewCrl::current(7_u32.into(), self.fleet.now);
            self.fleet.cloud.place_crl(self.fleet.id(), &SOURCE.parse().unwrap(), &crl, &scope, Vec::new());
        }
    }

    /// Waits until both queues are empty, for an hour at most. Tells how many messages are left.
    pub(super) async fn drain(&self) -> usize {
        let begun = Instant::now();
        while self.messages() > 0 && begun.elapsed() < Duration::from_hours(1) {
            sleep(Duration::from_secs(1)).await;
        }
        self.is_over.set(true);
        self.fleet.cloud.plan_nothing();
        self.messages()
    }

    pub(super) async fn may_come_in(&self, name: &ThingName) -> bool {
        let announced = self.fleet.cloud.authorities().announced_name(self.fleet.id(), name).await;
        self.plan.needs_crl || announced.unwrap().is_some()
    }

    fn messages(&self) -> usize {
        let unread = self.overflow.bodies().len() - self.moved.get();
        self.events.borrow().len() + self.waiting.borrow().len() + unread
    }

    fn now(&self) -> OffsetDateTime {
        self.base + self.begun.elapsed()
    }

    /// One of the processes behind a queue.
    async fn process(self: Rc<Self>, arn: &'static str) {
        let settings = Settings { quotas: QUOTAS, ..settings(&account()) };
        let process = handler(settings, self.fleet.cloud.clone(), &self.fleet.cloud, self.overflow.clone());
        while !self.is_over.get() {
            sleep(Duration::from_millis(20 + below(150))).await;
            let records = self.receive(arn);
            if records.is_empty() {
                sleep(Duration::from_millis(500)).await;
                continue;
            }
            let handled = self.invoke(&process, &records).await;
            let is_done = |message: &Message| {
                let is_received = records.iter().any(|record| record["messageId"] == message.id.as_str());
                is_received && handled.as_ref().is_some_and(|failed| !failed.contains(&message.id))
            };
            self.queue(arn).borrow_mut().retain(|message| !is_done(message));
        }
    }

    /// The messages that are to be delivered again; none if the invocation has failed as a whole.
    async fn invoke(
        &self,
        process: &Handler<FakeCloud, Authorities, Registrations, FakeCloud, Queue>,
        records: &[Value],
    ) -> Option<Vec<String>> {
        let mut event = lambda_event(&next_request_id(), &json!({"Records": records}).to_string());
        let now = self.now();
        let deadline = (now + TIMEOUT).unix_timestamp_nanos() / 1_000_000;
        event.context.deadline = u64::try_from(deadline).unwrap();
        match timeout(TIMEOUT, Box::pin(process.handle_at(event, now))).await {
            Ok(Ok(Answer::Batch(response))) => {
                Some(response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect())
            }
            _ => None,
        }
    }

    /// Receives ten messages at most, and hides them; SQS delivers one in a while twice.
    fn receive(&self, arn: &str) -> Vec<Value> {
        if arn == OVERFLOW_ARN {
            let bodies = self.overflow.bodies();
            for body in bodies.iter().skip(self.moved.replace(bodies.len())) {
                self.send(arn, body.clone());
            }
        }
        let (now, most) = (Instant::now(), usize::try_from(1 + below(10)).unwrap());
        let mut messages = self.queue(arn).borrow_mut();
        let received = messages.iter_mut().filter(|message| message.visible <= now).take(most);
        received
            .map(|message| {
                message.visible = now + if once_in(30) { Duration::from_secs(below(20)) } else { HIDDEN };
                json!({"body": message.body, "eventSourceARN": arn, "messageId": message.id})
            })
            .collect()
    }

    fn queue(&self, arn: &str) -> &RefCell<Vec<Message>> {
        if arn == OVERFLOW_ARN { &self.waiting } else { &self.events }
    }

    fn send(&self, arn: &str, body: String) {
        self.ids.set(self.ids.get() + 1);
        let message = Message { body, id: self.ids.get().to_string(), visible: Instant::now() };
        self.queue(arn).borrow_mut().push(message);
    }

    /// All devices of a site lose their connections at the same times.
    async fn reconnect(self: Rc<Self>, place: usize) {
        while self.begun.elapsed() < RESTLESS {
            let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap();
            let next = (millis / 11_000 + 1 + below(3)) * 11_000 + below(1_500);
            sleep(Duration::from_millis(next - millis)).await;
            self.connect(place, once_in(3));
        }
    }

    /// A device connects: if its certificate is not in, AWS IoT registers it, should that be gone, and publishes an event.
    fn connect(&self, place: usize, registers: bool) {
        let (_, device) = self.devices.get(place).unwrap();
        let is_registered = self.fleet.cloud.state().certificates.contains_key(&device.id);
        if !is_registered && registers {
            self.fleet.cloud.register(self.fleet.id(), &account(), &device.id, &device.pem);
        }
        if (is_registered || registers) && self.fleet.status(device) == PendingActivation {
            let millis = self.now().unix_timestamp_nanos() / 1_000_000;
            let mut event: Value = serde_json::from_str(&self.fleet.event(device)).unwrap();
            event.as_object_mut().unwrap().insert("timestamp".to_owned(), json!(i64::try_from(millis).unwrap()));
            self.send(EVENTS_ARN, event.to_string());
        }
    }

    fn list(&self, place: usize) {
        let (name, _) = self.devices.get(place).unwrap();
        self.fleet.cloud.allow_name(self.fleet.id(), name);
    }

    /// An operator does one thing or another, or nothing.
    async fn operate(&self, place: usize) {
        match below(10) {
            0 => self.fleet.cloud.clear_allow_lists(),
            1 | 2 => self.list(place),
            3 => {
                let label = Some(below(u64::MAX).to_string());
                self.fleet.cloud.change_profile(self.fleet.id(), |profile| profile.label = label);
            }
            4..=6 if self.plan.deletes => {
                let deleting = operator::delete(&self.fleet.cloud, &self.devices.get(place).unwrap().1.id);
                // A fault may strike this call too, and end it half way.
                let _ = timeout(Duration::from_secs(5), deleting).await;
            }
            _ => {}
        }
    }

    async fn strike(self: Rc<Self>) {
        const FAULTS: [InjectedFault; 5] = [
            InjectedFault::Refused,
            InjectedFault::AnswerLost,
            InjectedFault::DiedBefore,
            InjectedFault::DiedAfter,
            InjectedFault::Stalled,
        ];
        while self.plan.has_faults && self.begun.elapsed() < RESTLESS * 2 {
            sleep(Duration::from_millis(below(10_000))).await;
            let fault = fastrand::choice(FAULTS).unwrap();
            self.fleet.cloud.plan(usize::try_from(below(6)).unwrap(), fault);
        }
        self.fleet.cloud.plan_nothing();
    }
}
