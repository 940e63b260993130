//! Who is connected: the current row of a client, and the rule by which events change it.
//!
//! AWS IoT repeats lifecycle events and sends them in any order. The row must be the same whatever came when, so it is
//! never overwritten but merged: [`Device::change`] says what an event, or a digest of many, changes in a row, and the
//! adapter writes exactly that under conditions that hold if and only if the rule says so. Merging twice changes
//! nothing, and the order does not count.
//!
//! The rule, for two connections of one client id:
//!
//! 1. Session identifier and version are equal: one connection. Its end is later than its beginning, whatever arrived
//!    first; what repeats is a duplicate.
//! 2. The versions differ: the higher one is newer, unless the lower one is later by more than [`TOLERANCE`]: then the
//!    version has started again from 0, as it does after about an hour offline.
//! 3. The versions are equal: both are first connections after such a time; the later one is newer.
//!
//! So the end of a connection that has been replaced changes nothing, and the end of a newer one whose beginning got
//! lost replaces the row.

mod change;
mod connection;
mod device;
mod failing;
mod merge;
mod subscriptions;

pub use change::{Change, ConnectionChange, PendingChange, SubscriptionsChange};
pub use connection::{Beginning, Connection, ConnectionOrder, ConnectionState, End};
pub use device::{ClientKind, ConnectFailure, Device};
pub use failing::{FailingPrincipal, FailingPrincipalRow, FailuresInBulk, MAX_FAILING_CLIENTS, PRINCIPAL_PREFIX};
pub use subscriptions::{Pending, Subscription, Subscriptions};

use time::Duration;

/// By how much the times of two events may contradict their order.
///
/// A time is right within two minutes, so two of them are off by four at most; the end of a connection that was taken
/// over comes shortly after the beginning of the next. A version that starts again does so after a much longer time,
/// unless persistent sessions are configured to end within minutes.
pub const TOLERANCE: Duration = Duration::minutes(5);
