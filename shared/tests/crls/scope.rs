//! Which lists answer for which certificates.

use shared::pki::crl::ReasonSet;

use crate::{certificate, file, read};

#[test]
fn a_partitioned_list_covers_the_certificates_that_name_it() {
    let nothing = ReasonSet::NONE;
    let everything = ReasonSet::ALL;
    // onlySomeReasons of the list: bits 5 and 6. Of `device-reasons`: bits 1 and 4.
    let of_list = ReasonSet::from_bits(0b110_0000);
    let of_device = ReasonSet::from_bits(0b1_0010);
    for (list, device, expected) in [
        ("good-p256-sha256", "device-plain", everything),
        ("good-p256-sha256", "device-point-1", everything),
        ("good-p256-sha256", "device-foreign", everything),
        ("good-point", "device-plain", nothing),
        ("good-point", "device-point-1", everything),
        ("good-point", "device-point-2", nothing),
        ("good-point", "device-foreign", nothing),
        ("good-point", "device-reasons", of_device),
        ("good-point", "device-directory-name", nothing),
        ("good-point", "device-own-issuer", everything),
        ("good-point", "authority-below", everything),
        // The list is named like its issuer too.
        ("good-point-user-reasons", "device-plain", of_list),
        ("good-point-user-reasons", "device-point-1", of_list),
        ("good-point-user-reasons", "device-point-2", of_list),
        ("good-point-user-reasons", "device-reasons", of_list),
        ("good-point-user-reasons", "authority-below", nothing),
        ("good-point-user-reasons", "device-directory-name", of_list),
        ("good-point-not-critical", "device-plain", nothing),
        ("good-point-not-critical", "authority-below", everything),
        ("good-point-attributes", "device-point-1", nothing),
        ("good-point-attributes", "authority-below", nothing),
        ("good-point-users", "device-plain", everything),
        ("good-point-users", "authority-below", nothing),
        ("good-point-false-written", "device-plain", everything),
        ("good-point-false-written", "authority-below", nothing),
        ("good-point-authorities", "device-plain", nothing),
        ("good-point-authorities", "authority-below", everything),
        ("good-point-capitals", "device-point-1", everything),
        ("good-point-capitals", "device-point-2", nothing),
        ("good-point-other-path", "device-point-1", nothing),
        ("good-point-own-name", "device-plain", everything),
        ("good-point-own-name", "device-point-2", everything),
        ("good-point-own-name", "device-directory-name", everything),
        ("good-point-own-name", "device-other-name", everything),
        ("good-point-own-name", "device-foreign", everything),
        ("good-point-relative-name", "device-plain", nothing),
        ("good-point-relative-name", "device-other-name", nothing),
        ("good-point-relative-name", "device-relative-name", everything),
        ("good-point-own-name", "device-relative-name", everything),
    ] {
        let (crl, _) = read([file(&format!("{list}.der")).as_slice()], &certificate("ca-p256"));
        assert_eq!(crl.unwrap().scope().covers(&certificate(device)), expected, "{list}, {device}");
    }
}

#[test]
fn certificates_tell_where_their_lists_are() {
    for (device, urls) in [
        ("device-plain", &[][..]),
        ("device-point-1", &["http://crl.example/1.crl"]),
        ("device-point-2", &["http://crl.example/2.crl", "HTTPS://b.example/2"]),
        ("device-foreign", &[]),
        ("device-directory-name", &[]),
    ] {
        let device = certificate(device);
        assert_eq!(device.crl_urls().collect::<Vec<_>>(), urls);
    }
    let foreign = certificate("device-foreign");
    assert!(foreign.distribution_points()[0].foreign_issuer);
    let reasons = certificate("device-reasons");
    assert_eq!(reasons.distribution_points()[0].reasons, Some(ReasonSet::from_bits(0b1_0010)));
}
