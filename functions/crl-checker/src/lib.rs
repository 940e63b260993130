#![doc = include_str!("../README.md")]

mod apply;
mod carry;
mod change;
mod check;
mod checker;
mod confirm;
mod content;
pub mod fetch;
mod handler;
mod job;
mod metrics;
mod reconcile;
mod rehearsal;
mod report;
mod run;
mod settings;
mod walk;
mod window;

pub use checker::{Checker, Limits, Parts, Portions, Ports};
pub use report::{CertificateChange, Changes, Outcome, Report, Request, SourceReport};
pub use settings::{Names, Percent, ScratchStorage, Settings};
