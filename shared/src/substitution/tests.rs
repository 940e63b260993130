use proptest::prelude::*;

use super::*;

mod functions;

const PAYLOAD: &str = r#"{
    "id": "pump-17", "n": 7, "d": 7.50, "whole": 10.0, "long": 12345678901234567890.123456789012345678,
    "zero": 0, "yes": true, "null": null, "color": "yellow", "one": "1", "text": "true", "end": "keyword",
    "a": {"b": [{"c": 1.10}, ["x", "y"]], "when": "inside"}, "list": [1, 2, 3], "größe": "ä€"
}"#;

fn with_message<T>(test: impl FnOnce(&Message<'_>) -> T) -> T {
    let payload = Value::from_json(PAYLOAD.as_bytes()).unwrap();
    test(&Message {
        account_id: "123456789012",
        client_id: Some("pump-17"),
        delivery_id: "7b1e",
        payload: Some(&payload),
        principal: Some("d067"),
        raw: b"{\xff}",
        route: "all",
        timestamp: 1_772_694_489_012,
        topic: "dt/pump-17/data",
        trace_id: Some("12345678-1234-1234-1234-123456789012"),
    })
}

fn value(text: &str) -> Value {
    let template = Template::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    with_message(|message| template.value(message)).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// Type and text of an expression's value.
fn result(expression: &str) -> String {
    let value = value(&format!("${{{expression}}}"));
    if value == Value::Undefined { "Undefined".to_owned() } else { format!("{} {value}", value.type_name()) }
}

fn check(cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        assert_eq!(result(expression), *expected, "{expression}");
    }
}

#[test]
fn literals_and_paths() {
    check(&[
        ("'a''b\"'", r#"String "a'b\"""#),
        (r#""a""b'""#, r#"String "a\"b'""#),
        ("''", r#"String """#),
        ("'}'", r#"String "}""#),
        ("1e3", "Int 1000"),
        ("1.5E-3", "Decimal 1.5E-3"),
        ("TRUE", "Boolean true"),
        ("False", "Boolean false"),
        ("NULL", "Null null"),
        ("n", "Int 7"),
        ("d", "Decimal 7.50"),
        ("whole", "Int 10"),
        ("long", "Decimal 12345678901234567890.123456789012345678"),
        ("null", "Null null"),
        ("N", "Undefined"),
        ("missing", "Undefined"),
        ("größe", r#"String "ä€""#),
        ("a.b[0].c", "Decimal 1.10"),
        ("a.b[1]", r#"Array ["x","y"]"#),
        ("a . b [ 1 ] [ 0 ]", r#"String "x""#),
        ("a.when", r#"String "inside""#),
        ("a.b[2]", "Undefined"),
        ("a[0]", "Undefined"),
        ("id.x", "Undefined"),
        ("list.a", "Undefined"),
        ("*.a.when", r#"String "inside""#),
        ("(a).b[0].c", "Decimal 1.10"),
        ("get(*, 'n')", "Int 7"),
    ]);
}

#[test]
fn arithmetic() {
    check(&[
        ("n + 1", "Int 8"),
        ("n+d", "Decimal 14.5"),
        ("d + 0.5", "Int 8"),
        ("id + '-' + n", r#"String "pump-17-7""#),
        ("1 + one", r#"String "11""#),
        ("'x' + d", r#"String "x7.50""#),
        ("yes + 'x'", r#"String "truex""#),
        ("'x' + list", r#"String "x[1,2,3]""#),
        ("'x' + null", "Undefined"),
        ("missing + 'x'", "Undefined"),
        ("yes + 1", "Undefined"),
        ("1 + null", "Undefined"),
        ("n - d", "Decimal -0.5"),
        ("one - 3", "Int -2"),
        ("'x' - 3", "Undefined"),
        ("yes - 3", "Undefined"),
        ("n * d", "Decimal 52.5"),
        ("'1.5' * '2'", "Int 3"),
        ("n / 2", "Int 3"),
        ("-n / 2", "Int -3"),
        ("n / 2.5", "Decimal 2.8"),
        ("'7' / 2", "Decimal 3.5"),
        ("1 / 3.5", "Decimal 0.2857142857142857142857142857142857"),
        ("n / zero", "Undefined"),
        ("n / 'x'", "Undefined"),
        ("n % 4", "Int 3"),
        ("-n % 4", "Int -3"),
        ("d % 2", "Decimal 1.5"),
        ("n % 0", "Undefined"),
        ("-d", "Decimal -7.5"),
        ("- -n", "Int 7"),
        ("-one", "Int -1"),
        ("-id", "Undefined"),
        ("-yes", "Undefined"),
        ("long * 10", "Decimal 123456789012345678901.23456789012345678"),
    ]);
}

#[test]
fn comparisons() {
    let boolean = |expression: &str, expected: Option<bool>| {
        let expected = expected.map_or_else(|| "Undefined".to_owned(), |expected| format!("Boolean {expected}"));
        assert_eq!(result(expression), expected, "{expression}");
    };
    for (expression, expected) in [
        ("n = 7.0", Some(true)),
        ("d = 7.5", Some(true)),
        ("n = 8", Some(false)),
        ("n <> 8", Some(true)),
        ("one = 1", Some(false)),
        ("one <> 1", Some(true)),
        ("id = 'pump-17'", Some(true)),
        ("list = get(*, 'list')", Some(true)),
        ("a = a", Some(true)),
        ("a = list", Some(false)),
        ("null = null", Some(true)),
        ("null <> null", Some(false)),
        ("null = 0", Some(false)),
        ("yes = true", Some(true)),
        ("missing = missing", None),
        ("missing <> 1", None),
        ("1 = missing", None),
        ("n < 8", Some(true)),
        ("n < 7", Some(false)),
        ("n <= 7", Some(true)),
        ("n <= 6.9", Some(false)),
        ("n > 6.9", Some(true)),
        ("n > 7", Some(false)),
        ("n >= 7", Some(true)),
        ("n >= 7.1", Some(false)),
        ("one < 2", Some(true)),
        ("'10' > '9'", Some(true)),
        ("'a' < 'b'", None),
        ("yes < 2", None),
        ("null < 2", None),
        ("missing < 2", None),
    ] {
        boolean(expression, expected);
    }
}

#[test]
fn logic_and_precedence() {
    check(&[
        ("true AND true", "Boolean true"),
        ("yes and 'FALSE'", "Boolean false"),
        ("false or text", "Boolean true"),
        ("false OR false", "Boolean false"),
        ("NOT yes", "Boolean false"),
        ("not 'false'", "Boolean true"),
        ("NOT 1", "Undefined"),
        ("false AND missing", "Undefined"),
        ("true OR 1", "Undefined"),
        ("true AND 'x'", "Undefined"),
        ("true OR true AND false", "Boolean true"),
        ("(true OR true) AND false", "Boolean false"),
        ("NOT 1 = 2", "Boolean true"),
        ("NOT NOT true", "Boolean true"),
        ("NOT false AND false", "Boolean false"),
        ("1 + 2 = 3 AND n - 1 > 5", "Boolean true"),
        ("1 + 2 * 3", "Int 7"),
        ("(1 + 2) * 3", "Int 9"),
        ("10 - 4 - 3", "Int 3"),
        ("12 / 2 / 3", "Int 2"),
        ("2 - -2", "Int 4"),
        ("-list[1] * 2", "Int -4"),
    ]);
}

#[test]
fn cases() {
    let light = "CASE color WHEN 'green' THEN 'go' WHEN 'yellow' THEN 'caution' WHEN 'red' THEN 'stop' ELSE 'none' END";
    check(&[
        (light, r#"String "caution""#),
        ("case n when 1 then 1 end", "Undefined"),
        ("CASE n WHEN 1 THEN 1 ELSE 2 END + 1", "Int 3"),
        ("CASE n WHEN 7 THEN 1 WHEN 7.0 THEN 2 END", "Int 1"),
        ("CASE missing WHEN 1 THEN 1 ELSE 2 END", "Undefined"),
        ("CASE n WHEN missing THEN 1 ELSE 2 END", "Int 2"),
        ("CASE isUndefined(missing) WHEN true THEN 'x' ELSE missing END", r#"String "x""#),
    ]);
}

#[test]
fn functions_of_the_message() {
    check(&[
        ("topic()", r#"String "dt/pump-17/data""#),
        ("TOPIC(2)", r#"String "pump-17""#),
        ("topic('3')", r#"String "data""#),
        ("topic(4)", "Undefined"),
        ("topic(zero)", "Undefined"),
        ("topic(-n)", "Undefined"),
        ("topic(id)", "Undefined"),
        ("timestamp()", "Int 1772694489012"),
        ("clientid()", r#"String "pump-17""#),
        ("principal()", r#"String "d067""#),
        ("traceId()", r#"String "12345678-1234-1234-1234-123456789012""#),
        ("accountid()", r#"String "123456789012""#),
        ("encode(*, 'base64')", r#"String "e/99""#),
        ("encode(id, 'base64')", r#"String "cHVtcC0xNw==""#),
    ]);
}

#[test]
fn functions_of_values() {
    check(&[
        ("md5('hello')", r#"String "5d41402abc4b2a76b9719d911017c592""#),
        ("md5(n)", r#"String "8f14e45fceea167a5a36dedd4bea2543""#),
        ("md5(null)", "Undefined"),
        ("sha256('hello')", r#"String "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824""#),
        ("sha256(missing)", "Undefined"),
        ("concat(1)", "Int 1"),
        ("concat(list, 4)", "Array [1,2,3,4]"),
        ("concat(list, 'hello', list)", r#"Array [1,2,3,"hello",1,2,3]"#),
        ("concat('he', 'is', 'man')", r#"String "heisman""#),
        ("concat(1, 'hello')", r#"String "1hello""#),
        ("concat(1, 2)", "Undefined"),
        ("concat('a', null)", "Undefined"),
        ("concat(list, missing)", "Undefined"),
        ("substring('012345', 0)", r#"String "012345""#),
        ("substring('012345', 2.745)", r#"String "2345""#),
        ("substring(123, 2)", r#"String "3""#),
        ("substring('012345', -1)", r#"String "012345""#),
        ("substring(true, 1.2)", r#"String "rue""#),
        ("substring('012345', 1, 3)", r#"String "12""#),
        ("substring('012345', -50, 50)", r#"String "012345""#),
        ("substring('012345', 3, 1)", r#"String """#),
        ("substring('012345', '1', '3')", r#"String "12""#),
        ("substring('ä€x', 1, 2)", r#"String "€""#),
        ("substring('a', 'x')", "Undefined"),
        ("substring('a', 0, 'x')", "Undefined"),
        ("substring(null, 0)", "Undefined"),
        ("get(list, 0)", "Int 1"),
        ("get(list, '1')", "Int 2"),
        ("get(list, 3)", "Undefined"),
        ("get(list, -1)", "Undefined"),
        ("get(a, 'when')", r#"String "inside""#),
        ("get(a, 1)", "Undefined"),
        ("get('abc', 1)", r#"String "b""#),
        ("get('abc', 3)", "Undefined"),
        ("get(n, 0)", "Undefined"),
        ("get(a.b, 0).c", "Decimal 1.10"),
        ("isUndefined(missing)", "Boolean true"),
        ("isUndefined(null)", "Boolean false"),
        ("isNull(null)", "Boolean true"),
        ("isNull(missing)", "Boolean false"),
        ("get_or_default(missing, 1)", "Int 1"),
        ("get_or_default(null, 1)", "Int 1"),
        ("get_or_default(n, 1)", "Int 7"),
        ("lower('HeLLo')", r#"String "hello""#),
        ("upper(id)", r#"String "PUMP-17""#),
        ("trim(' a b ')", r#"String "a b""#),
        ("length(größe)", "Int 2"),
        ("length(false)", "Int 5"),
        ("length(null)", "Undefined"),
        ("startswith('ranger', 'ran')", "Boolean true"),
        ("startswith('ranger', 'anger')", "Boolean false"),
        ("startswith(123, 12)", "Boolean true"),
        ("startswith('a', null)", "Undefined"),
        ("endswith('cat', 'at')", "Boolean true"),
        ("endswith('cat', 'ca')", "Boolean false"),
    ]);
}

#[test]
fn casts() {
    check(&[
        ("cast(true as Int)", "Int 1"),
        ("cast(false AS Decimal)", "Int 0"),
        ("cast(7.9 as Int)", "Int 7"),
        ("cast('-7.9' as INTEGER)", "Int -8"),
        ("cast('7.90' as Decimal)", "Decimal 7.90"),
        ("cast('x' as Decimal)", "Undefined"),
        ("cast(null as Int)", "Undefined"),
        ("cast(0 as Bool)", "Boolean false"),
        ("cast(0.1 as Boolean)", "Boolean true"),
        ("cast('TRUE' as Bool)", "Boolean true"),
        ("cast('1' as Bool)", "Undefined"),
        ("cast(list as Bool)", "Undefined"),
        ("cast(d as String)", r#"String "7.50""#),
        ("cast(list as String)", r#"String "[1,2,3]""#),
        ("cast(null as String)", "Undefined"),
    ]);
}

#[test]
fn times() {
    check(&[
        (r#"parse_time("yyyy", timestamp(), "UTC")"#, r#"String "2026""#),
        (r#"parse_time("yyyy-MM-dd'T'HH:mm:ss'Z'", timestamp())"#, r#"String "2026-03-05T07:08:09Z""#),
        ("parse_time('yyyy-MM-dd''T''HH', timestamp())", r#"String "2026-03-05T07""#),
        ("parse_time('yyyy', '0')", r#"String "1970""#),
        ("parse_time('yyyy', 'x')", "Undefined"),
        ("parse_time('yyyy', 1e30)", "Undefined"),
        ("time_to_epoch('18 December 2015', 'dd MMMM yyyy')", "Int 1450396800000"),
        ("time_to_epoch('18', 'dd MMMM yyyy')", "Undefined"),
        ("time_to_epoch(null, 'dd MMMM yyyy')", "Undefined"),
    ]);
}

#[test]
fn uuids_follow_the_delivery_and_the_route() {
    let template = Template::parse("${newuuid()}").unwrap();
    let of = |delivery_id: &str| with_message(|message| template.text(&Message { delivery_id, ..*message }).unwrap());
    // The SHA-256 of "all 7b1e" begins with it, but for the version and the variant.
    let digest = result("sha256('all 7b1e')").replace(['"', '-'], "").replace("String ", "");
    let uuid = of("7b1e");
    assert_eq!(uuid, of("7b1e"));
    assert_ne!(uuid, of("7b1f"));
    let by = |route: &str| with_message(|message| template.text(&Message { route, ..*message }).unwrap());
    assert_ne!(uuid, by("also"));
    assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    let digits = uuid.replace('-', "");
    assert_eq!(digits[..12], digest[..12]);
    assert_eq!(&digits[12..13], "8");
    assert_eq!(digits[13..16], digest[13..16]);
    assert!("89ab".contains(&digits[16..17]));
    assert_eq!(digits[17..], digest[17..32]);
}

#[test]
fn what_a_message_lacks_is_undefined() {
    let cases = [
        ("clientid()", "\"n/a\""),
        ("isUndefined(principal())", "true"),
        ("isUndefined(traceid())", "true"),
        ("isUndefined(*)", "true"),
        ("isUndefined(a.b)", "true"),
        ("encode(*, 'base64')", "\"e/99\""),
    ];
    for (expression, expected) in cases {
        let template = Template::parse(&format!("${{{expression}}}")).unwrap();
        let value = with_message(|message| {
            let bare = Message { client_id: None, payload: None, principal: None, trace_id: None, ..*message };
            template.value(&bare).unwrap()
        });
        assert_eq!(value.to_string(), expected, "{expression}");
    }
}

#[test]
fn literals_stand_around_expressions() {
    let cases = [
        ("", ""),
        ("plain", "plain"),
        ("a-${topic(2)}-b", "a-pump-17-b"),
        ("${n}${d}", "77.50"),
        ("${ n }", "7"),
        ("$5 {} ${'}'} }", "$5 {} } }"),
        ("$${n}", "$7"),
        ("${list}/${a.b[0]}", r#"[1,2,3]/{"c":1.10}"#),
        ("ä${yes}", "ätrue"),
    ];
    for (text, expected) in cases {
        let template = Template::parse(text).unwrap();
        assert_eq!(with_message(|message| template.text(message)).unwrap(), expected, "{text}");
        assert_eq!(template.to_string(), text);
    }
    assert_eq!(value("x${n}"), "x7".into());
    assert_eq!(value("7"), "7".into());
    assert_eq!(value("${missing}"), Value::Undefined);
    let constant = |text: &str| Template::parse(text).unwrap().constant().map(str::to_owned);
    assert_eq!(["", "a", "a${n}"].map(constant), [Some(String::new()), Some("a".to_owned()), None]);
}

#[test]
fn messages_that_do_not_fill_a_template() {
    let cases = [
        ("a${missing}", 2, Problem::Undefined),
        ("${n}-${null}", 6, Problem::Undefined),
        ("ä${long * long}", 2, Problem::Number(NumberFault::TooLong)),
        ("${1e100 * 1e100}", 1, Problem::Number(NumberFault::OutOfRange)),
        ("${d / 1e-126}", 1, Problem::Number(NumberFault::OutOfRange)),
    ];
    for (text, column, problem) in cases {
        let template = Template::parse(text).unwrap();
        let fault = with_message(|message| template.text(message)).unwrap_err();
        assert_eq!(fault, EvaluationFault { column, problem }, "{text}");
    }
    let fault = EvaluationFault { column: 2, problem: Problem::Number(NumberFault::TooLong) };
    assert_eq!(fault.to_string(), "column 2: the result is a number of more than 38 significant digits");
}

#[test]
fn results_are_no_longer_than_an_item() {
    let most = LONGEST_RESULT;
    for (length, expected) in [(most / 4, true), (most / 4 + 1, false)] {
        let text = Value::Text("x".repeat(length));
        let members = [("t".to_owned(), text.clone()), ("l".to_owned(), Value::Array(vec![text]))];
        let payload = Value::Object(members.into());
        // A list's text has four characters of its own.
        for template in ["${t+t+t+t}", "${concat(t,t,t,t)}", "${t}${t}${t}${t}"] {
            let template = Template::parse(template).unwrap();
            let text = with_message(|message| template.text(&Message { payload: Some(&payload), ..*message }));
            assert_eq!(text.is_ok(), expected, "{template}");
            assert!(expected || text.unwrap_err().problem == Problem::TooLong);
        }
        let lists = Template::parse("${concat(l,l,l,l)}").unwrap();
        let lists = with_message(|message| lists.value(&Message { payload: Some(&payload), ..*message }));
        assert_eq!(lists.unwrap_err().problem, Problem::TooLong);
    }
}

#[test]
fn faults_tell_their_column() {
    let deep = |open: &str, close: &str, depth| format!("${{{}1{}}}", open.repeat(depth), close.repeat(depth));
    let cases = [
        ("device-${tpoic(2)}", "column 10: unknown function tpoic"),
        ("ä${x", "column 2: ${ without }"),
        ("a ${n} ${", "column 8: ${ without }"),
        ("${'}", "column 3: a string without its closing mark"),
        ("${'a''}", "column 3: a string without its closing mark"),
        ("${}", "column 3: expected a value, got }"),
        ("${n n}", "column 5: expected }, got n"),
        ("${n +}", "column 6: expected a value, got }"),
        ("${(n}", "column 5: expected ), got }"),
        ("${n)}", "column 4: expected }, got )"),
        ("${n ! 1}", "column 5: unexpected character !"),
        ("${n # 1}", "column 5: unexpected character #"),
        ("${\u{7f}}", "column 3: unexpected character \\u{7f}"),
        ("${a.}", "column 5: expected a member's name, got }"),
        ("${a.'b'}", "column 5: expected a member's name, got a string"),
        ("${a[b]}", "column 5: expected an index from 0, got b"),
        ("${a[1.5]}", "column 5: expected an index from 0, got 1.5"),
        ("${a[-1]}", "column 5: expected an index from 0, got -"),
        ("${a[1}", "column 6: expected ], got }"),
        ("${and}", "column 3: expected a value, got and"),
        ("${NOT}", "column 6: expected a value, got }"),
        ("${-}", "column 4: expected a value, got }"),
        ("${1e126}", "column 3: a number outside of 1E-130 to 9.99E+125"),
        ("${1234567890123456789012345678901234567890}", "column 3: a number of more than 38 significant digits"),
        ("${topic(1,2)}", "column 3: topic takes 0 to 1 argument, not 2"),
        ("${Timestamp(1)}", "column 3: Timestamp takes 0 arguments, not 1"),
        ("${get(a)}", "column 3: get takes 2 arguments, not 1"),
        ("${md5()}", "column 3: md5 takes 1 argument, not 0"),
        ("${substring('a')}", "column 3: substring takes 2 to 3 arguments, not 1"),
        ("${topic(1,)}", "column 10: expected ), got ,"),
        ("${topic(1}", "column 10: expected ), got }"),
        ("${topic(0)}", "column 9: segments of the topic are counted from 1"),
        ("${topic(-2)}", "column 9: segments of the topic are counted from 1"),
        ("${topic('x')}", "column 9: segments of the topic are counted from 1"),
        ("${cast(n)}", "column 9: expected AS, got )"),
        ("${cast(n AS)}", "column 12: expected a type, got )"),
        ("${cast(n AS Float)}", "column 13: unknown type Float"),
        ("${cast(n AS Int}", "column 16: expected ), got }"),
        ("${encode(n, 'hex')}", "column 13: the only scheme is base64"),
        ("${encode(n, id)}", "column 13: this must be a string in quotes"),
        ("${parse_time(id, 1)}", "column 14: this must be a string in quotes"),
        ("${parse_time('yyyy QQ', 1)}", "column 20: the pattern's QQ is not supported here"),
        ("${parse_time('yyyy', 1, 'america/Belize')}", "column 25: \"america/Belize\" is no time zone"),
        ("${parse_time('yyyy')}", "column 3: parse_time takes 2 to 3 arguments, not 1"),
        ("${time_to_epoch(id, 'HH')}", "column 22: a pattern to read by needs a year, a month and a day"),
        ("${time_to_epoch(id)}", "column 3: time_to_epoch takes 2 arguments, not 1"),
        ("${CASE WHEN 1 THEN 2 END}", "column 8: expected a value, got WHEN"),
        ("${CASE n END}", "column 10: expected WHEN, got END"),
        ("${CASE n WHEN 1 END}", "column 17: expected THEN, got END"),
        ("${CASE n WHEN 1 THEN 2}", "column 23: expected END, got }"),
        ("${CASE n WHEN 1 THEN 2 ELSE END}", "column 29: expected a value, got END"),
        (&deep("(", ")", 32), "column 35: nested deeper than 32"),
        (&deep("-", "", 32), "column 35: nested deeper than 32"),
        (&deep("NOT ", "", 32), "column 131: nested deeper than 32"),
        (&deep("md5(", ")", 32), "column 131: nested deeper than 32"),
        (&"x".repeat(4097), "column 4097: a template has at most 4096 characters"),
    ];
    for (text, expected) in cases {
        assert_eq!(Template::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
    for text in [deep("(", ")", 31), deep("md5(", ")", 31), deep("NOT ", "", 31), "x".repeat(4096)] {
        assert!(Template::parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn long_chains_are_not_deep() {
    let sum = format!("${{1{}}}", "+1".repeat(2040));
    assert_eq!(value(&sum).to_string(), "2041");
    let path = format!("${{a{}}}", ".a".repeat(2040));
    assert_eq!(value(&path), Value::Undefined);
}

/// Texts that look like templates.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("${"),
        Just("}"),
        Just("("),
        Just(")"),
        Just("'"),
        Just("\""),
        Just(","),
        Just("."),
        Just("["),
        Just("]"),
        Just("topic"),
        Just("CASE "),
        Just(" WHEN "),
        Just(" THEN "),
        Just(" ELSE "),
        Just(" END"),
        Just("cast("),
        Just(" AS "),
        Just("Int"),
        Just("1"),
        Just("0.5"),
        Just("a"),
        Just("-"),
        Just("+"),
        Just("*"),
        Just("/"),
        Just(" AND "),
        Just(" NOT "),
        Just("="),
        Just("<>"),
        Just("parse_time('yyyy',"),
        Just("md5("),
        Just("ä"),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn never_panics(text: &str) -> Result<(), TestCaseError> {
    match Template::parse(text) {
        Ok(template) => with_message(|message| {
            let _ = template.text(message);
            let _ = template.value(message);
        }),
        Err(fault) => prop_assert!((1..=text.chars().count() + 1).contains(&fault.column), "{text}: {fault}"),
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_at_a_column(text: String) {
        never_panics(&text)?;
        never_panics(&format!("${{{text}}}"))?;
    }

    #[test]
    fn nearly_templates_are_parsed_or_refused_at_a_column(text in nearly()) {
        never_panics(&text)?;
        never_panics(&format!("${{{text}}}"))?;
    }

    #[test]
    fn texts_survive(text in "[^}]*") {
        let quoted = format!("${{'{}'}}", text.replace('\'', "''"));
        prop_assert_eq!(value(&quoted), Value::Text(text));
    }
}
