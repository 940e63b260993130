//! The messages that can be received, by their groups, and which group is next.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::Message;

/// A group is noisy that has more than this part of the consumers' time lately.
const NOISY_SHARE: f64 = 0.1;
/// The same of the messages that are being worked on, if it has so many of them.
const NOISY_IN_FLIGHT: usize = 30;
/// Time within which what a group has had counts half as much.
const HALF_LIFE: Duration = Duration::from_mins(1);

/// The groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<String, Group>,
    len: usize,
}

#[derive(Debug)]
struct Group {
    in_flight: usize,
    ready: VecDeque<Message>,
    /// Seconds of consumers' time, as of the moment beside it.
    used: f64,
    used_at: Instant,
}

impl Group {
    fn new() -> Self {
        Self { in_flight: 0, ready: VecDeque::new(), used: 0.0, used_at: Instant::now() }
    }

    fn used(&self, now: Instant) -> f64 {
        let half_lives = now.duration_since(self.used_at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        self.used * (-half_lives).exp2()
    }
}

impl Groups {
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, message: Message) {
        self.len += 1;
        self.groups.entry(message.group.clone()).or_insert_with(Group::new).ready.push_back(message);
    }

    /// The next message: the oldest of the groups that are quiet, or one of the noisy group with the fewest in flight.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Message> {
        let used: f64 = self.groups.values().map(|group| group.used(now)).sum();
        let in_flight: usize = self.groups.values().map(|group| group.in_flight).sum();
        let rank = |group: &Group| {
            let has_time = group.used(now) > NOISY_SHARE * used;
            let has_messages = group.in_flight >= NOISY_IN_FLIGHT && group.in_flight * 10 > in_flight;
            let is_noisy = has_time || has_messages;
            (is_noisy, if is_noisy { group.in_flight } else { 0 }, group.ready.front().map(|message| message.id))
        };
        let waiting = self.groups.values_mut().filter(|group| !group.ready.is_empty());
        let next = waiting.min_by_key(|group| rank(group))?;
        next.in_flight += 1;
        self.len -= 1;
        next.ready.pop_front()
    }

    /// A message is no longer worked on.
    pub(super) fn worked(&mut self, group: &str, since: Instant, now: Instant) {
        if let Some(group) = self.groups.get_mut(group) {
            group.in_flight -= 1;
            group.used = group.used(now) + now.duration_since(since).as_secs_f64();
            group.used_at = now;
        }
    }
}
