//! What ends a wait in the overflow queue, or tells of it anew: after no crossing and no fault is an event relied on that nobody
//! will decide about.

use activator::{Answer, Settings};
use actors::activation::{EVENTS_ARN, lambda_event, settings};
use actors::{account, event_at, next_request_id, now, operator};
use serde_json::json;
use shared::pace::Quotas;
use shared::port::CertificateStatus::{Active, PendingActivation};
use shared::testing::{InjectedFault, Issued};
use time::{Duration, OffsetDateTime};

use super::{OVERFLOW_ARN, Stage, at_once, writes_are_slow};

fn events_of(stage: &Stage, devices: &[Issued], at: OffsetDateTime) -> Vec<String> {
    devices.iter().map(|device| event_at(stage.fleet.id(), device, at)).collect()
}

fn allow_first(stage: &Stage) {
    stage.fleet.cloud.allow_name(stage.fleet.id(), &"pump-0".parse().unwrap());
}

/// Whether something of the first device waits among what was sent since, is delivered again, or it is in.
fn is_kept(stage: &Stage, device: &Issued, sent_before: usize, failed: &[String]) -> bool {
    let waits = stage.overflow.bodies().iter().skip(sent_before).any(|body| body.contains(device.id.as_str()));
    waits || failed.contains(&"0".to_owned()) || stage.fleet.status(device) == Active
}

/// The row's end is told by the clock of the process that has ended it, and read by that of another one.
#[tokio::test(start_paused = true)]
async fn a_waiting_that_has_ended_has_ended_for_a_process_whose_clock_is_behind() {
    for ahead in [0, 1, 5, 10] {
        let stage = Stage::new(json!({"admission": "listed"}));
        let devices = stage.devices(10);
        let begun = now();
        assert!(stage.bodies_at(begun, OVERFLOW_ARN, events_of(&stage, &devices, begun)).await.is_empty());
        allow_first(&stage);
        let second = begun + Duration::seconds(2);
        assert!(stage.bodies_at(second, EVENTS_ARN, events_of(&stage, &devices, second)).await.is_empty());
        assert_eq!(stage.overflow.bodies().len(), 1, "it waits");
        stage.fleet.cloud.clear_allow_lists();
        let third = second + Duration::seconds(3);
        // The clock of the process behind the overflow queue is ahead.
        let answered = stage.bodies_at(third + Duration::seconds(ahead), OVERFLOW_ARN, stage.overflow.bodies()).await;
        assert!(answered.is_empty(), "the tables have answered it");
        allow_first(&stage);
        let failed = stage.bodies_at(third, EVENTS_ARN, events_of(&stage, &devices, third)).await;
        assert!(
            is_kept(&stage, &devices[0], 1, &failed),
            "ahead by {ahead} s: it may come in, and nothing of it waits"
        );
    }
}

/// The same for one that was gone.
#[tokio::test(start_paused = true)]
async fn who_was_gone_waits_no_more_for_a_process_whose_clock_is_behind() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    assert!(stage.batch(EVENTS_ARN, &devices).await.is_empty());
    operator::delete(&stage.fleet.cloud, &devices[0].id).await;
    let later = now() + Duration::minutes(6);
    let ahead = later + Duration::seconds(5);
    assert!(stage.bodies_at(ahead, OVERFLOW_ARN, [stage.fleet.event(&devices[0])]).await.is_empty());
    operator::register(&stage.fleet.cloud, stage.fleet.id(), &devices[0]).await;
    let failed = stage.bodies_at(later, EVENTS_ARN, events_of(&stage, &devices, later)).await;
    assert!(is_kept(&stage, &devices[0], 10, &failed), "it is registered again, and nothing of it waits");
}

/// No clock differs: what waits is taken by an invocation that began later than the one whose attempt fails.
#[tokio::test(start_paused = true)]
async fn what_failed_does_not_revive_a_waiting_that_a_later_invocation_has_ended() {
    for later in [0, 5] {
        let stage = Stage::new(json!({}));
        let devices = stage.devices(10);
        let first = &devices[0];
        let begun = now();
        assert!(stage.bodies_at(begun, EVENTS_ARN, events_of(&stage, &devices, begun)).await.is_empty());
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
            let at = quiet + Duration::seconds(later);
            stage.bodies_at(at, OVERFLOW_ARN, [event_at(stage.fleet.id(), first, begun)]).await
        };
        let (failed, answered) = tokio::join!(failing, answering);
        assert_eq!((failed, answered), (vec!["0".to_owned()], Vec::new()));
        operator::register(&stage.fleet.cloud, stage.fleet.id(), first).await;
        // Its message comes again in a burst.
        let again = quiet + Duration::minutes(3);
        let mut bodies = events_of(&stage, &devices, again);
        bodies[0] = own;
        let failed = stage.bodies_at(again, EVENTS_ARN, bodies).await;
        assert!(is_kept(&stage, first, 10, &failed), "{later} s: its own message was acknowledged, and it is not in");
    }
}

/// What waits lets the certificate in, and leaves the row behind that tells of it. An attempt from the rule's queue that has begun
/// before carries that row over when it fails.
#[tokio::test(start_paused = true)]
async fn what_failed_does_not_revive_the_waiting_of_one_that_has_come_in_meanwhile() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    let first = &devices[0];
    let begun = now();
    assert!(stage.bodies_at(begun, EVENTS_ARN, events_of(&stage, &devices, begun)).await.is_empty());
    // It connects in a quiet moment, and AWS IoT answers slowly.
    let quiet = begun + Duration::minutes(1);
    let own = event_at(stage.fleet.id(), first, quiet);
    stage.fleet.cloud.set_latency(|name| std::time::Duration::from_secs(if name.starts_with("iot:") { 5 } else { 0 }));
    let failing = stage.bodies_at(quiet, EVENTS_ARN, [own.clone()]);
    let others = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        stage.fleet.cloud.set_latency(at_once);
        // All clocks agree.
        let turn = stage.bodies_at(quiet, OVERFLOW_ARN, [event_at(stage.fleet.id(), first, begun)]).await;
        assert!(turn.is_empty() && stage.fleet.status(first) == Active);
        operator::delete(&stage.fleet.cloud, &first.id).await;
        operator::register(&stage.fleet.cloud, stage.fleet.id(), first).await;
        // The slow attempt meets a fault once it has written the row: it looks at certificate and twin, finds the row changed,
        // looks once more, and writes it.
        stage.fleet.cloud.plan(5, InjectedFault::Refused);
    };
    let (failed, ()) = tokio::join!(failing, others);
    assert_eq!(failed, ["0"], "{:?}", stage.fleet.cloud.calls());
    stage.fleet.cloud.plan_nothing();
    stage.fleet.cloud.set_latency(at_once);
    // Its message comes again in a burst.
    let again = quiet + Duration::minutes(3);
    let mut bodies = events_of(&stage, &devices, again);
    bodies[0] = own;
    let failed = stage.bodies_at(again, EVENTS_ARN, bodies).await;
    assert!(
        is_kept(&stage, first, 10, &failed),
        "its own message was acknowledged, nothing of it waits, and it is not in"
    );
}

/// The attempt for what waits has let the certificate in, and the answer to its last write is lost. Its message comes again, and the
/// tables answer it, as it is from before the activation. The row stays that tells of it.
#[tokio::test(start_paused = true)]
async fn what_the_tables_answer_as_activated_waits_no_more() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    let first = &devices[0];
    let begun = now();
    assert!(stage.bodies_at(begun, EVENTS_ARN, events_of(&stage, &devices, begun)).await.is_empty());
    let own = || [event_at(stage.fleet.id(), first, begun)];
    // Row and profile, certificate and twin, the row, thing and policy, the thing attached, ACTIVE, and the row confirmed.
    stage.fleet.cloud.plan(9, InjectedFault::AnswerLost);
    let turn = begun + Duration::seconds(5);
    assert_eq!(stage.bodies_at(turn, OVERFLOW_ARN, own()).await, ["0"], "{:?}", stage.fleet.cloud.calls());
    stage.fleet.cloud.plan_nothing();
    assert_eq!(stage.fleet.status(first), Active);
    let again = turn + Duration::minutes(3);
    assert!(stage.bodies_at(again, OVERFLOW_ARN, own()).await.is_empty(), "its message is deleted");
    operator::delete(&stage.fleet.cloud, &first.id).await;
    operator::register(&stage.fleet.cloud, stage.fleet.id(), first).await;
    for minute in 1..50 {
        let at = again + Duration::minutes(minute);
        let failed = stage.bodies_at(at, EVENTS_ARN, events_of(&stage, &devices, at)).await;
        if is_kept(&stage, first, 10, &failed) {
            assert_eq!(minute, 1, "not at its first connection");
            return;
        }
    }
    panic!("it has connected every minute for fifty minutes, nothing of it waits, and it is not in");
}

/// SQS delivers a message twice at once. One delivery answers and deletes it, the other one fails afterwards.
#[tokio::test(start_paused = true)]
async fn a_second_delivery_that_fails_tells_of_no_message_that_was_answered() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let devices = stage.devices(10);
    let begun = now();
    assert!(stage.bodies_at(begun, OVERFLOW_ARN, events_of(&stage, &devices, begun)).await.is_empty());
    allow_first(&stage);
    let second = begun + Duration::seconds(2);
    assert!(stage.bodies_at(second, EVENTS_ARN, events_of(&stage, &devices, second)).await.is_empty());
    assert_eq!(stage.overflow.bodies().len(), 1, "it waits");
    // AWS IoT does not answer one of the two deliveries.
    stage.fleet.cloud.set_latency(|name| std::time::Duration::from_secs(if name.starts_with("iot:") { 5 } else { 0 }));
    let failing = stage.bodies_at(second + Duration::seconds(1), OVERFLOW_ARN, stage.overflow.bodies());
    let answering = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        stage.fleet.cloud.clear_allow_lists();
        let answered = stage.bodies_at(second + Duration::seconds(2), OVERFLOW_ARN, stage.overflow.bodies()).await;
        stage.fleet.cloud.plan(0, InjectedFault::Refused);
        answered
    };
    let (failed, answered) = tokio::join!(failing, answering);
    assert_eq!((failed.len(), answered.len()), (1, 0), "one has failed, and the other one deletes the message");
    stage.fleet.cloud.set_latency(at_once);
    allow_first(&stage);
    for minute in 1..50 {
        let at = second + Duration::minutes(minute);
        let failed = stage.bodies_at(at, EVENTS_ARN, events_of(&stage, &devices, at)).await;
        if is_kept(&stage, &devices[0], 1, &failed) {
            assert_eq!(minute, 1, "not at its first connection");
            return;
        }
    }
    panic!("it has connected every minute for fifty minutes, may come in, and nothing of it waits");
}

/// Its certificate was set ACTIVE by other hands, so it has no row.
#[tokio::test(start_paused = true)]
async fn who_is_registered_again_while_the_attempt_finds_it_active_without_a_row_waits_again() {
    let stage = Stage::new(json!({}));
    let devices = stage.devices(10);
    let first = &devices[0];
    let begun = now();
    assert!(stage.bodies_at(begun, EVENTS_ARN, events_of(&stage, &devices, begun)).await.is_empty());
    operator::set_status(&stage.fleet.cloud, &first.id, Active).await;
    let second = begun + Duration::seconds(10);
    stage.fleet.cloud.set_latency(writes_are_slow);
    let change = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        operator::delete(&stage.fleet.cloud, &first.id).await;
        operator::register(&stage.fleet.cloud, stage.fleet.id(), first).await;
        let third = second + Duration::seconds(1);
        stage.bodies_at(third, EVENTS_ARN, events_of(&stage, &devices, third)).await
    };
    let turn = stage.bodies_at(second, OVERFLOW_ARN, [event_at(stage.fleet.id(), first, begun)]);
    let (overflow, failed) = tokio::join!(turn, change);
    assert!(overflow.is_empty());
    assert!(is_kept(&stage, first, 10, &failed), "it is registered again and out, and nothing of it waits");
}

/// An attempt begins long after its invocation, and judges by the time of the invocation.
#[tokio::test(start_paused = true)]
async fn who_becomes_valid_while_its_event_is_in_work_comes_in() {
    let stage = Stage::new(json!({}));
    let begun = now();
    let mut devices = stage.devices(10);
    devices[0] = stage.fleet.register(stage.fleet.authority.issue_with("young", stage.fleet.now, |params| {
        params.not_before = begun + Duration::seconds(65);
    }));
    let first = &devices[0];
    assert!(stage.bodies_at(begun, EVENTS_ARN, events_of(&stage, &devices, begun)).await.is_empty());
    let turn_at = begun + Duration::seconds(60);
    // AWS IoT throttles: the first answer comes after ten seconds.
    stage.fleet.cloud.set_latency(|name| std::time::Duration::from_secs(if name.starts_with("iot:") { 10 } else { 0 }));
    let turn = stage.bodies_at(turn_at, OVERFLOW_ARN, [event_at(stage.fleet.id(), first, begun)]);
    let connects = async {
        tokio::time::sleep(std::time::Duration::from_secs(8)).await;
        let at = turn_at + Duration::seconds(8);
        stage.bodies_at(at, EVENTS_ARN, events_of(&stage, &devices, at)).await
    };
    let (overflow, failed) = tokio::join!(turn, connects);
    assert!(overflow.is_empty());
    assert!(is_kept(&stage, first, 10, &failed), "it connected when it was valid, is out, and nothing of it waits");
}

/// An activation was killed, and its device is unlisted afterwards.
#[tokio::test(start_paused = true)]
async fn a_refused_device_whose_first_attempt_was_killed_costs_no_call() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let devices = stage.devices(1);
    allow_first(&stage);
    let begun = now();
    // The sixth call is one after the row has been written.
    stage.fleet.cloud.plan(8, InjectedFault::DiedBefore);
    let dying = stage.bodies_at(begun, EVENTS_ARN, events_of(&stage, &devices, begun));
    assert!(tokio::time::timeout(std::time::Duration::from_mins(1), dying).await.is_err(), "it was killed");
    stage.fleet.cloud.plan_nothing();
    stage.fleet.cloud.let_processes_die();
    stage.fleet.cloud.clear_allow_lists();
    let mut costs = Vec::new();
    for n in 0..20 {
        let at = begun + Duration::hours(2) + Duration::seconds(n);
        let before = stage.calls_of_aws_iot();
        stage.bodies_at(at, EVENTS_ARN, events_of(&stage, &devices, at)).await;
        costs.push(stage.calls_of_aws_iot() - before);
    }
    assert_eq!(stage.fleet.status(&devices[0]), PendingActivation);
    let dear = costs.iter().filter(|calls| **calls > 0).count();
    assert!(dear <= 3, "each event of a refused device costs calls: {costs:?}");
}

/// Hands over a batch from the overflow queue, for which there is half a minute. Tells which messages come again.
async fn half_a_minute(stage: &Stage, bodies: &[String]) -> Vec<String> {
    let record = |(place, body): (usize, &String)| json!({"body": body, "eventSourceARN": OVERFLOW_ARN, "messageId": place.to_string()});
    let records: Vec<_> = bodies.iter().enumerate().map(record).collect();
    let mut event = lambda_event(&next_request_id(), &json!({"Records": records}).to_string());
    let now = now();
    event.context.deadline = u64::try_from((now + Duration::seconds(30)).unix_timestamp_nanos() / 1_000_000).unwrap();
    let answer = Box::pin(stage.handler.handle_at(event, now)).await.unwrap();
    let Answer::Batch(response) = answer else { return Vec::new() };
    let places = response.batch_item_failures.iter().map(|failure| failure.item_identifier.parse::<usize>().unwrap());
    places.map(|place| bodies.get(place).unwrap().clone()).collect()
}

/// The overflow queue's processes have little time for them, and each has a row, as after an attempt that failed or a refusal.
#[tokio::test(start_paused = true)]
async fn known_certificates_that_come_too_late_do_not_multiply() {
    const DEVICES: usize = 60;
    let mut seen = Vec::new();
    for is_known in [false, true] {
        let quotas = Quotas { attach_policy: 15.0, describe_certificate: 10.0, share: 0.03, update_certificate: 10.0 };
        let stage = Stage::with(json!({"admission": "listed"}), Settings { quotas, ..settings(&account()) });
        let devices = stage.devices(DEVICES);
        let all_connect = async || {
            for devices in devices.chunks(10) {
                assert!(stage.batch(EVENTS_ARN, devices).await.is_empty());
            }
        };
        if is_known {
            for devices in devices.chunks(10) {
                assert!(stage.batch(OVERFLOW_ARN, devices).await.is_empty());
            }
        }
        for n in 0..DEVICES {
            stage.fleet.cloud.allow_name(stage.fleet.id(), &format!("pump-{n}").parse().unwrap());
        }
        all_connect().await;
        let slow =
            |name: &str| std::time::Duration::from_millis(if name == "iot:DescribeCertificate" { 6500 } else { 0 });
        stage.fleet.cloud.set_latency(slow);
        let (mut taken, mut again, mut sent) = (0, Vec::new(), Vec::new());
        fastrand::seed(7);
        for _ in 0..7 {
            // A circuit of the queue: each message is handed over once.
            let mut bodies = stage.overflow.bodies().split_off(taken);
            taken += bodies.len();
            bodies.append(&mut again);
            let outside = devices.iter().filter(|device| stage.fleet.status(device) != Active).count();
            sent.push((bodies.len(), outside));
            fastrand::shuffle(&mut bodies);
            for bodies in bodies.chunks(10) {
                again.append(&mut half_a_minute(&stage, bodies).await);
                all_connect().await;
            }
        }
        seen.push((is_known, sent));
    }
    let is_bounded =
        |(_, sent): &(bool, Vec<(usize, usize)>)| sent.iter().all(|(messages, _)| *messages <= DEVICES * 2);
    assert!(seen.iter().all(is_bounded), "known or not, messages and devices that are out in each circuit: {seen:?}");
}
