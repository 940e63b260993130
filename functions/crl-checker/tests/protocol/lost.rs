//! Snapshots that the bucket has lost, or that somebody has altered: they are made good without anybody's help, and
//! nothing of an altered one is acted on.

use std::time::Duration;

use aws_lc_rs::digest;
use crl_checker::{Outcome, Request};
use shared::decision::Decision;
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::testing::{InjectedFault, World};

use crate::stage::{Stage, run};

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
    let stage = Stage::new().await;
    let (newcomer, revoked) = (stage.device("pump-1"), stage.inside("pump-2").await);
    stage.publish(2, &[(&revoked, KeyCompromise)]);
    stage.sweep().await;
    let whole = stage.world.state().snapshots;
    for alter in [false, true] {
        stage.world.change(|state| {
            state.snapshots.values_mut().for_each(|object| object[100] ^= 1);
            state.snapshots.retain(|_, _| alter);
        });
        assert!(!stage.knock(&newcomer).await, "the gate can't tell");
        assert_eq!(stage.status(&newcomer), PendingActivation);
        let report = stage.sweep().await;
        assert_eq!((report.sources[0].outcome, report.finished), (Outcome::Published, true), "{report:?}");
        assert_eq!(stage.world.state().snapshots, whole, "from the same crl, though its source says: not modified");
        assert_eq!(stage.sweep().await.sources[0].outcome, Outcome::Unchanged);
    }
    assert!(stage.knock(&newcomer).await);
    assert_eq!((stage.status(&newcomer), stage.status(&revoked)), (Active, Revoked));
}

#[tokio::test(start_paused = true)]
async fn without_the_snapshot_before_everything_is_looked_at_and_ended_holds_are_found() {
    for alter in [false, true] {
        let stage = Stage::new().await;
        let (ended, stays, new) =
            (stage.inside("pump-1").await, stage.inside("pump-2").await, stage.inside("pump-3").await);
        stage.publish(2, &[(&ended, CertificateHold), (&stays, CertificateHold)]);
        stage.sweep().await;
        assert_eq!((stage.status(&ended), stage.status(&stays)), (Inactive, Inactive));
        let applied = stage.crl_state().applied.unwrap().key;
        stage.publish(3, &[(&stays, CertificateHold), (&new, KeyCompromise)]);
        stage.world.change(|state| {
            if alter {
                forge(state.snapshots.get_mut(&applied).unwrap());
            } else {
                state.snapshots.remove(&applied);
            }
        });
        // The first run finds what counts lost, the second one may have to go on.
        for _ in 0..2 {
            stage.sweep().await;
        }
        assert_eq!((stage.status(&ended), stage.status(&stays), stage.status(&new)), (Active, Inactive, Revoked));
        assert!(stage.crl_state().is_settled());
        assert!(!stage.world.state().snapshots.contains_key(&applied));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_forged_snapshot_is_acted_on() {
    let stage = Stage::new().await;
    let device = stage.inside("pump-1").await;
    stage.publish(2, &[(&device, CertificateHold)]);
    stage.sweep().await;
    let key = stage.crl_state().current.unwrap().snapshot.key;
    stage.world.change(|state| forge(state.snapshots.get_mut(&key).unwrap()));
    let report = stage.reconcile().await;
    assert_eq!((report.changes.revoked, stage.status(&device)), (0, Inactive));
    assert!(report.sources.iter().any(|source| source.outcome == Outcome::Failed), "{report:?}");
    assert!(!stage.world.state().snapshots.contains_key(&key), "nobody is to believe it");
    assert_eq!(stage.sweep().await.sources[0].outcome, Outcome::Published);
    assert_eq!(stage.reconcile().await.changes, crl_checker::Changes::default());
    assert_eq!(stage.status(&device), Inactive);
}

#[tokio::test(start_paused = true)]
async fn a_forged_snapshot_revokes_nobody_at_the_gate() {
    let stage = Stage::new().await;
    let device = stage.device("pump-1");
    stage.publish(2, &[(&device, CertificateHold)]);
    stage.sweep().await;
    stage.world.change(|state| state.snapshots.values_mut().for_each(|object| forge(object)));
    assert!(!stage.knock(&device).await, "the gate can't tell");
    assert_eq!(stage.status(&device), PendingActivation);
}

/// The row says `revoked`, AWS IoT does not yet, and no list will ever say it again.
#[tokio::test(start_paused = true)]
async fn a_revocation_that_was_begun_is_brought_to_its_end_without_its_list() {
    let stage = Stage::new().await;
    let device = stage.inside("pump-1").await;
    stage.publish(2, &[(&device, KeyCompromise)]);
    let clean = World::new(stage.world.state());
    let request = Request { accept_shrunk: true, ..Request::default() };
    run(&clean, &stage.shelf, &request).await.unwrap();
    let end = clean.calls().iter().position(|call| *call == "iot:UpdateCertificate").unwrap();
    stage.world.plan(end, InjectedFault::DiedBefore);
    let died = run(&stage.world, &stage.shelf, &request);
    let _ = tokio::time::timeout(Duration::from_mins(11), died).await;
    assert_eq!((stage.row(&device).decision, stage.status(&device)), (Decision::Revoked, Active));
    let target = stage.crl_state().progress.unwrap().target.key;
    stage.world.change(|state| drop(state.snapshots.remove(&target)));
    stage.publish(3, &[]);
    for _ in 0..2 {
        stage.run(&request).await;
    }
    assert_eq!(stage.status(&device), Revoked);
    assert!(stage.row(&device).revoked_at.is_some());
}
