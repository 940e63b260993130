//! Queries of tables.

use serde_json::{Map, Value, json};

use super::{Case, used, with};

pub(super) fn cases() -> Vec<Case> {
    vec![found(), key_conditions(), pages(), starts(), filters(), selected()]
}

fn item(device: &str, message: &str) -> Value {
    json!({"device": {"S": device}, "message": {"S": message}, "n": {"N": message.len().to_string()}})
}

fn items() -> [Value; 6] {
    [("b", "1"), ("a", "2"), ("a", "10"), ("a", "é"), ("a", "1"), ("a", "z")]
        .map(|(device, message)| item(device, message))
}

/// A query of `r` with strings as values.
fn query(condition: &str, values: &Value) -> Value {
    let named = |(name, value): (&String, &Value)| (format!(":{name}"), json!({"S": value}));
    let values: Map<String, Value> = values.as_object().into_iter().flatten().map(named).collect();
    json!({"TableName": "r", "KeyConditionExpression": condition, "ExpressionAttributeValues": values})
}

fn answer(items: &[Value]) -> Value {
    json!({"Count": items.len(), "Items": items, "ScannedCount": items.len()})
}

fn found() -> Case {
    let all = ["1", "10", "2", "z", "é"];
    let conditions = [
        ("device = :d", json!({"d": "a"}), &all[..]),
        ("device = :d", json!({"d": "c"}), &[]),
        ("device = :d AND message = :m", json!({"d": "a", "m": "2"}), &["2"]),
        ("message > :m AND device = :d", json!({"d": "a", "m": "2"}), &["z", "é"]),
        (":d = device AND :m < message", json!({"d": "a", "m": "2"}), &["z", "é"]),
        ("device = :d AND message >= :m", json!({"d": "a", "m": "2"}), &["2", "z", "é"]),
        ("device = :d AND message < :m", json!({"d": "a", "m": "2"}), &["1", "10"]),
        ("device = :d AND message <= :m", json!({"d": "a", "m": "2"}), &["1", "10", "2"]),
        ("device = :d AND begins_with(message, :m)", json!({"d": "a", "m": "1"}), &["1", "10"]),
        ("device = :d AND message BETWEEN :l AND :m", json!({"d": "a", "l": "10", "m": "2"}), &["10", "2"]),
        ("device = :d AND (message = :m)", json!({"d": "a", "m": "1"}), &["1"]),
        ("(device = :d AND message = :m)", json!({"d": "a", "m": "1"}), &["1"]),
    ];
    let case = Case::new("a query finds items by their key, in its order").given("r", items());
    conditions.into_iter().fold(case, |case, (condition, values, expected)| {
        let mut expected: Vec<Value> = expected.iter().map(|message| item("a", message)).collect();
        let request = query(condition, &values);
        let reversed = with(request.clone(), &json!({"ConsistentRead": true, "ScanIndexForward": false}));
        let label = format!("{condition} {values}");
        let case = case.answers("Query", request, answer(&expected)).labelled(&label);
        expected.reverse();
        case.answers("Query", reversed, answer(&expected)).labelled(&format!("{label} backwards"))
    })
}

fn key_conditions() -> Case {
    let conditions = [
        ("message = :d", "Query condition missed key schema element: device"),
        ("device = :d AND n = :m", "Query condition missed key schema element: "),
        ("device > :d", "Query key condition not supported"),
        ("begins_with(device, :d)", "Query key condition not supported"),
        ("device BETWEEN :d AND :m", "Query key condition not supported"),
        ("device.x = :d", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("device = :d AND message <> :m", "Invalid operator used in KeyConditionExpression: <>"),
        ("device = :d AND contains(message, :m)", "Invalid operator used in KeyConditionExpression: contains"),
        (
            "device = :d AND attribute_exists(message)",
            "Invalid operator used in KeyConditionExpression: attribute_exists",
        ),
        ("device = :d OR message = :m", "Invalid operator used in KeyConditionExpression: OR"),
        ("NOT device = :d", "Invalid operator used in KeyConditionExpression: NOT"),
        ("device = :d AND message IN (:m)", "Invalid operator used in KeyConditionExpression: IN"),
        ("device = :d AND device = :m", "must only contain one condition per key"),
        ("device = :d AND message > :d AND message < :m", "must only contain one condition per key"),
        (
            "device = :d AND message = :m AND n = :m",
            "The number of query conditions (3) exceeds the number of key attributes",
        ),
        ("device = :d AND message BETWEEN :m AND :d", "greater than or equal to lower bound"),
        ("device = message", ""),
        ("size(device) = :d", ""),
        (":d = :m", ""),
        ("device = :d AND begins_with(:m, message)", ""),
        ("((device = :d))", "redundant parentheses"),
    ];
    let values = json!({":d": {"S": "a"}, ":m": {"S": "b"}});
    let case = Case::new("a key condition is of the key").given("r", items());
    let case = conditions.into_iter().fold(case, |case, (condition, message)| {
        let values = used(condition, &values);
        let request =
            json!({"TableName": "r", "KeyConditionExpression": condition, "ExpressionAttributeValues": values});
        case.invalid("Query", request, message).labelled(condition)
    });
    let of_device = query("device = :d", &json!({"d": "a"}));
    let of_both = query("device = :d AND message = :m", &json!({"d": "a", "m": ""}));
    let number = json!({"ExpressionAttributeValues": {":d": {"N": "1"}}});
    let numbers = json!({
        "KeyConditionExpression": "device = :d AND begins_with(message, :m)",
        "ExpressionAttributeValues": {":d": {"S": "a"}, ":m": {"N": "1"}},
    });
    case.invalid("Query", query("device = :d", &json!({"d": ""})), "empty string value")
        .labelled("empty partition key")
        .invalid("Query", of_both, "empty string value")
        .labelled("empty sort key")
        .invalid("Query", with(of_device.clone(), &number), "Condition parameter type does not match schema type")
        .labelled("value of another type than the key")
        .invalid("Query", with(of_device.clone(), &numbers), "Incorrect operand type")
        .labelled("start that is a number")
        .invalid("Query", query("device = :d", &json!({"d": "a", "m": "1"})), "unused in expressions: keys: {:m}")
        .labelled("unused value")
        .invalid("Query", with(of_device, &json!({"KeyConditionExpression": ""})), "can not be empty")
        .labelled("empty")
        .invalid(
            "Query",
            json!({"TableName": "r"}),
            "KeyConditionExpression parameter must be specified in the request",
        )
        .labelled("none")
        .invalid(
            "Query",
            with(query("id = :d AND message = :m", &json!({"d": "a", "m": "b"})), &json!({"TableName": "t"})),
            "The number of query conditions (2) exceeds the number of key attributes",
        )
        .labelled("two conditions of a partition key alone")
}

fn pages() -> Case {
    let of_a = query("device = :d", &json!({"d": "a"}));
    let limited = |limit: usize| with(of_a.clone(), &json!({"Limit": limit}));
    let backwards = with(limited(2), &json!({"ScanIndexForward": false}));
    let all = ["1", "10", "2", "z", "é"].map(|message| item("a", message)).to_vec();
    let reversed: Vec<Value> = all.iter().rev().cloned().collect();
    Case::new("pages of a query go on where the last one ended")
        .given("r", items())
        .pages("Query", limited(2), [2, 2, 1], &all)
        .pages("Query", backwards, [2, 2, 1], &reversed)
        .pages("Query", limited(5), [5, 0], &all)
        .pages("Query", limited(6), [5], &all)
        .invalid("Query", limited(0), "Member must have value greater than or equal to 1")
}

fn starts() -> Case {
    let after = |start: Value| with(query("device = :d", &json!({"d": "a"})), &json!({"ExclusiveStartKey": start}));
    let key = |device: &str, message: &str| json!({"device": {"S": device}, "message": {"S": message}});
    let narrow = query("device = :d AND message < :m", &json!({"d": "a", "m": "2"}));
    Case::new("a query starts behind a key within its bounds")
        .given("r", items())
        .answers("Query", after(key("a", "2")), answer(&[item("a", "z"), item("a", "é")]))
        .answers("Query", after(key("a", "5")), answer(&[item("a", "z"), item("a", "é")]))
        .invalid("Query", after(key("b", "2")), "starting key")
        .invalid(
            "Query",
            with(narrow, &json!({"ExclusiveStartKey": key("a", "3")})),
            "The provided starting key does not match the range key predicate",
        )
        .invalid("Query", after(json!({"device": {"S": "a"}})), "The provided starting key is invalid")
        .invalid("Query", after(with(key("a", "1"), &json!({"n": {"N": "1"}}))), "The provided starting key is invalid")
        .labelled("further attribute")
}

fn filters() -> Case {
    let filter = json!({
        "FilterExpression": "n = :n", "Limit": 3,
        "ExpressionAttributeValues": {":d": {"S": "a"}, ":n": {"N": "1"}},
    });
    let request = with(query("device = :d", &json!({})), &filter);
    let last = json!({"device": {"S": "a"}, "message": {"S": "2"}});
    let found = json!([item("a", "1"), item("a", "2")]);
    let of_key = with(
        query("device = :d", &json!({"d": "a"})),
        &json!({"FilterExpression": "attribute_exists(n) OR NOT size(message) IN (:d)"}),
    );
    Case::new("a filter takes from what a query has read")
        .given("r", items())
        .answers(
            "Query",
            request.clone(),
            json!({"Count": 2, "Items": found, "LastEvaluatedKey": last, "ScannedCount": 3}),
        )
        .answers(
            "Query",
            with(request, &json!({"Select": "COUNT"})),
            json!({"Count": 2, "LastEvaluatedKey": last, "ScannedCount": 3}),
        )
        .invalid(
            "Query",
            of_key,
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: message",
        )
        .labelled("filter of the key")
}

fn selected() -> Case {
    let of_b = |members: &Value| with(query("device = :d", &json!({"d": "b"})), members);
    let part = json!({"ProjectionExpression": "n", "Select": "SPECIFIC_ATTRIBUTES"});
    let counted = json!({"ProjectionExpression": "n", "Select": "COUNT"});
    Case::new("a query gives a part of its items")
        .given("r", items())
        .answers("Query", of_b(&part), answer(&[json!({"n": {"N": "1"}})]))
        .answers("Query", of_b(&json!({"ProjectionExpression": "absent"})), answer(&[json!({})]))
        .answers("Query", of_b(&json!({"Select": "ALL_ATTRIBUTES"})), answer(&[item("b", "1")]))
        .invalid("Query", of_b(&counted), "choosing to get only the Count")
}
