//! Bursts: what the tables don't answer waits in the overflow queue.

mod crossings;
mod endings;
mod failures;
mod histories;
mod rows;

use activator::{Answer, Handler, Settings};
use actors::activation::{EVENTS_ARN, handler, lambda_event, settings};
use actors::{Fleet, account, event_at, next_request_id, now, operator};
use serde_json::{Value, json};
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::fault::FaultKind;
use shared::pace::{Paced, Quotas};
use shared::port::CertificateStatus::{Active, PendingActivation};
use shared::testing::{Delivery, FakeCloud, InjectedFault, Issued, Queue};
use time::{Duration, OffsetDateTime};

const OVERFLOW_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:overflow";

fn at_once(_: &str) -> std::time::Duration {
    std::time::Duration::ZERO
}

fn writes_are_slow(name: &str) -> std::time::Duration {
    std::time::Duration::from_secs(if name == "dynamodb:UpdateItem" { 2 } else { 0 })
}

/// A process of the activator, and its overflow queue.
struct Stage {
    fleet: Fleet,
    handler: Handler<FakeCloud, Authorities, Registrations, FakeCloud, Queue>,
    overflow: Queue,
}

impl Stage {
    fn new(rules: Value) -> Self {
        Self::with(rules, settings(&account()))
    }

    fn with(rules: Value, settings: Settings) -> Self {
        let (fleet, overflow) = (Fleet::new(rules), Queue::default());
        let handler = handler(settings, fleet.cloud.clone(), &fleet.cloud, overflow.clone());
        Self { fleet, handler, overflow }
    }

    fn devices(&self, count: usize) -> Vec<Issued> {
        (0..count).map(|n| self.fleet.device(&format!("pump-{n}"))).collect()
    }

    /// Hands over the events of these devices, and tells which messages are to be delivered again.
    async fn batch<'a>(&self, arn: &str, devices: impl IntoIterator<Item = &'a Issued>) -> Vec<String> {
        let bodies = devices.into_iter().map(|device| self.fleet.event(device));
        self.bodies_at(now(), arn, bodies).await
    }

    async fn bodies_at(&self, now: OffsetDateTime, arn: &str, bodies: impl IntoIterator<Item = String>) -> Vec<String> {
        let record = |(place, body): (usize, String)| json!({"body": body, "eventSourceARN": arn, "messageId": place.to_string()});
        let records: Vec<_> = bodies.into_iter().enumerate().map(record).collect();
        let event = lambda_event(&next_request_id(), &json!({"Records": records}).to_string());
        let response = match Box::pin(self.handler.handle_at(event, now)).await.unwrap() {
            Answer::Batch(response) => Some(response),
            Answer::Event(_) => None,
        };
        let failures = response.unwrap().batch_item_failures.into_iter();
        let mut ids: Vec<_> = failures.map(|failure| failure.item_identifier).collect();
        ids.sort();
        ids
    }

    fn calls_of_aws_iot(&self) -> usize {
        self.fleet.cloud.calls().iter().filter(|call| call.starts_with("iot:")).count()
    }

    fn waiting(&self) -> Vec<String> {
        let mut bodies = self.overflow.bodies();
        bodies.sort();
        bodies
    }

    fn events(&self, devices: &[Issued]) -> Vec<String> {
        let mut events: Vec<_> = devices.iter().map(|device| self.fleet.event(device)).collect();
        events.sort();
        events
    }
}

#[tokio::test(start_paused = true)]
async fn new_certificates_of_a_burst_wait_with_their_ca_as_group() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert_eq!(stage.waiting(), stage.events(&devices));
    assert_eq!(stage.overflow.groups(), vec![stage.fleet.id().clone(); 10]);
    assert_eq!(stage.calls_of_aws_iot(), 0);

    assert!(stage.batch(OVERFLOW_ARN, &devices).await.is_empty());
    assert!(devices.iter().all(|device| stage.fleet.status(device) == Active));
    assert_eq!(stage.overflow.bodies().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn two_of_a_small_batch_are_decided_about_at_once() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(4);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    let (inside, waiting): (Vec<_>, Vec<_>) =
        devices.iter().cloned().partition(|device| stage.fleet.status(device) == Active);
    assert_eq!((inside.len(), stage.waiting()), (2, stage.events(&waiting)));
}

#[tokio::test(start_paused = true)]
async fn while_a_burst_lasts_others_wait() {
    for arn in [EVENTS_ARN, OVERFLOW_ARN] {
        let stage = Stage::new(json!({}));
        let devices = stage.devices(12);
        let (many, late) = devices.split_at(10);
        let now = now();
        let bodies = |devices: &[Issued]| devices.iter().map(|device| stage.fleet.event(device)).collect::<Vec<_>>();
        assert!(stage.bodies_at(now, arn, bodies(many)).await.is_empty());
        assert!(stage.bodies_at(now + Duration::seconds(29), EVENTS_ARN, bodies(&late[..1])).await.is_empty());
        assert!(stage.bodies_at(now + Duration::seconds(30), EVENTS_ARN, bodies(&late[1..])).await.is_empty());
        let statuses = [0, 1].map(|place| stage.fleet.status(&late[place]));
        assert_eq!(statuses, [PendingActivation, Active], "{arn}");
    }
}

/// Its events fill a batch, and are a second old.
#[tokio::test(start_paused = true)]
async fn one_device_that_connects_all_the_time_keeps_nobody_waiting() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(3);
    let published_at = now().replace_nanosecond(0).unwrap();
    let batch = async |newcomer: &Issued, at: OffsetDateTime| {
        let event = |device: &Issued| event_at(stage.fleet.id(), device, published_at);
        let bodies = std::iter::repeat_n(event(&devices[0]), 9).chain([event(newcomer)]);
        assert!(stage.bodies_at(at, EVENTS_ARN, bodies).await.is_empty());
        stage.fleet.status(newcomer)
    };
    assert_eq!(batch(&devices[1], published_at + Duration::milliseconds(900)).await, Active);
    assert_eq!(batch(&devices[2], published_at + Duration::milliseconds(1100)).await, PendingActivation);
    assert_eq!(stage.overflow.bodies(), [event_at(stage.fleet.id(), &devices[2], published_at)]);
}

#[tokio::test(start_paused = true)]
async fn where_every_batch_is_full_none_tells_of_a_burst() {
    let mut settings = settings(&account());
    settings.queues.batch_size = "1".parse().unwrap();
    let stage = Stage::with(json!({}), settings);
    let devices = stage.devices(1);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert_eq!(stage.fleet.status(&devices[0]), Active);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_waits_once() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(5);
    let twice = || devices.iter().chain(&devices);
    assert!(stage.batch(EVENTS_ARN, twice()).await.is_empty());
    assert!(stage.batch(EVENTS_ARN, twice()).await.is_empty());
    assert_eq!(stage.waiting(), stage.events(&devices));

    // What has left no row behind after an hour may have been lost.
    let bodies = || twice().map(|device| stage.fleet.event(device));
    for (minutes, sent) in [(59, 5), (60, 10)] {
        assert!(stage.bodies_at(now() + Duration::minutes(minutes), EVENTS_ARN, bodies()).await.is_empty());
        assert_eq!(stage.overflow.bodies().len(), sent, "{minutes}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_tables_answer_in_a_burst_too() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let devices = stage.devices(10);
    let (refused, new) = devices.split_at(4);
    assert!(stage.batch(OVERFLOW_ARN, refused).await.is_empty());
    assert!(refused.iter().all(|device| stage.fleet.status(device) == PendingActivation));
    let before = stage.calls_of_aws_iot();
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert_eq!(stage.waiting(), stage.events(new));
    assert_eq!(stage.calls_of_aws_iot(), before);

    // Who may come in after all waits with the new ones.
    stage.fleet.cloud.allow_name(stage.fleet.id(), &"pump-0".parse().unwrap());
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 7);
    assert_eq!(stage.overflow.bodies()[6], stage.fleet.event(&devices[0]));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_on_is_delivered_again() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(9);
    let batch = || devices.iter().chain(&devices[..1]);
    let id = devices[0].id.clone();
    stage.overflow.when(move |bodies| {
        let is_refused = bodies[0].contains(id.as_str());
        if is_refused { Delivery::NotTaken(vec![0], FaultKind::Throttled) } else { Delivery::Taken }
    });
    let failed = stage.batch(EVENTS_ARN, batch()).await;
    assert_eq!((failed, stage.waiting()), (vec!["0".to_owned(), "9".to_owned()], stage.events(&devices[1..])));
    stage.overflow.when(|_| Delivery::Taken);
    assert!(stage.batch(EVENTS_ARN, batch()).await.is_empty());
    assert_eq!(stage.waiting(), stage.events(&devices));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_does_not_answer_loses_nothing() {
    for fault in
        [InjectedFault::Refused, InjectedFault::AnswerLost, InjectedFault::DiedBefore, InjectedFault::DiedAfter]
    {
        let stage = Stage::new(json!({}));
        let devices = stage.devices(10);
        stage.overflow.when(move |_| Delivery::Struck(fault));
        assert_eq!(stage.batch(EVENTS_ARN, &devices).await.len(), 10, "{fault:?}");
        stage.overflow.when(|_| Delivery::Taken);
        assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
        assert!(stage.overflow.bodies().len() >= 10, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_does_not_wait() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(9);
    let bodies = devices.iter().map(|device| stage.fleet.event(device)).chain(["{}".to_owned()]);
    assert!(stage.bodies_at(now(), EVENTS_ARN, bodies).await.is_empty());
    assert_eq!(stage.fleet.cloud.rejections().len(), 1);
    assert_eq!(stage.waiting(), stage.events(&devices));
}

/// Whatever happens to a table, one certificate's messages come back at most.
#[tokio::test(start_paused = true)]
async fn a_table_that_can_not_be_read_or_written_costs_one_certificate() {
    for fault in
        [InjectedFault::Refused, InjectedFault::AnswerLost, InjectedFault::DiedBefore, InjectedFault::DiedAfter]
    {
        let calls = 31;
        for n in 0..calls {
            let stage = Stage::new(json!({}));
            let devices = stage.devices(10);
            stage.fleet.cloud.plan(n, fault);
            let failed = stage.batch(EVENTS_ARN, &devices).await.len();
            let waiting = stage.overflow.bodies().len();
            assert!(failed <= 1 && failed + waiting >= 10, "{fault:?} at {n}: {failed} failed, {waiting} wait");
        }
        let stage = Stage::new(json!({}));
        stage.batch(EVENTS_ARN, &stage.devices(10)).await;
        assert_eq!(stage.fleet.cloud.calls().len(), calls, "every call has met the fault");
    }
}

/// What was seen of it is not seen again: a device that comes back must not be told that it waits.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_gone_when_its_turn_comes_waits_no_more() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    operator::delete(&stage.fleet.cloud, &devices[0].id).await;
    let bodies = || devices.iter().map(|device| stage.fleet.event(device));
    let later = now() + Duration::minutes(6);
    assert!(stage.bodies_at(later, OVERFLOW_ARN, bodies().take(1)).await.is_empty());
    operator::register(&stage.fleet.cloud, stage.fleet.id(), &devices[0]).await;
    assert!(stage.bodies_at(later, EVENTS_ARN, bodies()).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_leaves_its_certificate_waiting() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    // Query, profile, and the first call to AWS IoT after the row was written.
    stage.fleet.cloud.plan(5, InjectedFault::Refused);
    assert_eq!(stage.batch(OVERFLOW_ARN, &devices[..1]).await.len(), 1);
    assert_ne!(stage.fleet.status(&devices[0]), Active);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 10);
}

/// Repeats have turns of their own, however many wait.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_due_is_made_in_a_burst_too() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let devices = stage.devices(10);
    assert!(stage.batch(OVERFLOW_ARN, &devices[..1]).await.is_empty());
    let before = stage.calls_of_aws_iot();
    let late = now() + Duration::hours(2);
    let bodies = devices.iter().enumerate().map(|(n, device)| {
        let published_at = if n == 0 { late } else { now() };
        event_at(stage.fleet.id(), device, published_at)
    });
    assert!(stage.bodies_at(late, EVENTS_ARN, bodies).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 9);
    assert!(stage.calls_of_aws_iot() > before);
}

/// Requests of one certificate's event, as a line of the README's table.
struct Costs<'s> {
    stage: &'s Stage,
    calls: usize,
    sent: usize,
}

impl<'s> Costs<'s> {
    fn begin(stage: &'s Stage) -> Self {
        Self { stage, calls: stage.fleet.cloud.calls().len(), sent: stage.overflow.bodies().len() }
    }

    fn line(&self, events: usize, what: &str) -> String {
        let calls = self.stage.fleet.cloud.calls().split_off(self.calls);
        let count =
            |names: &[&str]| calls.iter().filter(|call| names.iter().any(|name| call.starts_with(name))).count();
        let sent = self.stage.overflow.bodies().len() - self.sent;
        let reads = count(&["dynamodb:GetItem", "dynamodb:Query"]);
        let once = reads % events;
        let [iot, reads, writes, sent] =
            [count(&["iot:"]), reads - once, count(&["dynamodb:UpdateItem"]), sent].map(|requests| {
                assert_eq!(requests % events, 0, "{what}: {calls:?}");
                requests / events
            });
        let once = if once == 0 { String::new() } else { format!(" and {once} for the batch") };
        format!("| {what} | {iot} | {reads}{once} | {writes} | {sent} |")
    }
}

#[tokio::test(start_paused = true)]
async fn events_cost_what_the_readme_says() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(11);
    let (alone, many) = (&devices[..1], &devices[1..]);
    let mut lines = Vec::new();
    for (arn, devices, what) in [
        (EVENTS_ARN, alone, "of a certificate alone"),
        (EVENTS_ARN, alone, "again, alone, and the tables tell the answer"),
        (EVENTS_ARN, many, "of a certificate that has to wait"),
        (EVENTS_ARN, many, "again, while it waits"),
        (OVERFLOW_ARN, many, "from the overflow queue"),
    ] {
        let costs = Costs::begin(&stage);
        assert!(stage.batch(arn, devices).await.is_empty(), "{what}");
        lines.push(costs.line(devices.len(), what));
    }
    assert!(devices.iter().all(|device| stage.fleet.status(device) == Active));
    let table = lines.join("\n");
    assert!(include_str!("../../README.md").contains(&table), "{table}");
}

/// A process that dies at its timeout answers for none of its batch, and all ten messages come back.
#[tokio::test(start_paused = true)]
async fn a_batch_from_the_overflow_queue_is_answered_before_the_deadline() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    let took = slow_batch(&stage, &devices).await;
    assert!(took.as_secs() < 30, "the answer came after {took:?}, and Lambda ends the process after 30 s");
}

/// The processes share a quota that lets one certificate through at a time.
#[tokio::test(start_paused = true)]
async fn what_has_not_begun_in_time_goes_back_to_the_end_of_the_queue() {
    let quotas = Quotas { attach_policy: 15.0, describe_certificate: 10.0, share: 0.03, update_certificate: 10.0 };
    let stage = Stage::with(json!({}), Settings { quotas, ..settings(&account()) });
    let devices = stage.devices(10);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    slow_batch(&stage, &devices).await;
    let (inside, outside): (Vec<_>, Vec<_>) =
        devices.iter().cloned().partition(|device| stage.fleet.status(device) == Active);
    assert_eq!(inside.len(), 1);
    let mut again = stage.overflow.bodies().split_off(10);
    again.sort();
    assert_eq!(again, stage.events(&outside));
    // They still count as waiting.
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 10 + outside.len());
}

/// Hands over a batch from the overflow queue while AWS IoT is slow. All its messages are done or fail before the function's time
/// is up, which this takes.
async fn slow_batch(stage: &Stage, devices: &[Issued]) -> std::time::Duration {
    stage.fleet.cloud.set_latency(|name| match name {
        "iot:DescribeCertificate" => std::time::Duration::from_secs(9),
        name if name.starts_with("iot:") => std::time::Duration::from_secs(1),
        _ => std::time::Duration::ZERO,
    });
    batch_of_half_a_minute(stage, devices).await
}

async fn batch_of_half_a_minute(stage: &Stage, devices: &[Issued]) -> std::time::Duration {
    let record = |(place, device): (usize, &Issued)| json!({"body": stage.fleet.event(device), "eventSourceARN": OVERFLOW_ARN, "messageId": place.to_string()});
    let records: Vec<_> = devices.iter().enumerate().map(record).collect();
    let mut event = lambda_event(&next_request_id(), &json!({"Records": records}).to_string());
    let (now, begun) = (now(), tokio::time::Instant::now());
    let deadline = now + Duration::seconds(30);
    event.context.deadline = u64::try_from(deadline.unix_timestamp_nanos() / 1_000_000).unwrap();
    Box::pin(stage.handler.handle_at(event, now)).await.unwrap();
    begun.elapsed()
}

/// The row that tells of it goes with the newest row of the certificate, as the failed attempt has left it.
#[tokio::test(start_paused = true)]
async fn a_certificate_whose_attempt_fails_at_the_first_call_goes_on_waiting() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    // The first attempt fails after it has written its row, the others before they read it.
    stage.fleet.cloud.plan(5, InjectedFault::Refused);
    assert_eq!(stage.batch(OVERFLOW_ARN, &devices[..1]).await.len(), 1);
    let mut sent = Vec::new();
    for _ in 0..4 {
        // Row and profile, the end of the waiting, and both again.
        stage.fleet.cloud.plan(7, InjectedFault::Refused);
        assert_eq!(stage.batch(OVERFLOW_ARN, &devices[..1]).await.len(), 1);
        assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
        sent.push(stage.overflow.bodies().len());
    }
    assert_eq!(sent, [10; 4], "each of them waits already");
}

/// DynamoDB deletes no item whose time is more than five years ago ("Using DynamoDB Time to Live").
#[tokio::test(start_paused = true)]
async fn what_tells_that_nobody_waits_expires() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let devices = stage.devices(10);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert!(stage.batch(OVERFLOW_ARN, &devices).await.is_empty());
    let five_years_ago = (now() - Duration::days(5 * 365)).unix_timestamp();
    let rows = stage.fleet.cloud.rows_of("registrations");
    let is_waiting = |row: &&Value| row["registrationId"]["S"].as_str().is_some_and(|id| id.starts_with("waiting#"));
    let expires = |row: &Value| row["expiresAt"]["N"].as_str().and_then(|at| at.parse::<i64>().ok());
    let kept: Vec<_> =
        rows.iter().filter(is_waiting).filter(|row| expires(row).is_none_or(|at| at < five_years_ago)).collect();
    assert!(kept.is_empty(), "{} rows stay for ever, such as {:?}", kept.len(), kept.first());
}

/// Each of them asks for a certificate and its twin.
#[tokio::test(start_paused = true)]
async fn repeats_take_a_twentieth_of_the_share() {
    let quotas = Quotas { attach_policy: 15.0, describe_certificate: 10.0, share: 0.3, update_certificate: 10.0 };
    let settings = Settings { quotas, ..settings(&account()) };
    let fleet = Fleet::new(json!({}));
    let registry = Paced::new(fleet.cloud.clone(), &quotas);
    let handler = handler(settings, registry, &fleet.cloud, Queue::default());
    fleet.cloud.set_latency(|_| std::time::Duration::ZERO);
    // Names of things that were made for others.
    let devices: Vec<_> = (0..100).map(|n| fleet.device(&format!("pump-{n}"))).collect();
    fleet.cloud.change(|state| {
        for n in 0..100 {
            let thing = shared::testing::CloudThing { version: 1, ..Default::default() };
            state.things.insert(format!("pump-{n}").parse().unwrap(), thing);
        }
    });
    let batch = async |arn: &str, at: OffsetDateTime, devices: &[Issued]| {
        let record = |(place, device): (usize, &Issued)| json!({"body": event_at(fleet.id(), device, at), "eventSourceARN": arn, "messageId": place.to_string()});
        let records: Vec<_> = devices.iter().enumerate().map(record).collect();
        let event = lambda_event(&next_request_id(), &json!({"Records": records}).to_string());
        Box::pin(handler.handle_at(event, at)).await.unwrap();
    };
    let begun = now();
    for devices in devices.chunks(10) {
        batch(OVERFLOW_ARN, begun, devices).await;
    }
    // Hours later each of them connects every second, for 200 seconds: an attempt of each is due.
    let before = fleet.cloud.calls().len();
    let mut at = begun + Duration::hours(9);
    for _ in 0..200 {
        for devices in devices.chunks(10) {
            batch(EVENTS_ARN, at, devices).await;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        at += Duration::seconds(1);
    }
    let calls = fleet.cloud.calls().split_off(before);
    let looks = calls.iter().filter(|call| **call == "iot:DescribeCertificate").count();
    // A twentieth of 3 calls a second, for 200 seconds, and one at the beginning.
    assert!(looks <= 31, "{looks} calls of DescribeCertificate, of 30 that are a twentieth of the share");
}

/// The first event of a certificate waits in the overflow queue. Others of its events are tried at once in quiet moments, and
/// fail for a reason that passes by itself.
#[tokio::test(start_paused = true)]
async fn attempts_that_fail_in_quiet_moments_do_not_multiply_what_waits() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    let bodies = |count: usize| devices.iter().take(count).map(|device| stage.fleet.event(device));
    let mut at = now();
    assert!(stage.bodies_at(at, EVENTS_ARN, bodies(10)).await.is_empty());
    let mut sent = Vec::new();
    for n in 0..4 {
        at += Duration::seconds(31);
        // After the row was written, which costs two calls more once there is one.
        stage.fleet.cloud.plan(if n == 0 { 5 } else { 7 }, InjectedFault::Refused);
        assert_eq!(stage.bodies_at(at, EVENTS_ARN, bodies(1)).await.len(), 1);
        assert!(stage.bodies_at(at, EVENTS_ARN, bodies(10)).await.is_empty());
        sent.push(stage.overflow.bodies().len());
    }
    assert_eq!(sent, [10; 4], "each of them waits already");
}

/// What is written down at the end has a second.
#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_before_the_deadline_though_a_table_is_slow() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    stage.fleet.cloud.set_latency(|name| match name {
        "iot:CreateThing" => std::time::Duration::from_mins(1),
        name if name.starts_with("iot:") => std::time::Duration::from_millis(50),
        _ => std::time::Duration::from_millis(800),
    });
    let took = batch_of_half_a_minute(&stage, &devices).await;
    assert!(took.as_secs() < 30, "the answer came after {took:?}, and Lambda ends the process after 30 s");
}

/// What is no event is no certificate.
#[tokio::test(start_paused = true)]
async fn what_can_not_be_read_tells_of_no_burst() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(1);
    let bodies = (0..5).map(|n| format!("no event {n}")).chain([stage.fleet.event(&devices[0])]);
    assert!(stage.bodies_at(now(), EVENTS_ARN, bodies).await.is_empty());
    assert_eq!(stage.fleet.status(&devices[0]), Active, "{} wait", stage.overflow.bodies().len());
}

/// What waits is decided by the tables when its turn comes: it waits no more.
#[tokio::test(start_paused = true)]
async fn who_is_listed_again_after_the_tables_have_answered_waits_again() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let devices = stage.devices(10);
    let list = || stage.fleet.cloud.allow_name(stage.fleet.id(), &"pump-0".parse().unwrap());
    assert!(stage.batch(OVERFLOW_ARN, &devices).await.is_empty());
    list();
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 1);
    stage.fleet.cloud.clear_allow_lists();
    assert!(stage.batch(OVERFLOW_ARN, &devices[..1]).await.is_empty());
    assert_eq!(stage.fleet.status(&devices[0]), PendingActivation);
    list();
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 2, "it may come in, and nothing of it waits");
}

/// A table that hangs costs the message of its own request.
#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_before_the_deadline_though_a_rejection_can_not_be_kept() {
    for n in 0..6 {
        let stage = Stage::new(json!({}));
        let device = stage.fleet.device("pump-1");
        stage.fleet.cloud.plan(n, InjectedFault::DiedBefore);
        let bodies = ["{}".to_owned(), stage.fleet.event(&device)];
        let record = |(place, body): (usize, String)| json!({"body": body, "eventSourceARN": EVENTS_ARN, "messageId": place.to_string()});
        let records: Vec<_> = bodies.into_iter().enumerate().map(record).collect();
        let mut event = lambda_event(&next_request_id(), &json!({"Records": records}).to_string());
        let (now, begun) = (now(), tokio::time::Instant::now());
        let deadline = now + Duration::seconds(30);
        event.context.deadline = u64::try_from(deadline.unix_timestamp_nanos() / 1_000_000).unwrap();
        let answer =
            tokio::time::timeout(std::time::Duration::from_mins(5), Box::pin(stage.handler.handle_at(event, now)))
                .await;
        let took = begun.elapsed();
        let call = stage.fleet.cloud.calls().get(n).copied();
        assert!(answer.is_ok() && took.as_secs() < 30, "call {n}, {call:?}: the answer came after {took:?}");
    }
}
