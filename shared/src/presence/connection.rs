//! One connection of a client, and which of two is the newer one.

use std::cmp::Ordering;

use time::OffsetDateTime;

use super::TOLERANCE;
use crate::event::{DisconnectReason, LifecycleEvent, Occurrence};
use crate::id::SessionId;

/// A connection, as far as events have told of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connection {
    /// Whoever authenticated.
    pub principal: Option<String>,
    /// The session. A persistent one may have several connections.
    pub session: SessionId,
    /// How far it has come.
    pub state: ConnectionState,
    /// The thing, if AWS IoT told.
    pub thing_name: Option<String>,
    /// AWS IoT's `versionNumber`, shared by beginning and end.
    pub version: i64,
}

/// How far a connection has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ConnectionState {
    /// It has ended; nothing may be known of its beginning.
    Ended(Option<Beginning>, End),
    /// It has begun, and nothing is known of an end.
    Open(Beginning),
}

/// How a connection began.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Beginning {
    /// When.
    pub at: OffsetDateTime,
    /// From where.
    pub ip_address: Option<String>,
}

/// How a connection ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct End {
    /// When.
    pub at: OffsetDateTime,
    /// Whether the client said that it goes.
    pub client_initiated: Option<bool>,
    /// Why.
    pub reason: Option<DisconnectReason>,
}

/// What one connection is to another one of the same client id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConnectionOrder {
    /// It came later.
    Newer,
    /// It came earlier.
    Older,
    /// They are one connection.
    Same,
}

impl Connection {
    /// What an event tells of a connection; none unless it is about its beginning or end.
    #[must_use]
    pub fn of(event: &LifecycleEvent) -> Option<Self> {
        let at = event.timestamp;
        let (state, version) = match &event.occurrence {
            Occurrence::Connected { ip_address, version } => {
                (ConnectionState::Open(Beginning { at, ip_address: ip_address.clone() }), *version)
            }
            Occurrence::Disconnected { client_initiated, reason, version } => {
                let end = End { at, client_initiated: *client_initiated, reason: reason.clone() };
                (ConnectionState::Ended(None, end), *version)
            }
            Occurrence::ConnectFailed { .. } | Occurrence::Subscribed(_) | Occurrence::Unsubscribed(_) => return None,
        };
        Some(Self {
            principal: event.principal.clone(),
            session: event.session.clone(),
            state,
            thing_name: event.thing_name.clone(),
            version,
        })
    }

    /// The time of what is known last: the end, or else the beginning.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        match &self.state {
            ConnectionState::Ended(_, end) => end.at,
            ConnectionState::Open(beginning) => beginning.at,
        }
    }

    /// How it began, if that is known.
    #[must_use]
    pub fn beginning(&self) -> Option<&Beginning> {
        match &self.state {
            ConnectionState::Ended(beginning, _) => beginning.as_ref(),
            ConnectionState::Open(beginning) => Some(beginning),
        }
    }

    /// How it ended, if it did.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        match &self.state {
            ConnectionState::Ended(_, end) => Some(end),
            ConnectionState::Open(_) => None,
        }
    }

    /// Whether this connection is newer than another one, by the rule of [the module](super).
    #[must_use]
    pub fn compared_to(&self, other: &Self) -> ConnectionOrder {
        if self.session == other.session && self.version == other.version {
            return ConnectionOrder::Same;
        }
        let newer = match self.version.cmp(&other.version) {
            Ordering::Equal => (self.at(), &self.session) > (other.at(), &other.session),
            Ordering::Greater => self.at() >= other.at().saturating_sub(TOLERANCE),
            Ordering::Less => self.at() > other.at().saturating_add(TOLERANCE),
        };
        if newer { ConnectionOrder::Newer } else { ConnectionOrder::Older }
    }
}
