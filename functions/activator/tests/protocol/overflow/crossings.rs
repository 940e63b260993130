//! What changes while the attempt for an event from the overflow queue is under way. The event that tells of it finds that its
//! certificate waits.

use actors::activation::EVENTS_ARN;
use actors::{event_at, now, operator};
use serde_json::json;
use shared::port::CertificateStatus::{Active, PendingActivation};
use shared::testing::{InjectedFault, Issued};
use time::Duration;

use super::{OVERFLOW_ARN, Stage, writes_are_slow};

/// An attempt for the first device begins, and so much later something changes, and all devices come back.
async fn come_back_during_the_attempt(stage: &Stage, devices: &[Issued], change: impl Future) {
    let first = devices.first().unwrap();
    assert!(stage.batch(EVENTS_ARN, devices).await.is_empty());
    stage.fleet.cloud.set_latency(writes_are_slow);
    let change = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        change.await;
        stage.batch(EVENTS_ARN, devices).await
    };
    // Later, so that what AWS IoT does not show is gone.
    let turn = stage.bodies_at(now() + Duration::minutes(6), OVERFLOW_ARN, [stage.fleet.event(first)]);
    let (overflow, failed) = tokio::join!(turn, change);
    assert!(overflow.is_empty());
    let is_inside = stage.fleet.status(first) == Active;
    let waiting = stage.overflow.bodies().len() - devices.len();
    assert!(is_inside || waiting > 0 || failed.contains(&"0".to_owned()), "it is out, and nothing of it waits");
}

#[tokio::test(start_paused = true)]
async fn who_is_listed_during_the_attempt_waits_again() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let devices = stage.devices(10);
    let list = async || stage.fleet.cloud.allow_name(stage.fleet.id(), &"pump-0".parse().unwrap());
    come_back_during_the_attempt(&stage, &devices, list()).await;
}

/// The tables tell the answer, and would tell another one a moment later.
#[tokio::test(start_paused = true)]
async fn who_is_listed_while_the_tables_answer_comes_in() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let devices = stage.devices(10);
    let list = async || stage.fleet.cloud.allow_name(stage.fleet.id(), &"pump-0".parse().unwrap());
    assert!(stage.batch(OVERFLOW_ARN, &devices[..1]).await.is_empty());
    list().await;
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 10, "it waits");
    stage.fleet.cloud.clear_allow_lists();
    stage.fleet.cloud.set_latency(writes_are_slow);
    let back = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        list().await;
        stage.batch(EVENTS_ARN, &devices).await
    };
    let (overflow, _) = tokio::join!(stage.batch(OVERFLOW_ARN, &devices[..1]), back);
    assert!(overflow.is_empty());
    assert_eq!((stage.fleet.status(&devices[0]), stage.overflow.bodies().len()), (Active, 10));
}

/// The attempt does not find it, and says so when it is there again.
#[tokio::test(start_paused = true)]
async fn who_is_registered_again_during_the_attempt_waits_again() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    operator::delete(&stage.fleet.cloud, &devices[0].id).await;
    let register = operator::register(&stage.fleet.cloud, stage.fleet.id(), &devices[0]);
    come_back_during_the_attempt(&stage, &devices, register).await;
    assert_eq!(stage.fleet.status(&devices[0]), PendingActivation);
}

/// A certificate that is ACTIVE already is deleted and registered again while the event that waits is answered.
#[tokio::test(start_paused = true)]
async fn who_is_registered_again_while_the_attempt_finds_it_active_waits_again() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    let first = &devices[0];
    let begun = now();
    assert!(stage.bodies_at(begun, EVENTS_ARN, [stage.fleet.event(first)]).await.is_empty());
    assert_eq!(stage.fleet.status(first), Active);
    // It has connected once more after the attempt began and before it was ACTIVE. In a burst, that event waits.
    let events = |at| devices.iter().map(|device| event_at(stage.fleet.id(), device, at)).collect::<Vec<_>>();
    let second = begun + Duration::seconds(2);
    assert!(stage.bodies_at(second, EVENTS_ARN, events(second)).await.is_empty());
    let waited = stage.overflow.bodies().len();
    assert_eq!(waited, 10);
    stage.fleet.cloud.set_latency(writes_are_slow);
    let change = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        operator::delete(&stage.fleet.cloud, &first.id).await;
        operator::register(&stage.fleet.cloud, stage.fleet.id(), first).await;
        let third = second + Duration::seconds(6);
        stage.bodies_at(third, EVENTS_ARN, events(third)).await
    };
    let turn =
        stage.bodies_at(second + Duration::seconds(5), OVERFLOW_ARN, [event_at(stage.fleet.id(), first, second)]);
    let (overflow, failed) = tokio::join!(turn, change);
    assert!(overflow.is_empty());
    let is_inside = stage.fleet.status(first) == Active;
    let sent = stage.overflow.bodies().len() - waited;
    assert!(is_inside || sent > 0 || failed.contains(&"0".to_owned()), "it is out, and nothing of it waits");
}

/// The table that tells of it can't be read: the event is delivered again.
#[tokio::test(start_paused = true)]
async fn what_may_have_changed_is_delivered_again() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let devices = stage.devices(1);
    let calls = {
        let stage = Stage::new(json!({"admission": "listed"}));
        assert!(stage.batch(OVERFLOW_ARN, &stage.devices(1)).await.is_empty());
        stage.fleet.cloud.calls().len()
    };
    stage.fleet.cloud.plan(calls - 1, InjectedFault::Refused);
    assert_eq!(stage.batch(OVERFLOW_ARN, &devices).await, ["0"]);
}
