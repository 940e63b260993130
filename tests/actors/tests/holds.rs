//! Holds, and lists that come, go and can't be read while they are carried out.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does")]

use std::time::Duration;

use actors::Fleet;
use actors::checking::{self, SOURCE};
use crl_checker::Request;
use serde_json::{Value, json};
use shared::pki::crl::RevocationReason::CertificateHold;
use shared::port::CertificateStatus::{Active, Inactive};
use shared::revocation::CrlSource;
use shared::testing::{InjectedFault, Issued};
use tokio::time::sleep;

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
