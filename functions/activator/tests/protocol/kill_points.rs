//! Stopping an activation at each of its calls, and repeating the event, ends as a clean run does.

use std::time::Duration;

use crate::stage::{Stage, event, knock};
use serde_json::json;
use shared::port::CertificateStatus;
use shared::testing::{Mishap, State, World};

/// The state without what a repetition may change: times, counts, the note of the failure.
fn settled(mut state: State) -> State {
    for row in state.rows.values_mut() {
        let row = &mut row.registration;
        row.attempts = 0;
        row.last_error = None;
        row.last_error_at = None;
        row.first_seen_at.clear();
        row.decided_at.clear();
        row.activated_at = row.activated_at.take().map(|_| String::new());
        row.superseded_at = row.superseded_at.take().map(|_| String::new());
    }
    for profile in state.profiles.values_mut() {
        profile.created_at = None;
        profile.updated_at = None;
    }
    state.things.values_mut().for_each(|thing| thing.version = 0);
    state
}

fn assert_nobody_is_half_in(world: &World, context: &str) {
    let state = world.state();
    for certificate in state.certificates.values().filter(|found| found.status == CertificateStatus::Active) {
        let thing = state.things.values().any(|thing| thing.principals.contains(&certificate.arn));
        assert!(thing, "{context}: ACTIVE without a thing");
        assert!(state.policies.contains_key(&certificate.arn), "{context}: ACTIVE without a policy");
    }
}

/// Runs the event to its end in a world where call `n` meets a mishap; false if there was no call `n`.
async fn run(world: &World, payload: &str, n: usize, mishap: Mishap) -> bool {
    world.plan(n, mishap);
    let first = world.calls().len();
    // A death shows as an invocation that doesn't end.
    let _ = tokio::time::timeout(Duration::from_mins(10), knock(world, payload)).await;
    let met = world.calls().len() > first + n;
    for _ in 0..3 {
        assert_nobody_is_half_in(world, &format!("{mishap:?} at call {n}"));
        if knock(world, payload).await.is_ok() {
            break;
        }
    }
    met
}

async fn every_kill_point_settles(stage: &Stage, payload: &str) {
    let start = stage.world.state();
    let clean = World::new(start.clone());
    knock(&clean, payload).await.unwrap();
    let expected = settled(clean.state());
    for mishap in Mishap::STOPS {
        let mut n = 0;
        loop {
            let world = World::new(start.clone());
            let met = run(&world, payload, n, mishap).await;
            assert_eq!(settled(world.state()), expected, "{mishap:?} at call {n} of {:?}", world.calls());
            if !met {
                break;
            }
            n += 1;
        }
        assert!(n >= 7, "an activation has at least seven calls, {n} were met");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_activation_settles_from_every_kill_point() {
    let stage = Stage::new(json!({"admission": "listed", "thingGroup": "eu"}));
    let device = stage.device("pump-1");
    let authority = stage.authority.id().clone();
    stage.world.change(|state| {
        state.announced_names.insert((authority, "pump-1".parse().unwrap()));
        state.profiles.values_mut().for_each(|profile| profile.ca_pem = None);
    });
    every_kill_point_settles(&stage, &event(&stage.authority, &device)).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotation_settles_from_every_kill_point() {
    let stage = Stage::new(json!({"takeOver": "rotate"}));
    let old = stage.device("pump-1");
    stage.knock(&old).await.unwrap();
    let new = stage.device("pump-1");
    every_kill_point_settles(&stage, &event(&stage.authority, &new)).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_take_over_settles_from_every_kill_point() {
    let stage = Stage::new(json!({}));
    let owner = stage.device("pump-1");
    stage.knock(&owner).await.unwrap();
    let thief = stage.device("pump-1");
    every_kill_point_settles(&stage, &event(&stage.authority, &thief)).await;
}

/// The table of CAs is lost while an activation is cut short: nobody gets further in, and what has become ACTIVE stays so.
#[tokio::test(start_paused = true)]
async fn an_enrolment_that_is_lost_between_two_attempts_settles_once_it_is_back() {
    let stage = Stage::new(json!({}));
    let device = stage.device("pump-1");
    let (start, payload) = (stage.world.state(), event(&stage.authority, &device));
    let clean = World::new(start.clone());
    knock(&clean, &payload).await.unwrap();
    for mishap in Mishap::STOPS {
        let mut n = 0;
        loop {
            let world = World::new(start.clone());
            world.plan(n, mishap);
            let _ = tokio::time::timeout(Duration::from_mins(10), knock(&world, &payload)).await;
            if world.calls().len() <= n {
                break;
            }
            let before = world.change(|state| {
                state.profiles.clear();
                state.certificates.clone()
            });
            knock(&world, &payload).await.unwrap();
            assert_eq!(world.state().certificates, before, "{mishap:?} at call {n}: no status is changed");
            assert_nobody_is_half_in(&world, &format!("{mishap:?} at call {n}"));
            world.change(|state| state.profiles = start.profiles.clone());
            knock(&world, &payload).await.unwrap();
            // The refusal is kept beside the registration, under a key of its own.
            world.change(|state| state.rows.retain(|id, _| !id.as_str().contains("#certificate#")));
            assert_eq!(settled(world.state()), settled(clean.state()), "{mishap:?} at call {n} of {:?}", world.calls());
            n += 1;
        }
        assert!(n >= 7, "an activation has at least seven calls, {n} were met");
    }
}
