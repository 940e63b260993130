//! A message that was refused: as it waits among the dead letters, and when it comes back.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::batch::SqsRecord;
use shared::text::{Detail, shorten};
use shared::timestamp;
use time::OffsetDateTime;

use crate::envelope::Envelope;
use crate::refusal::{Reason, Refusal};

/// Longest name of a route beside a refused message, in bytes. The body holds the whole of it.
pub const MAX_ROUTE: usize = 256;

/// A message that was refused, as it waits among the dead letters: the body as it came, and why.
///
/// It can be moved back into the queue as it is; the sink then looks at the original again.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Rejected {
    /// The body as it came.
    pub original: String,
    /// The reason of the refusal, and what belongs to it.
    pub rejected: Rejection,
}

/// Why a message was refused.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// When, RFC 3339.
    pub at: String,
    /// A sentence for people.
    pub detail: Detail,
    /// What the queue called the message at first; names it if nothing else does.
    pub message_id: String,
    /// Why, in one word ([`Reason`]).
    pub reason: Reason,
    /// The route, if the body names one, of [`MAX_ROUTE`] bytes at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// A message of the queue, out of everything in which it waited if it had been refused before.
pub(crate) struct Received<'a> {
    pub(crate) body: Cow<'a, str>,
    pub(crate) message_id: Cow<'a, str>,
}

impl<'a> Received<'a> {
    pub(crate) fn new(record: &'a SqsRecord) -> Self {
        let mut received =
            Self { body: Cow::Borrowed(&record.body), message_id: Cow::Borrowed(record.message_id.as_str()) };
        // It ends: each wrapper doubles the escapes within, so that the longest message of SQS has about twenty.
        while let Some(Unwrapped { message_id, original }) = Unwrapped::read(&received.body) {
            received.body = Cow::Owned(original);
            if let Some(message_id) = message_id {
                received.message_id = Cow::Owned(message_id);
            }
        }
        received
    }

    pub(crate) fn rejected(&self, Refusal { detail, reason }: &Refusal, now: OffsetDateTime) -> Rejected {
        Rejected {
            original: self.body.clone().into_owned(),
            rejected: Rejection {
                at: timestamp::to_text(now),
                detail: detail.clone(),
                message_id: self.message_id.clone().into_owned(),
                reason: *reason,
                route: Envelope::decode(&self.body).ok().map(|envelope| shorten(envelope.route(), MAX_ROUTE)),
            },
        }
    }
}

/// What was in a [`Rejected`], of whatever version.
struct Unwrapped {
    message_id: Option<String>,
    original: String,
}

/// The members by which a [`Rejected`] is known. What `rejected` says is for people, but for the message's name.
#[derive(Deserialize)]
struct Wrapper {
    original: String,
    /// That of an envelope, which is no wrapper whatever else its rule has added.
    payload: Option<IgnoredAny>,
    rejected: Map<String, Value>,
}

impl Unwrapped {
    /// Reads a body; none if it holds no message that was refused.
    fn read(body: &str) -> Option<Self> {
        // Most bodies are none, and reading them twice would cost.
        if !body.contains("\"rejected\"") || !body.contains("\"original\"") {
            return None;
        }
        let Wrapper { original, payload, rejected } = serde_json::from_str(body).ok()?;
        let message_id = rejected.get("messageId").and_then(Value::as_str).filter(|id| !id.is_empty());
        payload.is_none().then(|| Self { message_id: message_id.map(ToOwned::to_owned), original })
    }
}
