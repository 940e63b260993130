//! For tests: a CA that issues whatever is asked of it, and an in-memory world behind the ports, fixtures.

mod authority;
mod fixtures;
mod world;

pub use authority::{Issued, TestAuthority, serial};
pub use fixtures::{Fixture, fixtures, frozen_certificate, frozen_key};
pub use world::{FakeThing, Mishap, Row, State, World};
