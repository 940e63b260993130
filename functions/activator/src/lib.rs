#![doc = include_str!("../README.md")]

mod activation;
mod admission;
mod answer;
mod batch;
mod handler;
mod invocation;
mod metrics;
mod overflow;
mod profiles;
mod settings;
mod take_over;
mod thing;
mod waiting;

pub use activation::Activator;
pub use answer::Response;
pub use handler::{Answer, Handler};
pub use settings::{ProfileVersion, Queues, Settings, UnenrolledAuthorities};
