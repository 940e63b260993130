//! CRLs that do not count: the one before goes on counting, and the state tells what is wrong.

use crl_checker::{Outcome, Request};
use shared::decision::Reason;
use shared::pki::crl::RevocationReason::{KeyCompromise, Unspecified};
use shared::port::CertificateStatus::{Active, PendingActivation, Revoked};
use shared::testing::{NewCrl, TestAuthority};
use time::Duration;

use crate::stage::{Stage, serial};

/// Runs the checker over what is on the shelf, and expects it to be kept out.
async fn is_kept_out(stage: &Stage, reason: Reason) {
    let before = stage.crl_state();
    let report = stage.sweep().await;
    assert_eq!(report.sources[0].outcome, Outcome::KeptOut, "{report:?}");
    assert_eq!(report.sources[0].reason, Some(reason));
    let after = stage.crl_state();
    assert_eq!((after.current, after.version, after.validators), (before.current, before.version, before.validators));
    assert_eq!(after.last_error.unwrap().reason, reason);
}

#[tokio::test(start_paused = true)]
async fn crls_of_the_past_of_others_and_of_nobody() {
    let stage = Stage::new().await;
    let device = stage.inside("pump-1").await;
    stage.publish(5, &[(&device, KeyCompromise)]);
    stage.sweep().await;
    let now = stage.now;
    let listed = || [(serial(&device), KeyCompromise)];

    stage.publish(4, &[(&device, KeyCompromise)]);
    is_kept_out(&stage, Reason::CrlRolledBack).await;

    let older = NewCrl { this_update: now - Duration::hours(3), ..NewCrl::current(5, now) };
    stage.shelve(stage.authority.crl(&older, listed()));
    is_kept_out(&stage, Reason::CrlRolledBack).await;

    let again = NewCrl { this_update: now - Duration::minutes(30), ..NewCrl::current(5, now) };
    stage.shelve(stage.authority.crl(&again, listed()));
    assert_eq!(stage.sweep().await.sources[0].outcome, Outcome::Published, "the same number, issued later");

    let expired = NewCrl { next_update: now - Duration::seconds(1), ..NewCrl::current(6, now) };
    stage.shelve(stage.authority.crl(&expired, listed()));
    is_kept_out(&stage, Reason::CrlExpired).await;

    let early = NewCrl { this_update: now + Duration::hours(1), ..NewCrl::current(6, now) };
    stage.shelve(stage.authority.crl(&early, listed()));
    is_kept_out(&stage, Reason::CrlNotYetValid).await;

    let namesake = TestAuthority::new("Fleet CA", now);
    stage.shelve(namesake.crl(&NewCrl::current(6, now), listed()));
    is_kept_out(&stage, Reason::CrlSignatureInvalid).await;

    let other = TestAuthority::new("Other CA", now);
    stage.shelve(other.crl(&NewCrl::current(6, now), listed()));
    is_kept_out(&stage, Reason::CrlIssuerName).await;

    stage.shelve(b"<html>not found</html>".to_vec());
    is_kept_out(&stage, Reason::CrlMalformed).await;

    let mut cut = stage.authority.crl(&NewCrl::current(6, now), listed());
    cut.truncate(cut.len() - 1);
    stage.shelve(cut);
    is_kept_out(&stage, Reason::CrlTruncated).await;
    assert_eq!(stage.status(&device), Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_loses_most_of_its_entries_waits_for_the_operator() {
    let stage = Stage::new().await;
    let serials = |n: u8| (1..=n).map(|serial| ([serial], Unspecified));
    stage.shelve(stage.authority.crl(&NewCrl::current(2, stage.now), serials(100)));
    stage.sweep().await;
    stage.shelve(stage.authority.crl(&NewCrl::current(3, stage.now), serials(49)));
    is_kept_out(&stage, Reason::CrlShrunk).await;
    let accepted = stage.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    assert_eq!((accepted.sources[0].outcome, accepted.sources[0].removed), (Outcome::Published, 51));
    stage.shelve(stage.authority.crl(&NewCrl::current(4, stage.now), serials(25)));
    assert_eq!(stage.sweep().await.sources[0].outcome, Outcome::Published, "half of it is enough");
    stage.shelve(stage.authority.crl(&NewCrl::current(5, stage.now), serials(19)));
    stage.sweep().await;
    stage.shelve(stage.authority.crl(&NewCrl::current(6, stage.now), serials(0)));
    assert_eq!(stage.sweep().await.sources[0].outcome, Outcome::Published, "a small list may lose all");
}

#[tokio::test(start_paused = true)]
async fn without_a_current_crl_nobody_comes_in_unless_the_profile_says_so() {
    let stage = Stage::new().await;
    let device = stage.device("pump-1");
    let age = |hours: i64| {
        stage.world.change(|state| {
            let crl = state.crl_states.values_mut().next().unwrap().current.as_mut().unwrap();
            crl.next_update = stage.now - Duration::hours(hours);
        });
    };
    age(3);
    assert!(!stage.knock(&device).await);
    assert_eq!((stage.status(&device), stage.row(&device).reason), (PendingActivation, Reason::CrlStale));
    is_kept_out(&stage, Reason::CrlExpired).await;

    stage.world.change(|state| {
        let profile = state.profiles.values_mut().next().unwrap();
        profile.when_stale = serde_json::from_str(r#"{"allowUntil":2}"#).unwrap();
    });
    assert!(!stage.knock(&device).await);
    age(1);
    assert!(stage.knock(&device).await);
    assert_eq!(stage.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn a_corrupt_snapshot_lets_nobody_in() {
    let stage = Stage::new().await;
    let device = stage.device("pump-1");
    for at in [0, 100, 8_192, 8_300, 16_383] {
        let world = shared::testing::World::new(stage.world.state());
        world.change(|state| state.snapshots.values_mut().for_each(|object| object[at] ^= 1));
        assert!(!crate::stage::knock(&world, &crate::stage::event(&stage.authority, &device)).await, "octet {at}");
        assert_eq!(world.state().certificates[&device.id].status, PendingActivation, "octet {at}");
    }
}
