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
    format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", STANDARD.encode(der))
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
    let one_line =
        text.replace("CRL-----\n", "CRL-----:").replace('\n', "").replace(':', "\n").replace("-----END", "\n-----END");
    for other in [
        format!(" \r\n\t{text}"),
        text.replace('\n', "\r\n"),
        format!("{text}\n \n"),
        text.trim_end().to_owned(),
        one_line,
    ] {
        assert_eq!(read([other.as_bytes()], &ca), expected, "{other}");
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
        ("something before", format!("CRL of today\n{text}"), Reason::CrlMalformed),
        ("something after", format!("{text}x"), Reason::CrlTrailingBytes),
        ("two blocks", format!("{text}{text}"), Reason::CrlTrailingBytes),
        ("no last line", text.replace("-----END X509 CRL-----", ""), Reason::CrlTruncated),
        (
            "half a last line",
            text.replace("CRL-----\n", "CRL--").replacen("CRL--", "CRL-----\n", 1),
            Reason::CrlTruncated,
        ),
        ("a header", text.replacen('\n', "\nProc-Type: 4\n\n", 1), Reason::CrlMalformed),
        ("no line end after the label", text.replacen('\n', "", 1), Reason::CrlMalformed),
        ("something after the label", text.replacen('\n', "x\n", 1), Reason::CrlMalformed),
        ("half a group of digits", text.replace("\n-----END", "\nAA\n-----END"), Reason::CrlMalformed),
        ("a byte order mark", format!("\u{feff}{text}"), Reason::CrlMalformed),
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
