//! Two programs in one world, their calls in every order.

#![expect(clippy::expect_used, reason = "a broken fake ends the test")]

use std::collections::HashSet;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use regex_lite::Regex;

use super::{State, World};

/// Polls of one program within which it has to make its call.
const PATIENCE: usize = 100;
/// Longest answer, as text, that times are looked for in.
const LONG: usize = 20_000;

/// Who may make the next call, and what each program has seen so far.
#[derive(Debug, Default)]
pub(super) struct Turns {
    calling: usize,
    observed: [DefaultHasher; 2],
    permit: bool,
    waiting: Vec<Waker>,
}

/// Waits until the program that makes this call may make it.
pub(super) async fn turn(world: &World, name: &'static str) {
    poll_fn(|context| {
        let mut inner = world.lock();
        let Some(turns) = &mut inner.turns else { return Poll::Ready(()) };
        if !std::mem::take(&mut turns.permit) {
            turns.waiting.push(context.waker().clone());
            return Poll::Pending;
        }
        inner.calls.push(name);
        Poll::Ready(())
    })
    .await;
}

/// Notes what the program was answered. What it does next follows from its answers alone.
pub(super) fn observe(world: &World, answer: &impl Debug) {
    let mut inner = world.lock();
    if let Some(turns) = &mut inner.turns
        && let Some(observed) = turns.observed.get_mut(turns.calling)
    {
        timeless(answer).hash(observed);
    }
}

/// A value as text, without the times in it: every run has other ones, and no decision hangs on milliseconds.
fn timeless(value: &impl Debug) -> String {
    static TIME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}:\d{2}[.\d]*").expect("a regular expression"));
    let text = format!("{value:?}");
    // Parts of snapshots are long, and have none.
    if text.len() > LONG { text } else { TIME.replace_all(&text, "").into_owned() }
}

/// A program, to be run step by step.
pub type Program<'p> = Pin<Box<dyn Future<Output = ()> + 'p>>;

/// All orders in which the calls of two programs can follow each other.
///
/// Orders that lead to the same state, with both programs having seen the same, have the same future: such a point is
/// gone on from once. This leaves nothing out, and makes a few hundred runs of what would be millions.
#[derive(Debug)]
pub struct Interleavings {
    /// Orders that were run to their end.
    pub ends: usize,
}

impl Interleavings {
    /// Runs the two programs in a fresh world each time, and shows every world in which both have ended, with the order.
    pub fn explore<'p>(
        world: impl Fn() -> World,
        programs: impl Fn(Arc<World>) -> [Program<'p>; 2],
        mut ended: impl FnMut(&World, &[usize]),
    ) -> Self {
        let mut seen = HashSet::new();
        let mut ends = 0;
        let mut orders = vec![Vec::new()];
        while let Some(order) = orders.pop() {
            let world = Arc::new(world());
            world.lock().turns = Some(Turns::default());
            let programs = programs(Arc::clone(&world));
            let mut running = Running { done: [false; 2], programs, world: &world };
            running.begin();
            for program in &order {
                running.step(*program);
            }
            if !seen.insert(running.fingerprint()) {
                continue;
            }
            if running.done == [true; 2] {
                ends += 1;
                ended(&world, &order);
            }
            for program in [0, 1] {
                if running.done.get(program) == Some(&false) {
                    orders.push(order.iter().copied().chain([program]).collect());
                }
            }
        }
        Self { ends }
    }
}

struct Running<'w, 'p> {
    done: [bool; 2],
    programs: [Program<'p>; 2],
    world: &'w World,
}

impl Running<'_, '_> {
    /// Lets both programs come to their first call.
    fn begin(&mut self) {
        self.poll(0);
        self.poll(1);
    }

    /// Lets one program make one call, and come to its next one.
    fn step(&mut self, program: usize) {
        for waker in self.allow(program) {
            waker.wake();
        }
        for _ in 0..PATIENCE {
            self.poll(program);
            if self.done.get(program) == Some(&true) || !self.is_allowed() {
                return;
            }
        }
        unreachable!("the program waits for something else than its next call");
    }

    fn allow(&self, program: usize) -> Vec<Waker> {
        let mut inner = self.world.lock();
        let turns = inner.turns.get_or_insert_default();
        turns.calling = program;
        turns.permit = true;
        std::mem::take(&mut turns.waiting)
    }

    fn is_allowed(&self) -> bool {
        self.world.lock().turns.as_ref().is_some_and(|turns| turns.permit)
    }

    fn poll(&mut self, program: usize) {
        if let (Some(future), Some(done @ false)) = (self.programs.get_mut(program), self.done.get_mut(program)) {
            *done = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        }
    }

    fn fingerprint(&self) -> u64 {
        let inner = self.world.lock();
        let mut hasher = DefaultHasher::new();
        let State { certificates, comparisons, crl_states, policies, rows, snapshots, things, .. } = &inner.state;
        // What never changes, or changes with one of these, is left out.
        timeless(&(certificates, comparisons, crl_states, policies, rows, snapshots.keys(), things)).hash(&mut hasher);
        if let Some(turns) = &inner.turns {
            turns.observed.iter().for_each(|observed| observed.finish().hash(&mut hasher));
        }
        self.done.hash(&mut hasher);
        hasher.finish()
    }
}
