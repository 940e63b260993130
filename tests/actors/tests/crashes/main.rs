//! Three certificates of one thing after somebody has died: steps one after another, any of which may crash, then actors at
//! once, with a fault at the most. The CA may list all of them, in lists that follow each other; an operator releases the
//! thing, switches certificates off, deletes them, registers them again, and changes the take-over rule.
//!
//! A wrong end is printed with its seed, and comes again with
//! `SEED=<seed> SEEDS=1 cargo test --package actors --test crashes -- --nocapture`.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does, and tells how many orders it has run"
)]

mod end;
mod scene;

use std::time::Instant;

use fastrand::Rng;

use crate::scene::{Actor, Scene};

/// Beginnings of a test run.
const SEEDS: u64 = 150;
/// Orders of the actors that are gone through after each beginning.
const ORDERS: u64 = 3;

fn follow(seed: u64) -> Result<(), String> {
    let mut random = Rng::with_seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let scene = runtime.block_on(Scene::begun(&mut random));
    let actors: Vec<Actor> = (0..random.usize(1..=scene::NAMES.len())).map(|_| scene.choose(&mut random)).collect();
    let faults = random.usize(..=1);
    let _inside = runtime.enter();
    scene.cross(&actors, faults, seed..seed + ORDERS)
}

#[expect(clippy::disallowed_methods, reason = "an argument of whoever runs the test")]
fn argument(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn after_a_crash_whatever_crosses_whatever_certificates_end_where_their_facts_say() {
    let (first, count) = (argument("SEED", 1), argument("SEEDS", SEEDS));
    let begun = Instant::now();
    let mut wrong = 0;
    for seed in first..first + count {
        if let Err(problem) = follow(seed) {
            println!("SEED={seed}: {problem}");
            wrong += 1;
        }
    }
    println!("{count} beginnings from seed {first}, {wrong} end wrong, {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(wrong, 0, "the seeds that end wrong are printed above");
}
