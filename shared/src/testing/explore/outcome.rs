//! What an exploration has found.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use crate::testing::InjectedFault;

/// A call of an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// Who made it.
    pub actor: &'static str,
    /// Which one it was.
    pub call: &'static str,
    /// The fault that it met.
    pub fault: Option<InjectedFault>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<20} {}", self.actor, self.call)?;
        self.fault.map_or(Ok(()), |fault| write!(f, " ({fault:?})"))
    }
}

/// An order at whose end, or in which, something did not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// What did not hold.
    pub problem: String,
    /// The seed of the order, if it was a random one.
    pub seed: Option<u64>,
    /// The calls.
    pub steps: Vec<Step>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, after these calls:\n{}", self.problem, listed(&self.steps))?;
        self.seed.map_or(Ok(()), |seed| write!(f, "this is the order of seed {seed}"))
    }
}

/// What an exploration has found.
#[derive(Clone, Debug)]
#[must_use]
pub struct Explored {
    /// Names of the actors.
    pub actors: Vec<&'static str>,
    /// Calls that were made, counting those of equal points once.
    pub calls: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// Ends that were looked at, counting equal ones once if the exploration was exhaustive.
    pub ends: usize,
    /// The first order that failed.
    pub failure: Option<Failure>,
    /// Most faults of an order.
    pub faults: usize,
    /// Whether it came to its end before the bound.
    pub is_complete: bool,
    /// Orders that were gone through.
    pub orders: u128,
    /// Points that were gone on from.
    pub points: usize,
}

impl Explored {
    /// Makes sure that everything held in every order.
    ///
    /// # Panics
    /// With the order that failed, or if the exploration was not complete.
    pub fn assert_holds(&self) {
        assert!(self.failure.is_none(), "{}", self.failure.as_ref().map(ToString::to_string).unwrap_or_default());
        assert!(self.is_complete, "the bound was too low: {self}");
    }
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, ends, faults, orders, points, .. } = self;
        let actors = self.actors.join(", ");
        let seconds = self.elapsed.as_secs_f64();
        write!(
            f,
            "{actors}, faults {faults}: orders {orders}, points {points}, ends {ends}, calls {calls}, {seconds:.2} s"
        )
    }
}

/// An order, a line for each call.
pub(super) fn listed(steps: &[Step]) -> String {
    steps.iter().enumerate().fold(String::new(), |mut text, (n, step)| {
        let _ = writeln!(text, "{:>4} {step}", n + 1);
        text
    })
}
