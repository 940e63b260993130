//! For tests: a CA that issues whatever is asked of it, and an in-memory world behind the ports, fixtures.

mod authority;
mod crl;
pub mod der;
pub mod dynamodb;
mod fixtures;
mod holdings;
mod queue;
#[cfg(feature = "dynamodb")]
mod service;
mod world;

pub use authority::{Issued, TestAuthority, serial};
pub use crl::NewCrl;
pub use fixtures::{FROZEN_FLEETS, Fixture, fixtures, frozen_certificate, frozen_key};
pub use holdings::Holdings;
pub use queue::{Delivery, Queue};
#[cfg(feature = "dynamodb")]
pub use service::{DynamoDb, Fate, Sent};
pub use world::{Content, FakeThing, Interleavings, Mishap, Program, Row, State, World};
