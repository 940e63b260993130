//! Lists that are lost, hidden, altered or contradict each other, and comparisons that are cut short.

use std::time::Duration;

use actors::Fleet;
use actors::checking::{self, Published, other_source, run_with, source};
use crl_checker::{Portions, Request};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::profile::CrlRequirement;
use shared::testing::InjectedFault::{DiedAfter, DiedBefore, Refused, Stalled};
use shared::testing::Issued;
use tokio::time::{sleep, timeout};

fn all() -> Request {
    Request { accept_shrunk: true, ..Request::default() }
}

/// A run that ends a hold stops; at the next one no list can answer; then they can.
#[tokio::test(start_paused = true)]
async fn a_release_that_stopped_is_gone_on_with_once_the_lists_answer() {
    let fleet = Fleet::with_two_lists().await;
    let device = fleet.inside("pump-1").await;
    fleet.list(2, &[(&device, CertificateHold)]).await;
    assert_eq!(fleet.status(&device), Inactive);
    fleet.publish(3, &[]);
    fleet.run_dies_at("iot:UpdateCertificate", 0, DiedBefore).await;
    let good = fleet.break_other();
    fleet.settle(&[]).await;
    assert_eq!(fleet.status(&device), Inactive, "nobody knows");
    fleet.mend_other(&good);
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_stopped_is_gone_on_with_once_there_is_a_new_list() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.list(2, &[(&device, CertificateHold)]).await;
    fleet.publish(3, &[]);
    fleet.run_dies_at("iot:UpdateCertificate", 0, DiedBefore).await;
    fleet.expire();
    fleet.settle(&[]).await;
    assert_eq!(fleet.status(&device), Inactive, "nobody knows");
    fleet.list(4, &[]).await;
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
}

/// The hold was never confirmed, and its end was begun with.
#[tokio::test(start_paused = true)]
async fn runs_that_learn_nothing_write_nothing() {
    let fleet = Fleet::with_two_lists().await;
    let device = fleet.device("pump-1");
    fleet.list(2, &[(&device, CertificateHold)]).await;
    fleet.die_at(&device, "iot:UpdateCertificate", DiedAfter).await;
    assert_eq!(fleet.status(&device), Inactive);
    fleet.publish(3, &[]);
    fleet.run_dies_at("iot:UpdateCertificate", 0, DiedBefore).await;
    let good = fleet.break_other();
    for _ in 0..2 {
        fleet.settle(&[&device]).await;
    }
    let before = fleet.row(&device).revision;
    for _ in 0..3 {
        fleet.settle(&[]).await;
    }
    assert_eq!(fleet.row(&device).revision, before);
    fleet.mend_other(&good);
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
}

/// Two lists have a certificate on hold that was registered again, and no list is required. One of them drops it, or a
/// comparison can't read the other.
#[tokio::test(start_paused = true)]
async fn a_hold_is_not_forgotten_while_one_list_has_it() {
    for is_compared in [false, true] {
        let fleet = Fleet::with_two_lists().await;
        let device = fleet.inside("pump-1").await;
        fleet.cloud.change_profile(fleet.id(), |profile| profile.crl = Some(CrlRequirement::None));
        if !is_compared {
            fleet.publish(2, &[(&device, CertificateHold)]);
        }
        fleet.publish_other(2, &[(&device, CertificateHold)]);
        fleet.settle(&[]).await;
        assert_eq!(fleet.status(&device), Inactive);
        fleet.cloud.change(|state| state.delete(&device.id));
        let device = fleet.register(device);
        fleet.die_at(&device, "iot:CreateThing", DiedBefore).await;
        fleet.settle(&[]).await;
        if is_compared {
            let good = fleet.break_other();
            fleet.reconcile().await;
            fleet.mend_other(&good);
        } else {
            fleet.list(3, &[]).await;
        }
        fleet.settle(&[&device]).await;
        assert_ne!(fleet.status(&device), Active, "compared: {is_compared}");
    }
}

/// An operator has let one in that two lists have on hold, and one of them drops it.
#[tokio::test(start_paused = true)]
async fn the_other_list_still_has_one_that_was_let_in_by_hand() {
    let fleet = Fleet::with_two_lists().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish_other(2, &[(&device, CertificateHold)]);
    fleet.list(2, &[(&device, CertificateHold)]).await;
    fleet.set_status(&device, Active);
    fleet.list(3, &[]).await;
    fleet.settle(&[]).await;
    assert_eq!(fleet.status(&device), Inactive);
}

/// A list expires, another one of the same scope lets the device in, and the first comes back with the same entry.
#[tokio::test(start_paused = true)]
async fn a_list_comes_back_with_the_entry_that_it_had() {
    for (reason, end) in [(KeyCompromise, Revoked), (CertificateHold, Inactive)] {
        let fleet = Fleet::with_two_lists().await;
        let device = fleet.device("pump-1");
        fleet.list(2, &[(&device, reason)]).await;
        fleet.publish_other(2, &[]);
        fleet.expire();
        fleet.settle(&[]).await;
        drop(fleet.connect(&device).await);
        fleet.publish(3, &[(&device, reason)]);
        fleet.settle(&[&device]).await;
        assert_eq!(fleet.status(&device), end);
    }
}

/// A list counts for a moment and is never carried out; the comparison that its successor asks for is done by a slow run
/// before that one counts.
#[tokio::test(start_paused = true)]
async fn another_run_does_a_comparison_too_early() {
    for (reason, end) in [(CertificateHold, Inactive), (KeyCompromise, Revoked)] {
        let fleet = Fleet::with_crl().await;
        let device = fleet.device("pump-1");
        fleet.list(2, &[(&device, reason)]).await;
        let probe = fleet.fork();
        let begun = probe.cloud.calls().len();
        probe.run(&all()).await;
        let comparison = probe.cloud.calls().iter().skip(begun).rposition(|call| *call == "dynamodb:GetItem");
        let comparison = comparison.expect("a read of the comparison");
        fleet.cloud.plan(comparison, Stalled);
        let request = all();
        let slow = async { drop(checking::run(&fleet.cloud, &request).await) };
        let others = async {
            sleep(Duration::from_secs(5)).await;
            fleet.publish(3, &[]);
            let run = async |fleet: Fleet| drop(fleet.run(&all()).await);
            let counts = fleet.place_of("dynamodb:UpdateItem", run).await;
            fleet.cloud.plan(counts, DiedAfter);
            let _ = timeout(Duration::from_secs(5), checking::run(&fleet.cloud, &request)).await;
            fleet.cloud.plan_nothing();
            fleet.connect(&device).await.expect("an activation");
            assert_eq!(fleet.status(&device), Active);
            fleet.publish(4, &[(&device, reason)]);
            let probe = fleet.fork();
            let begun = probe.cloud.calls().len();
            probe.run(&all()).await;
            let calls = probe.cloud.calls();
            let writes = calls.iter().skip(begun).enumerate().filter(|(_, call)| **call == "dynamodb:UpdateItem");
            let counts = writes.map(|(at, _)| at).nth(1).expect("two writes");
            fleet.cloud.plan(counts, Stalled);
            drop(checking::run(&fleet.cloud, &request).await);
        };
        tokio::join!(slow, others);
        fleet.settle(&[&device]).await;
        assert_eq!(fleet.status(&device), end);
    }
}

/// One request is refused during a comparison that stands in for a difference.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_fails_in_a_comparison_is_tried_again() {
    for (reason, call) in [
        (CertificateHold, "iot:DescribeCertificate"),
        (CertificateHold, "iot:UpdateCertificate"),
        (KeyCompromise, "iot:UpdateCertificate"),
        (KeyCompromise, "dynamodb:UpdateItem"),
    ] {
        let fleet = Fleet::with_crl().await;
        let device = fleet.device("pump-1");
        fleet.list(2, &[(&device, reason)]).await;
        fleet.publish(3, &[]);
        fleet.run_dies_at("dynamodb:UpdateItem", 0, DiedAfter).await;
        fleet.connect(&device).await.expect("an activation");
        fleet.publish(4, &[(&device, reason)]);
        let probe = fleet.fork();
        let begun = probe.cloud.calls().len();
        probe.run(&all()).await;
        assert_ne!(probe.status(&device), Active);
        let calls = probe.cloud.calls();
        let mut of_run = calls.iter().skip(begun);
        let scan = of_run.position(|made| *made == "dynamodb:Scan").expect("a comparison");
        let at = of_run.position(|made| *made == call).expect("a call of this name");
        fleet.cloud.plan(scan + 1 + at, Refused);
        drop(checking::run(&fleet.cloud, &all()).await);
        fleet.settle(&[]).await;
        assert_ne!(fleet.status(&device), Active, "{reason:?} {call}");
        assert!(fleet.crl_state().retry.is_empty());
    }
}

/// One list of a CA is lost for good; the other has more changes than are looked up one by one.
#[tokio::test(start_paused = true)]
async fn a_lost_list_does_not_stop_the_walk_of_another() {
    let fleet = Fleet::with_two_lists().await;
    let device = fleet.inside("pump-1").await;
    fleet.lose_other();
    fleet.publish(2, &[(&device, KeyCompromise)]);
    let portions = Portions { few: 0, ..Portions::default() };
    let limits = crl_checker::Limits { portions, ..checking::limits() };
    let minutes = Duration::from_mins(10);
    // What becomes of the lost list is told, and is not what counts here.
    drop(run_with(limits, minutes, &fleet.cloud, Published(fleet.cloud.clone()), &all()).await);
    assert_eq!(fleet.status(&device), Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_lost_list_does_not_stop_the_comparison_with_another() {
    let fleet = Fleet::with_two_lists().await;
    let held = fleet.inside("pump-1").await;
    fleet.publish_other(2, &[(&held, CertificateHold)]);
    fleet.cloud.change_profile(fleet.id(), |profile| profile.crl = Some(CrlRequirement::None));
    let device = fleet.device("pump-2");
    fleet.list(2, &[(&device, KeyCompromise)]).await;
    fleet.connect(&device).await.expect("an activation");
    fleet.lose_other();
    fleet.reconcile().await;
    assert_eq!(fleet.status(&device), Revoked);
    assert_eq!(fleet.status(&held), Inactive, "nobody knows whether the other list has it");
}

/// Runs do not compare the fleet each time with what is not there, and once when it is.
#[tokio::test(start_paused = true)]
async fn a_lost_list_is_compared_once_it_is_back() {
    let fleet = Fleet::with_two_lists().await;
    let device = fleet.inside("pump-1").await;
    fleet.lose_other();
    fleet.reconcile().await;
    let scans = async || {
        let before = fleet.cloud.calls().len();
        fleet.run(&all()).await;
        fleet.cloud.calls().iter().skip(before).filter(|call| **call == "dynamodb:Scan").count()
    };
    assert_eq!([scans().await, scans().await], [0, 0]);
    fleet.publish_other(1, &[]);
    assert_eq!([scans().await, scans().await], [1, 0]);
    assert_eq!(fleet.status(&device), Active);
}

/// A snapshot is altered behind its header, and newcomers are kept out.
#[tokio::test(start_paused = true)]
async fn an_altered_snapshot_is_made_again_by_the_next_run() {
    let fleet = Fleet::with_crl().await;
    let key = fleet.crl_state().current.expect("a list").snapshot.key;
    fleet.cloud.change(|state| {
        let object = state.snapshots.get_mut(&key).expect("an object");
        object.change(|bytes| {
            let last = bytes.last_mut().expect("bytes");
            *last ^= 1;
        });
    });
    let device = fleet.device("pump-1");
    drop(fleet.connect(&device).await);
    assert_eq!(fleet.status(&device), PendingActivation);
    fleet.settle(&[]).await;
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
    assert!(fleet.cloud.crl_state(fleet.id(), &source()).is_some());
}

/// A device that came in while no list was asked for, and that the other list has. The lists are asked for from now on.
async fn revoked_and_not_asked() -> (Fleet, Issued) {
    let fleet = Fleet::with_two_lists().await;
    fleet.cloud.change_profile(fleet.id(), |profile| profile.crl = Some(CrlRequirement::None));
    let device = fleet.device("pump-1");
    fleet.publish_other(2, &[(&device, KeyCompromise)]);
    fleet.settle(&[]).await;
    drop(fleet.connect(&device).await);
    assert_eq!(fleet.status(&device), Active);
    fleet.cloud.change_profile(fleet.id(), |profile| profile.crl = Some(CrlRequirement::Required));
    (fleet, device)
}

/// A comparison is done while the list is lost, and the run that makes it again dies once its object is back.
#[tokio::test(start_paused = true)]
async fn a_lost_list_is_compared_whenever_the_run_dies_that_makes_it_again() {
    let (fleet, device) = revoked_and_not_asked().await;
    let crl = fleet.crl(2, &[(&device, KeyCompromise)]);
    fleet.lose_other();
    fleet.request_comparison().await;
    drop(checking::run(&fleet.cloud, &all()).await);
    assert_eq!(fleet.status(&device), Active);
    fleet.cloud.publish_crl(&other_source(), crl);
    fleet.run_dies_at("s3:PutObject", 0, DiedAfter).await;
    fleet.settle(&[]).await;
    assert_eq!(fleet.status(&device), Revoked);
}

/// A comparison is done while what is known of the list can't be read.
#[tokio::test(start_paused = true)]
async fn a_list_is_compared_once_its_state_can_be_read_again() {
    let (fleet, device) = revoked_and_not_asked().await;
    let good = fleet.break_other();
    fleet.request_comparison().await;
    drop(checking::run(&fleet.cloud, &all()).await);
    assert_eq!(fleet.status(&device), Active);
    fleet.mend_other(&good);
    fleet.settle(&[]).await;
    assert_eq!(fleet.status(&device), Revoked);
}
