//! Every reason for which a message is refused, and that it says what is wrong.

use rule_sink::MAX_ROUTE;
use serde_json::{Value, json};
use shared::text::MAX_DETAIL;

use crate::stage::{START, Stage, json_message, message};

async fn refused(message: Value) -> (String, String) {
    let stage = Stage::new();
    let mut refused = stage.refused(std::slice::from_ref(&message)).await;
    assert_eq!(refused.len(), 1, "{message}");
    assert!(stage.rows().values().all(Vec::is_empty), "{message}");
    let waiting = stage.rejected().remove(0);
    assert_eq!(waiting["original"], message.to_string());
    refused.remove(0)
}

#[tokio::test]
async fn each_reason_is_told_with_what_is_wrong() {
    let columns = |payload: Value| json_message("columns", "pump", 0, &payload);
    let latest = |payload: &str| message("latest", "pump", 0, payload.as_bytes());
    let sorted = |payload: Value| json_message("sorted", "pump", 0, &payload);
    let cases = [
        (columns(json!({"device": "a", "at": 1, "expires": 1})), "attribute_conflict", "expires: the payload"),
        (json_message("dated", "pump", 0, &json!({"at": 1})), "attribute_conflict", "at: the payload"),
        (json_message("dated", "pump", 0, &json!({"at": START.to_string()})), "attribute_conflict", "at: the payload"),
        (json_message("status", "pump", 0, &json!({"device": "valve"})), "attribute_conflict", "device: the payload"),
        (json_message("status", "pump", 0, &json!({"device": 1})), "attribute_conflict", "device: the payload"),
        (message("columns", "pump", 0, br#"{"device":"a","at":1,"":1}"#), "attribute_name", "empty"),
        (latest(r#"{"a":[{"":1}]}"#), "attribute_name", "empty"),
        (json_message("small", "pump", 0, &json!("x".repeat(100))), "item_size", "octets, at most 100"),
        (sorted(json!({})), "key", "message: column 1"),
        (sorted(json!({"name": null})), "key", "message: column 1"),
        (sorted(json!({"name": ""})), "key", "message: the key is empty"),
        (json_message("numbered", "pump", 0, &json!({"at": "x"})), "key", "at: the key is a NUMBER"),
        (json_message("chosen", "pump", 0, &json!({"operation": "UPSERT"})), "operation", "UPSERT"),
        (json_message("chosen", "pump", 0, &json!({})), "operation", "column 1"),
        (latest(r#"{"a":NaN}"#), "payload_number", "NaN"),
        (latest("[-Infinity]"), "payload_number", "Infinity"),
        (latest("123456789012345678901234567890123456789"), "payload_number", "38"),
        (latest("1e126"), "payload_number", "E+125"),
        (columns(json!([1])), "key", "device: column 1"),
        (json_message("status", "pump", 0, &json!([1])), "payload_not_object", "is Array"),
        (message("status", "pump", 0, b"on"), "payload_not_object", "is not JSON"),
        (json_message("nowhere", "pump", 0, &json!(1)), "route_unknown", "nowhere"),
        (json_message("expiring", "pump", 0, &json!({"until": 1_790_000_000_000_u64})), "ttl", "seconds"),
        (json_message("expiring", "pump", 0, &json!({})), "ttl", "seconds"),
    ];
    for (message, reason, words) in cases {
        let (told, detail) = refused(message.clone()).await;
        assert_eq!(told, reason, "{message}: {detail}");
        assert!(detail.contains(words), "{message}: {detail}");
    }
}

#[tokio::test]
async fn what_is_no_envelope_is_told_with_the_member_at_fault() {
    let good = json_message("latest", "pump", 0, &json!(1));
    let mut cases = vec![(json!([]), "."), (json!(1), ".")];
    for member in ["payload", "route", "timestamp", "topic"] {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(member);
        cases.push((without, member));
        for wrong in [json!(null), json!([]), json!(-1)] {
            let mut with = good.clone();
            with[member] = wrong;
            cases.push((with, member));
        }
    }
    for (member, wrong) in [("payload", json!("%%%")), ("clientId", json!(1)), ("traceId", json!([]))] {
        let mut with = good.clone();
        with[member] = wrong;
        cases.push((with, member));
    }
    for (message, member) in cases {
        let (reason, detail) = refused(message.clone()).await;
        assert_eq!(reason, "envelope", "{message}");
        assert!(detail.contains(member), "{message}: {detail}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_even_json_is_kept_as_it_came() {
    let stage = Stage::new();
    let good = json_message("latest", "pump", 0, &json!(1)).to_string();
    for body in [String::new(), "\u{fffd}\u{1}\"".to_owned(), format!("{good} x"), good.replace('}', "")] {
        let outcome = stage.take_bodies(std::slice::from_ref(&body)).await;
        assert_eq!((outcome.rejected, outcome.failed.len()), (1, 0), "{body}");
        assert_eq!(stage.rejected().last().unwrap()["original"], body.as_str());
    }
}

#[tokio::test]
async fn what_waits_names_its_route_only_if_it_is_known() {
    let stage = Stage::new();
    let mut message = json_message("latest", "pump", 0, &json!(1));
    message["payload"] = "%%%".into();
    let trailed = format!("{} x", json_message("latest", "pump", 0, &json!(1)));
    stage.take_bodies(&[message.to_string(), trailed.clone(), format!(" {trailed} ")]).await;
    let rejected = stage.rejected();
    let [known, trailing, spaced] = rejected.as_slice() else { panic!("{rejected:?}") };
    assert_eq!(known["rejected"]["route"], "latest");
    assert_eq!(trailing["rejected"].get("route"), None);
    assert_eq!(trailing["rejected"]["detail"], ".: something follows the object");
    assert_eq!(spaced["original"], format!(" {trailed} "));
}

/// Members that a rule adds, or that AWS IoT may add later, don't count.
#[tokio::test]
async fn other_members_of_an_envelope_do_not_count() {
    let stage = Stage::new();
    let mut message = json_message("latest", "pump", 0, &json!(1));
    message["more"] = json!({"a": [1]});
    stage.written(&[message]).await;
}

/// What AWS IoT does not know of a message is missing, or null.
#[tokio::test]
async fn an_envelope_need_not_tell_who_published() {
    for member in ["clientId", "principal", "traceId"] {
        let stage = Stage::new();
        let mut null = json_message("all", "pump", 0, &json!(1));
        null[member] = Value::Null;
        let mut missing = json_message("all", "pump", 1, &json!(1));
        missing.as_object_mut().unwrap().remove(member);
        stage.written(&[null, missing]).await;
    }
}

#[tokio::test]
async fn what_stands_beside_a_refused_message_is_short() {
    let long = "x".repeat(200_000);
    let stage = Stage::new();
    let messages = [
        json_message(&long, "pump", 0, &json!(1)),
        json_message("chosen", "pump", 0, &json!({"operation": &long})),
        json_message("columns", "pump", 0, &json!({"device": "a", "at": 1, "expires": &long})),
        json!({"route": 1, &long: 1}),
    ];
    assert_eq!(stage.refused(&messages).await.len(), messages.len());
    for waiting in stage.rejected() {
        let rejected = &waiting["rejected"];
        let length = |member: &str| rejected[member].as_str().map_or(0, str::len);
        assert!(length("detail") <= MAX_DETAIL && length("route") <= MAX_ROUTE, "{}", rejected["reason"]);
    }
}

/// The queue delivers at least once: what came twice is one message among the refused ones too.
#[tokio::test]
async fn a_message_that_came_twice_in_one_delivery_is_put_aside_once() {
    let stage = Stage::new();
    let message = json_message("nowhere", "pump", 0, &json!(1));
    let outcome = stage.take(&[message.clone(), message]).await;
    assert_eq!((stage.rejected().len(), outcome.rejected, outcome.failed.len()), (1, 2, 0));
}
