//! What a session has subscribed to.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::SessionId;
use crate::timestamp;

/// Bytes of one topic filter in a row beside the filter itself.
const ENTRY_BYTES: usize = 64;

/// How much of subscriptions is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes of the subscriptions of sessions whose beginning has not been heard of yet, of all together.
    bytes: usize,
    /// Topic filters that one change writes.
    pub(super) filters: usize,
    /// Topic filters given up, of one session.
    given_up: usize,
    /// Topic filters subscribed to, of one session.
    held: usize,
    /// Sessions whose beginning has not been heard of yet.
    sessions: usize,
    /// By how many more the filters of the current session may be before the oldest are forgotten.
    slack: usize,
}

impl Bounds {
    /// Those of a row, which must have less than 400 KB, most of them in topic filters of
    /// [512 bytes](crate::event::MAX_TOPIC_FILTER). AWS IoT allows a connection 50 subscriptions. Each topic filter of a
    /// change takes a part of DynamoDB's longest expression, 4 KB.
    pub(super) const ROW: Self =
        Self { bytes: 192 * 1024, filters: 10, given_up: 128, held: 100, sessions: 8, slack: 16 };
    /// Those of a digest, which has no more than its events. One that forgot what was given up would leave it subscribed to
    /// in the row.
    pub(super) const DIGEST: Self = Self {
        bytes: usize::MAX,
        filters: usize::MAX,
        given_up: usize::MAX,
        held: usize::MAX,
        sessions: usize::MAX,
        slack: 0,
    };

    fn most(self, subscribed: bool) -> usize {
        if subscribed { self.held } else { self.given_up }
    }

    /// The same without slack.
    fn strict(self) -> Self {
        Self { slack: 0, ..self }
    }
}

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
pub struct Subscriptions {
    /// The last that is known about each filter.
    pub filters: BTreeMap<String, Subscription>,
    /// The latest time of a filter given up that is not remembered any more. What was told before, of a filter that is not
    /// remembered, is ignored: it may be the repeat of a subscription that was given up since.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp::optional_text")]
    pub forgotten: Option<OffsetDateTime>,
}

/// Subscriptions of sessions whose beginning has not been heard of yet.
pub type Pending = BTreeMap<SessionId, Subscriptions>;

impl FromIterator<(String, Subscription)> for Subscriptions {
    fn from_iter<T: IntoIterator<Item = (String, Subscription)>>(filters: T) -> Self {
        Self { filters: filters.into_iter().collect(), forgotten: None }
    }
}

impl Subscriptions {
    /// The topic filters that are subscribed to.
    pub fn held(&self) -> impl Iterator<Item = &str> {
        self.filters.iter().filter(|(_, last)| last.subscribed).map(|(filter, _)| filter.as_str())
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty() && self.forgotten.is_none()
    }

    /// Takes over what is newer.
    pub fn merge(&mut self, heard: &Self) {
        for (filter, last) in &heard.filters {
            match self.filters.get_mut(filter) {
                Some(known) => *known = (*known).max(*last),
                None if self.forgotten.is_some_and(|forgotten| last.at <= forgotten) => {}
                None => drop(self.filters.insert(filter.clone(), *last)),
            }
        }
        self.forgotten = self.forgotten.max(heard.forgotten);
    }

    /// Without those that are earlier than `time`.
    #[must_use]
    pub fn since(mut self, time: OffsetDateTime) -> Self {
        self.filters.retain(|_, last| last.at >= time);
        self
    }

    /// Within the bounds of a session: where there are more filters of a kind than that and the slack, the oldest are
    /// forgotten.
    #[must_use]
    pub(super) fn bounded(mut self, bounds: Bounds) -> Self {
        for subscribed in [true, false] {
            let of_kind = self.filters.iter().filter(|(_, last)| last.subscribed == subscribed);
            let mut of_kind: Vec<_> = of_kind.map(|(filter, last)| (last.at, filter.clone())).collect();
            let most = bounds.most(subscribed);
            if of_kind.len() <= most.saturating_add(bounds.slack) {
                continue;
            }
            of_kind.sort_unstable_by(|one, other| Reverse(one).cmp(&Reverse(other)));
            for (at, filter) in of_kind.into_iter().skip(most) {
                self.filters.remove(&filter);
                // What is still subscribed to may be told again, and be taken up again.
                self.forgotten = if subscribed { self.forgotten } else { self.forgotten.max(Some(at)) };
            }
        }
        self
    }

    /// Without slack: what a session begins with.
    #[must_use]
    pub(super) fn trimmed(self, bounds: Bounds) -> Self {
        self.bounded(bounds.strict())
    }

    fn bytes(&self) -> usize {
        self.filters.keys().map(|filter| filter.len() + ENTRY_BYTES).sum()
    }

    fn latest(&self) -> Option<OffsetDateTime> {
        self.filters.values().map(|last| last.at).max()
    }
}

/// The subscriptions of as many sessions as are remembered: the newest, each within its own bounds.
pub(super) fn newest(sessions: Pending, bounds: Bounds) -> Pending {
    let bounded = |(session, subscriptions): (SessionId, Subscriptions)| {
        let subscriptions = subscriptions.trimmed(bounds);
        Some((subscriptions.latest()?, session, subscriptions))
    };
    let mut sessions: Vec<_> = sessions.into_iter().filter_map(bounded).collect();
    sessions.sort_unstable_by(|one, other| (other.0, &other.1).cmp(&(one.0, &one.1)));
    let mut bytes = 0_usize;
    let fitting = sessions.into_iter().take(bounds.sessions).take_while(|(_, _, subscriptions)| {
        bytes = bytes.saturating_add(subscriptions.bytes());
        bytes <= bounds.bytes
    });
    fitting.map(|(_, session, subscriptions)| (session, subscriptions)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second)
    }

    fn filters(times: std::ops::Range<i64>, subscribed: bool) -> Subscriptions {
        times.map(|n| (format!("{subscribed}/{n}"), Subscription { at: at(n), subscribed })).collect()
    }

    fn merged(known: &Subscriptions, heard: &Subscriptions) -> Subscriptions {
        let mut merged = known.clone();
        merged.merge(heard);
        merged.bounded(Bounds::ROW)
    }

    #[test]
    fn of_many_topic_filters_that_were_given_up_the_newest_are_remembered() {
        let known = filters(0..144, false).bounded(Bounds::ROW);
        assert_eq!(known, filters(0..144, false));
        let known = merged(&known, &filters(144..145, false));
        let expected = Subscriptions { forgotten: Some(at(16)), ..filters(17..145, false) };
        assert_eq!(known, expected);
        assert_eq!(merged(&known, &filters(0..145, false)), expected, "what was forgotten is ignored");
    }

    #[test]
    fn a_repeat_of_what_was_given_up_and_forgotten_does_not_bring_it_back() {
        let held = filters(0..1, true);
        let mut known = merged(&held, &filters(10..200, false));
        let forgotten: Subscriptions =
            (10..72).map(|n| (format!("false/{n}"), Subscription { at: at(n), subscribed: true })).collect();
        assert_eq!(merged(&known, &forgotten), known);
        assert_eq!(known.held().collect::<Vec<_>>(), ["true/0"], "what is remembered stays, however old");
        known = merged(&known, &filters(72..73, true));
        assert_eq!(known.held().count(), 2, "what is newer than anything forgotten is taken up");
    }

    #[test]
    fn filters_of_one_kind_leave_room_for_those_of_the_other() {
        let mut known = filters(0..49, true);
        known.merge(&filters(100..500, false));
        let known = known.trimmed(Bounds::ROW);
        assert_eq!((known.held().count(), known.filters.len()), (49, 49 + 128));
        let mut known = filters(0..117, true);
        known.merge(&filters(0..20, false));
        let known = known.bounded(Bounds::ROW);
        assert_eq!((known.held().count(), known.filters.len(), known.forgotten), (100, 120, None));
    }

    #[test]
    fn the_newest_sessions_wait_as_far_as_they_fit() {
        let session = |n: usize| format!("s{n}").parse::<SessionId>().unwrap();
        let few =
            |n: usize| (session(n), filters(10 * i64::try_from(n).unwrap()..10 * i64::try_from(n + 1).unwrap(), true));
        let waiting: Vec<_> = newest((0..9).map(few).collect(), Bounds::ROW).into_keys().collect();
        assert_eq!(waiting, (1..9).map(session).collect::<Vec<_>>());
        let long = |n: i64| (format!("{n:0>512}"), Subscription { at: at(n), subscribed: true });
        let many = |n: i64| (session(n.try_into().unwrap()), (100 * n..100 * n + 100).map(long).collect());
        let waiting: Vec<_> = newest((0..8).map(many).collect(), Bounds::ROW).into_keys().collect();
        assert_eq!(waiting, (5..8).map(session).collect::<Vec<_>>());
    }
}
