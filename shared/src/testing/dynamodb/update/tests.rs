//! Expressions, evaluated from their text.

use serde_json::{Map, Value, json};

use super::Update;
use crate::testing::dynamodb::attribute::{item, to_json};
use crate::testing::dynamodb::refusal::Refusal;
use crate::testing::dynamodb::request::Members;
use crate::testing::dynamodb::tokens::Placeholders;

fn read(expression: &str) -> Result<Update, Refusal> {
    let values = json!({
        ":one": {"N": "1"}, ":s": {"S": "s"}, ":list": {"L": [{"S": "new"}]}, ":xs": {"SS": ["x"]},
        ":xy": {"SS": ["x", "y"]}, ":ns": {"NS": ["1.0"]}, ":bs": {"BS": ["AQ=="]}, ":many": {"N": "1e38"},
    });
    let is_used = |key: &str| expression.split(|c: char| !(c.is_alphanumeric() || c == ':')).any(|word| word == key);
    let values: Map<String, Value> =
        values.as_object().unwrap().clone().into_iter().filter(|(key, _)| is_used(key)).collect();
    let mut request = json!({"E": expression});
    if !values.is_empty() {
        request["ExpressionAttributeValues"] = Value::Object(values);
    }
    let members = Members::new(&request, &["E", "ExpressionAttributeValues"])?;
    let mut placeholders = Placeholders::read(members)?;
    placeholders.expression(members, "E", Update::parse, Update::check).map(Option::unwrap)
}

fn before() -> Value {
    json!({
        "b": {"BS": ["AQ==", "Ag=="]},
        "l": {"L": [{"N": "0"}, {"N": "1"}, {"M": {"k": {"N": "2"}}}]},
        "m": {"M": {"k": {"S": "v"}, "s": {"SS": ["x"]}}},
        "n": {"N": "5"},
        "ns": {"NS": ["1", "2"]},
        "s": {"S": "old"},
        "ss": {"SS": ["x", "z"]},
    })
}

#[test]
fn updates_are_computed_from_the_item_as_it_was() {
    let gone = Value::Null;
    let cases = [
        ("SET s = :s", vec![("/s", json!({"S": "s"}))]),
        ("set new = :s, m.new = :one", vec![("/new", json!({"S": "s"})), ("/m/M/new", json!({"N": "1"}))]),
        ("SET n = s, s = n", vec![("/n", json!({"S": "old"})), ("/s", json!({"N": "5"}))]),
        ("SET n = n + :one, x = n", vec![("/n", json!({"N": "6"})), ("/x", json!({"N": "5"}))]),
        ("SET n = :one - n", vec![("/n", json!({"N": "-4"}))]),
        (
            "SET c = if_not_exists(c, :one), s = if_not_exists(s, :s)",
            vec![("/c", json!({"N": "1"})), ("/s", json!({"S": "old"}))],
        ),
        ("SET c = if_not_exists(c, :one) + :one", vec![("/c", json!({"N": "2"}))]),
        ("SET l = list_append(:list, l)", vec![("/l/L/0", json!({"S": "new"})), ("/l/L/3/M/k", json!({"N": "2"}))]),
        ("SET x = list_append(if_not_exists(x, :list), :list)", vec![("/x/L/1", json!({"S": "new"}))]),
        ("SET l[0] = l[1], l[2].k = :s", vec![("/l/L/0", json!({"N": "1"})), ("/l/L/2/M/k", json!({"S": "s"}))]),
        ("SET l[9] = :s, l[5] = :one", vec![("/l/L/3", json!({"N": "1"})), ("/l/L/4", json!({"S": "s"}))]),
        ("REMOVE s, m.k, missing, m.missing, l[7]", vec![("/s", gone.clone()), ("/m/M/k", gone.clone())]),
        ("REMOVE l[0], l[1]", vec![("/l/L/0/M/k", json!({"N": "2"})), ("/l/L/1", gone.clone())]),
        ("REMOVE l[0] SET l[1] = :s", vec![("/l/L/0", json!({"S": "s"})), ("/l/L/2", gone.clone())]),
        ("REMOVE s SET x = s", vec![("/x", json!({"S": "old"})), ("/s", gone.clone())]),
        ("ADD n :one, c :one", vec![("/n", json!({"N": "6"})), ("/c", json!({"N": "1"}))]),
        ("ADD ss :xy, x :xs", vec![("/ss", json!({"SS": ["x", "y", "z"]})), ("/x", json!({"SS": ["x"]}))]),
        ("ADD ns :ns, b :bs", vec![("/ns", json!({"NS": ["1", "2"]})), ("/b", json!({"BS": ["AQ==", "Ag=="]}))]),
        ("DELETE ss :xy, missing :xy", vec![("/ss", json!({"SS": ["z"]}))]),
        ("DELETE m.s :xy", vec![("/m/M/s", gone.clone())]),
        ("DELETE ns :ns, b :bs", vec![("/ns", json!({"NS": ["2"]})), ("/b", json!({"BS": ["Ag=="]}))]),
    ];
    for (expression, expected) in cases {
        let update = read(expression).unwrap_or_else(|refusal| panic!("{expression}: {refusal:?}"));
        let after = to_json(&update.apply(&item(&before()).unwrap()).unwrap());
        for (pointer, value) in expected {
            assert_eq!(after.pointer(pointer).unwrap_or(&gone), &value, "{expression}: {pointer} of {after}");
        }
        let untouched = before();
        for (name, value) in untouched.as_object().unwrap() {
            let is_untouched = !update.paths().any(|path| path.attribute == *name);
            assert!(!is_untouched || after[name] == *value, "{expression}: {name}");
        }
    }
}

#[test]
fn updates_that_do_not_fit_the_item_are_refused() {
    let cases = [
        ("SET missing.k = :s", "document path provided in the update expression is invalid"),
        ("SET m.missing.k = :s", "document path"),
        ("SET s.k = :s", "document path"),
        ("SET m[0] = :s", "document path"),
        ("SET l.k = :s", "document path"),
        ("REMOVE missing.k", "document path"),
        ("ADD missing.k :one", "document path"),
        ("SET x = missing", "attribute that does not exist in the item"),
        ("SET x = missing + :one", "attribute that does not exist"),
        ("SET x = list_append(missing, :list)", "attribute that does not exist"),
        ("SET x = s + :one", "incorrect data type"),
        ("SET x = list_append(n, :list)", "incorrect data type"),
        ("SET n = n + :many", "38"),
        ("ADD s :one", "incorrect data type"),
        ("ADD ss :ns", "incorrect data type"),
        ("DELETE ss :ns", "incorrect data type"),
        ("DELETE s :xs", "incorrect data type"),
    ];
    for (expression, expected) in cases {
        let problem = read(expression).unwrap().apply(&item(&before()).unwrap()).unwrap_err();
        assert!(problem.contains(expected), "{expression}: {problem}");
    }
}

#[test]
fn updates_that_can_not_be_right_are_refused() {
    let cases = [
        ("SET", "Syntax error"),
        ("SET a", "Syntax error"),
        ("SET a = :s b = :s", "Syntax error"),
        ("SET a = :one + :one + :one", "Syntax error"),
        ("ADD a b", "Syntax error"),
        ("REMOVE a = :s", "Syntax error"),
        ("CHANGE a = :s", "Syntax error"),
        ("SET a = unknown(b)", "Syntax error"),
        ("SET a = :s SET b = :s", "\\\"SET\\\" section can only be used once"),
        ("SET a = :s REMOVE b ADD c :one REMOVE d", "\\\"REMOVE\\\" section"),
        ("SET a = :s REMOVE a", "overlap"),
        ("SET a.b = :s, a = :s", "overlap"),
        ("SET a.b = :s REMOVE a[0]", "conflict"),
        ("SET a = :s + :one", "Incorrect operand type"),
        ("SET a = if_not_exists(a, :s) + :one", "Incorrect operand type"),
        ("SET a = list_append(a, :s)", "Incorrect operand type"),
        ("SET a = list_append(a, b) - :one", "Incorrect operand type"),
        ("SET a = if_not_exists(:s, :s)", "requires a document path"),
        ("SET a = if_not_exists(a)", "number of operands"),
        ("ADD a :s", "Incorrect operand type"),
        ("ADD a :list", "Incorrect operand type"),
        ("DELETE a :one", "Incorrect operand type"),
    ];
    for (expression, expected) in cases {
        let problem = read(expression).unwrap_err().answer().body.to_string();
        assert!(problem.contains("Invalid E: ") && problem.contains(expected), "{expression}: {problem}");
    }
}

#[test]
fn what_only_takes_away_is_known() {
    for (expression, expected) in
        [("REMOVE a DELETE b :xs", true), ("REMOVE a SET b = :s", false), ("ADD a :one", false)]
    {
        assert_eq!(read(expression).unwrap().only_removes(), expected, "{expression}");
    }
}
