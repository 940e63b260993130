//! The rows that tell of events in the overflow queue: none tells of one that has been answered.

use actors::activation::EVENTS_ARN;
use actors::{event_at, now, operator};
use serde_json::json;
use shared::port::CertificateStatus::Active;
use shared::testing::{InjectedFault, Issued};
use time::{Duration, OffsetDateTime};

use super::{OVERFLOW_ARN, Stage, at_once, writes_are_slow};

fn events_of(stage: &Stage, devices: &[Issued], at: OffsetDateTime) -> Vec<String> {
    devices.iter().map(|device| event_at(stage.fleet.id(), device, at)).collect()
}

/// The row that tells of the waiting is written after the message was answered that it tells of.
#[tokio::test(start_paused = true)]
async fn a_row_that_comes_late_tells_of_nobody() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    let first = &devices[0];
    let begun = now();
    assert!(stage.bodies_at(begun, EVENTS_ARN, [stage.fleet.event(first)]).await.is_empty());
    assert_eq!(stage.fleet.status(first), Active);
    let events = |at| events_of(&stage, &devices, at);
    let second = begun + Duration::seconds(2);
    // DynamoDB throttles the writes of this process for two seconds.
    stage.fleet.cloud.set_latency(writes_are_slow);
    let sending = stage.bodies_at(second, EVENTS_ARN, events(second));
    let answering = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        stage.fleet.cloud.set_latency(at_once);
        stage.bodies_at(second, OVERFLOW_ARN, [event_at(stage.fleet.id(), first, second)]).await
    };
    let (sent, answered) = tokio::join!(sending, answering);
    assert_eq!((sent.len(), answered.len(), stage.overflow.bodies().len()), (0, 0, 10));
    // Nothing of it waits. Ten minutes later it is registered again, and comes back in a burst, every minute.
    operator::delete(&stage.fleet.cloud, &first.id).await;
    operator::register(&stage.fleet.cloud, stage.fleet.id(), first).await;
    for minute in 10..55 {
        let at = second + Duration::minutes(minute);
        let failed = stage.bodies_at(at, EVENTS_ARN, events(at)).await;
        let waits = stage.overflow.bodies()[10..].iter().any(|body| body.contains(first.id.as_str()));
        if waits || failed.contains(&"0".to_owned()) || stage.fleet.status(first) == Active {
            return;
        }
    }
    panic!("it has connected every minute for three quarters of an hour, nothing of it waits, and it is not in");
}

/// The write fails that tells that nobody waits any more. The event is answered all the same.
#[tokio::test(start_paused = true)]
async fn who_can_not_be_told_that_it_waits_no_more_is_not_acknowledged_for_an_hour() {
    let mut lost = Vec::new();
    for n in 0..8 {
        let stage = Stage::new(json!({"admission": "listed"}));
        let devices = stage.devices(10);
        let announce = || stage.fleet.cloud.allow_name(stage.fleet.id(), &"pump-0".parse().unwrap());
        let begun = now();
        let events = |at| events_of(&stage, &devices, at);
        // Refused; then it is listed, and its event waits; then it is listed no more, and the tables answer.
        assert!(stage.bodies_at(begun, OVERFLOW_ARN, events(begun)).await.is_empty());
        announce();
        let second = begun + Duration::seconds(2);
        assert!(stage.bodies_at(second, EVENTS_ARN, events(second)).await.is_empty());
        assert_eq!(stage.overflow.bodies().len(), 1);
        stage.fleet.cloud.clear_allow_lists();
        stage.fleet.cloud.plan(n, InjectedFault::Refused);
        let failed = stage.bodies_at(second, OVERFLOW_ARN, [event_at(stage.fleet.id(), &devices[0], second)]).await;
        stage.fleet.cloud.plan_nothing();
        if !failed.is_empty() {
            continue;
        }
        announce();
        let third = second + Duration::minutes(30);
        let again = stage.bodies_at(third, EVENTS_ARN, events(third)).await;
        let waits = stage.overflow.bodies().len() > 1;
        if !waits && !again.contains(&"0".to_owned()) && stage.fleet.status(&devices[0]) != Active {
            lost.push(n);
        }
    }
    assert!(lost.is_empty(), "the call {lost:?} was refused: it may come in, and nothing of it waits");
}

/// An attempt from the rule's queue has failed, and tells that another event waits, which is answered at this moment.
#[tokio::test(start_paused = true)]
async fn what_failed_does_not_tell_of_an_event_that_was_answered_meanwhile() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    let first = &devices[0];
    let begun = now();
    let events = |at| events_of(&stage, &devices, at);
    assert!(stage.bodies_at(begun, EVENTS_ARN, events(begun)).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 10);
    // It connects in a quiet moment. The attempt fails after it has written the row.
    let quiet = begun + Duration::minutes(6);
    let own = event_at(stage.fleet.id(), first, quiet);
    stage.fleet.cloud.set_latency(writes_are_slow);
    stage.fleet.cloud.plan(5, InjectedFault::Refused);
    let failing = stage.bodies_at(quiet, EVENTS_ARN, [own.clone()]);
    let answering = async {
        // The failure is noted after four seconds, what waits is told of after six.
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        stage.fleet.cloud.set_latency(at_once);
        operator::delete(&stage.fleet.cloud, &first.id).await;
        stage.bodies_at(quiet, OVERFLOW_ARN, [event_at(stage.fleet.id(), first, begun)]).await
    };
    let (failed, answered) = tokio::join!(failing, answering);
    assert_eq!((failed, answered), (vec!["0".to_owned()], Vec::new()));
    operator::register(&stage.fleet.cloud, stage.fleet.id(), first).await;
    // Its message comes again in a burst.
    let again = quiet + Duration::minutes(3);
    let mut bodies = events(again);
    bodies[0] = own;
    let failed = stage.bodies_at(again, EVENTS_ARN, bodies).await;
    let waits = stage.overflow.bodies()[10..].iter().any(|body| body.contains(first.id.as_str()));
    assert!(
        waits || failed.contains(&"0".to_owned()) || stage.fleet.status(first) == Active,
        "its own message was acknowledged, nothing of it waits, and it is not in"
    );
}
