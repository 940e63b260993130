#![doc = include_str!("../README.md")]

mod binding;
mod dead_letter;
mod envelope;
mod fates;
mod handler;
mod holdings;
mod plan;
mod refusal;
mod rejecting;
mod round;
mod sequence;
mod settings;
mod sink;
mod slices;
mod translation;
mod weight;
mod writing;

pub use binding::Claim;
pub use dead_letter::{MAX_ROUTE, Rejected, Rejection};
pub use envelope::{Envelope, EnvelopeFault};
pub use plan::Plan;
pub use refusal::{Reason, Refusal};
pub use sequence::{Pending, Sequence};
pub use settings::Settings;
pub use sink::{Outcome, Sink};
pub use translation::{Translated, translate};
