//! An activation and a run of the checker, their calls in every order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crl_checker::Request;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use shared::port::CertificateStatus;
use shared::testing::{InjectedFault, Interleavings, Program, World};

use crate::stage::{Shelf, Stage, event, knock, run};

/// What the newest CRL says about the device at the end, and what its status must be then.
struct Case {
    before: Option<RevocationReason>,
    after: Option<RevocationReason>,
}

/// Lets a device knock while a run of the checker puts a CRL in place; tells in how many orders the device ended ACTIVE
/// although the newest CRL lists it, out of how many.
fn violations(case: &Case, out_of_order: bool) -> (usize, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (stage, device) = runtime.block_on(async {
        let stage = Stage::new().await;
        let device = stage.device("pump-1");
        if let Some(reason) = case.before {
            stage.publish(2, &[(&device, reason)]);
            stage.sweep().await;
        }
        stage.publish(3, &case.after.map(|reason| (&device, reason)).into_iter().collect::<Vec<_>>());
        (stage, device)
    });
    let _inside = runtime.enter();
    let start = stage.world.state();
    let payload = event(&stage.authority, &device);
    let request = Request { accept_shrunk: true, ..Request::default() };
    let world = || {
        let world = World::new(start.clone());
        if out_of_order {
            world.read_crl_states_out_of_order();
        }
        world
    };
    let mut violations = 0;
    let explored = Interleavings::explore(
        world,
        |world: Arc<World>| -> [Program<'_>; 2] {
            let swept = Arc::clone(&world);
            let (payload, shelf, request) = (&payload, &stage.shelf, &request);
            let activation = async move {
                // Lambda tries twice more, and the device connects again.
                for _ in 0..4 {
                    if knock(&world, payload).await {
                        break;
                    }
                }
            };
            let sweep = async move {
                run(&swept, shelf, request).await.unwrap();
            };
            [Box::pin(activation), Box::pin(sweep)]
        },
        |world, order| {
            let status = world.state().certificates[&device.id].status.clone();
            let listed = case.after.is_some();
            if listed && status == CertificateStatus::Active {
                assert!(out_of_order, "{order:?}: {:?}", world.calls());
                violations += 1;
            }
            if case.after == Some(KeyCompromise) && !out_of_order {
                assert_eq!(status, CertificateStatus::Revoked, "{order:?}: {:?}", world.calls());
            }
        },
    );
    (violations, explored.ends)
}

#[test]
fn no_order_of_calls_leaves_a_listed_certificate_active() {
    for case in [
        Case { before: None, after: Some(KeyCompromise) },
        Case { before: None, after: Some(CertificateHold) },
        Case { before: Some(CertificateHold), after: Some(KeyCompromise) },
        Case { before: Some(CertificateHold), after: None },
    ] {
        let (violations, ends) = violations(&case, false);
        assert_eq!(violations, 0);
        assert!(ends > 5, "{ends} orders were run to their end");
    }
}

/// The activator that reads the states before it writes its row lets revoked devices in: the test above can fail.
#[test]
fn reading_the_states_before_writing_the_row_would_let_them_in() {
    for after in [KeyCompromise, CertificateHold] {
        let (violations, ends) = violations(&Case { before: None, after: Some(after) }, true);
        assert!(violations > 0, "{ends} orders were run to their end");
    }
}

/// A run that has asked the source before the newest CRL came hangs at one of its calls, in which another run does all
/// its work; tells at which calls that leaves a device whose hold has ended off after the next run.
async fn stuck_holds(reconcile: bool) -> Vec<usize> {
    let stage = Stage::new().await;
    let device = stage.inside("pump-1").await;
    stage.publish(2, &[(&device, CertificateHold)]);
    let old = Shelf { crl: Mutex::new(stage.shelf.crl.lock().unwrap().clone()) };
    if reconcile {
        stage.sweep().await;
    } else {
        // A run that dies before it has changed anything, on its way to a target.
        let clean = World::new(stage.world.state());
        run(&clean, &stage.shelf, &Request::default()).await.unwrap();
        let look = clean.calls().iter().position(|call| *call == "dynamodb:BatchGetItem").unwrap();
        stage.world.plan(look, InjectedFault::DiedBefore);
        let request = Request::default();
        let _ = tokio::time::timeout(Duration::from_mins(11), run(&stage.world, &stage.shelf, &request)).await;
        assert!(stage.crl_state().progress.is_some());
    }
    stage.publish(3, &[]);
    let start = stage.world.state();
    let newest = Request { accept_shrunk: true, ..Request::default() };
    let before = Request { reconcile, ..Request::default() };
    let mut stuck = Vec::new();
    for n in 0.. {
        let world = World::new(start.clone());
        world.plan(n, InjectedFault::Stalled);
        let hangs = async {
            run(&world, &old, &before).await.unwrap();
            world.calls().len()
        };
        let overtakes = async {
            // At the time when the first one hangs, or has ended.
            tokio::time::sleep(Duration::from_secs(10)).await;
            run(&world, &stage.shelf, &newest).await.unwrap();
        };
        let (calls, ()) = tokio::join!(hangs, overtakes);
        for _ in 0..2 {
            run(&world, &stage.shelf, &newest).await.unwrap();
        }
        if world.state().certificates[&device.id].status != CertificateStatus::Active {
            stuck.push(n);
        }
        if calls <= n {
            assert!(n > 5, "{n} calls");
            return stuck;
        }
    }
    unreachable!("a run ends")
}

#[tokio::test(start_paused = true)]
async fn two_runs_at_once_leave_no_ended_hold_behind() {
    let stuck = [Box::pin(stuck_holds(false)).await, Box::pin(stuck_holds(true)).await];
    assert_eq!(stuck, [[0; 0], [0; 0]]);
}
