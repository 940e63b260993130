//! Two to four actors about one thing and two certificates of it: many random orders of their calls, with up to two faults.
//!
//! Who acts, what the CA has published, and the order follow from a seed. A wrong end is printed with its seed, and comes
//! again with `SEED=<seed> SEEDS=1 cargo test --package actors --test crossings -- --nocapture`; `make explore` goes through
//! many seeds.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does, and tells how many orders it has run"
)]

use std::time::Instant;

use actors::Turns;
use actors::scene::Published::{self, Expired, New, Nothing, RolledBack};
use actors::scene::{Actor, Scene, Start};
use fastrand::Rng;
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::profile::TakeOver;

/// Orders of a test run.
const SEEDS: u64 = 250;
const LISTS: [Published; 6] = [
    New(None),
    New(Some(CertificateHold)),
    New(Some(KeyCompromise)),
    Expired(Some(CertificateHold)),
    RolledBack(None),
    Nothing,
];
const RULES: [TakeOver; 4] = [TakeOver::Rotate, TakeOver::Rotate, TakeOver::Refuse, TakeOver::Join];
const STARTS: [Start; 7] =
    [Start::Pending, Start::Listed, Start::Counting, Start::Inside, Start::OnHold, Start::Freed, Start::Replaced];

/// What a seed makes of the beginning.
#[derive(Debug)]
struct Scenario {
    actors: Vec<Actor>,
    faults: usize,
    published: Published,
    rule: TakeOver,
    start: Start,
    turns: Turns,
}

impl Scenario {
    fn of(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let count = random.usize(2..=4);
        Self {
            actors: (0..count).map(|_| actor(&mut random)).collect(),
            faults: random.usize(..=2),
            published: one(&mut random, &LISTS),
            rule: one(&mut random, &RULES),
            start: one(&mut random, &STARTS),
            turns: one(&mut random, &[Turns::AtOnce, Turns::Late]),
        }
    }

    /// Goes through the order of a seed.
    fn follow(&self, seed: u64) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let scene = runtime.block_on(Scene::new(self.start, self.published, self.rule, self.turns));
        let _inside = runtime.enter();
        let explored = scene.exploration(&self.actors, self.faults).random(seed..seed + 1);
        explored.failure.map_or(Ok(()), |failure| Err(failure.to_string()))
    }
}

/// Somebody. Those who set a status themselves come more often than those who only disturb them.
fn actor(random: &mut Rng) -> Actor {
    match random.usize(..12) {
        0..2 => Actor::Older,
        2..4 => Actor::Younger,
        4..7 => Actor::PublishAndRun(one(random, &LISTS)),
        7 => Actor::Run,
        8 => Actor::Publish(one(random, &LISTS)),
        9 => Actor::Rule(one(random, &RULES)),
        _ => one(random, &Actor::ALL),
    }
}

fn one<T: Copy>(random: &mut Rng, of: &[T]) -> T {
    *random.choice(of).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "an argument of whoever runs the test")]
fn argument(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn whatever_crosses_whatever_certificates_end_where_their_facts_say() {
    let (first, count) = (argument("SEED", 1), argument("SEEDS", SEEDS));
    let begun = Instant::now();
    let mut wrong = 0;
    for seed in first..first + count {
        let scenario = Scenario::of(seed);
        if let Err(problem) = scenario.follow(seed) {
            wrong += 1;
            println!("SEED={seed}: {scenario:?}\n{problem}");
        }
    }
    println!("{count} orders from seed {first}, {wrong} end wrong, {:.0} s", begun.elapsed().as_secs_f64());
    assert_eq!(wrong, 0, "orders that end wrong");
}
