//! Extensions that say nothing about the use of a certificate, and that can't be read.

use rcgen::CustomExtension;
use shared::pki::{Certificate, CertificateFault, verify_issued_by, verify_usable};
use shared::testing::TestAuthority;

use crate::NOW;

/// Netscape's comment and certificate type, OpenSSL's `nsComment` and `nsCertType`: texts for people and a hint of the
/// nineties. OpenSSL writes an `IA5String` of whatever bytes its configuration has.
const UNREADABLE: [(&str, &[u64], &[u8]); 3] = [
    ("nsComment in ISO 8859-1", &[2, 16, 840, 1, 113_730, 1, 13], b"\x16\x06Ger\xe4te"),
    ("nsCertType without a bit", &[2, 16, 840, 1, 113_730, 1, 1], b"\x03\x01\x00"),
    ("authorityInfoAccess that is none", &[1, 3, 6, 1, 5, 5, 7, 1, 1], b"\x30\x03\x0c\x01x"),
];

#[test]
fn an_unreadable_extension_that_limits_nothing_and_is_not_critical_keeps_no_device_out() {
    let ca = TestAuthority::new("Maker", NOW);
    let authority = Certificate::from_pem(ca.pem()).unwrap();
    for (what, oid, content) in UNREADABLE {
        let issued = ca.issue_with("pump", NOW, |params| {
            params.custom_extensions.push(CustomExtension::from_oid_content(oid, content.to_vec()));
        });
        let checked = Certificate::from_der(&issued.der).and_then(|leaf| {
            verify_issued_by(&leaf, &authority, NOW)?;
            verify_usable(&leaf, &authority, NOW)
        });
        assert_eq!(checked, Ok(()), "{what}");
    }
}

/// The same texts where they count: in an extension that limits the use, or in one that is critical.
#[test]
fn an_unreadable_extension_that_limits_the_use_or_is_critical_keeps_the_device_out() {
    let ca = TestAuthority::new("Maker", NOW);
    let deciding: [&[u64]; 4] = [&[2, 5, 29, 15], &[2, 5, 29, 19], &[2, 5, 29, 31], &[2, 5, 29, 37]];
    let odd = |oid, content: &[u8]| CustomExtension::from_oid_content(oid, content.to_vec());
    let mut extensions: Vec<_> = deciding.into_iter().map(|oid| odd(oid, b"\x0c\x01x")).collect();
    for (_, oid, content) in UNREADABLE {
        let mut critical = odd(oid, content);
        critical.set_criticality(true);
        extensions.push(critical);
    }
    for extension in extensions {
        let oid: Vec<_> = extension.oid_components().collect();
        let issued = ca.issue_with("pump", NOW, |params| {
            params.is_ca = rcgen::IsCa::NoCa;
            params.key_usages.clear();
            params.extended_key_usages.clear();
            params.crl_distribution_points.clear();
            params.custom_extensions.push(extension);
        });
        let read = Certificate::from_der(&issued.der);
        assert!(matches!(read, Err(CertificateFault::Malformed(_))), "{oid:?}: {read:?}");
    }
}
