//! Issued certificates, read back and verified.

use super::*;

const NOW: OffsetDateTime = time::macros::datetime!(2026-09-01 12:00 UTC);

fn authority(key: KeyAlgorithm) -> CertificateAuthority {
    let subject = Subject { organization: Some("Maker".into()), ..Subject::common_name("Maker Root") };
    CertificateAuthority::new(&subject, Validity::days(NOW, 3650), key).unwrap()
}

fn request(key: KeyAlgorithm) -> DeviceRequest {
    DeviceRequest {
        subject: Subject {
            organization: Some("Maker".into()),
            organizational_unit: Some("Pumps".into()),
            country: Some("DE".into()),
            serial_number: Some("PX-17".into()),
            ..Subject::common_name("pump-17")
        },
        validity: Validity::days(NOW, 365),
        key,
        serial: Some("0A:1B".parse().unwrap()),
    }
}

#[test]
fn issued_certificates_verify_under_their_authority_for_every_key_type() {
    let keys = [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::P521, KeyAlgorithm::Rsa2048];
    for key in keys {
        let authority = authority(key);
        let device = authority.issue_device(&request(KeyAlgorithm::P256)).unwrap();
        let leaf = Certificate::from_pem(&device.certificate_pem).unwrap();
        let root = Certificate::from_pem(authority.certificate_pem()).unwrap();
        verify_issued_by(&leaf, &root, NOW).unwrap();
        assert_eq!(device.certificate_id, *leaf.id());
        assert_eq!(device.serial.as_str(), "a1b");
        assert_eq!(leaf.subject().text(), "C=DE, O=Maker, OU=Pumps, CN=pump-17, serialNumber=PX-17");
        assert_eq!(device.not_after, NOW + time::Duration::days(365));
        assert_eq!(device.chain_pem, format!("{}{}", device.certificate_pem, authority.certificate_pem()));
    }
}

#[test]
fn an_authority_may_sign_certificates_and_crls_and_has_a_key_identifier() {
    let authority = authority(KeyAlgorithm::P256);
    let der = &certificates(authority.certificate_pem().as_bytes()).unwrap()[0];
    let (_, root) = x509_parser::parse_x509_certificate(der).unwrap();
    let constraints = root.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = root.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && usage.crl_sign());
    assert!(root.iter_extensions().any(|e| e.oid == x509_parser::oid_registry::OID_X509_EXT_SUBJECT_KEY_IDENTIFIER));
}

#[test]
fn an_authority_read_back_from_its_files_issues_the_same_chain() {
    let made = authority(KeyAlgorithm::P384);
    let noise = format!("subject=CN = Maker Root\n{}", made.certificate_pem());
    let read = CertificateAuthority::from_pem(&noise, &made.key_pem()).unwrap();
    assert_eq!(read.certificate_pem().trim(), made.certificate_pem().trim());
    let device = read.issue_device(&request(KeyAlgorithm::Rsa2048)).unwrap();
    let leaf = Certificate::from_pem(&device.certificate_pem).unwrap();
    verify_issued_by(&leaf, made.certificate(), NOW).unwrap();
}

#[test]
fn a_certificate_never_outlives_its_authority() {
    let subject = Subject::common_name("Short Root");
    let root = CertificateAuthority::new(&subject, Validity::days(NOW, 10), KeyAlgorithm::P256).unwrap();
    let device = root.issue_device(&request(KeyAlgorithm::P256)).unwrap();
    assert_eq!(device.not_after, root.certificate().not_after());
}

#[test]
fn the_verification_certificate_names_the_registration_code() {
    let authority = authority(KeyAlgorithm::P256);
    let code = "a".repeat(64);
    let pem = authority.issue_verification(&code, NOW).unwrap();
    assert_eq!(Certificate::from_pem(&pem).unwrap().subject().text(), format!("CN={code}"));
}

#[test]
fn unusable_files_are_named() {
    let (one, other) = (authority(KeyAlgorithm::P256), authority(KeyAlgorithm::P256));
    let device = one.issue_device(&request(KeyAlgorithm::P256)).unwrap();
    let fault = |certificate: &str, key: &str| CertificateAuthority::from_pem(certificate, key).unwrap_err();
    assert!(matches!(fault("", &one.key_pem()), IssueError::CaPem(_)));
    assert!(matches!(fault(one.certificate_pem(), ""), IssueError::Key(_)));
    assert!(matches!(fault(one.certificate_pem(), &other.key_pem()), IssueError::OtherKey(_)));
    let leaf = CertificateAuthority::from_pem(&device.certificate_pem, &device.key_pem).unwrap();
    let fault_of_leaf = leaf.issue_device(&request(KeyAlgorithm::P256)).unwrap_err();
    assert!(matches!(fault_of_leaf, IssueError::NotAcceptable(CertificateFault::IssuerUnusable(_))));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(matches!(
        fault(one.certificate_pem(), encrypted),
        IssueError::Key(crate::credentials::KeyError::Encrypted)
    ));
}

#[test]
fn serial_numbers_keep_to_twenty_octets() {
    for (text, fits) in [("1", true), (&*"7f".repeat(20), true), (&*"8f".repeat(20), false), (&*"8f".repeat(19), true)]
    {
        let serial: Serial = text.parse().unwrap();
        assert_eq!(serial_number(&serial).is_ok(), fits, "{text}");
    }
}

#[test]
fn an_authority_whose_subject_would_change_is_refused() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = NOW - time::Duration::days(1);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CustomDnType(vec![2, 5, 4, 11]), "one");
    params.distinguished_name.push(rcgen::DnType::OrganizationalUnitName, "two");
    let key = KeyAlgorithm::P256.generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let authority = CertificateAuthority::from_pem(&pem, &key.serialize_pem()).unwrap();
    let fault = authority.issue_device(&request(KeyAlgorithm::P256)).unwrap_err();
    assert!(matches!(fault, IssueError::SubjectNotReproducible(_)));
}
