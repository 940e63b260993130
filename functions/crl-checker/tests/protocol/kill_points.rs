//! Stopping a run, or an activation at the gate, at each of its calls, and repeating it, ends as a clean run does.

use std::time::Duration;

use crl_checker::{Limits, Portions, Report, Request};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::testing::{InjectedFault, State, World};

use crate::stage::{Stage, event, knock, limits, run, run_with};

/// The state without what a repetition may change.
fn settled(mut state: State) -> State {
    for row in state.rows.values_mut() {
        let row = &mut row.registration;
        row.attempts = 0;
        row.decided_at.clear();
        row.first_seen_at.clear();
        row.last_error = None;
        row.last_error_at = None;
        for at in [&mut row.activated_at, &mut row.held_at, &mut row.revoked_at] {
            *at = at.take().map(|_| String::new());
        }
    }
    for state in state.crl_states.values_mut() {
        (state.checked_at, state.step) = (None, 0);
    }
    // A repetition may have compared all registrations once more.
    state.comparisons.retain(|_, comparison| comparison.due);
    state.comparisons.values_mut().for_each(|comparison| comparison.step = 0);
    state.things.values_mut().for_each(|thing| thing.version = 0);
    // An object that was written before the run was stopped, and that no state names, does no harm.
    let named: Vec<String> = state
        .crl_states
        .values()
        .flat_map(|state| {
            [
                state.applied.as_ref().map(|object| object.key.clone()),
                state.current.as_ref().map(|crl| crl.snapshot.key.clone()),
            ]
        })
        .flatten()
        .collect();
    state.snapshots.retain(|key, _| named.contains(key));
    state
}

/// Runs `attempt` with a mishap at each of its calls, then again until it ends well.
async fn every_kill_point_settles(start: &State, least: usize, attempt: impl AsyncFn(&World) -> bool) {
    let clean = World::new(start.clone());
    assert!(attempt(&clean).await);
    let expected = settled(clean.state());
    for mishap in InjectedFault::STOPS {
        let mut n = 0;
        loop {
            let world = World::new(start.clone());
            world.plan(n, mishap);
            // A death shows as an attempt that does not end.
            let _ = tokio::time::timeout(Duration::from_mins(4), attempt(&world)).await;
            let met = world.calls().len() > n;
            // The attempts that follow meet nothing.
            world.plan(usize::MAX / 2, InjectedFault::Stalled);
            let ended = attempt(&world).await || attempt(&world).await;
            assert!(ended, "{mishap:?} at call {n} of {:?}", world.calls());
            pretty_eq(&settled(world.state()), &expected, &format!("{mishap:?} at call {n} of {:?}", world.calls()));
            if !met {
                break;
            }
            n += 1;
        }
        assert!(n >= least, "only {n} calls were met");
    }
}

fn pretty_eq(found: &State, expected: &State, context: &str) {
    assert_eq!(found.rows, expected.rows, "{context}");
    assert_eq!(found.certificates, expected.certificates, "{context}");
    assert_eq!(found.crl_states, expected.crl_states, "{context}");
    assert_eq!(found.comparisons, expected.comparisons, "{context}");
    assert_eq!(found.snapshots.keys().collect::<Vec<_>>(), expected.snapshots.keys().collect::<Vec<_>>(), "{context}");
    assert_eq!((&found.things, &found.policies), (&expected.things, &expected.policies), "{context}");
    assert_eq!(found.connected, expected.connected, "{context}");
}

/// Two devices inside, one of them on hold; the next CRL revokes the first, holds the second, releases the third.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    let revoked = stage.inside("pump-1").await;
    let held = stage.inside("pump-2").await;
    let released = stage.inside("pump-3").await;
    stage.world.change(|state| state.connected.insert("pump-1".to_owned(), revoked.id.clone()));
    stage.publish(2, &[(&released, CertificateHold)]);
    stage.sweep().await;
    stage.publish(3, &[(&revoked, KeyCompromise), (&held, CertificateHold)]);
    stage
}

async fn sweep(world: &World, stage: &Stage, request: &Request) -> bool {
    let report = run(world, &stage.shelf, request).await;
    report.is_ok_and(|report| is_good(&report))
}

fn is_good(report: &Report) -> bool {
    let failed = report.sources.iter().any(|source| source.outcome == crl_checker::Outcome::Failed);
    report.finished && !failed && report.failures.is_empty()
}

#[tokio::test(start_paused = true)]
async fn a_run_settles_from_every_kill_point() {
    let stage = stage().await;
    let request = Request::default();
    every_kill_point_settles(&stage.world.state(), 25, async |world| sweep(world, &stage, &request).await).await;
}

/// The same with a state that is written after every two changes, by entries and by the fleet.
#[tokio::test(start_paused = true)]
async fn a_run_of_many_parts_settles_from_every_kill_point() {
    let stage = stage().await;
    let portions = |few| Portions { checkpoint: 1, few, rows: 1, window: 2 };
    for (few, least) in [(0, 28), (1_000, 28)] {
        every_kill_point_settles(&stage.world.state(), least, async |world| {
            let limits = Limits { portions: portions(few), ..limits() };
            let time = Duration::from_mins(10);
            let report = run_with(limits, time, world, &stage.shelf, &Request::default()).await;
            report.is_ok_and(|report| is_good(&report))
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reconciliation_settles_from_every_kill_point() {
    let stage = stage().await;
    let request = Request { reconcile: true, ..Request::default() };
    every_kill_point_settles(&stage.world.state(), 25, async |world| sweep(world, &stage, &request).await).await;
}

#[tokio::test(start_paused = true)]
async fn an_activation_of_a_listed_certificate_settles_from_every_kill_point() {
    for (reason, least) in [(KeyCompromise, 7), (CertificateHold, 10)] {
        let stage = Stage::new().await;
        let device = stage.device("pump-1");
        stage.publish(2, &[(&device, reason)]);
        stage.sweep().await;
        let payload = event(&stage.authority, &device);
        every_kill_point_settles(&stage.world.state(), least, async |world| knock(world, &payload).await).await;
    }
}
