//! Every limit of DynamoDB and of SQS that a message can meet, just below and just above ("Quotas in Amazon DynamoDB"
//! and "Amazon SQS message quotas").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rule_sink::{Pending, Plan};
use serde_json::{Map, Value, json};
use shared::item::{Attribute, Attributes, Effect, ItemKey, KeyAttribute, Write};
use shared::port::{MAX_BATCH_BYTES, MAX_MESSAGE_BYTES};
use shared::route::KeyValue;

use crate::stage::{LATEST, MESSAGES, START, Stage, json_message, message};

/// Writes the first message, and refuses the second one for the reason.
async fn just(below: Value, above: Value, reason: &str) {
    let stage = Stage::new();
    stage.written(&[below]).await;
    let refused = stage.refused(&[above]).await;
    assert_eq!(refused.iter().map(|(told, _)| told.as_str()).collect::<Vec<_>>(), [reason], "{refused:?}");
}

fn nested(depth: usize) -> Vec<u8> {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes()
}

#[tokio::test]
async fn a_partition_key_has_2048_octets() {
    let named = |octets: usize| {
        json_message("named", "pump", 0, &json!({"name": "é".repeat(octets / 2) + &"x".repeat(octets % 2)}))
    };
    just(named(2048), named(2049), "key").await;
}

#[tokio::test]
async fn a_sort_key_has_1024_octets() {
    let named = |octets: usize| json_message("sorted", "pump", 0, &json!({"name": "x".repeat(octets)}));
    just(named(1024), named(1025), "key").await;
}

#[tokio::test]
async fn an_item_has_409600_octets() {
    // Names and values of both attributes: "device", "pump", "payload", and the text.
    let sized = |octets: usize| json_message("latest", "pump", 0, &json!("x".repeat(octets - 6 - 4 - 7)));
    just(sized(409_600), sized(409_601), "item_size").await;
    let binary = |octets: usize| message("latest", "pump", 0, &vec![0xff; octets - 6 - 4 - 7]);
    just(binary(409_600), binary(409_601), "item_size").await;
}

#[tokio::test]
async fn a_number_has_38_digits() {
    let digits = |count: usize| message("latest", "pump", 0, "7".repeat(count).as_bytes());
    just(digits(38), digits(39), "payload_number").await;
    let power = |power: i32| message("latest", "pump", 0, format!("1e{power}").as_bytes());
    just(power(125), power(126), "payload_number").await;
    just(power(-130), power(-131), "payload_number").await;
}

#[tokio::test]
async fn values_are_nested_32_deep() {
    just(message("latest", "pump", 0, &nested(32)), message("latest", "pump", 0, &nested(33)), "payload_depth").await;
}

#[tokio::test]
async fn a_name_has_one_to_65535_octets() {
    let named = |octets: usize| json_message("status", "pump", 0, &json!({"n".repeat(octets): 1}));
    just(named(1), named(0), "attribute_name").await;
    just(named(65_535), named(65_536), "attribute_name").await;
}

#[tokio::test]
async fn an_update_sets_300_attributes() {
    let sets = |count: usize| {
        let members: Map<String, Value> = (0..count).map(|n| (format!("m{n}"), json!(n))).collect();
        json_message("status", "pump", 0, &Value::Object(members))
    };
    just(sets(300), sets(301), "attribute_count").await;
}

#[tokio::test]
async fn a_request_has_25_writes() {
    for (count, requests) in [(25, 1), (26, 2)] {
        let stage = Stage::new();
        stage.written(&(0..count).map(|n| json_message("all", "pump", n, &json!(n))).collect::<Vec<_>>()).await;
        assert_eq!(stage.calls().values().sum::<usize>(), requests);
    }
}

/// What takes most space as JSON for what DynamoDB counts: control characters, and texts of nothing in an array.
#[tokio::test]
async fn a_request_has_16_mb_whatever_is_in_it() {
    const MOST: usize = 16 * 1024 * 1024;
    let controls = json!("\u{1}".repeat(409_000));
    let empty = Value::Array(vec![json!(""); 409_000]);
    for payload in [controls, empty] {
        let stage = Stage::with_max_slice_weight(usize::MAX);
        let messages: Vec<Value> = (0..5).map(|n| json_message("all", "pump", n, &payload)).collect();
        stage.written(&messages).await;
        let sizes: Vec<usize> = stage.dynamodb.sent().iter().map(|sent| sent.body.to_string().len()).collect();
        assert!(sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
        assert!(sizes.len() < 5, "{sizes:?}");
    }
}

/// A refused message is put aside with its reason if both fit into a message of SQS, and else comes again until SQS
/// itself moves it, whole.
#[tokio::test]
async fn a_refused_message_fits_into_one_of_sqs_or_comes_again() {
    let stage = Stage::new();
    let outcome = stage.take_bodies(&["x".repeat(MAX_MESSAGE_BYTES - 500)]).await;
    assert_eq!((outcome.rejected, outcome.failed.len()), (1, 0));
    assert!(stage.queue.bodies()[0].len() <= MAX_MESSAGE_BYTES);
    let outcome = stage.take_bodies(&["x".repeat(MAX_MESSAGE_BYTES)]).await;
    assert_eq!((outcome.rejected, outcome.failed), (0, vec!["0".to_owned()]));
}

/// The greatest payload of AWS IoT is 128 KB; anybody else's message has the size that SQS allows.
#[tokio::test]
async fn the_greatest_payload_of_aws_iot_is_kept() {
    let stage = Stage::new();
    let payload: Vec<u8> = (0..131_072_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    stage.written(&[message("all", "pump", 0, &payload)]).await;
    assert_eq!(stage.only_row(MESSAGES)["payload"], json!({"B": STANDARD.encode(&payload)}));
    let text = format!("\"{}\"", "x".repeat(131_070));
    stage.written(&[message("latest", "pump", 0, text.as_bytes())]).await;
    assert_eq!(stage.only_row(LATEST)["payload"]["S"].as_str().unwrap().len(), 131_070);
}

#[tokio::test]
async fn an_insert_has_as_many_attributes_as_it_has() {
    let stage = Stage::new();
    let members: Map<String, Value> = (0..301).map(|n| (format!("m{n}"), json!(n))).collect();
    stage.written(&[json_message("dated", "pump", 0, &Value::Object(members))]).await;
}

#[test]
fn sizes_of_a_batch_add_up_to_what_it_may_have() {
    let key = |value: String| KeyAttribute { name: "k".to_owned(), value: KeyValue::Text(value) };
    let writes = |octets: usize| {
        let pending = |n: usize| Pending {
            place: n,
            write: Write {
                // The names and the key have three octets.
                effect: Effect::Put(Attributes::from([("a".to_owned(), Attribute::Binary(vec![0; octets - 3]))])),
                key: ItemKey { hash: key(n.to_string()), range: None },
                table: String::new(),
            },
        };
        (0..9).map(pending).collect()
    };
    let quarter = MAX_BATCH_BYTES / 4;
    for (octets, expected) in [(quarter, vec![4, 4, 1]), (quarter + 1, vec![3, 3, 3])] {
        let lengths: Vec<usize> = Plan::new(writes(octets)).batches.iter().map(Vec::len).collect();
        assert_eq!(lengths, expected, "{octets}");
    }
}

/// Any time is written; only an item that would expire by it has to have one that can be.
#[tokio::test]
async fn a_message_may_be_of_any_time_unless_something_rests_on_it() {
    const DAY: u64 = 86_400_000;
    let at = |route: &str, after: u64| {
        let mut message = json_message(route, "pump", 0, &json!({"device": "pump", "at": 1, "until": 1}));
        message["timestamp"] = after.into();
        message["traceId"] = after.to_string().into();
        message
    };
    // The first of the year 9998, the end of 9999, what comes after it, and what no clock shows.
    let far = [253_339_228_800_000, 253_402_300_799_999, 253_402_300_800_000, 9_223_372_036_854_775_807, u64::MAX];
    for timestamp in [0, START + DAY, START + DAY + 1000].into_iter().chain(far) {
        for route in ["all", "latest", "count", "once", "expiring"] {
            Stage::new().written(&[at(route, timestamp)]).await;
        }
        let stage = Stage::new();
        let outcome = stage.take(&[at("readable", timestamp), at("all", START)]).await;
        assert!(outcome.failed.is_empty() && outcome.written >= 1, "{timestamp}: {outcome:?}");
        for route in ["columns", "brief"] {
            let stage = Stage::new();
            if timestamp <= START + DAY {
                stage.written(&[at(route, timestamp)]).await;
            } else {
                let refused = stage.refused(&[at(route, timestamp)]).await;
                assert_eq!(refused[0].0, "ttl", "{timestamp}");
                assert!(refused[0].1.contains("timestamp") && refused[0].1.contains("ahead"), "{refused:?}");
            }
        }
    }
}
