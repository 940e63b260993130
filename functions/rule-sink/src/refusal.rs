//! Why a message can't be written: what is wrong is the message itself, and another delivery would not help.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use shared::text::Detail;

/// Why, in one word. The words are documented in the function's README and stay.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A root member of the payload has the name of a key or of the time to live, and another value.
    AttributeConflict,
    /// An UPDATE would set more attributes than DynamoDB allows.
    AttributeCount,
    /// A member's name can't be an attribute's.
    AttributeName,
    /// DynamoDB refused the write, and would again.
    Dynamodb,
    /// The body is not what a rule hands over.
    Envelope,
    /// The item is larger than the route allows.
    ItemSize,
    /// The message has no key.
    Key,
    /// The route's template yields no operation.
    Operation,
    /// The payload is nested deeper than DynamoDB allows.
    PayloadDepth,
    /// The route asks for columns, and the payload is no JSON object.
    PayloadNotObject,
    /// The payload has a number that can't be kept exactly, or NaN.
    PayloadNumber,
    /// The device of the topic is not the thing of the certificate that published.
    PrincipalMismatch,
    /// Who published is no certificate that was ever let in.
    PrincipalUnknown,
    /// There is no route of that name.
    RouteUnknown,
    /// The message has no time at which its item expires.
    Ttl,
}

impl Reason {
    /// Whether it may be an attempt to write under another's name.
    #[must_use]
    pub fn is_security(self) -> bool {
        matches!(self, Self::PrincipalMismatch | Self::PrincipalUnknown)
    }
}

/// Why a message is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// A sentence for people.
    pub detail: Detail,
    /// Why.
    pub reason: Reason,
}

impl Refusal {
    /// A refusal.
    pub fn new(reason: Reason, detail: impl Display) -> Self {
        Self { detail: Detail::new(detail), reason }
    }
}
