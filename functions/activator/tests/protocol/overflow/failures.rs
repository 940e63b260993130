//! Attempts that have failed: their messages come again, and are handled like any other.

use activator::Settings;
use actors::activation::{EVENTS_ARN, lambda_event, settings};
use actors::{Fleet, account, event_at, next_request_id, now};
use serde_json::json;
use shared::pace::Quotas;
use shared::pki::crl::{CertificateKind, Scope};
use shared::port::CertificateStatus::Active;
use shared::testing::{InjectedFault, Issued, NewCrl};
use time::{Duration, OffsetDateTime};

use super::{OVERFLOW_ARN, Stage};

const SOURCE: &str = "https://crl.example.com/fleet.crl";

/// A list that counts, and lists nobody.
fn place_crl(fleet: &Fleet) {
    let scope = Scope { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None };
    let crl = NewCrl::current(7_u32.into(), fleet.now);
    fleet.cloud.place_crl(fleet.id(), &SOURCE.parse().unwrap(), &crl, &scope, Vec::new());
}

/// Hands over these devices' events again. Each is in, waits, or is delivered once more.
async fn nobody_is_lost(stage: &Stage, devices: &[Issued], at: OffsetDateTime, events: Vec<String>) {
    let failed = stage.bodies_at(at, EVENTS_ARN, events).await.len();
    let inside = devices.iter().filter(|device| stage.fleet.status(device) == Active).count();
    let waiting = stage.overflow.bodies().len();
    let all = devices.len();
    assert_eq!(failed + inside + waiting, all, "{failed} are delivered again, {inside} are in, {waiting} wait");
}

/// Devices come one by one, and all are deferred for want of a CRL. Their messages come again together, once there is one.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_crl_is_not_forgotten_when_it_comes() {
    let stage = Stage::new(json!({"crl": "required", "crlSources": [SOURCE]}));
    let devices = stage.devices(10);
    for device in &devices {
        assert_eq!(stage.batch(EVENTS_ARN, [device]).await, ["0"], "deferred: it is delivered again");
    }
    place_crl(&stage.fleet);
    nobody_is_lost(&stage, &devices, now() + Duration::minutes(3), stage.events(&devices)).await;
}

/// The same for one of them whose attempt met a fault at any call.
#[tokio::test(start_paused = true)]
async fn what_failed_in_a_quiet_moment_is_not_lost_in_a_burst() {
    let mut lost = Vec::new();
    for n in 0..12 {
        let stage = Stage::new(json!({}));
        let devices = stage.devices(10);
        stage.fleet.cloud.plan(n, InjectedFault::Refused);
        let failed = stage.batch(EVENTS_ARN, &devices[..1]).await;
        stage.fleet.cloud.plan_nothing();
        if failed.is_empty() {
            continue;
        }
        let bodies = devices.iter().map(|device| stage.fleet.event(device));
        let again = stage.bodies_at(now() + Duration::minutes(3), EVENTS_ARN, bodies).await;
        let is_waiting = stage.overflow.bodies().contains(&stage.fleet.event(&devices[0]));
        if !is_waiting && !again.contains(&"0".to_owned()) && stage.fleet.status(&devices[0]) != Active {
            lost.push(n);
        }
    }
    assert!(lost.is_empty(), "acknowledged without effect after the first attempt failed at call {lost:?}");
}

/// What its device says later is not acknowledged on account of an attempt that failed.
#[tokio::test(start_paused = true)]
async fn a_device_whose_first_attempt_failed_comes_in_during_a_burst() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(9);
    let late = stage.fleet.authority.issue("late", stage.fleet.now);
    let begun = now();
    let event = |at: OffsetDateTime| event_at(stage.fleet.id(), &late, at);
    // AWS IoT does not show the certificate yet.
    assert_eq!(stage.bodies_at(begun, EVENTS_ARN, [event(begun)]).await, ["0"]);
    stage.fleet.register(late.clone());
    let mut taken = 0;
    for minute in 3..33 {
        let at = begun + Duration::minutes(minute);
        let first = if minute == 3 { event(begun) } else { event(at) };
        let others = devices.iter().map(|device| stage.fleet.event(device));
        stage.bodies_at(at, EVENTS_ARN, std::iter::once(first).chain(others)).await;
        let waiting = stage.overflow.bodies().split_off(taken);
        taken += waiting.len();
        stage.bodies_at(at, OVERFLOW_ARN, waiting).await;
        if stage.fleet.status(&late) == Active {
            return;
        }
    }
    panic!("it has connected every minute for half an hour, nobody waits, and it is not in");
}

/// Without a burst: two of a batch are decided about at once, and the third is moved.
#[tokio::test(start_paused = true)]
async fn the_third_of_a_small_batch_is_not_lost_after_an_outage() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(3);
    for device in &devices {
        // AWS IoT does not answer.
        stage.fleet.cloud.plan(3, InjectedFault::Refused);
        assert_eq!(stage.batch(EVENTS_ARN, [device]).await, ["0"]);
    }
    stage.fleet.cloud.plan_nothing();
    nobody_is_lost(&stage, &devices, now() + Duration::minutes(3), stage.events(&devices)).await;
}

/// What an operator redrives from the dead-letter queue comes in full batches of old events.
#[tokio::test(start_paused = true)]
async fn what_is_redriven_after_the_mending_is_not_lost() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    for device in &devices {
        stage.fleet.cloud.plan(4, InjectedFault::Refused);
        assert_eq!(stage.batch(EVENTS_ARN, [device]).await, ["0"]);
    }
    stage.fleet.cloud.plan_nothing();
    let old = now() - Duration::days(1);
    let events = devices.iter().map(|device| event_at(stage.fleet.id(), device, old)).collect();
    nobody_is_lost(&stage, &devices, now() + Duration::minutes(30), events).await;
}

/// AWS IoT's clock and Lambda's are not the same one. There is one turn for a repeat.
#[tokio::test(start_paused = true)]
async fn a_deferred_event_stays_in_its_queue_whichever_clock_is_ahead() {
    for ahead in [-2, 2] {
        let quotas = Quotas { attach_policy: 15.0, describe_certificate: 10.0, share: 0.3, update_certificate: 10.0 };
        let rules = json!({"crl": "required", "crlSources": [SOURCE]});
        let stage = Stage::with(rules, Settings { quotas, ..settings(&account()) });
        let devices = stage.devices(2);
        let begun = now();
        let event = |device: &Issued| event_at(stage.fleet.id(), device, begun + Duration::seconds(ahead));
        for device in &devices {
            assert_eq!(stage.bodies_at(begun, EVENTS_ARN, [event(device)]).await, ["0"]);
        }
        let again = begun + Duration::minutes(3);
        let failed = stage.bodies_at(again, EVENTS_ARN, devices.iter().map(event)).await;
        assert_eq!(failed, ["0", "1"], "AWS IoT's clock is ahead by {ahead} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_costs_no_call_though_the_clock_of_aws_iot_is_ahead() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(1);
    let begun = now();
    for (ahead, calls) in [(2, 0), (20, 1)] {
        let body = || event_at(stage.fleet.id(), &devices[0], begun + Duration::seconds(ahead));
        assert!(stage.bodies_at(begun, EVENTS_ARN, [body()]).await.is_empty());
        assert_eq!(stage.fleet.status(&devices[0]), Active);
        let before = stage.calls_of_aws_iot();
        assert!(stage.bodies_at(begun + Duration::seconds(1), EVENTS_ARN, [body()]).await.is_empty());
        assert_eq!(stage.calls_of_aws_iot() - before, calls, "no clock is ahead by {ahead} s");
    }
}

/// An operator sends the event of a device by hand, for want of a CRL it is deferred, and no queue has it. The device connects.
#[tokio::test(start_paused = true)]
async fn what_was_deferred_by_hand_keeps_the_next_event_in_the_queue() {
    let stage = Stage::new(json!({"crl": "required", "crlSources": [SOURCE]}));
    let device: Issued = stage.fleet.device("pump-1");
    let begun = now();
    let by_hand = lambda_event(&next_request_id(), &stage.fleet.event(&device));
    assert!(Box::pin(stage.handler.handle_at(by_hand, begun)).await.is_err(), "deferred");
    let connects = begun + Duration::seconds(5);
    let event = event_at(stage.fleet.id(), &device, connects);
    let failed = stage.bodies_at(connects, EVENTS_ARN, [event.clone()]).await;
    place_crl(&stage.fleet);
    if !failed.is_empty() {
        stage.bodies_at(connects + Duration::minutes(3), EVENTS_ARN, [event]).await;
    }
    assert_eq!(stage.fleet.status(&device), Active, "failed {failed:?}, {} wait", stage.overflow.bodies().len());
}

/// What has waited has turns of repeats too.
#[tokio::test(start_paused = true)]
async fn a_deferred_event_of_the_overflow_queue_is_decided_about_again_after_its_back_off() {
    let stage = Stage::new(json!({"crl": "required", "crlSources": [SOURCE]}));
    let devices = stage.devices(1);
    assert_eq!(stage.batch(OVERFLOW_ARN, &devices).await, ["0"]);
    let before = stage.calls_of_aws_iot();
    let again = now() + Duration::minutes(3);
    assert_eq!(stage.bodies_at(again, OVERFLOW_ARN, stage.events(&devices)).await, ["0"]);
    assert!(stage.calls_of_aws_iot() > before, "no attempt was made");
}
