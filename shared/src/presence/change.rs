//! What an event changes in a row, part by part.

use time::OffsetDateTime;

use super::connection::{Beginning, Connection, End};
use super::device::ConnectFailure;
use super::subscriptions::{Pending, Subscriptions};
use crate::id::SessionId;

/// Changes of a row. Each part may be written if the row that is there is one that the part was made for; what that
/// means is said with each.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Change {
    /// The connection.
    pub connection: Option<ConnectionChange>,
    /// A failed attempt to connect. Made for a row without a later one.
    pub last_connect_failure: Option<ConnectFailure>,
    /// The latest time of any event. Made for a row with an earlier one.
    pub last_event_at: Option<OffsetDateTime>,
    /// Subscriptions of sessions that have not been heard of otherwise. Made for a row with exactly these before and,
    /// unless the connection is replaced, with exactly this session.
    pub pending: Option<PendingChange>,
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
pub struct PendingChange {
    /// What they become.
    pub after: Pending,
    /// What they were.
    pub before: Pending,
    /// The current session.
    pub session: Option<SessionId>,
}

/// A change of the current session's subscriptions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SubscriptionsChange {
    /// These are forgotten, and their time of [`Subscriptions::forgotten`], if there is one, is remembered. Made for a row
    /// with this session, exactly these filters, and an earlier such time.
    Forget(SessionId, Subscriptions),
    /// These are added or replaced. Made for a row with this session, and nothing newer about any of them; about those that
    /// are not remembered, nothing forgotten that is newer.
    Put(SessionId, Subscriptions),
}

impl Change {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
