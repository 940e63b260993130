//! What an event changes in a row, part by part.

use time::OffsetDateTime;

use super::connection::{Beginning, Connection, End};
use super::device::ConnectFailure;
use super::subscriptions::{Early, Subscriptions};
use crate::id::SessionId;

/// Topic filters that one change writes at most: each takes a part of DynamoDB's longest expression, 4 KB.
pub(super) const MOST_FILTERS: usize = 8;

/// Changes of a row. Each part may be written if the row that is there is one that the part was made for; what that
/// means is said with each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Change {
    /// The connection.
    pub connection: Option<ConnectionChange>,
    /// Subscriptions of sessions that have not been heard of otherwise. Made for a row with exactly these before and,
    /// unless the connection is replaced, with exactly this session.
    pub early: Option<EarlyChange>,
    /// A failed attempt to connect. Made for a row without a later one.
    pub last_connect_failure: Option<ConnectFailure>,
    /// The latest time of any event. Made for a row with an earlier one.
    pub last_event_at: Option<OffsetDateTime>,
    /// The row becomes permanent. Made for any row.
    pub permanent: bool,
    /// Subscriptions of the current session.
    pub subscriptions: Option<SubscriptionsChange>,
}

/// Changes of the connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ConnectionChange {
    /// The beginning of a connection whose end is known. Made for a row with this connection, ended, without beginning.
    Begin(Connection, Beginning),
    /// The end of the connection. Made for a row with this connection, open.
    End(Connection, End),
    /// A newer connection of the same session. Made for a row with an older connection of this session.
    Renew(Connection),
    /// A newer connection; its session's subscriptions take the place of the others. Made for a row without connection,
    /// or with an older one of another session.
    Replace(Connection, Subscriptions),
}

/// A change of the subscriptions of sessions that have not been heard of otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EarlyChange {
    /// What they become.
    pub after: Early,
    /// What they were.
    pub before: Early,
    /// The current session.
    pub session: Option<SessionId>,
}

/// A change of the current session's subscriptions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SubscriptionsChange {
    /// These are forgotten. Made for a row with this session and exactly these.
    Forget(SessionId, Subscriptions),
    /// These are added or replaced. Made for a row with this session, and nothing newer about any of them.
    Put(SessionId, Subscriptions),
}

impl Change {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
