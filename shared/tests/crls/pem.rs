//! PEM as the form of the input.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use shared::decision::Reason;

use crate::{certificate, file, read};

fn text() -> String {
    String::from_utf8(file("good-by-library.pem")).unwrap()
}

fn block(der: &[u8]) -> String {
    block_of("X509 CRL", der)
}

fn block_of(label: &str, content: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(content))
}

fn reason(text: &str) -> Option<Reason> {
    read([text.as_bytes()], &certificate("ca-p256")).0.err().map(|fault| fault.reason())
}

#[test]
fn pem_says_the_same_as_der_whatever_the_chunks() {
    let ca = certificate("ca-p256");
    let expected = read([file("good-by-library.der").as_slice()], &ca);
    assert!(expected.0.is_ok());
    let text = text();
    for size in (1..=200).chain([text.len()]) {
        assert_eq!(read(text.as_bytes().chunks(size), &ca), expected, "chunks of {size}");
    }
    let one_line = text.replace('\n', "").replace("X509 CRL-----MI", "X509 CRL----- MI");
    for other in [
        format!(" \r\n\t{text}"),
        text.replace('\n', "\r\n"),
        text.replace('\n', "\r"),
        text.replace('\n', "\n\n"),
        text.replace('\n', " \t\u{b}\u{c}\n"),
        format!("{text}\n \n"),
        text.trim_end().to_owned(),
        one_line.clone(),
        one_line.replace("----- MI", "-----MI"),
        format!("\u{feff}{text}"),
        format!("\u{feff}\r\n\u{feff} {text}"),
        format!("CRL of today\n{text}"),
        format!("0 entries\n{text}"),
        format!("{text}and of tomorrow"),
        format!("{}{}", block_of("CERTIFICATE", b"0"), text),
        format!("{}{}", text, block_of("CERTIFICATE", b"0")),
        format!("{}{}", block_of("CERTIFICATE", b"0").trim_end(), "\n".to_owned() + &text),
        format!("-----BEGIN X509 CRL----- is how it begins\n{text}"),
        format!("-----BEGIN X509 CRL-----M\n{text}"),
        format!("see -----BEGIN X509 CRL-----\n{text}"),
        format!(
            "-----BEGIN X509 CRL----\n-----BEGIN CRL-----\n-----END X509 CRL-----\n------BEGIN X509 CRL-----\n{text}"
        ),
    ] {
        assert_eq!(read([other.as_bytes()], &ca), expected, "{other}");
        assert_eq!(read(other.as_bytes().chunks(1), &ca), expected, "{other}");
    }
}

#[test]
fn only_one_block_of_the_right_label_is_accepted() {
    let text = text();
    let body = text.lines().nth(1).unwrap();
    for (case, text, expected) in [
        ("empty", String::new(), Reason::CrlTruncated),
        ("blank", " \n".to_owned(), Reason::CrlTruncated),
        ("another label", text.replace("X509 CRL", "CERTIFICATE"), Reason::CrlMalformed),
        ("another last label", text.replace("END X509 CRL", "END CRL"), Reason::CrlMalformed),
        ("two blocks", format!("{text}{text}"), Reason::CrlTrailingBytes),
        ("two blocks without a line end", format!("{}{text}", text.trim_end()), Reason::CrlTrailingBytes),
        ("a web page", "<!doctype html>\n<title>Not here</title>\n".to_owned(), Reason::CrlMalformed),
        ("text without a block", "0 entries".to_owned(), Reason::CrlMalformed),
        ("only a first line", "-----BEGIN X509 CRL-----".to_owned(), Reason::CrlTruncated),
        ("no last line", text.replace("-----END X509 CRL-----", ""), Reason::CrlTruncated),
        (
            "half a last line",
            text.replace("CRL-----\n", "CRL--").replacen("CRL--", "CRL-----\n", 1),
            Reason::CrlTruncated,
        ),
        ("a header", text.replacen('\n', "\nProc-Type: 4\n\n", 1), Reason::CrlMalformed),
        ("something after the label", text.replacen('\n', "x\n", 1), Reason::CrlMalformed),
        ("half a group of digits", text.replace("\n-----END", "\nAA\n-----END"), Reason::CrlMalformed),
        ("a line less", text.replacen(body, "", 1), Reason::CrlMalformed),
        ("a digit less", text.replacen(body, &body[..63], 1), Reason::CrlMalformed),
        ("no digit", text.replacen(body, &body.replacen('M', "*", 1), 1), Reason::CrlMalformed),
        (
            "padding in between",
            text.replacen(body, &format!("{}AA=={}", &body[..4], &body[8..]), 1),
            Reason::CrlMalformed,
        ),
        ("digits after the padding", text.replace("\n-----END", "\nAAAA\n-----END"), Reason::CrlMalformed),
        ("octets after the list", block(&[&file("good-by-library.der")[..], &[0]].concat()), Reason::CrlTrailingBytes),
        ("a list that ends early", block(&file("bad-truncated.der")), Reason::CrlTruncated),
        ("der after white space", "\n0".to_owned(), Reason::CrlMalformed),
    ] {
        assert_eq!(reason(&text), Some(expected), "{case}");
    }
}

proptest! {
    /// Damaged or not: where the text is cut makes no difference.
    #[test]
    fn chunks_make_no_difference(
        edit in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let ca = certificate("ca-p256");
        let mut text = text().into_bytes();
        if let Some((at, octet)) = edit {
            let at = at.index(text.len());
            text[at] = octet;
        }
        let mut places: Vec<usize> = cuts.drain(..).map(|cut| cut.index(text.len())).collect();
        places.extend([0, text.len()]);
        places.sort_unstable();
        let chunks = places.windows(2).map(|place| &text[place[0]..place[1]]);
        prop_assert_eq!(read(chunks, &ca), read([text.as_slice()], &ca));
    }
}

/// Lines as tools and people write them around a block, some of them nearly a boundary.
fn around() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("Certificate Revocation List (CRL):".to_owned()),
        Just("    Serial Number: 1A2B".to_owned()),
        Just("Bag Attributes: <No Attributes>".to_owned()),
        Just("-----BEGIN X509 CRL----- begins it".to_owned()),
        Just("-----BEGIN X509 CRL----".to_owned()),
        Just("-----BEGIN x509 crl-----".to_owned()),
        Just("> -----BEGIN X509 CRL-----".to_owned()),
        Just("-----END X509 CRL-----".to_owned()),
        Just("-----BEGIN CERTIFICATE-----".to_owned()),
        Just("-----END CERTIFICATE-----".to_owned()),
        Just("MIIBADCBpwIBATAKBggqhkjOPQQDAjAX".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("0\u{a1} \u{10ffff}".to_owned()),
        "[ -,.-~]{0,40}",
        "\\PC{0,20}",
    ];
    proptest::collection::vec(line, 0..6)
        .prop_map(|lines| lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect())
}

proptest! {
    /// However a block is dressed and cut into chunks, it says the same.
    #[test]
    fn no_dressing_makes_a_difference(
        (before, after) in (around(), around()),
        line_end in prop::sample::select(vec!["\n", "\r\n", "\r", " \n", "\n\n", "\t\r\n"]),
        mark in any::<bool>(),
        width in 1_usize..100,
        chunk in 1_usize..300,
    ) {
        let der = file("good-by-library.der");
        let ca = certificate("ca-p256");
        let digits = STANDARD.encode(&der);
        let digits: Vec<&str> =
            digits.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let block = format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", digits.join("\n"));
        let mark = if mark { "\u{feff}" } else { "" };
        let text = format!("{mark}{before}{block}{after}").replace('\n', line_end);
        prop_assert_eq!(read(text.as_bytes().chunks(chunk), &ca), read([der.as_slice()], &ca));
    }
}
