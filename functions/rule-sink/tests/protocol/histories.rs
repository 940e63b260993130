//! Random histories of messages against a model of what the README promises: the tables and the queue of refused messages
//! are right in the end, whatever the order in which messages come, however often, and whatever fails on the way.
//!
//! A seed decides about a history. `SEED` and `SEEDS` say which ones there are:
//! `SEED=<seed> SEEDS=1 cargo test --workspace --test protocol -- histories --nocapture` goes through one again.

mod model;
mod run;
mod script;
mod weather;

use fastrand::Rng;
use run::Run;

/// Histories of a usual run.
const SEEDS: u64 = 200;

#[expect(clippy::disallowed_methods, reason = "whoever runs the test chooses")]
fn argument(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn every_history_ends_as_the_readme_promises() {
    let (first, count) = (argument("SEED", 1), argument("SEEDS", SEEDS));
    for seed in first..first + count {
        let history = || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async { Run::new(Rng::with_seed(seed)).end().await });
        };
        if let Err(problem) = std::panic::catch_unwind(history) {
            println!("SEED={seed}");
            std::panic::resume_unwind(problem);
        }
    }
}
