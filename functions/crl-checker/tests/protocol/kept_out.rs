//! CRLs that do not count: the one before goes on counting, and the state tells what is wrong.

use crl_checker::{Outcome, Request};
use shared::decision::Reason;
use shared::pki::crl::RevocationReason::{KeyCompromise, Unspecified};
use shared::port::CertificateStatus::{Active, PendingActivation, Revoked};
use shared::testing::{NewCrl, TestAuthority};
use shared::text::MAX_DETAIL;
use time::Duration;

use actors::Fleet;
use actors::checking::{serial_bytes, source};

/// Runs the checker over what is on the shelf, and expects it to be kept out.
async fn is_kept_out(fleet: &Fleet, reason: Reason) {
    let before = fleet.crl_state();
    let report = fleet.sync().await;
    assert_eq!(report.sources[0].outcome, Outcome::KeptOut, "{report:?}");
    assert_eq!(report.sources[0].reason, Some(reason));
    let after = fleet.crl_state();
    assert_eq!((after.current, after.version, after.validators), (before.current, before.version, before.validators));
    assert_eq!(after.last_error.unwrap().reason, reason);
}

#[tokio::test(start_paused = true)]
async fn crls_of_the_past_of_others_and_of_nobody() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(5, &[(&device, KeyCompromise)]);
    fleet.sync().await;
    let now = fleet.now;
    let listed = || [(serial_bytes(&device), KeyCompromise)];

    fleet.publish(4, &[(&device, KeyCompromise)]);
    is_kept_out(&fleet, Reason::CrlRolledBack).await;

    let older = NewCrl { this_update: now - Duration::hours(3), ..NewCrl::current(5, now) };
    fleet.publish_bytes(fleet.authority.crl(&older, listed()));
    is_kept_out(&fleet, Reason::CrlRolledBack).await;

    let again = NewCrl { this_update: now - Duration::minutes(30), ..NewCrl::current(5, now) };
    fleet.publish_bytes(fleet.authority.crl(&again, listed()));
    assert_eq!(fleet.sync().await.sources[0].outcome, Outcome::Published, "the same number, issued later");

    let expired = NewCrl { next_update: now - Duration::seconds(1), ..NewCrl::current(6, now) };
    fleet.publish_bytes(fleet.authority.crl(&expired, listed()));
    is_kept_out(&fleet, Reason::CrlExpired).await;

    let early = NewCrl { this_update: now + Duration::hours(1), ..NewCrl::current(6, now) };
    fleet.publish_bytes(fleet.authority.crl(&early, listed()));
    is_kept_out(&fleet, Reason::CrlNotYetValid).await;

    let namesake = TestAuthority::new("Fleet CA", now);
    fleet.publish_bytes(namesake.crl(&NewCrl::current(6, now), listed()));
    is_kept_out(&fleet, Reason::CrlSignatureInvalid).await;

    let other = TestAuthority::new("Other CA", now);
    fleet.publish_bytes(other.crl(&NewCrl::current(6, now), listed()));
    is_kept_out(&fleet, Reason::CrlIssuerName).await;

    fleet.publish_bytes(b"<html>not found</html>".to_vec());
    is_kept_out(&fleet, Reason::CrlMalformed).await;

    let mut cut = fleet.authority.crl(&NewCrl::current(6, now), listed());
    cut.truncate(cut.len() - 1);
    fleet.publish_bytes(cut);
    is_kept_out(&fleet, Reason::CrlTruncated).await;
    assert_eq!(fleet.status(&device), Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_loses_most_of_its_entries_waits_for_the_operator() {
    let fleet = Fleet::with_crl().await;
    let serials = |n: u8| (1..=n).map(|serial| ([serial], Unspecified));
    fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(2, fleet.now), serials(100)));
    fleet.sync().await;
    fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(3, fleet.now), serials(49)));
    is_kept_out(&fleet, Reason::CrlShrunk).await;
    let accepted = fleet.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    assert_eq!((accepted.sources[0].outcome, accepted.sources[0].removed), (Outcome::Published, 51));
    fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(4, fleet.now), serials(25)));
    assert_eq!(fleet.sync().await.sources[0].outcome, Outcome::Published, "half of it is enough");
    fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(5, fleet.now), serials(19)));
    fleet.sync().await;
    fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(6, fleet.now), serials(0)));
    assert_eq!(fleet.sync().await.sources[0].outcome, Outcome::Published, "a small list may lose all");
}

#[tokio::test(start_paused = true)]
async fn without_a_current_crl_nobody_comes_in_unless_the_profile_says_so() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.device("pump-1");
    let age = |hours: i64| {
        fleet.cloud.change_crl_state(fleet.id(), &source(), |state| {
            state.current.as_mut().unwrap().next_update = fleet.now - Duration::hours(hours);
        });
    };
    age(3);
    assert!(fleet.connect(&device).await.is_err());
    assert_eq!((fleet.status(&device), fleet.row(&device).reason), (PendingActivation, Reason::CrlStale));
    is_kept_out(&fleet, Reason::CrlExpired).await;

    fleet.cloud.change_profile(fleet.id(), |profile| {
        profile.when_stale = serde_json::from_str(r#"{"allowUntil":2}"#).unwrap();
    });
    assert!(fleet.connect(&device).await.is_err());
    age(1);
    assert!(fleet.connect(&device).await.is_ok());
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_snapshot_lets_nobody_in() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.device("pump-1");
    for at in [0, 100, 8_192, 8_300, 16_383] {
        let cloud = fleet.cloud.fork();
        cloud.change(|state| state.snapshots.values_mut().for_each(|object| object.change(|bytes| bytes[at] ^= 1)));
        assert!(actors::activation::connect(&cloud, &fleet.event(&device)).await.is_err(), "octet {at}");
        assert_eq!(cloud.state().status(&device.id), PendingActivation, "octet {at}");
    }
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let start = length.iter().position(|octet| *octet != 0).unwrap_or(3);
    let short = content.len() < 0x80;
    let prefix = if short { Vec::new() } else { vec![0x80 | u8::try_from(4 - start).unwrap()] };
    [&[tag][..], &prefix, &length[start..], content].concat()
}

/// A list that nobody has signed, with a critical extension of so many octets of identifier.
fn unsigned(fleet: &Fleet, identifier: usize) -> Vec<u8> {
    let signed = fleet.authority.crl(&NewCrl::current(9, fleet.now), [("", Unspecified)].into_iter().take(0));
    let (_, list) = x509_parser::parse_x509_crl(&signed).unwrap();
    // SEQUENCE { OID ecdsa-with-SHA256 }
    let algorithm = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    let oid = element(0x06, &[&[0x2b][..], &vec![1; identifier]].concat());
    let extension = element(0x30, &[&oid[..], b"\x01\x01\xff\x04\x00"].concat());
    let parts = [
        b"\x02\x01\x01",
        &algorithm[..],
        list.tbs_cert_list.issuer.as_raw(),
        &element(0x17, b"260901000000Z"),
        &element(0x18, b"20991231235959Z"),
        &element(0xa0, &element(0x30, &extension)),
    ];
    let tbs = element(0x30, &parts.concat());
    element(0x30, &[&tbs[..], algorithm, b"\x03\x02\x00\x00"].concat())
}

#[tokio::test(start_paused = true)]
async fn what_an_unsigned_list_leaves_behind_is_short() {
    let fleet = Fleet::with_crl().await;
    fleet.publish_bytes(unsigned(&fleet, 65_000));
    is_kept_out(&fleet, Reason::CrlExtension).await;
    let detail = fleet.crl_state().last_error.unwrap().detail;
    assert!(detail.starts_with("critical extension 1.3.1.1") && detail.len() <= MAX_DETAIL, "{}", detail.len());
    let report = fleet.sync().await;
    assert!(report.sources[0].detail.as_ref().unwrap().len() <= MAX_DETAIL);
}
