//! Which values are stored, and how they come back.

use serde_json::{Value, json};

use super::Case;

pub(super) fn cases() -> Vec<Case> {
    vec![round_trips(), invalid_values(), numbers(), invalid_numbers(), sums(), invalid_sums(), expiry()]
}

fn put(value: &Value) -> Value {
    json!({"TableName": "t", "Item": {"id": {"S": "a"}, "v": value}})
}

fn get() -> Value {
    json!({"TableName": "t", "Key": {"id": {"S": "a"}}, "ConsistentRead": true})
}

fn found(value: &Value) -> Value {
    json!({"Item": {"id": {"S": "a"}, "v": value}})
}

fn round_trips() -> Case {
    let values = [
        json!({"B": "AQI="}),
        json!({"B": ""}),
        json!({"BOOL": false}),
        json!({"BS": ["AQ==", "Ag=="]}),
        json!({"L": [{"S": ""}, {"L": []}]}),
        json!({"L": []}),
        json!({"M": {"a": {"N": "-1.5"}, "é": {"S": "é"}}}),
        json!({"M": {}}),
        json!({"NS": ["1", "-2"]}),
        json!({"NULL": true}),
        json!({"S": ""}),
        json!({"S": "\u{0}\u{1F600}\"\\"}),
        json!({"SS": ["", "a"]}),
    ];
    values.iter().fold(Case::new("values come back as they were"), |case, value| {
        case.answers("PutItem", put(value), json!({}))
            .answers("GetItem", get(), found(value))
            .labelled(&value.to_string())
    })
}

fn invalid_values() -> Case {
    let values = [
        (json!({}), "must contain exactly one of the supported datatypes"),
        (json!({"S": "a", "N": "1"}), "must contain exactly one of the supported datatypes"),
        (json!({"NULL": false}), "Null attribute value types must have the value of true"),
        (json!({"SS": []}), "may not be empty"),
        (json!({"NS": []}), "may not be empty"),
        (json!({"L": [{"NS": []}]}), "may not be empty"),
        (json!({"BS": []}), "empty"),
        (json!({"SS": ["a", "b", "a"]}), "contains duplicates"),
        (json!({"NS": ["1", "1.0"]}), "contains duplicates"),
        (json!({"BS": ["AQ==", "AQ=="]}), "contains duplicates"),
        (json!({"M": {"a": {"L": [{"N": "one"}]}}}), "cannot be converted to a numeric value"),
    ];
    let case = Case::new("values that are none are invalid");
    let case = values
        .iter()
        .fold(case, |case, (value, message)| case.invalid("PutItem", put(value), message).labelled(&value.to_string()));
    let shapes =
        [json!("a"), json!({"S": 1}), json!({"N": 1}), json!({"BOOL": "true"}), json!({"L": {}}), json!({"SS": "a"})];
    shapes.iter().fold(case, |case, value| {
        case.refused("PutItem", put(value), "SerializationException", "").labelled(&value.to_string())
    })
}

/// What a number is written as when it is read.
fn numbers() -> Case {
    let digits = "99999999999999999999999999999999999999";
    let large = format!("1{}", "0".repeat(125));
    let small = format!("0.{}1", "0".repeat(129));
    let numbers = [
        ("0", "0"),
        ("-0.00", "0"),
        ("007", "7"),
        ("+1.50", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e2", "100"),
        ("-12.5E-3", "-0.0125"),
        ("0.000001", "0.000001"),
        (digits, digits),
        ("1234567890123456789012.3456789012345678", "1234567890123456789012.3456789012345678"),
        ("1000000000000000000000000000000000000000", "1000000000000000000000000000000000000000"),
        ("1e125", &large),
        ("1e-130", &small),
    ];
    numbers.into_iter().fold(
        Case::new("numbers are exact, and are read in their plain form"),
        |case, (text, expected)| {
            case.answers("PutItem", put(&json!({"N": text})), json!({}))
                .answers("GetItem", get(), found(&json!({"N": expected})))
                .labelled(text)
        },
    )
}

fn invalid_numbers() -> Case {
    let text = "cannot be converted to a numeric value";
    let digits = "more than 38 significant digits";
    let numbers = [
        ("", text),
        (".", text),
        ("1 ", text),
        ("0x1", text),
        ("1_000", text),
        ("NaN", text),
        ("Infinity", text),
        ("100000000000000000000000000000000000001", digits),
        ("1.00000000000000000000000000000000000001", digits),
        ("1e126", "Number overflow"),
        ("-1e126", "Number overflow"),
        ("1e-131", "Number underflow"),
        ("1e99999999999", "Number overflow"),
        ("1e-99999999999", "Number underflow"),
    ];
    let case = numbers.into_iter().fold(Case::new("numbers out of range are invalid"), |case, (number, message)| {
        case.invalid("PutItem", put(&json!({"N": number})), message).labelled(number)
    });
    case.holds("t", &[])
}

/// An update of a number by another one.
fn sum(action: &str, number: &str) -> Value {
    json!({
        "TableName": "t", "Key": {"id": {"S": "a"}}, "UpdateExpression": action,
        "ExpressionAttributeValues": {":n": {"N": number}}, "ReturnValues": "UPDATED_NEW",
    })
}

fn sums() -> Case {
    let sums = [
        ("1", "2", "3"),
        ("0.1", "0.2", "0.3"),
        ("5", "-5", "0"),
        ("99", "1", "100"),
        ("1e20", "1e-10", "100000000000000000000.0000000001"),
        ("99999999999999999999999999999999999998", "1", "99999999999999999999999999999999999999"),
    ];
    sums.into_iter().fold(Case::new("sums are exact"), |case, (one, other, total)| {
        let attributes = json!({"Attributes": {"v": {"N": total}}});
        case.answers("PutItem", put(&json!({"N": one})), json!({}))
            .answers("UpdateItem", sum("ADD v :n", other), attributes.clone())
            .labelled(&format!("{one} ADD {other}"))
            .answers("PutItem", put(&json!({"N": one})), json!({}))
            .answers("UpdateItem", sum("SET v = v + :n", other), attributes)
            .labelled(&format!("{one} + {other}"))
    })
}

fn invalid_sums() -> Case {
    let sums = [("1e38", "1"), ("1e100", "1"), ("9e125", "9e125")];
    let message = "Number overflow";
    sums.into_iter().fold(Case::new("sums that are not exact are refused"), |case, (one, other)| {
        case.answers("PutItem", put(&json!({"N": one})), json!({}))
            .invalid("UpdateItem", sum("ADD v :n", other), message)
            .labelled(&format!("{one} ADD {other}"))
            .answers("PutItem", put(&json!({"N": one})), json!({}))
            .invalid("UpdateItem", sum("SET v = v + :n", other), message)
            .labelled(&format!("{one} + {other}"))
    })
}

/// Time To Live deletes items days after their time. Until then they are there.
fn expiry() -> Case {
    let item = json!({"id": {"S": "a"}, "expiresAt": {"N": "1"}});
    let filtered = json!({
        "TableName": "t", "FilterExpression": "expiresAt < :now", "ExpressionAttributeValues": {":now": {"N": "2"}},
    });
    Case::new("an item past its time is there")
        .given("t", [item.clone()])
        .answers("GetItem", get(), json!({"Item": item}))
        .answers("Scan", filtered, json!({"Count": 1, "ScannedCount": 1, "Items": [item]}))
}
