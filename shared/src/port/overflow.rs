//! Where new certificates wait while more come than AWS IoT's quotas allow.

use std::future::Future;

use crate::fault::Fault;
use crate::id::CaCertificateId;

/// A registered event on its way to the overflow queue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WaitingEvent {
    /// The event as AWS IoT has published it.
    pub body: String,
    /// The CA of its certificate, beside whose events those of other CAs are delivered.
    pub ca_certificate_id: CaCertificateId,
}

/// The queue of events that wait, fair between CAs.
pub trait OverflowQueue {
    /// Sends an event of at most [`MAX_MESSAGE_BYTES`](super::MAX_MESSAGE_BYTES).
    fn send_on(&self, event: &WaitingEvent) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// What a row tells about a certificate that may wait in the overflow queue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Waiting {
    /// How often its waiting has ended; none if it never has.
    pub ends: Option<u64>,
    /// Whether an event of it waits.
    pub is_waiting: bool,
}

/// When it may be told that a certificate waits. Its message is sent before, and may be answered before that is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WaitingIf {
    /// If its waiting has ended so often, and no more. Whoever has ended it last may tell so of its own message, which comes again.
    Ended(Option<u64>),
    /// If it has been told and has not ended.
    StillWaiting,
}
