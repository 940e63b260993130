//! Events that the tables answer, and what ends that.

use activator::Answer;
use actors::activation::{EVENTS_ARN, answer_at};
use actors::{Fleet, checking, deadline, event_at, now, operator};
use serde_json::json;
use shared::decision::{Decision, Reason};
use shared::port::AuthorityStore as _;
use shared::port::CertificateStatus::{Active, PendingActivation};
use shared::registration::{MAX_BACKOFF, MIN_BACKOFF};
use shared::testing::{InjectedFault, Issued};
use time::{Duration, OffsetDateTime};

/// A device that connects at times which the test tells.
struct Visitor<'f> {
    begun: OffsetDateTime,
    device: &'f Issued,
    fleet: &'f Fleet,
}

/// What an event has cost, and whether it is delivered again.
#[derive(Debug, PartialEq)]
struct Visit {
    aws_iot_calls: usize,
    is_acknowledged: bool,
}

/// The beginning of the deadline's hour.
fn begun() -> OffsetDateTime {
    deadline() - Duration::hours(1)
}

const FREE: Visit = Visit { aws_iot_calls: 0, is_acknowledged: true };

impl<'f> Visitor<'f> {
    fn new(fleet: &'f Fleet, device: &'f Issued) -> Self {
        Self { begun: begun(), device, fleet }
    }

    /// The device connects so long after the beginning, and its event is handled at once.
    async fn connects(&self, after: Duration) -> Visit {
        self.event_of(after, after).await
    }

    /// An event that waited in the queue.
    async fn event_of(&self, published: Duration, handled: Duration) -> Visit {
        let Self { begun, device, fleet } = self;
        let event = event_at(fleet.id(), device, *begun + published);
        let batch = json!({"Records": [{"messageId": "1", "body": event, "eventSourceARN": EVENTS_ARN}]}).to_string();
        let before = fleet.cloud.calls().len();
        let now = *begun + handled + Duration::seconds(1);
        let request_id = actors::next_request_id();
        let answer = answer_at(now, &request_id, &fleet.cloud, fleet.cloud.authorities(), &batch).await.unwrap();
        let is_acknowledged = matches!(answer, Answer::Batch(response) if response.batch_item_failures.is_empty());
        let calls = fleet.cloud.calls();
        let aws_iot_calls = calls.iter().skip(before).filter(|call| call.starts_with("iot:")).count();
        Visit { aws_iot_calls, is_acknowledged }
    }
}

const fn seconds(seconds: i64) -> Duration {
    Duration::seconds(seconds)
}

/// A CA of which only announced devices come in, and a device that was not.
fn closed_fleet() -> (Fleet, Issued) {
    let fleet = Fleet::new(json!({"admission": "listed"}));
    let device = fleet.device("pump-1");
    (fleet, device)
}

#[tokio::test(start_paused = true)]
async fn a_refused_device_that_does_not_stop_costs_aws_iot_five_attempts_in_fifty_minutes() {
    let (fleet, device) = closed_fleet();
    let visitor = Visitor::new(&fleet, &device);
    let alone = visitor.connects(Duration::ZERO).await.aws_iot_calls;
    let mut calls = alone;
    for second in (1..3000).step_by(7) {
        let visit = visitor.connects(seconds(second)).await;
        assert!(visit.is_acknowledged);
        calls += visit.aws_iot_calls;
    }
    assert!(calls <= alone * 5, "{calls} calls, {alone} of a single attempt");
    let row = fleet.row(&device);
    assert_eq!((row.reason, row.attempts), (Reason::NotListed, 5));
}

#[tokio::test(start_paused = true)]
async fn an_answer_holds_for_longer_each_time_and_never_for_more_than_an_hour() {
    let (fleet, device) = closed_fleet();
    let visitor = Visitor::new(&fleet, &device);
    let (mut time, mut holds) = (Duration::ZERO, Vec::new());
    for _ in 0..7 {
        assert_ne!(visitor.connects(time).await.aws_iot_calls, 0);
        let held = seconds(fleet.row(&device).backoff.unwrap().seconds);
        assert_eq!(visitor.connects(time + held - seconds(1)).await, FREE);
        holds.push(held);
        time += held;
    }
    assert!(holds.is_sorted() && holds[0] == MIN_BACKOFF && holds[5..] == [MAX_BACKOFF; 2], "{holds:?}");
}

#[tokio::test(start_paused = true)]
async fn an_announcement_lets_a_device_in_at_once() {
    let (fleet, device) = closed_fleet();
    let visitor = Visitor::new(&fleet, &device);
    visitor.connects(Duration::ZERO).await;
    assert_eq!(visitor.connects(seconds(1)).await, FREE);
    fleet.cloud.allow_name(fleet.id(), &"pump-1".parse().unwrap());
    assert!(visitor.connects(seconds(2)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn other_rules_decide_anew_and_begin_with_the_shortest_time_again() {
    let (fleet, device) = closed_fleet();
    let visitor = Visitor::new(&fleet, &device);
    for time in [0, 10, 50, 210] {
        assert_ne!(visitor.connects(seconds(time)).await.aws_iot_calls, 0);
    }
    fleet.cloud.change_profile(fleet.id(), |profile| profile.label = Some("pumps".to_owned()));
    assert_ne!(visitor.connects(seconds(211)).await.aws_iot_calls, 0);
    assert_eq!(fleet.row(&device).backoff.unwrap().seconds, MIN_BACKOFF.whole_seconds());
}

#[tokio::test(start_paused = true)]
async fn a_released_name_decides_anew() {
    let fleet = Fleet::new(json!({}));
    let (owner, device) = (fleet.inside("pump-1").await, fleet.device("pump-1"));
    let visitor = Visitor::new(&fleet, &device);
    visitor.connects(Duration::ZERO).await;
    assert_eq!(fleet.row(&device).reason, Reason::ThingTaken);
    assert_eq!(visitor.connects(seconds(1)).await, FREE);
    operator::release_thing(&fleet.cloud, "pump-1").await.unwrap();
    assert_ne!(fleet.status(&owner), Active);
    assert!(visitor.connects(seconds(2)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
}

/// The thing is gone, and the operator's command was cut short before it told the CAs: repeating it does.
#[tokio::test(start_paused = true)]
async fn a_release_that_was_cut_short_is_completed_by_repeating_it() {
    let fleet = Fleet::new(json!({}));
    let (_owner, device) = (fleet.inside("pump-1").await, fleet.device("pump-1"));
    let visitor = Visitor::new(&fleet, &device);
    visitor.connects(Duration::ZERO).await;
    let release = async |fleet: Fleet| drop(operator::release_thing(&fleet.cloud, "pump-1").await);
    let deleted = fleet.place_of("iot:DeleteThing", release).await;
    fleet.cloud.plan(deleted + 1, InjectedFault::Refused);
    operator::release_thing(&fleet.cloud, "pump-1").await.unwrap_err();
    fleet.cloud.plan_nothing();
    operator::release_thing(&fleet.cloud, "pump-1").await.unwrap();
    assert!(visitor.connects(seconds(1)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_arrives_decides_anew() {
    let fleet = Fleet::new(json!({"crl": "required", "crlSources": [checking::source()]}));
    // The source is known, and has no list yet.
    fleet.sync().await;
    let device = fleet.device("pump-1");
    let visitor = Visitor::new(&fleet, &device);
    let first = visitor.connects(Duration::ZERO).await;
    assert!(!first.is_acknowledged && first.aws_iot_calls > 0);
    assert_eq!(fleet.row(&device).decision, Decision::Deferred);
    // The event itself stays in the queue; those of later connections are not needed beside it.
    let waiting = Visit { aws_iot_calls: 0, is_acknowledged: false };
    assert_eq!(visitor.event_of(Duration::ZERO, seconds(2)).await, waiting);
    assert_eq!(visitor.connects(seconds(3)).await, FREE);

    fleet.publish(1, &[]);
    fleet.sync().await;
    assert!(visitor.connects(seconds(4)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn an_operators_hand_is_never_answered_from_the_tables() {
    let (fleet, device) = closed_fleet();
    let visitor = Visitor::new(&fleet, &device);
    visitor.connects(Duration::ZERO).await;
    let before = fleet.cloud.calls().len();
    assert_eq!(fleet.connect(&device).await.unwrap().reason, Reason::NotListed);
    assert!(fleet.cloud.calls().iter().skip(before).any(|call| call.starts_with("iot:")));
}

#[tokio::test(start_paused = true)]
async fn events_from_before_an_activation_cost_nothing_and_later_ones_a_look() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let visitor = Visitor::new(&fleet, &device);
    assert!(visitor.event_of(Duration::ZERO, seconds(100)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
    for published in 0..100 {
        assert_eq!(visitor.event_of(seconds(published), seconds(200)).await, FREE);
    }
    assert_eq!(visitor.event_of(seconds(150), seconds(200)).await, Visit { aws_iot_calls: 1, is_acknowledged: true });
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_registered_again_is_decided_about_anew() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let visitor = Visitor::new(&fleet, &device);
    visitor.connects(Duration::ZERO).await;
    operator::delete(&fleet.cloud, &device.id).await;
    operator::register(&fleet.cloud, fleet.id(), &device).await;
    assert!(visitor.connects(seconds(60)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_becomes_valid_is_let_in_at_once() {
    let fleet = Fleet::new(json!({}));
    let begun = begun();
    let device = fleet.register(fleet.authority.issue_with("pump-1", fleet.now, |params| {
        params.not_before = begun + seconds(65);
    }));
    let visitor = Visitor { begun, device: &device, fleet: &fleet };
    for time in [0, 10, 50] {
        assert!(visitor.connects(seconds(time)).await.is_acknowledged);
        assert_eq!(fleet.row(&device).reason, Reason::CertificateNotYetValid);
    }
    assert!(visitor.connects(seconds(66)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
}

/// An attempt that has failed decided nothing: the next one is made at once.
#[tokio::test(start_paused = true)]
async fn a_failure_slows_nobody() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let visitor = Visitor::new(&fleet, &device);
    let activate = async |fleet: Fleet| drop(fleet.connect(&device).await);
    let attached = fleet.place_of("iot:AttachThingPrincipal", activate).await;
    // One call more: whether the tables answer the event.
    fleet.cloud.plan(attached + 1, InjectedFault::Refused);
    assert!(!visitor.connects(Duration::ZERO).await.is_acknowledged);
    fleet.cloud.plan_nothing();
    assert_eq!(fleet.status(&device), PendingActivation);
    assert!(visitor.connects(seconds(1)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
}

/// Two events of one certificate in two batches at once: the second leaves the certificate to the first.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_being_let_in_is_left_alone() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let visitor = Visitor::new(&fleet, &device);
    let activate = async |fleet: Fleet| drop(fleet.connect(&device).await);
    let attached = fleet.place_of("iot:AttachThingPrincipal", activate).await;
    fleet.cloud.plan(attached + 1, InjectedFault::DiedBefore);
    let begun = visitor.connects(Duration::ZERO);
    assert!(tokio::time::timeout(std::time::Duration::from_mins(1), begun).await.is_err());
    fleet.cloud.plan_nothing();
    let waiting = Visit { aws_iot_calls: 0, is_acknowledged: false };
    assert_eq!(visitor.connects(seconds(1)).await, waiting);
    fleet.cloud.let_processes_die();
    assert!(visitor.connects(seconds(40)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
}

/// The CA's policy does not exist: each attempt fails in the same way until somebody makes it.
#[tokio::test(start_paused = true)]
async fn what_an_operator_has_to_mend_is_not_tried_each_second() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let visitor = Visitor::new(&fleet, &device);
    fleet.cloud.change(|state| state.missing_policies.insert("device".parse().unwrap()));
    assert!(!visitor.connects(seconds(-5)).await.is_acknowledged);
    let failed = visitor.connects(Duration::ZERO).await;
    assert!(failed.aws_iot_calls > 0 && !failed.is_acknowledged);
    // The event itself stays in the queue; those of later connections are not needed beside it.
    let waiting = Visit { aws_iot_calls: 0, is_acknowledged: false };
    assert_eq!(visitor.event_of(Duration::ZERO, seconds(2)).await, waiting);
    assert_eq!(visitor.connects(seconds(3)).await, FREE);
    assert!(!visitor.event_of(Duration::ZERO, seconds(10)).await.is_acknowledged);
    assert_eq!(fleet.row(&device).backoff.unwrap().seconds, 40);

    fleet.cloud.change(|state| state.missing_policies.clear());
    fleet.cloud.authorities().renew_decisions(fleet.id(), now()).await.unwrap();
    assert!(visitor.event_of(Duration::ZERO, seconds(12)).await.is_acknowledged);
    assert_eq!(fleet.status(&device), Active);
}

/// It may be all that is left of the certificate in the queue.
#[tokio::test(start_paused = true)]
async fn an_event_that_has_to_wait_stays_in_the_queue_beside_a_later_one() {
    let fleet = Fleet::new(json!({"crl": "required", "crlSources": [checking::source()]}));
    fleet.sync().await;
    let device = fleet.device("pump-1");
    let visitor = Visitor::new(&fleet, &device);
    visitor.connects(Duration::ZERO).await;
    let own = event_at(fleet.id(), &device, begun());
    let later = event_at(fleet.id(), &device, begun() + seconds(3));
    let batch =
        json!({"Records": [{"messageId": "own", "body": own}, {"messageId": "later", "body": later}]}).to_string();
    let request_id = actors::next_request_id();
    let answer =
        answer_at(begun() + seconds(5), &request_id, &fleet.cloud, fleet.cloud.authorities(), &batch).await.unwrap();
    let is_own = |id: &str| id == "own";
    let stays = matches!(&answer, Answer::Batch(response)
        if response.batch_item_failures.iter().any(|failure| is_own(&failure.item_identifier)));
    assert!(stays, "{answer:?}");
}
