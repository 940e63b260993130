//! A standard queue of SQS, as its guide warns of it: messages come late, out of order and now and then twice.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::batch::SqsRecord;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Drained;
use super::world::{chance, up_to};
use crate::settings::Source;

/// Of the messages, those that are delivered twice.
const TWICE: f64 = 0.01;
/// How late a message can be received, and how late one in a hundred.
const LATE: Duration = Duration::from_millis(500);
const VERY_LATE: Duration = Duration::from_secs(10);

/// A delivery of a message.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) handle: Handle,
    pub(super) record: SqsRecord,
}

/// What a delivery is deleted by: the time from which the message can be received again, and which message it is.
pub(super) type Handle = (Instant, u64);

/// The queue.
pub(super) struct Queue {
    arrived: Notify,
    max_receives: u64,
    state: Mutex<State>,
    visibility_time_out: Duration,
}

#[derive(Default)]
struct State {
    dead: u64,
    /// When each message was done with.
    done: Vec<Instant>,
    entries: u64,
    received_again: u64,
    sent: u64,
    /// Messages by the time from which they can be received.
    waiting: BTreeMap<Handle, Entry>,
}

struct Entry {
    /// Whether it is the second copy of a message that is delivered twice.
    is_second: bool,
    receives: u64,
    record: SqsRecord,
}

impl Queue {
    pub(super) fn new(source: &Source) -> Self {
        let Source { max_receives, visibility_time_out, .. } = *source;
        Self { arrived: Notify::new(), max_receives, state: Mutex::default(), visibility_time_out }
    }

    pub(super) fn send(&self, body: String) {
        {
            let mut state = self.state();
            state.sent += 1;
            let record = SqsRecord { body, message_id: format!("{:032x}", state.sent) };
            let copies = [false].into_iter().chain(chance(TWICE).then_some(true));
            for is_second in copies {
                state.put(Instant::now() + delay(), Entry { is_second, receives: 0, record: record.clone() });
            }
        }
        self.arrived.notify_one();
    }

    /// Waits for messages, and receives up to so many.
    pub(super) async fn receive(&self, most: usize) -> Vec<Delivery> {
        loop {
            let received = self.take(most);
            if !received.is_empty() {
                return received;
            }
            let next = self.state().waiting.first_key_value().map(|((at, _), _)| *at);
            match next {
                Some(at) => drop(timeout_at(at, self.arrived.notified()).await),
                None => self.arrived.notified().await,
            }
        }
    }

    /// Deletes a message, unless it can be received again already.
    pub(super) fn delete(&self, handle: Handle) {
        let mut state = self.state();
        if state.waiting.remove(&handle).is_some() {
            state.done.push(Instant::now());
        }
    }

    /// Messages that wait or are being worked on.
    pub(super) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// What has become of it since a time.
    pub(super) fn drained(&self, invocations: u64, begun: Instant) -> Drained {
        let state = self.state();
        let after = |at: Option<&Instant>| at.map_or(Duration::MAX, |at| at.duration_since(begun));
        Drained {
            sent: state.sent,
            received_again: state.received_again,
            dead: state.dead,
            left: state.waiting.len(),
            invocations,
            mostly_after: after(state.done.get(state.done.len() * 9 / 10)),
            after: after(state.done.last()),
        }
    }

    fn take(&self, most: usize) -> Vec<Delivery> {
        let now = Instant::now();
        let mut state = self.state();
        let mut received = Vec::new();
        while received.len() < most {
            let Some(first) = state.waiting.first_entry().filter(|first| first.key().0 <= now) else { break };
            let mut entry = first.remove();
            if entry.receives == self.max_receives {
                state.dead += 1;
                continue;
            }
            state.received_again += u64::from(entry.receives > 0 || entry.is_second);
            entry.receives += 1;
            let record = entry.record.clone();
            let handle = state.put(now + self.visibility_time_out, entry);
            received.push(Delivery { handle, record });
        }
        received
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, at: Instant, entry: Entry) -> Handle {
        self.entries += 1;
        let handle = (at, self.entries);
        self.waiting.insert(handle, entry);
        handle
    }
}

fn delay() -> Duration {
    if chance(0.01) { up_to(VERY_LATE) } else { up_to(LATE) }
}
