//! What goes wrong costs what it concerns, and nothing is lost.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Config, Context, LambdaEvent};
use serde_json::{Value, json};
use shared::batch::{SqsEvent, SqsRecord};
use shared::fault::{Fault, FaultKind};
use shared::port::DeadLetters;
use shared::testing::dynamodb::Answer;
use shared::testing::{Delivery, Fate, InjectedFault, Queue};
use tokio::time::Instant;

use crate::stage::{LATEST, MESSAGES, NUMBERS, Stage, json_message, now, sink};

fn refusal(code: &str) -> Answer {
    let message = "this is what it said";
    Answer {
        status: 400,
        body: json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message}),
    }
}

fn record(id: &str, message: &Value) -> SqsRecord {
    SqsRecord { body: message.to_string(), message_id: id.to_owned() }
}

/// DynamoDB refuses every request with a poisoned item.
fn refuse_poison(stage: &Stage) {
    stage.dynamodb.when(|sent| {
        let is_poisoned = sent.body.to_string().contains("poison");
        if is_poisoned { Fate::Answered(refusal("ValidationException")) } else { Fate::CarriedOut }
    });
}

/// Messages of every kind, in several batches and sequences; one of them is refused.
fn messages() -> Vec<Value> {
    let all = (0..60).map(|n| json_message("all", &format!("pump-{}", n % 7), n, &json!({"n": n})));
    let latest = (0..10).map(|n| json_message("latest", "pump", n, &json!(n)));
    let status = (0..4).map(|n| json_message("status", "valve", 20 + n, &json!({format!("m{n}"): n})));
    let others = [
        json_message("first", "tank", 30, &json!(1)),
        json_message("deleted", "pump-0", 31, &json!(1)),
        json_message("nowhere", "pump", 32, &json!(1)),
    ];
    all.chain(latest).chain(status).chain(others).collect()
}

#[tokio::test(start_paused = true)]
async fn stopped_at_any_call_and_delivered_again_it_ends_as_a_clean_run() {
    let clean = Stage::new();
    let outcome = clean.take(&messages()).await;
    assert_eq!((outcome.failed.len(), outcome.rejected), (0, 1), "{outcome:?}");
    let calls: usize = clean.calls().values().sum();
    assert!(calls >= 8, "{calls}");
    for fault in InjectedFault::STOPS {
        for struck in 0..calls {
            let stage = Stage::new();
            let mut n = 0;
            stage.dynamodb.when(move |_| {
                n += 1;
                if n == struck + 1 { Fate::Struck(fault) } else { Fate::CarriedOut }
            });
            let outcome = stage.take(&messages()).await;
            assert!(!outcome.failed.is_empty(), "{fault:?} at call {struck} was not told");
            let again: Vec<Value> =
                outcome.failed.iter().map(|id| messages()[id.parse::<usize>().unwrap()].clone()).collect();
            // The whole delivery may come again as well, if the function was killed.
            stage.take(&again).await;
            assert_eq!(stage.rows(), clean.rows(), "{fault:?} at call {struck}");
            stage.take(&messages()).await;
            assert_eq!(stage.rows(), clean.rows(), "{fault:?} at call {struck}, all of it again");
        }
    }
}

#[tokio::test]
async fn a_poison_message_among_a_hundred_costs_itself_only() {
    let stage = Stage::new();
    let mut bodies: Vec<String> = (0..100).map(|n| json_message("all", "pump", n, &json!(n)).to_string()).collect();
    bodies[50] = "poison".to_owned();
    let outcome = stage.take_bodies(&bodies).await;
    assert_eq!((outcome.written, outcome.rejected, outcome.failed.len()), (99, 1, 0), "{outcome:?}");
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 99);
    assert_eq!(stage.rejected()[0]["original"], "poison");
}

/// What the sink can't know of a table, DynamoDB says: an index may want an attribute to be a number.
#[tokio::test]
async fn what_dynamodb_refuses_is_put_aside_and_the_rest_of_its_batch_is_written() {
    let stage = Stage::new();
    refuse_poison(&stage);
    let mut messages: Vec<Value> = (0..30).map(|n| json_message("all", "pump", n, &json!(n))).collect();
    messages[7] = json_message("all", "pump", 7, &json!("poison"));
    let outcome = stage.take(&messages).await;
    assert_eq!((outcome.written, outcome.rejected, outcome.failed.len()), (29, 1, 0), "{outcome:?}");
    let rejected = &stage.rejected()[0]["rejected"];
    assert_eq!(rejected["reason"], "dynamodb");
    assert!(rejected["detail"].as_str().unwrap().contains("this is what it said"), "{rejected}");
}

/// The message that it was to replace was good, and is written before anything later could be.
#[tokio::test]
async fn what_a_refused_message_would_have_replaced_is_written_at_once() {
    let (one, poison, other) = (("count", json!(1)), ("latest", json!("poison")), ("count", json!(3)));
    let set = |payload: Value| ("status", payload);
    let cases = [
        // Messages of one item, how many of them are refused, and what is left
        (vec![("latest", json!(1)), poison.clone()], 1, json!({"payload": {"N": "1"}})),
        (vec![one.clone(), poison.clone(), other.clone()], 1, json!({"count": {"N": "3"}})),
        (vec![one.clone(), poison.clone(), poison.clone(), other.clone()], 2, json!({"count": {"N": "3"}})),
        (vec![one.clone(), poison.clone(), set(json!({"a": 1}))], 1, json!({"a": {"N": "1"}, "count": {"N": "1"}})),
        (
            vec![set(json!({"a": 1})), set(json!({"b": 2})), poison.clone()],
            1,
            json!({"a": {"N": "1"}, "b": {"N": "2"}}),
        ),
        (vec![("latest", json!(1)), ("latest", json!(2)), poison.clone()], 1, json!({"payload": {"N": "2"}})),
        (vec![one.clone(), ("deleted", json!(0)), poison.clone()], 1, Value::Null),
        (vec![("first", json!(1)), poison.clone(), ("first", json!(2))], 1, json!({"payload": {"N": "1"}})),
        (
            vec![set(json!({"a": 1})), set(json!({"a": "poison"})), other],
            1,
            json!({"a": {"N": "1"}, "count": {"N": "3"}}),
        ),
    ];
    for (writes, refused, left) in cases {
        let stage = Stage::new();
        refuse_poison(&stage);
        let messages = writes.iter().zip(0..).map(|((route, payload), n)| json_message(route, "pump", n, payload));
        let outcome = stage.take(&messages.collect::<Vec<_>>()).await;
        assert_eq!((outcome.failed, outcome.rejected), (Vec::new(), refused), "{writes:?}");
        let row = stage.dynamodb.rows(LATEST).pop().map_or(Value::Null, |mut row| {
            row.as_object_mut().unwrap().remove("device");
            row
        });
        assert_eq!(row, left, "{writes:?}");
    }
}

/// In a batch with others, too, which are written once.
#[tokio::test]
async fn what_a_refused_message_of_a_batch_would_have_replaced_is_written_at_once() {
    let stage = Stage::new();
    refuse_poison(&stage);
    let of = |device, n, payload| json_message("latest", device, n, &payload);
    let messages = [of("pump", 0, json!(1)), of("pump", 1, json!("poison")), of("valve", 0, json!(2))];
    let outcome = stage.take(&messages).await;
    assert_eq!((outcome.failed.len(), outcome.rejected, outcome.written), (0, 1, 2), "{outcome:?}");
    assert_eq!(
        stage.calls().into_iter().collect::<Vec<_>>(),
        [("BatchWriteItem".to_owned(), 1), ("PutItem".to_owned(), 3)]
    );
}

/// What comes after it must not overtake it.
#[tokio::test]
async fn what_a_refused_message_would_have_replaced_is_not_overtaken_if_it_fails() {
    let stage = Stage::new();
    stage.dynamodb.when(|sent| match sent.body.to_string() {
        body if body.contains("poison") => Fate::Answered(refusal("ValidationException")),
        body if body.contains("\"1\"") => Fate::Struck(InjectedFault::Refused),
        _ => Fate::CarriedOut,
    });
    let messages = [("count", json!(1)), ("latest", json!("poison")), ("count", json!(3))];
    let messages = messages.iter().zip(0..).map(|((route, payload), n)| json_message(route, "pump", n, payload));
    let outcome = stage.take(&messages.collect::<Vec<_>>()).await;
    assert_eq!((outcome.failed, outcome.rejected), (vec!["0".to_owned(), "2".to_owned()], 1));
    assert!(stage.dynamodb.rows(LATEST).is_empty());
}

#[tokio::test]
async fn a_table_that_is_missing_costs_its_own_messages_only() {
    let stage = Stage::new();
    let mut messages: Vec<Value> = (0..10).map(|n| json_message("latest", &format!("p{n}"), 0, &json!(n))).collect();
    messages.push(json_message("missing", "pump", 0, &json!(1)));
    messages.push(json_message("all", "pump", 0, &json!(1)));
    let outcome = stage.take(&messages).await;
    assert_eq!((outcome.failed, outcome.rejected, outcome.written), (vec!["10".to_owned()], 0, 11));
}

#[tokio::test]
async fn a_role_that_lacks_a_permission_loses_nothing() {
    let stage = Stage::new();
    stage.dynamodb.when(|_| Fate::Answered(refusal("AccessDeniedException")));
    let messages: Vec<Value> = (0..30).map(|n| json_message("all", "pump", n, &json!(n))).collect();
    let outcome = stage.take(&messages).await;
    assert_eq!((outcome.failed.len(), outcome.rejected, outcome.written), (30, 0, 0));
    // One table: writing each by itself would only ask as often as there are messages.
    assert_eq!(stage.calls()["BatchWriteItem"], 2);
    stage.dynamodb.when(|_| Fate::CarriedOut);
    stage.written(&messages).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_up_is_sent_again_until_the_time_is_up() {
    let stage = Stage::new();
    let mut n = 0;
    stage.dynamodb.when(move |_| {
        n += 1;
        if n <= 3 { Fate::PartlyTaken(5) } else { Fate::CarriedOut }
    });
    let messages: Vec<Value> = (0..20).map(|n| json_message("all", "pump", n, &json!(n))).collect();
    stage.written(&messages).await;
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 20);

    let stage = Stage::new();
    stage.dynamodb.when(|_| Fate::PartlyTaken(5));
    // Pauses are of microseconds here: what is left after five seconds for refusals takes a hundred requests.
    let records = messages.iter().zip(0..).map(|(message, n)| record(&n.to_string(), message));
    let until = Instant::now() + Duration::from_millis(5001);
    let outcome = stage.sink.take(&records.collect::<Vec<_>>(), now(), until).await;
    assert_eq!((outcome.failed.len(), outcome.written), (5, 15), "{outcome:?}");
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 15);
}

#[tokio::test(start_paused = true)]
async fn one_sequence_that_hangs_costs_the_others_no_time() {
    let stage = Stage::new();
    stage.dynamodb.when(|sent| {
        let hangs = sent.operation == "UpdateItem";
        if hangs { Fate::Struck(InjectedFault::DiedBefore) } else { Fate::CarriedOut }
    });
    let status = json_message("status", "pump", 0, &json!({"m": 1}));
    let count = json_message("count", "pump", 1, &json!(1));
    let outcome = stage.take(&[status, count, json_message("all", "pump", 0, &json!(1))]).await;
    // What comes after it must not overtake it.
    assert_eq!((outcome.failed, outcome.written), (vec!["0".to_owned(), "1".to_owned()], 1));
}

/// A later write of the same item waits for the one that failed.
#[tokio::test]
async fn a_sequence_ends_at_its_first_fault() {
    let stage = Stage::new();
    let mut n = 0;
    stage.dynamodb.when(move |_| {
        n += 1;
        if n == 1 { Fate::Struck(InjectedFault::Refused) } else { Fate::CarriedOut }
    });
    let messages = [json_message("status", "pump", 0, &json!({"m": 1})), json_message("count", "pump", 1, &json!(1))];
    let outcome = stage.take(&messages).await;
    assert_eq!(outcome.failed, ["0", "1"]);
    assert_eq!(stage.dynamodb.rows(LATEST).len(), 0);
}

#[tokio::test]
async fn a_refused_message_is_acknowledged_only_once_it_waits_elsewhere() {
    let stage = Stage::new();
    stage.queue.when(|_| Delivery::NotTaken(vec![1], FaultKind::Unavailable));
    let bodies: Vec<String> = (0..3).map(|n| format!("poison-{n}")).collect();
    let outcome = stage.take_bodies(&bodies).await;
    assert_eq!((outcome.failed, outcome.rejected), (vec!["1".to_owned()], 2));
    assert_eq!(stage.rejected().len(), 2);
}

#[tokio::test]
async fn a_claim_that_is_not_put_aside_is_not_counted_twice() {
    let stage = Stage::new();
    stage.queue.when(|_| Delivery::Struck(InjectedFault::Refused));
    let outcome = stage.take(&[json_message("claimed", "pump", 0, &json!(1))]).await;
    assert_eq!((outcome.failed, outcome.rejected, outcome.mismatches), (vec!["0".to_owned()], 0, 0));
}

#[tokio::test(start_paused = true)]
async fn without_time_everything_is_delivered_again() {
    let stage = Stage::new();
    stage.dynamodb.when(|_| Fate::Struck(InjectedFault::Stalled));
    let records =
        vec![SqsRecord { body: json_message("all", "pump", 0, &json!(1)).to_string(), message_id: "0".to_owned() }];
    let until = Instant::now() + Duration::from_secs(1);
    let outcome = stage.sink.take(&records, now(), until).await;
    assert_eq!(outcome.failed, ["0"]);
    assert!(Instant::now() <= until);
}

#[tokio::test]
async fn a_record_without_id_fails_the_invocation() {
    let stage = Stage::new();
    let record = |id: &str| SqsRecord { body: "poison".to_owned(), message_id: id.to_owned() };
    let event = SqsEvent { records: vec![record("1"), record("")] };
    let error = stage.sink.handle(LambdaEvent::new(event, Context::default())).await.unwrap_err();
    assert!(error.error_message.contains("messageId"));
    assert_eq!(stage.rejected().len(), 0);
}

#[tokio::test]
async fn the_handler_names_what_is_to_be_delivered_again() {
    let stage = Stage::new();
    let of = |id, route| record(id, &json_message(route, "pump", 0, &json!({"at": 1})));
    let event = SqsEvent { records: vec![of("a", "numbered"), of("b", "missing"), of("c", "nowhere")] };
    let answer = stage.sink.handle(LambdaEvent::new(event, Context::default())).await.unwrap();
    assert_eq!(serde_json::to_value(answer).unwrap(), json!({"batchItemFailures": [{"itemIdentifier": "b"}]}));
    assert_eq!(stage.dynamodb.rows(NUMBERS).len(), 1);
}

/// Takes a while for messages that are put aside.
struct SlowQueue(Queue, Duration);

impl DeadLetters for SlowQueue {
    async fn send(&self, bodies: &[String]) -> Vec<(usize, Fault)> {
        tokio::time::sleep(self.1).await;
        self.0.send(bodies).await
    }
}

/// Writes that hang leave five seconds for what is refused, and that is not given up before the time is up.
#[tokio::test(start_paused = true)]
async fn there_is_time_for_refusals_whatever_hangs() {
    for hanging in ["all", "status"] {
        for (queue_takes, rejected, taken) in [(4, 1, 59), (6, 0, 60)] {
            let Stage { dynamodb, holders, queue, .. } = Stage::new();
            dynamodb.when(|_| Fate::Struck(InjectedFault::DiedBefore));
            let sink = sink(&dynamodb, SlowQueue(queue, Duration::from_secs(queue_takes)), holders);
            let of = |id, route| record(id, &json_message(route, "pump", 0, &json!({"m": 1})));
            let start = Instant::now();
            let until = start + Duration::from_mins(1);
            let outcome = sink.take(&[of("a", hanging), of("b", "nowhere")], now(), until).await;
            assert_eq!((outcome.rejected, outcome.failed.len()), (rejected, if rejected == 1 { 1 } else { 2 }));
            assert_eq!(start.elapsed(), Duration::from_secs(taken), "{hanging}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_queue_that_hangs_does_not_take_is_delivered_again() {
    let stage = Stage::new();
    stage.queue.when(|_| Delivery::Struck(InjectedFault::DiedBefore));
    let start = Instant::now();
    let outcome = stage.take_bodies(&["poison".to_owned(), "poison, too".to_owned()]).await;
    assert_eq!((outcome.failed, outcome.rejected), (vec!["0".to_owned(), "1".to_owned()], 0));
    assert_eq!(start.elapsed(), Duration::from_mins(1));
}

/// The queue names what it does not take by the place among the refused ones.
#[tokio::test]
async fn of_refused_and_other_messages_the_one_that_is_not_taken_is_delivered_again() {
    let stage = Stage::new();
    stage.queue.when(|_| Delivery::NotTaken(vec![0], FaultKind::Unavailable));
    let good = |n| json_message("all", "pump", n, &json!(n)).to_string();
    let outcome = stage.take_bodies(&[good(0), "poison".to_owned(), good(1), "poison, too".to_owned()]).await;
    assert_eq!((outcome.failed, outcome.rejected, outcome.written), (vec!["1".to_owned()], 1, 2));
    assert_eq!(stage.rejected()[0]["original"], "poison, too");
}

/// Each request takes half a minute: eight batches and sixteen sequences have no time for one after another.
#[tokio::test(start_paused = true)]
async fn batches_and_sequences_are_under_way_at_the_same_time() {
    let stage = Stage::new();
    stage.dynamodb.when(|_| Fate::Struck(InjectedFault::Stalled));
    let all = (0..200).map(|n| json_message("all", "pump", n, &json!(n)));
    let status = (0..16).map(|n| json_message("status", &format!("pump-{n}"), 0, &json!({"m": n})));
    let start = Instant::now();
    stage.written(&all.chain(status).collect::<Vec<_>>()).await;
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

/// What is refused in a sequence has no effect that others could overtake.
#[tokio::test]
async fn a_sequence_goes_on_after_a_refusal() {
    let stage = Stage::new();
    refuse_poison(&stage);
    let messages =
        [json_message("status", "pump", 0, &json!({"m": "poison"})), json_message("count", "pump", 1, &json!(1))];
    let outcome = stage.take(&messages).await;
    assert_eq!((outcome.written, outcome.rejected, outcome.failed.len()), (1, 1, 0), "{outcome:?}");
}

/// Another try may succeed for all of them at once.
#[tokio::test]
async fn a_fault_that_passes_does_not_take_a_batch_apart() {
    let stage = Stage::new();
    stage.dynamodb.when(|_| Fate::Struck(InjectedFault::Refused));
    let outcome = stage.take(&["all", "latest"].map(|route| json_message(route, "pump", 0, &json!(1)))).await;
    assert_eq!(outcome.failed, ["0", "1"]);
    assert_eq!(stage.calls().into_keys().collect::<Vec<_>>(), ["BatchWriteItem"]);
}

/// A message in one table is refused, another table is missing: each of a batch that is taken apart is by itself.
#[tokio::test]
async fn a_batch_that_is_taken_apart_goes_on_after_a_fault() {
    let stage = Stage::new();
    stage.dynamodb.when(|sent| {
        let is_denied = sent.operation == "BatchWriteItem" || sent.body["TableName"] == LATEST;
        if is_denied { Fate::Answered(refusal("AccessDeniedException")) } else { Fate::CarriedOut }
    });
    let outcome = stage.take(&["latest", "all"].map(|route| json_message(route, "pump", 0, &json!(1)))).await;
    assert_eq!((outcome.failed, outcome.written), (vec!["0".to_owned()], 1));
}

/// How long the handler works if nothing answers, with its deadline so many seconds away.
async fn handled(deadline: Option<u64>) -> Duration {
    let stage = Stage::new();
    stage.dynamodb.when(|_| Fate::Struck(InjectedFault::DiedBefore));
    stage.queue.when(|_| Delivery::Struck(InjectedFault::DiedBefore));
    let mut context = Context::default();
    if let Some(seconds) = deadline {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(seconds);
        context.deadline = now.as_millis().try_into().unwrap();
    }
    let of = |id, route| record(id, &json_message(route, "pump", 0, &json!(1)));
    let event = SqsEvent { records: vec![of("a", "all"), of("b", "nowhere")] };
    let start = Instant::now();
    let answer = stage.sink.handle(LambdaEvent::new(event, context)).await.unwrap();
    assert_eq!(answer.batch_item_failures.len(), 2);
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_handler_answers_before_its_deadline() {
    let taken = handled(Some(20)).await;
    assert!((Duration::from_secs(15)..=Duration::from_secs(18)).contains(&taken), "{taken:?}");
    assert_eq!(handled(None).await, Duration::from_secs(55));
}

/// What the queue has taken is done, whatever becomes of other requests.
#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_costs_the_refused_messages_of_others_nothing() {
    let stage = Stage::new();
    stage.queue.when(|bodies| {
        let hangs = bodies.iter().any(|body| body.contains("hangs"));
        if hangs { Delivery::Struck(InjectedFault::DiedBefore) } else { Delivery::Taken }
    });
    let mut bodies: Vec<String> = (0..620).map(|n| format!("poison-{n}")).collect();
    bodies[15] = "it hangs".to_owned();
    let outcome = stage.take_bodies(&bodies).await;
    let of_the_request: Vec<String> = (10..20).map(|n| n.to_string()).collect();
    assert_eq!((outcome.failed, outcome.rejected), (of_the_request, 610));
    assert_eq!(stage.rejected().len(), 610);
}

/// Messages of which the devices `hangs-…` get no answer; tells how many are written when the time is nearly up.
async fn written_in_time(messages: impl IntoIterator<Item = Value>) -> usize {
    let stage = Stage::new();
    stage.dynamodb.when(|sent| {
        let hangs = sent.body.to_string().contains("hangs");
        if hangs { Fate::Struck(InjectedFault::DiedBefore) } else { Fate::CarriedOut }
    });
    let messages: Vec<Value> = messages.into_iter().collect();
    let looked = async {
        tokio::time::sleep(Duration::from_secs(50)).await;
        stage.rows().values().map(Vec::len).sum()
    };
    let (outcome, rows) = tokio::join!(stage.take(&messages), looked);
    assert_eq!(outcome.written, u64::try_from(rows).unwrap());
    assert_eq!(outcome.failed.len(), messages.len() - rows);
    rows
}

/// Not even many of them, in one table or in another.
#[tokio::test(start_paused = true)]
async fn items_that_hang_do_not_keep_others_from_being_written() {
    for hanging in ["count", "once"] {
        let hanging = (0..400).map(|n| json_message(hanging, &format!("hangs-{n}"), n, &json!(n)));
        let others = (0..50)
            .flat_map(|n| ["count", "once"].map(|route| json_message(route, &format!("pump-{n}"), n, &json!(n))));
        assert_eq!(written_in_time(hanging.chain(others)).await, 100);
    }
}

/// Requests for a table that answers no request leave another table's time alone.
#[tokio::test(start_paused = true)]
async fn a_table_that_hangs_costs_another_one_nothing() {
    for (hangs, answers) in [("all", "latest"), ("latest", "all"), ("count", "once"), ("once", "count")] {
        let hanging = (0..700).map(|n| json_message(hangs, &format!("hangs-{n}"), n, &json!(n)));
        let others = (0..100).map(|n| json_message(answers, &format!("pump-{n}"), n, &json!(n)));
        // A batch on the border of two tables hangs as a whole.
        assert!(written_in_time(hanging.chain(others)).await >= 76, "{hangs} {answers}");
    }
}

/// What the first answer said is done, though the second one never comes.
#[tokio::test(start_paused = true)]
async fn what_a_batch_has_done_before_it_hangs_is_done() {
    let stage = Stage::new();
    let mut n = 0;
    stage.dynamodb.when(move |_| {
        n += 1;
        if n == 1 { Fate::PartlyTaken(5) } else { Fate::Struck(InjectedFault::DiedBefore) }
    });
    let messages: Vec<Value> = (0..20).map(|n| json_message("all", "pump", n, &json!(n))).collect();
    let outcome = stage.take(&messages).await;
    assert_eq!((outcome.failed.len(), outcome.written), (5, 15), "{outcome:?}");
}

const FUNCTION: &str = "sink-of-the-child";

/// Metrics are written to standard output, past what tests catch of it.
#[test]
fn metrics_tell_what_became_of_the_messages() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::child_that_handles_messages_of_each_fate", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let output = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{output}");
    let line = output.lines().find_map(|line| line.find("{\"").map(|start| &line[start..])).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["FunctionName"], FUNCTION);
    let counts = [
        ("MessagesFailed", 5),
        ("MessagesRejected", 4),
        ("MessagesRepeated", 1),
        ("MessagesWritten", 2),
        ("PrincipalMismatches", 3),
    ];
    for (name, count) in counts {
        assert_eq!(line[name], count, "{name}");
    }
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), counts.len());
}

#[tokio::test]
#[ignore = "runs as a child of metrics_tell_what_became_of_the_messages"]
async fn child_that_handles_messages_of_each_fate() {
    let stage = Stage::new();
    stage.written(&[json_message("first", "pump", 0, &json!(0))]).await;
    let of = |n: u64, route| json_message(route, "pump", n, &json!(n));
    let failed = (1..6).map(|n| of(n, "missing"));
    let claimed = (6..9).map(|n| of(n, "claimed"));
    let others = [of(9, "nowhere"), of(10, "first"), of(11, "all"), of(12, "all")];
    let records = failed.chain(claimed).chain(others).zip(0..).map(|(message, n)| record(&n.to_string(), &message));
    let mut context = Context::default();
    context.env_config = Arc::new(Config { function_name: FUNCTION.to_owned(), ..Config::default() });
    stage.sink.handle(LambdaEvent::new(SqsEvent { records: records.collect() }, context)).await.unwrap();
}
