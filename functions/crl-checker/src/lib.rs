#![doc = include_str!("../README.md")]

mod apply;
mod change;
mod check;
mod checker;
mod content;
pub mod fetch;
mod handler;
mod judge;
mod metrics;
mod pace;
mod plan;
mod reconcile;
mod report;
mod settings;

pub use change::Changes;
pub use checker::{Checker, Limits, Parts};
pub use report::{Outcome, Report, Request, SourceReport};
pub use settings::{Names, Percent, Settings};
