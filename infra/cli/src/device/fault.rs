//! Why a session did not begin, or ended.

use std::io::{self, ErrorKind};
use std::time::Duration;

use rumqttc::mqttbytes;
use rumqttc::mqttbytes::v4::ConnectReturnCode;
use tokio_rustls::rustls;

use super::endpoint::Endpoint;

/// Why a session did not begin, or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The service refused the certificate by a TLS alert: no registered CA vouches for it.
    #[error("the service refused the certificate in the TLS handshake: is its CA registered?")]
    CertificateRefused(#[source] io::Error),
    /// The service ended the connection, or the transport broke.
    #[error("the service closed the connection")]
    Closed(#[source] Option<io::Error>),
    /// TLS failed on this side, for example because the server's certificate is not trusted.
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    /// TCP or TLS took too long.
    #[error("no tls connection within {:.1} s", .0.as_secs_f32())]
    HandshakeTimedOut(Duration),
    /// Bytes that are not MQTT 3.1.1.
    #[error("the service does not speak mqtt 3.1.1")]
    Protocol(#[source] mqttbytes::Error),
    /// A CONNACK that says no.
    #[error("the service refused the login: {0:?}")]
    Refused(ConnectReturnCode),
    /// A SUBACK that says no.
    #[error("the service refused the subscription to {0}")]
    SubscriptionRefused(String),
    /// No answer in time.
    #[error("no answer within {:.1} s while waiting for {waited_for}", patience.as_secs_f32())]
    TimedOut {
        /// What was expected.
        waited_for: &'static str,
        /// How long it was waited for.
        patience: Duration,
    },
    /// A packet that has no place here.
    #[error("the service sent {0} instead of CONNACK")]
    Unexpected(String),
    /// No TCP connection.
    #[error("{0} cannot be reached")]
    Unreachable(Endpoint, #[source] io::Error),
}

impl From<mqttbytes::Error> for SessionError {
    fn from(error: mqttbytes::Error) -> Self {
        match error {
            mqttbytes::Error::Io(source) if is_alert(&source) => Self::CertificateRefused(source),
            // The ways in which a connection simply ends; not every service says goodbye in TLS.
            mqttbytes::Error::Io(source)
                if matches!(
                    source.kind(),
                    ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
                ) =>
            {
                Self::Closed(None)
            }
            mqttbytes::Error::Io(source) => Self::Closed(Some(source)),
            other => Self::Protocol(other),
        }
    }
}

/// Whether the peer ended TLS with a fatal alert, such as the refusal of the client certificate in TLS 1.3.
pub(super) fn is_alert(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|inner| matches!(inner, rustls::Error::AlertReceived(_)))
}
