use proptest::prelude::*;

use super::*;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

#[test]
fn numbers_keep_their_text_unless_they_are_whole() {
    let longest = "1".repeat(38);
    let cases = [
        ("0", "0"),
        ("-0.0e5", "0"),
        ("0e999999999999", "0"),
        ("12", "12"),
        ("007", "7"),
        ("-00.50", "-0.50"),
        ("007.50", "7.50"),
        ("10.0", "10"),
        ("1e2", "100"),
        ("-1.20E+3", "-1200"),
        ("1200e-2", "12"),
        ("1.50", "1.50"),
        ("1.5e-7", "1.5e-7"),
        ("1e37", "10000000000000000000000000000000000000"),
        ("1e38", "1e38"),
        ("9.9E+125", "9.9E+125"),
        ("1E-130", "1E-130"),
        (&longest, &longest),
    ];
    for (text, expected) in cases {
        assert_eq!(number(text).as_str(), expected, "{text}");
    }
    assert_eq!(number(&format!("0.{}1e300", "0".repeat(300))).as_str(), "0.1");
    assert_eq!(number(&format!("-1.5{}", "0".repeat(300))).as_str(), "-1.5");
    assert_eq!(number(&format!("0.{}15", "0".repeat(99))).to_string(), format!("0.{}15", "0".repeat(99)));
    assert_eq!(number(&format!("1.5{}e-20", "0".repeat(300))).as_str(), "1.5E-20");
    assert_eq!(number(&format!("2{}e-20", ".0".to_owned() + &"0".repeat(300))).as_str(), "2E-20");
}

#[test]
fn what_is_no_number_is_refused() {
    let cases = [
        ("", NumberFault::Malformed),
        ("-", NumberFault::Malformed),
        ("1.", NumberFault::Malformed),
        (".5", NumberFault::Malformed),
        ("1e", NumberFault::Malformed),
        ("1e+", NumberFault::Malformed),
        ("1e+-1", NumberFault::Malformed),
        ("+1", NumberFault::Malformed),
        ("--1", NumberFault::Malformed),
        (" 1", NumberFault::Malformed),
        ("1_0", NumberFault::Malformed),
        ("١", NumberFault::Malformed),
        ("NaN", NumberFault::Malformed),
        ("1e126", NumberFault::OutOfRange),
        ("10e125", NumberFault::OutOfRange),
        ("0.1e-130", NumberFault::OutOfRange),
        ("9.9e-131", NumberFault::OutOfRange),
        ("1e99999999999", NumberFault::OutOfRange),
        ("1e-99999999999", NumberFault::OutOfRange),
    ];
    for (text, fault) in cases {
        assert_eq!(Number::parse(text), Err(fault), "{text}");
    }
    assert_eq!(Number::parse(&"1".repeat(39)), Err(NumberFault::TooLong));
    assert_eq!(Number::parse(&format!("1.{}1", "0".repeat(37))), Err(NumberFault::TooLong));
}

#[test]
fn arithmetic_is_exact() {
    type Operation = fn(&Number, &Number) -> Result<Number, NumberFault>;
    let cases: [(&str, Operation, &str, &str); 12] = [
        ("0.1", Number::plus, "0.2", "0.3"),
        ("9007199254740993", Number::plus, "1", "9007199254740994"),
        ("0.5", Number::plus, "0.5", "1"),
        ("1", Number::minus, "1.0000001", "-0.0000001"),
        ("1", Number::minus, "1.00000001", "-1E-8"),
        ("1.5", Number::minus, "1.50", "0"),
        ("1.1", Number::times, "1.1", "1.21"),
        ("-2", Number::times, "0.5", "-1"),
        ("1e100", Number::times, "1.5e20", "1.5E120"),
        ("1e100", Number::times, "0", "0"),
        ("1234567890123456789", Number::times, "1000000000000000000", "1234567890123456789000000000000000000"),
        ("1.5e-70", Number::times, "1e-60", "1.5E-130"),
    ];
    for (one, operation, other, expected) in cases {
        assert_eq!(operation(&number(one), &number(other)).unwrap().as_str(), expected, "{one} {other}");
    }
    assert_eq!(number("1e100").plus(&number("1")), Err(NumberFault::TooLong));
    assert_eq!(number("1.2345678901234567891").times(&number("1.2345678901234567891")), Err(NumberFault::TooLong));
    assert_eq!(number("1e100").times(&number("1e26")), Err(NumberFault::OutOfRange));
    assert_eq!(number("1e-100").times(&number("1e-31")), Err(NumberFault::OutOfRange));
    assert_eq!(number("-1.50").negated().unwrap().as_str(), "1.5");
    assert_eq!(number("-1.5").floor().unwrap().as_str(), "-2");
}

#[test]
fn quotients_end_or_have_34_digits() {
    let cases = [
        ("1.5", "7", "0.2142857142857142857142857142857143"),
        ("2.5", "-0.3", "-8.333333333333333333333333333333333"),
        ("-5", "0.3", "-16.66666666666666666666666666666667"),
        ("1", "8", "0.125"),
        ("12345678901234567890123456789012345678", "1", "12345678901234567890123456789012345678"),
        ("0", "7", "0"),
        // A tie at the 35th digit goes to the even one, and a digit far behind breaks it.
        ("1", "0.00000000000000000000000000000000000001", "1E38"),
    ];
    for (one, other, expected) in cases {
        let quotient = number(one).divided(&number(other)).unwrap().unwrap();
        assert_eq!(quotient.as_str(), expected, "{one} / {other}");
    }
    assert_eq!(number("1").divided(&number("0")), Ok(None));
    assert_eq!(number("1e100").divided(&number("1e-100")), Err(NumberFault::OutOfRange));
}

#[test]
fn whole_quotients_and_remainders_are_cut_towards_zero() {
    for (one, other, quotient, remainder) in [("7", "2", "3", "1"), ("-7", "2", "-3", "-1"), ("7", "-2", "-3", "1")] {
        assert_eq!(number(one).divided_whole(&number(other)).unwrap().unwrap().as_str(), quotient, "{one} / {other}");
        assert_eq!(number(one).remainder(&number(other)).unwrap().unwrap().as_str(), remainder, "{one} % {other}");
    }
    assert_eq!(number("7.5").remainder(&number("0.7")).unwrap().unwrap().as_str(), "0.5");
    assert_eq!(number("7").divided_whole(&number("0")), Ok(None));
    assert_eq!(number("7").remainder(&number("0.0")), Ok(None));
}

#[test]
fn order_is_that_of_the_values() {
    let ascending = ["-1e125", "-10", "-1.5", "-1e-130", "0", "1e-130", "0.5", "1.49", "1.5", "9", "10", "1e38"];
    for pair in ascending.windows(2) {
        assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
    }
    assert_eq!(number("1.50"), number("15e-1"));
    assert_eq!(number("1e40"), number("10e39"));
}

#[test]
fn powers_are_those_of_significant_digits() {
    let cases = [
        ("1", (0, 0)),
        ("1200", (3, 2)),
        ("-0.050", (-2, -2)),
        ("10.01", (1, -2)),
        ("1E-130", (-130, -130)),
        ("12.50e-10", (-9, -11)),
        ("9.9E+125", (125, 124)),
    ];
    for (text, powers) in cases {
        assert_eq!(number(text).powers(), Some(powers), "{text}");
    }
    assert_eq!(number("-0.0e5").powers(), None);
}

#[test]
fn indexes_are_rounded_down_into_their_range() {
    for (text, index) in [("2.745", 2), ("-0.5", -1), ("1e100", i64::MAX), ("-1e100", i64::MIN), ("1E-130", 0)] {
        assert_eq!(number(text).index(), index, "{text}");
    }
}

proptest! {
    #[test]
    fn texts_never_panic(text: String) {
        let _ = Number::parse(&text);
    }

    #[test]
    fn canonical_texts_are_the_same_if_the_values_are(digits in -20_i64..20, power in -3_i32..3, other in -20_i64..20) {
        let (one, other) = (number(&format!("{digits}e{power}")), number(&format!("{other}e-1")));
        prop_assert_eq!(one == other, one.canonical() == other.canonical());
        prop_assert_eq!(number(&one.canonical()), one);
    }

    #[test]
    fn sums_and_differences_undo_each_other(one in -1_000_000_i64..1_000_000, power in 0_u32..9, other: i32) {
        let (one, other) = (number(&format!("{one}e-{power}")), number(&other.to_string()));
        prop_assert_eq!(one.plus(&other).unwrap().minus(&other).unwrap(), one);
    }

    #[test]
    fn products_and_quotients_undo_each_other(one: i32, power in 0_u32..9, other in 1_i32..) {
        let (one, other) = (number(&format!("{one}e-{power}")), number(&other.to_string()));
        prop_assert_eq!(one.times(&other).unwrap().divided(&other).unwrap().unwrap(), one);
    }

    #[test]
    fn what_is_read_again_is_the_same(text in "-?[0-9]{1,12}(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?") {
        let one = number(&text);
        let again = number(one.as_str());
        prop_assert_eq!(again.as_str(), one.as_str());
        prop_assert_eq!(one.decimal(), text.parse::<BigDecimal>().unwrap());
    }
}
