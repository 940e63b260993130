//! Keys of items: whole, of their types, filled, of limited length.

use serde_json::{Value, json};

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![of_requests(), of_items(), updated(), numbers(), order_of_numbers(), order_of_strings(), lengths()]
}

fn put(table: &str, item: &Value) -> Value {
    json!({"TableName": table, "Item": item})
}

fn of_requests() -> Case {
    let schema = "The provided key element does not match the schema";
    let keys = [
        ("t", json!({}), schema),
        ("t", json!({"id": {"N": "1"}}), schema),
        ("t", json!({"other": {"S": "a"}}), schema),
        ("t", json!({"id": {"S": "a"}, "other": {"S": "b"}}), schema),
        ("t", json!({"id": {"S": ""}}), "cannot contain an empty string value. Key: id"),
        ("r", json!({"device": {"S": "a"}}), schema),
        (
            "r",
            json!({"device": {"S": "a"}, "message": {"S": ""}}),
            "cannot contain an empty string value. Key: message",
        ),
        ("n", json!({"id": {"S": "a"}, "seq": {"S": "1"}}), schema),
        ("m", json!({"seq": {"S": "1"}}), schema),
    ];
    let case = Case::new("a key is whole, of its type and filled");
    keys.iter().fold(case, |case, (table, key, message)| {
        ["GetItem", "UpdateItem", "DeleteItem"].into_iter().fold(case, |case, operation| {
            case.invalid(operation, json!({"TableName": table, "Key": key}), message)
                .labelled(&format!("{operation} {key}"))
        })
    })
}

fn of_items() -> Case {
    let items = [
        ("t", json!({"n": {"N": "1"}}), "Missing the key id in the item"),
        ("t", json!({"id": {"N": "1"}}), "Type mismatch for key id expected: S actual: N"),
        ("t", json!({"id": {"S": ""}}), "cannot contain an empty string value. Key: id"),
        ("r", json!({"device": {"S": "a"}}), "Missing the key message in the item"),
        ("r", json!({"device": {"S": "a"}, "message": {"S": ""}}), "Key: message"),
        ("n", json!({"id": {"S": "a"}, "seq": {"S": "1"}}), "Type mismatch for "),
        ("n", json!({"id": {"S": "a"}, "seq": {"N": "1e126"}}), "Number overflow"),
        ("m", json!({"seq": {"BOOL": true}}), "Type mismatch for key seq expected: N actual: BOOL"),
    ];
    items.iter().fold(Case::new("an item has the whole key"), |case, (table, item, message)| {
        case.invalid("PutItem", put(table, item), message).labelled(&item.to_string())
    })
}

fn updated() -> Case {
    let item = json!({"id": {"S": "a"}, "m": {"M": {}}});
    let case = Case::new("an update leaves the key").given("t", [item.clone()]);
    let updates = ["SET id = :x", "SET id.x = :x", "REMOVE id SET m.k = :x"];
    let case = updates.into_iter().fold(case, |case, update| {
        let request = json!({
            "TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": update,
            "ExpressionAttributeValues": {":x": {"S": "x"}},
        });
        case.invalid("UpdateItem", request, "Cannot update attribute id. This attribute is part of the key")
            .labelled(update)
    });
    case.holds("t", &[item])
}

fn numbers() -> Case {
    let item = |seq: &str| json!({"id": {"S": "a"}, "seq": {"N": seq}});
    let key = |seq: &str| json!({"TableName": "n", "Key": item(seq), "ConsistentRead": true});
    let query = |condition: &str, seq: &str| {
        json!({
            "TableName": "n", "KeyConditionExpression": condition,
            "ExpressionAttributeValues": {":id": {"S": "a"}, ":seq": {"N": seq}},
        })
    };
    let found = |items: Vec<Value>| json!({"Count": items.len(), "Items": items, "ScannedCount": items.len()});
    let above = query("id = :id AND seq > :seq", "-0.5");
    let equal = query("id = :id AND seq = :seq", "10.00");
    Case::new("keys that are numbers are one by value, and are in their order")
        .given("n", ["10", "9", "-1", "1E1", "9.5", "10.0", "200"].map(item))
        .holds("n", &["-1", "9", "9.5", "10", "200"].map(item))
        .answers("GetItem", key("9.50"), json!({"Item": item("9.5")}))
        .labelled("GetItem 9.50")
        .answers("Query", above, found(["9", "9.5", "10", "200"].map(item).into()))
        .answers("Query", equal, found(vec![item("10")]))
        .answers("DeleteItem", json!({"TableName": "n", "Key": item("0.95e1")}), json!({}))
        .given("n", [json!({"id": {"S": "a"}, "seq": {"N": "11111111111111111111111111111111111111"}})])
        .answers("GetItem", key("9.5"), json!({}))
        .labelled("GetItem 9.5 once 0.95e1 is deleted")
        .answers("UpdateItem", json!({"TableName": "m", "Key": {"seq": {"N": "0"}}}), json!({}))
        .holds("m", &[json!({"seq": {"N": "0"}})])
}

fn order_of_numbers() -> Case {
    let large = format!("1{}", "0".repeat(125));
    let small = format!("0.{}1", "0".repeat(129));
    let minus = format!("-0.{}1", "0".repeat(99));
    let numbers = ["-10", "-9.5", "-9.49", &minus, "0", &small, "0.5", "9", "10", "10.5", "200", &large];
    let items: Vec<Value> = numbers.iter().map(|seq| json!({"id": {"S": "a"}, "seq": {"N": seq}})).collect();
    let query = json!({
        "TableName": "n", "KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "a"}},
    });
    let found = json!({"Count": items.len(), "Items": items, "ScannedCount": items.len()});
    Case::new("numbers of any size are in their order")
        .given("n", items.into_iter().rev())
        .answers("Query", query, found)
}

/// By their bytes in UTF-8: UTF-16 would have the last two the other way around.
fn order_of_strings() -> Case {
    let messages = ["1", "10", "2", "Z", "a", "é", "\u{FF5E}", "\u{1F600}"];
    let items: Vec<Value> =
        messages.iter().map(|message| json!({"device": {"S": "a"}, "message": {"S": message}})).collect();
    let query = json!({
        "TableName": "r", "KeyConditionExpression": "device = :d", "ExpressionAttributeValues": {":d": {"S": "a"}},
    });
    let found = json!({"Count": items.len(), "Items": items, "ScannedCount": items.len()});
    Case::new("strings are in the order of their bytes")
        .given("r", items.into_iter().rev())
        .answers("Query", query, found)
}

/// Of a range key whose characters have two bytes, but for the last one.
fn lengths() -> Case {
    let item = |hash: usize, range: usize| {
        let range = "é".repeat(range / 2) + &"x".repeat(range % 2);
        json!({"device": {"S": "x".repeat(hash)}, "message": {"S": range}})
    };
    let get = |hash: usize, range: usize| json!({"TableName": "r", "Key": item(hash, range)});
    Case::new("keys have a greatest length in bytes")
        .given("r", [item(2048, 1024)])
        .answers("GetItem", get(2048, 1024), json!({"Item": item(2048, 1024)}))
        .invalid("PutItem", put("r", &item(2049, 1)), "2048 bytes")
        .invalid("PutItem", put("r", &item(1, 1025)), "1024 bytes")
        .invalid("GetItem", get(2049, 1), "2048 bytes")
        .invalid("GetItem", get(1, 1025), "1024 bytes")
}
