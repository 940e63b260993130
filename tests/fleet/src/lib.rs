//! Many devices at once before the activator that ships, in virtual time.
//!
//! The activator, its pacer and its adapters are the real ones, over AWS in memory. Simulated is what stands around them: the
//! quotas of AWS IoT (token buckets that hold one second's calls), queues and event sources as the template sets them
//! (`queue`, `source`, `settings`), and devices that connect again and again until they are in (`device`). The clock is
//! tokio's, paused, so that hours pass in seconds.

#![expect(clippy::expect_used, clippy::must_use_candidate, reason = "for tests: a set-up that fails ends the test")]

mod device;
pub mod outcomes;
pub mod plot;
mod queue;
mod quota;
mod scenario;
mod settings;
mod source;
pub mod storm;
mod world;

pub use scenario::{Beside, Outcome, Scenario};
