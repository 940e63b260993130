//! What becomes of messages does not depend on the slices in which they are written; how much memory they need does.

use serde_json::{Value, json};
use shared::port::Holding;
use shared::testing::{Fate, InjectedFault};

use crate::stage::{LATEST, MESSAGES, Stage, json_message, message};

/// The greatest payload of AWS IoT.
const MAX_PAYLOAD: usize = 131_072;

/// Every message is a slice by itself.
fn one_by_one() -> Stage {
    Stage::with_max_slice_weight(1)
}

/// An array of as many elements as fit into a payload.
fn filled_with(element: &str) -> Vec<u8> {
    let count = (MAX_PAYLOAD - 1) / (element.len() + 1);
    format!("[{}]", vec![element; count].join(",")).into_bytes()
}

/// What needs most memory for its bytes is written in many slices, what is as large and has few values in one.
#[tokio::test]
async fn a_slice_has_as_many_messages_as_fit_into_memory() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(30), "}".repeat(30));
    let controls = format!("\"{}\"", "\\u0001".repeat(MAX_PAYLOAD / 6 - 1)).into_bytes();
    // Commas in strings are no values.
    let commas = format!("\"{}\"", ",[{".repeat(MAX_PAYLOAD / 3 - 1)).into_bytes();
    let cases = [
        // Payload, how many messages, and how many of them a request has
        (filled_with(&deep), 3, 1),
        (filled_with(r#"{"a":1}"#), 3, 1),
        (filled_with("{}"), 3, 1),
        (filled_with("1"), 3, 2),
        (filled_with("[]"), 3, 1),
        (filled_with("1234567890"), 12, 11),
        (controls, 12, 12),
        (commas, 12, 12),
        (vec![0xff; MAX_PAYLOAD], 12, 12),
    ];
    for (payload, count, expected) in cases {
        let stage = Stage::new();
        let messages: Vec<Value> = (0..count).map(|n| message("all", "pump", n, &payload)).collect();
        stage.written(&messages).await;
        let sent = stage.dynamodb.sent();
        let writes = |body: &Value| body["RequestItems"][MESSAGES].as_array().unwrap().len();
        let most = sent.iter().map(|sent| writes(&sent.body)).max().unwrap();
        assert_eq!(most, expected, "{}", String::from_utf8_lossy(&payload[..10]));
        assert_eq!(u64::try_from(stage.dynamodb.rows(MESSAGES).len()).unwrap(), count);
    }
}

/// Messages as devices usually send them are one slice, so that requests are full.
#[tokio::test]
async fn a_batch_of_ordinary_messages_is_one_slice() {
    let stage = Stage::new();
    let payload = json!({
        "temperature": 21.5, "humidity": 43, "state": {"pump": "on", "errors": [0, 3]}, "note": "x".repeat(100),
    });
    let messages: Vec<Value> = (0..1000).map(|n| json_message("all", "pump", n, &payload)).collect();
    stage.written(&messages).await;
    assert_eq!(stage.calls().into_iter().collect::<Vec<_>>(), [("BatchWriteItem".to_owned(), 40)]);
}

/// Otherwise a message of an earlier slice, delivered again, would replace one of a later slice.
#[tokio::test]
async fn no_later_slice_overtakes_what_is_left_undone() {
    let stage = one_by_one();
    let mut n = 0;
    stage.dynamodb.when(move |_| {
        n += 1;
        if n == 1 { Fate::Struck(InjectedFault::Refused) } else { Fate::CarriedOut }
    });
    let of = |device, after| json_message("latest", device, after, &json!(after));
    let outcome = stage.take(&[of("pump", 0), of("valve", 1), of("pump", 2), of("pump", 3)]).await;
    assert_eq!((outcome.failed, outcome.written), (vec!["0".to_owned(), "2".to_owned(), "3".to_owned()], 1));
    assert_eq!(stage.only_row(LATEST)["device"]["S"], "valve");
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_hangs_leaves_time_for_the_others() {
    for struck in 0..3 {
        let stage = one_by_one();
        let mut n = 0;
        stage.dynamodb.when(move |_| {
            n += 1;
            if n == struck + 1 { Fate::Struck(InjectedFault::DiedBefore) } else { Fate::CarriedOut }
        });
        let messages: Vec<Value> = (0..3).map(|n| json_message("all", "pump", n, &json!(n))).collect();
        let outcome = stage.take(&messages).await;
        assert_eq!((outcome.failed, outcome.written), (vec![struck.to_string()], 2));
    }
}

/// Repeats are known in all slices together, also behind another write of the same delivery.
#[tokio::test]
async fn a_repeat_is_known_in_another_slice() {
    let stage = one_by_one();
    let of = |route: &str, name: &str| {
        let mut message = json_message(route, "pump", 0, &json!(1));
        message["traceId"] = name.into();
        message
    };
    stage.written(&[of("latest", "a"), of("raw", "a"), of("latest", "a"), of("raw", "a")]).await;
    assert!(stage.only_row(LATEST)["payload"]["B"].is_string());
    assert_eq!(stage.calls()["BatchWriteItem"], 2);
    // What is refused is one message among the rejected ones, however often it came.
    let outcome = stage.take(&[of("nowhere", "b"), of("nowhere", "b")]).await;
    assert_eq!((outcome.rejected, outcome.failed.len(), stage.rejected().len()), (2, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_looked_up_once_for_all_slices() {
    let stage = one_by_one();
    stage.certificate(1, Holding::NotYet);
    let messages: Vec<Value> = (0..4).map(|n| json_message("claimed", "pump", n, &json!(n))).collect();
    let outcome = stage.take(&messages).await;
    assert_eq!(outcome.failed.len(), 4);
    assert_eq!(stage.holders.asked().len(), 5);
}
