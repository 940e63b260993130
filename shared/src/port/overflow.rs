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
