//! Snapshots that the bucket has lost, or that somebody has altered: they are made good without anybody's help, and
//! nothing of an altered one is acted on.

use std::time::Duration;

use aws_lc_rs::digest;
use crl_checker::{Outcome, Request};
use shared::decision::Decision;
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::testing::InjectedFault;

use actors::Fleet;
use actors::checking::{run, source};

/// The octets of a page that its check covers.
const CHECKED: usize = 8_176;

/// Turns the first entry into a revocation, with the check that belongs to it: as somebody does who can write.
fn forge(object: &mut [u8]) {
    let page = &mut object[8_192..16_384];
    page[36 + 8] = 1;
    let check = digest::digest(&digest::SHA256, &page[..CHECKED]);
    page[CHECKED..].copy_from_slice(&check.as_ref()[..16]);
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_that_counts_is_made_again() {
    let fleet = Fleet::with_crl().await;
    let (newcomer, revoked) = (fleet.device("pump-1"), fleet.inside("pump-2").await);
    fleet.publish(2, &[(&revoked, KeyCompromise)]);
    fleet.sync().await;
    let whole = fleet.cloud.state().snapshots;
    for alter in [false, true] {
        fleet.cloud.change(|state| {
            state.snapshots.values_mut().for_each(|object| object.change(|bytes| bytes[100] ^= 1));
            state.snapshots.retain(|_, _| alter);
        });
        assert!(fleet.connect(&newcomer).await.is_err(), "the gate can't tell");
        assert_eq!(fleet.status(&newcomer), PendingActivation);
        let report = fleet.sync().await;
        assert_eq!((report.sources[0].outcome, report.finished), (Outcome::Published, true), "{report:?}");
        assert_eq!(fleet.cloud.state().snapshots, whole, "from the same crl, though its source says: not modified");
        assert_eq!(fleet.sync().await.sources[0].outcome, Outcome::Unchanged);
    }
    assert!(fleet.connect(&newcomer).await.is_ok());
    assert_eq!((fleet.status(&newcomer), fleet.status(&revoked)), (Active, Revoked));
}

#[tokio::test(start_paused = true)]
async fn without_the_snapshot_before_everything_is_looked_at_and_ended_holds_are_found() {
    for alter in [false, true] {
        let fleet = Fleet::with_crl().await;
        let (ended, stays, new) =
            (fleet.inside("pump-1").await, fleet.inside("pump-2").await, fleet.inside("pump-3").await);
        fleet.publish(2, &[(&ended, CertificateHold), (&stays, CertificateHold)]);
        fleet.sync().await;
        assert_eq!((fleet.status(&ended), fleet.status(&stays)), (Inactive, Inactive));
        let applied = fleet.crl_state().applied.unwrap().key;
        fleet.publish(3, &[(&stays, CertificateHold), (&new, KeyCompromise)]);
        fleet.cloud.change(|state| {
            if alter {
                state.snapshots.get_mut(&applied).unwrap().change(|bytes| forge(bytes));
            } else {
                state.snapshots.remove(&applied);
            }
        });
        // The first run finds what counts lost, the second one may have to go on.
        for _ in 0..2 {
            fleet.sync().await;
        }
        assert_eq!((fleet.status(&ended), fleet.status(&stays), fleet.status(&new)), (Active, Inactive, Revoked));
        assert!(fleet.crl_state().is_settled());
        assert!(!fleet.cloud.state().snapshots.contains_key(&applied));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_forged_snapshot_is_acted_on() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.sync().await;
    let key = fleet.crl_state().current.unwrap().snapshot.key;
    let whole = fleet.cloud.state().snapshots;
    fleet.cloud.change(|state| state.snapshots.get_mut(&key).unwrap().change(|bytes| forge(bytes)));
    let alone = fleet.fork();
    let report = fleet.reconcile().await;
    assert_eq!((report.changes.revoked, fleet.status(&device)), (0, Inactive));
    assert_eq!(report.sources[0].outcome, Outcome::Published, "{report:?}");
    assert_eq!(fleet.cloud.state().snapshots, whole);
    assert_eq!(fleet.reconcile().await.changes, crl_checker::Changes::default());
    assert_eq!(fleet.status(&device), Inactive);

    // Its source has nothing to make it of.
    alone.cloud.publish_crl(&source(), None);
    let report = alone.reconcile().await;
    assert_eq!((report.changes.revoked, alone.status(&device)), (0, Inactive));
    assert!(!alone.cloud.state().snapshots.contains_key(&key), "nobody is to believe it");
}

#[tokio::test(start_paused = true)]
async fn a_forged_snapshot_revokes_nobody_at_the_gate() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.device("pump-1");
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.sync().await;
    fleet.cloud.change(|state| state.snapshots.values_mut().for_each(|object| object.change(|bytes| forge(bytes))));
    assert!(fleet.connect(&device).await.is_err(), "the gate can't tell");
    assert_eq!(fleet.status(&device), PendingActivation);
}

/// The row says `revoked`, AWS IoT does not yet, and no list will ever say it again.
#[tokio::test(start_paused = true)]
async fn a_revocation_that_was_begun_is_brought_to_its_end_without_its_list() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, KeyCompromise)]);
    let clean = fleet.cloud.fork();
    let request = Request { accept_shrunk: true, ..Request::default() };
    run(&clean, &request).await.unwrap();
    let end = clean.calls().iter().position(|call| *call == "iot:UpdateCertificate").unwrap();
    fleet.cloud.plan(end, InjectedFault::DiedBefore);
    let died = run(&fleet.cloud, &request);
    let _ = tokio::time::timeout(Duration::from_mins(11), died).await;
    assert_eq!((fleet.row(&device).decision, fleet.status(&device)), (Decision::Revoked, Active));
    let target = fleet.crl_state().progress.unwrap().target.key;
    fleet.cloud.change(|state| drop(state.snapshots.remove(&target)));
    fleet.publish(3, &[]);
    for _ in 0..2 {
        fleet.run(&request).await;
    }
    assert_eq!(fleet.status(&device), Revoked);
    assert!(fleet.row(&device).revoked_at.is_some());
}
