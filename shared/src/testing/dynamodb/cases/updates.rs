//! What `UpdateItem` makes of an item.

use serde_json::{Value, json};

use super::{Case, used, with};

pub(super) fn cases() -> Vec<Case> {
    vec![
        sets(),
        lists(),
        removals(),
        additions_and_deletions(),
        creation(),
        removal_of_nothing(),
        of_other_shape(),
        malformed(),
        returned(),
        returned_of_a_new_item(),
    ]
}

fn before() -> Value {
    json!({
        "id": {"S": "a"},
        "b": {"BS": ["AQ==", "Ag=="]},
        "l": {"L": [{"N": "0"}, {"N": "1"}, {"M": {"k": {"N": "2"}}}]},
        "m": {"M": {"k": {"S": "v"}, "s": {"SS": ["x"]}}},
        "n": {"N": "5"},
        "ns": {"NS": ["1", "2"]},
        "s": {"S": "old"},
        "ss": {"SS": ["x", "z"]},
    })
}

fn values() -> Value {
    json!({
        ":one": {"N": "1"}, ":s": {"S": "s"}, ":list": {"L": [{"S": "new"}]}, ":xs": {"SS": ["x"]},
        ":xy": {"SS": ["x", "y"]}, ":ns": {"NS": ["1.0"]}, ":ns3": {"NS": ["3", "1.0"]}, ":bs": {"BS": ["AQ=="]},
        ":many": {"N": "1e38"}, ":half": {"N": "-0.50"}, ":map": {"M": {"k": {"S": "new"}}},
    })
}

fn request(expression: &str) -> Value {
    json!({
        "TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": expression,
        "ExpressionAttributeValues": used(expression, &values()), "ReturnValues": "ALL_NEW",
    })
}

/// Each expression is applied to the item anew, and changes these attributes; null means that the attribute is gone.
fn changes<'a>(name: &str, updates: impl IntoIterator<Item = (&'a str, Value)>) -> Case {
    updates.into_iter().fold(Case::new(name), |case, (expression, changed)| {
        let mut after = with(before(), &changed);
        if let Some(after) = after.as_object_mut() {
            after.retain(|_, value| !value.is_null());
        }
        case.given("t", [before()])
            .answers("UpdateItem", request(expression), json!({"Attributes": after}))
            .labelled(expression)
    })
}

fn sets() -> Case {
    let m = |members: Value| json!({"m": {"M": with(json!({"k": {"S": "v"}, "s": {"SS": ["x"]}}), &members)}});
    changes(
        "SET writes what it computes from the item as it was",
        [
            ("SET s = :s", json!({"s": {"S": "s"}})),
            ("set fresh = :s, m.added = :one", with(m(json!({"added": {"N": "1"}})), &json!({"fresh": {"S": "s"}}))),
            ("SET m.k = :map", m(json!({"k": {"M": {"k": {"S": "new"}}}}))),
            ("SET n = s, s = n", json!({"n": {"S": "old"}, "s": {"N": "5"}})),
            ("SET n = n + :one, x = n", json!({"n": {"N": "6"}, "x": {"N": "5"}})),
            ("SET n = :one - n", json!({"n": {"N": "-4"}})),
            ("SET n = n + :half", json!({"n": {"N": "4.5"}})),
            ("SET s = m.k, x = l[2].k", json!({"s": {"S": "v"}, "x": {"N": "2"}})),
            ("SET c = if_not_exists(c, :one), s = if_not_exists(s, :s)", json!({"c": {"N": "1"}, "s": {"S": "old"}})),
            ("SET c = if_not_exists(n, :one)", json!({"c": {"N": "5"}})),
            ("SET c = if_not_exists(c, :one) + :one", json!({"c": {"N": "2"}})),
            ("SET n = (n + (:one))", json!({"n": {"N": "6"}})),
            ("SET m.c = if_not_exists(m.c, n)", m(json!({"c": {"N": "5"}}))),
            ("REMOVE s SET x = s", json!({"x": {"S": "old"}, "s": null})),
            ("SET x = :s REMOVE n ADD c :one DELETE ss :xs", {
                json!({"x": {"S": "s"}, "n": null, "c": {"N": "1"}, "ss": {"SS": ["z"]}})
            }),
        ],
    )
}

fn lists() -> Case {
    let l = |elements: Value| json!({"l": {"L": elements}});
    let map = json!({"M": {"k": {"N": "2"}}});
    changes(
        "elements of lists are set, appended and removed",
        [
            ("SET l = list_append(:list, l)", l(json!([{"S": "new"}, {"N": "0"}, {"N": "1"}, map]))),
            ("SET l = list_append(l, :list)", l(json!([{"N": "0"}, {"N": "1"}, map, {"S": "new"}]))),
            ("SET x = list_append(if_not_exists(x, :list), :list)", json!({"x": {"L": [{"S": "new"}, {"S": "new"}]}})),
            ("SET l[0] = l[1], l[2].k = :s", l(json!([{"N": "1"}, {"N": "1"}, {"M": {"k": {"S": "s"}}}]))),
            ("SET l[9] = :s, l[5] = :one", l(json!([{"N": "0"}, {"N": "1"}, map, {"N": "1"}, {"S": "s"}]))),
            ("REMOVE l[1]", l(json!([{"N": "0"}, map]))),
            ("REMOVE l[0], l[1]", l(json!([map]))),
            ("REMOVE l[2].k", l(json!([{"N": "0"}, {"N": "1"}, {"M": {}}]))),
            ("REMOVE l[0] SET l[1] = :s", l(json!([{"S": "s"}, map]))),
            ("REMOVE l[7]", json!({})),
        ],
    )
}

fn removals() -> Case {
    changes(
        "REMOVE takes attributes and members of maps, if they are there",
        [
            ("REMOVE s", json!({"s": null})),
            ("REMOVE m.k", json!({"m": {"M": {"s": {"SS": ["x"]}}}})),
            ("REMOVE m.k, m.s", json!({"m": {"M": {}}})),
            ("REMOVE absent, m.absent", json!({})),
            ("REMOVE s, m.k, n", json!({"s": null, "n": null, "m": {"M": {"s": {"SS": ["x"]}}}})),
        ],
    )
}

fn additions_and_deletions() -> Case {
    changes(
        "ADD counts and unites, DELETE takes from sets",
        [
            ("ADD n :one, c :one", json!({"n": {"N": "6"}, "c": {"N": "1"}})),
            ("ADD n :half", json!({"n": {"N": "4.5"}})),
            ("ADD ss :xy, x :xs", json!({"ss": {"SS": ["x", "y", "z"]}, "x": {"SS": ["x"]}})),
            ("ADD ns :ns3, b :bs", json!({"ns": {"NS": ["1", "2", "3"]}})),
            ("ADD m.s :xy", json!({"m": {"M": {"k": {"S": "v"}, "s": {"SS": ["x", "y"]}}}})),
            ("ADD m.c :one", json!({"m": {"M": {"k": {"S": "v"}, "s": {"SS": ["x"]}, "c": {"N": "1"}}}})),
            ("DELETE ss :xy, absent :xy", json!({"ss": {"SS": ["z"]}})),
            ("DELETE m.s :xy", json!({"m": {"M": {"k": {"S": "v"}}}})),
            ("DELETE ns :ns, b :bs", json!({"ns": {"NS": ["2"]}, "b": {"BS": ["Ag=="]}})),
        ],
    )
}

/// An update of an item that is not there.
fn of_nothing(id: &str, members: &Value) -> Value {
    with(json!({"TableName": "t", "Key": {"id": {"S": id}}}), members)
}

fn creation() -> Case {
    let count = json!({"UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": "1"}}});
    let unless = json!({
        "UpdateExpression": "SET n = if_not_exists(n, :n) + :n", "ExpressionAttributeValues": {":n": {"N": "2"}},
    });
    let absent = json!({
        "UpdateExpression": "SET n = m", "ConditionExpression": "attribute_not_exists(id)",
    });
    Case::new("an update creates the item that is missing")
        .answers("UpdateItem", of_nothing("bare", &json!({})), json!({}))
        .answers("UpdateItem", of_nothing("counted", &count), json!({}))
        .answers("UpdateItem", of_nothing("counted", &count), json!({}))
        .answers("UpdateItem", of_nothing("computed", &unless), json!({}))
        .invalid("UpdateItem", of_nothing("x", &absent), "attribute that does not exist in the item")
        .holds(
            "t",
            &[
                json!({"id": {"S": "bare"}}),
                json!({"id": {"S": "counted"}, "n": {"N": "2"}}),
                json!({"id": {"S": "computed"}, "n": {"N": "4"}}),
            ],
        )
}

fn removal_of_nothing() -> Case {
    let delete = json!({
        "UpdateExpression": "DELETE s :s REMOVE n", "ExpressionAttributeValues": {":s": {"SS": ["x"]}},
    });
    Case::new("an update that only takes away does not create an item")
        .answers("UpdateItem", of_nothing("a", &json!({"UpdateExpression": "REMOVE n"})), json!({}))
        .answers("UpdateItem", of_nothing("a", &delete), json!({}))
        .answers("UpdateItem", of_nothing("a", &json!({"UpdateExpression": "REMOVE m.k, l[0]"})), json!({}))
        .holds("t", &[])
        .labelled("rows")
}

fn of_other_shape() -> Case {
    let path = "The document path provided in the update expression is invalid for update";
    let absent = "attribute that does not exist in the item";
    let updates = [
        ("SET absent.k = :s", path),
        ("SET m.absent.k = :s", path),
        ("SET s.k = :s", path),
        ("SET m[0] = :s", path),
        ("SET l.k = :s", path),
        ("REMOVE absent.k", path),
        ("ADD absent.k :one", path),
        ("SET x = absent", absent),
        ("SET x = absent + :one", absent),
        ("SET x = list_append(absent, :list)", absent),
        ("SET x = s + :one", "incorrect data type"),
        ("SET x = list_append(n, :list)", "incorrect data type"),
        ("SET n = n + :many", "Number overflow"),
        ("ADD s :one", "incorrect data type"),
        ("ADD ss :ns", "incorrect data type"),
        ("DELETE ss :ns", "incorrect data type"),
        ("DELETE s :xs", "incorrect data type"),
    ];
    refused("an update that does not fit the item is refused", &updates)
}

fn malformed() -> Case {
    let updates = [
        ("SET", "Syntax error"),
        ("SET s", "Syntax error"),
        ("SET a = :s b = :s", "Syntax error"),
        ("SET a = :one + :one + :one", "Syntax error"),
        ("ADD a b", "Syntax error"),
        ("REMOVE a = :s", "Syntax error"),
        ("CHANGE a = :s", "Syntax error"),
        ("SET a = no_function(b)", "Invalid function name; function: no_function"),
        ("SET a = :s SET b = :s", "\"SET\" section can only be used once"),
        ("SET a = :s REMOVE b ADD c :one REMOVE d", "\"REMOVE\" section can only be used once"),
        ("SET a = :s REMOVE a", "Two document paths overlap with each other"),
        ("SET a.b = :s, a = :s", "Two document paths overlap with each other"),
        ("SET a.b = :s REMOVE a[0]", "Two document paths conflict with each other"),
        ("SET a = :s + :one", "Incorrect operand type"),
        ("SET a = if_not_exists(a, :s) + :one", "Incorrect operand type"),
        ("SET a = list_append(a, :s)", "Incorrect operand type"),
        ("SET x = list_append(list_append(l, :list), :list)", "not allowed to be used this way"),
        ("SET a = if_not_exists(:s, :s)", "requires a document path"),
        ("SET a = if_not_exists(a)", "number of operands"),
        ("ADD a :s", "Incorrect operand type"),
        ("ADD a :list", "Incorrect operand type"),
        ("DELETE a :one", "Incorrect operand type"),
    ];
    refused("an update that can't be right is refused whatever the item", &updates)
}

fn refused(name: &str, updates: &[(&str, &'static str)]) -> Case {
    updates.iter().fold(Case::new(name), |case, (expression, message)| {
        case.given("t", [before()]).invalid("UpdateItem", request(expression), message).labelled(expression)
    })
}

fn returned() -> Case {
    let before = json!({"id": {"S": "a"}, "m": {"M": {"k": {"S": "old"}, "o": {"S": "o"}}}, "n": {"N": "1"}});
    let after = json!({"id": {"S": "a"}, "m": {"M": {"k": {"S": "new"}, "o": {"S": "o"}}}});
    let returned = [
        (Value::Null, json!({})),
        (json!("NONE"), json!({})),
        (json!("ALL_OLD"), json!({"Attributes": before})),
        (json!("ALL_NEW"), json!({"Attributes": after})),
        (json!("UPDATED_NEW"), json!({"Attributes": {"m": {"M": {"k": {"S": "new"}}}}})),
        (json!("UPDATED_OLD"), json!({"Attributes": {"m": {"M": {"k": {"S": "old"}}}, "n": {"N": "1"}}})),
    ];
    let case = Case::new("an update returns the attributes that it is asked for");
    let case = returned.into_iter().fold(case, |case, (returned, expected)| {
        let update = json!({
            "TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": "SET m.k = :new REMOVE n",
            "ExpressionAttributeValues": {":new": {"S": "new"}}, "ReturnValues": returned,
        });
        case.given("t", [before.clone()]).answers("UpdateItem", update, expected).labelled(&returned.to_string())
    });
    case.holds("t", &[after]).invalid("UpdateItem", of_nothing("a", &json!({"ReturnValues": "NEW"})), "enum value set")
}

fn returned_of_a_new_item() -> Case {
    let set = |returned: &str| {
        json!({
            "UpdateExpression": "SET s = :s", "ExpressionAttributeValues": {":s": {"S": "s"}}, "ReturnValues": returned,
        })
    };
    let whole = json!({"Attributes": {"id": {"S": "c"}, "s": {"S": "s"}}});
    Case::new("an update that creates an item returns no old one")
        .answers("UpdateItem", of_nothing("a", &set("ALL_OLD")), json!({}))
        .answers("UpdateItem", of_nothing("b", &set("UPDATED_OLD")), json!({}))
        .answers("UpdateItem", of_nothing("c", &set("ALL_NEW")), whole)
        .answers("UpdateItem", of_nothing("d", &set("UPDATED_NEW")), json!({"Attributes": {"s": {"S": "s"}}}))
}
