//! Every order.

use std::collections::HashMap;
use std::time::Instant;

use super::point::{Course, Point};
use super::{Exploration, Explored, Failure, in_a_runtime};

/// Why a search ends before it is complete.
enum Stop {
    Bound,
    Failure(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

struct Search<'e, 's> {
    course: Course<'e, 's>,
    ends: usize,
    /// Points that were gone on from, each with the number of orders from it.
    seen: HashMap<u64, u128>,
}

impl Exploration<'_> {
    /// Goes through every order, up to the first failure or the bound.
    pub fn exhaustive(self) -> Explored {
        in_a_runtime(|| self.search())
    }

    fn search(mut self) -> Explored {
        let begun = Instant::now();
        let names = self.actors.iter().map(|actor| actor.name).collect();
        let faults = self.faults;
        let mut search = Search { course: Course::new(&mut self), ends: 0, seen: HashMap::new() };
        let start = search.course.start();
        let visited = search.visit(start);
        let orders = *visited.as_ref().unwrap_or(&0);
        Explored {
            actors: names,
            calls: search.course.calls,
            elapsed: begun.elapsed(),
            ends: search.ends,
            failure: match visited {
                Err(Stop::Failure(failure)) => Some(failure),
                _ => None,
            },
            faults,
            is_complete: orders > 0,
            orders,
            points: search.seen.len(),
        }
    }
}

impl Search<'_, '_> {
    /// Goes on from a point; the number of orders from it.
    fn visit(&mut self, point: Point) -> Result<u128, Stop> {
        let fingerprint = self.course.fingerprint(&point);
        if let Some(orders) = self.seen.get(&fingerprint) {
            return Ok(*orders);
        }
        if self.seen.len() >= self.course.bound() {
            return Err(Stop::Bound);
        }
        // It is counted from now on; no order comes back to it.
        self.seen.insert(fingerprint, 0);
        let choices = self.course.choices(&point);
        let mut orders: u128 = 0;
        if choices.is_empty() {
            self.ends += 1;
            orders = 1;
            self.course.end(point)?;
        } else {
            for choice in choices {
                let next = self.course.step(point.clone(), choice)?;
                orders = orders.saturating_add(self.visit(next)?);
                self.course.steps.pop();
            }
        }
        self.seen.insert(fingerprint, orders);
        Ok(orders)
    }
}
