//! Keys of numbers, batches that are done in part, and what is too much.

use serde_json::{Map, Value, json};

use super::{invalid, ok, refused_with, tables};
use crate::testing::dynamodb::{ScalarType, Tables};

/// Tables as in the other tests, and `n`, whose key is a string and a number, and `m`, whose key is a number.
fn typed() -> Tables {
    tables()
        .table_with("n", ("id", ScalarType::S), Some(("at", ScalarType::N)))
        .table_with("m", ("at", ScalarType::N), None)
        .index("n", "byTime", "at", Some("id"))
}

fn item(at: &str) -> Value {
    json!({"id": {"S": "a"}, "at": {"N": at}})
}

fn put(table: &str, item: &Value) -> Value {
    json!({"TableName": table, "Item": item})
}

#[test]
fn numbers_of_keys_are_one_by_value_and_in_their_order() {
    let mut tables = typed();
    for at in ["10", "9", "-1", "1E1", "9.5", "10.0"] {
        ok(&mut tables, "PutItem", put("n", &item(at)));
    }
    assert_eq!(tables.rows("n"), ["-1", "9", "9.5", "10"].map(item));
    let get = |at: &str| json!({"TableName": "n", "Key": item(at)});
    assert_eq!(ok(&mut tables, "GetItem", get("9.50")), json!({"Item": item("9.5")}));
    ok(&mut tables, "DeleteItem", get("0.95e1"));
    let query = |index: &Value, condition: &str, at: &str| {
        let mut request = json!({
            "TableName": "n", "KeyConditionExpression": condition, "ExpressionAttributeValues": {":at": {"N": at}},
        });
        if condition.contains(":id") {
            request["ExpressionAttributeValues"][":id"] = json!({"S": "a"});
        }
        request["IndexName"] = index.clone();
        request
    };
    let above = query(&Value::Null, "id = :id AND at > :at", "-0.5");
    assert_eq!(ok(&mut tables, "Query", above)["Items"], json!([item("9"), item("10")]));
    let by_time = query(&json!("byTime"), "at = :at", "10.00");
    assert_eq!(ok(&mut tables, "Query", by_time)["Items"], json!([item("10")]));

    let mut wrong = query(&Value::Null, "id = :id AND at = :at", "1");
    wrong["ExpressionAttributeValues"][":at"] = json!({"S": "1"});
    invalid(&mut tables, "Query", [(wrong, "Condition parameter type does not match schema type")]);
}

#[test]
fn keys_are_of_the_type_of_their_table() {
    let mut tables = typed();
    let text = json!({"id": {"S": "a"}, "at": {"S": "1"}});
    let items = [
        (put("n", &text), "Type mismatch for key at expected: N actual: S"),
        (put("m", &json!({"at": {"S": "1"}})), "Type mismatch for key at expected: N actual: S"),
        (put("n", &json!({"id": {"N": "1"}, "at": {"N": "1"}})), "Type mismatch for key id expected: S actual: N"),
        (put("n", &json!({"id": {"S": "a"}})), "Missing the key at in the item"),
        (put("n", &item("1e126")), "overflow"),
        (put("n", &item(&"1".repeat(39))), "38 significant digits"),
    ];
    invalid(&mut tables, "PutItem", items);
    let keys = [
        (json!({"TableName": "n", "Key": text}), "does not match the schema"),
        (json!({"TableName": "m", "Key": {"at": {"S": "1"}}}), "does not match the schema"),
        (json!({"TableName": "m", "Key": item("1")}), "does not match the schema"),
    ];
    invalid(&mut tables, "DeleteItem", keys);
    ok(&mut tables, "UpdateItem", json!({"TableName": "m", "Key": {"at": {"N": "0"}}}));
    ok(&mut tables, "PutItem", put("n", &item(&"1".repeat(38))));
}

#[test]
fn keys_have_a_greatest_length() {
    let mut tables = tables();
    let item = |hash: usize, range: usize| json!({"hash": {"S": "x".repeat(hash)}, "range": {"S": "é".repeat(range)}});
    ok(&mut tables, "PutItem", put("r", &item(2048, 512)));
    let cases = [(put("r", &item(2049, 1)), "limit of2048 bytes"), (put("r", &item(1, 513)), "limit of 1024 bytes")];
    invalid(&mut tables, "PutItem", cases);
}

#[test]
fn a_batch_may_be_done_in_part() {
    let mut tables = typed();
    ok(&mut tables, "PutItem", put("n", &item("5")));
    let request = json!({"RequestItems": {
        "t": [{"PutRequest": {"Item": {"id": {"S": "x"}}}}, {"PutRequest": {"Item": {"id": {"S": "y"}}}}],
        "n": [{"PutRequest": {"Item": item("1.0")}}, {"DeleteRequest": {"Key": item("5.00")}}],
    }});
    let answer = tables.answer_in_part("BatchWriteItem", &request, 3);
    assert_eq!(answer.status, 200);
    let expected = json!({
        "n": [{"DeleteRequest": {"Key": item("5")}}],
        "t": [{"PutRequest": {"Item": {"id": {"S": "x"}}}}, {"PutRequest": {"Item": {"id": {"S": "y"}}}}],
    });
    assert_eq!(answer.body["UnprocessedItems"], expected);
    assert_eq!(tables.rows("n"), ["1", "5"].map(item));
    assert!(tables.rows("t").is_empty());

    let left = tables.answer_in_part("BatchWriteItem", &json!({"RequestItems": expected}), 99);
    assert_eq!(left.body["UnprocessedItems"], expected);
    // What can't be is refused before anything is left.
    let wrong = json!({"RequestItems": {"t": [{"PutRequest": {"Item": {"id": {"S": ""}}}}]}});
    assert_eq!(tables.answer_in_part("BatchWriteItem", &wrong, 1).status, 400);
    let none = tables.answer_in_part("BatchWriteItem", &json!({"RequestItems": expected}), 0);
    assert_eq!(none.body["UnprocessedItems"], json!({}));
    assert_eq!((tables.rows("n"), tables.rows("t").len()), (vec![item("1")], 2));
    assert_eq!(tables.answer_in_part("PutItem", &put("n", &item("2")), 1).status, 200);
    assert_eq!(tables.rows("n").len(), 2);
}

/// A text in so many lists and maps.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!({"S": "x"}), |inner, level| {
        if level % 2 == 0 { json!({"L": [{"NULL": true}, inner]}) } else { json!({"M": {"m": inner}}) }
    })
}

#[test]
fn values_are_nested_no_deeper_than_32_levels() {
    let mut tables = tables();
    let item = |levels: usize| json!({"id": {"S": "a"}, "v": nested(levels)});
    let put = |levels: usize| put("t", &item(levels));
    ok(&mut tables, "PutItem", put(32));
    invalid(&mut tables, "PutItem", [(put(33), "Nesting Levels have exceeded supported limits")]);
    let batch = json!({"RequestItems": {"t": [{"PutRequest": {"Item": item(33)}}]}});
    invalid(&mut tables, "BatchWriteItem", [(batch, "Nesting Levels have exceeded supported limits")]);
    let set = |path: &str, levels: usize| {
        json!({
            "TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": format!("SET {path} = :v"),
            "ExpressionAttributeValues": {":v": nested(levels)},
        })
    };
    invalid(&mut tables, "UpdateItem", [(set("v", 33), "Nesting Levels"), (set("v.m", 32), "Nesting Levels")]);
    ok(&mut tables, "UpdateItem", set("v.m", 31));
}

#[test]
fn names_of_attributes_have_1_to_65535_octets() {
    let mut tables = tables();
    let named = |name: &str| put("t", &json!({"id": {"S": "a"}, name: {"S": "x"}}));
    let within =
        |name: &str| put("t", &json!({"id": {"S": "a"}, "l": {"L": [{"M": {"m": {"M": {name: {"S": "x"}}}}}]}}));
    ok(&mut tables, "PutItem", named(&"x".repeat(65_535)));
    let refused = [String::new(), "x".repeat(65_536)];
    let cases = refused.iter().flat_map(|name| [named(name), within(name)]).map(|put| (put, "Attribute name"));
    invalid(&mut tables, "PutItem", cases.collect::<Vec<_>>());
    let set = json!({
        "TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": "SET #n = :v",
        "ExpressionAttributeNames": {"#n": ""}, "ExpressionAttributeValues": {":v": {"S": "x"}},
    });
    invalid(&mut tables, "UpdateItem", [(set, "Attribute name")]);
}

#[test]
fn an_update_has_at_most_300_operators_and_4_kb() {
    let mut tables = tables();
    let update = |expression: &str| {
        let values = [(":v", json!({"N": "1"})), (":s", json!({"NS": ["1"]}))];
        let used = values.into_iter().filter(|(name, _)| expression.contains(name));
        let used: Map<_, _> = used.map(|(name, value)| (name.to_owned(), value)).collect();
        let mut request = json!({"TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": expression});
        if !used.is_empty() {
            request["ExpressionAttributeValues"] = Value::Object(used);
        }
        request
    };
    let sets = |count: usize| (0..count).map(|n| format!("a{n}=:v")).collect::<Vec<_>>().join(",");
    ok(&mut tables, "UpdateItem", update(&format!("SET {}", sets(300))));
    ok(&mut tables, "UpdateItem", update(&format!("SET {},b=:v+:v", sets(298))));
    for more in ["b=:v", "b=:v+:v", "b=if_not_exists(b,:v)"] {
        let count = if more == "b=:v" { 300 } else { 299 };
        let request = update(&format!("SET {},{more}", sets(count)));
        invalid(&mut tables, "UpdateItem", [(request, "too many operators; operator count: 301")]);
    }
    for more in ["ADD n :v", "REMOVE n", "DELETE n :s"] {
        let request = update(&format!("SET {} {more}", sets(300)));
        invalid(&mut tables, "UpdateItem", [(request, "operator count: 301")]);
    }
    let name = |length: usize| "n".repeat(length - "REMOVE ".len());
    ok(&mut tables, "UpdateItem", update(&format!("REMOVE {}", name(4096))));
    let too_long = update(&format!("REMOVE {}", name(4097)));
    invalid(&mut tables, "UpdateItem", [(too_long, "maximum allowed size; expression size: 4097")]);
}

#[test]
fn a_request_has_at_most_16_mb() {
    // A control character takes one octet of an item, and six of JSON.
    let put = |id: &str, text: String| json!({"PutRequest": {"Item": {"id": {"S": id}, "t": {"S": text}}}});
    let batch = |last: String| {
        let mut requests: Vec<Value> = ["a", "b", "c", "d", "e", "f"].map(|id| put(id, "\u{1}".repeat(400_000))).into();
        requests.push(put("last", last));
        json!({"RequestItems": {"t": requests}})
    };
    let free = 16 * 1024 * 1024 - batch(String::new()).to_string().len();
    let text = |length: usize| "\u{1}".repeat(length / 6) + &"x".repeat(length % 6);
    let mut tables = tables();
    let (name, body) = refused_with(413, &mut tables, "BatchWriteItem", &batch(text(free + 1)));
    assert_eq!(name, "RequestEntityTooLargeException", "{body}");
    ok(&mut tables, "BatchWriteItem", batch(text(free)));
}
