//! The cases, and what only the in-memory service does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cases::{self, LAYOUTS};
use super::{Answer, Tables};

#[test]
fn the_cases_are_answered_as_expected() {
    let mut problems = Vec::new();
    for case in cases::all() {
        let mut tables = cases::tables();
        for step in &case.steps {
            let before = LAYOUTS.map(|layout| tables.rows(layout.name));
            let mut answers = Vec::new();
            while let Some(request) = step.next_request(&answers) {
                answers.push(tables.answer(step.operation, &request));
            }
            let is_refused = answers.iter().any(|answer| answer.status != 200);
            if let Err(problem) = step.check(&step.outcome(&answers)) {
                problems.push(format!("{}: {problem}", step.name));
            } else if is_refused && LAYOUTS.map(|layout| tables.rows(layout.name)) != before {
                problems.push(format!("{}: is refused, and yet has written", step.name));
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_step_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for step in cases::all().into_iter().flat_map(|case| case.steps) {
        assert!(names.insert(step.name.clone()), "{}", step.name);
    }
}

fn answer(tables: &mut Tables, operation: &str, request: &Value) -> Value {
    let Answer { status, body } = tables.answer(operation, request);
    assert_eq!(status, 200, "{operation} {request}: {body}");
    body
}

fn put(id: &str) -> Value {
    json!({"PutRequest": {"Item": {"id": {"S": id}}}})
}

#[test]
fn a_batch_may_be_carried_out_in_part() {
    let mut tables = cases::tables();
    let item = |seq: &str| json!({"id": {"S": "a"}, "seq": {"N": seq}});
    answer(&mut tables, "PutItem", &json!({"TableName": "n", "Item": item("5")}));
    let request = json!({"RequestItems": {
        "t": [put("x"), put("y")],
        "n": [{"PutRequest": {"Item": item("1.0")}}, {"DeleteRequest": {"Key": item("5.00")}}],
    }});
    let in_part = tables.answer_in_part("BatchWriteItem", &request, 3);
    assert_eq!(in_part.status, 200);
    let expected = json!({"n": [{"DeleteRequest": {"Key": item("5")}}], "t": [put("x"), put("y")]});
    assert_eq!(in_part.body["UnprocessedItems"], expected);
    assert_eq!(tables.rows("n"), ["1", "5"].map(item));
    assert!(tables.rows("t").is_empty());

    let left = tables.answer_in_part("BatchWriteItem", &json!({"RequestItems": expected}), 99);
    assert_eq!(left.body["UnprocessedItems"], expected);
    // What can't be is refused before anything is left.
    let wrong = json!({"RequestItems": {"t": [put("")]}});
    assert_eq!(tables.answer_in_part("BatchWriteItem", &wrong, 1).status, 400);
    let none = tables.answer_in_part("BatchWriteItem", &json!({"RequestItems": expected}), 0);
    assert_eq!(none.body["UnprocessedItems"], json!({}));
    assert_eq!((tables.rows("n"), tables.rows("t").len()), (vec![item("1")], 2));
    let single = json!({"TableName": "n", "Item": item("2")});
    assert_eq!(tables.answer_in_part("PutItem", &single, 1).status, 200);
    assert_eq!(tables.rows("n").len(), 2);
}

/// The documents have the limit, but not what is counted for it.
#[test]
fn a_request_has_at_most_16_mb() {
    // A control character takes one byte of an item, and six of JSON.
    let put = |id: &str, text: String| json!({"PutRequest": {"Item": {"id": {"S": id}, "t": {"S": text}}}});
    let batch = |last: String| {
        let mut requests: Vec<Value> = ["a", "b", "c", "d", "e", "f"].map(|id| put(id, "\u{1}".repeat(400_000))).into();
        requests.push(put("last", last));
        json!({"RequestItems": {"t": requests}})
    };
    let free = 16 * 1024 * 1024 - batch(String::new()).to_string().len();
    let text = |length: usize| "\u{1}".repeat(length / 6) + &"x".repeat(length % 6);
    let mut tables = cases::tables();
    let too_large = tables.answer("BatchWriteItem", &batch(text(free + 1)));
    assert_eq!(too_large.status, 413);
    assert!(tables.rows("t").is_empty());
    answer(&mut tables, "BatchWriteItem", &batch(text(free)));
}

#[test]
fn what_is_not_supported_is_refused() {
    let mut tables = cases::tables();
    let key = json!({"id": {"S": "a"}});
    for (operation, request) in [
        ("GetItem", json!({"TableName": "t", "Key": key, "AttributesToGet": ["id"]})),
        ("UpdateItem", json!({"TableName": "t", "Key": key, "AttributeUpdates": {}})),
        ("PutItem", json!({"TableName": "t", "Item": key, "Expected": {}})),
        ("DeleteItem", json!({"TableName": "t", "Key": key, "ReturnConsumedCapacity": "TOTAL"})),
        ("Scan", json!({"TableName": "t", "TotalSegments": 2})),
        ("Query", json!({"TableName": "t", "KeyConditions": {}})),
        ("TransactWriteItems", json!({"TransactItems": [{"Delete": {"TableName": "t", "Key": key, "X": 1}}]})),
    ] {
        let Answer { status, body } = tables.answer(operation, &request);
        let message = body["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.ends_with("is not supported in memory"), "{operation}: {body}");
    }
}
