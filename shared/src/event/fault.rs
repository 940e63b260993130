//! Why a payload is not the event that it should be.

use crate::decision::Reason;
use crate::text::Detail;

/// An event has some hundred bytes, and a few thousand with topic filters of full length; what is larger by far comes
/// from somewhere else.
pub const MAX_EVENT_BYTES: usize = 16_384;

/// Why a payload is not the event that it should be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EventFault {
    /// A member is missing or has an impossible value.
    #[error("{member}: {problem}")]
    Member {
        /// The member's name.
        member: &'static str,
        /// What is wrong with it. May quote it.
        problem: Detail,
    },
    /// The payload is not a JSON object.
    #[error("the event must be a JSON object: {0}")]
    NotAnObject(Detail),
    /// The payload is larger than [`MAX_EVENT_BYTES`].
    #[error("the event has {0} bytes, more than {MAX_EVENT_BYTES}")]
    TooLarge(usize),
}

impl EventFault {
    /// The reason that goes into the registration row.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Member { .. } => Reason::EventMember,
            Self::NotAnObject(_) => Reason::EventNotAnObject,
            Self::TooLarge(_) => Reason::EventTooLarge,
        }
    }

    /// The member that is at fault, if it is one.
    #[must_use]
    pub fn member(&self) -> Option<&'static str> {
        match self {
            Self::Member { member, .. } => Some(member),
            Self::NotAnObject(_) | Self::TooLarge(_) => None,
        }
    }
}
