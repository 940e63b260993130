//! Placeholders and names in expressions.

use serde_json::{Value, json};

use super::{Case, with};

pub(super) fn cases() -> Vec<Case> {
    vec![placeholders(), names(), reserved_words(), projections(), overlaps()]
}

fn of(members: &Value) -> Value {
    with(json!({"TableName": "t", "Key": {"id": {"S": "a"}}}), members)
}

fn placeholders() -> Case {
    let x = json!({":x": {"S": "x"}});
    let both = json!({":x": {"S": "x"}, ":x1": {"S": "x"}});
    let update = |expression: &str, members: &Value| with(json!({"UpdateExpression": expression}), members);
    let undefined = json!({"ConditionExpression": "#n = :x", "ExpressionAttributeValues": x});
    let updates = [
        (
            "undefined value",
            update("SET n = :n", &json!({})),
            "expression attribute value used in expression is not defined; attribute value: :n",
        ),
        (
            "undefined name",
            update("REMOVE n", &undefined),
            "expression attribute name used in the document path is not defined; attribute name: #n",
        ),
        (
            "unused value",
            update("REMOVE n", &json!({"ExpressionAttributeValues": x})),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}",
        ),
        (
            "unused name",
            update("REMOVE n", &json!({"ExpressionAttributeNames": {"#m": "m"}})),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#m}",
        ),
        (
            "unused value that another one starts with",
            update("SET n = :x1", &json!({"ExpressionAttributeValues": both})),
            "unused in expressions: keys: {:x}",
        ),
        (
            "unused name that another one starts with",
            update("REMOVE #n1", &json!({"ExpressionAttributeNames": {"#n": "n", "#n1": "n"}})),
            "unused in expressions: keys: {#n}",
        ),
        (
            "names without expression",
            json!({"ExpressionAttributeNames": {"#n": "n"}}),
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            "values without expression",
            json!({"ExpressionAttributeValues": x}),
            "ExpressionAttributeValues can only be specified when using expressions",
        ),
        (
            "no names",
            update("REMOVE n", &json!({"ExpressionAttributeNames": {}})),
            "ExpressionAttributeNames must not be empty",
        ),
        (
            "no values",
            update("REMOVE n", &json!({"ExpressionAttributeValues": {}})),
            "ExpressionAttributeValues must not be empty",
        ),
        (
            "name without #",
            update("REMOVE n", &json!({"ExpressionAttributeNames": {"n": "n"}})),
            "ExpressionAttributeNames contains invalid key",
        ),
        (
            "value without :",
            update("SET n = :x", &json!({"ExpressionAttributeValues": with(x.clone(), &json!({"#x": {"S": "x"}}))})),
            "ExpressionAttributeValues contains invalid key",
        ),
        (
            "empty set",
            update("SET n = :x", &json!({"ExpressionAttributeValues": {":x": {"SS": []}}})),
            "may not be empty",
        ),
    ];
    let case = Case::new("placeholders are defined, used and well-formed");
    let case = updates.into_iter().fold(case, |case, (label, members, message)| {
        case.invalid("UpdateItem", of(&members), message).labelled(label)
    });
    let projection = of(&json!({"ProjectionExpression": "#m.k"}));
    case.invalid("GetItem", projection, "attribute name: #m").labelled("undefined name of a projection")
}

/// A placeholder takes any name, and its dots are no path.
fn names() -> Case {
    let item =
        json!({"id": {"S": "a"}, "a.b": {"S": "x"}, "a": {"M": {"b": {"S": "y"}, "1": {"S": "z"}}}, "SET": {"N": "1"}});
    let update = json!({
        "UpdateExpression": "SET #dotted = :x, #a.#b = :x REMOVE #set, #a.#one",
        "ConditionExpression": "#dotted = :old AND #a.b = :y",
        "ExpressionAttributeNames": {"#dotted": "a.b", "#a": "a", "#b": "b", "#set": "SET", "#one": "1"},
        "ExpressionAttributeValues": {":x": {"S": "new"}, ":old": {"S": "x"}, ":y": {"S": "y"}},
        "ReturnValues": "ALL_NEW",
    });
    let after = json!({"id": {"S": "a"}, "a.b": {"S": "new"}, "a": {"M": {"b": {"S": "new"}}}});
    Case::new("a placeholder stands for one name, whatever is in it").given("t", [item]).answers(
        "UpdateItem",
        of(&update),
        json!({"Attributes": after}),
    )
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>
fn reserved_words() -> Case {
    let x = json!({":x": {"S": "x"}});
    let message = "Attribute name is a reserved keyword; reserved keyword: ";
    let case = Case::new("reserved words need a placeholder");
    let conditions = ["status = :x", "attribute_not_exists(a.Name) AND b = :x", "size(#l.zone) = :x"];
    let case = conditions.into_iter().fold(case, |case, condition| {
        let names = if condition.contains('#') { json!({"#l": "l"}) } else { Value::Null };
        let request = of(&json!({
            "ConditionExpression": condition, "ExpressionAttributeNames": names, "ExpressionAttributeValues": x,
        }));
        case.invalid("UpdateItem", request, message).labelled(condition)
    });
    let updates = [
        "SET #x = :x, owner = :x",
        "SET #x.data[0] = :x",
        "SET #x = if_not_exists(count, :x)",
        "REMOVE year SET #x = :x",
    ];
    let case = updates.into_iter().fold(case, |case, update| {
        let request = of(&json!({
            "UpdateExpression": update, "ExpressionAttributeNames": {"#x": "x"}, "ExpressionAttributeValues": x,
        }));
        case.invalid("UpdateItem", request, message).labelled(update)
    });
    let scan = json!({
        "TableName": "t", "FilterExpression": "ttl > :n", "ExpressionAttributeValues": {":n": {"N": "1"}},
    });
    let query = json!({"TableName": "t", "KeyConditionExpression": "key = :x", "ExpressionAttributeValues": x});
    case.invalid("GetItem", of(&json!({"ProjectionExpression": "id, value"})), message)
        .labelled("projection")
        .invalid("GetItem", of(&json!({"ProjectionExpression": "id.items"})), message)
        .labelled("member of a map in a projection")
        .invalid("Scan", scan, message)
        .labelled("filter")
        .invalid("Query", query, message)
        .labelled("key condition")
        .holds("t", &[])
}

fn projections() -> Case {
    let item = json!({
        "id": {"S": "a"},
        "x": {"S": "x"},
        "l": {"L": [{"N": "0"}, {"M": {"k": {"N": "1"}, "o": {"N": "2"}}}, {"N": "3"}]},
        "m.x": {"M": {"k": {"S": "y"}, "o": {"NULL": true}}},
    });
    let l = |elements: Value| json!({"l": {"L": elements}});
    let projections = [
        ("x, absent", json!({"x": {"S": "x"}})),
        ("#m.k", json!({"m.x": {"M": {"k": {"S": "y"}}}})),
        ("#m.k, #m.o", json!({"m.x": {"M": {"k": {"S": "y"}, "o": {"NULL": true}}}})),
        ("l[0]", l(json!([{"N": "0"}]))),
        ("l[2], l[0]", l(json!([{"N": "0"}, {"N": "3"}]))),
        ("l[1].o", l(json!([{"M": {"o": {"N": "2"}}}]))),
        ("l[1].o, l[2]", l(json!([{"M": {"o": {"N": "2"}}}, {"N": "3"}]))),
        ("x.k, l[7], #m[0]", json!({})),
    ];
    let case = Case::new("a projection keeps what its paths lead to").given("t", [item]);
    projections.into_iter().fold(case, |case, (projection, expected)| {
        let names = if projection.contains('#') { json!({"#m": "m.x"}) } else { Value::Null };
        let request = of(&json!({"ProjectionExpression": projection, "ExpressionAttributeNames": names}));
        case.answers("GetItem", request, json!({"Item": expected})).labelled(projection)
    })
}

fn overlaps() -> Case {
    let projections = [
        ("a, b, a", "Two document paths overlap with each other"),
        ("a.b[1], a.b", "Two document paths overlap with each other"),
        ("a.b, a[1]", "Two document paths conflict with each other"),
        ("a.", "Syntax error"),
        ("a b", "Syntax error"),
        ("a[b]", "Syntax error"),
        (" ", "can not be empty"),
    ];
    let case = Case::new("paths of a projection are well-formed, and neither overlap nor conflict");
    let case = projections.into_iter().fold(case, |case, (projection, message)| {
        case.invalid("GetItem", of(&json!({"ProjectionExpression": projection})), message)
            .labelled(if projection.trim().is_empty() { "empty" } else { projection })
    });
    case.answers("GetItem", of(&json!({"ProjectionExpression": "a.b, a.c[0], a.c[1], b"})), json!({}))
}
