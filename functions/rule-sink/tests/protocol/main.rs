//! The sink over the real adapter and DynamoDB in memory: what messages leave behind, whatever happens on the way.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod claims;
mod cost;
mod faults;
mod histories;
mod limits;
mod order;
mod refusals;
mod rows;
mod slices;
mod stage;
