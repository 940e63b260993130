//! Single writes and their conditions.

use serde_json::{Value, json};

use super::{Case, with};

pub(super) fn cases() -> Vec<Case> {
    vec![replaced_and_deleted(), failing(), of_a_missing_item(), fulfilled(), unknown_tables(), required_members()]
}

fn key(id: &str) -> Value {
    json!({"id": {"S": id}})
}

fn replaced_and_deleted() -> Case {
    let item = |n: &str| json!({"id": {"S": "a"}, "n": {"N": n}});
    let put = |n: &str| json!({"TableName": "t", "Item": item(n), "ReturnValues": "ALL_OLD"});
    let delete = json!({"TableName": "t", "Key": key("a"), "ReturnValues": "ALL_OLD"});
    let other = json!({"TableName": "t", "Key": key("a"), "ReturnValues": "ALL_NEW"});
    Case::new("items are put, replaced and deleted")
        .answers("PutItem", put("1"), json!({}))
        .answers("PutItem", put("2.0"), json!({"Attributes": item("1")}))
        .holds("t", &[item("2")])
        .invalid("DeleteItem", other, "ReturnValues can only be ALL_OLD or NONE")
        .answers("DeleteItem", delete.clone(), json!({"Attributes": item("2")}))
        .answers("DeleteItem", delete, json!({}))
        .holds("t", &[])
}

/// Writes of `a`.
fn writes() -> [(&'static str, Value); 3] {
    [
        ("UpdateItem", json!({"TableName": "t", "Key": key("a")})),
        ("DeleteItem", json!({"TableName": "t", "Key": key("a")})),
        ("PutItem", json!({"TableName": "t", "Item": key("a")})),
    ]
}

fn failing() -> Case {
    let item = json!({"id": {"S": "a"}, "n": {"N": "1"}, "m": {"M": {"k": {"S": "v"}}}});
    let case = Case::new("a condition that fails leaves the item, and may return it").given("t", [item.clone()]);
    let case = writes().into_iter().fold(case, |case, (operation, request)| {
        let condition = |returned: &str| {
            json!({
                "ConditionExpression": "attribute_not_exists(#n)", "ExpressionAttributeNames": {"#n": "n"},
                "ReturnValuesOnConditionCheckFailure": returned,
            })
        };
        case.condition_fails(operation, with(request.clone(), &condition("NONE")), None).condition_fails(
            operation,
            with(request, &condition("ALL_OLD")),
            Some(item.clone()),
        )
    });
    let wrong = json!({"ReturnValuesOnConditionCheckFailure": "ALL_NEW"});
    let [(operation, request), ..] = writes();
    case.holds("t", &[item]).invalid(operation, with(request, &wrong), "enum value set").labelled("ALL_NEW")
}

fn of_a_missing_item() -> Case {
    let case = Case::new("an item that is missing has no attributes, and can't be returned");
    let case = writes().into_iter().fold(case, |case, (operation, request)| {
        let condition = json!({
            "ConditionExpression": "attribute_exists(id)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        case.condition_fails(operation, with(request, &condition), None)
    });
    case.holds("t", &[])
}

fn fulfilled() -> Case {
    let item = json!({"id": {"S": "a"}, "n": {"N": "1"}});
    writes().into_iter().fold(Case::new("a condition that holds lets the write pass"), |case, (operation, request)| {
        let condition = json!({
            "ConditionExpression": "attribute_exists(id) AND n = :n", "ExpressionAttributeValues": {":n": {"N": "1.0"}},
            "ReturnValues": "ALL_OLD",
        });
        case.given("t", [item.clone()]).answers(operation, with(request, &condition), json!({"Attributes": item}))
    })
}

fn of_table(table: &str) -> [(&'static str, Value); 9] {
    let query = json!({"KeyConditionExpression": "id = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}});
    let keys = json!({"Keys": [key("a")]});
    let delete = json!({"Delete": {"TableName": table, "Key": key("a")}});
    [
        ("GetItem", json!({"TableName": table, "Key": key("a")})),
        ("PutItem", json!({"TableName": table, "Item": key("a")})),
        ("UpdateItem", json!({"TableName": table, "Key": key("a")})),
        ("DeleteItem", json!({"TableName": table, "Key": key("a")})),
        ("Query", with(query, &json!({"TableName": table}))),
        ("Scan", json!({"TableName": table})),
        ("BatchGetItem", json!({"RequestItems": {table: keys}})),
        ("BatchWriteItem", json!({"RequestItems": {table: [{"DeleteRequest": {"Key": key("a")}}]}})),
        ("TransactWriteItems", json!({"TransactItems": [delete]})),
    ]
}

fn unknown_tables() -> Case {
    let case =
        of_table("nowhere").into_iter().fold(Case::new("a table has to be there"), |case, (operation, request)| {
            case.refused(operation, request, "ResourceNotFoundException", "Requested resource not found")
        });
    case.refused("DropItem", json!({}), "UnknownOperationException", "")
}

fn required_members() -> Case {
    let case = Case::new("a request names its table and its key");
    let null = "Member must not be null";
    let case = of_table("t").into_iter().take(6).fold(case, |case, (operation, request)| {
        case.invalid(operation, with(request, &json!({"TableName": null})), null)
    });
    let bare = json!({"TableName": "t"});
    ["GetItem", "PutItem", "UpdateItem", "DeleteItem"]
        .into_iter()
        .fold(case, |case, operation| case.invalid(operation, bare.clone(), ""))
        .invalid("BatchGetItem", json!({}), "")
        .invalid("BatchWriteItem", json!({}), "")
        .invalid("TransactWriteItems", json!({}), "")
        .holds("t", &[])
}
