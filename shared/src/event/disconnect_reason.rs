//! Why a connection ended, in AWS IoT's words.

use std::convert::Infallible;
use std::str::FromStr;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a client was disconnected (`disconnectReason` in "Lifecycle events" of the AWS IoT developer guide).
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub enum DisconnectReason {
            $($(#[$doc])* $name,)*
            /// A reason that is newer than this list, as AWS IoT wrote it.
            Other(String),
        }

        impl DisconnectReason {
            /// The reason as AWS IoT writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl FromStr for DisconnectReason {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok(match text {
                    $($text => Self::$name,)*
                    other => Self::Other(other.to_owned()),
                })
            }
        }
    };
}

reasons! {
    /// An operator ended it, with `DeleteConnection`.
    ApiInitiatedDisconnect = "API_INITIATED_DISCONNECT",
    /// The client failed to authenticate, or was not authorized.
    AuthError = "AUTH_ERROR",
    /// The client did something that the protocol or a limit forbids.
    ClientError = "CLIENT_ERROR",
    /// The client said that it goes.
    ClientInitiatedDisconnect = "CLIENT_INITIATED_DISCONNECT",
    /// The connection broke.
    ConnectionLost = "CONNECTION_LOST",
    /// The time that a custom authorizer gave is over.
    CustomAuthTtlExpiration = "CUSTOMAUTH_TTL_EXPIRATION",
    /// Another connection came with the same client id.
    DuplicateClientId = "DUPLICATE_CLIENTID",
    /// The client asked for what its policy forbids, or its credentials were withdrawn.
    ForbiddenAccess = "FORBIDDEN_ACCESS",
    /// Nothing was heard of the client for one and a half times its keep-alive interval.
    MqttKeepAliveTimeout = "MQTT_KEEP_ALIVE_TIMEOUT",
    /// No reason; known from the fleet index.
    None = "NONE",
    /// A fault of the service.
    ServerError = "SERVER_ERROR",
    /// The service ended it.
    ServerInitiatedDisconnect = "SERVER_INITIATED_DISCONNECT",
    /// The client exceeded a limit.
    Throttled = "THROTTLED",
    /// The reason is not known; known from the fleet index.
    Unknown = "UNKNOWN",
    /// A WebSocket had been open for longer than allowed.
    WebsocketTtlExpiration = "WEBSOCKET_TTL_EXPIRATION",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_keep_their_text_whether_known_or_not() {
        for text in ["DUPLICATE_CLIENTID", "NONE", "MQTT_KEEP_ALIVE_TIMEOUT", "SOLAR_FLARE", ""] {
            assert_eq!(text.parse::<DisconnectReason>().unwrap().as_str(), text);
        }
        assert_eq!("UNKNOWN".parse(), Ok(DisconnectReason::Unknown));
    }
}
