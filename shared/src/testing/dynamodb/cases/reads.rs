//! Reads of one item, and scans.

use serde_json::{Value, json};

use super::{Case, with};

pub(super) fn cases() -> Vec<Case> {
    vec![one_item(), scans(), pages_of_scans(), start_of_scans(), filtered_scans(), page_sizes(), selected(), limits()]
}

fn one_item() -> Case {
    let item = json!({"id": {"S": "a"}, "m": {"M": {"k": {"S": "v"}, "o": {"S": "o"}}}});
    let get = |id: &str, members: &Value| with(json!({"TableName": "t", "Key": {"id": {"S": id}}}), members);
    let part = json!({"ProjectionExpression": "#m.k, absent", "ExpressionAttributeNames": {"#m": "m"}});
    Case::new("an item is read whole or in part")
        .given("t", [item.clone()])
        .answers("GetItem", get("a", &json!({})), json!({"Item": item}))
        .answers("GetItem", get("a", &json!({"ConsistentRead": true})), json!({"Item": item}))
        .answers("GetItem", get("b", &json!({})), json!({}))
        .answers("GetItem", get("b", &part), json!({}))
        .answers("GetItem", get("a", &part), json!({"Item": {"m": {"M": {"k": {"S": "v"}}}}}))
        .answers("GetItem", get("a", &json!({"ProjectionExpression": "absent"})), json!({"Item": {}}))
}

fn items() -> Vec<Value> {
    let item = |(device, message): (&str, &str)| {
        let n = message.len().to_string();
        json!({"device": {"S": device}, "message": {"S": message}, "n": {"N": n}})
    };
    [("b", "1"), ("a", "2"), ("a", "10"), ("a", "é"), ("a", "1"), ("c", "z")].map(item).into()
}

fn scan(members: &Value) -> Value {
    with(json!({"TableName": "r"}), members)
}

fn scans() -> Case {
    let of_index = json!({"TableName": "r", "IndexName": "byKind"});
    let sparse = json!({"device": {"S": "d"}, "message": {"S": "1"}, "kind": {"S": "k"}});
    let consistent = with(of_index.clone(), &json!({"ConsistentRead": true}));
    Case::new("a scan meets every item of a table or an index")
        .given("r", items())
        .holds("r", &items())
        .answers("Scan", scan(&json!({"Select": "COUNT"})), json!({"Count": 6, "ScannedCount": 6}))
        .answers("Scan", of_index.clone(), json!({"Count": 0, "Items": [], "ScannedCount": 0}))
        .given("r", [sparse.clone()])
        .answers("Scan", of_index, json!({"Count": 1, "Items": [sparse], "ScannedCount": 1}))
        .invalid("Scan", consistent, "Consistent reads are not supported on global secondary indexes")
        .invalid("Scan", scan(&json!({"IndexName": "byNothing"})), "does not have the specified index: byNothing")
}

/// The service does not look whether anything follows.
fn pages_of_scans() -> Case {
    Case::new("pages of a scan go on where the last one ended")
        .given("r", items())
        .pages("Scan", scan(&json!({"Limit": 4})), [4, 2], &items())
        .pages("Scan", scan(&json!({"Limit": 2})), [2, 2, 2, 0], &items())
        .pages("Scan", scan(&json!({"Limit": 6})), [6, 0], &items())
        .pages("Scan", scan(&json!({"Limit": 7})), [6], &items())
}

fn start_of_scans() -> Case {
    let item = |message: &str| json!({"device": {"S": "a"}, "message": {"S": message}});
    let after = |start: Value| scan(&json!({"ExclusiveStartKey": start}));
    let found = json!({"Count": 2, "Items": [item("2"), item("3")], "ScannedCount": 2});
    let message = "The provided starting key is invalid";
    Case::new("a scan starts behind a key")
        .given("r", ["1", "2", "3"].map(item))
        .answers("Scan", after(item("1")), found.clone())
        .answers("DeleteItem", json!({"TableName": "r", "Key": item("1")}), json!({}))
        .answers("Scan", after(item("1")), found)
        .invalid("Scan", after(json!({"device": {"S": "a"}})), message)
        .invalid("Scan", after(json!({"device": {"N": "1"}, "message": {"S": "1"}})), message)
        .labelled("attribute of another type")
        .invalid("Scan", after(with(item("1"), &json!({"n": {"N": "1"}}))), message)
        .labelled("further attribute")
}

fn filtered_scans() -> Case {
    let item = |message: &str, n: &str| json!({"device": {"S": "a"}, "message": {"S": message}, "n": {"N": n}});
    let filter = json!({
        "FilterExpression": "n = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}, "Limit": 3,
        "ProjectionExpression": "message",
    });
    let last = json!({"device": {"S": "a"}, "message": {"S": "3"}});
    let found = json!([{"message": {"S": "1"}}, {"message": {"S": "3"}}]);
    Case::new("a filter takes from what a scan has read, and a projection from what it gives")
        .given("r", [item("1", "1"), item("2", "2"), item("3", "1"), item("4", "1")])
        .answers(
            "Scan",
            scan(&filter),
            json!({"Count": 2, "Items": found, "LastEvaluatedKey": last, "ScannedCount": 3}),
        )
        .answers(
            "Scan",
            scan(&json!({
                "FilterExpression": "begins_with(message, :m) AND device = :d",
                "ExpressionAttributeValues": {":m": {"S": "4"}, ":d": {"S": "a"}},
            })),
            json!({"Count": 1, "Items": [item("4", "1")], "ScannedCount": 4}),
        )
}

fn page_sizes() -> Case {
    let large = |id: &str| json!({"id": {"S": id}, "t": {"S": "x".repeat(400_000)}});
    let ids = ["a", "b", "c"].map(|id| json!({"id": {"S": id}}));
    let scan = json!({"TableName": "t", "ProjectionExpression": "id"});
    Case::new("a page holds no more than 1 MB of items").given("t", ["a", "b", "c"].map(large)).pages(
        "Scan",
        scan,
        [2, 1],
        &ids,
    )
}

fn selected() -> Case {
    let scans = [
        (json!({"Select": "COUNT", "ProjectionExpression": "n"}), "choosing to get only the Count"),
        (json!({"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "n"}), "choosing to get ALL_ATTRIBUTES"),
        (json!({"Select": "SPECIFIC_ATTRIBUTES"}), "choosing to get SPECIFIC_ATTRIBUTES"),
        (json!({"Select": "ALL_PROJECTED_ATTRIBUTES"}), "can be used only when Querying using an IndexName"),
        (json!({"Select": "EVERYTHING"}), "Member must satisfy enum value set"),
        (json!({"ProjectionExpression": "n, n"}), "overlap"),
        (json!({"ExpressionAttributeNames": {"#n": "n"}}), "can only be specified when using expressions"),
    ];
    let case = Case::new("what is selected fits the projection").given("r", items());
    let case = scans.into_iter().fold(case, |case, (members, message)| {
        let label = members.to_string();
        case.invalid("Scan", scan(&members), message).labelled(&label)
    });
    let part = json!({"Select": "SPECIFIC_ATTRIBUTES", "ProjectionExpression": "n", "ConsistentRead": true});
    let found: Vec<Value> = items().iter().map(|item| json!({"n": item.get("n")})).collect();
    let nothing = scan(&json!({"ProjectionExpression": "absent"}));
    case.answers("Scan", scan(&part), json!({"Count": 6, "Items": found, "ScannedCount": 6})).answers(
        "Scan",
        nothing,
        json!({"Count": 6, "Items": vec![json!({}); 6], "ScannedCount": 6}),
    )
}

fn limits() -> Case {
    let message = "Member must have value greater than or equal to 1";
    Case::new("a page has at least one item").invalid("Scan", scan(&json!({"Limit": 0})), message)
}
