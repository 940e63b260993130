//! What messages become.

use rule_sink::Outcome;
use serde_json::{Value, json};
use shared::port::{Holding, MAX_MESSAGE_BYTES};

use crate::stage::{LATEST, MESSAGES, NUMBERS, START, Stage, hex, json_message, message};

#[tokio::test]
async fn a_message_becomes_an_item_with_its_keys_and_its_payload() {
    let stage = Stage::new();
    stage.written(&[message("all", "pump", 0, r#"{"t": 21.50, "ok": [true, null, "é"]}"#.as_bytes())]).await;
    let row = stage.only_row(MESSAGES);
    assert_eq!(row["device"], json!({"S": "pump"}));
    let key = row["message"]["S"].as_str().unwrap();
    assert!(key.starts_with(&format!("{START}#")) && key.len() == 13 + 1 + 36, "{key}");
    let list = json!({"L": [{"BOOL": true}, {"NULL": true}, {"S": "é"}]});
    assert_eq!(row["payload"]["M"]["ok"], list);
    assert_eq!(row["payload"]["M"]["t"]["N"].as_str().unwrap().parse::<f64>().unwrap().to_string(), "21.5");
}

#[tokio::test]
async fn numbers_are_exact() {
    let stage = Stage::new();
    let digits = "12345678901234567890123456789012345678";
    let payload = format!(r#"{{"a":{digits},"b":0.{digits},"c":-1e-130,"d":9.9e125}}"#);
    stage.written(&[message("latest", "pump", 0, payload.as_bytes())]).await;
    let row = stage.only_row(LATEST);
    let number = |name: &str| row["payload"]["M"][name]["N"].as_str().unwrap().to_owned();
    assert_eq!(number("a"), digits);
    assert!(number("b").contains(digits), "{row}");
}

#[tokio::test]
async fn what_is_no_json_is_kept_octet_for_octet() {
    let stage = Stage::new();
    let octets: Vec<u8> = (0..=255).collect();
    for (device, payload) in [("a", octets.as_slice()), ("b", b""), ("c", b"{\"t\":21"), ("d", b"Infinity pool")] {
        stage.written(&[message("latest", device, 0, payload)]).await;
        let rows = stage.dynamodb.rows(LATEST);
        let row = rows.iter().find(|row| row["device"]["S"] == device).unwrap();
        let wire = message("latest", device, 0, payload)["payload"].clone();
        assert_eq!(row["payload"], json!({"B": wire}), "{device}");
    }
}

#[tokio::test]
async fn a_raw_payload_is_kept_as_it_came_json_or_not() {
    let stage = Stage::new();
    let too_many_digits = br#"{ "t" : 21.50, "n": 1234567890123456789012345678901234567890, "": NaN }"#;
    stage.written(&[message("raw", "pump", 0, too_many_digits)]).await;
    let wire = message("raw", "pump", 0, too_many_digits)["payload"].clone();
    assert_eq!(stage.only_row(LATEST)["payload"], json!({"B": wire}));
}

#[tokio::test]
async fn columns_are_the_members_of_the_payload() {
    let stage = Stage::new();
    let payload = json!({"device": "pump", "at": 7, "t": 21, "nested": {"a": []}});
    stage.written(&[json_message("columns", "other", 0, &payload)]).await;
    let expected = json!({
        "at": {"N": "7"}, "device": {"S": "pump"}, "expires": {"N": (START / 1000 + 86_400).to_string()},
        "nested": {"M": {"a": {"L": []}}}, "t": {"N": "21"},
    });
    assert_eq!(stage.only_row(NUMBERS), expected);
}

#[tokio::test]
async fn a_member_that_says_the_same_as_the_key_is_no_conflict() {
    let stage = Stage::new();
    let payload = json!({"device": "pump", "at": 7.0, "expires": START / 1000 + 86_400});
    stage.written(&[json_message("columns", "other", 0, &payload)]).await;
    assert_eq!(stage.only_row(NUMBERS).as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn an_update_sets_its_attributes_and_leaves_others() {
    let stage = Stage::new();
    let on = json_message("status", "pump", 0, &json!({"mode": "on", "t": 1}));
    let count = json_message("count", "pump", 1, &json!(5));
    let off = json_message("status", "pump", 2, &json!({"mode": "off"}));
    for messages in [vec![on.clone(), count.clone(), off.clone()], vec![on], vec![count], vec![off]] {
        stage.written(&messages).await;
        let expected = json!({
            "count": {"N": "5"}, "device": {"S": "pump"}, "mode": {"S": "off"}, "t": {"N": "1"},
        });
        if messages.len() == 3 {
            assert_eq!(stage.only_row(LATEST), expected);
        }
    }
}

#[tokio::test]
async fn an_update_without_attributes_makes_the_item() {
    let stage = Stage::new();
    stage.written(&[json_message("status", "pump", 0, &json!({}))]).await;
    assert_eq!(stage.only_row(LATEST), json!({"device": {"S": "pump"}}));
}

#[tokio::test]
async fn the_payload_can_choose_the_operation() {
    let stage = Stage::new();
    stage.written(&[json_message("chosen", "pump", 0, &json!({"operation": "INSERT"}))]).await;
    assert_eq!(stage.dynamodb.rows(LATEST).len(), 1);
    stage.written(&[json_message("chosen", "pump", 1, &json!({"operation": "DELETE"}))]).await;
    assert_eq!(stage.dynamodb.rows(LATEST).len(), 0);
}

#[tokio::test]
async fn a_unique_item_is_never_overwritten() {
    let stage = Stage::new();
    stage.written(&[json_message("first", "pump", 0, &json!(1))]).await;
    let outcome = stage.take(&[json_message("first", "pump", 1, &json!(2))]).await;
    assert_eq!((outcome.written, outcome.repeated, outcome.failed.len()), (0, 1, 0), "{outcome:?}");
    assert_eq!(stage.only_row(LATEST)["payload"], json!({"N": "1"}));
}

#[tokio::test]
async fn the_same_message_twice_is_one_item_and_two_of_one_millisecond_are_two() {
    let stage = Stage::new();
    let one = json_message("all", "pump", 0, &json!({"t": 1}));
    stage.written(&[one.clone(), one.clone()]).await;
    stage.written(std::slice::from_ref(&one)).await;
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 1);
    let mut other = one;
    other["traceId"] = "other".into();
    stage.written(&[other]).await;
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 2);
}

/// Without a trace id the queue's own name for the message tells a repeat from another message.
#[tokio::test]
async fn messages_that_did_not_come_over_mqtt_are_told_apart_by_the_queue() {
    let stage = Stage::new();
    let mut message = json_message("all", "pump", 0, &json!({"t": 1}));
    message["clientId"] = "n/a".into();
    for member in ["principal", "traceId"] {
        message.as_object_mut().unwrap().remove(member);
    }
    stage.written(&[message.clone(), message.clone()]).await;
    stage.written(&[message]).await;
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 2);
}

#[tokio::test]
async fn a_refused_message_that_comes_back_is_looked_at_again() {
    let stage = Stage::new();
    let id = stage.certificate(1, Holding::Nothing);
    let mut original = json_message("claimed", "pump", 0, &json!({"t": 1}));
    original.as_object_mut().unwrap().remove("traceId");
    let refused = stage.refused(std::slice::from_ref(&original)).await;
    assert_eq!(refused[0].0, "principal_unknown");
    let waiting = stage.rejected().remove(0);
    assert_eq!(serde_json::from_str::<Value>(waiting["original"].as_str().unwrap()).unwrap(), original);
    assert_eq!(waiting["rejected"]["messageId"], "0");
    assert_eq!(waiting["rejected"]["route"], "claimed");
    assert_eq!(waiting["rejected"]["at"], "2026-09-21T14:13:20.000Z");

    // It is refused again as what it was, not as what it was wrapped in.
    stage.refused(&[json!(0), waiting.clone()]).await;
    assert_eq!(stage.rejected()[2], waiting);

    stage.holders.set(id.clone(), Holding::Thing("pump".parse().unwrap()));
    stage.written(std::slice::from_ref(&waiting)).await;
    // The queue calls it otherwise now; its item is the same.
    stage.written(&[waiting.clone(), waiting]).await;
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 1);
    assert_eq!(id.as_str(), hex(1));
}

#[tokio::test]
async fn templates_know_who_published() {
    let stage = Stage::new();
    stage.certificate(1, Holding::Thing("t".parse().unwrap()));
    let mut message = json_message("owned", "pump", 0, &json!(1));
    message["traceId"] = "trace".into();
    stage.written(&[message]).await;
    let row = stage.only_row(MESSAGES);
    assert_eq!(row["device"]["S"], "pump");
    assert_eq!(row["message"]["S"], format!("123456789012#trace#{}", hex(1)));
}

#[tokio::test]
async fn a_time_is_that_of_the_rule_to_the_millisecond() {
    let stage = Stage::new();
    stage.written(&[json_message("dated", "pump", 123, &json!({}))]).await;
    assert_eq!(stage.only_row(NUMBERS)["at"], json!({"N": (START + 123).to_string()}));
}

/// What is deleted has no attributes that could be wrong.
#[tokio::test]
async fn the_payload_of_a_delete_does_not_count() {
    let stage = Stage::new();
    stage.written(&[json_message("latest", "pump", 0, &json!(1))]).await;
    stage.written(&[json_message("emptied", "pump", 1, &json!([1]))]).await;
    assert!(stage.dynamodb.rows(LATEST).is_empty());
}

/// Members that no attribute could be named by are octets like others.
#[tokio::test]
async fn a_raw_payload_may_have_any_names() {
    let stage = Stage::new();
    let payload = json!({"": 1});
    stage.written(&[json_message("raw", "pump", 0, &payload)]).await;
    assert_eq!(stage.only_row(LATEST)["payload"], json!({"B": json_message("raw", "pump", 0, &payload)["payload"]}));
}

#[tokio::test]
async fn a_unique_message_twice_in_one_delivery_is_asked_for_once() {
    let stage = Stage::new();
    let message = json_message("first", "pump", 0, &json!(1));
    stage.written(&[message.clone(), message.clone()]).await;
    assert_eq!(stage.calls().into_iter().collect::<Vec<_>>(), [("PutItem".to_owned(), 1)]);
    let outcome = stage.take(&[message.clone(), message]).await;
    assert_eq!(outcome, Outcome { repeated: 2, ..Outcome::default() });
}

/// A delivery is a repeat if it has the time, the name and the content of the one before it.
#[tokio::test]
async fn what_only_resembles_a_repeat_is_none() {
    let message = json_message("first", "pump", 0, &json!(1));
    let mut otherwise_named = message.clone();
    otherwise_named["traceId"] = "other".into();
    let mut later = message.clone();
    later["timestamp"] = (START + 1).into();
    for other in [otherwise_named, later] {
        let stage = Stage::new();
        let outcome = stage.take(&[message.clone(), other]).await;
        assert_eq!(outcome, Outcome { repeated: 1, written: 1, ..Outcome::default() });
    }

    // Two routes make of one message what they make of it.
    let stage = Stage::new();
    let mut count = json_message("count", "pump", 0, &json!(1));
    count["traceId"] = message["traceId"].clone();
    stage.written(&[message, count]).await;
    let expected = json!({"count": {"N": "1"}, "device": {"S": "pump"}, "payload": {"N": "1"}});
    assert_eq!(stage.only_row(LATEST), expected);
}

/// The answer is understood by Lambda only if it has the names of this delivery.
#[tokio::test(start_paused = true)]
async fn a_message_that_came_back_fails_by_its_present_name() {
    let stage = Stage::new();
    let id = stage.certificate(1, Holding::Nothing);
    stage.refused(&[json_message("claimed", "pump", 0, &json!(1))]).await;
    stage.holders.set(id, Holding::NotYet);
    let other = json_message("all", "pump", 0, &json!(1));
    let outcome = stage.take(&[other, stage.rejected().remove(0)]).await;
    assert_eq!((outcome.failed, outcome.written), (vec!["1".to_owned()], 1));
}

#[tokio::test]
async fn a_payload_can_be_a_key_octet_for_octet() {
    let stage = Stage::new();
    let message = message("encoded", "pump", 0, b"\xff on");
    stage.written(std::slice::from_ref(&message)).await;
    assert_eq!(stage.only_row(MESSAGES)["message"]["S"], message["payload"]);
}

/// A dead letter may have been refused as what it was wrapped in, or by another version of this function.
#[tokio::test]
async fn a_message_is_unwrapped_whatever_it_waited_in() {
    let stage = Stage::new();
    let mut original = json_message("all", "pump", 0, &json!({"t": 1}));
    original.as_object_mut().unwrap().remove("traceId");
    let wrapped = |original: &Value, rejected: Value| json!({"original": original.to_string(), "rejected": rejected});
    let known = json!({"at": "", "detail": "", "messageId": "first", "reason": "dynamodb"});
    let with = |member: &str, value: Value| {
        let mut rejected = known.clone();
        rejected[member] = value;
        wrapped(&original, rejected)
    };
    let first = wrapped(&original, known.clone());
    let again = |inner: &Value| wrapped(inner, json!({"detail": "?", "messageId": "second", "reason": "envelope"}));
    let bodies = [
        first.clone(),
        with("reason", json!("a reason of tomorrow")),
        with("reason", json!({"code": 7})),
        with("detail", json!(null)),
        with("route", json!(1)),
        with("more", json!([])),
        again(&first),
        again(&again(&with("reason", json!("a reason of tomorrow")))),
        again(&wrapped(&first, json!({}))),
        wrapped(&first, json!({"messageId": 1})),
    ];
    for body in bodies {
        stage.written(std::slice::from_ref(&body)).await;
        assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 1, "{body}");
    }

    // Refused again it is wrapped once, by its first name.
    let mut nowhere = original.clone();
    nowhere["route"] = "nowhere".into();
    stage.refused(&[again(&wrapped(&nowhere, known))]).await;
    let waiting = &stage.rejected()[0];
    assert_eq!(
        (&waiting["original"], &waiting["rejected"]["messageId"]),
        (&json!(nowhere.to_string()), &json!("first"))
    );
}

/// Each time it is wrapped the escapes in it double: there is no room for many more.
#[tokio::test]
async fn a_message_is_unwrapped_however_often_it_was_wrapped() {
    let stage = Stage::new();
    let mut body = json_message("all", "pump", 0, &json!(1));
    for _ in 0..14 {
        body = json!({"original": body.to_string(), "rejected": {}});
    }
    assert!((500_000..MAX_MESSAGE_BYTES).contains(&body.to_string().len()));
    stage.written(&[body]).await;
}

/// What a rule hands over is a message, whatever else its `SELECT` adds.
#[tokio::test]
async fn an_envelope_is_no_wrapper() {
    let stage = Stage::new();
    let mut message = json_message("all", "pump", 0, &json!(1));
    message["original"] = json_message("all", "valve", 0, &json!(1)).to_string().into();
    message["rejected"] = json!({"at": "", "detail": "", "messageId": "", "reason": "dynamodb"});
    stage.written(&[message]).await;
    assert_eq!(stage.only_row(MESSAGES)["device"]["S"], "pump");
}

/// One has the keys of the other; what two rules hand over are two messages for all that.
#[tokio::test]
async fn two_routes_into_one_table_make_two_items_of_a_message() {
    let stage = Stage::new();
    let of = |route: &str| {
        let mut message = json_message(route, "pump", 0, &json!(1));
        message["traceId"] = "same".into();
        message
    };
    stage.written(&[of("all"), of("also")]).await;
    stage.written(&[of("also"), of("all"), of("all")]).await;
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 2);
}

/// SQS calls a message otherwise once it was moved; what its rule called it stays.
#[tokio::test]
async fn a_message_without_trace_id_is_named_by_its_rule() {
    let stage = Stage::new();
    let named = |id: &str| {
        let mut message = json_message("all", "pump", 0, &json!(1));
        message["id"] = id.into();
        message.as_object_mut().unwrap().remove("traceId");
        message
    };
    stage.written(&[named("a")]).await;
    stage.written(&[json_message("latest", "pump", 0, &json!(1)), named("a")]).await;
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 1);
    stage.written(&[named("b")]).await;
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 2);

    // The trace id is the same for all evaluations of a rule, a random name need not be.
    let traced = |id: &str| {
        let mut message = named(id);
        message["traceId"] = "trace".into();
        message
    };
    stage.written(&[traced("c")]).await;
    stage.written(&[traced("d")]).await;
    assert_eq!(stage.dynamodb.rows(MESSAGES).len(), 3);
}

/// DynamoDB deletes an item up to days after it has expired.
#[tokio::test]
async fn a_unique_item_that_has_expired_makes_room_for_another_one() {
    const HOUR: u64 = 3_600_000;
    let of = |after: u64| json_message("brief", "pump", after, &json!(after));
    let stage = Stage::new();
    let outcomes = async |messages: &[Value]| {
        let outcome = stage.take(messages).await;
        assert!(outcome.failed.is_empty() && outcome.rejected == 0, "{outcome:?}");
        (outcome.written, outcome.repeated)
    };
    assert_eq!(outcomes(&[of(0)]).await, (1, 0));
    assert_eq!(outcomes(&[of(HOUR - 1)]).await, (0, 1));
    assert_eq!(stage.only_row(LATEST)["payload"]["N"], "0");
    assert_eq!(outcomes(&[of(HOUR)]).await, (1, 0));
    let row = json!({
        "device": {"S": "pump"}, "expires": {"N": (START / 1000 + 7200).to_string()}, "payload": {"N": "3600000"},
    });
    assert_eq!(stage.only_row(LATEST), row);
    // Whatever comes again is a repeat.
    assert_eq!(outcomes(&[of(0), of(HOUR - 1), of(HOUR)]).await, (0, 3));
    assert_eq!(stage.only_row(LATEST), row);
    // So it is in one batch.
    let stage = Stage::new();
    let outcome = stage.take(&[of(HOUR), of(0), of(HOUR - 1)]).await;
    assert_eq!((outcome.written, outcome.repeated), (2, 1), "{outcome:?}");
    assert_eq!(stage.only_row(LATEST), row);
}

/// What does not say when it expires has not.
#[tokio::test]
async fn a_unique_item_without_time_to_live_stays() {
    for other in [json!({"payload": 1}), json!({"expires": "0"}), json!({"expires": null})] {
        let stage = Stage::new();
        stage.written(&[json_message("status", "pump", 0, &other)]).await;
        let outcome = stage.take(&[json_message("brief", "pump", 1, &json!(2))]).await;
        assert_eq!((outcome.written, outcome.repeated), (0, 1), "{outcome:?}");
    }
    // Without a time to live nothing expires.
    let stage = Stage::new();
    stage.written(&[json_message("status", "pump", 0, &json!({"expires": 0}))]).await;
    assert_eq!(stage.take(&[json_message("first", "pump", 1, &json!(2))]).await.repeated, 1);
}
