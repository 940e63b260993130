//! A batch leaves behind what its messages would have left one after another, in the order in which rules saw them.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{LATEST, MESSAGES, NUMBERS, Stage, json_message, message};

/// A message of any kind to one of a few items, at one of a few times.
fn any_message() -> impl Strategy<Value = Value> {
    let kinds = prop_oneof![
        Just("latest"),
        Just("raw"),
        Just("count"),
        Just("status"),
        Just("first"),
        Just("deleted"),
        Just("all"),
    ];
    (kinds, prop_oneof![Just("a"), Just("b")], 0..6_u64, 0..4_u64, any::<bool>()).prop_map(
        |(route, device, after, value, other)| {
            let member = if other { "x" } else { "y" };
            let payload = if route == "status" { json!({member: value}) } else { json!(value) };
            let mut message = json_message(route, device, after, &payload);
            // Two kinds of one millisecond have an order, too.
            message["traceId"] = format!("{after}-{route}-{value}-{other}").into();
            message
        },
    )
}

/// The messages, each once, in the order in which rules saw them; those of one millisecond in the order of the queue.
fn ordered(messages: &[Value]) -> Vec<Value> {
    let mut ordered: Vec<Value> = Vec::new();
    for message in messages {
        if !ordered.contains(message) {
            ordered.push(message.clone());
        }
    }
    ordered.sort_by_key(|message| message["timestamp"].as_u64());
    ordered
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_batch_ends_as_its_messages_one_by_one(
        messages in prop::collection::vec(any_message(), 1..24),
        max_slice_weight in prop_oneof![Just(1_usize), 10_000..60_000_usize, Just(usize::MAX)],
    ) {
        run(async {
            let (batch, single) = (Stage::with_max_slice_weight(max_slice_weight), Stage::new());
            let outcome = batch.take(&messages).await;
            prop_assert!(outcome.failed.is_empty() && outcome.rejected == 0, "{outcome:?}");
            prop_assert_eq!(outcome.written + outcome.repeated, u64::try_from(messages.len()).unwrap());
            for message in ordered(&messages) {
                single.take(&[message]).await;
            }
            prop_assert_eq!(batch.rows(), single.rows());
            Ok(())
        })?;
    }

    /// Items that are only put do not depend on how messages were divided, if each has its own key.
    #[test]
    fn a_history_does_not_depend_on_order_or_repeats(
        order in Just((0..24_u64).collect::<Vec<_>>()).prop_shuffle(),
        repeats in prop::collection::vec(0..24_u64, 0..20),
        cut in 0..40_usize,
    ) {
        run(async {
            let (stage, clean) = (Stage::new(), Stage::new());
            let message = |n: &u64| json_message("all", if n.is_multiple_of(2) { "a" } else { "b" }, n / 4, &json!(n));
            let mut delivered: Vec<Value> = order.iter().chain(&repeats).map(message).collect();
            for (n, message) in delivered.iter_mut().zip(order.iter().chain(&repeats)) {
                n["traceId"] = message.to_string().into();
            }
            let (first, second) = delivered.split_at(cut.min(delivered.len()));
            stage.take(first).await;
            stage.take(second).await;
            for n in 0..24_u64 {
                let mut message = message(&n);
                message["traceId"] = n.to_string().into();
                clean.take(&[message]).await;
            }
            prop_assert_eq!(stage.rows(), clean.rows());
            prop_assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 24);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn of_messages_that_replace_an_item_only_the_last_is_written() {
    let stage = Stage::new();
    let messages: Vec<Value> = (0..100).rev().map(|n| json_message("latest", "pump", n, &json!(n))).collect();
    stage.written(&messages).await;
    assert_eq!(stage.only_row(LATEST)["payload"], json!({"N": "99"}));
    assert_eq!(stage.calls().into_iter().collect::<Vec<_>>(), [("BatchWriteItem".to_owned(), 1)]);
}

#[tokio::test]
async fn updates_that_set_the_same_are_one_update() {
    let stage = Stage::new();
    let messages: Vec<Value> = (0..100).map(|n| json_message("count", "pump", n, &json!(n))).collect();
    stage.written(&messages).await;
    assert_eq!(stage.only_row(LATEST)["count"], json!({"N": "99"}));
    assert_eq!(stage.calls().into_iter().collect::<Vec<_>>(), [("UpdateItem".to_owned(), 1)]);
}

#[tokio::test]
async fn messages_go_in_batches_of_25_over_several_tables() {
    let stage = Stage::new();
    let all = (0..30).map(|n| json_message("all", "pump", n, &json!(n)));
    let latest = (0..20).map(|n| json_message("latest", &format!("pump-{n}"), 0, &json!(n)));
    stage.written(&all.chain(latest).collect::<Vec<_>>()).await;
    let sizes: Vec<Vec<usize>> = stage
        .dynamodb
        .sent()
        .iter()
        .map(|sent| {
            let tables = sent.body["RequestItems"].as_object().unwrap();
            tables.values().map(|writes| writes.as_array().unwrap().len()).collect()
        })
        .collect();
    assert_eq!(sizes.len(), 2, "{sizes:?}");
    assert!(sizes.iter().all(|of_tables| of_tables.iter().sum::<usize>() == 25), "{sizes:?}");
}

/// Keys that are equal numbers are one item, however they are written.
#[tokio::test]
async fn a_number_key_is_one_key_in_any_form() {
    let whole = ["1e1", "10.0", "0.1e2", "10"];
    let parted = ["15e-1", "1.50", "0.15E1", "1.5"];
    for forms in [whole, parted] {
        let stage = Stage::new();
        let payload = |form: &str| format!(r#"{{"at":{form}}}"#);
        let messages = forms.iter().zip(0..).map(|(form, n)| message("numbered", "pump", n, payload(form).as_bytes()));
        stage.written(&messages.collect::<Vec<_>>()).await;
        stage.only_row(NUMBERS);
        assert_eq!(stage.calls().into_iter().collect::<Vec<_>>(), [("BatchWriteItem".to_owned(), 1)]);
    }
}

/// Names of messages have no order in time.
#[tokio::test]
async fn the_time_decides_and_only_then_the_queue() {
    let stage = Stage::new();
    let named = |after: u64, name: &str| {
        let mut message = json_message("latest", "pump", after, &json!(name));
        message["traceId"] = name.into();
        message
    };
    stage.written(&[named(2, "b"), named(1, "c"), named(2, "a"), named(0, "d")]).await;
    assert_eq!(stage.only_row(LATEST)["payload"]["S"], "a");
}

/// One message by two routes to one item: the one that comes later in the queue counts.
#[tokio::test]
async fn of_one_name_and_time_the_later_one_in_the_queue_counts() {
    for routes in [["latest", "raw"], ["raw", "latest"]] {
        let stage = Stage::new();
        let message = |route| {
            let mut message = json_message(route, "pump", 0, &json!(1));
            message["traceId"] = "one".into();
            message
        };
        stage.written(&routes.map(message)).await;
        let kind = if routes[1] == "raw" { "B" } else { "N" };
        assert!(stage.only_row(LATEST)["payload"].get(kind).is_some(), "{routes:?}");
    }
}

/// A table that makes trouble shares as few batches as possible.
#[tokio::test]
async fn batches_are_filled_table_by_table() {
    let stage = Stage::new();
    let to = |route: &'static str| (0..25).map(move |n| json_message(route, &format!("pump-{n}"), 0, &json!(n)));
    let outcome = stage.take(&to("all").zip(to("missing")).flat_map(<[Value; 2]>::from).collect::<Vec<_>>()).await;
    assert_eq!((outcome.written, outcome.failed.len()), (25, 25));
    assert_eq!(stage.calls().into_iter().collect::<Vec<_>>(), [("BatchWriteItem".to_owned(), 2)]);
}

#[tokio::test]
async fn deletes_go_in_batches() {
    let stage = Stage::new();
    let messages: Vec<Value> = (0..25).map(|n| json_message("deleted", &format!("pump-{n}"), 0, &json!(n))).collect();
    stage.written(&messages).await;
    assert_eq!(stage.calls().into_iter().collect::<Vec<_>>(), [("BatchWriteItem".to_owned(), 1)]);
}

/// Keys that look the same in two tables are two items.
#[tokio::test]
async fn items_of_two_tables_never_replace_each_other() {
    let stage = Stage::new();
    let messages = [
        json_message("sorted", "pump", 0, &json!({"name": "7"})),
        json_message("numbered", "pump", 1, &json!({"at": 7})),
    ];
    stage.written(&messages).await;
    stage.only_row(MESSAGES);
    stage.only_row(NUMBERS);
}

/// Of two writes of one item, what is left of the first one decides whether it is done at all. An item is there before
/// unless the first write sets attributes of it.
#[tokio::test]
async fn what_is_left_of_the_first_of_two_writes_is_done() {
    let (put, new, delete) = (("latest", json!(1)), ("first", json!(2)), ("deleted", json!(3)));
    let set = |payload: Value| ("status", payload);
    let (one, other, both) = (set(json!({"a": 1})), set(json!({"b": 2})), set(json!({"a": 3, "b": 3})));
    let cases = [
        // What is left, and how many requests it took
        (vec![put.clone(), delete.clone()], json!(null), 1),
        (vec![one.clone(), other.clone(), put.clone()], json!({"payload": {"N": "1"}}), 1),
        (vec![one.clone(), other.clone(), both.clone()], json!({"a": {"N": "3"}, "b": {"N": "3"}}), 1),
        (vec![both.clone(), one.clone()], json!({"a": {"N": "1"}, "b": {"N": "3"}}), 2),
        (vec![one.clone(), other.clone()], json!({"a": {"N": "1"}, "b": {"N": "2"}}), 2),
        (vec![put.clone(), one.clone()], json!({"a": {"N": "1"}, "payload": {"N": "1"}}), 2),
        (vec![delete.clone(), one.clone()], json!({"a": {"N": "1"}}), 2),
        (vec![delete.clone(), new.clone()], json!({"payload": {"N": "2"}}), 2),
        (vec![delete.clone(), one.clone(), new.clone()], json!({"a": {"N": "1"}}), 3),
        (vec![put, new.clone()], json!({"payload": {"N": "1"}}), 2),
        (vec![delete, new, one], json!({"a": {"N": "1"}, "payload": {"N": "2"}}), 3),
    ];
    for (writes, left, requests) in cases {
        let stage = Stage::new();
        if !matches!(writes[0].0, "status") {
            stage.written(&[json_message("count", "pump", 0, &json!(0))]).await;
        }
        stage.calls();
        let messages = writes.iter().zip(1..).map(|((route, payload), n)| json_message(route, "pump", n, payload));
        let outcome = stage.take(&messages.collect::<Vec<_>>()).await;
        assert!(outcome.failed.is_empty() && outcome.rejected == 0, "{outcome:?}");
        let mut rows = stage.dynamodb.rows(LATEST);
        let row = rows.pop().map_or(Value::Null, |mut row| {
            row.as_object_mut().unwrap().remove("device");
            row
        });
        assert_eq!(row, left, "{writes:?}");
        assert_eq!(stage.calls().into_values().sum::<usize>(), requests, "{writes:?}");
    }
}

/// One message may come by two routes to one item; the repeat of one is none of the other.
#[tokio::test]
async fn a_repeat_is_known_behind_another_write_of_the_same_delivery() {
    let stage = Stage::new();
    let of = |route: &str| {
        let mut message = json_message(route, "pump", 0, &json!(1));
        message["traceId"] = "same".into();
        message
    };
    stage.written(&[of("latest"), of("raw"), of("latest")]).await;
    assert!(stage.only_row(LATEST)["payload"]["B"].is_string());
    stage.written(&[of("latest"), of("raw"), of("raw"), of("latest")]).await;
    assert!(stage.only_row(LATEST)["payload"]["B"].is_string());
}
