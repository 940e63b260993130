//! What a session has subscribed to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::SessionId;
use crate::timestamp;

/// Subscriptions that are remembered for one session. AWS IoT allows a connection 50.
const MOST_HELD: usize = 100;
/// Subscriptions given up that are remembered, so that a `subscribed` which arrives late does not bring them back.
const MOST_GIVEN_UP: usize = 16;
/// By how many more the one or the other may be before the oldest are forgotten.
const SLACK: usize = 16;

/// The last that is known about one topic filter.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Subscription {
    /// When it was subscribed to or given up.
    #[serde(with = "timestamp::text")]
    pub at: OffsetDateTime,
    /// Whether it is subscribed to. Of two events of one millisecond this one counts.
    pub subscribed: bool,
}

/// Topic filters of one session, with the last that is known about each.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Subscriptions(pub BTreeMap<String, Subscription>);

/// Topic filters of sessions whose beginning has not been heard of yet.
pub type Early = BTreeMap<SessionId, Subscriptions>;

impl Subscriptions {
    /// The topic filters that are subscribed to.
    pub fn filters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, last)| last.subscribed).map(|(filter, _)| filter.as_str())
    }

    /// What of `heard` is newer than what is known, and not so old that it would be forgotten at once.
    #[must_use]
    pub fn news(&self, heard: &Self) -> Self {
        let is_news = |filter: &String, last: Subscription| match self.0.get(filter) {
            Some(known) => *known < last,
            None => self.later_than(filter, last) < most(last.subscribed),
        };
        Self(heard.0.iter().filter(|(filter, last)| is_news(filter, **last)).map(owned).collect())
    }

    /// Takes over what is newer.
    pub fn merge(&mut self, heard: &Self) {
        for (filter, last) in &heard.0 {
            self.0.entry(filter.clone()).and_modify(|known| *known = (*known).max(*last)).or_insert(*last);
        }
    }

    /// What is to be forgotten, once there is more than enough of it: the oldest.
    #[must_use]
    pub fn surplus(&self) -> Self {
        let exceeded = |subscribed| {
            self.0.values().filter(|last| last.subscribed == subscribed).count() > most(subscribed) + SLACK
        };
        let (held, given_up) = (exceeded(true), exceeded(false));
        let surplus = |(filter, last): &(&String, &Subscription)| {
            (if last.subscribed { held } else { given_up }) && self.later_than(filter, **last) >= most(last.subscribed)
        };
        Self(self.0.iter().filter(surplus).map(owned).collect())
    }

    /// Without what is to be forgotten.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        let surplus = self.surplus();
        self.0.retain(|filter, _| !surplus.0.contains_key(filter));
        self
    }

    /// At most `count` of them.
    #[must_use]
    pub fn first(self, count: usize) -> Self {
        Self(self.0.into_iter().take(count).collect())
    }

    /// Without those that are earlier than `time`.
    #[must_use]
    pub fn since(&self, time: OffsetDateTime) -> Self {
        Self(self.0.iter().filter(|(_, last)| last.at >= time).map(owned).collect())
    }

    /// How many of the same kind came later.
    fn later_than(&self, filter: &String, last: Subscription) -> usize {
        let later = |(other, known): &(&String, &Subscription)| {
            known.subscribed == last.subscribed && (known.at, *other) > (last.at, filter)
        };
        self.0.iter().filter(later).count()
    }
}

fn most(subscribed: bool) -> usize {
    if subscribed { MOST_HELD } else { MOST_GIVEN_UP }
}

fn owned((filter, last): (&String, &Subscription)) -> (String, Subscription) {
    (filter.clone(), *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given_up(times: std::ops::Range<i64>) -> Subscriptions {
        let at = |second| OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second);
        Subscriptions(times.map(|n| (format!("f/{n}"), Subscription { at: at(n), subscribed: false })).collect())
    }

    #[test]
    fn of_many_topic_filters_that_were_given_up_the_newest_are_remembered() {
        let mut known = given_up(0..32);
        assert_eq!(known.surplus(), Subscriptions::default());
        known.merge(&given_up(32..33));
        assert_eq!(known.surplus(), given_up(0..17));
        known = given_up(17..33);
        assert_eq!(known.news(&given_up(0..40)), given_up(33..40), "what was forgotten is no news");
    }

    #[test]
    fn of_too_many_topic_filters_subscribed_to_at_once_a_hundred_are_remembered() {
        let held = Subscription { at: OffsetDateTime::UNIX_EPOCH, subscribed: true };
        let mut known = Subscriptions((0..117).map(|n| (format!("held/{n:03}"), held)).collect());
        known.merge(&given_up(1..17));
        let trimmed = known.trimmed();
        assert_eq!(trimmed.filters().count(), 100);
        assert_eq!(trimmed.filters().next(), Some("held/017"));
        assert_eq!(trimmed.0.len(), 116, "what was given up does not count with them");
    }
}
