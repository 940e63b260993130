//! Stopping an activation at each of its calls, and repeating the event, ends as a clean run does.

use std::time::Duration;

use actors::activation::connect;
use actors::{Fleet, checking};
use crl_checker::Request;
use serde_json::{Value, json};
use shared::port::CertificateStatus;
use shared::testing::{FakeCloud, InjectedFault};

/// The state without what a repetition may change: times, counts, the note of the failure, how long the row answers events.
fn settled(cloud: &FakeCloud) -> Value {
    cloud.state().picture(&["attempts", "backoff", "lastError", "lastErrorAt", "revision", "thingVersion"])
}

fn assert_nobody_is_half_in(cloud: &FakeCloud, context: &str) {
    let state = cloud.state();
    for certificate in state.certificates.values().filter(|found| found.status == CertificateStatus::Active) {
        assert!(state.has_thing_and_policy(certificate), "{context}: ACTIVE without a thing or without a policy");
    }
}

/// Runs the event to its end in a cloud where call `n` meets a fault; false if there was no call `n`.
async fn run(cloud: &FakeCloud, payload: &str, n: usize, fault: InjectedFault) -> bool {
    cloud.plan(n, fault);
    let first = cloud.calls().len();
    // A death shows as an invocation that doesn't end.
    let _ = tokio::time::timeout(Duration::from_mins(10), connect(cloud, payload)).await;
    let met = cloud.calls().len() > first + n;
    cloud.let_processes_die();
    for _ in 0..3 {
        assert_nobody_is_half_in(cloud, &format!("{fault:?} at call {n}"));
        if connect(cloud, payload).await.is_ok() {
            break;
        }
    }
    met
}

async fn every_kill_point_settles(fleet: &Fleet, payload: &str) {
    let clean = fleet.cloud.fork();
    connect(&clean, payload).await.unwrap();
    checking::run(&clean, &Request::default()).await.unwrap();
    let expected = settled(&clean);
    for fault in InjectedFault::STOPS {
        let mut n = 0;
        loop {
            let cloud = fleet.cloud.fork();
            let met = run(&cloud, payload, n, fault).await;
            checking::run(&cloud, &Request::default()).await.unwrap();
            assert_eq!(settled(&cloud), expected, "{fault:?} at call {n} of {:?}", cloud.calls());
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
    let fleet = Fleet::new(json!({"admission": "listed", "thingGroup": "eu"}));
    let device = fleet.device("pump-1");
    fleet.cloud.allow_name(fleet.id(), &"pump-1".parse().unwrap());
    fleet.cloud.change_profile(fleet.id(), |profile| profile.ca_pem = None);
    every_kill_point_settles(&fleet, &fleet.event(&device)).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotation_settles_from_every_kill_point() {
    let fleet = Fleet::new(json!({"takeOver": "rotate"}));
    let old = fleet.device("pump-1");
    fleet.connect(&old).await.unwrap();
    let new = fleet.device("pump-1");
    every_kill_point_settles(&fleet, &fleet.event(&new)).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_take_over_settles_from_every_kill_point() {
    let fleet = Fleet::new(json!({}));
    let owner = fleet.device("pump-1");
    fleet.connect(&owner).await.unwrap();
    let thief = fleet.device("pump-1");
    every_kill_point_settles(&fleet, &fleet.event(&thief)).await;
}

/// The table of CAs is lost while an activation is cut short: nobody gets further in, and what has become ACTIVE stays so.
#[tokio::test(start_paused = true)]
async fn an_enrolment_that_is_lost_between_two_attempts_settles_once_it_is_back() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let (profile, payload) = (fleet.cloud.profile(fleet.id()).unwrap(), fleet.event(&device));
    let clean = fleet.cloud.fork();
    connect(&clean, &payload).await.unwrap();
    for fault in InjectedFault::STOPS {
        let mut n = 0;
        loop {
            let cloud = fleet.cloud.fork();
            cloud.plan(n, fault);
            let _ = tokio::time::timeout(Duration::from_mins(10), connect(&cloud, &payload)).await;
            if cloud.calls().len() <= n {
                break;
            }
            cloud.let_processes_die();
            cloud.remove_profiles();
            let before = cloud.state().certificates;
            connect(&cloud, &payload).await.unwrap();
            assert_eq!(cloud.state().certificates, before, "{fault:?} at call {n}: no status is changed");
            assert_nobody_is_half_in(&cloud, &format!("{fault:?} at call {n}"));
            cloud.put_profile(fleet.id(), &profile);
            connect(&cloud, &payload).await.unwrap();
            checking::run(&cloud, &Request::default()).await.unwrap();
            // The refusal is kept beside the registration, under a key of its own.
            cloud.remove_registrations(|id| id.as_str().contains("#certificate#"));
            assert_eq!(settled(&cloud), settled(&clean), "{fault:?} at call {n} of {:?}", cloud.calls());
            n += 1;
        }
        assert!(n >= 7, "an activation has at least seven calls, {n} were met");
    }
}
