//! Delta CRLs beside complete ones: whatever a newer one revokes is never good.

use jitr::issue::{CrlEntry, CrlRequest};
use rcgen::{KeyPair, SigningKey as _};
use serde_json::json;
use shared::pki::Certificate;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise, RemoveFromCrl};
use shared::testing::der::{BIT_STRING, SEQUENCE, element, integer, split};
use time::OffsetDateTime;
use time::macros::datetime;

use super::{GOOD, HELD, MEANWHILE, NOW, POINT, REVOKED, Stage, UNUSABLE, device_with_point, request_of_nothing};

/// deltaCRLIndicator, up to the value.
const INDICATOR: &[u8] = &[0x06, 3, 0x55, 0x1d, 0x1b, 0x01, 1, 0xff];
const OCTET_STRING: u8 = 0x04;

/// A delta CRL of the day after [`NOW`] on list 1, with these entries.
struct Delta<'a> {
    base: u8,
    entries: &'a [RevocationReason],
    next_update: OffsetDateTime,
    number: u8,
    point: Option<&'a str>,
    this_update: OffsetDateTime,
}

impl<'a> Delta<'a> {
    fn new(number: u8, base: u8, entries: &'a [RevocationReason]) -> Self {
        let (this_update, next_update) = (datetime!(2026-09-02 00:00 UTC), datetime!(2026-09-08 00:00 UTC));
        Self { base, entries, next_update, number, point: None, this_update }
    }

    /// Signs it; every entry is about the certificate a02, or what has this serial number.
    fn issue(&self, stage: &Stage, serial: &str) -> Vec<u8> {
        let entry = |reason: &RevocationReason| CrlEntry {
            invalid_since: None,
            reason: *reason,
            revoked_at: NOW,
            serial: serial.parse().unwrap(),
        };
        let request = CrlRequest {
            distribution_points: self.point.iter().map(|point| (*point).to_owned()).collect(),
            entries: self.entries.iter().map(entry).collect(),
            next_update: self.next_update,
            number: format!("{:x}", self.number).parse().unwrap(),
            this_update: self.this_update,
            ..request_of_nothing()
        };
        let complete = stage.authority.issue_crl(&request).unwrap().der;
        let (signed, _, rest) = split(split(&complete).1);
        let algorithm = split(rest).0;
        let mut parts = split(signed).1;
        let mut before = Vec::new();
        while parts[0] != 0xa0 {
            let (part, _, after) = split(parts);
            before.extend_from_slice(part);
            parts = after;
        }
        let indicator = [INDICATOR, &element(OCTET_STRING, &integer(&[self.base]))].concat();
        let extensions = [&element(SEQUENCE, &indicator), split(split(parts).1).1].concat();
        let extensions = element(0xa0, &element(SEQUENCE, &extensions));
        let signed = element(SEQUENCE, &[before, extensions].concat());
        let signature = KeyPair::from_pem(&stage.authority.key_pem()).unwrap().sign(&signed).unwrap();
        let signature = element(BIT_STRING, &[&[0], &signature[..]].concat());
        element(SEQUENCE, &[&signed, algorithm, &signature].concat())
    }
}

/// A stage with the complete list 1, which has these arguments.
fn stage(arguments: &[&str]) -> Stage {
    let stage = Stage::new();
    stage.list("1.crl", &[&["--number", "1"], arguments].concat());
    stage
}

#[test]
fn what_a_newer_delta_lists_is_not_good_whether_or_not_it_can_be_put_together_with_the_list() {
    let expired = datetime!(2026-09-02 12:00 UTC);
    for (case, reason, delta) in [
        ("a usual one", KeyCompromise, Delta::new(2, 1, &[KeyCompromise])),
        ("on a later list", KeyCompromise, Delta::new(9, 5, &[KeyCompromise])),
        ("on a later list, a hold", CertificateHold, Delta::new(9, 5, &[CertificateHold])),
        ("past its time", KeyCompromise, Delta { next_update: expired, ..Delta::new(2, 1, &[KeyCompromise]) }),
        ("twice on it", KeyCompromise, Delta::new(2, 1, &[KeyCompromise, RemoveFromCrl])),
        ("twice on it, a hold", KeyCompromise, Delta::new(2, 1, &[KeyCompromise, CertificateHold])),
    ] {
        let stage = stage(&[]);
        stage.write("delta.crl", delta.issue(&stage, "a02"));
        let code = if reason == CertificateHold { HELD } else { REVOKED };
        for crls in [["1.crl", "delta.crl"], ["delta.crl", "1.crl"]] {
            assert_eq!(stage.outcome("a02.pem", &crls, MEANWHILE), (code, json!(reason.as_str())), "{case}");
        }
    }
}

#[test]
fn a_delta_of_a_scope_that_covers_the_certificate_counts() {
    let stage = stage(&["--idp-uri", POINT]);
    stage.write("point.pem", device_with_point(&stage.authority, POINT));
    let point = Certificate::from_pem(&std::fs::read_to_string(stage.path("point.pem")).unwrap()).unwrap();
    for (point_of_delta, covers) in [
        (Some(POINT), true),
        (Some("HTTP://CRL.example.com:80/1.crl"), true),
        (None, true),
        (Some("http://crl.example.com/2.crl"), false),
    ] {
        let delta = Delta { point: point_of_delta, ..Delta::new(2, 1, &[KeyCompromise]) };
        stage.write("delta.crl", delta.issue(&stage, point.serial().as_str()));
        let expected = if covers { (REVOKED, json!("keyCompromise")) } else { (GOOD, json!(null)) };
        assert_eq!(stage.outcome("point.pem", &["1.crl", "delta.crl"], MEANWHILE), expected, "{point_of_delta:?}");
    }
}

#[test]
fn deltas_follow_one_another() {
    let stage = stage(&[]);
    stage.write("2.crl", Delta::new(2, 1, &[]).issue(&stage, "a02"));
    stage.write("3.crl", Delta::new(3, 2, &[KeyCompromise]).issue(&stage, "a02"));
    let revoked = (REVOKED, json!("keyCompromise"));
    assert_eq!(stage.outcome("a02.pem", &["1.crl", "2.crl", "3.crl"], MEANWHILE), revoked);
    assert_eq!(stage.outcome("a01.pem", &["1.crl", "2.crl", "3.crl"], MEANWHILE), (GOOD, json!(null)));
}

#[test]
fn a_delta_takes_a_hold_off_a_list_that_it_changes_and_nothing_else() {
    let good = (GOOD, json!(null));
    let held = (HELD, json!("certificateHold"));
    let revoked = (REVOKED, json!("keyCompromise"));
    for (listed, number, base, expected) in [
        (&["--hold", "a02"], 2, 1, &good),
        (&["--hold", "a02"], 9, 5, &held),
        (&["--hold", "a02"], 1, 1, &held),
        (&["--revoke", "a02=keyCompromise"], 2, 1, &revoked),
    ] {
        let stage = stage(listed);
        stage.write("delta.crl", Delta::new(number, base, &[RemoveFromCrl]).issue(&stage, "a02"));
        assert_eq!(
            stage.outcome("a02.pem", &["1.crl", "delta.crl"], MEANWHILE),
            *expected,
            "{listed:?} {number} {base}"
        );
    }
    // A later hold does not make less of a revocation.
    let stage = stage(&["--revoke", "a02=keyCompromise"]);
    stage.write("delta.crl", Delta::new(9, 5, &[CertificateHold]).issue(&stage, "a02"));
    assert_eq!(stage.outcome("a02.pem", &["1.crl", "delta.crl"], MEANWHILE), revoked);
}

#[test]
fn a_delta_that_was_issued_before_the_list_says_nothing() {
    let stage = stage(&[]);
    let before = NOW - time::Duration::days(1);
    stage
        .write("delta.crl", Delta { this_update: before, ..Delta::new(1, 1, &[CertificateHold]) }.issue(&stage, "a02"));
    assert_eq!(stage.outcome("a02.pem", &["1.crl", "delta.crl"], MEANWHILE), (GOOD, json!(null)));
}

#[test]
fn a_newer_list_past_its_time_is_not_ignored_for_an_older_one() {
    let stage = Stage::new();
    let long = ["--this-update", "2026-08-01T00:00:00Z", "--next-update", "2026-10-01T00:00:00Z"];
    assert!(stage.new_crl(&[&long[..], &["--out", "1.crl", "--number", "1"]].concat()).status.success());
    stage.list("2.crl", &["--number", "2", "--revoke", "a02"]);
    let after = "2026-09-10T00:00:00Z";
    for crls in [["1.crl", "2.crl"], ["2.crl", "1.crl"]] {
        assert_eq!(stage.outcome("a02.pem", &crls, after), (UNUSABLE, json!("crl_expired")), "{crls:?}");
        assert_eq!(stage.outcome("a01.pem", &crls, after), (GOOD, json!(null)), "{crls:?}");
    }
}
