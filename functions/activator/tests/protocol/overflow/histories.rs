//! Random histories of devices, operators and faults before two processes of each queue. Once nothing changes any more and every
//! device has connected once more, whoever may come in is in, and both queues are empty.
//!
//! A seed decides about a history. `SEED` and `SEEDS` say which ones there are:
//! `SEED=<seed> SEEDS=1 cargo test --workspace --test protocol -- histories --nocapture` goes through one again.

mod world;

use shared::port::CertificateStatus::Active;
use world::{Plan, World};

/// Histories of a usual run.
const SEEDS: u64 = 20;

#[expect(clippy::disallowed_methods, reason = "whoever runs the test chooses")]
fn argument(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Each fourth history has no faults.
fn plan(seed: u64) -> Plan {
    Plan { deletes: seed.is_multiple_of(3), has_faults: !seed.is_multiple_of(4), needs_crl: seed.is_multiple_of(5) }
}

#[test]
fn whoever_may_come_in_is_in_and_nothing_goes_round() {
    let (first, count) = (argument("SEED", 1), argument("SEEDS", SEEDS));
    for seed in first..first + count {
        fastrand::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let wrong = tokio::task::LocalSet::new().block_on(&runtime, wrong_in_the_end(plan(seed)));
        assert!(wrong.is_empty(), "SEED={seed}, {:?}: {wrong:?}", plan(seed));
    }
}

/// What is wrong once a history has ended.
async fn wrong_in_the_end(plan: Plan) -> Vec<String> {
    let world = World::new(plan);
    world.history().await;
    let left = world.drain().await;
    let mut wrong: Vec<_> = (left > 0).then(|| format!("{left} messages go round for an hour")).into_iter().collect();
    for (name, device) in &world.devices {
        let status = world.fleet.status(device);
        if world.may_come_in(name).await && status != Active {
            wrong.push(format!("{name} may come in, and is {status:?}"));
        }
    }
    wrong
}
