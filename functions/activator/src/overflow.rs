//! Where new certificates wait while more come than AWS IoT's quotas allow.

use std::sync::{Mutex, PoisonError};

use shared::fault::Fault;
use shared::port::{OverflowQueue, WaitingEvent};
use time::{Duration, OffsetDateTime};

/// After a full batch, others may wait for so long.
const LASTS: Duration = Duration::seconds(30);

/// The overflow queue, and whether it is used.
#[derive(Debug)]
pub(crate) struct Overflow<Q> {
    /// Time at which a batch was full last.
    full: Mutex<Option<OffsetDateTime>>,
    queue: Q,
}

impl<Q: OverflowQueue> Overflow<Q> {
    pub(crate) fn new(queue: Q) -> Self {
        Self { full: Mutex::default(), queue }
    }

    /// A batch is full.
    pub(crate) fn begins_at(&self, now: OffsetDateTime) {
        *self.full.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether a batch was full lately, so that others may wait.
    pub(crate) fn is_used_at(&self, now: OffsetDateTime) -> bool {
        let full = *self.full.lock().unwrap_or_else(PoisonError::into_inner);
        full.is_some_and(|full| now - full < LASTS)
    }

    /// Sends an event on.
    pub(crate) async fn send(&self, event: &WaitingEvent) -> Result<(), Fault> {
        self.queue.send_on(event).await
    }
}
