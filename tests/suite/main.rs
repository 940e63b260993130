//! The whole chain on the local cloud: the deployed functions, IAM and IoT policies enforced, real MQTT clients.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod admission;
mod dynamodb;
mod enrolment;
mod isolation;
mod operator;
mod presence;
mod replay;
mod requests;
mod revocation;
mod role;
mod sdk;
mod sink;
mod take_over;
mod template;
mod walk_through;
mod way_in;

use std::time::{Duration, SystemTime};

/// Longest part of a certificate's age that tests use to tell older from younger.
const HOUR: Duration = Duration::from_hours(1);

/// A name that no other test uses.
fn unique(prefix: &str) -> String {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    format!("{prefix}-{:x}", since_1970.as_nanos())
}
