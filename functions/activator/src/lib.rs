#![doc = include_str!("../README.md")]

mod activation;
mod admission;
mod handler;
mod metrics;
mod settings;
mod take_over;
mod thing;

pub use activation::Activator;
pub use handler::Response;
pub use settings::{Settings, UnenrolledAuthorities};
