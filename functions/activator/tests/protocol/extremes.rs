//! Batches that come late, and the largest parameters that the template takes.

use std::collections::VecDeque;

use activator::{Answer, Handler, Settings};
use actors::activation::{handler, lambda_event, settings};
use actors::{Fleet, account, event_at, next_request_id, now};
use serde_json::json;
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::pace::{Paced, Quotas};
use shared::pki::crl::{CertificateKind, Scope};
use shared::port::CertificateStatus::Active;
use shared::port::{CertificateRegistry, ThingRegistry};
use shared::testing::{FakeCloud, Issued, NewCrl, Queue};
use time::{Duration, OffsetDateTime};

const OVERFLOW_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:overflow";

/// The quotas of the template, and the share of one of so many processes of each queue.
fn quotas(concurrency: f64) -> Quotas {
    let share = 0.6 / (2.0 * concurrency);
    Quotas { attach_policy: 10.0, describe_certificate: 10.0, share, update_certificate: 10.0 }
}

/// Hands a batch over from the overflow queue as Lambda does with a timeout of 30 seconds; tells which messages are to be
/// delivered again.
async fn batch<R: CertificateRegistry + ThingRegistry + Sync>(
    process: &Handler<R, Authorities, Registrations, FakeCloud, Queue>,
    now: OffsetDateTime,
    bodies: Vec<String>,
) -> Vec<usize> {
    let record = |(place, body)| json!({"body": body, "eventSourceARN": OVERFLOW_ARN, "messageId": format!("{place}")});
    let records: Vec<_> = bodies.into_iter().enumerate().map(record).collect();
    let mut event = lambda_event(&next_request_id(), &json!({"Records": records}).to_string());
    let deadline = now + Duration::seconds(30);
    event.context.deadline = u64::try_from(deadline.unix_timestamp_nanos() / 1_000_000).unwrap();
    let response = match Box::pin(process.handle_at(event, now)).await.unwrap() {
        Answer::Batch(response) => Some(response),
        Answer::Event(_) => None,
    };
    let failures = response.unwrap().batch_item_failures.into_iter();
    failures.map(|failure| failure.item_identifier.parse().unwrap()).collect()
}

fn sorted(mut devices: Vec<Issued>) -> Vec<Issued> {
    devices.sort_by(|one, other| one.id.cmp(&other.id));
    devices
}

/// A quiet moment: nobody else calls AWS IoT.
#[tokio::test(start_paused = true)]
async fn a_device_alone_comes_in_whatever_the_concurrency() {
    let mut kept_out = Vec::new();
    for concurrency in [2.0, 10.0, 100.0, 1000.0] {
        let fleet = Fleet::new(json!({}));
        fleet.cloud.set_latency(|_| std::time::Duration::from_millis(50));
        let quotas = quotas(concurrency);
        let registry = Paced::new(fleet.cloud.clone(), &quotas);
        let settings = Settings { quotas, ..settings(&account()) };
        let process = handler(settings, registry, &fleet.cloud, Queue::default());
        let device = fleet.device("pump-1");
        let mut at = now();
        for _ in 0..10 {
            let begun = tokio::time::Instant::now();
            if batch(&process, at, vec![fleet.event(&device)]).await.is_empty() {
                break;
            }
            // The queue's visibility timeout.
            tokio::time::sleep(std::time::Duration::from_mins(3)).await;
            at += begun.elapsed();
        }
        if fleet.status(&device) != Active {
            kept_out.push(concurrency);
        }
    }
    assert!(kept_out.is_empty(), "not in after ten deliveries with an ActivatorConcurrency of {kept_out:?}");
}

/// A process that decides about four certificates at once, and needs eleven seconds for each.
fn slow(fleet: &Fleet) -> (Handler<FakeCloud, Authorities, Registrations, FakeCloud, Queue>, Queue) {
    fleet.cloud.set_latency(|name| match name {
        "iot:DescribeCertificate" => std::time::Duration::from_secs(4),
        name if name.starts_with("iot:") => std::time::Duration::from_secs(1),
        _ => std::time::Duration::from_millis(5),
    });
    let overflow = Queue::default();
    let settings = Settings { quotas: quotas(2.0), ..settings(&account()) };
    (handler(settings, fleet.cloud.clone(), &fleet.cloud, overflow.clone()), overflow)
}

/// Two of each batch come too late. It must not always be the same ones.
#[tokio::test(start_paused = true)]
async fn who_came_too_late_in_its_batch_is_not_overtaken_by_all_who_come_after_it() {
    const ROUNDS: usize = 6;
    let fleet = Fleet::new(json!({}));
    let (process, overflow) = slow(&fleet);
    let devices = sorted((0..10 + 8 * ROUNDS).map(|n| fleet.device(&format!("pump-{n}"))).collect());
    let mut bodies: VecDeque<String> = devices.iter().rev().map(|device| fleet.event(device)).collect();
    // The first of the queue has the highest id.
    let mut queue: VecDeque<String> = bodies.drain(..10).collect();
    let (mut at, mut sent) = (now(), 0);
    for _ in 0..ROUNDS {
        let begun = tokio::time::Instant::now();
        assert!(batch(&process, at, queue.drain(..10).collect()).await.is_empty());
        queue.extend(overflow.bodies().drain(sent..));
        sent = overflow.bodies().len();
        queue.extend(bodies.drain(..8));
        at += begun.elapsed();
    }
    let inside = devices.iter().filter(|device| fleet.status(device) == Active).count();
    let first = devices.last().unwrap();
    assert_eq!(fleet.status(first), Active, "{inside} are in, and who came first is not: sent on {sent} times in all");
}

#[tokio::test(start_paused = true)]
async fn what_has_not_begun_when_attempts_hang_goes_back_to_the_end_of_the_queue() {
    let fleet = Fleet::new(json!({}));
    let (process, overflow) = slow(&fleet);
    fleet.cloud.set_latency(|name| match name {
        "iot:DescribeCertificate" => std::time::Duration::from_mins(1),
        _ => std::time::Duration::from_millis(5),
    });
    let devices = sorted((0..10).map(|n| fleet.device(&format!("pump-{n}"))).collect());
    let failed = batch(&process, now(), devices.iter().map(|device| fleet.event(device)).collect()).await;
    assert_eq!((failed.len(), overflow.bodies().len()), (4, 6), "four attempts hung, six never began");
}

/// The event of a deferred certificate stays in the queue, and later ones are acknowledged beside it. Sent on, it must not
/// become one of these.
#[tokio::test(start_paused = true)]
async fn a_deferred_certificate_whose_event_is_sent_on_goes_on_waiting() {
    let source = "https://crl.example.com/fleet.crl";
    let fleet = Fleet::new(json!({"crl": "required", "crlSources": [source]}));
    let overflow = Queue::default();
    let settings = Settings { quotas: quotas(100.0), ..settings(&account()) };
    let process = handler(settings, fleet.cloud.clone(), &fleet.cloud, overflow.clone());
    let (device, other) = (fleet.device("pump-1"), fleet.device("pump-2"));
    let at = now();
    let own = event_at(fleet.id(), &device, at);
    assert_eq!(batch(&process, at, vec![own.clone()]).await, [0], "it is deferred, and comes again");
    // The CRL has come. The device has connected again, and its second event is in this queue too. Another one takes all the time.
    let scope = Scope { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None };
    fleet.cloud.place_crl(
        fleet.id(),
        &source.parse().unwrap(),
        &NewCrl::current(7_u32.into(), fleet.now),
        &scope,
        vec![],
    );
    fleet.cloud.set_latency(|name| match name {
        "iot:DescribeCertificate" => std::time::Duration::from_mins(1),
        _ => std::time::Duration::from_millis(5),
    });
    let (later, again) = (at + Duration::minutes(3), event_at(fleet.id(), &device, at + Duration::minutes(2)));
    let others = event_at(fleet.id(), &other, at - Duration::minutes(1));
    assert_eq!(batch(&process, later, vec![others, own.clone(), again.clone()]).await, [0]);
    let sent = overflow.bodies();
    assert_eq!(sent, [own, again]);
    fleet.cloud.set_latency(|_| std::time::Duration::from_millis(5));
    assert!(batch(&process, later + Duration::seconds(30), sent).await.is_empty());
    assert_eq!(fleet.status(&device), Active);
}
