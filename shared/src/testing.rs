//! For tests: a CA that issues whatever is asked of it, and an in-memory world behind the ports.

mod authority;
mod world;

pub use authority::{Issued, TestAuthority, serial};
pub use world::{FakeThing, Mishap, Row, State, World};
