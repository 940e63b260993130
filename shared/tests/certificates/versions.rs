//! Certificates of X.509 version 1 and 2: what they may have, what follows from what they lack, and who is the CA.

use shared::decision::Reason;
use shared::pki::crl::{CertificateKind, ReasonSet, Scope};
use shared::pki::{Certificate, CertificateVersion};

use crate::{NOW, certificate, check, file};

#[test]
fn every_version_comes_in_with_what_it_may_have() {
    use CertificateVersion::{V1, V2, V3};
    for (leaf, authority, version) in [
        ("good-version-1", "ca-p256", V1),
        // A DEFAULT that is written out means the same, as critical FALSE does in an extension.
        ("good-version-1-written", "ca-versions", V1),
        ("good-version-2", "ca-versions", V2),
        ("good-version-2-unique-ids", "ca-versions", V2),
        ("good-version-3-unique-id", "ca-versions", V3),
        ("good-version-3-without-extensions", "ca-versions", V3),
        ("walkthrough-device", "walkthrough-ca", V1),
    ] {
        let checked = check(&file(leaf), authority, NOW).unwrap_or_else(|fault| panic!("{leaf}: {fault}"));
        assert_eq!(checked.version(), version, "{leaf}");
        assert!(checked.distribution_points().is_empty(), "{leaf}");
    }
}

#[test]
fn lists_without_partitions_cover_what_has_no_extensions() {
    let scope = |certificates, names: &[&str]| Scope {
        certificates,
        distribution_points: names.iter().map(|name| (*name).to_owned()).collect(),
        reasons: None,
    };
    let leaf = certificate("good-version-1");
    for (scope, covered) in [
        (scope(CertificateKind::All, &[]), ReasonSet::ALL),
        // RFC 5280 section 6.3.3 (b) (2) (i): basicConstraints does not assert cA.
        (scope(CertificateKind::User, &[]), ReasonSet::ALL),
        (scope(CertificateKind::Authority, &[]), ReasonSet::NONE),
        (scope(CertificateKind::Attribute, &[]), ReasonSet::NONE),
        (scope(CertificateKind::All, &["http://crl.example.com/1.crl"]), ReasonSet::NONE),
    ] {
        assert_eq!(scope.covers(&leaf), covered, "{scope:?}");
    }
}

#[test]
fn a_ca_of_version_1_issues_and_is_no_device_itself() {
    let root = file("ca-version-1");
    assert_eq!(Certificate::from_der(&root).unwrap().version(), CertificateVersion::V1);
    assert_eq!(check(&root, "ca-version-1", NOW).unwrap_err().reason(), Reason::CertificateIsAuthority);
    // The same of a CA of version 3, which says so itself.
    assert_eq!(check(&file("ca-p256"), "ca-p256", NOW).unwrap_err().reason(), Reason::CertificateIsAuthority);
}
