//! Holds, and lists that come, go and can't be read while they are carried out.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does")]

use std::time::Duration;

use actors::Fleet;
use actors::checking::{self, SOURCE, source};
use crl_checker::Request;
use serde_json::{Value, json};
use shared::decision::Decision;
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{Active, Inactive, Revoked};
use shared::profile::{Admission, CrlRequirement, TakeOver};
use shared::revocation::CrlSource;
use shared::testing::{InjectedFault, Issued};
use tokio::time::{sleep, timeout};

/// A second list of the CA.
const OTHER: &str = "https://crl.example.com/other.crl";

fn all() -> Request {
    Request { accept_shrunk: true, ..Request::default() }
}

/// The dead are dead, and the checker has one ordinary run.
async fn settle(fleet: &Fleet) {
    fleet.cloud.plan_nothing();
    fleet.cloud.let_processes_die();
    fleet.run(&all()).await;
}

/// A device of a CA with two lists, which are empty.
async fn inside_with_two_lists() -> (Fleet, Issued) {
    let fleet = Fleet::new(json!({"crl": "required", "crlSources": [SOURCE, OTHER]}));
    let other: CrlSource = OTHER.parse().unwrap();
    fleet.publish(1, &[]);
    fleet.cloud.publish_crl(&other, fleet.crl(1, &[]));
    fleet.sync().await;
    let device = fleet.inside("pump-1").await;
    (fleet, device)
}

/// What is known of a list, as nobody can read it.
fn broken() -> Value {
    json!({"current": {"S": "broken"}, "version": {"S": "broken"}})
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_while_another_list_is_not_to_be_read() {
    let (fleet, device) = inside_with_two_lists().await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.sync().await;
    let record = format!("crl#{OTHER}");
    let good = fleet.cloud.record(fleet.id(), &record).unwrap();
    fleet.cloud.put_record(fleet.id(), &record, &broken());
    fleet.publish(3, &[]);
    fleet.run(&all()).await;
    assert_eq!(fleet.status(&device), Inactive);
    fleet.cloud.put_record(fleet.id(), &record, &good);
    fleet.sync().await;
    assert_eq!(fleet.status(&device), Active);
}

/// The rules of the CA are gone at one moment of the run that ends a hold.
#[tokio::test(start_paused = true)]
async fn a_hold_ends_while_the_profile_is_gone() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.sync().await;
    fleet.publish(3, &[]);
    let probe = fleet.fork();
    let before = probe.cloud.calls().len();
    probe.run(&all()).await;
    for at in 0..probe.cloud.calls().len() - before {
        let fleet = fleet.fork();
        let profile = fleet.cloud.profile(fleet.id()).unwrap();
        fleet.cloud.plan(at, InjectedFault::Stalled);
        let remove = async {
            sleep(Duration::from_secs(15)).await;
            fleet.cloud.remove_profiles();
        };
        let request = all();
        // A run without rules may fail.
        drop(tokio::join!(checking::run(&fleet.cloud, &request), remove));
        fleet.cloud.put_profile(fleet.id(), &profile);
        settle(&fleet).await;
        assert_eq!(fleet.status(&device), Active, "gone at call {at}");
    }
}

/// A slow run writes a hold of a list that was replaced, while what is known of another list can't be read.
#[tokio::test(start_paused = true)]
async fn a_slow_run_writes_a_hold_while_another_list_is_not_to_be_read() {
    let (fleet, device) = inside_with_two_lists().await;
    let record = format!("crl#{OTHER}");
    let good = fleet.cloud.record(fleet.id(), &record).unwrap();
    fleet.publish(2, &[(&device, CertificateHold)]);
    let probe = fleet.fork();
    let before = probe.cloud.calls().len();
    probe.run(&all()).await;
    for at in 0..probe.cloud.calls().len() - before {
        let fleet = fleet.fork();
        fleet.cloud.plan(at, InjectedFault::Stalled);
        let others = async {
            sleep(Duration::from_secs(8)).await;
            fleet.publish(3, &[]);
            // The slower run may have the lock.
            drop(checking::run(&fleet.cloud, &all()).await);
            fleet.cloud.put_record(fleet.id(), &record, &broken());
        };
        let request = all();
        drop(tokio::join!(checking::run(&fleet.cloud, &request), others));
        fleet.cloud.put_record(fleet.id(), &record, &good);
        settle(&fleet).await;
        assert_eq!(fleet.status(&device), Active, "stalled at call {at}: {:?}", fleet.row(&device));
    }
}
/// An operator has let a device in that the rules keep out, or that came by another way. Its hold is carried out like any
/// other, at the latest by a comparison, and ends like any other.
#[tokio::test(start_paused = true)]
async fn one_that_other_hands_have_let_in_is_on_hold() {
    for is_refused in [true, false] {
        let fleet = Fleet::with_crl().await;
        let (device, new) = (fleet.device_of_age("pump-1", 20), fleet.device_of_age("pump-1", 10));
        if is_refused {
            fleet.cloud.change_profile(fleet.id(), |profile| profile.admission = Some(Admission::Listed));
            fleet.connect(&device).await.unwrap();
            fleet.let_in_by_hand(&device, "pump-1");
        } else {
            // A take-over that died has left a row.
            fleet.set_rule(TakeOver::Rotate);
            fleet.let_in_by_hand(&device, "pump-1");
            fleet.die_at(&new, "iot:UpdateCertificate", InjectedFault::DiedBefore).await;
            fleet.cloud.change(|state| state.delete(&new.id));
        }
        fleet.publish(2, &[(&device, CertificateHold)]);
        fleet.run(&all()).await;
        fleet.reconcile().await;
        assert_eq!(fleet.status(&device), Inactive, "refused: {is_refused}");
        fleet.publish(3, &[]);
        fleet.run(&all()).await;
        assert_eq!(fleet.status(&device), Active, "refused: {is_refused}");
    }
}

/// The policy is off at the moment in which a hold ends. An operator mends that, and sets the certificate ACTIVE.
#[tokio::test(start_paused = true)]
async fn a_hold_ends_after_an_operator_has_mended_what_the_last_one_found_missing() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.run(&all()).await;
    let arn = fleet.cloud.state().certificates[&device.id].arn.clone();
    let policies = fleet.cloud.change(|state| state.policies.remove(&arn)).unwrap();
    fleet.publish(3, &[]);
    fleet.run(&all()).await;
    assert_eq!(fleet.status(&device), Inactive);
    fleet.cloud.change(|state| state.policies.insert(arn, policies));
    fleet.set_status(&device, Active);
    fleet.publish(4, &[(&device, CertificateHold)]);
    fleet.run(&all()).await;
    assert_eq!(fleet.status(&device), Inactive);
    fleet.publish(5, &[]);
    fleet.run(&all()).await;
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn the_row_tells_that_a_hold_was_over_before_it_was_carried_out() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    die_before_the_status(&fleet).await;
    fleet.publish(3, &[]);
    settle(&fleet).await;
    let row = fleet.row(&device);
    assert_eq!((fleet.status(&device), row.decision), (Active, Decision::Activated), "{row:?}");
}

/// A run that dies before it sets its first status.
async fn die_before_the_status(fleet: &Fleet) {
    let at = fleet.place_of("iot:UpdateCertificate", async |fleet: Fleet| drop(fleet.run(&all()).await)).await;
    fleet.cloud.plan(at, InjectedFault::DiedBefore);
    let _ = timeout(Duration::from_mins(30), checking::run(&fleet.cloud, &all())).await;
    fleet.cloud.plan_nothing();
    fleet.cloud.let_processes_die();
}

#[tokio::test(start_paused = true)]
async fn runs_write_nothing_while_no_list_can_answer_for_a_hold() {
    let (fleet, device) = inside_with_two_lists().await;
    let unanswered = fleet.fork();
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.run(&all()).await;
    // It has ended on one list, and the other one can't be read.
    fleet.cloud.put_record(fleet.id(), &format!("crl#{OTHER}"), &broken());
    fleet.publish(3, &[]);
    fleet.run(&all()).await;
    // It was written by a run that died, and neither list can be read.
    unanswered.publish(2, &[(&device, CertificateHold)]);
    die_before_the_status(&unanswered).await;
    for source in [SOURCE, OTHER] {
        unanswered.cloud.put_record(unanswered.id(), &format!("crl#{source}"), &broken());
    }
    // It is INACTIVE, and later the row tells so.
    for _ in 0..2 {
        settle(&unanswered).await;
    }
    for fleet in [fleet, unanswered] {
        let before = fleet.row(&device).revision;
        for _ in 0..3 {
            settle(&fleet).await;
        }
        assert_eq!((fleet.status(&device), fleet.row(&device).revision), (Inactive, before));
    }
}

/// Another list takes a list's place, and later it comes back.
#[tokio::test(start_paused = true)]
async fn a_list_leaves_the_profile_and_comes_back() {
    let fleet = Fleet::with_crl().await;
    let (held, revoked) = (fleet.inside("pump-1").await, fleet.device("pump-2"));
    fleet.publish(2, &[(&held, CertificateHold), (&revoked, KeyCompromise)]);
    fleet.run(&all()).await;
    let other: CrlSource = OTHER.parse().unwrap();
    fleet.cloud.publish_crl(&other, fleet.crl(1, &[]));
    let follow =
        |source: CrlSource| fleet.cloud.change_profile(fleet.id(), |profile| profile.crl_sources = vec![source]);
    follow(other);
    fleet.sync().await;
    fleet.connect(&revoked).await.unwrap();
    assert_eq!((fleet.status(&held), fleet.status(&revoked)), (Active, Active), "the new list has none of them");
    follow(source());
    fleet.sync().await;
    assert_eq!((fleet.status(&held), fleet.status(&revoked)), (Inactive, Revoked));
    let before = fleet.cloud.calls().len();
    fleet.sync().await;
    let calls = fleet.cloud.calls();
    let writes = calls[before..].iter().filter(|call| **call == "dynamodb:UpdateItem").count();
    // Whose turn it was is written for the source.
    assert!(writes <= 1, "{:?}", &calls[before..]);
}

/// A revocation was begun when the certificate had been deleted, and is taken back before the certificate comes again.
#[tokio::test(start_paused = true)]
async fn one_that_was_deleted_comes_again_after_the_ca_has_taken_it_back() {
    for is_attempted in [false, true] {
        let fleet = Fleet::with_crl().await;
        let device = fleet.inside("pump-1").await;
        fleet.publish(2, &[(&device, KeyCompromise)]);
        fleet.cloud.change(|state| state.delete(&device.id));
        fleet.run(&all()).await;
        fleet.publish(3, &[]);
        fleet.run(&all()).await;
        let device = fleet.register(device);
        if is_attempted {
            fleet.die_at(&device, "iot:CreateThing", InjectedFault::DiedBefore).await;
        }
        settle(&fleet).await;
        fleet.reconcile().await;
        fleet.connect(&device).await.unwrap();
        assert_eq!(fleet.status(&device), Active, "attempted: {is_attempted}");
    }
}

/// A list lets a device in before its turn to be carried out has come, and the next one has the device as the last that was
/// carried out had.
#[tokio::test(start_paused = true)]
async fn a_list_counts_for_a_moment_only() {
    for (reason, end) in [(CertificateHold, Inactive), (KeyCompromise, Revoked)] {
        let fleet = Fleet::with_crl().await;
        let device = fleet.device("pump-1");
        fleet.publish(2, &[(&device, reason)]);
        fleet.run(&all()).await;
        fleet.publish(3, &[]);
        let at = fleet.place_of("dynamodb:UpdateItem", async |fleet: Fleet| drop(fleet.run(&all()).await)).await;
        fleet.cloud.plan(at, InjectedFault::DiedAfter);
        let _ = timeout(Duration::from_mins(30), checking::run(&fleet.cloud, &all())).await;
        fleet.cloud.plan_nothing();
        fleet.connect(&device).await.unwrap();
        assert_eq!(fleet.status(&device), Active);
        fleet.publish(4, &[(&device, reason)]);
        settle(&fleet).await;
        assert_eq!(fleet.status(&device), end);
    }
}

/// A certificate that a list has taken out is deleted and registered again, under a profile that requires no list.
#[tokio::test(start_paused = true)]
async fn one_that_is_listed_is_deleted_and_comes_again_where_no_list_is_required() {
    for (reason, out, end) in [(KeyCompromise, Revoked, Revoked), (CertificateHold, Inactive, Inactive)] {
        for is_known in [true, false] {
            let fleet = Fleet::with_crl().await;
            fleet.cloud.change_profile(fleet.id(), |profile| profile.crl = Some(CrlRequirement::None));
            let device = fleet.inside("pump-1").await;
            fleet.publish(2, &[(&device, reason)]);
            fleet.run(&all()).await;
            assert_eq!(fleet.status(&device), out);
            fleet.cloud.change(|state| state.delete(&device.id));
            let device = fleet.register(device);
            let record = format!("crl#{SOURCE}");
            let good = fleet.cloud.record(fleet.id(), &record).unwrap();
            if !is_known {
                fleet.cloud.put_record(fleet.id(), &record, &broken());
                drop(fleet.connect(&device).await);
                assert_ne!(fleet.status(&device), Active, "nobody knows whether it is still listed");
                fleet.cloud.put_record(fleet.id(), &record, &good);
            }
            drop(fleet.connect(&device).await);
            settle(&fleet).await;
            assert_eq!(fleet.status(&device), end, "known: {is_known}");
        }
    }
}

/// The list that takes another one's place can't be had at first.
#[tokio::test(start_paused = true)]
async fn a_list_leaves_the_profile_while_its_successor_is_not_to_be_had() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.run(&all()).await;
    let other: CrlSource = OTHER.parse().unwrap();
    fleet.cloud.change_profile(fleet.id(), |profile| profile.crl_sources = vec![other.clone()]);
    fleet.run(&all()).await;
    assert_eq!(fleet.status(&device), Inactive);
    fleet.cloud.publish_crl(&other, fleet.crl(1, &[]));
    settle(&fleet).await;
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn the_row_tells_who_has_revoked_one_that_was_on_hold() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.run(&all()).await;
    fleet.set_status(&device, Revoked);
    drop(fleet.connect(&device).await);
    assert_eq!(fleet.row(&device).decision, Decision::NotPending);
}
