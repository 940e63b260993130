//! Single writes, batches and transactions.

use serde::Serialize;
use serde_json::{Value, json};

use super::{holding, invalid, ok, refused, tables};

fn key(id: &str) -> Value {
    json!({"id": {"S": id}})
}

/// An `UpdateItem` of `a` in `t`, with further members.
fn update(members: Value) -> Value {
    with(json!({"TableName": "t", "Key": key("a")}), members)
}

fn with(mut request: Value, members: Value) -> Value {
    let Value::Object(members) = members else { unreachable!() };
    request.as_object_mut().unwrap().extend(members);
    request
}

#[test]
fn items_are_put_replaced_and_deleted() {
    let mut tables = tables();
    let item = |n: &str| json!({"id": {"S": "a"}, "n": {"N": n}});
    let put = |n: &str| json!({"TableName": "t", "Item": item(n), "ReturnValues": "ALL_OLD"});
    assert_eq!(ok(&mut tables, "PutItem", put("1")), json!({}));
    assert_eq!(ok(&mut tables, "PutItem", put("2.0")), json!({"Attributes": item("1")}));
    assert_eq!(tables.rows("t"), [item("2")]);
    let delete = json!({"TableName": "t", "Key": key("a"), "ReturnValues": "ALL_OLD"});
    assert_eq!(ok(&mut tables, "DeleteItem", delete.clone()), json!({"Attributes": item("2")}));
    assert_eq!(ok(&mut tables, "DeleteItem", delete), json!({}));
    assert!(tables.rows("t").is_empty());
}

#[test]
fn an_update_creates_what_is_missing_unless_it_only_takes_away() {
    let mut tables = tables();
    for taking in ["REMOVE n", "DELETE s :s REMOVE n"] {
        let values = if taking.contains(':') { json!({":s": {"SS": ["x"]}}) } else { Value::Null };
        ok(&mut tables, "UpdateItem", update(json!({"UpdateExpression": taking, "ExpressionAttributeValues": values})));
        assert!(tables.rows("t").is_empty(), "{taking}");
    }
    ok(&mut tables, "UpdateItem", update(json!({})));
    assert_eq!(tables.rows("t"), [key("a")]);
    let mut tables = super::tables();
    let count = json!({"UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": "1"}}});
    ok(&mut tables, "UpdateItem", update(count.clone()));
    ok(&mut tables, "UpdateItem", update(count));
    assert_eq!(tables.rows("t"), [json!({"id": {"S": "a"}, "n": {"N": "2"}})]);
}

#[test]
fn an_update_returns_what_was_asked_for() {
    let before = json!({"id": {"S": "a"}, "m": {"M": {"k": {"S": "old"}, "o": {"S": "o"}}}, "n": {"N": "1"}});
    let after = json!({"id": {"S": "a"}, "m": {"M": {"k": {"S": "new"}, "o": {"S": "o"}}}});
    let updated = json!({"m": {"M": {"k": {"S": "new"}}}});
    let cases = [
        (Value::Null, json!({})),
        (json!("NONE"), json!({})),
        (json!("ALL_OLD"), json!({"Attributes": before})),
        (json!("ALL_NEW"), json!({"Attributes": after})),
        (json!("UPDATED_NEW"), json!({"Attributes": updated})),
    ];
    for (returned, expected) in cases {
        let mut tables = holding(std::slice::from_ref(&before));
        let answer = ok(
            &mut tables,
            "UpdateItem",
            update(json!({
                "UpdateExpression": "SET m.k = :new REMOVE n",
                "ExpressionAttributeValues": {":new": {"S": "new"}},
                "ReturnValues": returned,
            })),
        );
        assert_eq!(answer, expected, "{returned}");
        assert_eq!(tables.rows("t"), std::slice::from_ref(&after));
    }
    let fresh = ok(&mut tables(), "UpdateItem", update(json!({"ReturnValues": "ALL_OLD"})));
    assert_eq!(fresh, json!({}));
    invalid(&mut tables(), "UpdateItem", [(update(json!({"ReturnValues": "UPDATED_OLD"})), "enum value set")]);
    let put = json!({"TableName": "t", "Item": key("a"), "ReturnValues": "ALL_NEW"});
    invalid(&mut tables(), "PutItem", [(put, "enum value set")]);
}

#[test]
fn a_condition_that_fails_leaves_all_as_it_was_and_may_tell_the_item() {
    let item = json!({"id": {"S": "a"}, "n": {"N": "1"}});
    let mut tables = holding(std::slice::from_ref(&item));
    let requests = [
        ("UpdateItem", update(json!({}))),
        ("DeleteItem", update(json!({}))),
        ("PutItem", json!({"TableName": "t", "Item": key("a")})),
    ];
    for (operation, request) in requests {
        for (returned, expected) in [("NONE", Value::Null), ("ALL_OLD", item.clone())] {
            let condition = json!({
                "ConditionExpression": "attribute_not_exists(#n)", "ExpressionAttributeNames": {"#n": "n"},
                "ReturnValuesOnConditionCheckFailure": returned,
            });
            let (name, body) = refused(&mut tables, operation, with(request.clone(), condition));
            assert_eq!((name.as_str(), &body["Item"]), ("ConditionalCheckFailedException", &expected), "{operation}");
            assert_eq!(body["message"], "The conditional request failed");
        }
        let holds = with(request, json!({"ConditionExpression": "attribute_exists(id)"}));
        ok(&mut holding(std::slice::from_ref(&item)), operation, holds);
    }
    // An item that is missing has no attributes, and can't be told.
    let missing = json!({
        "TableName": "t", "Key": key("b"), "ConditionExpression": "attribute_exists(id)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let (name, body) = refused(&mut tables, "UpdateItem", missing);
    assert_eq!((name.as_str(), body.get("Item")), ("ConditionalCheckFailedException", None));
}

#[test]
fn keys_are_whole_and_filled_and_stay() {
    let mut tables = holding(&[json!({"id": {"S": "a"}, "m": {"M": {}}})]);
    let keys = [
        (json!({}), "does not match the schema"),
        (json!({"id": {"N": "1"}}), "does not match the schema"),
        (json!({"id": {"S": "a"}, "other": {"S": "b"}}), "does not match the schema"),
        (json!({"id": {"S": ""}}), "cannot contain an empty string value. Key: id"),
        (json!({"id": {"S": "x".repeat(2049)}}), "Size of hashkey"),
    ];
    for operation in ["GetItem", "UpdateItem", "DeleteItem"] {
        invalid(&mut tables, operation, keys.clone().map(|(key, text)| (json!({"TableName": "t", "Key": key}), text)));
    }
    let items = [
        ("t", json!({"n": {"N": "1"}}), "Missing the key id in the item"),
        ("t", json!({"id": {"N": "1"}}), "Type mismatch for key id expected: S actual: N"),
        ("t", json!({"id": {"S": ""}}), "cannot contain an empty string value. Key: id"),
        ("r", json!({"hash": {"S": "a"}}), "Missing the key range"),
        ("r", json!({"hash": {"S": "a"}, "range": {"S": ""}}), "Key: range"),
        ("r", json!({"hash": {"S": "a"}, "range": {"S": "x".repeat(1025)}}), "range keys"),
    ];
    invalid(&mut tables, "PutItem", items.map(|(table, item, text)| (json!({"TableName": table, "Item": item}), text)));
    let values = json!({":x": {"S": "x"}});
    for expression in ["SET id = :x", "SET id.x = :x", "REMOVE id SET m.k = :x"] {
        let request = update(json!({"UpdateExpression": expression, "ExpressionAttributeValues": values}));
        invalid(
            &mut tables,
            "UpdateItem",
            [(request, "Cannot update attribute id. This attribute is part of the key")],
        );
    }
}

#[test]
fn index_keys_are_filled_strings_or_missing() {
    let mut tables = holding(&[json!({"id": {"S": "a"}, "owner": {"S": "o"}})]);
    for (owner, expected) in [
        (json!({"N": "1"}), "Type mismatch for Index Key owner Expected: S Actual: N IndexName: byOwner"),
        (json!({"S": ""}), "IndexName: byOwner, IndexKey: owner"),
        (json!({"S": "x".repeat(2049)}), "Size of hashkey"),
    ] {
        let put = json!({"TableName": "t", "Item": {"id": {"S": "a"}, "owner": owner}});
        invalid(&mut tables, "PutItem", [(put, expected)]);
        let set = json!({"UpdateExpression": "SET #o = :o", "ExpressionAttributeNames": {"#o": "owner"},
                         "ExpressionAttributeValues": {":o": owner}});
        invalid(&mut tables, "UpdateItem", [(update(set), expected)]);
    }
    ok(&mut tables, "UpdateItem", update(json!({"UpdateExpression": "REMOVE owner"})));
}

#[test]
fn items_are_no_larger_than_400_kb() {
    let mut tables = tables();
    // "id", "a", "t" and the text.
    let item = |length: usize| json!({"id": {"S": "a"}, "t": {"S": "x".repeat(length)}});
    let put = |length| json!({"TableName": "t", "Item": item(length)});
    invalid(&mut tables, "PutItem", [(put(400 * 1024 - 3), "Item size has exceeded")]);
    ok(&mut tables, "PutItem", put(400 * 1024 - 4));
    let grow = json!({"UpdateExpression": "SET u = :u", "ExpressionAttributeValues": {":u": {"S": "x"}}});
    invalid(&mut tables, "UpdateItem", [(update(grow), "exceeded the maximum allowed size")]);
}

#[test]
fn expressions_and_values_are_checked_first() {
    let mut tables = tables();
    let values = json!({":x": {"S": "x"}});
    let cases = [
        (json!({"UpdateExpression": "SET n = :n"}), "Invalid UpdateExpression: An expression attribute value"),
        (json!({"UpdateExpression": "REMOVE n", "ConditionExpression": "#n = #n"}), "Invalid ConditionExpression: "),
        (
            json!({"UpdateExpression": "REMOVE n", "ExpressionAttributeValues": values}),
            "unused in expressions: keys: {:x}",
        ),
        (json!({"ExpressionAttributeNames": {"#n": "n"}}), "unused in expressions: keys: {#n}"),
        (
            json!({"UpdateExpression": "SET n = :x REMOVE n", "ExpressionAttributeValues": values}),
            "Two document paths overlap",
        ),
        (
            json!({"UpdateExpression": "SET m.k = :x", "ExpressionAttributeValues": values}),
            "The document path provided in the update expression is invalid for update",
        ),
        (
            json!({"UpdateExpression": "SET n = :x", "ExpressionAttributeValues": {":x": {"SS": []}}}),
            "may not be empty",
        ),
        (json!({"ReturnValuesOnConditionCheckFailure": "ALL_NEW"}), "enum value set"),
    ];
    invalid(&mut tables, "UpdateItem", cases.map(|(members, text)| (update(members), text)));
    let number = json!({"TableName": "t", "Item": {"id": {"S": "a"}, "n": {"N": "1".repeat(39)}}});
    invalid(&mut tables, "PutItem", [(number, "38 significant digits")]);
}

#[test]
fn a_batch_writes_up_to_25_different_items() {
    let mut tables = holding(&[key("old")]);
    let put = |id: &str| json!({"PutRequest": {"Item": key(id)}});
    let delete = |id: &str| json!({"DeleteRequest": {"Key": key(id)}});
    let batch = |requests: Vec<Value>| json!({"RequestItems": {"t": requests}});
    let many = |count: usize| batch((0..count).map(|n| put(&format!("{n:02}"))).collect());
    invalid(
        &mut tables,
        "BatchWriteItem",
        [
            (many(26), "Too many items requested"),
            (batch(vec![put("a"), put("a")]), "duplicates"),
            (batch(vec![put("a"), delete("a")]), "duplicates"),
            (batch(vec![]), "greater than or equal to 1"),
            (json!({"RequestItems": {}}), "greater than or equal to 1"),
            (batch(vec![put("a"), put("")]), "empty string"),
            (batch(vec![put("a"), json!({"PutRequest": {"Item": {}}})]), "Missing the key"),
            (batch(vec![json!({})]), "either"),
            (batch(vec![json!({"PutRequest": {"Item": key("a")}, "DeleteRequest": {"Key": key("b")}})]), "either"),
            (batch(vec![json!({"PutRequest": {"Item": key("a"), "ConditionExpression": "a"}})]), "not supported"),
        ],
    );
    let answer = ok(&mut tables, "BatchWriteItem", batch(vec![put("new"), delete("old"), delete("missing")]));
    assert_eq!((answer, tables.rows("t")), (json!({"UnprocessedItems": {}}), vec![key("new")]));
    ok(&mut tables, "BatchWriteItem", many(25));
    let other = json!({"PutRequest": {"Item": {"hash": {"S": "x"}, "range": {"S": "y"}}}});
    let both = json!({"RequestItems": {"t": [put("x")], "r": [other]}});
    ok(&mut tables, "BatchWriteItem", both);
    assert_eq!((tables.rows("t").len(), tables.rows("r").len()), (27, 1));
}

fn transaction(actions: impl Serialize) -> Value {
    json!({"TransactItems": actions})
}

#[test]
fn a_transaction_does_everything_or_nothing() {
    let item = json!({"id": {"S": "a"}, "n": {"N": "1"}});
    let mut tables = holding(&[item.clone(), key("d")]);
    let put = |condition: &str| json!({"Put": {"TableName": "t", "Item": key("b"), "ConditionExpression": condition}});
    let update = |n: &str| {
        json!({"Update": {
            "TableName": "t", "Key": key("a"), "UpdateExpression": "SET n = n + :one",
            "ConditionExpression": "n = :n", "ExpressionAttributeValues": {":one": {"N": "1"}, ":n": {"N": n}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }})
    };
    let delete = json!({"Delete": {"TableName": "t", "Key": key("d")}});
    let free = "attribute_not_exists(id)";
    let check = |id| json!({"ConditionCheck": {"TableName": "t", "Key": key(id), "ConditionExpression": free}});
    let failing = json!([delete, update("2"), put("attribute_exists(id)"), check("c")]);
    let (name, body) = refused(&mut tables, "TransactWriteItems", transaction(failing));
    assert_eq!(name, "TransactionCanceledException");
    let message = "The conditional request failed";
    let expected = json!([
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": message, "Item": item},
        {"Code": "ConditionalCheckFailed", "Message": message},
        {"Code": "None"},
    ]);
    assert_eq!(body["CancellationReasons"], expected);
    let codes = "[None, ConditionalCheckFailed, ConditionalCheckFailed, None]";
    assert!(body["Message"].as_str().unwrap().ends_with(codes), "{body}");

    let holding = json!([delete, update("1"), put(free), check("c")]);
    assert_eq!(ok(&mut tables, "TransactWriteItems", transaction(holding)), json!({}));
    assert_eq!(tables.rows("t"), [json!({"id": {"S": "a"}, "n": {"N": "2"}}), key("b")]);
}

#[test]
fn a_transaction_is_sound() {
    let mut tables = tables();
    let put = |id: &str| json!({"Put": {"TableName": "t", "Item": key(id)}});
    let delete = |id: &str| json!({"Delete": {"TableName": "t", "Key": key(id)}});
    let many = |count: usize| transaction((0..count).map(|n| put(&n.to_string())).collect::<Value>());
    invalid(
        &mut tables,
        "TransactWriteItems",
        [
            (many(0), "greater than or equal to 1"),
            (many(101), "less than or equal to 100"),
            (transaction(json!([put("a"), put("b"), delete("a")])), "multiple operations on one item"),
            (transaction(json!([{}])), "only contain one"),
            (transaction(json!([{"Put": put("a")["Put"], "Delete": delete("b")["Delete"]}])), "only contain one"),
            (transaction(json!([{"ConditionCheck": {"TableName": "t", "Key": key("a")}}])), "ConditionExpression"),
            (transaction(json!([{"Update": {"TableName": "t", "Key": key("a")}}])), "UpdateExpression"),
            (transaction(json!([with_names(put("a"))])), "unused"),
            (
                transaction(json!([{"Put": {"TableName": "t", "Item": key("a"), "ReturnValues": "NONE"}}])),
                "not supported",
            ),
        ],
    );
    // The first action that is not sound cancels the transaction, before any condition is looked at.
    let fails = json!({"Delete": {"TableName": "t", "Key": key("c"), "ConditionExpression": "attribute_exists(id)"}});
    let (name, body) = refused(&mut tables, "TransactWriteItems", transaction(json!([fails, put(""), delete("")])));
    let codes: Vec<&Value> =
        body["CancellationReasons"].as_array().unwrap().iter().map(|reason| &reason["Code"]).collect();
    assert_eq!(name, "TransactionCanceledException");
    assert_eq!(codes, ["None", "ValidationError", "None"]);
    ok(&mut tables, "TransactWriteItems", many(100));
}

fn with_names(mut action: Value) -> Value {
    action["Put"]["ExpressionAttributeNames"] = json!({"#x": "x"});
    action
}

#[test]
fn a_transaction_is_carried_out_once_for_a_token() {
    let mut tables = tables();
    let count = |table: &str| {
        json!([{"Update": {
            "TableName": table, "Key": key("a"), "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": "1"}},
        }}])
    };
    let request = |token: &str, actions: Value| json!({"ClientRequestToken": token, "TransactItems": actions});
    for token in ["one", "one", "two"] {
        ok(&mut tables, "TransactWriteItems", request(token, count("t")));
    }
    assert_eq!(tables.rows("t"), [json!({"id": {"S": "a"}, "n": {"N": "2"}})]);
    let (name, _) = refused(
        &mut tables,
        "TransactWriteItems",
        request("one", json!([{"Delete": {"TableName": "t", "Key": key("b")}}])),
    );
    assert_eq!(name, "IdempotentParameterMismatchException");
    invalid(&mut tables, "TransactWriteItems", [(request(&"x".repeat(37), count("t")), "clientRequestToken")]);
}
