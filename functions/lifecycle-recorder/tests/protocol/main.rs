//! The recorder over the real adapter and DynamoDB in memory: what events leave behind, whatever happens on the way.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod broker;
mod bulk;
mod cost;
mod faults;
mod history;
mod limits;
mod listing;
mod oracle;
mod rows;
mod stage;
mod truth;
