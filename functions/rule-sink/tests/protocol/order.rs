//! A batch leaves behind what its messages would have left one after another, in the order in which rules saw them.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{LATEST, MESSAGES, Stage, json_message};

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
    fn a_batch_ends_as_its_messages_one_by_one(messages in prop::collection::vec(any_message(), 1..24)) {
        run(async {
            let (batch, single) = (Stage::new(), Stage::new());
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
    let stage = Stage::new();
    let written = [r#"{"at":10}"#, r#"{"at":10.0}"#, r#"{"at":1e1}"#, r#"{"at":0.1e2}"#];
    let messages =
        written.iter().zip(0..).map(|(text, n)| crate::stage::message("numbered", "pump", n, text.as_bytes()));
    stage.written(&messages.collect::<Vec<_>>()).await;
    assert_eq!(stage.dynamodb.rows(crate::stage::NUMBERS).len(), 1);
}
