//! What conditions say of an item, and which ones can't be right.

use serde_json::{Value, json};

use super::{Case, used, with};

const TRUE: bool = true;
const FALSE: bool = false;

pub(super) fn cases() -> Vec<Case> {
    vec![
        holding("values of all types are equal by value", EQUALITY),
        holding("numbers, strings and binaries have an order", ORDER),
        holding("what is missing is unequal to everything", MISSING),
        holding("a condition looks into maps and lists", PATHS),
        holding("BETWEEN includes its bounds, IN compares with each", RANGES),
        holding("functions tell existence, type and contents", FUNCTIONS),
        holding("size counts UTF-16 code units, bytes and elements", SIZES),
        holding("NOT binds before AND, and AND before OR", LOGIC),
        malformed(),
        operands(),
        of_filters(),
    ]
}

const EQUALITY: &[(&str, bool)] = &[
    ("one = :one", TRUE),
    ("two = :two", TRUE),
    ("one = :a", FALSE),
    ("one <> :two", TRUE),
    ("one <> :a", TRUE),
    ("bin = :bin", TRUE),
    ("nil = :nil", TRUE),
    ("yes = :true", TRUE),
    ("yes <> :true", FALSE),
    ("xs = :yx", TRUE),
    ("numbers = :numbers", TRUE),
    ("parts = :parts", TRUE),
    ("parts = :reversed", FALSE),
    ("attributes = :attributes", TRUE),
    ("attributes <> :attributes", FALSE),
    ("a = ab", FALSE),
    ("nothing = :nothing", TRUE),
    ("one = same", TRUE),
    ("(one) = (same)", TRUE),
];

const ORDER: &[(&str, bool)] = &[
    ("two < :ten", TRUE),
    ("ten < :two", FALSE),
    ("ten > two", TRUE),
    ("two <= :two", TRUE),
    ("two < :two", FALSE),
    ("two >= :two", TRUE),
    ("two > :two", FALSE),
    ("a < :b", TRUE),
    ("z < accent", TRUE),
    ("astral > :wide", TRUE),
    ("bin > :bin1", TRUE),
    ("one < :a", FALSE),
    ("one > :a", FALSE),
    ("one <= :a", FALSE),
    ("one >= :a", FALSE),
    ("yes < :a", FALSE),
    ("parts >= :one", FALSE),
];

const MISSING: &[(&str, bool)] = &[
    ("absent = :a", FALSE),
    ("absent <> :a", TRUE),
    (":a <> absent", TRUE),
    ("absent = nowhere", FALSE),
    ("absent <> nowhere", TRUE),
    ("absent < :a", FALSE),
    ("absent >= :a", FALSE),
    ("absent <= nowhere", FALSE),
    ("absent BETWEEN :a AND :b", FALSE),
    ("absent IN (:a)", FALSE),
    ("NOT absent IN (:a)", TRUE),
    ("size(absent) = :one", FALSE),
    ("begins_with(absent, :a)", FALSE),
    ("contains(absent, :a)", FALSE),
    ("attribute_type(absent, :string)", FALSE),
    ("attribute_exists(absent)", FALSE),
    ("attribute_not_exists(absent)", TRUE),
    ("NOT absent = :a", TRUE),
];

const PATHS: &[(&str, bool)] = &[
    ("attributes.k = :one", TRUE),
    ("attributes.#or = :b", TRUE),
    ("parts[1] = :a", TRUE),
    ("parts[2] <> :a", TRUE),
    ("attributes[0] = :one", FALSE),
    ("parts.k = :one", FALSE),
    ("#or = :b", TRUE),
    ("#dotted = :b", TRUE),
    ("attribute_exists(attributes.k)", TRUE),
    ("attribute_exists(attributes.nothing)", FALSE),
    ("attribute_exists(parts[1])", TRUE),
    ("attribute_not_exists(parts[2])", TRUE),
];

const RANGES: &[(&str, bool)] = &[
    ("two BETWEEN :one AND :ten", TRUE),
    ("one BETWEEN :one AND :one", TRUE),
    ("ten BETWEEN :one AND :two", FALSE),
    ("ab BETWEEN :a AND :b", TRUE),
    ("a BETWEEN one AND ten", FALSE),
    ("two BETWEEN one AND ten", TRUE),
    ("one BETWEEN ten AND :one", FALSE),
    ("a IN (:b, :a)", TRUE),
    ("a IN (:b, :one)", FALSE),
    ("a IN (ab, a1)", TRUE),
    ("xs IN (:a, :yx)", TRUE),
];

const FUNCTIONS: &[(&str, bool)] = &[
    ("attribute_exists(a)", TRUE),
    ("attribute_exists(nil)", TRUE),
    ("attribute_not_exists(a)", FALSE),
    ("attribute_type(a, :string)", TRUE),
    ("attribute_type(one, :string)", FALSE),
    ("attribute_type(attributes, :map)", TRUE),
    ("attribute_type(nil, :null)", TRUE),
    ("attribute_type(xs, :strings)", TRUE),
    ("begins_with(ab, :a)", TRUE),
    ("begins_with(ab, a)", TRUE),
    ("begins_with(ab, :b)", FALSE),
    ("begins_with(bin, :bin1)", TRUE),
    ("begins_with(one, :a)", FALSE),
    ("contains(ab, :b)", TRUE),
    ("contains(ab, :x)", FALSE),
    ("contains(ab, a)", TRUE),
    ("contains(bin, :bin2)", TRUE),
    ("contains(bins, :bin1)", TRUE),
    ("contains(xs, :x)", TRUE),
    ("contains(xs, :a)", FALSE),
    ("contains(numbers, :two)", TRUE),
    ("contains(parts, :one)", TRUE),
    ("contains(parts, :b)", FALSE),
    ("contains(one, :one)", FALSE),
    ("contains(ab, :one)", FALSE),
];

const SIZES: &[(&str, bool)] = &[
    ("size(ab) = :two", TRUE),
    ("size(accent) = :one", TRUE),
    ("size(astral) = :two", TRUE),
    ("size(bin) = :two", TRUE),
    ("size(xs) = :two", TRUE),
    ("size(numbers) = :two", TRUE),
    ("size(bins) = :one", TRUE),
    ("size(parts) > :one", TRUE),
    ("size(attributes) = :two", TRUE),
    ("size(nothing) < :one", TRUE),
    ("size(one) = :one", FALSE),
    ("size(yes) = :one", FALSE),
    ("size(ab) = :a", FALSE),
    ("size(ab) = two", TRUE),
    ("size(ab) BETWEEN :one AND :two", TRUE),
];

const LOGIC: &[(&str, bool)] = &[
    ("a = :a AND one = :two", FALSE),
    ("a = :b OR one = :one", TRUE),
    ("a = :a OR a = :a AND a = :b", TRUE),
    ("(a = :a OR a = :a) AND a = :b", FALSE),
    ("NOT a = :b AND a = :b", FALSE),
    ("NOT (a = :b AND a = :b)", TRUE),
    ("NOT NOT a = :a", TRUE),
    ("NOT a IN (:a, :b)", FALSE),
    ("not a between :a and :b or attribute_exists(a)", TRUE),
    ("a between :a and :b and one = :two", FALSE),
    ("one BETWEEN :one AND :two AND two BETWEEN :one AND :two", TRUE),
    ("(a = :b AND (one = :one)) OR (attribute_exists(a))", TRUE),
];

fn item() -> Value {
    json!({
        "id": {"S": "a"}, "one": {"N": "1"}, "same": {"N": "1.0"}, "two": {"N": "2"}, "ten": {"N": "10"},
        "a": {"S": "a"}, "a1": {"S": "a"}, "ab": {"S": "ab"}, "or": {"S": "b"}, "bin": {"B": "AQI="},
        "nil": {"NULL": true}, "yes": {"BOOL": true}, "xs": {"SS": ["x", "y"]}, "numbers": {"NS": ["1", "2"]},
        "parts": {"L": [{"N": "1"}, {"S": "a"}]}, "attributes": {"M": {"k": {"N": "1"}, "or": {"S": "b"}}},
        "z": {"S": "z"}, "accent": {"S": "é"}, "astral": {"S": "\u{1F600}"}, "nothing": {"S": ""},
        "bins": {"BS": ["AQ=="]}, "d.t": {"S": "b"},
    })
}

fn values() -> Value {
    json!({
        ":one": {"N": "1"}, ":two": {"N": "2.0"}, ":ten": {"N": "10"}, ":a": {"S": "a"}, ":b": {"S": "b"},
        ":bin": {"B": "AQI="}, ":bin1": {"B": "AQ=="}, ":bin2": {"B": "Ag=="}, ":nil": {"NULL": true},
        ":true": {"BOOL": true}, ":yx": {"SS": ["y", "x"]}, ":numbers": {"NS": ["2", "1.0"]},
        ":parts": {"L": [{"N": "1.0"}, {"S": "a"}]}, ":reversed": {"L": [{"S": "a"}, {"N": "1"}]},
        ":attributes": {"M": {"or": {"S": "b"}, "k": {"N": "1.00"}}}, ":string": {"S": "S"}, ":map": {"S": "M"},
        ":null": {"S": "NULL"}, ":strings": {"S": "SS"}, ":x": {"S": "x"}, ":nothing": {"S": ""},
        ":wide": {"S": "\u{FF5E}"},
    })
}

/// A request with an expression, and with the names and values that it uses.
fn expression(request: Value, member: &str, text: &str) -> Value {
    let names = json!({"#or": "or", "#dotted": "d.t"});
    let is_used = |(placeholder, _): &(&String, &Value)| text.contains(placeholder.as_str());
    let names: serde_json::Map<_, _> = names
        .as_object()
        .into_iter()
        .flatten()
        .filter(is_used)
        .map(|(name, path)| (name.clone(), path.clone()))
        .collect();
    let names = if names.is_empty() { Value::Null } else { Value::Object(names) };
    let expressions = json!({"ExpressionAttributeNames": names, "ExpressionAttributeValues": used(text, &values())});
    with(with(request, &expressions), &json!({member: text}))
}

/// An update that changes nothing.
fn checked(condition: &str) -> Value {
    expression(json!({"TableName": "t", "Key": {"id": {"S": "a"}}}), "ConditionExpression", condition)
}

fn holding(name: &str, conditions: &[(&str, bool)]) -> Case {
    let case = Case::new(name).given("t", [item()]);
    conditions.iter().fold(case, |case, (condition, is_true)| {
        let request = checked(condition);
        let case = if *is_true {
            case.answers("UpdateItem", request, json!({}))
        } else {
            case.condition_fails("UpdateItem", request, None)
        };
        case.labelled(condition)
    })
}

fn refused(name: &str, conditions: &[(&str, &'static str)]) -> Case {
    let case = Case::new(name).given("t", [item()]);
    conditions.iter().fold(case, |case, (condition, message)| {
        case.invalid("UpdateItem", checked(condition), message).labelled(condition)
    })
}

fn malformed() -> Case {
    let conditions = [
        ("a =", "Syntax error"),
        ("a == :a", "Syntax error"),
        ("a = :a AND", "Syntax error"),
        ("(a = :a", "Syntax error"),
        ("a = :a b", "Syntax error"),
        ("a", "Syntax error"),
        ("a IN ()", "Syntax error"),
        ("a ! :a", "Syntax error"),
        ("_a = :a", "Syntax error"),
        ("or = :a", "Syntax error"),
        ("size(a)", "The function is not allowed to be used this way in an expression; function: size"),
        ("no_function(a)", "Invalid function name; function: no_function"),
        ("ATTRIBUTE_EXISTS(a)", "Invalid function name; function: ATTRIBUTE_EXISTS"),
        ("if_not_exists(a, :a) = :a", "not allowed to be used this way in an expression; function: if_not_exists"),
        ("attribute_exists(a) = :a", "not allowed to be used this way in an expression; function: attribute_exists"),
        (" ", "can not be empty"),
        ("((a = :a))", "redundant parentheses"),
        ("one = :one AND ((a = :a))", "redundant parentheses"),
    ];
    refused("a condition follows the grammar", &conditions)
}

fn operands() -> Case {
    let conditions = [
        ("attribute_exists(:a)", "requires a document path"),
        ("attribute_exists(a, ab)", "number of operands"),
        ("begins_with(a)", "number of operands"),
        ("size(a, ab) = :one", "number of operands"),
        ("begins_with(a, :one)", "operator or function: begins_with, operand type: N"),
        ("attribute_type(a, :a)", "Invalid attribute type"),
        ("attribute_type(a, ab)", "Incorrect operand type"),
        ("a < :true", "operator or function: <, operand type: BOOL"),
        (":yx >= a", "Incorrect operand type"),
        ("size(:one) = :two", "Incorrect operand type"),
        ("a BETWEEN :true AND :true", "Incorrect operand type"),
        ("a BETWEEN :a AND :one", "same data type"),
        ("a BETWEEN :ten AND :one", "greater than or equal"),
        ("a = a", "distinct"),
        ("contains(a.b, a.b)", "distinct"),
        ("attribute_exists(ab) AND NOT (a < :a OR a < :nil)", "Incorrect operand type"),
    ];
    // The documents let IN compare with 100 values; the service is known to take 99.
    let choices = |count: usize| checked(&format!("a IN ({})", vec![":a"; count].join(", ")));
    refused("operands fit their operators whatever the item", &conditions)
        .answers("UpdateItem", choices(99), json!({}))
        .labelled("a IN (99 values)")
        .invalid("UpdateItem", choices(101), "number of operands")
        .labelled("a IN (101 values)")
}

/// A filter is a condition, and is evaluated like one.
fn of_filters() -> Case {
    let case = Case::new("a filter says of an item what a condition does").given("t", [item()]);
    let filters = [
        ("attributes.k = :one AND NOT parts[1] = :b", 1),
        ("absent <> :a", 1),
        ("size(xs) = :two AND contains(xs, :x)", 1),
        ("two BETWEEN :one AND :ten AND a IN (:a, :b)", 1),
        ("attribute_type(nil, :null) AND begins_with(ab, :b)", 0),
    ];
    filters.into_iter().fold(case, |case, (filter, count)| {
        let request = expression(json!({"TableName": "t", "Select": "COUNT"}), "FilterExpression", filter);
        case.answers("Scan", request, json!({"Count": count, "ScannedCount": 1})).labelled(filter)
    })
}
