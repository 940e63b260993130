use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::substitution::{Number, NumberFault, Problem, Value};

fn minimal() -> Json {
    json!({"tableName": "telemetry", "hashKeyField": "device", "hashKeyValue": "${topic(2)}"})
}

fn with(members: &Json) -> Json {
    let mut route = minimal();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            route.as_object_mut().unwrap().remove(name);
        } else {
            route[name] = value.clone();
        }
    }
    route
}

fn parse(route: &Json) -> Result<Route, RouteFaults> {
    Routes::parse(&json!({"r": route}).to_string()).map(|routes| routes.route("r").unwrap().clone())
}

fn with_message<T>(payload: &str, test: impl FnOnce(&Message<'_>) -> T) -> T {
    let payload = Value::from_json(payload.as_bytes()).unwrap();
    test(&Message {
        account_id: "123456789012",
        client_id: None,
        delivery_id: "1",
        payload: Some(&payload),
        principal: None,
        raw: b"",
        route: "all",
        timestamp: 1_772_694_489_999,
        topic: "dt/pump-17/data",
        trace_id: None,
    })
}

#[test]
fn defaults_are_those_of_the_action() {
    let expected = Route {
        bind_to: None,
        hash_key: Key {
            longest: 2048,
            name: "device".to_owned(),
            kind: KeyType::Text,
            value: Template::parse("${topic(2)}").unwrap(),
        },
        max_item_bytes: 409_600,
        operation: Choice::Always(Operation::Insert),
        payload: Payload::Field("payload".to_owned()),
        range_key: None,
        table_name: "telemetry".to_owned(),
        ttl: None,
        unique: false,
    };
    assert_eq!(parse(&minimal()).unwrap(), expected);
}

#[test]
fn every_member_is_read() {
    let route = with(&json!({
        "hashKeyType": "STRING", "rangeKeyField": "at", "rangeKeyType": "NUMBER", "rangeKeyValue": "${timestamp()}",
        "payloadField": "body", "operation": "INSERT", "columns": false, "ttl": {"field": "expires", "after": "90d"},
        "raw": false, "unique": true, "bindTo": "principal", "device": "${get(*, 'id')}", "maxItemBytes": 1,
    }));
    let expected = Route {
        bind_to: Some(Binding { device: Template::parse("${get(*, 'id')}").unwrap() }),
        max_item_bytes: 1,
        payload: Payload::Field("body".to_owned()),
        range_key: Some(Key {
            longest: 1024,
            name: "at".to_owned(),
            kind: KeyType::Number,
            value: Template::parse("${timestamp()}").unwrap(),
        }),
        ttl: Some(Ttl { expiry: Expiry::After(7_776_000), field: "expires".to_owned() }),
        unique: true,
        ..parse(&minimal()).unwrap()
    };
    assert_eq!(parse(&route).unwrap(), expected);
    let payloads = [
        (json!({"columns": true}), Payload::Columns),
        (json!({"columns": true, "raw": false}), Payload::Columns),
        (json!({"raw": true}), Payload::Raw("payload".to_owned())),
        (json!({"raw": true, "columns": false, "payloadField": "p"}), Payload::Raw("p".to_owned())),
    ];
    for (members, payload) in payloads {
        assert_eq!(parse(&with(&members)).unwrap().payload, payload, "{members}");
    }
    let bound = parse(&with(&json!({"bindTo": "principal"}))).unwrap().bind_to.unwrap();
    assert_eq!(bound.device.to_string(), "${topic(2)}");
    let operations = [("UPDATE", Operation::Update), ("DELETE", Operation::Delete)];
    for (name, operation) in operations {
        assert_eq!(parse(&with(&json!({"operation": name}))).unwrap().operation, Choice::Always(operation));
    }
}

#[test]
fn limits_have_a_case_on_both_sides() {
    let text = |length: usize| "x".repeat(length);
    let cases = [
        (
            json!({"tableName": text(2)}),
            json!({"tableName": text(3)}),
            "r.tableName: a table's name is 3 to 255 characters",
        ),
        (json!({"tableName": text(256)}), json!({"tableName": text(255)}), "r.tableName: a table's name is 3 to 255"),
        (json!({"tableName": "a b"}), json!({"tableName": "a_.-Z9"}), "r.tableName: a table's name is"),
        (
            json!({"hashKeyField": ""}),
            json!({"hashKeyField": "x"}),
            "r.hashKeyField: an attribute's name here has 1 to 255 octets, got 0",
        ),
        (json!({"hashKeyField": text(256)}), json!({"hashKeyField": text(255)}), "1 to 255 octets, got 256"),
        (
            json!({"payloadField": ""}),
            json!({"payloadField": "x"}),
            "r.payloadField: an attribute's name here has 1 to 65535",
        ),
        (json!({"payloadField": text(65_536)}), json!({"payloadField": text(65_535)}), "1 to 65535 octets, got 65536"),
        (json!({"hashKeyValue": ""}), json!({"hashKeyValue": "x"}), "r.hashKeyValue: device: the key is empty"),
        (
            json!({"hashKeyValue": text(2049)}),
            json!({"hashKeyValue": text(2048)}),
            "the key has 2049 octets, at most 2048",
        ),
        (
            json!({"rangeKeyField": "r", "rangeKeyValue": text(1025)}),
            json!({"rangeKeyField": "r", "rangeKeyValue": text(1024)}),
            "r.rangeKeyValue: r: the key has 1025 octets, at most 1024 are allowed",
        ),
        (
            json!({"hashKeyType": "NUMBER", "hashKeyValue": "1x"}),
            json!({"hashKeyType": "NUMBER", "hashKeyValue": "1"}),
            "r.hashKeyValue: device: the key is a NUMBER, \"1x\" is none that fits",
        ),
        (json!({"maxItemBytes": 0}), json!({"maxItemBytes": 1}), "r.maxItemBytes: must be 1 to 409600"),
        (json!({"maxItemBytes": 409_601}), json!({"maxItemBytes": 409_600}), "r.maxItemBytes: must be 1 to 409600"),
        (
            json!({"ttl": {"field": "t", "after": "0s"}}),
            json!({"ttl": {"field": "t", "after": "1s"}}),
            "r.ttl.after: must be a time",
        ),
        (
            json!({"ttl": {"field": "t", "after": "36601d"}}),
            json!({"ttl": {"field": "t", "after": "36600d"}}),
            "r.ttl.after: must be",
        ),
    ];
    for (bad, good, expected) in cases {
        let faults = parse(&with(&bad)).unwrap_err().to_string();
        assert!(faults.contains(expected), "{faults}");
        assert_eq!(parse(&with(&good)).err(), None, "{good}");
    }
    for (length, sound) in [(1, true), (128, true), (129, false)] {
        assert_eq!(Routes::parse(&json!({text(length): minimal()}).to_string()).is_ok(), sound, "{length}");
    }
}

#[test]
fn faults_name_their_member() {
    let cases = [
        (json!({"tableName": null}), "r.tableName: is missing"),
        (json!({"hashKeyField": null}), "r.hashKeyField: is missing"),
        (json!({"hashKeyValue": null}), "r.hashKeyValue: is missing"),
        (json!({"tableName": 1}), "r.tableName: must be a string"),
        (json!({"hashKeyType": "number"}), "r.hashKeyType: must be STRING or NUMBER"),
        (json!({"hashKeyType": 1}), "r.hashKeyType: must be a string"),
        (json!({"hashKeyField": "${topic()}"}), "r.hashKeyField: must not be a template"),
        (json!({"hashKeyValue": "device-${tpoic(2)}"}), "r.hashKeyValue: column 10: unknown function tpoic"),
        (json!({"rangeKeyField": "a"}), "r.rangeKeyValue: is missing"),
        (json!({"rangeKeyValue": "a"}), "r.rangeKeyField: is missing"),
        (json!({"rangeKeyType": "NUMBER"}), "r.rangeKeyField: is missing; r.rangeKeyValue: is missing"),
        (
            json!({"rangeKeyField": "device", "rangeKeyValue": "a"}),
            "r.rangeKeyField: names the same attribute as hashKeyField",
        ),
        (json!({"payloadField": "device"}), "r.payloadField: names the same attribute as hashKeyField"),
        (json!({"hashKeyField": "payload"}), "r.payloadField: names the same attribute as hashKeyField"),
        (json!({"ttl": {"field": "payload", "after": "1d"}}), "r.ttl.field: names the same attribute as payloadField"),
        (json!({"columns": true, "payloadField": "p"}), "r.payloadField: must not be there with columns"),
        (json!({"columns": "yes"}), "r.columns: must be true or false"),
        (json!({"columns": true, "raw": true}), "r.raw: must not be there with columns"),
        (json!({"raw": 1}), "r.raw: must be true or false"),
        (json!({"raw": true, "payloadField": "device"}), "r.payloadField: names the same attribute as hashKeyField"),
        (json!({"payloadField": "${topic()}"}), "r.payloadField: must not be a template"),
        (json!({"rangeKeyField": "${a}", "rangeKeyValue": "a"}), "r.rangeKeyField: must not be a template"),
        (json!({"ttl": {"field": "${a}", "after": "1d"}}), "r.ttl.field: must not be a template"),
        (json!({"tableName": "${topic(1)}"}), "r.tableName: must not be a template"),
        (json!({"operation": "insert"}), "r.operation: must be INSERT, UPDATE, DELETE or a template"),
        (json!({"operation": "${"}), "r.operation: column 1: ${ without }"),
        (json!({"operation": true}), "r.operation: must be a string"),
        (json!({"unique": true, "operation": "UPDATE"}), "r.unique: is only for the operation INSERT"),
        (json!({"unique": true, "operation": "${op}"}), "r.unique: is only for the operation INSERT"),
        (json!({"unique": true, "operation": "DELETE"}), "r.unique: is only for the operation INSERT"),
        (json!({"unique": 1}), "r.unique: must be true or false"),
        (json!({"ttl": "90d"}), "r.ttl: must be an object"),
        (json!({"ttl": {"after": "90d"}}), "r.ttl.field: is missing"),
        (
            json!({"ttl": {"field": ""}}),
            "r.ttl.field: an attribute's name here has 1 to 65535 octets, got 0; r.ttl: must have either after or at, has neither",
        ),
        (json!({"ttl": {"field": "t", "after": "1d", "at": "${t}"}}), "r.ttl: must have either after or at, has both"),
        (json!({"ttl": {"field": "t", "after": "1d", "x": 1}}), "r.ttl.x: unknown member"),
        (json!({"ttl": {"field": "t", "at": "${t"}}), "r.ttl.at: column 1: ${ without }"),
        (
            json!({"ttl": {"field": "t", "at": "1"}}),
            "r.ttl.at: must have a ${ of the message: all items would expire at once",
        ),
        (json!({"bindTo": "client"}), "r.bindTo: must be principal"),
        (json!({"bindTo": {"principal": true}}), "r.bindTo: must be a string"),
        (json!({"device": "${topic(2)}"}), "r.device: is only for bindTo"),
        (json!({"device": "${"}), "r.device: is only for bindTo; r.device: column 1: ${ without }"),
        (json!({"bindTo": "principal", "device": 1}), "r.device: must be a string"),
        (json!({"bindTo": "principal", "device": ""}), "r.device: names no device"),
        (json!({"maxItemBytes": -1}), "r.maxItemBytes: must be a whole number"),
        (json!({"roleArn": "x"}), "r.roleArn: is not needed: the function's own role writes"),
        (json!({"rolearn": "x"}), "r.rolearn: unknown member"),
    ];
    for (members, expected) in cases {
        assert_eq!(parse(&with(&members)).unwrap_err().to_string(), expected, "{members}");
    }
    for after in
        ["", "d", "90", "90y", "-1d", "+1d", "1.5d", "1 d", "99999999999999999999d", "9999999999999999999w", "1é"]
    {
        let faults = parse(&with(&json!({"ttl": {"field": "t", "after": after}}))).unwrap_err();
        assert_eq!(faults.0[0].path, "r.ttl.after", "{after}");
    }
}

#[test]
fn all_faults_are_told_together() {
    let text = r#"{
        "a": {"tableName": "t", "tableName": "u", "hashKeyField": "", "hashKeyValue": "${x", "column": true},
        "b b": 1, "": [], "a": {},
        "c": {"tableName": "ttt", "hashKeyField": "k", "hashKeyValue": "${a.}"}
    }"#;
    let faults = Routes::parse(text).unwrap_err();
    let expected = [
        "a: is there twice",
        "a.tableName: is there twice",
        "a.tableName: a table's name is 3 to 255 characters of a-zA-Z0-9_.-",
        "a.hashKeyField: an attribute's name here has 1 to 255 octets, got 0",
        "a.hashKeyValue: column 1: ${ without }",
        "a.column: unknown member",
        "\"b b\": a route's name is 1 to 128 characters of a-zA-Z0-9_-",
        "\"b b\": must be an object",
        "\"\": a route's name is 1 to 128 characters of a-zA-Z0-9_-",
        "\"\": must be an object",
        "c.hashKeyValue: column 5: expected a member's name, got }",
    ];
    assert_eq!(faults.0.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_no_object_is_one_fault() {
    for text in ["", "[]", "1", "{", "{} {}", r#"{"a": }"#] {
        let faults = Routes::parse(text).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{text}");
        assert!(faults.to_string().starts_with("not a JSON object: "), "{faults}");
    }
    assert_eq!(Routes::parse("{}").unwrap(), Routes::default());
}

#[test]
fn routes_are_found_by_their_name() {
    let routes = Routes::parse(&json!({"b": minimal(), "a_1-Z": minimal()}).to_string()).unwrap();
    assert!(routes.route("b").is_some());
    assert_eq!(routes.route("B"), None);
    assert_eq!(routes.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a_1-Z", "b"]);
}

#[test]
fn keys_of_messages() {
    let key =
        |kind: &str, value: &str| parse(&with(&json!({"hashKeyType": kind, "hashKeyValue": value}))).unwrap().hash_key;
    let of = |kind: &str, value: &str| {
        with_message(r#"{"n": 1.50, "empty": "", "number": "12", "null": null}"#, |message| {
            key(kind, value).of(message)
        })
    };
    let number = |text: &str| Ok(KeyValue::Number(Number::parse(text).unwrap()));
    let name = || "device".to_owned();
    let undefined = EvaluationFault { column: 1, problem: Problem::Undefined };
    assert_eq!(of("STRING", "${n}"), Ok(KeyValue::Text("1.50".to_owned())));
    assert_eq!(of("NUMBER", "${n}"), number("1.5"));
    assert_eq!(of("NUMBER", "${number}"), number("12"));
    assert_eq!(of("NUMBER", "7${number}"), number("712"));
    assert_eq!(of("STRING", "${empty}"), Err(KeyFault::Empty(name())));
    assert_eq!(of("STRING", "${missing}"), Err(KeyFault::Evaluation(name(), undefined)));
    assert_eq!(of("NUMBER", "${null}"), Err(KeyFault::Evaluation(name(), undefined)));
    let fault = EvaluationFault { column: 3, problem: Problem::Undefined };
    assert_eq!(of("STRING", "a-${missing}"), Err(KeyFault::Evaluation(name(), fault)));
    assert_eq!(of("STRING", "a-${null}${n}"), Err(KeyFault::Evaluation(name(), fault)));
    assert_eq!(of("NUMBER", "${empty}"), Err(KeyFault::NoNumber(name(), String::new())));
    assert_eq!(of("NUMBER", "NaN${empty}"), Err(KeyFault::NoNumber(name(), "NaN".to_owned())));
    assert_eq!(of("NUMBER", "${number}e999"), Err(KeyFault::NoNumber(name(), "12e999".to_owned())));
}

#[test]
fn operations_of_messages() {
    let operation = |payload: &str| {
        let route = parse(&with(&json!({"operation": "${CASE gone WHEN true THEN 'DELETE' ELSE op END}"}))).unwrap();
        with_message(payload, |message| route.operation.operation(message))
    };
    assert_eq!(operation(r#"{"gone": true}"#), Ok(Operation::Delete));
    assert_eq!(operation(r#"{"gone": false, "op": "UPDATE"}"#), Ok(Operation::Update));
    assert_eq!(operation(r#"{"gone": false, "op": "INSERT"}"#), Ok(Operation::Insert));
    assert_eq!(operation(r#"{"gone": 1, "op": "drop"}"#), Err(OperationFault::Unknown("drop".to_owned())));
    assert!(matches!(operation("{}"), Err(OperationFault::Evaluation(_))));
}

#[test]
fn times_to_expire() {
    let seconds = |ttl: Json, payload: &str| {
        let ttl = parse(&with(&json!({"ttl": ttl}))).unwrap().ttl.unwrap();
        with_message(payload, |message| ttl.seconds(message))
    };
    for (after, seconds_later) in [("1s", 1), ("2m", 120), ("3h", 10_800), ("90d", 7_776_000), ("1w", 604_800)] {
        assert_eq!(seconds(json!({"field": "t", "after": after}), "{}"), Ok(1_772_694_489 + seconds_later));
    }
    let at = |payload| seconds(json!({"field": "t", "at": "${t / 1000.5 * 1000.5}"}), payload);
    assert_eq!(at(r#"{"t": 2001}"#), Ok(2001));
    let at = |payload| seconds(json!({"field": "t", "at": "${t}"}), payload);
    assert_eq!(at(r#"{"t": 1772694489.9}"#), Ok(1_772_694_489));
    assert_eq!(at(r#"{"t": "1772694489"}"#), Ok(1_772_694_489));
    assert_eq!(at(r#"{"t": 253402300799}"#), Ok(253_402_300_799));
    for payload in [r#"{"t": 253402300800}"#, r#"{"t": -1}"#, r#"{"t": "x"}"#, "{}", r#"{"t": null}"#] {
        assert_eq!(at(payload), Err(TtlFault::NoTime), "{payload}");
    }
    let fault = seconds(json!({"field": "t", "at": "${t * t}"}), r#"{"t": 1234567890.1234567891}"#);
    let problem = Problem::Number(NumberFault::TooLong);
    assert_eq!(fault, Err(TtlFault::Evaluation(EvaluationFault { column: 1, problem })));
}

proptest! {
    #[test]
    fn configurations_never_panic(text: String, name: String, value: String, number: i64) {
        let _ = Routes::parse(&text);
        let route = with(&json!({&name: value, "hashKeyValue": value, "maxItemBytes": number}));
        for ttl in [json!({"field": name, "after": value}), json!({"field": name, "at": value}), json!({&name: value})] {
            let mut route = route.clone();
            route["ttl"] = ttl;
            let _ = Routes::parse(&json!({&name: route}).to_string());
        }
    }
}
