//! The current row of one client.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::connection::{Beginning, Connection, ConnectionState};
use super::subscriptions::{Pending, Subscription, Subscriptions};
use crate::event::{LifecycleEvent, Occurrence};
use crate::id::{CertificateId, ClientId, SessionId};
use crate::timestamp;

/// What the client ids of the MQTT test client in the AWS console begin with.
const CONSOLE_PREFIX: &str = "iotconsole-";

/// All that is known of a client now. The same type is a row, what one event tells, and a digest of many events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// The client.
    pub client_id: ClientId,
    /// Failed attempts to connect, ever. Not merged: the adapter counts each event once.
    pub connect_failures: u64,
    /// The newest connection that is known.
    pub connection: Option<Connection>,
    /// The last failed attempt to connect.
    pub last_connect_failure: Option<ConnectFailure>,
    /// The latest time of any event.
    pub last_event_at: Option<OffsetDateTime>,
    /// Subscriptions of sessions that have not been heard of otherwise.
    pub pending: Pending,
    /// Whether a certificate has ever been connected as this client. Other rows expire some time after their newest
    /// event: those of clients that only failed to connect, and of sessions without a certificate, which AWS IoT ends
    /// within a day and which often make up a new client id each time.
    pub permanent: bool,
    /// Subscriptions of the session of the newest connection.
    pub subscriptions: Subscriptions,
}

/// A failed attempt to connect.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectFailure {
    /// When.
    #[serde(with = "timestamp::text")]
    pub at: OffsetDateTime,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// Whoever tried to authenticate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Why, in AWS IoT's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attempt.
    pub session: SessionId,
}

/// What kind of client it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClientKind {
    /// Whoever authenticates otherwise than with a certificate.
    Application,
    /// The MQTT test client of the AWS console, which takes a new client id with every page that is opened.
    Console,
    /// A client with a certificate.
    Device,
}

impl ClientKind {
    /// The kind, as the table holds it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Console => "console",
            Self::Device => "device",
        }
    }

    /// The kind of a client by its id and by whoever authenticated.
    #[must_use]
    pub fn of(client_id: &ClientId, principal: Option<&str>) -> Self {
        if Self::is_console(client_id) {
            Self::Console
        } else if principal.is_some_and(is_certificate) {
            Self::Device
        } else {
            Self::Application
        }
    }

    /// Whether a client id is one that the console makes: the prefix, then hexadecimal digits and hyphens. The id alone
    /// decides, for not every event need tell the principal.
    #[must_use]
    pub fn is_console(client_id: &ClientId) -> bool {
        let made = client_id.as_str().strip_prefix(CONSOLE_PREFIX);
        made.is_some_and(|made| !made.is_empty() && made.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
    }
}

impl Device {
    /// A client that nothing is known of.
    #[must_use]
    pub fn unknown(client_id: ClientId) -> Self {
        Self {
            client_id,
            connect_failures: 0,
            connection: None,
            last_connect_failure: None,
            last_event_at: None,
            pending: BTreeMap::new(),
            permanent: false,
            subscriptions: Subscriptions::default(),
        }
    }

    /// What one event tells.
    #[must_use]
    pub fn of(event: &LifecycleEvent) -> Self {
        let at = event.timestamp;
        let mut told = Self::unknown(event.client_id.clone());
        told.connection = Connection::of(event);
        told.last_event_at = Some(at);
        let failed = matches!(event.occurrence, Occurrence::ConnectFailed { .. });
        told.permanent = !failed && event.principal.as_deref().is_some_and(is_certificate);
        let subscriptions = |filters: &BTreeSet<String>, subscribed| {
            let filters = filters.iter().map(|filter| (filter.clone(), Subscription { at, subscribed }));
            BTreeMap::from([(event.session.clone(), filters.collect::<Subscriptions>())])
        };
        match &event.occurrence {
            Occurrence::Connected { .. } | Occurrence::Disconnected { .. } => {}
            Occurrence::ConnectFailed { ip_address, reason } => {
                told.last_connect_failure = Some(ConnectFailure {
                    at,
                    ip_address: ip_address.clone(),
                    principal: event.principal.clone(),
                    reason: reason.clone(),
                    session: event.session.clone(),
                });
            }
            Occurrence::Subscribed(filters) => told.pending = subscriptions(filters, true),
            Occurrence::Unsubscribed(filters) => told.pending = subscriptions(filters, false),
        }
        told
    }

    /// The row that is likely to be there before `self`, a digest, is written: with it the first attempt is made, since
    /// a write that fails tells the row at the price of a write, and a write that succeeds needs no reading.
    #[must_use]
    pub fn likely_row(&self) -> Self {
        let mut row = Self::unknown(self.client_id.clone());
        row.connection = match &self.connection {
            Some(connection) if connection.beginning().is_some() => None,
            Some(connection) => Some(before_end(connection)),
            None => self.pending.iter().next_back().map(|(session, _)| {
                let (principal, thing_name) = (None, None);
                let state = ConnectionState::Open(Beginning { at: OffsetDateTime::UNIX_EPOCH, ip_address: None });
                Connection { principal, session: session.clone(), state, thing_name, version: 0 }
            }),
        };
        row
    }
}

fn is_certificate(principal: &str) -> bool {
    principal.parse::<CertificateId>().is_ok()
}

/// The same connection before its end.
fn before_end(ended: &Connection) -> Connection {
    let beginning = Beginning { at: OffsetDateTime::UNIX_EPOCH, ip_address: None };
    Connection { state: ConnectionState::Open(beginning), ..ended.clone() }
}
