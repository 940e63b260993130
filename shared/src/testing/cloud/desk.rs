//! Calls of a program that is explored: each waits until the explorer answers it.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::FakeCloud;
use super::calls::{Answer, Call};

/// Calls that were made and not answered, and answers that were not picked up.
#[derive(Default)]
pub(super) struct Desk {
    answers: BTreeMap<u64, Option<Answer>>,
    made: u64,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    call: Call,
    number: u64,
    waker: Option<Waker>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.waiting.iter().map(|waiting| waiting.call.name)).finish()
    }
}

/// A call on its way.
pub(super) struct Ticket<'c> {
    cloud: &'c FakeCloud,
    number: u64,
}

impl<'c> Ticket<'c> {
    pub(super) fn new(cloud: &'c FakeCloud, call: Call) -> Self {
        let number = cloud.at_desk(|desk| {
            let number = desk.made;
            desk.made += 1;
            desk.waiting.push_back(Waiting { call, number, waker: None });
            number
        });
        Self { cloud, number }
    }
}

impl Future for Ticket<'_> {
    type Output = Option<Answer>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        self.cloud.at_desk(|desk| {
            if let Some(answer) = desk.answers.remove(&self.number) {
                return Poll::Ready(answer);
            }
            let own = desk.waiting.iter_mut().find(|waiting| waiting.number == self.number);
            own.expect("the call is still waiting").waker = Some(context.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.cloud.at_desk(|desk| {
            desk.answers.remove(&self.number);
            desk.waiting.retain(|waiting| waiting.number != self.number);
        });
    }
}

impl FakeCloud {
    /// A cloud without a state, whose calls wait to be answered.
    pub(in crate::testing) fn explored() -> Self {
        let cloud = Self::default();
        cloud.lock().desk = Some(Desk::default());
        cloud
    }

    pub(super) fn is_explored(&self) -> bool {
        self.lock().desk.is_some()
    }

    /// The calls that wait, in the order in which they were made, with their numbers.
    pub(in crate::testing) fn waiting_calls(&self) -> Vec<(u64, Call)> {
        self.at_desk(|desk| desk.waiting.iter().map(|waiting| (waiting.number, waiting.call.clone())).collect())
    }

    /// Answers one of the calls that wait; without an answer it is lost.
    ///
    /// # Panics
    /// If there is no such call.
    pub(in crate::testing) fn answer_call(&self, call: usize, answer: Option<Answer>) {
        let waker = self.at_desk(|desk| {
            let Waiting { number, waker, .. } = desk.waiting.remove(call).expect("a call that waits");
            desk.answers.insert(number, answer);
            waker
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn at_desk<T>(&self, act: impl FnOnce(&mut Desk) -> T) -> T {
        act(self.lock().desk.as_mut().expect("a cloud that is explored"))
    }
}
