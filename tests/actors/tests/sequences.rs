//! Sequences of steps by several actors that once ended wrong. Each ends right, at the latest after the next ordinary run.

#![expect(clippy::indexing_slicing, reason = "a test ends where its set-up does")]

use std::time::Duration;

use actors::Fleet;
use crl_checker::Request;
use shared::decision::Reason;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::profile::TakeOver;
use shared::testing::{InjectedFault, Issued};
use tokio::time::{sleep, timeout};

/// What every sequence ends with: the dead are dead, and the checker has one ordinary run.
async fn settle(fleet: &Fleet) {
    fleet.cloud.let_processes_die();
    fleet.sync().await;
}

/// The checks of every end: rows tell what AWS IoT has, and nobody is ACTIVE without thing and policy.
fn check(fleet: &Fleet, devices: &[&Issued]) {
    for device in devices {
        let (row, status) = (fleet.row(device), fleet.status(device));
        assert!(row.is_confirmed(), "unconfirmed: {row:?}");
        assert!(row.status.is_none() || row.status.as_ref() == Some(&status), "AWS IoT has {status}: {row:?}");
        let state = fleet.cloud.state();
        assert!(status != Active || state.has_thing_and_policy(&state.certificates[&device.id]), "{row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn listed_again_after_it_came_in_again_and_that_run_stops() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, KeyCompromise)]);
    fleet.sync().await;
    assert_eq!(fleet.status(&device), Revoked);
    // The CA takes it back, the operator deletes the certificate, the device registers it again.
    fleet.publish(3, &[]);
    fleet.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    let device = fleet.register(device);
    fleet.connect(&device).await.unwrap();
    assert_eq!(fleet.status(&device), Active);
    fleet.publish(4, &[(&device, KeyCompromise)]);
    for fault in InjectedFault::STOPS {
        let fleet = fleet.fork();
        let at = fleet.place_of("iot:UpdateCertificate", async |fleet: Fleet| fleet.sync().await).await;
        fleet.cloud.plan(at, fault);
        let _ = timeout(Duration::from_mins(30), actors::checking::run(&fleet.cloud, &Request::default())).await;
        settle(&fleet).await;
        assert_eq!(fleet.status(&device), Revoked, "{fault:?}");
        check(&fleet, &[&device]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_event_of_a_superseded_certificate_comes_again_while_it_is_on_its_way() {
    let fleet = Fleet::with_crl().await;
    fleet.set_rule(TakeOver::Rotate);
    let (old, new) = (fleet.device_of_age("pump-1", 20), fleet.device_of_age("pump-1", 1));
    let at = fleet.place_of("iot:UpdateCertificate", async |fleet: Fleet| fleet.connect(&old).await).await;
    fleet.cloud.plan(at, InjectedFault::Stalled);
    let others = async {
        sleep(Duration::from_secs(6)).await;
        fleet.connect(&new).await.unwrap();
        let _ = fleet.connect(&old).await;
    };
    let (first, ()) = tokio::join!(fleet.connect(&old), others);
    first.unwrap();
    let _ = fleet.connect(&old).await;
    settle(&fleet).await;
    assert_eq!((fleet.status(&old), fleet.status(&new)), (Inactive, Active), "{:?}", fleet.row(&old));
    check(&fleet, &[&old, &new]);
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_fails_after_a_hold_was_written_during_the_first() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.device("pump-1");
    let at = fleet.place_of("iot:UpdateCertificate", async |fleet: Fleet| fleet.connect(&device).await).await;
    for reason in [CertificateHold, KeyCompromise] {
        for second in 0..12 {
            let fleet = fleet.fork();
            fleet.cloud.plan(at, InjectedFault::Stalled);
            let others = async {
                sleep(Duration::from_secs(8)).await;
                fleet.publish(2, &[(&device, reason)]);
                fleet.sync().await;
                fleet.cloud.plan(second, InjectedFault::Refused);
                let _ = fleet.connect(&device).await;
            };
            let (first, ()) = tokio::join!(fleet.connect(&device), others);
            let _ = first;
            fleet.cloud.plan_nothing();
            let _ = fleet.connect(&device).await;
            settle(&fleet).await;
            let wanted = if reason == CertificateHold { Inactive } else { Revoked };
            assert_eq!(fleet.status(&device), wanted, "{reason:?}, {second}: {:?}", fleet.row(&device));
            check(&fleet, &[&device]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_released_thing_stays_released_when_the_hold_of_its_certificate_ends() {
    for is_told in [true, false] {
        let fleet = Fleet::with_crl().await;
        let held = fleet.inside("pump-1").await;
        fleet.publish(2, &[(&held, CertificateHold)]);
        fleet.sync().await;
        assert_eq!(fleet.status(&held), Inactive);
        if is_told {
            actors::operator::release_thing(&fleet.cloud, "pump-1").await.unwrap();
        } else {
            fleet.cloud.change(|state| state.things.clear());
        }
        let other = fleet.device("pump-1");
        fleet.connect(&other).await.unwrap();
        assert_eq!(fleet.status(&other), Active);
        fleet.publish(3, &[]);
        fleet.run(&Request { accept_shrunk: true, ..Request::default() }).await;
        settle(&fleet).await;
        assert_eq!((fleet.status(&held), fleet.status(&other)), (Inactive, Active));
        assert!(fleet.row(&held).released_at.is_some());
        assert_eq!(fleet.row(&held).reason, Reason::ThingReleased, "the row tells why it stays INACTIVE");
        check(&fleet, &[&held, &other]);
    }
}

/// The thing is gone altogether, not taken by another certificate: the run that ends the hold must not fail over it.
#[tokio::test(start_paused = true)]
async fn a_hold_ends_though_the_thing_was_deleted() {
    let fleet = Fleet::with_crl().await;
    let held = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&held, CertificateHold)]);
    fleet.sync().await;
    fleet.cloud.change(|state| state.things.clear());
    fleet.publish(3, &[]);
    fleet.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    settle(&fleet).await;
    assert_eq!(fleet.status(&held), Inactive);
    assert!(fleet.row(&held).released_at.is_some());
    check(&fleet, &[&held]);
}

#[tokio::test(start_paused = true)]
async fn one_on_hold_is_superseded_like_any_other() {
    let fleet = Fleet::with_crl().await;
    fleet.set_rule(TakeOver::Join);
    let (first, held) = (fleet.inside("pump-1").await, fleet.inside("pump-1").await);
    fleet.publish(2, &[(&held, CertificateHold)]);
    fleet.sync().await;
    fleet.set_rule(TakeOver::Rotate);
    let new = fleet.device_of_age("pump-1", 1);
    fleet.connect(&new).await.unwrap();
    fleet.publish(3, &[]);
    fleet.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    settle(&fleet).await;
    for old in [&first, &held] {
        assert_eq!(fleet.status(old), Inactive, "{:?}", fleet.row(old));
        assert_eq!(fleet.row(old).superseded_by.as_ref(), Some(&new.id));
    }
    assert_eq!(fleet.status(&new), Active);
    check(&fleet, &[&first, &held, &new]);
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_has_switched_off_after_an_attempt_failed_stays_off() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    let device = fleet.register(device);
    assert_eq!(fleet.status(&device), PendingActivation);
    let at = fleet.place_of("iot:UpdateCertificate", async |fleet: Fleet| fleet.connect(&device).await).await;
    fleet.cloud.plan(at, InjectedFault::Refused);
    fleet.connect(&device).await.unwrap_err();
    fleet.set_status(&device, Inactive);
    settle(&fleet).await;
    fleet.reconcile().await;
    assert_eq!(fleet.status(&device), Inactive);
    assert!(fleet.row(&device).switched_off_at.is_some());
    check(&fleet, &[&device]);
}

#[tokio::test(start_paused = true)]
async fn the_sessions_of_a_successor_are_left_alone() {
    let fleet = Fleet::with_crl().await;
    fleet.set_rule(TakeOver::Rotate);
    let old = fleet.inside("pump-1").await;
    let new = fleet.device_of_age("pump-1", 1);
    fleet.connect(&new).await.unwrap();
    fleet.cloud.open_session("pump-1", &new.id);
    fleet.publish(2, &[(&old, RevocationReason::Superseded)]);
    let report = fleet.sync().await;
    assert_eq!((report.changes.revoked, report.changes.sessions_ended), (1, 0));
    assert!(fleet.cloud.state().connected.contains_key("pump-1"));
    assert_eq!((fleet.status(&old), fleet.status(&new)), (Revoked, Active));
}

/// Two runs at once, the first of which has read an older list than the second; every call of the first one stalls once.
#[tokio::test(start_paused = true)]
async fn two_runs_with_different_lists_end_with_the_newer_one() {
    for (before, third, fourth) in [
        (Some(CertificateHold), None, Some(CertificateHold)),
        (Some(CertificateHold), None, Some(KeyCompromise)),
        (None, Some(CertificateHold), None),
        (None, Some(CertificateHold), Some(KeyCompromise)),
        (None, None, Some(CertificateHold)),
    ] {
        let fleet = Fleet::with_crl().await;
        let device = fleet.inside("pump-1").await;
        let entries =
            |reason: Option<RevocationReason>| reason.map(|reason| (&device, reason)).into_iter().collect::<Vec<_>>();
        let request =
            Request { accept_shrunk: true, ca_certificate_id: Some(fleet.id().clone()), ..Request::default() };
        fleet.publish(2, &entries(before));
        fleet.run(&request).await;
        fleet.publish(3, &entries(third));
        for stalled in 0..30 {
            let fleet = fleet.fork();
            fleet.cloud.plan(stalled, InjectedFault::Stalled);
            let second = async {
                sleep(Duration::from_secs(10)).await;
                fleet.publish(4, &entries(fourth));
                let _ = actors::checking::run(&fleet.cloud, &request).await;
            };
            let (first, ()) = tokio::join!(actors::checking::run(&fleet.cloud, &request), second);
            let _ = first;
            settle(&fleet).await;
            let wanted = match fourth {
                Some(CertificateHold) => Inactive,
                Some(_) => Revoked,
                None => Active,
            };
            assert_eq!(
                fleet.status(&device),
                wanted,
                "{before:?} {third:?} {fourth:?}, {stalled}: {:?}",
                fleet.row(&device)
            );
            check(&fleet, &[&device]);
        }
    }
}
