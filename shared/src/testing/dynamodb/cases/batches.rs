//! Batches: many items in one request, each for itself.

use serde_json::{Value, json};

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![read(), invalid_reads(), most_read(), written(), invalid_writes(), most_written()]
}

fn key(id: &str) -> Value {
    json!({"id": {"S": id}})
}

fn put(id: &str) -> Value {
    json!({"PutRequest": {"Item": key(id)}})
}

fn delete(id: &str) -> Value {
    json!({"DeleteRequest": {"Key": key(id)}})
}

fn batch(requests: &[Value]) -> Value {
    json!({"RequestItems": {"t": requests}})
}

fn keys(keys: &[Value]) -> Value {
    json!({"RequestItems": {"t": {"Keys": keys}}})
}

fn read() -> Case {
    let item = json!({"id": {"S": "b"}, "n": {"N": "1"}});
    let other = json!({"device": {"S": "x"}, "message": {"S": "y"}});
    let part = json!({"RequestItems": {"t": {
        "ConsistentRead": true, "ExpressionAttributeNames": {"#id": "id"}, "Keys": [key("b"), key("c"), key("a")],
        "ProjectionExpression": "#id",
    }}});
    let both = json!({"RequestItems": {"t": {"Keys": [key("b")]}, "r": {"Keys": [other]}}});
    let answer = |responses: Value| json!({"Responses": responses, "UnprocessedKeys": {}});
    Case::new("a batch reads items of several tables")
        .given("t", [key("a"), item.clone()])
        .given("r", [other.clone()])
        .answers("BatchGetItem", part, answer(json!({"t": [key("a"), key("b")]})))
        .answers("BatchGetItem", both, answer(json!({"t": [item], "r": [other]})))
        .answers("BatchGetItem", keys(&[key("c")]), answer(json!({"t": []})))
}

fn invalid_reads() -> Case {
    let least = "Member must have length greater than or equal to 1";
    let schema = "The provided key element does not match the schema";
    let unused = json!({"RequestItems": {"t": {
        "Keys": [key("a")], "ExpressionAttributeNames": {"#n": "n"}, "ProjectionExpression": "id",
    }}});
    let overlap = json!({"RequestItems": {"t": {"Keys": [key("a")], "ProjectionExpression": "n, n.x"}}});
    Case::new("a batch reads different items by whole keys")
        .invalid("BatchGetItem", json!({"RequestItems": {}}), least)
        .invalid("BatchGetItem", keys(&[]), least)
        .invalid(
            "BatchGetItem",
            keys(&[key("a"), key("b"), key("a")]),
            "Provided list of item keys contains duplicates",
        )
        .invalid("BatchGetItem", keys(&[key("")]), "cannot contain an empty string value. Key: id")
        .invalid("BatchGetItem", keys(&[json!({"x": {"S": "a"}})]), schema)
        .invalid("BatchGetItem", keys(&[json!({"id": {"N": "1"}})]), schema)
        .invalid("BatchGetItem", unused, "unused in expressions: keys: {#n}")
        .labelled("unused name")
        .invalid("BatchGetItem", overlap, "overlap")
}

fn most_read() -> Case {
    let many = |count: usize| keys(&(0..count).map(|n| key(&n.to_string())).collect::<Vec<_>>());
    Case::new("a batch reads up to 100 items")
        .answers("BatchGetItem", many(100), json!({"Responses": {"t": []}, "UnprocessedKeys": {}}))
        .invalid("BatchGetItem", many(101), "")
}

fn written() -> Case {
    let other = json!({"device": {"S": "x"}, "message": {"S": "y"}});
    let both = json!({"RequestItems": {"t": [put("x")], "r": [{"PutRequest": {"Item": other}}]}});
    let done = json!({"UnprocessedItems": {}});
    Case::new("a batch puts and deletes items of several tables")
        .given("t", [key("old")])
        .answers("BatchWriteItem", batch(&[put("new"), delete("old"), delete("missing")]), done.clone())
        .holds("t", &[key("new")])
        .answers("BatchWriteItem", both, done)
        .holds("t", &[key("new"), key("x")])
        .holds("r", &[other])
}

/// Nothing of a batch is written if a part of it is invalid.
fn invalid_writes() -> Case {
    let least = "Member must have length greater than or equal to 1";
    let duplicates = "Provided list of item keys contains duplicates";
    let both = json!({"PutRequest": {"Item": key("a")}, "DeleteRequest": {"Key": key("b")}});
    let schema = "The provided key element does not match the schema";
    let case = Case::new("a batch writes different items, and all of it is valid").given("t", [key("a")]);
    let case = [
        ("one item put twice", batch(&[put("b"), put("b")]), duplicates),
        ("one item deleted and put", batch(&[put("b"), delete("a"), put("a")]), duplicates),
        ("nothing in a table", batch(&[]), least),
        ("nothing", json!({"RequestItems": {}}), least),
        ("empty key", batch(&[put("b"), put("")]), "cannot contain an empty string value. Key: id"),
        ("no key", batch(&[put("b"), json!({"PutRequest": {"Item": {}}})]), schema),
        ("key of another type", batch(&[put("b"), json!({"PutRequest": {"Item": {"id": {"N": "1"}}}})]), schema),
        ("deletion by another key", batch(&[put("b"), json!({"DeleteRequest": {"Key": {"n": {"N": "1"}}}})]), schema),
    ]
    .into_iter()
    .fold(case, |case, (label, request, message)| case.invalid("BatchWriteItem", request, message).labelled(label));
    case.holds("t", &[key("a")])
        .invalid("BatchWriteItem", batch(&[put("b"), json!({})]), "")
        .labelled("neither put nor delete")
        .invalid("BatchWriteItem", batch(&[put("c"), both]), "")
        .labelled("both put and delete")
}

fn most_written() -> Case {
    let many = |count: usize| batch(&(0..count).map(|n| put(&n.to_string())).collect::<Vec<_>>());
    Case::new("a batch writes up to 25 items")
        .invalid("BatchWriteItem", many(26), "")
        .holds("t", &[])
        .answers("BatchWriteItem", many(25), json!({"UnprocessedItems": {}}))
        .holds("t", &(0..25).map(|n| key(&n.to_string())).collect::<Vec<_>>())
}
