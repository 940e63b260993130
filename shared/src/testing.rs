//! For tests: a CA that issues whatever is asked of it, AWS in memory behind the ports and on the wire, fixtures.

mod authority;
#[cfg(all(feature = "dynamodb", feature = "iot-data"))]
mod cloud;
mod crl;
pub mod der;
pub mod dynamodb;
#[cfg(all(feature = "dynamodb", feature = "iot-data"))]
pub mod explore;
mod fixtures;
mod holdings;
mod injected_fault;
mod queue;
#[cfg(feature = "dynamodb")]
mod service;
#[cfg(all(feature = "dynamodb", feature = "iot-data"))]
mod still;
mod token_bucket;
#[cfg(feature = "dynamodb")]
mod wire;

pub use authority::{Issued, TestAuthority, serial};
#[cfg(all(feature = "dynamodb", feature = "iot-data"))]
pub use cloud::{CloudState, Content as CloudContent, FakeCloud, FakeThing as CloudThing, Object};
pub use crl::NewCrl;
#[cfg(all(feature = "dynamodb", feature = "iot-data"))]
pub use explore::{Exploration, Explored};
pub use fixtures::{FROZEN_FLEETS, Fixture, fixtures, frozen_certificate, frozen_key};
pub use holdings::Holdings;
pub use injected_fault::InjectedFault;
pub use queue::{Delivery, Queue};
#[cfg(feature = "dynamodb")]
pub use service::{DynamoDb, Fate, Sent};
pub use token_bucket::TokenBucket;
#[cfg(feature = "dynamodb")]
pub use wire::connected;
