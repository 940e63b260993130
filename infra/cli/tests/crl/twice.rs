//! Lists that have a serial number twice.

use jitr::issue::{CrlEntry, CrlRequest};
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use time::Duration;

use super::{MEANWHILE, NOW, REVOKED, Stage};

#[test]
fn a_list_that_goes_on_from_one_with_a_serial_number_twice_keeps_the_revocation() {
    for reasons in [[CertificateHold, KeyCompromise], [KeyCompromise, CertificateHold]] {
        let stage = Stage::new();
        let entry = |reason: RevocationReason| CrlEntry {
            invalid_since: None,
            reason,
            revoked_at: NOW,
            serial: "a01".parse().unwrap(),
        };
        let old = stage
            .authority
            .issue_crl(&CrlRequest {
                distribution_points: Vec::new(),
                entries: reasons.map(entry).to_vec(),
                next_update: NOW + Duration::days(7),
                number: "1".parse().unwrap(),
                only_user_certificates: false,
                this_update: NOW,
            })
            .unwrap();
        stage.write("old.crl", old.der);
        // The suite's own rule: of a serial number that comes twice, the most severe reason counts.
        assert_eq!(stage.outcome("a01.pem", &["old.crl"], MEANWHILE).0, REVOKED, "{reasons:?}");
        stage.list("new.crl", &["--from", "old.crl"]);
        assert_eq!(stage.outcome("a01.pem", &["new.crl"], MEANWHILE).0, REVOKED, "{reasons:?}");
    }
}
