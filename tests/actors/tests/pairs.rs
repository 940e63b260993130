//! Two and three actors about one thing and two certificates of it: every order of their calls, and what holds at the end of
//! each.
//!
//! `FAULTS=1` lets any call of an order meet a fault besides, `FAULTS=2` any two. `LATE=1` lets each change of a status wait
//! so long for its turn that the certificate is looked at again.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does, and tells how many orders it has run"
)]

use actors::Turns;
use actors::scene::Actor::{
    self, Delete, Older, Publish, PublishAndRun, Reconcile, Release, Reregister, Rule, Run, SwitchOff, Younger,
};
use actors::scene::Published::{self, Expired, New, Nothing, RolledBack};
use actors::scene::Scene;
use actors::scene::Start::{self, Counting, Inside, Listed, OnHold, Pending, Replaced};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::profile::TakeOver::{Join, Rotate};

const HOLD: Published = New(Some(CertificateHold));
const REVOKED: Published = New(Some(KeyCompromise));
const EMPTY: Published = New(None);

#[expect(clippy::disallowed_methods, reason = "an argument of whoever runs the test")]
fn argument(name: &str) -> usize {
    std::env::var(name).map_or(0, |text| text.parse().unwrap())
}

/// Faults of an order.
fn faults() -> usize {
    argument("FAULTS")
}

fn turns() -> Turns {
    if argument("LATE") == 0 { Turns::AtOnce } else { Turns::Late }
}

/// Goes through every order of each of these groups; of a group up to the first that ends wrong.
fn explore(start: Start, published: Published, groups: &[&[Actor]]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let scene = runtime.block_on(Scene::new(start, published, Rotate, turns()));
    let _inside = runtime.enter();
    let mut wrong = Vec::new();
    for group in groups {
        let explored = scene.exploration(group, faults()).exhaustive();
        println!("{start:?}, {published:?}, {group:?}: {explored}");
        if let Some(failure) = explored.failure {
            println!("{failure}");
            wrong.push(group);
        }
    }
    assert!(wrong.is_empty(), "{start:?}, {published:?}: orders of {wrong:?} end wrong");
}

/// Goes through every order of all pairs, whatever the CA has published.
fn explore_pairs(start: Start) {
    let lists = [EMPTY, HOLD, REVOKED, Expired(None), Expired(Some(CertificateHold)), RolledBack(None), Nothing];
    let everybody = Actor::ALL.iter().enumerate();
    let pairs: Vec<_> = everybody.flat_map(|(n, one)| Actor::ALL.iter().skip(n).map(|other| [*one, *other])).collect();
    let pairs: Vec<&[Actor]> = pairs.iter().map(<[Actor; 2]>::as_slice).collect();
    let are_right = |list: &Published| std::panic::catch_unwind(|| explore(start, *list, &pairs)).is_ok();
    let wrong: Vec<_> = lists.iter().filter(|list| !are_right(list)).collect();
    assert!(wrong.is_empty(), "{start:?}: orders with {wrong:?} end wrong");
}

#[test]
fn two_deliveries() {
    explore(Pending, EMPTY, &[&[Older, Older], &[Older, Younger]]);
}

#[test]
fn a_take_over_crosses_a_run() {
    explore(Inside, EMPTY, &[&[Younger, Run]]);
}

#[test]
fn a_delivery_crosses_a_run_that_takes_the_device_out() {
    explore(Pending, HOLD, &[&[Older, Run]]);
    explore(Pending, REVOKED, &[&[Older, Run]]);
}

#[test]
fn a_run_crosses_an_operator() {
    explore(Inside, HOLD, &[&[Run, SwitchOff], &[Run, Delete], &[Run, Release]]);
    explore(OnHold, EMPTY, &[&[Run, Release], &[Run, Reregister]]);
}

#[test]
fn a_run_crosses_a_ca_that_publishes() {
    explore(Inside, HOLD, &[&[Run, Publish(EMPTY)], &[Run, Publish(RolledBack(None))], &[Run, Publish(Nothing)]]);
    explore(OnHold, EMPTY, &[&[Run, Publish(HOLD)], &[Reconcile, Publish(HOLD)]]);
}

#[test]
fn a_delivery_crosses_a_ca_that_ends_a_hold() {
    explore(Listed, HOLD, &[&[Older, PublishAndRun(EMPTY)]]);
    explore(Counting, HOLD, &[&[Older, PublishAndRun(EMPTY)]]);
}

#[test]
fn a_delivery_crosses_an_operator() {
    explore(Pending, EMPTY, &[&[Older, Release], &[Older, Rule(Join)], &[Older, Delete]]);
    explore(Inside, EMPTY, &[&[Older, Release], &[Older, SwitchOff], &[Younger, Rule(Join)]]);
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn pairs_about_a_certificate_that_is_pending() {
    explore_pairs(Pending);
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn pairs_about_a_certificate_that_is_inside() {
    explore_pairs(Inside);
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn pairs_about_a_certificate_on_hold() {
    explore_pairs(OnHold);
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn pairs_about_a_certificate_that_was_replaced() {
    explore_pairs(Replaced);
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn three_at_once() {
    explore(Pending, EMPTY, &[&[Older, Older, Release], &[Older, Younger, SwitchOff], &[Older, Younger, Release]]);
    explore(Pending, HOLD, &[&[Older, Run, SwitchOff], &[Older, Run, Publish(EMPTY)]]);
    explore(Inside, HOLD, &[&[Run, Publish(EMPTY), Release], &[Run, Run, Publish(EMPTY)]]);
    explore(OnHold, EMPTY, &[&[Run, Publish(HOLD), SwitchOff], &[Run, Run, Publish(HOLD)]]);
}
