//! What is too much.

use serde_json::{Value, json};

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![item_sizes(), sizes_of_values(), nesting(), names(), expressions(), operators()]
}

/// Bytes of the largest item.
const MAX_ITEM: usize = 400 * 1024;

fn put(item: &Value) -> Value {
    json!({"TableName": "t", "Item": item})
}

fn update(members: &Value) -> Value {
    super::with(json!({"TableName": "t", "Key": {"id": {"S": "a"}}}), members)
}

fn item_sizes() -> Case {
    // "id", "a", "t" and the text.
    let item = |length: usize| json!({"id": {"S": "a"}, "t": {"S": "x".repeat(length)}});
    let grow = json!({"UpdateExpression": "SET u = :u", "ExpressionAttributeValues": {":u": {"S": "x"}}});
    let batch = json!({"RequestItems": {"t": [{"PutRequest": {"Item": item(MAX_ITEM - 3)}}]}});
    let transaction = json!({"TransactItems": [{"Put": {"TableName": "t", "Item": item(MAX_ITEM - 3)}}]});
    Case::new("an item has at most 400 KB")
        .invalid("PutItem", put(&item(MAX_ITEM - 3)), "Item size has exceeded the maximum allowed size")
        .invalid("BatchWriteItem", batch, "Item size has exceeded the maximum allowed size")
        .invalid("TransactWriteItems", transaction, "Item size has exceeded the maximum allowed size")
        .answers("PutItem", put(&item(MAX_ITEM - 4)), json!({}))
        .invalid("UpdateItem", update(&grow), "Item size to update has exceeded the maximum allowed size")
        .canceled(json!({"TransactItems": [{"Update": update(&grow)}]}), &json!([{"Code": "ValidationError"}]))
}

/// What a value counts for, seen by the longest text that fits beside it.
fn sizes_of_values() -> Case {
    let values = [
        (json!({"S": "é"}), 2),
        (json!({"B": "AQI="}), 2),
        (json!({"BOOL": true}), 1),
        (json!({"N": "0"}), 1),
        (json!({"N": "7"}), 2),
        (json!({"N": "12"}), 2),
        (json!({"N": "120"}), 3),
        (json!({"N": "-123"}), 4),
        (json!({"N": "1e100"}), 2),
        (json!({"NS": ["1", "22"]}), 4),
        (json!({"NULL": true}), 1),
        (json!({"SS": ["xy", "z"]}), 3),
        (json!({"BS": ["AQI="]}), 2),
        (json!({"L": [{"S": "xy"}, {"L": []}]}), 3 + 3 + 4),
        (json!({"M": {"k": {"S": "xy"}}}), 3 + 1 + 1 + 2),
    ];
    values.iter().fold(Case::new("names, values and structure count for an item's size"), |case, (value, size)| {
        // "id", "a", "v", "t".
        let length = MAX_ITEM - size - 5;
        let item = |length: usize| json!({"id": {"S": "a"}, "v": value, "t": {"S": "x".repeat(length)}});
        case.answers("PutItem", put(&item(length)), json!({}))
            .labelled(&format!("{value} fits"))
            .invalid("PutItem", put(&item(length + 1)), "Item size has exceeded the maximum allowed size")
            .labelled(&format!("{value} is too much"))
    })
}

/// A text in so many lists and maps.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!({"S": "x"}), |inner, level| {
        if level % 2 == 0 { json!({"L": [{"NULL": true}, inner]}) } else { json!({"M": {"m": inner}}) }
    })
}

/// An attribute's own value is at the first level.
fn nesting() -> Case {
    let message = "Nesting Levels have exceeded supported limits";
    let item = |levels: usize| json!({"id": {"S": "a"}, "v": nested(levels)});
    let batch = json!({"RequestItems": {"t": [{"PutRequest": {"Item": item(32)}}]}});
    let transaction = json!({"TransactItems": [{"Put": {"TableName": "t", "Item": item(32)}}]});
    let set = |path: &str, levels: usize| {
        let expression = format!("SET {path} = :v");
        update(&json!({"UpdateExpression": expression, "ExpressionAttributeValues": {":v": nested(levels)}}))
    };
    Case::new("values are nested up to 32 levels")
        .answers("PutItem", put(&item(31)), json!({}))
        .answers("UpdateItem", set("v", 31), json!({}))
        .invalid("PutItem", put(&item(32)), message)
        .invalid("BatchWriteItem", batch, message)
        .invalid("TransactWriteItems", transaction, message)
        .invalid("UpdateItem", set("v", 32), message)
        .answers("UpdateItem", set("w", 2), json!({}))
        .answers("UpdateItem", set("w.m", 30), json!({}))
        .invalid("UpdateItem", set("w.m", 31), message)
}

fn names() -> Case {
    let named = |name: &str| put(&json!({"id": {"S": "a"}, name: {"S": "x"}}));
    let within = |name: &str| put(&json!({"id": {"S": "a"}, "l": {"L": [{"M": {"m": {"M": {name: {"S": "x"}}}}}]}}));
    let set = json!({
        "UpdateExpression": "SET #n = :v", "ExpressionAttributeNames": {"#n": ""},
        "ExpressionAttributeValues": {":v": {"S": "x"}},
    });
    Case::new("names of attributes have 1 to 65,535 bytes")
        .answers("PutItem", named(&"x".repeat(65_535)), json!({}))
        .invalid("PutItem", named(&"x".repeat(65_536)), "65536")
        .labelled("too long")
        .invalid("PutItem", within(&"x".repeat(65_536)), "65536")
        .labelled("too long in a map")
        .invalid("PutItem", named(""), "")
        .labelled("empty put")
        .invalid("UpdateItem", update(&set), "")
        .labelled("empty set")
}

fn expressions() -> Case {
    let name = |length: usize| "n".repeat(length - "REMOVE ".len());
    let remove = |length: usize| update(&json!({"UpdateExpression": format!("REMOVE {}", name(length))}));
    Case::new("an expression has at most 4 KB").answers("UpdateItem", remove(4096), json!({})).invalid(
        "UpdateItem",
        remove(4097),
        "Expression size has exceeded the maximum allowed size",
    )
}

/// Of updates those that are clear, whether the assignments count or not.
fn operators() -> Case {
    let of_update = |sums: usize| {
        let sums: Vec<String> = (0..sums).map(|n| format!("a{n}=:v+:v")).collect();
        let expression = format!("SET {}", sums.join(","));
        update(&json!({"UpdateExpression": expression, "ExpressionAttributeValues": {":v": {"N": "1"}}}))
    };
    let of_condition = |comparisons: usize| {
        let condition = vec!["a<>:v"; comparisons].join(" OR ");
        update(&json!({"ConditionExpression": condition, "ExpressionAttributeValues": {":v": {"N": "1"}}}))
    };
    Case::new("an expression has at most 300 operators")
        .answers("UpdateItem", of_condition(150), json!({}))
        .invalid("UpdateItem", of_condition(151), "too many operators")
        .labelled("301 in a condition")
        .answers("UpdateItem", of_update(150), json!({}))
        .invalid("UpdateItem", of_update(301), "too many operators")
        .labelled("301 in an update")
}
