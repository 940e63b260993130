//! What a rule hands over of a message.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use shared::substitution::{Message, Value};

/// A message as a rule puts it into the queue, by
/// `SELECT encode(*, 'base64') AS payload, topic() AS topic, timestamp() AS timestamp, clientid() AS clientId,
/// principal() AS principal, traceid() AS traceId, newuuid() AS id, replace('<route>', ' ', ' ') AS route`.
///
/// Other members don't count.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<'a> {
    /// The MQTT client that published. AWS IoT says `n/a` of a message that did not come over MQTT.
    #[serde(borrow, default)]
    client_id: Option<Cow<'a, str>>,
    /// What the rule calls the message. Not there if the rule is older than the member.
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    /// The payload, in base64.
    #[serde(borrow)]
    payload: Cow<'a, str>,
    /// Who published: of a device the id of its certificate. Not there if AWS IoT does not know.
    #[serde(borrow, default)]
    principal: Option<Cow<'a, str>>,
    /// The route's name.
    #[serde(borrow)]
    route: Cow<'a, str>,
    /// When the rule saw it: milliseconds since 1970.
    timestamp: u64,
    /// The topic.
    #[serde(borrow)]
    topic: Cow<'a, str>,
    /// What AWS IoT calls the message. Not there if it did not come over MQTT.
    #[serde(borrow, default)]
    trace_id: Option<Cow<'a, str>>,
}

/// Why a body is no envelope.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{member}: {problem}")]
pub struct EnvelopeFault {
    /// The member; `.` for the whole.
    pub member: String,
    /// What is wrong with it.
    pub problem: String,
}

impl<'a> Envelope<'a> {
    /// Reads the body of a message of the queue.
    ///
    /// # Errors
    /// The first member that is missing or wrong.
    pub fn decode(body: &'a str) -> Result<Self, EnvelopeFault> {
        // Tracking the path takes time, which only a body that is wrong is worth.
        serde_json::from_str(body).map_err(|_| {
            let mut members = serde_json::Deserializer::from_str(body);
            match serde_path_to_error::deserialize::<_, Self>(&mut members) {
                Err(error) => EnvelopeFault { member: error.path().to_string(), problem: error.inner().to_string() },
                // Only what follows the object can be wrong.
                Ok(_) => EnvelopeFault { member: ".".to_owned(), problem: "something follows the object".to_owned() },
            }
        })
    }

    /// The route's name.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Who published, if AWS IoT knows.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }

    /// When the rule saw it: milliseconds since 1970.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// What names this delivery: AWS IoT's name for the message, or that of the rule, or that of the queue.
    ///
    /// The trace id comes first, since it is the same however often a rule is evaluated. The queue's name comes last, since
    /// a message that is moved gets another one.
    #[must_use]
    pub fn delivery_id<'b>(&'b self, message_id: &'b str) -> &'b str {
        self.trace_id.as_deref().or(self.id.as_deref()).unwrap_or(message_id)
    }

    /// The payload as the device sent it.
    ///
    /// # Errors
    /// That it is no base64.
    pub fn payload(&self) -> Result<Vec<u8>, EnvelopeFault> {
        STANDARD
            .decode(self.payload.as_bytes())
            .map_err(|error| EnvelopeFault { member: "payload".to_owned(), problem: format!("not base64: {error}") })
    }

    /// The message that templates are filled from.
    #[must_use]
    pub fn message<'b>(
        &'b self,
        account_id: &'b str,
        message_id: &'b str,
        raw: &'b [u8],
        payload: Option<&'b Value>,
    ) -> Message<'b> {
        Message {
            account_id,
            client_id: self.client_id.as_deref().filter(|id| *id != "n/a"),
            delivery_id: self.delivery_id(message_id),
            payload,
            principal: self.principal(),
            raw,
            route: &self.route,
            timestamp: self.timestamp,
            topic: &self.topic,
            trace_id: self.trace_id.as_deref(),
        }
    }
}
