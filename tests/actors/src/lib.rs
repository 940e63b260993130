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

pub use fleet::{Fleet, account, enrol, event, event_of, now, serial};
