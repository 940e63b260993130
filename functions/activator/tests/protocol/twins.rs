//! One signed certificate under two ids: ECDSA has a second signature for each message, which anybody can compute.

use actors::Fleet;
use serde_json::json;
use shared::decision::{Decision, Reason};
use shared::port::CertificateStatus;
use shared::testing::{CloudThing as FakeThing, Issued, serial};

const ACTIVE: CertificateStatus = CertificateStatus::Active;
const INACTIVE: CertificateStatus = CertificateStatus::Inactive;
const PENDING: CertificateStatus = CertificateStatus::PendingActivation;

fn fleet(rule: &str) -> Fleet {
    Fleet::new(json!({"takeOver": rule}))
}

/// A device that came in before this stack, by other hands: it has a thing of its name and no row.
fn earlier_device(fleet: &Fleet, name: &str, status: &CertificateStatus) -> Issued {
    let device = fleet.device(name);
    fleet.cloud.change(|state| {
        let certificate = state.certificates.get_mut(&device.id).unwrap();
        certificate.status = status.clone();
        let principals = [certificate.arn.clone()].into();
        state.things.insert(name.parse().unwrap(), FakeThing { principals, version: 1, ..FakeThing::default() });
    });
    device
}

/// The newcomer is refused because of its serial number, and nothing has changed for anybody.
async fn assert_refused(fleet: &Fleet, newcomer: &Issued, context: &str) {
    let before = fleet.cloud.state();
    let response = fleet.connect(newcomer).await.unwrap();
    assert_eq!((response.decision, response.reason), (Decision::Refused, Reason::SerialReused), "{context}");
    let after = fleet.cloud.state();
    assert_eq!(after.certificates, before.certificates, "{context}");
    assert_eq!(after.things, before.things, "{context}");
}

#[tokio::test(start_paused = true)]
async fn the_twin_of_a_certificate_on_the_thing_is_refused_though_that_one_has_no_row() {
    for rule in ["rotate", "join"] {
        for status in [ACTIVE, INACTIVE, CertificateStatus::Revoked] {
            let fleet = fleet(rule);
            let device = earlier_device(&fleet, "pump-1", &status);
            let twin = fleet.register(device.twin());
            assert_ne!(twin.id, device.id);
            assert_refused(&fleet, &twin, &format!("{rule}, {status:?}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_serial_number_that_a_certificate_on_the_thing_has_is_refused_though_that_one_has_no_row() {
    for rule in ["rotate", "join"] {
        let fleet = fleet(rule);
        let device = earlier_device(&fleet, "pump-1", &INACTIVE);
        let own = shared::pki::Certificate::from_pem(&device.pem).unwrap().serial().clone();
        let octets = hex_octets(own.as_str());
        let newcomer = fleet
            .register(fleet.authority.issue_with("pump-1", fleet.now, |params| params.serial_number = serial(&octets)));
        assert_refused(&fleet, &newcomer, rule).await;
    }
}

fn hex_octets(digits: &str) -> Vec<u8> {
    let digits = format!("{digits:0>40}");
    (0..20).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_certificate_on_the_thing_that_can_not_be_read_keeps_newcomers_out() {
    for rule in ["rotate", "join"] {
        let fleet = fleet(rule);
        let device = earlier_device(&fleet, "pump-1", &INACTIVE);
        fleet.cloud.change(|state| state.certificates.get_mut(&device.id).unwrap().pem = "no certificate".to_owned());
        assert_refused(&fleet, &fleet.device("pump-1"), rule).await;
    }
}

#[tokio::test(start_paused = true)]
async fn another_serial_number_takes_over_from_a_certificate_without_a_row() {
    for (rule, left) in [("rotate", INACTIVE), ("join", ACTIVE)] {
        let fleet = fleet(rule);
        let device = earlier_device(&fleet, "pump-1", &ACTIVE);
        let newcomer = fleet.device("pump-1");
        assert_eq!(fleet.connect(&newcomer).await.unwrap().decision, Decision::Activated, "{rule}");
        assert_eq!(fleet.status(&device), left, "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_twin_of_a_certificate_without_row_and_thing_is_refused_and_takes_no_key() {
    for rule in ["refuse", "rotate", "join"] {
        for status in [ACTIVE, INACTIVE, CertificateStatus::Revoked] {
            let fleet = fleet(rule);
            let device = earlier_device(&fleet, "pump-1", &status);
            fleet.cloud.change(|state| state.things.clear());
            let twin = fleet.register(device.twin());
            assert_refused(&fleet, &twin, &format!("{rule}, {status:?}")).await;
            assert!(fleet.row(&twin).registration_id.contains("#certificate#"), "the serial number's key stays free");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_twin_of_a_certificate_whose_row_is_lost_is_refused() {
    for rule in ["refuse", "rotate", "join"] {
        let fleet = fleet(rule);
        let device = fleet.device("pump-1");
        fleet.connect(&device).await.unwrap();
        fleet.set_status(&device, INACTIVE);
        fleet.cloud.remove_registrations(|_| true);
        let twin = fleet.register(device.twin());
        assert_refused(&fleet, &twin, rule).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_twins_that_nobody_has_decided_about_the_first_one_comes_in() {
    let fleet = fleet("join");
    let device = fleet.device("pump-1");
    let twin = fleet.register(device.twin());
    assert_eq!(fleet.connect(&twin).await.unwrap().decision, Decision::Activated);
    assert_refused(&fleet, &device, "the second one").await;
    assert_eq!((fleet.status(&twin), fleet.status(&device)), (ACTIVE, PENDING));
}
