//! Rows that several writers change under a revision, and that a sparse index finds while something is to be confirmed.

use serde_json::{Value, json};

use super::{Case, with};

pub(super) fn cases() -> Vec<Case> {
    vec![optimistic_lock(), members_of_a_map(), sparse_index(), order_of_the_index(), keys_of_the_index()]
}

fn update(id: &str, members: &Value) -> Value {
    with(json!({"TableName": "u", "Key": {"registrationId": {"S": id}}, "ReturnValues": "ALL_NEW"}), members)
}

/// Writes a row that has this revision, or a new one, and raises the revision.
fn revised(before: Option<&str>, set: &str) -> Value {
    let values = json!({":one": {"N": "1"}, ":nought": {"N": "0"}, ":set": {"S": set}});
    let of_revision = match before {
        None => json!({
            "ConditionExpression": "attribute_not_exists(#id)", "ExpressionAttributeValues": values,
            "ExpressionAttributeNames": {"#id": "registrationId", "#revision": "revision"},
        }),
        Some(before) => json!({
            "ConditionExpression": "#revision = :before",
            "ExpressionAttributeValues": with(values, &json!({":before": {"N": before}})),
            "ExpressionAttributeNames": {"#revision": "revision"},
        }),
    };
    let update = json!({
        "UpdateExpression": "SET decision = :set, #revision = if_not_exists(#revision, :nought) + :one",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    with(update, &of_revision)
}

fn row(decision: &str, revision: &str) -> Value {
    json!({"registrationId": {"S": "x"}, "decision": {"S": decision}, "revision": {"N": revision}})
}

fn optimistic_lock() -> Case {
    Case::new("a revision keeps writers apart")
        .answers("UpdateItem", update("x", &revised(None, "one")), json!({"Attributes": row("one", "1")}))
        .condition_fails("UpdateItem", update("x", &revised(None, "two")), Some(row("one", "1")))
        .answers("UpdateItem", update("x", &revised(Some("1"), "two")), json!({"Attributes": row("two", "2")}))
        .condition_fails("UpdateItem", update("x", &revised(Some("1"), "three")), Some(row("two", "2")))
        .condition_fails("UpdateItem", update("y", &revised(Some("1"), "three")), None)
        .holds("u", &[row("two", "2")])
}

fn members_of_a_map() -> Case {
    let names = json!({"#intents": "intents", "#id": "3f1c-0d5b"});
    let intents = |intents: Value| json!({"registrationId": {"S": "x"}, "intents": {"M": intents}});
    let set = |members: &Value| update("x", &with(json!({"ExpressionAttributeNames": names}), members));
    let add = json!({
        "UpdateExpression": "SET #intents.#id = :intent", "ConditionExpression": "attribute_not_exists(#intents.#id)",
        "ExpressionAttributeValues": {":intent": {"M": {"status": {"S": "ACTIVE"}, "tries": {"N": "0"}}}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    let raise = json!({
        "UpdateExpression": "SET #intents.#id.tries = #intents.#id.tries + :one, seen = :one",
        "ConditionExpression": "attribute_exists(#intents.#id)", "ExpressionAttributeValues": {":one": {"N": "1"}},
    });
    let remove = json!({
        "UpdateExpression": "REMOVE #intents.#id, seen", "ConditionExpression": "#intents.#id.tries = :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    });
    let start = json!({
        "UpdateExpression": "SET intents = if_not_exists(intents, :none)",
        "ExpressionAttributeValues": {":none": {"M": {}}},
    });
    let intent = |tries: &str| json!({"3f1c-0d5b": {"M": {"status": {"S": "ACTIVE"}, "tries": {"N": tries}}}});
    let raised = with(intents(intent("1")), &json!({"seen": {"N": "1"}}));
    Case::new("members of a map are set, changed and removed one by one")
        .invalid("UpdateItem", set(&add), "document path provided in the update expression is invalid")
        .answers("UpdateItem", update("x", &start), json!({"Attributes": intents(json!({}))}))
        .answers("UpdateItem", set(&add), json!({"Attributes": intents(intent("0"))}))
        .condition_fails("UpdateItem", set(&add), Some(intents(intent("0"))))
        .answers("UpdateItem", update("x", &start), json!({"Attributes": intents(intent("0"))}))
        .answers("UpdateItem", set(&raise), json!({"Attributes": raised}))
        .answers("UpdateItem", set(&remove), json!({"Attributes": intents(json!({}))}))
        .condition_fails("UpdateItem", set(&remove), None)
}

fn unconfirmed(id: &str, since: &str) -> Value {
    json!({"registrationId": {"S": id}, "unconfirmed": {"S": "7"}, "since": {"S": since}})
}

fn of_index(members: &Value) -> Value {
    let query = json!({
        "TableName": "u", "IndexName": "byUnconfirmed", "KeyConditionExpression": "#unconfirmed = :shard",
        "ExpressionAttributeNames": {"#unconfirmed": "unconfirmed"},
        "ExpressionAttributeValues": {":shard": {"S": "7"}},
    });
    with(query, members)
}

fn answer(rows: &[Value]) -> Value {
    json!({"Count": rows.len(), "Items": rows, "ScannedCount": rows.len()})
}

fn sparse_index() -> Case {
    let mark = |id: &str, since: &str| {
        update(
            id,
            &json!({
                "UpdateExpression": "SET #unconfirmed = :shard, #since = if_not_exists(#since, :since)",
                "ExpressionAttributeNames": {"#unconfirmed": "unconfirmed", "#since": "since"},
                "ExpressionAttributeValues": {":shard": {"S": "7"}, ":since": {"S": since}},
            }),
        )
    };
    let confirm = |id: &str| {
        update(
            id,
            &json!({
                "UpdateExpression": "REMOVE #unconfirmed, #since",
                "ConditionExpression": "attribute_exists(#unconfirmed)",
                "ExpressionAttributeNames": {"#unconfirmed": "unconfirmed", "#since": "since"},
            }),
        )
    };
    let marked = |id: &str, since: &str| json!({"Attributes": unconfirmed(id, since)});
    let free = json!({"registrationId": {"S": "x"}});
    Case::new("a row is in a sparse index while it has the index's attributes")
        .answers("UpdateItem", mark("x", "2026-11-02"), marked("x", "2026-11-02"))
        .answers("UpdateItem", mark("y", "2026-11-01"), marked("y", "2026-11-01"))
        .answers("UpdateItem", mark("x", "2026-11-03"), marked("x", "2026-11-02"))
        .answers(
            "Query",
            of_index(&json!({})),
            answer(&[unconfirmed("y", "2026-11-01"), unconfirmed("x", "2026-11-02")]),
        )
        .answers("UpdateItem", confirm("x"), json!({"Attributes": free}))
        .condition_fails("UpdateItem", confirm("x"), None)
        .answers("Query", of_index(&json!({})), answer(&[unconfirmed("y", "2026-11-01")]))
        .answers("DeleteItem", json!({"TableName": "u", "Key": {"registrationId": {"S": "y"}}}), json!({}))
        .answers("Query", of_index(&json!({})), answer(&[]))
        .holds("u", &[free])
}

fn order_of_the_index() -> Case {
    let rows = [unconfirmed("c", "2026-11-01"), unconfirmed("a", "2026-11-02"), unconfirmed("b", "2026-11-03")];
    let half = json!({"registrationId": {"S": "h"}, "unconfirmed": {"S": "7"}});
    let other = json!({"registrationId": {"S": "o"}, "unconfirmed": {"S": "8"}, "since": {"S": "2026-11-01"}});
    let until = json!({
        "KeyConditionExpression": "#unconfirmed = :shard AND #since <= :until",
        "ExpressionAttributeNames": {"#unconfirmed": "unconfirmed", "#since": "since"},
        "ExpressionAttributeValues": {":shard": {"S": "7"}, ":until": {"S": "2026-11-02"}},
    });
    let last = json!({
        "registrationId": {"S": "a"}, "unconfirmed": {"S": "7"}, "since": {"S": "2026-11-02"},
    });
    let [first, second, third] = rows.clone();
    let page = with(answer(&[first.clone(), second.clone()]), &json!({"LastEvaluatedKey": last}));
    Case::new("rows of a sparse index are in the order of its sort key")
        .given("u", [third.clone(), first.clone(), half, second.clone(), other])
        .answers("Query", of_index(&json!({})), answer(&rows))
        .answers("Query", of_index(&until), answer(&[first, second]))
        .answers("Query", of_index(&json!({"Limit": 2})), page)
        .answers("Query", of_index(&json!({"ExclusiveStartKey": last})), answer(&[third]))
        .pages("Query", of_index(&json!({"Limit": 1})), [1, 1, 1, 0], &rows)
        .invalid("Query", of_index(&json!({"ConsistentRead": true})), "Consistent reads are not supported")
}

fn keys_of_the_index() -> Case {
    let set = |name: &str, value: &Value| {
        update(
            "x",
            &json!({
                "UpdateExpression": "SET #name = :value", "ExpressionAttributeNames": {"#name": name},
                "ExpressionAttributeValues": {":value": value},
            }),
        )
    };
    Case::new("what the index can't take is refused")
        .invalid("UpdateItem", set("unconfirmed", &json!({"N": "7"})), "Type mismatch for Index Key unconfirmed")
        .invalid("UpdateItem", set("unconfirmed", &json!({"BOOL": true})), "Type mismatch for Index Key unconfirmed")
        .invalid("UpdateItem", set("since", &json!({"N": "1"})), "Type mismatch for Index Key since")
        .invalid("UpdateItem", set("since", &json!({"S": ""})), "cannot contain an empty string value")
        .holds("u", &[])
}
