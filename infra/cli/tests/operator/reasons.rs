//! `jitr why`: by whatever names the certificate, and for a device that nobody has heard of.

use jitr::issue::{CertificateAuthority, DeviceRequest, KeyAlgorithm, Subject, Validity};
use time::Duration;

use crate::{Stage, now};

/// A certificate of a CA, which begins and ends so many days from now.
fn issue(stage: &Stage, authority: &CertificateAuthority, begin: i64, end: i64) {
    let validity = Validity { not_before: now() + Duration::days(begin), not_after: now() + Duration::days(end) };
    let subject = Subject::common_name("pump-1");
    let request = DeviceRequest { key: KeyAlgorithm::P256, serial: None, subject, validity };
    stage.write("device.pem", authority.issue_device(&request).unwrap().chain_pem);
}

#[test]
fn a_certificate_is_found_by_its_arn_and_by_its_serial_number() {
    let stage = Stage::enrolled(&[]);
    let (ca, id) = (stage.id(), "d".repeat(64));
    stage.account.change(|state| state.registered(&ca, "a2", "pump-2", "ACTIVE"));
    for arguments in [
        &["why", &id][..],
        &["why", &format!("arn:aws:iot:eu-west-1:012345678901:cert/{id}")],
        &["why", "--serial", "0xa2"],
        &["why", "--serial", "162 (0xa2)"],
    ] {
        let answer = stage.answer(arguments);
        assert_eq!(answer["certificates"][0]["certificateId"], id, "{arguments:?}");
        assert_eq!(answer["certificates"][0]["decisions"][0]["thingName"], "pump-2", "{arguments:?}");
    }
    let nobody = stage.done(&["why", "--serial", "0xa3"]);
    assert!(nobody.contains("neither AWS IoT nor the activator knows it"), "{nobody}");
}

#[test]
fn a_file_tells_why_a_device_never_came() {
    let stage = Stage::new();
    let why = ["why", "--cert", "device.pem"];
    for (begin, end, part) in [(-9, -2, "the certificate expired at"), (2, 9, "it is valid from")] {
        issue(&stage, &stage.authority, begin, end);
        let told = stage.done(&why);
        assert!(told.contains(part), "{part}: {told}");
    }
    let validity = Validity::days(now() - Duration::days(1), 30);
    let other = CertificateAuthority::new(&Subject::common_name("Other"), validity, KeyAlgorithm::P256).unwrap();
    issue(&stage, &other, -1, 9);
    let told = stage.done(&why);
    assert!(told.contains("the CA that is registered here has not issued it"), "{told}");
    issue(&stage, &stage.authority, -1, 9);
    let told = stage.done(&why);
    assert!(told.contains("it has not connected yet"), "{told}");
    stage.account.change(|state| state.authorities.clear());
    let told = stage.done(&why);
    assert!(told.contains("no CA is registered in this account and Region"), "{told}");
}
