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
mod run;
mod settings;

pub use checker::{Checker, Limits, Parts, Ports};
pub use report::{Changes, Outcome, Report, Request, SourceReport};
pub use settings::{Names, Percent, Settings};
