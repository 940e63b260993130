#![doc = include_str!("../README.md")]

mod batch;
mod failures;
mod handler;
mod recorder;
mod settings;

pub use batch::{Batch, Received, Refused};
pub use failures::Failing;
pub use recorder::{Outcome, Recorder};
pub use settings::{Days, Settings};
