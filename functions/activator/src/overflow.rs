//! Where new certificates wait while more come than AWS IoT's quotas allow.

use std::sync::{Mutex, PoisonError};

use shared::fault::Fault;
use shared::port::{OverflowQueue, WaitingEvent};
use time::{Duration, OffsetDateTime};

/// A burst lasts for so long after the last batch that told of it.
const LASTS: Duration = Duration::seconds(30);

/// The overflow queue, and whether it is used.
#[derive(Debug)]
pub(crate) struct Overflow<Q> {
    /// Time at which a batch told of a burst last.
    burst: Mutex<Option<OffsetDateTime>>,
    queue: Q,
}

impl<Q: OverflowQueue> Overflow<Q> {
    pub(crate) fn new(queue: Q) -> Self {
        Self { burst: Mutex::default(), queue }
    }

    /// A batch tells of a burst.
    pub(crate) fn begins_at(&self, now: OffsetDateTime) {
        *self.burst.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether a burst lasts, so that others may wait.
    pub(crate) fn is_used_at(&self, now: OffsetDateTime) -> bool {
        let burst = *self.burst.lock().unwrap_or_else(PoisonError::into_inner);
        burst.is_some_and(|burst| now - burst < LASTS)
    }

    /// Sends an event on.
    pub(crate) async fn send(&self, event: &WaitingEvent) -> Result<(), Fault> {
        self.queue.send_on(event).await
    }
}
