//! Expressions, evaluated from their text.

use serde_json::{Value, json};

use super::Condition;
use crate::testing::dynamodb::attribute;
use crate::testing::dynamodb::refusal::Refusal;
use crate::testing::dynamodb::request::Members;
use crate::testing::dynamodb::tokens::Placeholders;

fn read(expression: &str, values: &Value) -> Result<Condition, Refusal> {
    let mut members = json!({"E": expression});
    if expression.contains("#or") {
        members["ExpressionAttributeNames"] = json!({"#or": "or"});
    }
    if !values.is_null() {
        members["ExpressionAttributeValues"] = values.clone();
    }
    let members = Members::new(&members, &["E", "ExpressionAttributeNames", "ExpressionAttributeValues"])?;
    let mut placeholders = Placeholders::read(members)?;
    let condition = placeholders.expression(members, "E", Condition::parse, Condition::check)?;
    placeholders.all_used().map(|()| condition.unwrap())
}

fn values() -> Value {
    json!({
        ":one": {"N": "1"}, ":two": {"N": "2.0"}, ":ten": {"N": "10"}, ":a": {"S": "a"}, ":b": {"S": "b"},
        ":bin": {"B": "AQI="}, ":bin1": {"B": "AQ=="}, ":null": {"NULL": true}, ":true": {"BOOL": true},
        ":set": {"SS": ["y", "x"]}, ":numbers": {"NS": ["2", "1.0"]}, ":list": {"L": [{"N": "1.0"}, {"S": "a"}]},
        ":map": {"M": {"k": {"N": "1.00"}}}, ":string": {"S": "S"}, ":x": {"S": "x"},
    })
}

/// Only the values that the expression uses.
fn used(expression: &str) -> Value {
    let is_used = |key: &str| expression.split(|c: char| !(c.is_alphanumeric() || c == ':')).any(|word| word == key);
    let values: Value = values().as_object().unwrap().clone().into_iter().filter(|(key, _)| is_used(key)).collect();
    if values.as_object().unwrap().is_empty() { Value::Null } else { values }
}

/// Checks what the conditions say of an example.
#[track_caller]
fn evaluate(cases: &[(&str, bool)]) {
    let item = json!({
        "one": {"N": "1"}, "two": {"N": "2"}, "ten": {"N": "10"}, "a": {"S": "a"}, "ab": {"S": "ab"}, "or": {"S": "b"},
        "bin": {"B": "AQI="}, "null": {"NULL": true}, "yes": {"BOOL": true}, "set": {"SS": ["x", "y"]},
        "numbers": {"NS": ["1", "2"]}, "list": {"L": [{"N": "1"}, {"S": "a"}]}, "map": {"M": {"k": {"N": "1"}}},
        "z": {"S": "z"}, "accent": {"S": "é"}, "empty": {"S": ""}, "bins": {"BS": ["AQ=="]},
    });
    let item = attribute::item(&item).unwrap();
    for (expression, expected) in cases {
        let condition = read(expression, &used(expression));
        let condition = condition.unwrap_or_else(|refusal| panic!("{expression}: {refusal:?}"));
        assert_eq!(condition.holds(&item), *expected, "{expression}");
    }
}

#[test]
fn values_are_compared() {
    evaluate(&[
        // Equality is of all types, and by value.
        ("one = :one", true),
        ("two = :two", true),
        ("one = :a", false),
        ("bin = :bin", true),
        ("null = :null", true),
        ("yes = :true", true),
        ("set = :set", true),
        ("numbers = :numbers", true),
        ("list = :list", true),
        ("map = :map", true),
        ("map <> :map", false),
        ("one <> :two", true),
        ("one <> :a", true),
        ("a = ab", false),
        // Order is of numbers by value, of strings and binaries by octets.
        ("two < :ten", true),
        ("ten < :two", false),
        ("ten > two", true),
        ("two <= :two", true),
        ("two < :two", false),
        ("two >= :two", true),
        ("two > :two", false),
        ("a < :b", true),
        ("z < accent", true),
        ("bin > :bin1", true),
        ("one < :a", false),
        ("one > :a", false),
        ("one <= :a", false),
        ("one >= :a", false),
        ("yes < :a", false),
        // What is missing.
        ("missing = :a", false),
        ("missing <> :a", true),
        (":a <> missing", true),
        ("missing = nowhere", false),
        ("missing <> nowhere", true),
        ("missing < :a", false),
        ("missing >= :a", false),
        ("missing BETWEEN :a AND :b", false),
        ("missing IN (:a)", false),
        ("size(missing) = :one", false),
        ("begins_with(missing, :a)", false),
        ("contains(missing, :a)", false),
        ("attribute_type(missing, :string)", false),
        // Paths.
        ("map.k = :one", true),
        ("list[1] = :a", true),
        ("list[2] <> :a", true),
        ("map[0] = :one", false),
        ("list.k = :one", false),
        ("#or = :b", true),
    ]);
}

#[test]
fn operators_and_functions_are_evaluated() {
    evaluate(&[
        ("two BETWEEN :one AND :ten", true),
        ("one BETWEEN :one AND :one", true),
        ("ten BETWEEN :one AND :two", false),
        ("a BETWEEN one AND ten", false),
        ("a IN (:b, :a)", true),
        ("a IN (:b, :one)", false),
        // Functions.
        ("attribute_exists(a)", true),
        ("attribute_exists(map.k)", true),
        ("attribute_exists(null)", true),
        ("attribute_exists(map.nothing)", false),
        ("attribute_not_exists(a)", false),
        ("attribute_not_exists(missing)", true),
        ("attribute_type(a, :string)", true),
        ("attribute_type(one, :string)", false),
        ("begins_with(ab, :a)", true),
        ("begins_with(ab, :b)", false),
        ("begins_with(bin, :bin1)", true),
        ("begins_with(one, :a)", false),
        ("contains(ab, :b)", true),
        ("contains(ab, :x)", false),
        ("contains(bin, :bin1)", true),
        ("contains(bins, :bin1)", true),
        ("contains(set, :x)", true),
        ("contains(set, :a)", false),
        ("contains(numbers, :two)", true),
        ("contains(list, :one)", true),
        ("contains(list, :b)", false),
        ("contains(one, :one)", false),
        ("size(ab) = :two", true),
        ("size(accent) = :two", true),
        ("size(bin) = :two", true),
        ("size(set) = :two", true),
        ("size(list) > :one", true),
        ("size(map) = :one", true),
        ("size(empty) < :one", true),
        ("size(one) = :one", false),
        // Logic: NOT before AND before OR.
        ("a = :a AND one = :two", false),
        ("a = :b OR one = :one", true),
        ("a = :a OR a = :a AND a = :b", true),
        ("(a = :a OR a = :a) AND a = :b", false),
        ("NOT a = :b AND a = :b", false),
        ("NOT (a = :b AND a = :b)", true),
        ("NOT a IN (:a, :b)", false),
        ("NOT missing = :a", true),
        ("not a between :a and :b or attribute_exists(a)", true),
        ("a between :a and :b and one = :two", false),
    ]);
}

#[test]
fn conditions_that_can_not_be_right_are_refused() {
    let cases = [
        ("a =", "Syntax error"),
        ("a == :a", "Syntax error"),
        ("a = :a AND", "Syntax error"),
        ("(a = :a", "Syntax error"),
        ("a = :a b", "Syntax error"),
        ("a", "Syntax error"),
        ("size(a)", "Syntax error"),
        ("missing_function(a)", "Syntax error"),
        ("ATTRIBUTE_EXISTS(a)", "Syntax error"),
        ("a IN ()", "Syntax error"),
        ("attribute_exists(:a)", "requires a document path"),
        ("attribute_exists(a, ab)", "number of operands"),
        ("begins_with(a)", "number of operands"),
        ("begins_with(a, :one)", "Incorrect operand type"),
        ("attribute_type(a, :a)", "Invalid attribute type"),
        ("attribute_type(a, ab)", "Incorrect operand type"),
        ("a < :true", "Incorrect operand type"),
        (":set >= a", "Incorrect operand type"),
        ("size(:one) = :two", "Incorrect operand type"),
        ("a BETWEEN :true AND :true", "Incorrect operand type"),
        ("a BETWEEN :a AND :one", "same data type"),
        ("a BETWEEN :ten AND :one", "greater than or equal"),
        ("a = a", "distinct"),
        ("contains(a.b, a.b)", "distinct"),
        ("attribute_exists(ab) AND NOT (a < :a OR a < :null)", "Incorrect operand type"),
    ];
    for (expression, expected) in cases {
        let problem = read(expression, &used(expression)).unwrap_err().answer().body.to_string();
        assert!(problem.contains("Invalid E: ") && problem.contains(expected), "{expression}: {problem}");
    }
    for (count, is_sound) in [(100, true), (101, false)] {
        let expression = format!("a IN ({})", vec![":a"; count].join(", "));
        assert_eq!(read(&expression, &used(&expression)).is_ok(), is_sound, "{count}");
    }
}

#[test]
fn a_condition_names_the_attributes_it_looks_at() {
    let expression = "NOT a.b = :a AND (c IN (d, :a) OR size(e[0]) BETWEEN f AND g) AND attribute_exists(h)";
    let condition = read(expression, &used(expression)).unwrap();
    let mut attributes = condition.attributes();
    attributes.sort_unstable();
    assert_eq!(attributes, ["a", "c", "d", "e", "f", "g", "h"]);
}
