//! Whole requests.

mod limits;
mod reads;
mod writes;

use std::borrow::Borrow;

use serde_json::{Value, json};

use super::{Answer, Tables};

/// Tables `t` (key `id`, index `byOwner`) and `r` (key `hash` and `range`, index `byKind` of `kind` and `range`).
fn tables() -> Tables {
    Tables::default()
        .table("t", "id", None)
        .index("t", "byOwner", "owner", None)
        .table("r", "hash", Some("range"))
        .index("r", "byKind", "kind", Some("range"))
}

/// Tables whose `t` holds these items.
fn holding(items: &[Value]) -> Tables {
    let mut tables = tables();
    for item in items {
        ok(&mut tables, "PutItem", json!({"TableName": "t", "Item": item}));
    }
    tables
}

#[track_caller]
fn ok(tables: &mut Tables, operation: &str, request: impl Borrow<Value>) -> Value {
    let request = request.borrow();
    let Answer { status, body } = tables.answer(operation, request);
    assert_eq!(status, 200, "{operation} {request}: {body}");
    body
}

/// The error's name, without its prefix, and all that is said.
#[track_caller]
fn refused(tables: &mut Tables, operation: &str, request: impl Borrow<Value>) -> (String, Value) {
    refused_with(400, tables, operation, request.borrow())
}

#[track_caller]
fn refused_with(expected: u16, tables: &mut Tables, operation: &str, request: &Value) -> (String, Value) {
    let before = (tables.rows("t"), tables.rows("r"));
    let Answer { status, body } = tables.answer(operation, request);
    assert_eq!(status, expected, "{operation}: {body}");
    assert_eq!((tables.rows("t"), tables.rows("r")), before, "{operation} {request} wrote");
    let name = body["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
    (name, body)
}

/// Each request is refused as invalid, with a message that contains the text.
#[track_caller]
fn invalid(tables: &mut Tables, operation: &str, cases: impl IntoIterator<Item = (Value, &'static str)>) {
    for (request, expected) in cases {
        let shown = request.to_string();
        let (name, body) = refused(tables, operation, request);
        assert_eq!(name, "ValidationException", "{operation} {shown}: {body}");
        assert!(body["message"].as_str().unwrap().contains(expected), "{operation} {shown}: {body}");
    }
}

#[test]
fn what_is_unknown_is_refused() {
    let mut tables = tables();
    assert_eq!(refused(&mut tables, "UpdateTable", json!({})).0, "UnknownOperationException");
    for (operation, mut request) in [
        ("GetItem", json!({"Key": {"id": {"S": "a"}}})),
        ("PutItem", json!({"Item": {"id": {"S": "a"}}})),
        ("UpdateItem", json!({"Key": {"id": {"S": "a"}}})),
        ("DeleteItem", json!({"Key": {"id": {"S": "a"}}})),
        ("Query", json!({"KeyConditionExpression": "id = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}})),
        ("Scan", json!({})),
    ] {
        assert_eq!(refused(&mut tables, operation, request.clone()).0, "ValidationException", "{operation}");
        request["TableName"] = json!("nowhere");
        let (name, body) = refused(&mut tables, operation, request.clone());
        assert_eq!(
            (name.as_str(), &body["message"]),
            ("ResourceNotFoundException", &json!("Requested resource not found"))
        );
        request["TableName"] = json!("t");
        request["AttributesToGet"] = json!(["id"]);
        invalid(&mut tables, operation, [(request.clone(), "AttributesToGet is not supported")]);
        request["AttributesToGet"] = Value::Null;
        ok(&mut tables, operation, request);
    }
    for (operation, request) in [
        ("BatchGetItem", json!({"RequestItems": {"nowhere": {"Keys": [{"id": {"S": "a"}}]}}})),
        ("BatchWriteItem", json!({"RequestItems": {"nowhere": [{"DeleteRequest": {"Key": {"id": {"S": "a"}}}}]}})),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Delete": {"TableName": "nowhere", "Key": {"id": {"S": "a"}}}}]}),
        ),
    ] {
        assert_eq!(refused(&mut tables, operation, request).0, "ResourceNotFoundException", "{operation}");
    }
}
