//! Many orders, each from a seed.

use std::ops::Range;
use std::time::Instant;

use fastrand::Rng;

use super::point::{Choice, Course};
use super::{Exploration, Explored, Failure, in_a_runtime};

/// One call of so many meets a fault, as long as there are faults left.
const CALLS_PER_FAULT: usize = 10;

impl Exploration<'_> {
    /// Goes through the orders of these seeds, up to the first failure.
    pub fn random(self, seeds: Range<u64>) -> Explored {
        in_a_runtime(|| self.go_through(seeds))
    }

    fn go_through(mut self, seeds: Range<u64>) -> Explored {
        let begun = Instant::now();
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
