//! The functions of AWS's page, with its examples, its tables of results per type of argument, and its edges.

use std::borrow::Cow;

use super::*;
use crate::substitution::function::Function;

/// Every function of the page.
const ALL: [&str; 80] = [
    "abs",
    "accountid",
    "acos",
    "asin",
    "atan",
    "atan2",
    "aws_lambda",
    "bitand",
    "bitor",
    "bitxor",
    "bitnot",
    "cast",
    "ceil",
    "chr",
    "clientid",
    "concat",
    "cos",
    "cosh",
    "decode",
    "encode",
    "endswith",
    "exp",
    "floor",
    "get",
    "get_dynamodb",
    "get_mqtt_property",
    "get_or_default",
    "get_registry_data",
    "get_secret",
    "get_thing_shadow",
    "get_user_properties",
    "indexof",
    "isNull",
    "isUndefined",
    "length",
    "ln",
    "log",
    "lower",
    "lpad",
    "ltrim",
    "machinelearning_predict",
    "md2",
    "md5",
    "mod",
    "nanvl",
    "newuuid",
    "numbytes",
    "parse_time",
    "power",
    "principal",
    "rand",
    "regexp_matches",
    "regexp_replace",
    "regexp_substr",
    "remainder",
    "replace",
    "round",
    "rpad",
    "rtrim",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "sign",
    "sin",
    "sinh",
    "sourceip",
    "sql_version",
    "sqrt",
    "startswith",
    "substring",
    "tan",
    "tanh",
    "time_to_epoch",
    "timestamp",
    "topic",
    "traceid",
    "transform",
    "trim",
];

#[test]
fn every_function_of_the_page_is_there_or_says_why_not() {
    for name in ALL.into_iter().chain(["trunc", "upper"]) {
        let is_of_the_grammar = ["cast", "parse_time", "time_to_epoch"].contains(&name);
        let is_known = is_of_the_grammar || Function::named(name).is_some();
        assert_ne!(is_known, Function::left_out(name).is_some(), "{name}");
    }
    let cases = [
        ("${aws_lambda('arn', *)}", "aws_lambda is not supported: it calls an AWS service"),
        ("${Get_Secret('a', 'b')}", "Get_Secret is not supported: it calls an AWS service"),
        ("${sourceip()}", "sourceip is not supported: rules do not hand over what it returns"),
        ("${decode(a, 'proto')}", "proto is not supported"),
        ("${regexp_matches(a, '(?=b)')}", "column 21: not a regular expression that is supported here"),
        ("${regexp_substr(a, 'b{9999}{9999}')}", "column 20: not a regular expression"),
    ];
    for (template, expected) in cases {
        let fault = Template::parse(template).unwrap_err().to_string();
        assert!(fault.contains(expected), "{template}: {fault}");
    }
}

#[test]
fn exact_functions_of_numbers() {
    check(&[
        ("abs(-5)", "Int 5"),
        ("abs('-1.50')", "Decimal 1.5"),
        ("abs(0)", "Int 0"),
        ("abs(-12345678901234567890123456789012345678)", "Int 12345678901234567890123456789012345678"),
        ("bitand(13, 5)", "Int 5"),
        ("bitand(13.9, '5.9')", "Int 5"),
        ("bitand(-1, 5)", "Int 5"),
        ("bitor(8, 5)", "Int 13"),
        ("bitxor(13, 5)", "Int 8"),
        ("bitnot(13)", "Int -14"),
        ("bitnot(-14.0)", "Int 13"),
        ("bitnot('-0.5')", "Int 0"),
        ("bitand(1, true)", "Undefined"),
        ("bitor('x', 1)", "Undefined"),
        ("bitxor(1, null)", "Undefined"),
        ("ceil(1.2)", "Int 2"),
        ("ceil(-1.2)", "Int -1"),
        ("ceil('1.000000001')", "Int 2"),
        ("floor(1.2)", "Int 1"),
        ("floor(-1.2)", "Int -2"),
        ("floor(list)", "Undefined"),
        ("mod(8, 3)", "Int 2"),
        ("mod(-8, 3)", "Int -2"),
        ("remainder(8, '2.5')", "Decimal 0.5"),
        ("mod(8, 0)", "Undefined"),
        ("mod(8, true)", "Undefined"),
        ("round(1.2)", "Int 1"),
        ("round(1.5)", "Int 2"),
        ("round(1.7)", "Int 2"),
        ("round(-1.1)", "Int -1"),
        ("round(-1.5)", "Int -2"),
        ("round(0.5)", "Int 1"),
        ("round('2.4')", "Int 2"),
        ("sign(-7)", "Int -1"),
        ("sign(0.0)", "Int 0"),
        ("sign(13)", "Int 1"),
        ("sign('-1e-9')", "Int -1"),
        ("trunc(2.3, 0)", "Int 2"),
        ("trunc(2.3123, 2)", "Decimal 2.31"),
        ("trunc(2.888, 2)", "Decimal 2.88"),
        ("trunc(-2.888, 2.9)", "Decimal -2.88"),
        ("trunc(2.00, 5)", "Int 2"),
        ("trunc(2.3, -7)", "Int 2"),
        ("trunc('2.39', 1)", "Decimal 2.3"),
        ("trunc(1E-35, 99)", "Int 0"),
        ("trunc(1E-34, 99)", "Decimal 1E-34"),
        ("trunc(2.3, '1')", "Undefined"),
        ("trunc(true, 1)", "Undefined"),
    ]);
}

#[test]
fn functions_of_double_precision() {
    check(&[
        ("acos(0)", "Decimal 1.5707963267948966"),
        ("acos(2)", "Undefined"),
        ("asin(0)", "Int 0"),
        ("asin(-1.01)", "Undefined"),
        ("atan(0)", "Int 0"),
        ("atan('1')", "Decimal 0.7853981633974483"),
        ("atan2(1, 0)", "Decimal 1.5707963267948966"),
        ("atan2(0, -1)", "Decimal 3.141592653589793"),
        ("atan2('a', 0)", "Undefined"),
        ("cos(0)", "Int 1"),
        ("cosh(2.3)", "Decimal 5.037220649268761"),
        ("exp(1)", "Decimal 2.718281828459045"),
        ("exp(-1000)", "Int 0"),
        ("exp(1000)", "Undefined"),
        ("ln(exp(1))", "Int 1"),
        ("ln(0)", "Undefined"),
        ("ln(-1)", "Undefined"),
        ("log(100)", "Int 2"),
        ("log('0.001')", "Int -3"),
        ("log(0)", "Undefined"),
        ("power(2, 5)", "Int 32"),
        ("power('2', -1)", "Decimal 0.5"),
        ("power(-8, 0.5)", "Undefined"),
        ("power(0, -1)", "Undefined"),
        ("power(10, 999)", "Undefined"),
        ("sin(0)", "Int 0"),
        ("sinh(2.3)", "Decimal 4.936961805545957"),
        ("sqrt(9)", "Int 3"),
        ("sqrt(2)", "Decimal 1.4142135623730951"),
        ("sqrt(-1)", "Undefined"),
        ("tan(3)", "Decimal -0.1425465430742778"),
        ("tanh(2.3)", "Decimal 0.9800963962661914"),
        ("cast('0.12345678901234567890' AS Double)", "Decimal 0.12345678901234568"),
        ("cast(true as double)", "Int 1"),
        ("cast(list as double)", "Undefined"),
    ]);
    // What DynamoDB can't hold is a fault, as of operators.
    let fault = with_message(|message| Template::parse("${power(10, 200)}").unwrap().value(message)).unwrap_err();
    assert_eq!(fault.to_string(), "column 1: the result is a number outside of 1E-130 to 9.99E+125");
}

#[test]
fn numbers_come_of_numbers_and_of_texts_that_are_some() {
    let of_one = [
        "abs", "acos", "asin", "atan", "bitnot", "ceil", "cos", "cosh", "exp", "floor", "ln", "log", "round", "sign",
        "sin", "sinh", "sqrt", "tan", "tanh",
    ];
    for name in of_one {
        for none in ["yes", "id", "' 1'", "list", "a", "null", "missing"] {
            assert_eq!(result(&format!("{name}({none})")), "Undefined", "{name}({none})");
        }
        for number in ["1", "'1'", "0.5", "'0.5'"] {
            assert_ne!(result(&format!("{name}({number})")), "Undefined", "{name}({number})");
        }
        assert_eq!(result(&format!("{name}('0.5')")), result(&format!("{name}(0.5)")), "{name}");
    }
    for name in ["atan2", "bitand", "bitor", "bitxor", "mod", "power", "remainder", "trunc"] {
        for none in ["yes", "id", "list", "a", "null", "missing"] {
            for arguments in [format!("{none}, 1"), format!("1, {none}")] {
                assert_eq!(result(&format!("{name}({arguments})")), "Undefined", "{name}({arguments})");
            }
        }
    }
}

#[test]
fn functions_of_texts() {
    check(&[
        ("chr(65)", r#"String "A""#),
        ("chr('49')", r#"String "1""#),
        ("chr(65.9)", r#"String "A""#),
        ("numbytes(chr(127))", "Int 1"),
        ("chr(128)", "Undefined"),
        ("chr(-1)", "Undefined"),
        ("chr(true)", "Undefined"),
        ("chr('A')", "Undefined"),
        ("indexof('abcd', 'bc')", "Int 1"),
        ("indexof('ä€cd', 'cd')", "Int 2"),
        ("indexof('abcd', '')", "Int 0"),
        ("indexof('abcd', 'x')", "Int -1"),
        ("indexof(12345, 34)", "Int 2"),
        ("indexof('abcd', null)", "Undefined"),
        ("lpad('hello', 2)", r#"String "  hello""#),
        ("lpad(1, 3)", r#"String "   1""#),
        ("lpad(yes, '1.9')", r#"String " true""#),
        ("lpad('a', -5)", r#"String "a""#),
        ("length(lpad('a', 5000))", "Int 1001"),
        ("lpad('a', 'b')", "Undefined"),
        ("lpad('a', true)", "Undefined"),
        ("lpad(null, 1)", "Undefined"),
        ("rpad('hello', 2)", r#"String "hello  ""#),
        ("rpad(1, 3)", r#"String "1   ""#),
        ("rpad(1, null)", "Undefined"),
        ("ltrim(' h i ')", r#"String "h i ""#),
        ("rtrim(' h i ')", r#"String " h i""#),
        ("ltrim(list)", r#"String "[1,2,3]""#),
        ("ltrim(null)", "Undefined"),
        ("rtrim(7.50)", r#"String "7.50""#),
        ("rtrim(missing)", "Undefined"),
        ("numbytes('hi')", "Int 2"),
        ("numbytes('€')", "Int 3"),
        ("numbytes(false)", "Int 5"),
        ("numbytes(null)", "Undefined"),
        ("replace('abcd', 'bc', 'x')", r#"String "axd""#),
        ("replace('abcdabcd', 'b', 'x')", r#"String "axcdaxcd""#),
        ("replace('ab', '', '-')", r#"String "-a-b-""#),
        ("replace(1231, 1, yes)", r#"String "true23true""#),
        ("replace('a', null, 'b')", "Undefined"),
        ("nanvl(8, 3)", "Int 8"),
        ("nanvl(null, 3)", "Int 3"),
        ("nanvl(missing, list)", "Array [1,2,3]"),
        ("nanvl(id, 3)", r#"String "pump-17""#),
        ("sql_version()", r#"String "2016-03-23""#),
        ("concat()", "Undefined"),
    ]);
}

#[test]
fn hashes() {
    check(&[
        ("md2('hello')", r#"String "a9046c73e00331af68917d3804f70655""#),
        ("md5('hello')", r#"String "5d41402abc4b2a76b9719d911017c592""#),
        ("sha1('abc')", r#"String "a9993e364706816aba3e25717850c26c9cd0d89d""#),
        ("sha224('abc')", r#"String "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7""#),
        ("sha256('abc')", r#"String "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#),
        ("length(sha384('abc'))", "Int 96"),
        ("substring(sha384('abc'), 0, 16)", r#"String "cb00753f45a35e8b""#),
        ("length(sha512('abc'))", "Int 128"),
        ("substring(sha512('abc'), 0, 16)", r#"String "ddaf35a193617aba""#),
        ("sha1(123) = sha1('123')", "Boolean true"),
        ("md2(null)", "Undefined"),
    ]);
}

#[test]
fn regular_expressions() {
    check(&[
        ("regexp_matches('aaaa', 'a{2,}')", "Boolean true"),
        ("regexp_matches('aaaa', 'b')", "Boolean false"),
        ("regexp_matches(12.5, '^[0-9]+[.]5$')", "Boolean true"),
        ("regexp_matches(list, ',2,')", "Boolean true"),
        ("regexp_matches(null, 'a')", "Undefined"),
        ("regexp_matches('a', concat('(', 'a'))", "Undefined"),
        ("regexp_replace('abcd', 'bc', 'x')", r#"String "axd""#),
        ("regexp_replace('abcd', 'b(.*)d', '$1')", r#"String "ac""#),
        ("regexp_replace('abcd', '(b)(c)', '$2$1x')", r#"String "acbxd""#),
        ("regexp_replace('abcd', '(b)', '$12')", r#"String "ab2cd""#),
        ("regexp_replace('abcd', '(?P<n>b)', '[${n}]')", r#"String "a[b]cd""#),
        (r"regexp_replace('abcd', 'b', '\$1')", r#"String "a$1cd""#),
        ("regexp_replace('ab', '(x)?b', '[$1]')", r#"String "a[]""#),
        ("regexp_replace('abcd', 'b', '$1')", "Undefined"),
        ("regexp_replace('abcd', 'b', '$')", "Undefined"),
        ("regexp_replace('abcd', 'b', '${n}')", "Undefined"),
        (r"regexp_replace('abcd', 'b', '\')", "Undefined"),
        ("regexp_replace('abcd', 'b', null)", "Undefined"),
        ("regexp_replace('äb', '', '-')", r#"String "-ä-b-""#),
        ("regexp_substr('hihihello', 'hi')", r#"String "hi""#),
        ("regexp_substr('hihihello', '(hi)*')", r#"String "hihi""#),
        ("regexp_substr('hello', 'x+')", "Undefined"),
        ("regexp_substr(topic(), '[0-9]+')", r#"String "17""#),
    ]);
}

#[test]
fn what_was_encoded_is_decoded() {
    check(&[
        ("decode('eyAidGVtcGVyYXR1cmUiOiAzMyB9Cg==', 'base64').temperature", "Int 33"),
        ("decode(encode('pump', 'base64'), 'base64')", r#"String "pump""#),
        ("decode(encode(list, 'base64'), 'base64')", "Array [1,2,3]"),
        ("decode('/w==', 'base64')", "Null null"),
        ("decode('no base64', 'base64')", "Null null"),
        ("decode(missing, 'base64')", "Undefined"),
        ("decode(encode(concat('[', 'NaN]'), 'base64'), 'base64')", r#"String "[NaN]""#),
    ]);
}

#[test]
fn arrays_are_enriched() {
    let payload = br#"{"attributes":{"data1":1,"data2":2},"values":[{"a":3},{"b":4},{"data1":5}],"mixed":[{"a":3},4]}"#;
    let payload = Value::from_json(payload).unwrap();
    let value = |text: &str| {
        let template = Template::parse(text).unwrap();
        with_message(|message| template.value(&Message { payload: Some(&payload), ..*message })).unwrap().to_string()
    };
    let enriched = r#"[{"a":3,"data1":1,"data2":2},{"b":4,"data1":1,"data2":2},{"data1":1,"data2":2}]"#;
    assert_eq!(value("${transform('enrichArray', attributes, values)}"), enriched);
    for undefined in
        ["'other', attributes, values", "'enrichArray', values, values", "'enrichArray', attributes, mixed", "1, 2, 3"]
    {
        assert_eq!(value(&format!("${{isUndefined(transform({undefined}))}}")), "true", "{undefined}");
    }
}

#[test]
fn times_in_zones() {
    check(&[
        (
            r#"parse_time("yyyy.MM.dd G 'at' HH:mm:ss z", 100000000, "America/Belize")"#,
            r#"String "1970.01.01 AD at 21:46:40 CST""#,
        ),
        (r#"parse_time("HH:mm Z", timestamp(), "Asia/Dili")"#, r#"String "16:08 +0900""#),
        ("time_to_epoch('2020-04-03 09:45:18 UTC+01:00', 'yyyy-MM-dd HH:mm:ss VV')", "Int 1585903518000"),
        ("time_to_epoch('18 December 2015', 'dd MMMM yyyy')", "Int 1450396800000"),
        (
            "time_to_epoch('2007-12-03 10:15:30.592 America/Los_Angeles', 'yyyy-MM-dd HH:mm:ss.SSS z')",
            "Int 1196705730592",
        ),
    ]);
}

#[test]
fn a_random_number_follows_the_delivery_and_the_route() {
    let template = Template::parse("${rand()}").unwrap();
    let by = |route: &str, delivery_id: &str| {
        let value = with_message(|message| template.value(&Message { delivery_id, route, ..*message })).unwrap();
        value.to_text().unwrap().parse::<f64>().unwrap()
    };
    let rand = |delivery_id: &str| by("all", delivery_id);
    assert!((by("all", "a") - by("also", "a")).abs() > f64::EPSILON);
    assert!((rand("a") - rand("a")).abs() < f64::EPSILON && (rand("a") - rand("b")).abs() > f64::EPSILON);
    let all: Vec<f64> = (0..1000).map(|n| rand(&n.to_string())).collect();
    assert!(all.iter().all(|number| (0.0..1.0).contains(number)));
    let mean = all.iter().sum::<f64>() / 1000.0;
    assert!((0.45..0.55).contains(&mean), "{mean}");
}

#[test]
fn results_and_searches_have_a_bound() {
    let payload = Value::from_json(format!(r#"{{"t":"{}"}}"#, "ab".repeat(10_000)).as_bytes()).unwrap();
    let problem = |text: &str| {
        let template = Template::parse(text).unwrap();
        with_message(|message| template.value(&Message { payload: Some(&payload), ..*message })).unwrap_err().problem
    };
    assert_eq!(problem("${replace(t, 'a', t)}"), Problem::TooLong);
    assert_eq!(problem("${replace(t, '', t)}"), Problem::TooLong);
    assert_eq!(problem("${regexp_replace(substring(t, 0, 10000), 'a', t)}"), Problem::TooLong);
    assert_eq!(problem("${regexp_matches(t, 'a')}"), Problem::TooLongToSearch);
}

fn any_value() -> impl Strategy<Value = Value> {
    let number = r"-?[0-9]{1,38}([.][0-9]{1,12})?(e-?[0-9]{1,3})?"
        .prop_filter_map("out of range", |text| Number::parse(&text).ok().map(Value::Number));
    let text = prop_oneof![
        any::<String>(),
        r"[a-c()*+?$\\{}|\[\]0-9]{0,12}",
        Just("enrichArray".to_owned()),
        Just("ŉß".repeat(200))
    ];
    let leaf = prop_oneof![
        number,
        text.prop_map(Value::Text),
        any::<bool>().prop_map(Value::Boolean),
        Just(Value::Null),
        Just(Value::Undefined),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(Value::Object),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn no_function_panics_and_all_results_are_bounded(
        name in prop::sample::select(ALL.to_vec()),
        arguments in prop::collection::vec(any_value(), 3),
    ) {
        if let Some((function, _, most)) = Function::named(name) {
            let arguments: Vec<_> = arguments.into_iter().take(most).map(Cow::Owned).collect();
            if let Ok(Value::Text(text)) = with_message(|message| function.call(arguments, message)) {
                prop_assert!(text.len() <= LONGEST_RESULT);
            }
        }
    }
}
