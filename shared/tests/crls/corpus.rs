//! The frozen lists: what has to be accepted with what it says, what has to be refused with its reason.

use std::collections::BTreeSet;

use shared::decision::Reason;
use shared::pki::crl::{CertificateKind, CrlReader, ReasonSet, RevocationReason};
use time::macros::datetime;

use crate::{NOW, certificate, check, file, path, read};

/// Reasons why there is no CRL to read, or why one that verifies is not used.
const NOT_OF_ONE_LIST: [Reason; 10] = [
    Reason::CrlFetchFailed,
    Reason::CrlNotChecked,
    Reason::CrlNotConfigured,
    Reason::CrlNotCovering,
    Reason::CrlRolledBack,
    Reason::CrlShrunk,
    Reason::CrlStale,
    Reason::CrlStateUnreadable,
    Reason::CrlTooLarge,
    Reason::CrlTooManyPoints,
];

/// A `bad-*` list is refused for the reason that its name begins with.
fn named_reason(file: &str) -> Option<Reason> {
    let words = file.strip_prefix("bad-")?.replace('-', "_");
    let is_named = |reason: &&Reason| {
        let word = reason.as_str().strip_prefix("crl_").unwrap_or("no CRL");
        words == word || words.starts_with(&format!("{word}_"))
    };
    // The longest word: `signature_algorithm` before `signature`.
    Reason::ALL.iter().filter(is_named).max_by_key(|reason| reason.as_str().len()).copied()
}

fn lists(prefix: &str) -> Vec<String> {
    let names = std::fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter_map(|name| name.strip_suffix(".der").map(str::to_owned))
        .filter(|n| n.starts_with(prefix))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no files {prefix}*.der");
    names
}

fn authority_of(list: &str) -> &'static str {
    match list {
        name if name.contains("rsa") || name.contains("sha1") || name.contains("pss") => "ca-rsa",
        name if name.contains("p384") => "ca-p384",
        name if name.contains("p521") => "ca-p521",
        _ => "ca-p256",
    }
}

#[test]
fn every_good_list_is_accepted() {
    for name in lists("good-") {
        let now = if name == "good-generalized-time" { datetime!(2050-01-01 00:00 UTC) } else { NOW };
        let checked = check(&file(&format!("{name}.der")), &certificate(authority_of(&name)), now);
        checked.unwrap_or_else(|fault| panic!("{name}: {fault}"));
    }
}

#[test]
fn every_allowed_algorithm_verifies() {
    for (name, algorithm) in [
        ("good-p256-sha256", "ECDSA with Sha256"),
        ("good-p256-sha384", "ECDSA with Sha384"),
        ("good-p256-sha512", "ECDSA with Sha512"),
        ("good-p384-sha256", "ECDSA with Sha256"),
        ("good-p384-sha384", "ECDSA with Sha384"),
        ("good-p384-sha512", "ECDSA with Sha512"),
        ("good-p521-sha256", "ECDSA with Sha256"),
        ("good-p521-sha384", "ECDSA with Sha384"),
        ("good-p521-sha512", "ECDSA with Sha512"),
        ("good-rsa-pkcs1-sha256", "RSA PKCS#1 v1.5 with Sha256"),
        ("good-rsa-pkcs1-sha384", "RSA PKCS#1 v1.5 with Sha384"),
        ("good-rsa-pkcs1-sha512", "RSA PKCS#1 v1.5 with Sha512"),
        ("good-rsa-pss-sha256", "RSA PSS with Sha256"),
        ("good-rsa-pss-sha384", "RSA PSS with Sha384"),
        ("good-rsa-pss-sha512", "RSA PSS with Sha512"),
    ] {
        let (crl, listed) = read([file(&format!("{name}.der")).as_slice()], &certificate(authority_of(name)));
        let crl = crl.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(crl.signature_algorithm().to_string(), algorithm);
        assert_eq!(crl.number().unwrap().to_string(), "7");
        assert_eq!((crl.this_update(), crl.next_update()), (NOW, datetime!(2099-12-31 23:59:59 UTC)));
        let reasons =
            [RevocationReason::KeyCompromise, RevocationReason::Unspecified, RevocationReason::CertificateHold];
        let serials = [vec![0x12, 0x34], vec![0x80], vec![0xff, 0x01]];
        assert_eq!(listed, serials.into_iter().zip(reasons).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn every_bad_list_is_refused_for_its_reason() {
    for name in lists("bad-") {
        let expected = named_reason(&name).unwrap_or_else(|| panic!("{name} begins with no reason"));
        let fault = check(&file(&format!("{name}.der")), &certificate(authority_of(&name)), NOW).unwrap_err();
        assert_eq!(fault.reason(), expected, "{name}: {fault}");
    }
}

#[test]
fn a_ca_that_may_not_sign_lists_is_refused() {
    for authority in ["ca-critical-extension", "ca-end-entity", "ca-expired", "ca-not-yet-valid", "ca-without-crl-sign"]
    {
        let fault = check(&file("good-p256-sha256.der"), &certificate(authority), NOW).unwrap_err();
        assert_eq!(fault.reason(), Reason::CrlIssuerUnusable, "{authority}: {fault}");
    }
    for authority in ["ca-p256", "ca-without-key-identifier", "ca-without-usage", "ca-version-1"] {
        let checked = check(&file("good-p256-sha256.der"), &certificate(authority), NOW);
        assert!(checked.is_ok(), "{authority}: {checked:?}");
    }
    let fault = check(&file("bad-issuer-key.der"), &certificate("ca-without-key-identifier"), NOW);
    assert!(fault.is_ok(), "without a key identifier of the CA there is nothing to compare");
}

#[test]
fn every_reason_for_which_one_list_can_be_refused_is_in_the_corpus() {
    let mut covered: BTreeSet<Reason> = lists("bad-").iter().filter_map(|name| named_reason(name)).collect();
    // A matter of the CA certificate.
    covered.insert(Reason::CrlIssuerUnusable);
    let of_lists = Reason::ALL.iter().copied().filter(|reason| reason.as_str().starts_with("crl_"));
    let of_one_list: BTreeSet<Reason> = of_lists.filter(|reason| !NOT_OF_ONE_LIST.contains(reason)).collect();
    assert_eq!(covered, of_one_list);
}

#[test]
fn a_list_is_current_from_this_update_until_before_next_update() {
    let (crl, _) = read([file("good-p256-sha256.der").as_slice()], &certificate("ca-p256"));
    let crl = crl.unwrap();
    let second = time::Duration::SECOND;
    let reason = |now| crl.check_current(now).map_err(|fault| fault.reason());
    assert_eq!(reason(crl.this_update() - second), Err(Reason::CrlNotYetValid));
    assert_eq!(reason(crl.this_update()), Ok(()));
    assert_eq!(reason(crl.next_update() - second), Ok(()));
    assert_eq!(reason(crl.next_update()), Err(Reason::CrlExpired));
}

#[test]
fn every_shape_says_what_it_says() {
    use RevocationReason::{KeyCompromise, Superseded, Unspecified};
    let ca = certificate("ca-p256");
    let read = |name: &str| {
        let (crl, listed) = read([file(&format!("{name}.der")).as_slice()], &ca);
        (crl.unwrap_or_else(|fault| panic!("{name}: {fault}")), listed)
    };
    for name in ["good-version-1-empty", "good-empty", "good-empty-sequence"] {
        assert_eq!((read(name).0.entries(), read(name).1), (0, vec![]), "{name}");
    }
    let (crl, listed) = read("good-version-1");
    assert_eq!((crl.number(), listed), (None, vec![(vec![0x12, 0x34], Unspecified)]));
    let (_, listed) = read("good-entry-extensions");
    assert_eq!(listed, [(vec![0x12, 0x34], KeyCompromise), (vec![0x12, 0x35], Unspecified)]);
    let (crl, listed) = read("good-by-library");
    let large = [&[0x10][..], &[0; 12]].concat();
    assert_eq!(listed, [(vec![0x12, 0x34], Superseded), (large, Superseded)]);
    assert_eq!(crl.number().unwrap().to_string(), "9");
    let (crl, _) = read("good-extensions");
    assert_eq!(crl.number().unwrap().to_string(), "f".repeat(40));
    let (_, listed) = read("good-generalized-time");
    assert_eq!(listed.len(), 1);

    let (_, listed) = read("good-reasons");
    let mut expected: Vec<_> = RevocationReason::ALL.map(|reason| (vec![1, reason.code()], reason)).into();
    expected.extend([(vec![2, 0], Unspecified), (vec![2, 1], Superseded)]);
    assert_eq!(listed, expected);

    let (_, listed) = read("good-serials");
    let serials: Vec<String> = listed.iter().map(|(serial, _)| hex::encode(serial)).collect();
    let (zeros, most) = ("00".repeat(18), "ff".repeat(19));
    let large = [format!("80{zeros}"), format!("7f{most}"), format!("80{zeros}00"), format!("ff{most}")];
    assert_eq!(serials[..5], ["01", "7f", "80", "ff", "8000"]);
    assert_eq!(serials[5..], large);
}

#[test]
fn what_means_nothing_else_is_read() {
    let ca = certificate("ca-p256");
    let device = (vec![0x12, 0x34], RevocationReason::KeyCompromise);
    let (crl, listed) = read([file("good-odd-serials.der").as_slice()], &ca);
    let crl = crl.unwrap();
    assert_eq!((crl.entries(), crl.skipped()), (2, 5));
    assert_eq!(listed, [device.clone(), (vec![0xff; 20], RevocationReason::Unspecified)]);
    let (crl, listed) = read([file("good-odd-serials-only.der").as_slice()], &ca);
    let crl = crl.unwrap();
    assert_eq!((crl.entries(), crl.skipped(), listed), (0, 5, vec![]));
    let (crl, listed) = read([file("good-critical-false-written.der").as_slice()], &ca);
    assert_eq!((crl.unwrap().skipped(), listed), (0, vec![device]));
}

#[test]
fn a_delta_is_read_where_it_is_asked_for_only() {
    let list = file("bad-delta.der");
    let accept = |list: &[u8]| {
        let mut reader = CrlReader::accepting_deltas(&certificate("ca-p256"));
        reader.feed(list, |_| ()).and_then(|()| reader.finish(NOW))
    };
    let crl = accept(&list).unwrap();
    assert_eq!(crl.base().map(ToString::to_string).as_deref(), Some("6"));
    assert_eq!(crl.entries(), 1);
    assert_eq!(accept(&file("good-empty.der")).unwrap().base(), None);
    assert_eq!(accept(&file("bad-signature-invalid.der")).unwrap_err().reason(), Reason::CrlSignatureInvalid);
    let (refused, _) = read([list.as_slice()], &certificate("ca-p256"));
    assert_eq!(refused.unwrap_err().reason(), Reason::CrlDelta);
}

#[test]
fn scopes_are_read() {
    let scope = |name: &str| {
        read([file(&format!("{name}.der")).as_slice()], &certificate("ca-p256")).0.unwrap().scope().clone()
    };
    let plain = scope("good-p256-sha256");
    assert_eq!((plain.certificates, plain.reasons), (CertificateKind::All, None));
    assert!(plain.distribution_points.is_empty());
    assert_eq!(scope("good-point").distribution_points, ["http://crl.example/1.crl"]);
    let narrow = scope("good-point-user-reasons");
    let subject = "301231103 00e06035504030c0763612d70323536".replace(' ', "");
    assert_eq!(narrow.distribution_points, ["http://crl.example/1.crl".to_owned(), format!("4:a414{subject}")]);
    assert_eq!(narrow.certificates, CertificateKind::User);
    // Bits 5 and 6.
    assert_eq!(narrow.reasons, Some(ReasonSet::from_bits(0b110_0000)));
    assert_eq!(scope("good-point-not-critical").certificates, CertificateKind::Authority);
    assert_eq!(scope("good-point-attributes").certificates, CertificateKind::Attribute);
    assert_eq!(scope("good-point-false-written"), scope("good-point-users"));
    let json = serde_json::to_value(&narrow).unwrap();
    assert_eq!(json["certificates"], "user");
    assert_eq!(json["distributionPoints"][0], "http://crl.example/1.crl");
    assert_eq!(serde_json::from_value::<shared::pki::crl::Scope>(json).unwrap(), narrow);
}

#[test]
fn a_fault_is_told_again_and_no_entry_after_it() {
    let list = file("bad-malformed-serial-padded.der");
    let mut reader = CrlReader::new(&certificate("ca-p256"));
    let fault = reader.feed(&list, |_| ()).unwrap_err();
    let good = file("good-p256-sha256.der");
    assert_eq!(reader.feed(&good, |entry| panic!("{entry:?}")), Err(fault.clone()));
    assert_eq!(reader.finish(NOW), Err(fault));
    assert_eq!(CrlReader::new(&certificate("ca-p256")).finish(NOW).unwrap_err().reason(), Reason::CrlTruncated);
}
