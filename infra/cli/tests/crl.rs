//! `jitr crl new` and `jitr crl check` as the built binary does them, without a cloud.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does"
)]

#[path = "crl/delta.rs"]
mod delta;
#[path = "crl/twice.rs"]
mod twice;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use jitr::issue::{CertificateAuthority, CrlEntry, CrlRequest, DeviceRequest, KeyAlgorithm, Subject, Validity};
use rcgen::{CertificateParams, CrlDistributionPoint, DnType, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use shared::pki::crl::RevocationReason;
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-09-01 12:00 UTC);
const THIS_UPDATE: &str = "2026-09-01T12:00:00Z";
const NEXT_UPDATE: &str = "2026-09-08T12:00:00Z";
const MEANWHILE: &str = "2026-09-03T00:00:00Z";
const POINT: &str = "http://crl.example.com/1.crl";

const GOOD: i32 = 0;
const FAILED: i32 = 1;
const REVOKED: i32 = 2;
const HELD: i32 = 3;
const UNUSABLE: i32 = 4;

/// A folder with an authority and devices with the serial numbers a01, a02 and a03.
struct Stage {
    authority: CertificateAuthority,
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let authority = authority("Maker Root");
        let stage = Self { authority, folder: tempfile::tempdir().unwrap() };
        stage.write("ca.pem", stage.authority.certificate_pem());
        stage.write("ca.key", stage.authority.key_pem());
        for serial in ["a01", "a02", "a03"] {
            stage.write(&format!("{serial}.pem"), device(&stage.authority, serial));
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn jitr(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_jitr"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("AWS_REGION")
            .env_remove("AWS_ENDPOINT_URL")
            .output()
            .expect("the binary is built with this test")
    }

    /// Makes a CRL with the usual dates, and answers with what the command says.
    fn list(&self, out: &str, arguments: &[&str]) -> Value {
        let usual = ["--this-update", THIS_UPDATE, "--next-update", NEXT_UPDATE, "--out", out];
        let output = self.new_crl(&[&usual, arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn new_crl(&self, arguments: &[&str]) -> Output {
        self.jitr(&[&["crl", "new", "--json", "--ca", "ca.pem", "--ca-key", "ca.key"], arguments].concat())
    }

    /// Checks a certificate against CRLs: the exit code, and the one line of JSON.
    fn check(&self, certificate: &str, crls: &[&str], at: &str, arguments: &[&str]) -> (i32, Value) {
        let mut all = vec!["crl", "check", "--ca", "ca.pem", "--cert", certificate, "--at", at];
        all.extend(crls.iter().flat_map(|crl| ["--crl", crl]));
        all.extend(arguments);
        let output = self.jitr(&all);
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let code = output.status.code().unwrap();
        assert_eq!(text.lines().count(), 1, "{all:?}: {text}{}", errors(&output));
        assert_eq!(code == UNUSABLE, !output.stderr.is_empty(), "{all:?}: {}", errors(&output));
        (code, serde_json::from_str(&text).unwrap())
    }

    /// The same, for the code and the reason alone.
    fn outcome(&self, certificate: &str, crls: &[&str], at: &str) -> (i32, Value) {
        let (code, answer) = self.check(certificate, crls, at, &[]);
        (code, answer["reason"].clone())
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn authority(name: &str) -> CertificateAuthority {
    CertificateAuthority::new(&Subject::common_name(name), Validity::days(NOW, 3650), KeyAlgorithm::P256).unwrap()
}

fn device(authority: &CertificateAuthority, serial: &str) -> String {
    let request = DeviceRequest {
        subject: Subject::common_name(format!("pump-{serial}")),
        validity: Validity::days(NOW, 365),
        key: KeyAlgorithm::P256,
        serial: Some(serial.parse().unwrap()),
    };
    authority.issue_device(&request).unwrap().chain_pem
}

/// A device certificate that names where its CRL is.
fn device_with_point(authority: &CertificateAuthority, uri: &str) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "pump-with-point");
    params.not_before = NOW;
    params.not_after = NOW + time::Duration::days(365);
    params.is_ca = IsCa::ExplicitNoCa;
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![uri.to_owned()] }];
    params.signed_by(&KeyPair::generate().unwrap(), authority.issuer()).unwrap().pem()
}

#[test]
fn a_certificate_is_good_revoked_or_held() {
    let stage = Stage::new();
    let made = stage.list("a.crl", &["--revoke", "A:02=keyCompromise", "--hold-cert", "a03.pem", "--number", "1f"]);
    let dates = json!({"thisUpdate": "2026-09-01T12:00:00.000Z", "nextUpdate": "2026-09-08T12:00:00.000Z"});
    let expected = |mut answer: Value| {
        answer.as_object_mut().unwrap().extend(dates.as_object().unwrap().clone());
        answer
    };
    let listed = json!([
        {"serial": "a02", "serialDecimal": "2562", "reason": "keyCompromise"},
        {"serial": "a03", "serialDecimal": "2563", "reason": "certificateHold"},
    ]);
    let answer = json!({"crl": "a.crl", "crlNumber": "1f", "entries": 2, "listed": listed, "removed": []});
    assert_eq!(made, expected(answer));
    for (certificate, code, status, reason) in [
        ("a01.pem", GOOD, "good", json!(null)),
        ("a02.pem", REVOKED, "revoked", json!("keyCompromise")),
        ("a03.pem", HELD, "held", json!("certificateHold")),
    ] {
        let answer =
            expected(json!({"status": status, "reason": reason, "crlNumber": "1f", "entries": 2, "skipped": 0}));
        assert_eq!(stage.check(certificate, &["a.crl"], MEANWHILE, &[]), (code, answer.clone()), "{certificate}");
        assert_eq!(stage.check(certificate, &["a.crl"], MEANWHILE, &["--json"]), (code, answer), "{certificate}");
    }
}

#[test]
fn a_list_goes_on_from_the_one_before() {
    let stage = Stage::new();
    stage
        .list("a.crl", &["--revoke-cert", "a02.pem=superseded", "--hold", "a03", "--number", "ff", "--idp-uri", POINT]);
    let made = stage.list("b.pem", &["--from", "a.crl", "--remove", "a03", "--revoke", "a01"]);
    assert_eq!((&made["crlNumber"], &made["entries"]), (&json!("100"), &json!(2)));
    let made = stage.list("c.crl", &["--from", "b.pem", "--remove", "a02", "--hold", "a01"]);
    assert_eq!((&made["crlNumber"], &made["entries"]), (&json!("101"), &json!(1)));
    // The distribution point is kept, so that certificates without one are not covered.
    assert_eq!(stage.outcome("a02.pem", &["c.crl"], MEANWHILE), (UNUSABLE, json!("crl_not_covering")));

    stage.list("a.crl", &["--revoke", "a02=superseded", "--hold", "a03", "--number", "1", "--force"]);
    let when = ["--this-update", "2026-09-02T12:00:00Z", "--next-update", NEXT_UPDATE];
    let made = stage.new_crl(&[&when[..], &["--out", "b.crl", "--from", "a.crl", "--remove", "a03"]].concat());
    assert!(made.status.success(), "{}", errors(&made));
    assert_eq!(stage.outcome("a03.pem", &["a.crl"], MEANWHILE), (HELD, json!("certificateHold")));
    assert_eq!(stage.outcome("a03.pem", &["b.crl"], MEANWHILE), (GOOD, json!(null)));
    assert_eq!(stage.outcome("a02.pem", &["b.crl"], MEANWHILE), (REVOKED, json!("superseded")));
    let der = fs::read(stage.path("b.crl")).unwrap();
    let (_, parsed) = x509_parser::parse_x509_crl(&der).unwrap();
    let dates: Vec<_> = parsed.iter_revoked_certificates().map(|e| e.revocation_date.to_datetime()).collect();
    assert_eq!(dates, [NOW], "an entry keeps the date of its revocation");
}

#[test]
fn a_list_counts_from_its_first_second_to_before_its_last() {
    let stage = Stage::new();
    stage.list("a.crl", &["--revoke", "a02"]);
    for (at, expected) in [
        ("2026-09-01T11:59:59.999Z", (UNUSABLE, json!("crl_not_yet_valid"))),
        (THIS_UPDATE, (GOOD, json!(null))),
        ("2026-09-08T11:59:59.999Z", (GOOD, json!(null))),
        (NEXT_UPDATE, (UNUSABLE, json!("crl_expired"))),
        ("2027-01-01T00:00:00Z", (UNUSABLE, json!("crl_expired"))),
    ] {
        assert_eq!(stage.outcome("a01.pem", &["a.crl"], at), expected, "{at}");
    }
    for (at, code) in [(NEXT_UPDATE, GOOD), ("2026-09-09T11:59:59Z", GOOD), ("2026-09-09T12:00:00Z", UNUSABLE)] {
        assert_eq!(stage.check("a01.pem", &["a.crl"], at, &["--when-stale", "24h"]).0, code, "{at}");
        let code = if code == GOOD { REVOKED } else { UNUSABLE };
        assert_eq!(stage.check("a02.pem", &["a.crl"], at, &["--when-stale", "1d"]).0, code, "{at}");
    }
    let (_, answer) = stage.check("a01.pem", &["a.crl"], NEXT_UPDATE, &[]);
    assert_eq!(answer["nextUpdate"], "2026-09-08T12:00:00.000Z", "what is known is told");
}

#[test]
fn what_is_not_a_list_of_the_authority_is_unusable() {
    let stage = Stage::new();
    let made = stage.list("a.crl", &["--revoke", "a02"]);
    assert!(made["crlNumber"].is_string());
    let good = fs::read(stage.path("a.crl")).unwrap();
    let serial = good.windows(2).position(|octets| octets == [0x0a, 0x02]).unwrap();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut der = good.clone();
        change(&mut der);
        der
    };
    let by = |other: &CertificateAuthority| other.issue_crl(&request_of_nothing()).unwrap().der;
    for (name, der, reason) in [
        ("listed.crl", with(&|der| der[serial + 1] = 0x01), "crl_signature_invalid"),
        ("signature.crl", with(&|der| *der.last_mut().unwrap() ^= 1), "crl_signature_invalid"),
        ("cut.crl", with(&|der| der.truncate(der.len() - 1)), "crl_truncated"),
        ("longer.crl", with(&|der| der.push(0)), "crl_trailing_bytes"),
        ("empty.crl", Vec::new(), "crl_truncated"),
        ("text.crl", b"no CRL at all".to_vec(), "crl_malformed"),
        ("name.crl", by(&authority("Other Root")), "crl_issuer_name"),
        ("key.crl", by(&authority("Maker Root")), "crl_issuer_key"),
    ] {
        stage.write(name, der);
        for certificate in ["a01.pem", "a02.pem"] {
            let (code, answer) = stage.check(certificate, &[name], MEANWHILE, &[]);
            assert_eq!((code, &answer["reason"]), (UNUSABLE, &json!(reason)), "{name}");
            assert_eq!(answer["entries"], json!(null), "nothing of {name} is believed");
        }
    }
}

#[test]
fn a_partition_answers_for_its_certificates_only() {
    let stage = Stage::new();
    stage.write("here.pem", device_with_point(&stage.authority, POINT));
    stage.write("there.pem", device_with_point(&stage.authority, "http://crl.example.com/2.crl"));
    stage.list("1.crl", &["--idp-uri", POINT, "--only-user-certs", "--revoke-cert", "there.pem", "--number", "1"]);
    let not_covering = (UNUSABLE, json!("crl_not_covering"));
    assert_eq!(stage.outcome("here.pem", &["1.crl"], MEANWHILE), (GOOD, json!(null)));
    assert_eq!(stage.outcome("there.pem", &["1.crl"], MEANWHILE), not_covering);
    assert_eq!(stage.outcome("a01.pem", &["1.crl"], MEANWHILE), not_covering);
    // An expired list of another partition is not what is wrong.
    assert_eq!(stage.outcome("there.pem", &["1.crl"], "2027-01-01T00:00:00Z"), not_covering);

    stage.list("2.crl", &["--idp-uri", "http://crl.example.com/2.crl", "--number", "2"]);
    for crls in [["1.crl", "2.crl"], ["2.crl", "1.crl"]] {
        let (code, answer) = stage.check("here.pem", &crls, MEANWHILE, &[]);
        assert_eq!((code, &answer["crlNumber"], &answer["entries"]), (GOOD, &json!("1"), &json!(1)), "{crls:?}");
        let (code, answer) = stage.check("there.pem", &crls, MEANWHILE, &[]);
        assert_eq!((code, &answer["crlNumber"], &answer["entries"]), (GOOD, &json!("2"), &json!(0)), "{crls:?}");
        assert_eq!(stage.outcome("a01.pem", &crls, MEANWHILE), not_covering, "{crls:?}");
    }
}

#[test]
fn of_several_lists_one_is_enough_and_the_most_severe_counts() {
    let stage = Stage::new();
    stage.list("good.crl", &["--number", "1"]);
    stage.list("held.crl", &["--number", "2", "--hold", "a02"]);
    stage.list("revoked.crl", &["--number", "3", "--revoke", "a02", "--revoke", "a03"]);
    stage.write("broken.crl", [0x30, 0x80]);
    let of = |crls: &[&str]| stage.outcome("a02.pem", crls, MEANWHILE);
    assert_eq!(of(&["broken.crl", "good.crl"]), (GOOD, json!(null)));
    assert_eq!(of(&["broken.crl", "revoked.crl"]), (REVOKED, json!("unspecified")));
    assert_eq!(of(&["broken.crl", "broken.crl"]), (UNUSABLE, json!("crl_malformed")));
    for crls in [["held.crl", "revoked.crl", "good.crl"], ["revoked.crl", "good.crl", "held.crl"]] {
        let (code, answer) = stage.check("a02.pem", &crls, MEANWHILE, &[]);
        assert_eq!((code, &answer["crlNumber"]), (REVOKED, &json!("3")), "{crls:?}");
    }
    let (code, answer) = stage.check("a02.pem", &["good.crl", "held.crl"], MEANWHILE, &[]);
    assert_eq!((code, &answer["crlNumber"]), (HELD, &json!("2")));
}

#[test]
fn lists_and_certificates_are_pem_or_der() {
    let stage = Stage::new();
    stage.list("a.PEM", &["--revoke", "a02"]);
    stage.list("forced.crl", &["--revoke", "a02", "--pem"]);
    stage.list("forced.pem", &["--revoke", "a02", "--der"]);
    let starts = |name: &str| fs::read(stage.path(name)).unwrap().starts_with(b"-----BEGIN X509 CRL-----");
    assert!(starts("a.PEM") && starts("forced.crl") && !starts("forced.pem"));
    for crl in ["a.PEM", "forced.crl", "forced.pem"] {
        assert_eq!(stage.outcome("a01.pem", &[crl], MEANWHILE).0, GOOD, "{crl}");
        assert_eq!(stage.outcome("a02.pem", &[crl], MEANWHILE).0, REVOKED, "{crl}");
    }
    let pem = fs::read(stage.path("a02.pem")).unwrap();
    let (_, block) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
    stage.write("a02.der", block.contents);
    assert_eq!(stage.outcome("a02.der", &["a.PEM"], MEANWHILE).0, REVOKED);
}

#[test]
fn a_long_list_is_read_in_pieces() {
    let stage = Stage::new();
    let entry = |serial: u32| CrlEntry {
        invalid_since: None,
        reason: RevocationReason::Superseded,
        revoked_at: NOW,
        // Every other one, so that a01 is on it, and a02 is not.
        serial: format!("{:x}", 2 * serial + 1).parse().unwrap(),
    };
    let request = CrlRequest { entries: (0..20_000).map(entry).collect(), ..request_of_nothing() };
    let issued = stage.authority.issue_crl(&request).unwrap();
    assert!(issued.der.len() > 512 * 1024);
    stage.write("a.crl", issued.der);
    stage.write("a.pem", issued.pem);
    for crl in ["a.crl", "a.pem"] {
        assert_eq!(stage.outcome("a01.pem", &[crl], MEANWHILE), (REVOKED, json!("superseded")));
        let (code, answer) = stage.check("a02.pem", &[crl], MEANWHILE, &[]);
        assert_eq!((code, &answer["entries"]), (GOOD, &json!(20_000)));
    }
}

#[test]
fn a_certificate_that_the_authority_did_not_issue_is_unusable() {
    let stage = Stage::new();
    stage.list("a.crl", &[]);
    stage.write("other.pem", device(&authority("Other Root"), "a01"));
    stage.write("forged.pem", device(&authority("Maker Root"), "a01"));
    assert_eq!(stage.outcome("other.pem", &["a.crl"], MEANWHILE), (UNUSABLE, json!("issuer_name")));
    assert_eq!(stage.outcome("forged.pem", &["a.crl"], MEANWHILE), (UNUSABLE, json!("signature_invalid")));
    assert_eq!(stage.outcome("a01.pem", &["a.crl"], "2050-01-01T00:00:00Z"), (UNUSABLE, json!("issuer_expired")));
}

#[test]
fn what_can_not_be_asked_ends_with_1_and_says_why() {
    let stage = Stage::new();
    stage.list("a.crl", &[]);
    for (arguments, words) in [
        (&["--ca", "ca.pem", "--crl", "missing.crl", "--cert", "a01.pem"][..], "missing.crl"),
        (&["--ca", "missing.pem", "--crl", "a.crl", "--cert", "a01.pem"], "missing.pem"),
        (&["--ca", "ca.pem", "--crl", "a.crl", "--cert", "missing.pem"], "missing.pem"),
        (&["--ca", "ca.pem", "--crl", "a.crl", "--crl", ".", "--cert", "a01.pem"], ". cannot be read"),
        (&["--ca", "ca.pem", "--crl", "a.crl", "--cert", "a01.pem", "--colour", "red"], "--colour"),
        (&["--ca", "ca.pem", "--crl", "a.crl", "--cert", "a01.pem", "--at", "noon"], "--at"),
        (&["--ca", "ca.pem", "--crl", "a.crl", "--cert", "a01.pem", "--when-stale", "24"], "--when-stale"),
        (&["--ca", "ca.pem", "--cert", "a01.pem"], "--crl"),
    ] {
        let output = stage.jitr(&[&["crl", "check"], arguments].concat());
        assert_eq!(output.status.code(), Some(FAILED), "{arguments:?}: {}", errors(&output));
        assert!(output.stdout.is_empty() && errors(&output).contains(words), "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn what_is_no_certificate_is_unusable() {
    let stage = Stage::new();
    stage.list("a.crl", &[]);
    stage.write("text.pem", "no certificate");
    stage.write("cut.der", [0x30, 0x82, 0x01]);
    for certificate in ["text.pem", "cut.der"] {
        assert_eq!(stage.outcome(certificate, &["a.crl"], MEANWHILE), (UNUSABLE, json!("certificate_malformed")));
        let output = stage.jitr(&["crl", "check", "--ca", certificate, "--crl", "a.crl", "--cert", "a01.pem"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &answer["reason"]), (Some(UNUSABLE), &json!("issuer_unusable")));
        assert!(errors(&output).contains(certificate), "{}", errors(&output));
    }
}

/// The frozen lists of `tests/data/crls`, checked as the operator checks them.
#[test]
fn frozen_lists_say_what_they_say() {
    let path = |name: &str| format!("{}/../../tests/data/crls/{name}.der", env!("CARGO_MANIFEST_DIR"));
    let check = |list: &str, certificate: &str| {
        let stage = Stage::new();
        let (ca, list, certificate) = (path("ca-p256"), path(list), path(certificate));
        let arguments = ["crl", "check", "--ca", &ca, "--crl", &list, "--cert", &certificate];
        let output = stage.jitr(&[&arguments[..], &["--at", "2026-11-02T00:00:00Z"]].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), answer["reason"].clone(), answer["skipped"].clone())
    };
    let revoked = (REVOKED, json!("keyCompromise"), json!(0));
    for list in ["printable", "case", "spaces", "teletex", "ia5", "bmp", "utf32"] {
        assert_eq!(check(&format!("good-issuer-{list}"), "device-plain"), revoked, "{list}");
    }
    assert_eq!(check("good-odd-serials", "device-plain"), (REVOKED, json!("keyCompromise"), json!(5)));
    assert_eq!(check("good-odd-serials-only", "device-plain"), (GOOD, json!(null), json!(5)));
    let unspecified = (REVOKED, json!("unspecified"), json!(0));
    let not_covering = (UNUSABLE, json!("crl_not_covering"), json!(0));
    for (list, certificate, expected) in [
        ("good-point-own-name", "device-plain", &unspecified),
        ("good-point-own-name", "device-point-2", &unspecified),
        ("good-point-users", "device-plain", &unspecified),
        ("good-point-users", "authority-below", &not_covering),
        ("good-point-authorities", "device-plain", &not_covering),
        ("good-point-authorities", "authority-below", &unspecified),
        ("good-point-attributes", "authority-below", &not_covering),
        ("good-point-capitals", "device-point-1", &(GOOD, json!(null), json!(0))),
        ("good-point-other-path", "device-point-1", &not_covering),
    ] {
        assert_eq!(check(list, certificate), *expected, "{list} {certificate}");
    }
}

#[test]
fn a_list_that_can_not_be_made_leaves_no_file() {
    let stage = Stage::new();
    stage.list("a.crl", &["--revoke", "a02"]);
    stage.write("other.pem", device(&authority("Other Root"), "a01"));
    stage.write("forged.crl", authority("Maker Root").issue_crl(&request_of_nothing()).unwrap().der);
    for (arguments, words) in [
        (&["--out", "a.crl"][..], "--force"),
        (&["--out", "no/folder.crl"], "cannot be written"),
        (&["--out", "b.crl", "--revoke-cert", "other.pem"], "other.pem is not of this CA"),
        (&["--out", "b.crl", "--revoke-cert", "ca.pem"], "ca.pem is the CA itself"),
        (&["--out", "b.crl", "--revoke", "a01", "--hold", "a01"], "two reasons"),
        (&["--out", "b.crl", "--from", "a.crl", "--remove", "a03"], "(decimal 2563) is not on the old list"),
        (&["--out", "b.crl", "--from", "forged.crl"], "forged.crl is no list to go on from"),
        (&["--out", "b.crl", "--from", "missing.crl"], "missing.crl"),
        (&["--out", "b.crl", "--this-update", NEXT_UPDATE, "--next-update", NEXT_UPDATE], "next update"),
        (&["--out", "b.crl", "--days", "0"], "--days"),
        (&["--out", "b.crl", "--revoke", "a01=stolen"], "keyCompromise"),
        (&["--out", "b.crl", "--revoke", "4096"], "write 0x4096, or 0x1000 if 4096 is decimal"),
        (&["--out", "b.crl", "--hold", "4096"], "write 0x4096, or 0x1000 if 4096 is decimal"),
        (&["--out", "b.crl", "--number", "31"], "write 0x31, or 0x1f if 31 is decimal"),
        (&["--out", "b.crl", "--revoke", "4096 (0x1001)"], "the brackets"),
    ] {
        let before = fs::read(stage.path("a.crl")).unwrap();
        let output = stage.new_crl(arguments);
        assert_eq!(output.status.code(), Some(FAILED), "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(words), "{arguments:?}: {}", errors(&output));
        assert!(!stage.path("b.crl").exists(), "{arguments:?}");
        assert_eq!(fs::read(stage.path("a.crl")).unwrap(), before, "{arguments:?}");
    }
}

fn request_of_nothing() -> CrlRequest {
    CrlRequest {
        distribution_points: Vec::new(),
        entries: Vec::new(),
        next_update: NOW + time::Duration::days(7),
        number: "1".parse().unwrap(),
        only_user_certificates: false,
        this_update: NOW,
    }
}

#[test]
fn authorities_of_other_making_are_understood_or_refused() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_before = NOW;
    params.not_after = NOW + time::Duration::days(3650);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Own Root");
    let list = |params: &CertificateParams| {
        let stage = Stage::new();
        stage.write("ca.pem", params.self_signed(&key).unwrap().pem());
        stage.write("ca.key", key.serialize_pem());
        let output = stage.new_crl(&["--out", "b.crl", "--this-update", THIS_UPDATE]);
        assert_eq!(stage.path("b.crl").exists(), output.status.success());
        output
    };

    let mut own = params.clone();
    own.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 20]);
    let output = list(&own);
    assert!(output.status.success(), "{}", errors(&output));

    let mut other = params.clone();
    other.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    assert!(errors(&list(&other)).contains("cRLSign"), "{}", errors(&list(&other)));

    let mut twice = params;
    twice.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 11]), "one");
    twice.distinguished_name.push(DnType::OrganizationalUnitName, "two");
    assert!(errors(&list(&twice)).contains("cannot be reproduced"), "{}", errors(&list(&twice)));
}

#[test]
fn without_dates_a_list_is_of_now_and_for_a_week() {
    let stage = Stage::new();
    let output = stage.new_crl(&["--out", "a.crl", "--revoke", &"f".repeat(40)]);
    assert!(output.status.success(), "{}", errors(&output));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    let time = |name: &str| shared::timestamp::from_text(made[name].as_str().unwrap()).unwrap();
    assert_eq!(time("nextUpdate") - time("thisUpdate"), time::Duration::days(7));
    let number = i64::from_str_radix(made["crlNumber"].as_str().unwrap(), 16).unwrap();
    assert_eq!(number, time("thisUpdate").unix_timestamp());
    assert_eq!(made["entries"], 1);
}
