//! Actors over the cloud in memory, their calls in every order, with faults at any of them.
//!
//! At each point one actor makes its next call, which is answered, refused, has its answer lost, or is the actor's last:
//! an actor that died does nothing more. [`Exploration::exhaustive`] goes through all of these, [`Exploration::random`]
//! through orders that follow from seeds. A failure tells the order.
//!
//! What an actor does next follows from what its calls were answered, and from nothing else: then its code has to run only
//! once for each row of answers, whatever the others do, and a point of the exploration is a plain value (the state of the
//! cloud, and for each actor what it was answered). Points that are equal have the same future, and are gone on from once;
//! times and made-up ids do not count. That leaves nothing out, and makes some thousands of points of millions of orders.
//! Calls that an actor makes at once are answered in every order, too; in which one does not count any more as soon as all of
//! them are answered, unless one made the actor call again before.
//!
//! The crates shuttle and loom order threads and locks of their own, and turmoil packets between hosts; none of them orders
//! the requests of futures that wait for tokio and the SDK, or explores that exhaustively.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an exploration that is set up wrongly ends the test"
)]

mod actor;
mod exhaustive;
mod outcome;
mod point;
mod random;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;

use tokio::runtime::{Builder, Handle};

use self::actor::Actor;
use super::{CloudState, FakeCloud, InjectedFault};

pub use self::outcome::{Explored, Failure, Step};

/// What one actor does.
pub(super) type Program<'s> = Pin<Box<dyn Future<Output = ()> + 's>>;
/// What is looked at, with what is wrong.
type Check<'s> = Box<dyn Fn(&FakeCloud) -> Result<(), String> + 's>;

/// Actors that start from one state of the cloud, and what has to hold.
pub struct Exploration<'s> {
    actors: Vec<Actor<'s>>,
    afterwards: Option<Actor<'s>>,
    at_the_end: Check<'s>,
    always: Check<'s>,
    bound: usize,
    faults: usize,
    kinds: Vec<InjectedFault>,
    start: FakeCloud,
}

impl<'s> Exploration<'s> {
    /// An exploration from the present state of a cloud, without faults, and with nothing that has to hold.
    #[must_use]
    pub fn new(start: &FakeCloud) -> Self {
        let start = start.fork();
        start.change(CloudState::forget_fingerprints);
        Self {
            actors: Vec::new(),
            afterwards: None,
            at_the_end: Box::new(|_| Ok(())),
            always: Box::new(|_| Ok(())),
            bound: usize::MAX,
            faults: 0,
            kinds: InjectedFault::STOPS.to_vec(),
            start,
        }
    }

    /// Adds an actor. It acts through calls on the cloud that it is given, and must not have an effect elsewhere: how often
    /// its code runs has nothing to do with how often it acts.
    #[must_use]
    pub fn actor<F: Future<Output = ()> + 's>(
        mut self,
        name: &'static str,
        program: impl Fn(FakeCloud) -> F + 's,
    ) -> Self {
        self.actors.push(Actor::new(name, program));
        self
    }

    /// Lets the actor of this name do something else.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn instead_of<F: Future<Output = ()> + 's>(
        mut self,
        name: &'static str,
        program: impl Fn(FakeCloud) -> F + 's,
    ) -> Self {
        *self.actors.iter_mut().find(|actor| actor.name == name).expect("an actor of the name") =
            Actor::new(name, program);
        self
    }

    /// What happens when all actors have ended or died, without faults: events are repeated, the checker runs.
    #[must_use]
    pub fn afterwards<F: Future<Output = ()> + 's>(mut self, program: impl Fn(FakeCloud) -> F + 's) -> Self {
        self.afterwards = Some(Actor::new("afterwards", program));
        self
    }

    /// What has to hold after every call.
    #[must_use]
    pub fn always(mut self, check: impl Fn(&FakeCloud) -> Result<(), String> + 's) -> Self {
        self.always = Box::new(check);
        self
    }

    /// What has to hold at the end.
    #[must_use]
    pub fn at_the_end(mut self, check: impl Fn(&FakeCloud) -> Result<(), String> + 's) -> Self {
        self.at_the_end = Box::new(check);
        self
    }

    /// Lets up to so many calls meet a fault, in each order.
    #[must_use]
    pub fn faults(self, faults: usize) -> Self {
        Self { faults, ..self }
    }

    /// Lets up to so many calls meet a fault of these kinds.
    #[must_use]
    pub fn faults_of(self, faults: usize, kinds: &[InjectedFault]) -> Self {
        Self { faults, kinds: kinds.to_vec(), ..self }
    }

    /// Ends an exhaustive exploration after so many points. What it has found until then is told as incomplete.
    #[must_use]
    pub fn bound(self, points: usize) -> Self {
        Self { bound: points, ..self }
    }
}

/// The program of an actor that was just made.
fn program<'s, F: Future<Output = ()> + 's>(make: impl Fn(FakeCloud) -> F, cloud: FakeCloud) -> Program<'s> {
    // The budget of the test's own task must not keep a program from going on.
    Box::pin(tokio::task::unconstrained(make(cloud)))
}

/// Explores within a runtime, which programs need for their timers. Its clock stands still: no order takes time.
fn in_a_runtime(explore: impl FnOnce() -> Explored) -> Explored {
    if Handle::try_current().is_ok() {
        return explore();
    }
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let _inside = runtime.enter();
    explore()
}
