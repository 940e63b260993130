#![doc = include_str!("../README.md")]

mod batch;
mod handler;
mod recorder;
mod settings;

pub use batch::{Batch, Received, Refused};
pub use recorder::{Outcome, Recorder};
pub use settings::{Days, Settings};
