//! Transactions: all of their actions, or none.

use serde_json::{Value, json};

use super::{Case, with};

pub(super) fn cases() -> Vec<Case> {
    vec![atomic(), reasons(), of_the_item(), invalid(), cancelling(), sizes(), tokens()]
}

fn key(id: &str) -> Value {
    json!({"id": {"S": id}})
}

fn transaction(actions: &[Value]) -> Value {
    json!({"TransactItems": actions})
}

fn put(id: &str) -> Value {
    json!({"Put": {"TableName": "t", "Item": key(id)}})
}

fn delete(id: &str) -> Value {
    json!({"Delete": {"TableName": "t", "Key": key(id)}})
}

fn check(id: &str, condition: &str) -> Value {
    json!({"ConditionCheck": {"TableName": "t", "Key": key(id), "ConditionExpression": condition}})
}

/// Counts `n` of `a`, if it is so far.
fn count(n: &str) -> Value {
    json!({"Update": {
        "TableName": "t", "Key": key("a"), "UpdateExpression": "SET n = n + :one", "ConditionExpression": "n = :n",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":n": {"N": n}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }})
}

fn counted(n: &str) -> Value {
    json!({"id": {"S": "a"}, "n": {"N": n}})
}

fn conditional(mut action: Value, condition: &str) -> Value {
    for content in action.as_object_mut().into_iter().flatten().map(|(_, content)| content) {
        content["ConditionExpression"] = json!(condition);
    }
    action
}

fn atomic() -> Case {
    let other = json!({"device": {"S": "x"}, "message": {"S": "y"}});
    let of_other = json!({"Put": {"TableName": "r", "Item": other}});
    let actions = [
        delete("d"),
        count("1"),
        conditional(put("b"), "attribute_not_exists(id)"),
        check("c", "attribute_not_exists(id)"),
        of_other,
    ];
    Case::new("a transaction carries all of its actions out")
        .given("t", [counted("1"), key("d")])
        .answers("TransactWriteItems", transaction(&actions), json!({}))
        .holds("t", &[counted("2"), key("b")])
        .holds("r", &[other])
}

fn reasons() -> Case {
    let actions = [
        delete("d"),
        count("2"),
        conditional(put("b"), "attribute_exists(id)"),
        check("c", "attribute_not_exists(id)"),
    ];
    let reasons = json!([
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Item": counted("1")},
        {"Code": "ConditionalCheckFailed"},
        {"Code": "None"},
    ]);
    let failing = transaction(&[check("a", "attribute_not_exists(id)")]);
    Case::new("a transaction does nothing if a condition fails, and has a reason for each action")
        .given("t", [counted("1"), key("d")])
        .canceled(transaction(&actions), &reasons)
        .canceled(failing, &json!([{"Code": "ConditionalCheckFailed"}]))
        .holds("t", &[counted("1"), key("d")])
}

/// Every kind of action returns its item, and an item that is missing can't be returned.
fn of_the_item() -> Case {
    let returning = |action: Value| {
        let mut action = conditional(action, "n = :n");
        for content in action.as_object_mut().into_iter().flatten().map(|(_, content)| content) {
            content["ReturnValuesOnConditionCheckFailure"] = json!("ALL_OLD");
            content["ExpressionAttributeValues"] = json!({":n": {"N": "0"}});
        }
        action
    };
    let update = json!({"Update": {"TableName": "t", "Key": key("a"), "UpdateExpression": "REMOVE n"}});
    let case = Case::new("every kind of action returns the item that fails its condition").given("t", [counted("1")]);
    [update, put("a"), delete("a"), check("a", "")]
        .into_iter()
        .fold(case, |case, action| {
            let reasons = json!([{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": counted("1")}]);
            case.canceled(transaction(&[put("b"), returning(action)]), &reasons)
        })
        .canceled(transaction(&[returning(delete("b"))]), &json!([{"Code": "ConditionalCheckFailed"}]))
        .holds("t", &[counted("1")])
}

fn many(count: usize) -> Value {
    transaction(&(0..count).map(|n| put(&n.to_string())).collect::<Vec<_>>())
}

fn invalid() -> Case {
    let same = "Transaction request cannot include multiple operations on one item";
    let unused = with_member(put("a"), "ExpressionAttributeNames", &json!({"#x": "x"}));
    let undefined = conditional(put("a"), "n = :n");
    let bare_check = json!({"ConditionCheck": {"TableName": "t", "Key": key("a")}});
    let bare_update = json!({"Update": {"TableName": "t", "Key": key("a")}});
    let two = with(put("a"), &delete("b"));
    let transactions = [
        ("no action", many(0), "Member must have length greater than or equal to 1"),
        ("101 actions", many(101), "Member must have length less than or equal to 100"),
        ("one item twice", transaction(&[put("a"), put("b"), delete("a")]), same),
        ("one item checked and written", transaction(&[check("a", "attribute_exists(id)"), put("a")]), same),
        ("an action that is none", transaction(&[json!({})]), ""),
        ("two actions in one", transaction(&[two]), ""),
        ("a check without condition", transaction(&[bare_check]), "Member must not be null"),
        ("an update without expression", transaction(&[bare_update]), "Member must not be null"),
        (
            "a name without expression",
            transaction(&[unused]),
            "ExpressionAttributeNames can only be specified when using",
        ),
        ("an undefined value", transaction(&[undefined]), "attribute value used in expression is not defined"),
        ("an empty key", transaction(&[put("b"), put("")]), "cannot contain an empty string value. Key: id"),
        (
            "an empty key to delete",
            transaction(&[put("b"), delete("")]),
            "cannot contain an empty string value. Key: id",
        ),
        ("a long token", with(many(1), &json!({"ClientRequestToken": "x".repeat(37)})), "less than or equal to 36"),
    ];
    let case = Case::new("a transaction that can't be right is refused as a whole");
    transactions.into_iter().fold(case, |case, (label, request, message)| {
        case.invalid("TransactWriteItems", request, message).labelled(label)
    })
}

fn with_member(mut action: Value, name: &str, value: &Value) -> Value {
    for content in action.as_object_mut().into_iter().flatten().map(|(_, content)| content) {
        content[name] = value.clone();
    }
    action
}

/// What depends on a table or an item is given as a reason.
fn cancelling() -> Case {
    let of_type = json!({"Put": {"TableName": "t", "Item": {"id": {"N": "1"}}}});
    let without_key = json!({"Put": {"TableName": "t", "Item": {"n": {"N": "1"}}}});
    let of_other_key = json!({"Delete": {"TableName": "t", "Key": {"id": {"N": "1"}}}});
    let add = json!({"Update": {
        "TableName": "t", "Key": key("a"), "UpdateExpression": "ADD s :n",
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    }});
    let one = json!([{"Code": "None"}, {"Code": "ValidationError"}]);
    let item = json!({"id": {"S": "a"}, "s": {"S": "text"}});
    Case::new("an action that does not fit its table or its item cancels")
        .given("t", [item.clone()])
        .canceled(transaction(&[put("b"), of_type]), &one)
        .labelled("key of a wrong type")
        .canceled(transaction(&[put("b"), add]), &one)
        .labelled("attribute of a wrong type")
        .holds("t", &[item])
        .canceled(transaction(&[put("b"), of_other_key]), &one)
        .labelled("other key")
        .canceled(transaction(&[put("b"), without_key]), &one)
        .labelled("item without key")
}

fn sizes() -> Case {
    let items: Vec<Value> = (0..100).map(|n| key(&n.to_string())).collect();
    let large = |count: usize| {
        let item = |n| json!({"id": {"S": format!("{n}")}, "v": {"S": "x".repeat(400_000)}});
        let put = |n| json!({"Put": {"TableName": "t", "Item": item(n)}});
        transaction(&(0..count).map(put).collect::<Vec<_>>())
    };
    Case::new("a transaction has up to 100 actions, and up to 4 MB of items")
        .answers("TransactWriteItems", many(100), json!({}))
        .holds("t", &items)
        .invalid("TransactWriteItems", large(11), "Transaction request exceeds the 4")
        .answers("TransactWriteItems", large(10), json!({}))
}

fn tokens() -> Case {
    let add = json!({"Update": {
        "TableName": "t", "Key": key("a"), "UpdateExpression": "ADD n :n",
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    }});
    let request = |token: &str, action: &Value| json!({"ClientRequestToken": token, "TransactItems": [action]});
    Case::new("a transaction is carried out once for a token")
        .answers("TransactWriteItems", request("TOKEN-one", &add), json!({}))
        .answers("TransactWriteItems", request("TOKEN-one", &add), json!({}))
        .answers("TransactWriteItems", request("TOKEN-two", &add), json!({}))
        .holds("t", &[counted("2")])
        .refused("TransactWriteItems", request("TOKEN-one", &put("b")), "IdempotentParameterMismatchException", "")
        .holds("t", &[counted("2")])
}
