//! AWS in memory: AWS IoT's registry and S3 behind the ports, the tables behind DynamoDB's wire.
//!
//! The tables are reached through the adapters that ship, so that every condition of theirs is the real one. Every call of
//! a program, be it of a port or a request on the wire, passes one point, where it is counted and may meet a fault. A call of
//! AWS IoT takes one second of tokio's clock: with the clock paused, the time that has passed is the number of calls in
//! sequence. Clients try once, so that each request is a call of its own.
//!
//! What tests read and prepare goes past that point, through the adapters all the same.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a broken fake ends the test"
)]

mod bucket;
mod calls;
mod clients;
mod desk;
mod object;
mod picture;
mod records;
mod registry;
mod rows;
mod state;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::task::{Context, Poll, Waker};

use self::calls::Calls;
use self::clients::Clients;

pub use self::bucket::Content;
pub(super) use self::calls::{Answer, Call, Effect};
pub use self::object::Object;
pub use self::state::{CloudState, FakeThing};

/// Polls within which an adapter comes to its end: the SDK's paginators hand their pages on step by step.
const MAX_POLLS: usize = 100;

/// The cloud. Clones are the same one; [`FakeCloud::fork`] makes another.
#[derive(Clone)]
pub struct FakeCloud(Arc<Shared>);

struct Shared {
    calls: Mutex<Calls>,
    programs: OnceLock<Clients>,
    tests: OnceLock<Clients>,
}

impl fmt::Debug for FakeCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FakeCloud").field(&self.lock().state).finish()
    }
}

impl Default for FakeCloud {
    fn default() -> Self {
        Self::new(CloudState::default())
    }
}

impl FakeCloud {
    /// A cloud in this state.
    #[must_use]
    pub fn new(state: CloudState) -> Self {
        let calls = Mutex::new(Calls::of(state));
        Self(Arc::new(Shared { calls, programs: OnceLock::new(), tests: OnceLock::new() }))
    }

    /// Another cloud in the same state, that has seen no call.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::new(self.state())
    }

    /// A copy of the state.
    #[must_use]
    pub fn state(&self) -> CloudState {
        self.change(|state| state.clone())
    }

    /// Changes the state by hand, as an operator would.
    ///
    /// # Panics
    /// In a program that is explored: it has to make a [`call`](Self::call).
    pub fn change<T>(&self, change: impl FnOnce(&mut CloudState) -> T) -> T {
        let mut calls = self.lock();
        assert!(calls.desk.is_none(), "a program that is explored acts through calls alone");
        change(&mut calls.state)
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.calls.lock().expect("no test panics while it holds the cloud")
    }

    fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.0)
    }
}

/// What an adapter answers past the point that calls pass: it comes at once, and is no fault.
fn at_once<T, E: fmt::Debug>(answer: impl Future<Output = Result<T, E>>) -> T {
    // Not within the budget of the task that the test is.
    let mut answer = pin!(tokio::task::unconstrained(answer));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..MAX_POLLS {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return answer.expect("an answer of the table");
        }
    }
    unreachable!("the adapter waits for something else than the table")
}
