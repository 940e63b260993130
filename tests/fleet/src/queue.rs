//! A standard queue of SQS: messages that are received are hidden for a while, and are dead letters after so many times.
//! Messages with a group are delivered fairly ("How Amazon SQS fair queues work" in the Amazon SQS developer guide).

mod groups;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use self::groups::Groups;
use crate::settings::Source;

/// A message, or a delivery of it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) body: String,
    /// Whose it is; in a queue that is not fair all are one's.
    group: String,
    pub(crate) id: u64,
    receives: u64,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Its ARN.
    pub(crate) arn: String,
    arrived: Notify,
    /// How it is set, and its event source.
    pub(crate) source: Source,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    dead: u64,
    /// Messages that were received, by when they come back.
    due: BTreeSet<(Instant, u64)>,
    hidden: BTreeMap<u64, Hidden>,
    ready: Groups,
    sent: u64,
}

#[derive(Debug)]
struct Hidden {
    due: Instant,
    message: Message,
    since: Instant,
}

impl Queue {
    pub(crate) fn new(arn: &str, source: Source) -> Self {
        Self { arn: arn.to_owned(), arrived: Notify::new(), source, state: Mutex::default() }
    }

    pub(crate) fn send(&self, body: String, group: &str) {
        {
            let mut state = self.state();
            state.sent += 1;
            let id = state.sent;
            state.ready.push(Message { body, group: group.to_owned(), id, receives: 0 });
        }
        self.arrived.notify_one();
    }

    /// Waits for messages, and receives up to so many.
    pub(crate) async fn receive(&self, most: usize) -> Vec<Message> {
        loop {
            let next_due = {
                let mut state = self.state();
                state.show_due(Instant::now());
                let received = self.take(&mut state, most);
                if !received.is_empty() {
                    if !state.ready.is_empty() {
                        self.arrived.notify_one();
                    }
                    return received;
                }
                state.due.first().map(|(due, _)| *due)
            };
            match next_due {
                // Whoever is woken or not looks again.
                Some(due) => drop(timeout_at(due, self.arrived.notified()).await),
                None => self.arrived.notified().await,
            }
        }
    }

    pub(crate) fn delete(&self, id: u64) {
        let mut state = self.state();
        if let Some(Hidden { due, message, since }) = state.hidden.remove(&id) {
            state.due.remove(&(due, id));
            state.ready.worked(&message.group, since, Instant::now());
        }
    }

    /// Messages that wait or are being worked on.
    pub(crate) fn len(&self) -> usize {
        let state = self.state();
        state.ready.len() + state.hidden.len()
    }

    /// Messages that were sent, and those of them that are dead letters.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.sent, state.dead)
    }

    fn take(&self, state: &mut State, most: usize) -> Vec<Message> {
        let since = Instant::now();
        let due = since + self.source.visibility_time_out;
        let mut received = Vec::new();
        while received.len() < most {
            let Some(mut message) = state.ready.pop(since) else { break };
            if message.receives == self.source.max_receives {
                state.dead += 1;
                state.ready.worked(&message.group, since, since);
                continue;
            }
            message.receives += 1;
            state.due.insert((due, message.id));
            state.hidden.insert(message.id, Hidden { due, message: message.clone(), since });
            received.push(message);
        }
        received
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn show_due(&mut self, now: Instant) {
        while let Some((due, id)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, id));
            if let Some(Hidden { message, since, .. }) = self.hidden.remove(&id) {
                self.ready.worked(&message.group, since, now);
                self.ready.push(message);
            }
        }
    }
}
