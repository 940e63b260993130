//! Frozen certificates of every allowed algorithm and of every fault (`tests/data/certificates/generate.py` tells how
//! they were made), and bytes that nobody made on purpose.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod odd_extensions;
mod points;
mod serials;
mod versions;
mod wrapping;

use proptest::prelude::*;
use shared::decision::Reason;
use shared::id::CaCertificateId;
use shared::pki::{Certificate, CertificateFault, verify_issued_by, verify_usable};
use shared::profile::KeyRequirements;
use shared::template::Template;
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-01 00:00 UTC);

fn file(name: &str) -> Vec<u8> {
    let path = format!("{}/../tests/data/certificates/{name}.der", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn certificate(name: &str) -> Certificate {
    Certificate::from_der(&file(name)).unwrap()
}

/// Everything that a certificate goes through before its profile's rules.
fn check(leaf: &[u8], authority: &str, now: OffsetDateTime) -> Result<Certificate, CertificateFault> {
    let (leaf, authority) = (Certificate::from_der(leaf)?, certificate(authority));
    verify_issued_by(&leaf, &authority, now)?;
    verify_usable(&leaf, &authority, now)?;
    let keys = KeyRequirements::default();
    if keys.allow(leaf.key()) {
        Ok(leaf)
    } else {
        Err(CertificateFault::Key { allowed: keys.to_string(), found: leaf.key().to_string() })
    }
}

#[test]
fn every_allowed_algorithm_verifies() {
    for (leaf, authority) in [
        ("good-p256-sha256", "ca-p256"),
        ("good-p256-sha512", "ca-p256"),
        ("good-p384-sha384", "ca-p384"),
        ("good-p521-sha512", "ca-p521"),
        ("good-rsa-pkcs1-sha256", "ca-rsa"),
        ("good-rsa-pkcs1-sha384", "ca-rsa"),
        ("good-rsa-pkcs1-sha512", "ca-rsa"),
        ("good-rsa-pss-sha256", "ca-rsa"),
        ("good-rsa-pss-sha384", "ca-rsa"),
        ("good-rsa-pss-sha512", "ca-rsa"),
    ] {
        let checked = check(&file(leaf), authority, NOW).unwrap_or_else(|fault| panic!("{leaf}: {fault}"));
        assert_eq!(checked.serial().as_str(), "1234");
    }
}

#[test]
fn every_fault_has_its_reason() {
    for (leaf, authority, reason) in [
        ("bad-authority-key", "ca-versions", Reason::CertificateIsAuthority),
        ("bad-authority-key-compressed", "ca-versions", Reason::CertificateIsAuthority),
        ("bad-extension-twice", "ca-p256", Reason::CertificateMalformed),
        ("bad-huge", "ca-p256", Reason::CertificateTooLarge),
        ("bad-key-ed25519", "ca-p256", Reason::KeyNotAllowed),
        ("bad-key-rsa-1024", "ca-p256", Reason::KeyNotAllowed),
        ("bad-key-secp256k1", "ca-p256", Reason::KeyNotAllowed),
        ("bad-serial-21-octets", "ca-p256", Reason::SerialInvalid),
        ("bad-serial-21-octets-high", "ca-serials", Reason::SerialInvalid),
        ("bad-serial-negative", "ca-p256", Reason::SerialInvalid),
        ("bad-serial-padded", "ca-serials", Reason::SerialInvalid),
        ("bad-serial-zero", "ca-p256", Reason::SerialInvalid),
        ("bad-signature-flipped", "ca-p256", Reason::SignatureInvalid),
        ("bad-signature-named-twice", "ca-p256", Reason::SignatureAlgorithm),
        ("bad-signature-pss-mgf", "ca-rsa", Reason::SignatureAlgorithm),
        ("bad-signature-pss-salt", "ca-rsa", Reason::SignatureAlgorithm),
        ("bad-signature-sha1", "ca-rsa", Reason::SignatureAlgorithm),
        ("bad-signature-sha224", "ca-p256", Reason::SignatureAlgorithm),
        ("bad-trailing-bytes", "ca-p256", Reason::CertificateTrailingBytes),
        ("bad-truncated", "ca-p256", Reason::CertificateMalformed),
        ("bad-version-1-extensions", "ca-versions", Reason::CertificateMalformed),
        ("bad-version-1-extensions-empty", "ca-versions", Reason::CertificateMalformed),
        ("bad-version-1-unique-id", "ca-versions", Reason::CertificateMalformed),
        ("bad-version-2-extensions", "ca-versions", Reason::CertificateMalformed),
        ("bad-version-4", "ca-versions", Reason::CertificateMalformed),
        ("good-p256-sha256", "ca-end-entity", Reason::IssuerUnusable),
        ("good-p256-sha256", "ca-p384", Reason::IssuerName),
        ("good-p256-sha256", "ca-without-extensions", Reason::IssuerUnusable),
    ] {
        let fault = check(&file(leaf), authority, NOW).unwrap_err();
        assert_eq!(fault.reason(), reason, "{leaf} under {authority}: {fault}");
    }
}

#[test]
fn validity_includes_both_ends() {
    let (first, last) = (datetime!(2026-01-01 00:00 UTC), datetime!(2099-12-31 23:59:59 UTC));
    let (leaf, authority) = (certificate("good-p256-sha256"), certificate("ca-p256"));
    let second = time::Duration::SECOND;
    assert_eq!(verify_usable(&leaf, &authority, first), Ok(()));
    assert_eq!(verify_usable(&leaf, &authority, last), Ok(()));
    assert_eq!(verify_usable(&leaf, &authority, first - second), Err(CertificateFault::NotYetValid(first)));
    assert_eq!(verify_usable(&leaf, &authority, last + second), Err(CertificateFault::Expired(last)));
    let outdated = verify_issued_by(&leaf, &authority, last + second).unwrap_err();
    assert_eq!(outdated.reason(), Reason::IssuerExpired);
}

#[test]
fn pem_holds_exactly_one_certificate() {
    let body = "MA==";
    let block = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let reason = |text: &str| Certificate::from_pem(text).unwrap_err().reason();
    assert_eq!(reason(""), Reason::CertificateMalformed);
    assert_eq!(reason(&block), Reason::CertificateMalformed);
    assert_eq!(reason(&block.replace("CERTIFICATE", "PUBLIC KEY")), Reason::CertificateMalformed);
    assert_eq!(reason(&format!("{block}{block}")), Reason::CertificateTrailingBytes);
    assert_eq!(reason(&"A".repeat(100_000)), Reason::CertificateTooLarge);
}

fn pem(label: &str, content: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, content), config)
}

#[test]
fn a_certificate_is_read_whatever_tools_write_around_it() {
    let der = file("good-p256-sha256");
    let expected = Certificate::from_der(&der).unwrap();
    let plain = pem("CERTIFICATE", &der);
    for text in [
        plain.clone(),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        format!("\u{feff}{plain}"),
        format!("Certificate:\n    Data:\n        Version: 3 (0x2)\n{plain}"),
        format!("Bag Attributes\n    localKeyID: 01\nsubject=CN=pump-1\n{plain}and a remark"),
        format!("{}{plain}", pem("PRIVATE KEY", b"a key")),
        format!("{plain}{}", pem("X509 CRL", b"a list")),
        format!("-----BEGIN CERTIFICATE----- begins it\n{plain}"),
        plain.replace('\n', ""),
        pem("X509 CERTIFICATE", &der),
        pem("TRUSTED CERTIFICATE", &[&der[..], b"\x30\x0a\x0c\x08settings"].concat()),
    ] {
        assert_eq!(Certificate::from_pem(&text), Ok(expected.clone()), "{text}");
    }
    for (text, reason) in [
        (format!("{plain}\n{plain}"), Reason::CertificateTrailingBytes),
        (format!("{}{}", plain.trim_end(), plain), Reason::CertificateTrailingBytes),
        (pem("CERTIFICATE", &[&der[..], &[0]].concat()), Reason::CertificateTrailingBytes),
        (pem("CERTIFICATE REQUEST", &der), Reason::CertificateMalformed),
        (plain.replace("-----END CERTIFICATE-----", ""), Reason::CertificateMalformed),
        (plain.replace("END CERTIFICATE", "END X509 CERTIFICATE"), Reason::CertificateMalformed),
        (plain.replacen('\n', "\n*", 1), Reason::CertificateMalformed),
        ("subject=CN=pump-1\n".to_owned(), Reason::CertificateMalformed),
    ] {
        assert_eq!(Certificate::from_pem(&text).unwrap_err().reason(), reason, "{text}");
    }
}

#[test]
fn templates_take_single_values_of_the_subject() {
    let authority: CaCertificateId = "c".repeat(64).parse().unwrap();
    let leaf = certificate("good-p256-sha256");
    let render = |text: &str| text.parse::<Template>().unwrap().render(&leaf, &authority);
    assert_eq!(render("eu-${CommonName}-${CertificateSerialNumber}").unwrap(), "eu-pump-1-1234");
    assert_eq!(render("${CertificateId}").unwrap(), leaf.id().as_str());
    assert_eq!(render("${CaCertificateId}").unwrap(), authority.as_str());
    assert_eq!(render("${Organization}").unwrap_err().count, 0);
}

/// Each octet of a good certificate changed in turn: refused, or at least never believed to be something else.
#[test]
fn no_changed_octet_passes() {
    let good = file("good-p256-sha256");
    for at in 0..good.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = good.clone();
            changed[at] ^= flip;
            if let Ok(passed) = check(&changed, "ca-p256", NOW) {
                panic!("octet {at} ^ {flip:#x} passed as {passed:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let _ = Certificate::from_der(&bytes);
        let _ = Certificate::from_pem(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn damaged_certificates_never_panic_and_never_pass(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let good = file("good-rsa-pss-sha256");
        let mut damaged = good.clone();
        for (at, octet) in edits {
            damaged[at.index(good.len())] = octet;
        }
        damaged.truncate(cut.index(good.len()) + 1);
        if damaged != good {
            prop_assert!(check(&damaged, "ca-rsa", NOW).is_err());
        }
    }
}
