//! Single reads, batches, queries and scans.

use serde_json::{Map, Value, json};

use super::{holding, invalid, ok, tables};
use crate::testing::dynamodb::Tables;

/// `r` with rows of the hash keys `a` and `b`; every second one is in the index.
fn rows() -> Tables {
    let mut tables = tables();
    for (hash, range) in [("b", "1"), ("a", "2"), ("a", "10"), ("a", "é"), ("a", "1"), ("a", "z")] {
        let mut item = json!({"hash": {"S": hash}, "range": {"S": range}, "n": {"N": range.len().to_string()}});
        if range != "z" && range != "2" {
            item["kind"] = json!({"S": "k"});
        }
        ok(&mut tables, "PutItem", json!({"TableName": "r", "Item": item}));
    }
    tables
}

fn key(hash: &str, range: &str) -> Value {
    json!({"hash": {"S": hash}, "range": {"S": range}})
}

/// A query or a scan of `r`, with further members.
fn request(members: &Value) -> Value {
    let mut request = json!({"TableName": "r"});
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    request
}

fn query(condition: &str, values: &Value) -> Value {
    let named = |(name, value): (&String, &Value)| (format!(":{name}"), json!({"S": value}));
    let values: Map<String, Value> = values.as_object().unwrap().iter().map(named).collect();
    request(&json!({"KeyConditionExpression": condition, "ExpressionAttributeValues": values}))
}

fn keys(answer: &Value) -> Vec<String> {
    let key = |item: &Value| format!("{}{}", item["hash"]["S"].as_str().unwrap(), item["range"]["S"].as_str().unwrap());
    answer["Items"].as_array().unwrap().iter().map(key).collect()
}

#[test]
fn an_item_is_read_whole_or_in_part() {
    let item = json!({"id": {"S": "a"}, "m": {"M": {"k": {"S": "v"}, "o": {"S": "o"}}}});
    let mut tables = holding(std::slice::from_ref(&item));
    let get = |id: &str| json!({"TableName": "t", "Key": {"id": {"S": id}}, "ConsistentRead": true});
    assert_eq!(ok(&mut tables, "GetItem", get("a")), json!({"Item": item}));
    assert_eq!(ok(&mut tables, "GetItem", get("b")), json!({}));
    let mut part = get("a");
    part["ProjectionExpression"] = json!("#m.k, missing");
    invalid(&mut tables, "GetItem", [(part.clone(), "attribute name: #m")]);
    part["ExpressionAttributeNames"] = json!({"#m": "m"});
    assert_eq!(ok(&mut tables, "GetItem", part), json!({"Item": {"m": {"M": {"k": {"S": "v"}}}}}));
}

#[test]
fn a_batch_reads_up_to_100_different_items() {
    let id = |id: &str| json!({"id": {"S": id}});
    let mut tables = holding(&[id("a"), json!({"id": {"S": "b"}, "n": {"N": "1"}})]);
    let batch = |keys: Vec<Value>| {
        let of_table = json!({"ConsistentRead": true, "Keys": keys, "ProjectionExpression": "id"});
        json!({"RequestItems": {"t": of_table}})
    };
    let many = |count: usize| batch((0..count).map(|n| id(&n.to_string())).collect());
    let answer = ok(&mut tables, "BatchGetItem", batch(vec![id("b"), id("c"), id("a")]));
    assert_eq!(answer, json!({"Responses": {"t": [id("a"), id("b")]}, "UnprocessedKeys": {}}));
    ok(&mut tables, "BatchGetItem", many(100));
    invalid(
        &mut tables,
        "BatchGetItem",
        [
            (many(101), "Too many items"),
            (many(0), "greater than or equal to 1"),
            (json!({"RequestItems": {}}), "greater than or equal to 1"),
            (batch(vec![id("a"), id("a")]), "duplicates"),
            (batch(vec![id("")]), "empty string"),
            (batch(vec![json!({"x": {"S": "a"}})]), "does not match the schema"),
            (json!({"RequestItems": {"t": {"Keys": [id("a")], "AttributesToGet": ["id"]}}}), "not supported"),
        ],
    );
}

#[test]
fn a_query_finds_items_by_their_key() {
    let mut tables = rows();
    let all = ["a1", "a10", "a2", "az", "aé"];
    let cases = [
        ("hash = :h", json!({"h": "a"}), &all[..]),
        ("hash = :h", json!({"h": "c"}), &[]),
        ("hash = :h AND range = :r", json!({"h": "a", "r": "2"}), &["a2"]),
        ("range > :r AND hash = :h", json!({"h": "a", "r": "2"}), &["az", "aé"]),
        ("hash = :h AND range >= :r", json!({"h": "a", "r": "2"}), &["a2", "az", "aé"]),
        ("hash = :h AND range < :r", json!({"h": "a", "r": "2"}), &["a1", "a10"]),
        ("hash = :h AND range <= :r", json!({"h": "a", "r": "2"}), &["a1", "a10", "a2"]),
        ("hash = :h AND begins_with(range, :r)", json!({"h": "a", "r": "1"}), &["a1", "a10"]),
        ("hash = :h AND range BETWEEN :l AND :r", json!({"h": "a", "l": "10", "r": "2"}), &["a10", "a2"]),
        ("hash = :h AND (range = :r)", json!({"h": "b", "r": "1"}), &["b1"]),
    ];
    for (condition, values, expected) in cases {
        let mut request = query(condition, &values);
        let answer = ok(&mut tables, "Query", request.clone());
        assert_eq!(keys(&answer), expected, "{condition}");
        assert_eq!((&answer["Count"], answer.get("LastEvaluatedKey")), (&json!(expected.len()), None), "{condition}");
        request["ScanIndexForward"] = json!(false);
        request["ConsistentRead"] = json!(true);
        let reversed: Vec<&str> = expected.iter().rev().copied().collect();
        assert_eq!(keys(&ok(&mut tables, "Query", request)), reversed, "{condition}");
    }
}

#[test]
fn a_key_condition_is_of_the_key() {
    let mut tables = rows();
    let h = json!({"h": "a"});
    let hr = json!({"h": "a", "r": "1"});
    let cases = [
        (query("range = :h", &h), "missed key schema element: hash"),
        (query("hash = :h AND n = :r", &hr), "missed key schema element: range"),
        (query("hash > :h", &h), "not supported"),
        (query("begins_with(hash, :h)", &h), "not supported"),
        (query("hash.x = :h", &h), "not supported"),
        (query("hash = n", &json!({"h": "a"})), "unused"),
        (query("hash = :h AND range = n", &h), "not supported"),
        (query("hash = :h AND range <> :r", &hr), "Invalid operator"),
        (query("hash = :h AND contains(range, :r)", &hr), "Invalid operator"),
        (query("hash = :h OR range = :r", &hr), "Invalid operator"),
        (query("NOT hash = :h", &h), "Invalid operator"),
        (query("hash = :h AND range > :r AND range < :z", &json!({"h": "a", "r": "1", "z": "2"})), "Invalid operator"),
        (query("hash = :h AND hash = :r", &hr), "one condition per key"),
        (query("hash = :h", &json!({"h": ""})), "empty string"),
        (query("hash = :h AND begins_with(range, :r)", &json!({"h": "a", "r": ""})), "empty string"),
        (request(&json!({})), "KeyConditionExpression parameter must be specified"),
        (
            request(&json!({"KeyConditionExpression": "hash = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}})),
            "type does not match schema type",
        ),
    ];
    invalid(&mut tables, "Query", cases);
    let mut request = query("id = :h AND range = :r", &hr);
    request["TableName"] = json!("t");
    invalid(&mut tables, "Query", [(request, "not supported")]);
}

#[test]
fn an_index_holds_what_has_its_keys() {
    let mut tables = rows();
    let mut request = query("kind = :k", &json!({"k": "k"}));
    invalid(&mut tables, "Query", [(request.clone(), "missed key schema element: hash")]);
    request["IndexName"] = json!("byNothing");
    invalid(&mut tables, "Query", [(request.clone(), "does not have the specified index: byNothing")]);
    request["IndexName"] = json!("byKind");
    assert_eq!(keys(&ok(&mut tables, "Query", request.clone())), ["a1", "b1", "a10", "aé"]);
    request["ConsistentRead"] = json!(true);
    invalid(&mut tables, "Query", [(request.clone(), "Consistent reads are not supported")]);
    request["ConsistentRead"] = json!(false);
    ok(&mut tables, "Query", request);
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let of_index = {
        let mut request = query("kind = :k", &json!({"k": "k"}));
        request["IndexName"] = json!("byKind");
        request
    };
    let backwards = {
        let mut request = of_index.clone();
        request["ScanIndexForward"] = json!(false);
        request
    };
    let cases = [
        ("Query", query("hash = :h", &json!({"h": "a"})), vec![vec!["a1", "a10"], vec!["a2", "az"], vec!["aé"]]),
        ("Query", of_index, vec![vec!["a1", "b1"], vec!["a10", "aé"], vec![]]),
        ("Query", backwards, vec![vec!["aé", "a10"], vec!["b1", "a1"], vec![]]),
        ("Scan", request(&json!({})), vec![vec!["a1", "a10"], vec!["a2", "az"], vec!["aé", "b1"], vec![]]),
    ];
    for (operation, mut request, pages) in cases {
        let mut tables = rows();
        request["Limit"] = json!(2);
        let mut found = Vec::new();
        loop {
            let answer = ok(&mut tables, operation, request.clone());
            found.push(keys(&answer));
            let Some(last) = answer.get("LastEvaluatedKey") else { break };
            request["ExclusiveStartKey"] = last.clone();
        }
        assert_eq!(found, pages, "{request}");
    }
}

#[test]
fn a_page_ends_with_the_keys_of_its_last_item() {
    let mut tables = rows();
    let mut request = query("kind = :k", &json!({"k": "k"}));
    request["IndexName"] = json!("byKind");
    request["Limit"] = json!(2);
    let last = json!({"hash": {"S": "b"}, "kind": {"S": "k"}, "range": {"S": "1"}});
    assert_eq!(ok(&mut tables, "Query", request.clone())["LastEvaluatedKey"], last);
    // The item needs not be there any more.
    ok(&mut tables, "DeleteItem", json!({"TableName": "r", "Key": key("b", "1")}));
    request["ExclusiveStartKey"] = last;
    assert_eq!(keys(&ok(&mut tables, "Query", request.clone())), ["a10", "aé"]);

    for (start, expected) in [
        (key("a", "1"), "starting key is invalid"),
        (json!({"hash": {"S": "a"}, "kind": {"S": "other"}, "range": {"S": "1"}}), "outside query boundaries"),
        (
            json!({"hash": {"S": "a"}, "kind": {"S": "k"}, "range": {"S": "1"}, "n": {"N": "1"}}),
            "starting key is invalid",
        ),
    ] {
        request["ExclusiveStartKey"] = start;
        invalid(&mut tables, "Query", [(request.clone(), expected)]);
    }
    invalid(&mut tables, "Scan", [(self::request(&json!({"Limit": 0})), "greater than or equal to 1")]);
}

#[test]
fn a_page_holds_no_more_than_1_mb() {
    let large = |id: &str| json!({"id": {"S": id}, "t": {"S": "x".repeat(400_000)}});
    let mut tables = holding(&[large("a"), large("b"), large("c")]);
    let answer = ok(&mut tables, "Scan", json!({"TableName": "t", "ProjectionExpression": "id"}));
    assert_eq!((&answer["Count"], &answer["LastEvaluatedKey"]), (&json!(2), &json!({"id": {"S": "b"}})));
}

#[test]
fn a_filter_takes_from_what_was_read() {
    let mut tables = rows();
    let filtered = |mut request: Value| {
        request["FilterExpression"] = json!("n = :n");
        request["ExpressionAttributeValues"][":n"] = json!({"N": "1"});
        request["Limit"] = json!(3);
        request
    };
    let of_a = || query("hash = :h", &json!({"h": "a"}));
    for (operation, request) in [("Query", filtered(of_a())), ("Scan", filtered(request(&json!({}))))] {
        let answer = ok(&mut tables, operation, request.clone());
        assert_eq!(keys(&answer), ["a1", "a2"], "{operation}");
        assert_eq!((&answer["Count"], &answer["ScannedCount"]), (&json!(2), &json!(3)), "{operation}");
        assert_eq!(answer["LastEvaluatedKey"], key("a", "2"));
        let mut count = request;
        count["Select"] = json!("COUNT");
        let answer = ok(&mut tables, operation, count);
        assert_eq!((&answer["Count"], answer.get("Items")), (&json!(2), None), "{operation}");
    }
    let mut of_key = of_a();
    of_key["FilterExpression"] = json!("attribute_exists(n) AND begins_with(range, :h)");
    invalid(&mut tables, "Query", [(of_key, "non-primary key attributes: Primary key attribute: range")]);
}

#[test]
fn what_is_selected_fits_the_projection() {
    let mut tables = rows();
    let cases = [
        (json!({"Select": "COUNT", "ProjectionExpression": "n"}), "only the Count"),
        (json!({"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "n"}), "does not fit"),
        (json!({"Select": "SPECIFIC_ATTRIBUTES"}), "does not fit"),
        (json!({"Select": "EVERYTHING"}), "does not fit"),
        (json!({"ProjectionExpression": "n, n"}), "overlap"),
        (json!({"ExpressionAttributeNames": {"#n": "n"}}), "unused"),
        (json!({"IndexName": "byKind"}), "not supported"),
        (json!({"TotalSegments": 2}), "not supported"),
    ];
    invalid(&mut tables, "Scan", cases.map(|(members, text)| (request(&members), text)));
    let mut part = query("hash = :h", &json!({"h": "b"}));
    part["ProjectionExpression"] = json!("n");
    part["Select"] = json!("SPECIFIC_ATTRIBUTES");
    assert_eq!(ok(&mut tables, "Query", part)["Items"], json!([{"n": {"N": "1"}}]));
    let some = request(&json!({"ProjectionExpression": "kind", "ConsistentRead": true}));
    assert_eq!(
        ok(&mut tables, "Scan", some)["Items"].as_array().unwrap().iter().filter(|item| **item == json!({})).count(),
        2
    );
}
