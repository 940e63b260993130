//! What goes wrong costs what it concerns, and nothing is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use lambda_runtime::{Context, LambdaEvent};
use lifecycle_recorder::{Outcome, Recorder};
use serde_json::{Value, json};
use shared::batch::SqsEvent;
use shared::event::LifecycleEvent;
use shared::fault::{Fault, FaultKind};
use shared::id::ClientId;
use shared::port::{Counted, PresenceStore, RowPolicy, Written};
use shared::presence::{Change, Device, FailingPrincipal, FailuresInBulk, MAX_FAILING_CLIENTS};
use shared::testing::dynamodb::Answer;
use shared::testing::{Fate, InjectedFault, Sent};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::stage::{
    DEVICES, EVENTS, MINUTE, START, Stage, batch, connect_failed, connected, decoded, disconnected, id, subscribed,
};

fn refusal(code: &str) -> Answer {
    Answer { status: 400, body: json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}")}) }
}

fn names(ids: &BTreeSet<String>) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

/// Everything that happens to a client in its life.
fn life() -> Vec<Value> {
    vec![
        connected("c", START, "s1", 4),
        subscribed("c", START + 1, "s1", &["a"]),
        connect_failed("c", START + 2, "f1"),
        connect_failed("c", START + 3, "f2"),
        disconnected("c", START + MINUTE, "s1", 4),
        connected("c", START + 2 * MINUTE, "s2", 5),
        subscribed("c", START + 2 * MINUTE + 1, "s2", &["b"]),
    ]
}

/// The rows, without subscriptions of a session that is over: told late, they wait for the next connection, which drops
/// them.
fn rows(stage: &Stage) -> Vec<Value> {
    let mut rows = stage.client_rows();
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.remove("pendingSubscriptions");
    }
    rows
}

async fn halves(stage: &Stage) -> (Outcome, Outcome) {
    let life = life();
    (stage.record(&life[..5]).await, stage.record(&life[5..]).await)
}

#[tokio::test(start_paused = true)]
async fn stopped_at_any_call_and_delivered_again_it_ends_as_a_clean_run() {
    let clean = Stage::new();
    halves(&clean).await;
    let calls = clean.dynamodb.sent().len();
    assert!(calls >= 5, "{calls}");
    for fault in InjectedFault::STOPS {
        for struck in 0..calls {
            let stage = Stage::new();
            let mut n = 0;
            stage.dynamodb.when(move |_| {
                n += 1;
                if n == struck + 1 { Fate::Struck(fault) } else { Fate::CarriedOut }
            });
            let (first, second) = halves(&stage).await;
            let whole = first.failed.is_empty() && second.failed.is_empty();
            assert!(!whole, "{fault:?} at call {struck} was not told");
            halves(&stage).await;
            assert_eq!(rows(&stage), rows(&clean), "{fault:?} at call {struck}");
            assert_eq!(stage.dynamodb.rows(EVENTS), clean.dynamodb.rows(EVENTS), "{fault:?} at call {struck}");
        }
    }
}

#[tokio::test]
async fn what_concerns_one_client_costs_the_others_nothing() {
    let stage = Stage::new();
    stage.dynamodb.when(|sent| match &sent.body["Key"]["clientId"]["S"] {
        Value::String(client) if client == "b" => Fate::Answered(refusal("ProvisionedThroughputExceededException")),
        _ => Fate::CarriedOut,
    });
    let events = ["a", "b", "c", "b"].map(|client| connected(client, START, "s", 0));
    let outcome = stage.record(&events).await;
    assert_eq!((names(&outcome.failed), outcome.recorded), (vec!["1", "3"], 2), "a repeat fails with its event");
    assert_eq!(stage.dynamodb.rows(DEVICES).len(), 2);
}

#[tokio::test]
async fn what_dynamodb_does_not_take_up_is_tried_again_and_then_told() {
    for (refusals, failed) in [(2, vec![]), (usize::MAX, vec!["7"])] {
        let stage = Stage::new();
        let mut left = refusals;
        stage.dynamodb.when(move |sent| {
            if sent.operation != "BatchWriteItem" || left == 0 {
                return Fate::CarriedOut;
            }
            left -= 1;
            let requests = sent.body["RequestItems"][EVENTS].as_array().unwrap();
            let is_left = |item: &Value| item["clientId"]["S"] == "c" && item["session"]["S"] == "s7";
            let not_taken: Vec<&Value> =
                requests.iter().filter(|request| is_left(&request["PutRequest"]["Item"])).collect();
            Fate::Answered(Answer { status: 200, body: json!({"UnprocessedItems": {EVENTS: not_taken}}) })
        });
        let mut events: Vec<_> = (0..10).map(|n| connected("c", START + n, &format!("s{n}"), n)).collect();
        events.push(connected("other", START + 7, "s7", 7));
        let outcome = stage.record(&events).await;
        assert_eq!(names(&outcome.failed), failed);
    }
}

#[tokio::test]
async fn a_cancelled_transaction_is_what_its_reasons_are() {
    for (codes, kind) in [
        (["None", "TransactionConflict"], FaultKind::Unavailable),
        (["None", "ThrottlingError"], FaultKind::Throttled),
        (["ProvisionedThroughputExceeded", "None"], FaultKind::Throttled),
        (["ValidationError", "None"], FaultKind::Invalid),
        (["None", "ConditionalCheckFailed"], FaultKind::Invalid),
    ] {
        let stage = Stage::new();
        stage.dynamodb.when(move |_| {
            let mut answer = refusal("TransactionCanceledException");
            answer.body["CancellationReasons"] = codes.map(|code| json!({"Code": code})).into_iter().collect();
            Fate::Answered(answer)
        });
        let event = decoded(&connect_failed("c", START, "f"));
        let fault = stage.tables().count_failures(&id("c"), &[&event], RowPolicy::Create).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{codes:?}");
    }
}

/// The answer to a transaction that another one kept from its row.
fn conflict() -> Answer {
    let mut answer = refusal("TransactionCanceledException");
    answer.body["CancellationReasons"] = json!([{"Code": "None"}, {"Code": "TransactionConflict"}]);
    answer
}

#[tokio::test]
async fn failures_that_were_counted_are_told_though_the_row_is_not_written() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    stage.dynamodb.when(|sent| match sent.operation.as_str() {
        "UpdateItem" => Fate::Answered(refusal("ThrottlingException")),
        _ => Fate::CarriedOut,
    });
    let events: Vec<Value> = (0..30).map(|n| connect_failed("c", START + n, &format!("f{n}"))).collect();
    let outcome = stage.record(&events).await;
    assert_eq!((outcome.connect_failures, outcome.failed.len()), (30, 30));
}

#[tokio::test]
async fn failures_that_were_counted_are_told_though_others_were_not() {
    let stage = Stage::new();
    stage.dynamodb.when(|sent| match sent.operation.as_str() {
        "TransactWriteItems" if sent.body["TransactItems"].as_array().unwrap().len() < 26 => {
            Fate::Answered(refusal("ThrottlingException"))
        }
        _ => Fate::CarriedOut,
    });
    let mut events: Vec<Value> = (0..30).map(|n| connect_failed("c", START + n, &format!("f{n:02}"))).collect();
    events.push(connected("c", START + MINUTE, "s1", 4));
    let outcome = stage.record(&events).await;
    assert_eq!(outcome.connect_failures, 25);
    assert_eq!(names(&outcome.failed), ["25", "26", "27", "28", "29"], "the row is written all the same");
    assert_eq!(stage.only_row()["session"], json!({"S": "s1"}));
}

#[tokio::test(start_paused = true)]
async fn failures_that_were_counted_are_told_though_the_time_is_over() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START - 1, "s1", 4)]).await;
    stage.dynamodb.when(|sent| match sent.operation.as_str() {
        "UpdateItem" => Fate::Struck(InjectedFault::Stalled),
        _ => Fate::CarriedOut,
    });
    let events = [connect_failed("c", START, "f")];
    let outcome = stage.recorder.record(&batch(&events), Instant::now() + Duration::from_secs(5)).await;
    assert_eq!((outcome.connect_failures, outcome.failed.len()), (1, 1));
}

#[tokio::test]
async fn transactions_that_meet_on_a_row_are_tried_again() {
    let stage = Stage::new();
    let (mut transactions, mut updates) = (0, 0);
    stage.dynamodb.when(move |sent| {
        let (n, answer) = match sent.operation.as_str() {
            "TransactWriteItems" => (&mut transactions, conflict()),
            "UpdateItem" => (&mut updates, refusal("TransactionConflictException")),
            _ => return Fate::CarriedOut,
        };
        *n += 1;
        if *n < 4 { Fate::Answered(answer) } else { Fate::CarriedOut }
    });
    let outcome = stage.record(&[connect_failed("c", START, "f"), connected("c", START, "s1", 4)]).await;
    assert_eq!((outcome.connect_failures, outcome.failed.len(), outcome.recorded), (1, 0, 2));
}

#[tokio::test]
async fn a_transaction_that_meets_others_for_long_holds_back_its_own_events_only() {
    let stage = Stage::new();
    stage.dynamodb.when(|sent| match sent.operation.as_str() {
        "TransactWriteItems" => Fate::Answered(conflict()),
        _ => Fate::CarriedOut,
    });
    let outcome = stage.record(&[connect_failed("c", START, "f"), connected("c", START, "s1", 4)]).await;
    assert_eq!((names(&outcome.failed), outcome.recorded), (vec!["0"], 1));
    assert_eq!(stage.only_row()["connected"], json!({"BOOL": true}));
}

#[tokio::test]
async fn a_row_that_others_keep_changing_is_left_to_the_next_delivery() {
    let stage = Stage::new();
    stage.dynamodb.when(|sent| match sent.operation.as_str() {
        "UpdateItem" => Fate::Answered(refusal("ConditionalCheckFailedException")),
        _ => Fate::CarriedOut,
    });
    let outcome = stage.record(&[connected("c", START, "s", 0)]).await;
    assert_eq!((names(&outcome.failed), outcome.recorded), (vec!["0"], 0));
}

#[tokio::test]
async fn a_throttled_table_fails_what_it_throttles_and_a_later_delivery_mends_it() {
    let stage = Stage::new();
    let mut n = 0;
    stage.dynamodb.when(move |_| {
        n += 1;
        if n % 3 > 0 { Fate::CarriedOut } else { Fate::Answered(refusal("ThrottlingException")) }
    });
    let mut left: Vec<Value> = (0..200).map(|n| connected(&format!("c{n}"), START + n, "s", 0)).collect();
    let mut deliveries = 0;
    while !left.is_empty() {
        let outcome = stage.record(&left).await;
        left = outcome.failed.iter().map(|id| left[id.parse::<usize>().unwrap()].clone()).collect();
        deliveries += 1;
        assert!(deliveries < 20, "{left:?}");
    }
    assert!(deliveries > 1);
    assert_eq!((stage.dynamodb.rows(DEVICES).len(), stage.dynamodb.rows(EVENTS).len()), (200, 200));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_in_time_is_left_to_the_next_delivery() {
    let stage = Stage::new();
    stage.dynamodb.when(|sent| match &sent.body["Key"]["clientId"]["S"] {
        Value::String(client) if client == "slow" => Fate::Struck(InjectedFault::Stalled),
        _ => Fate::CarriedOut,
    });
    let events = ["a", "slow"].map(|client| connected(client, START, "s", 0));
    let begun = Instant::now();
    let outcome = stage.recorder.record(&batch(&events), begun + Duration::from_secs(5)).await;
    assert_eq!((names(&outcome.failed), begun.elapsed()), (vec!["1"], Duration::from_secs(5)));
}

/// Records events of which some requests get no answer. Tells of how many clients there are rows, and the attempts that have
/// been counted together, when the time is nearly up.
async fn recorded_in_time(events: &[Value], hangs: fn(&Sent) -> bool) -> (usize, Vec<Value>) {
    let stage = Stage::new();
    stage
        .dynamodb
        .when(move |sent| if hangs(sent) { Fate::Struck(InjectedFault::DiedBefore) } else { Fate::CarriedOut });
    let looked = async {
        tokio::time::sleep(Duration::from_secs(27)).await;
        let counts = stage.principal_rows().into_iter().map(|row| row["connectFailures"]["N"].clone());
        (stage.client_rows().len(), counts.filter(|count| !count.is_null()).collect())
    };
    let batch = batch(events);
    let recording = stage.recorder.record(&batch, Instant::now() + Duration::from_secs(28));
    tokio::join!(recording, looked).1
}

fn is_of_hanging(sent: &Sent) -> bool {
    sent.body["Key"]["clientId"]["S"].as_str().is_some_and(|client| client.contains("hanging"))
}

/// Failed attempts of a principal under so many client ids that one is counted together with others.
fn failures_in_bulk(principal: &str) -> Vec<Value> {
    let of = |client| {
        let mut event = connect_failed(&format!("{principal}-{client}"), START, "f");
        event["principalIdentifier"] = json!(principal);
        event
    };
    (0..=MAX_FAILING_CLIENTS).map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn clients_whose_writes_hang_keep_no_others_from_being_recorded() {
    let clients = (0..40).map(|n| format!("hanging-{n}")).chain((0..40).map(|n| format!("waiting-{n}")));
    let events: Vec<Value> = clients.map(|client| connected(&client, START, "s", 0)).collect();
    assert_eq!(recorded_in_time(&events, is_of_hanging).await.0, 40);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_leaves_time_to_count_what_gets_no_row() {
    let mut events = failures_in_bulk("p");
    events.push(connected("hanging", START, "s", 0));
    for hangs in [is_of_hanging, |sent: &Sent| sent.operation == "BatchWriteItem"] {
        assert_eq!(recorded_in_time(&events, hangs).await.1, [json!("1")]);
    }
}

#[tokio::test(start_paused = true)]
async fn principals_whose_counts_hang_keep_no_others_from_being_counted() {
    let principals = (0..20).map(|n| format!("hanging{n}")).chain((0..20).map(|n| format!("waiting{n}")));
    let events: Vec<Value> = principals.flat_map(|principal| failures_in_bulk(&principal)).collect();
    let is_count = |sent: &Sent| is_of_hanging(sent) && sent.body["UpdateExpression"].to_string().contains("#since");
    assert_eq!(recorded_in_time(&events, is_count).await.1, vec![json!("1"); 20]);
}

/// A store that panics over one client.
struct Panicking;

impl PresenceStore for Panicking {
    async fn count_failures(&self, _: &ClientId, _: &[&LifecycleEvent], _: RowPolicy) -> Result<Counted, Fault> {
        Ok(Counted::New(0))
    }

    async fn admit(&self, _: &FailingPrincipal, _: &ClientId, _: OffsetDateTime) -> Result<bool, Fault> {
        Ok(true)
    }

    async fn count_in_bulk(&self, _: &FailingPrincipal, _: FailuresInBulk) -> Result<(), Fault> {
        Ok(())
    }

    async fn change(&self, client: &ClientId, change: &Change) -> Result<Written, Fault> {
        assert_ne!(client.as_str(), "bad");
        let mut row = Device::unknown(client.clone());
        row.last_event_at = change.last_event_at;
        row.permanent = change.permanent;
        row.connection = match &change.connection {
            Some(shared::presence::ConnectionChange::Replace(new, _)) => Some(new.clone()),
            other => panic!("{other:?}"),
        };
        Ok(Written::Done(Box::new(row)))
    }

    async fn keep<'a>(&self, _: &[&'a LifecycleEvent]) -> Result<Vec<&'a LifecycleEvent>, Fault> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_panic_costs_one_client() {
    let events = ["a", "bad", "c"].map(|client| connected(client, START, "s", 0));
    let outcome = Recorder::new(Panicking).record(&batch(&events), Instant::now() + Duration::from_secs(5)).await;
    assert_eq!((names(&outcome.failed), outcome.recorded), (vec!["1"], 2));
}

#[tokio::test]
async fn the_answer_names_what_is_no_event_and_what_could_not_be_recorded() {
    let body = |client| connected(client, START, "s", 0).to_string();
    let records = |records: [(&str, String); 3]| {
        let records = records.map(|(id, body)| json!({"messageId": id, "body": body, "eventSource": "aws:sqs"}));
        let event: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
        LambdaEvent::new(event, Context::default())
    };
    let recorder = Recorder::new(Panicking);
    let event = records([("good", body("a")), ("refused", "no".to_owned()), ("failed", body("bad"))]);
    let answer = recorder.handle(event).await.unwrap();
    let again: Vec<_> = answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    assert_eq!(again, ["failed", "refused"]);
    let event = records([("good", body("a")), ("", body("b")), ("other", body("c"))]);
    assert!(recorder.handle(event).await.is_err(), "a record without id can not be named");
}
