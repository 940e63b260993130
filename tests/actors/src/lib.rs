//! The functions as actors over AWS in memory: a CA with its devices, invocations of the activator, runs of the CRL
//! checker. Protocol tests of both functions share them.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "for tests: a set-up that fails ends the test"
)]

pub mod activation;
pub mod checking;
mod fleet;
pub mod operator;
pub mod scene;
mod steps;
mod turns;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use time::OffsetDateTime;

pub use fleet::{Fleet, account, enrol, event, event_at, event_of, now, serial};
pub use turns::Turns;

/// The id of an invocation, a UUID as Lambda's are. No two have the same.
pub fn next_request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("00000000-0000-4000-8000-{:012}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The time at which explored actors act: an actor whose code runs again has to do the same.
fn explored_time() -> OffsetDateTime {
    static TIME: OnceLock<OffsetDateTime> = OnceLock::new();
    *TIME.get_or_init(now)
}

/// The deadline of all invocations.
pub fn deadline() -> OffsetDateTime {
    explored_time() + time::Duration::hours(1)
}
