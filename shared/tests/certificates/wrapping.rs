//! One signed certificate has one encoding: nothing outside of the signed part can be written in another way.

use shared::pki::{Certificate, PublicKey};
use shared::testing::der::{BIT_STRING, INTEGER, Parts, SEQUENCE, element, split, twin};

use crate::{NOW, certificate, check, file};

/// Certificates with the CAs that signed them, of each kind of signature.
const SIGNED: [(&str, &str); 9] = [
    ("good-p256-sha256", "ca-p256"),
    ("good-p384-sha384", "ca-p384"),
    ("good-p521-sha512", "ca-p521"),
    ("good-version-1", "ca-p256"),
    ("good-version-2", "ca-versions"),
    ("good-rsa-pkcs1-sha256", "ca-rsa"),
    ("good-rsa-pkcs1-sha512", "ca-rsa"),
    ("good-rsa-pss-sha256", "ca-rsa"),
    ("walkthrough-device", "walkthrough-ca"),
];

/// Every variant is refused, unless it is the certificate itself.
fn refuse_all(good: &[u8], authority: &str, variants: impl IntoIterator<Item = (String, Vec<u8>)>) -> usize {
    let mut count = 0;
    for (what, variant) in variants.into_iter().filter(|(_, variant)| variant != good) {
        assert!(check(&variant, authority, NOW).is_err(), "{authority}: {what}");
        count += 1;
    }
    count
}

/// Where the signed part stands.
fn signed_part(good: &[u8]) -> std::ops::Range<usize> {
    let (_, content, _) = split(good);
    let start = good.len() - content.len();
    start..start + split(content).0.len()
}

#[test]
fn no_octet_outside_of_the_signed_part_can_be_changed_left_out_or_added() {
    for (leaf, authority) in SIGNED {
        let good = file(leaf);
        let signed = signed_part(&good);
        let outside = (0..good.len()).filter(|at| !signed.contains(at));
        let variants = outside.flat_map(|at| {
            let with = |change: &dyn Fn(&mut Vec<u8>)| {
                let mut changed = good.clone();
                change(&mut changed);
                changed
            };
            let mut variants = vec![(format!("octet {at} left out"), [&good[..at], &good[at + 1..]].concat())];
            for bit in 0..8 {
                variants.push((format!("bit {bit} of octet {at} flipped"), with(&|der| der[at] ^= 1 << bit)));
            }
            for octet in [0, 1, 0x80, 0xff, good[at]] {
                variants.push((format!("{octet:02x} before octet {at}"), with(&|der| der.insert(at, octet))));
            }
            variants
        });
        let count = refuse_all(&good, authority, variants);
        assert!(count > 1000, "{leaf}: {count} variants");
    }
}

/// The element with its length in one octet more than it needs.
fn padded_length(whole: &[u8]) -> Vec<u8> {
    let (_, content, _) = split(whole);
    let header = &whole[1..whole.len() - content.len()];
    match header {
        [short] => [&[whole[0], 0x81, *short], content].concat(),
        [long, octets @ ..] => [&[whole[0], long + 1, 0], octets, content].concat(),
        [] => unreachable!("every element has a length"),
    }
}

/// The element in BER's indefinite form, with constructed encoding.
fn indefinite(whole: &[u8]) -> Vec<u8> {
    [&[whole[0] | 0x20, 0x80], split(whole).1, &[0, 0]].concat()
}

/// The same element as other rules than DER's would write it.
fn other_encodings(what: &str, whole: &[u8]) -> Vec<(String, Vec<u8>)> {
    let name = |form: &str| format!("{what} {form}");
    vec![
        (name("with a padded length"), padded_length(whole)),
        (name("with a length padded twice"), padded_length(&padded_length(whole))),
        (name("of indefinite length"), indefinite(whole)),
    ]
}

#[test]
fn what_wraps_the_signed_part_has_no_other_encoding() {
    for (leaf, authority) in SIGNED {
        let good = file(leaf);
        let parts = Parts::of(&good);
        let bits = element(BIT_STRING, &[&[0], parts.signature.as_slice()].concat());
        assert_eq!(parts.wrapped(&parts.algorithm, &bits), good, "{leaf} is put together as it was");
        let inside = |bits: &[u8]| parts.wrapped(&parts.algorithm, bits);

        let mut variants = other_encodings("the certificate", &good);
        for (what, algorithm) in other_encodings("the algorithm", &parts.algorithm) {
            variants.push((what, parts.wrapped(&algorithm, &bits)));
        }
        for (what, bits) in other_encodings("the signature", &bits) {
            variants.push((what, inside(&bits)));
        }
        let name = split(split(&parts.algorithm).1).0;
        for (what, parameters) in
            [("without parameters", &[][..]), ("with NULL", &[5, 0]), ("with a SEQUENCE", &[0x30, 0])]
        {
            let algorithm = element(SEQUENCE, &[name, parameters].concat());
            variants.push((format!("the algorithm {what}"), parts.wrapped(&algorithm, &bits)));
        }
        for unused in 1..=8 {
            let bits = element(BIT_STRING, &[&[unused], parts.signature.as_slice()].concat());
            variants.push((format!("{unused} unused bits"), inside(&bits)));
        }
        let octets = element(BIT_STRING, &parts.signature);
        variants.push(("a signature without a count of unused bits".to_owned(), inside(&octets)));
        variants
            .push(("something after the signature".to_owned(), element(SEQUENCE, &[split(&good).1, &[5, 0]].concat())));
        variants.push(("the certificate twice".to_owned(), [good.as_slice(), &good].concat()));
        refuse_all(&good, authority, variants);
    }
}

/// A signature whose last bit is zero reads the same with one unused bit.
#[test]
fn unused_bits_that_are_zero_are_refused_too() {
    let even: Vec<_> = SIGNED.iter().filter(|(leaf, _)| file(leaf).last().unwrap().is_multiple_of(2)).collect();
    assert!(!even.is_empty(), "no signature ends with a zero bit");
    for (leaf, authority) in even {
        let parts = Parts::of(&file(leaf));
        let bits = element(BIT_STRING, &[&[1], parts.signature.as_slice()].concat());
        assert!(check(&parts.wrapped(&parts.algorithm, &bits), authority, NOW).is_err(), "{leaf}");
    }
}

#[test]
fn an_ecdsa_signature_has_one_encoding() {
    for (leaf, authority) in SIGNED.iter().filter(|(_, authority)| !authority.contains("rsa")) {
        if *authority == "walkthrough-ca" {
            continue;
        }
        let good = file(leaf);
        let parts = Parts::of(&good);
        let (_, numbers, _) = split(&parts.signature);
        let (r, r_octets, s) = split(numbers);
        let (_, s_octets, _) = split(s);
        let sequence = |numbers: &[&[u8]]| element(SEQUENCE, &numbers.concat());
        assert_eq!(sequence(&[r, s]), parts.signature);
        let integer = |octets: &[&[u8]]| element(INTEGER, &octets.concat());
        let mut variants = vec![
            ("r with a zero octet more", sequence(&[&integer(&[&[0], r_octets]), s])),
            ("s with a zero octet more", sequence(&[r, &integer(&[&[0], s_octets])])),
            ("something behind s", sequence(&[r, s, &[5, 0]])),
            ("something behind r and s", [parts.signature.as_slice(), &[0]].concat()),
            ("r and s exchanged", sequence(&[s, r])),
            ("a negative s", sequence(&[r, &integer(&[&[0xff], s_octets])])),
        ];
        for (name, element) in [("r", r), ("s", s)] {
            for (_, changed) in other_encodings(name, element) {
                let numbers = if name == "r" { [changed.as_slice(), s] } else { [r, changed.as_slice()] };
                variants.push(("an integer that is not DER", sequence(&numbers)));
            }
        }
        for (_, changed) in other_encodings("the sequence", &parts.signature) {
            variants.push(("a sequence that is not DER", changed));
        }
        let variants =
            variants.into_iter().map(|(what, signature)| (what.to_owned(), parts.with_signature(&signature)));
        refuse_all(&good, authority, variants);
    }
}

/// Adds two numbers of the same length; none if the sum is longer.
fn sum(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let mut carry = 0;
    let mut sum = vec![0; a.len()];
    for at in (0..a.len()).rev() {
        let digit = u16::from(a[at]) + u16::from(b[at]) + carry;
        sum[at] = u8::try_from(digit & 0xff).unwrap();
        carry = digit >> 8;
    }
    (carry == 0).then_some(sum)
}

#[test]
fn an_rsa_signature_is_as_long_as_the_modulus_and_below_it() {
    let mut beyond = 0;
    for (leaf, authority) in [
        ("good-rsa-pkcs1-sha256", "ca-rsa"),
        ("good-rsa-pkcs1-sha384", "ca-rsa"),
        ("good-rsa-pkcs1-sha512", "ca-rsa"),
        ("good-rsa-pss-sha256", "ca-rsa"),
        ("good-rsa-pss-sha384", "ca-rsa"),
        ("good-rsa-pss-sha512", "ca-rsa"),
        ("walkthrough-device", "walkthrough-ca"),
    ] {
        let good = file(leaf);
        let parts = Parts::of(&good);
        let signature = parts.signature.as_slice();
        let mut variants = vec![
            ("a zero octet before it", [&[0], signature].concat()),
            ("a zero octet behind it", [signature, &[0]].concat()),
            ("its last octet left out", signature[..signature.len() - 1].to_vec()),
            ("its first octet left out", signature[1..].to_vec()),
            ("the negative", signature.iter().map(|octet| !octet).collect()),
        ];
        let authority_key = certificate(authority);
        let PublicKey::Rsa { key, .. } = authority_key.key() else { panic!("{authority} has no RSA key") };
        let modulus = &split(split(key).1).1[1..];
        if let Some(sum) = sum(signature, modulus) {
            variants.push(("the modulus added", sum));
            beyond += 1;
        }
        let variants =
            variants.into_iter().map(|(what, signature)| (what.to_owned(), parts.with_signature(&signature)));
        refuse_all(&good, authority, variants);
    }
    assert!(beyond > 0, "the modulus fits into none of the signatures");
}

/// What ECDSA itself allows: the one way to give a signed certificate a second id.
#[test]
fn the_twin_of_an_ecdsa_signature_is_the_one_exception() {
    let good = file("good-p256-sha256");
    let other = twin(&good);
    let [one, two] = [&good, &other].map(|der| check(der, "ca-p256", NOW).unwrap());
    assert_ne!(one.id(), two.id());
    assert_eq!(one.serial(), two.serial());
    assert_eq!(Certificate::from_der(&twin(&other)).unwrap(), one);
}
