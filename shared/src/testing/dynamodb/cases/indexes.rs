//! Global secondary indexes.

use serde_json::{Value, json};

use super::{Case, with};

pub(super) fn cases() -> Vec<Case> {
    vec![members(), unknown(), pages(), starts(), filters(), keys(), keys_of_batches(), numbers()]
}

fn item(device: &str, message: &str, kind: Option<&str>) -> Value {
    let item = json!({"device": {"S": device}, "message": {"S": message}});
    kind.map_or_else(|| item.clone(), |kind| with(item.clone(), &json!({"kind": {"S": kind}})))
}

/// The items of kind `k` have no order among those of one message.
fn items() -> Vec<Value> {
    vec![
        item("b", "1", Some("k")),
        item("a", "3", Some("k")),
        item("c", "2", Some("k")),
        item("a", "2", None),
        item("a", "4", Some("k")),
        item("a", "5", Some("other")),
    ]
}

fn query(members: &Value) -> Value {
    let query = json!({
        "TableName": "r", "IndexName": "byKind", "KeyConditionExpression": "kind = :k",
        "ExpressionAttributeValues": {":k": {"S": "k"}},
    });
    with(query, members)
}

fn answer(items: &[Value]) -> Value {
    json!({"Count": items.len(), "Items": items, "ScannedCount": items.len()})
}

fn in_order() -> Vec<Value> {
    vec![item("b", "1", Some("k")), item("c", "2", Some("k")), item("a", "3", Some("k")), item("a", "4", Some("k"))]
}

fn members() -> Case {
    let range = |condition: &str| {
        query(&json!({
            "KeyConditionExpression": format!("kind = :k AND {condition}"),
            "ExpressionAttributeValues": {":k": {"S": "k"}, ":m": {"S": "3"}},
        }))
    };
    let of = |n: &[usize]| answer(&n.iter().filter_map(|n| in_order().get(*n).cloned()).collect::<Vec<_>>());
    let mut reversed = in_order();
    reversed.reverse();
    let leave = json!({
        "TableName": "r", "Key": item("c", "2", None), "UpdateExpression": "REMOVE kind",
    });
    let enter = json!({
        "TableName": "r", "Key": item("c", "2", None), "UpdateExpression": "SET kind = :k",
        "ExpressionAttributeValues": {":k": {"S": "k"}},
    });
    Case::new("an index holds the items that have its key, in its order")
        .given("r", items())
        .answers("Query", query(&json!({})), answer(&in_order()))
        .answers("Query", query(&json!({"ScanIndexForward": false})), answer(&reversed))
        .answers("Query", range("message = :m"), of(&[2]))
        .answers("Query", range("message < :m"), of(&[0, 1]))
        .answers("Query", range("message >= :m"), of(&[2, 3]))
        .answers("Query", range("begins_with(message, :m)"), of(&[2]))
        .answers("Query", range("message BETWEEN :m AND :m"), of(&[2]))
        .answers("UpdateItem", leave, json!({}))
        .answers("Query", query(&json!({})), of(&[0, 2, 3]))
        .answers("UpdateItem", enter, json!({}))
        .answers("Query", query(&json!({})), answer(&in_order()))
}

fn unknown() -> Case {
    let consistent = query(&json!({"ConsistentRead": true}));
    let wrong_type = query(&json!({"ExpressionAttributeValues": {":k": {"N": "1"}}}));
    Case::new("a query of an index is of its key, and is never consistent")
        .given("r", items())
        .invalid("Query", query(&json!({"IndexName": null})), "Query condition missed key schema element: device")
        .invalid("Query", query(&json!({"IndexName": "byNothing"})), "does not have the specified index: byNothing")
        .invalid("Query", consistent, "Consistent reads are not supported on global secondary indexes")
        .invalid("Query", wrong_type, "Condition parameter type does not match schema type")
        .answers("Query", query(&json!({"ConsistentRead": false})), answer(&in_order()))
}

fn pages() -> Case {
    let limited = |limit: usize| query(&json!({"Limit": limit}));
    let last = json!({"device": {"S": "c"}, "kind": {"S": "k"}, "message": {"S": "2"}});
    let first = in_order().into_iter().take(2).collect::<Vec<_>>();
    Case::new("pages of an index end with the keys of the index and of the table")
        .given("r", items())
        .pages("Query", limited(2), [2, 2, 0], &in_order())
        .pages("Query", limited(3), [3, 1], &in_order())
        .answers("Query", limited(2), with(answer(&first), &json!({"LastEvaluatedKey": last})))
}

fn starts() -> Case {
    let after = |start: Value| query(&json!({"ExclusiveStartKey": start}));
    let key = json!({"device": {"S": "c"}, "kind": {"S": "k"}, "message": {"S": "2"}});
    let rest = in_order().into_iter().skip(2).collect::<Vec<_>>();
    Case::new("a query of an index starts behind a key, whether its item is there or not")
        .given("r", items())
        .answers("Query", after(key.clone()), answer(&rest))
        .answers("DeleteItem", json!({"TableName": "r", "Key": item("c", "2", None)}), json!({}))
        .answers("Query", after(key.clone()), answer(&rest))
        .invalid("Query", after(item("c", "2", None)), "The provided starting key is invalid")
        .invalid("Query", after(with(key.clone(), &json!({"n": {"N": "1"}}))), "The provided starting key is invalid")
        .labelled("further attribute")
        .invalid("Query", after(with(key, &json!({"kind": {"S": "other"}}))), "starting key")
}

/// Of several items with one key of the index, the next page starts behind the last one.
fn filters() -> Case {
    let item = |id: &str, n: &str| json!({"id": {"S": id}, "keeper": {"S": "k"}, "n": {"N": n}});
    let query = |members: &Value| {
        let query = json!({
            "TableName": "t", "IndexName": "byKeeper", "KeyConditionExpression": "keeper = :k",
            "ExpressionAttributeValues": {":k": {"S": "k"}}, "ProjectionExpression": "n",
        });
        with(query, members)
    };
    let filter = json!({
        "FilterExpression": "n > :n", "ExpressionAttributeValues": {":k": {"S": "k"}, ":n": {"N": "0"}},
        "Select": "COUNT", "ProjectionExpression": null,
    });
    let of_key = json!({
        "FilterExpression": "n > :n AND attribute_exists(keeper)",
        "ExpressionAttributeValues": {":k": {"S": "k"}, ":n": {"N": "0"}},
    });
    let of_table_key = json!({
        "FilterExpression": "id <> :k", "ProjectionExpression": "id",
    });
    let n = json!({"n": {"N": "1"}});
    let three = answer(&[json!({"id": {"S": "a"}}), json!({"id": {"S": "b"}}), json!({"id": {"S": "c"}})]);
    Case::new("items with one key of an index are filtered, paged and projected")
        .given("t", ["a", "b", "c"].map(|id| item(id, "1")))
        .pages("Query", query(&json!({"Limit": 1})), [1, 1, 1, 0], &vec![n; 3])
        .answers("Query", query(&filter), json!({"Count": 3, "ScannedCount": 3}))
        .invalid("Query", query(&of_key), "non-primary key attributes: Primary key attribute: keeper")
        .labelled("filter of the index's key")
        .answers("Query", query(&of_table_key), three)
}

fn keys() -> Case {
    let before = json!({"id": {"S": "a"}, "keeper": {"S": "o"}});
    let values = [
        ("number", json!({"N": "1"}), "Type mismatch for Index Key keeper Expected: S Actual: N IndexName: byKeeper"),
        (
            "null",
            json!({"NULL": true}),
            "Type mismatch for Index Key keeper Expected: S Actual: NULL IndexName: byKeeper",
        ),
        ("empty", json!({"S": ""}), "cannot contain an empty string value"),
        ("too long", json!({"S": "x".repeat(2049)}), "2048 bytes"),
    ];
    let case = Case::new("keys of an index are filled strings, or missing").given("t", [before.clone()]);
    let case = values.into_iter().fold(case, |case, (label, value, message)| {
        let put = json!({"TableName": "t", "Item": {"id": {"S": "a"}, "keeper": value}});
        let set = json!({
            "TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": "SET keeper = :k",
            "ExpressionAttributeValues": {":k": value},
        });
        case.invalid("PutItem", put, message)
            .labelled(&format!("{label} put"))
            .invalid("UpdateItem", set, message)
            .labelled(&format!("{label} set"))
    });
    let remove = json!({"TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": "REMOVE keeper"});
    case.given("t", [before]).answers("UpdateItem", remove, json!({})).holds("t", &[json!({"id": {"S": "a"}})])
}

fn keys_of_batches() -> Case {
    let mismatch = "Type mismatch for Index Key keeper Expected: S Actual: N IndexName: byKeeper";
    let item = |value: Value| json!({"id": {"S": "a"}, "keeper": value});
    let batch = json!({"RequestItems": {"t": [{"PutRequest": {"Item": item(json!({"N": "1"}))}}]}});
    let put = |value: Value| json!({"TransactItems": [{"Put": {"TableName": "t", "Item": item(value)}}]});
    let update = json!({"TransactItems": [{"Update": {
        "TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": "SET keeper = :k",
        "ExpressionAttributeValues": {":k": {"N": "1"}},
    }}]});
    Case::new("batches and transactions keep to the keys of indexes")
        .invalid("BatchWriteItem", batch, mismatch)
        .canceled(put(json!({"N": "1"})), &json!([{"Code": "ValidationError"}]))
        .canceled(update, &json!([{"Code": "ValidationError"}]))
        .invalid("TransactWriteItems", put(json!({"S": ""})), "IndexName: byKeeper, IndexKey: keeper")
        .holds("t", &[])
}

fn numbers() -> Case {
    let item = |id: &str, seq: &str| json!({"id": {"S": id}, "seq": {"N": seq}});
    let query = json!({
        "TableName": "n", "IndexName": "bySeq", "KeyConditionExpression": "seq = :seq",
        "ExpressionAttributeValues": {":seq": {"N": "10.00"}},
    });
    Case::new("an index may turn the key of its table around")
        .given("n", [item("b", "10"), item("a", "1e1"), item("a", "9")])
        .answers("Query", query, answer(&[item("a", "10"), item("b", "10")]))
        .labelled("Query")
}
