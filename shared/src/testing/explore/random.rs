//! Many orders, each from a seed.

use std::time::Instant;

use fastrand::Rng;

use super::point::{Choice, Course};
use super::{Exploration, Explored, Failure, in_a_runtime};

/// Variable that names the only seed to try.
pub(super) const SEED: &str = "EXPLORE_SEED";
/// Variable that says how many orders to try.
const ROUNDS: &str = "EXPLORE_ROUNDS";
/// One call of so many meets a fault, as long as there are faults left.
const CALLS_PER_FAULT: usize = 10;

impl Exploration<'_> {
    /// Goes through so many orders, up to the first failure. The seeds are the same each time, unless the environment says
    /// otherwise.
    pub fn random(self, rounds: u64) -> Explored {
        in_a_runtime(|| self.go_through(rounds))
    }

    fn go_through(mut self, rounds: u64) -> Explored {
        let begun = Instant::now();
        let seeds = match (variable(SEED), variable(ROUNDS)) {
            (Some(seed), _) => seed..seed.saturating_add(1),
            (None, Some(rounds)) => {
                let first = u64::from(fastrand::u32(..)) << 32;
                first..first.saturating_add(rounds)
            }
            (None, None) => 0..rounds,
        };
        let names = self.actors.iter().map(|actor| actor.name).collect();
        let faults = self.faults;
        let mut course = Course::new(&mut self);
        let (mut orders, mut points) = (0, 0);
        let mut failure = None;
        for seed in seeds {
            course.steps.clear();
            let ended = course.follow(seed);
            orders += 1;
            points += course.steps.len();
            if let Err(found) = ended {
                failure = Some(Failure { seed: Some(seed), ..found });
                break;
            }
        }
        let (calls, ends) = (course.calls, usize::try_from(orders).unwrap_or(usize::MAX));
        let elapsed = begun.elapsed();
        Explored { actors: names, calls, elapsed, ends, failure, faults, is_complete: true, orders, points }
    }
}

impl Course<'_, '_> {
    /// Goes through the order of a seed.
    fn follow(&mut self, seed: u64) -> Result<(), Failure> {
        let mut random = Rng::with_seed(seed);
        // How often the actor of the last call makes the next one too: orders in which one does much at a time are as
        // likely as those in which they alternate.
        let inertia = [0.0, 0.5, 0.9][random.usize(..3)];
        let mut point = self.start();
        let mut last = None;
        loop {
            let choices = self.choices(&point);
            let is_last = |choice: &&Choice| Some(choice.actor) == last;
            let goes_on = random.f64() < inertia && choices.iter().any(|choice| is_last(&choice));
            let candidates: Vec<&Choice> = choices.iter().filter(|choice| !goes_on || is_last(choice)).collect();
            let strikes =
                random.usize(..CALLS_PER_FAULT) == 0 && candidates.iter().any(|choice| choice.fault.is_some());
            let candidates: Vec<_> =
                candidates.into_iter().filter(|choice| choice.fault.is_some() == strikes).collect();
            let Some(choice) = random.choice(candidates) else { return self.end(point) };
            last = Some(choice.actor);
            point = self.step(point, *choice)?;
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "it is the tester who sets it, not the stack")]
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}
