//! Merging of what was heard into a row.

use time::OffsetDateTime;

use super::TOLERANCE;
use super::change::{Change, ConnectionChange, PendingChange, SubscriptionsChange};
use super::connection::{Connection, ConnectionOrder, ConnectionState};
use super::device::{ConnectFailure, Device};
use super::subscriptions::{Bounds, Pending, Subscription, Subscriptions, newest};
use crate::id::SessionId;

impl Device {
    /// Merges what was heard: `(digest, event) -> digest`. Nothing is forgotten.
    #[must_use]
    pub fn heard(mut self, told: &Self) -> Self {
        loop {
            let change = self.change_within(told, Bounds::DIGEST);
            if change.is_empty() {
                return self;
            }
            self.apply(change);
        }
    }

    /// What has to be written for `told` to be merged into this row; once that is written, there may be more.
    #[must_use]
    pub fn change(&self, told: &Self) -> Change {
        self.change_within(told, Bounds::ROW)
    }

    fn change_within(&self, told: &Self, bounds: Bounds) -> Change {
        let later = |at: &OffsetDateTime| self.last_event_at.is_none_or(|known| known < *at);
        let failed = |failure: &&ConnectFailure| {
            let known = self.last_connect_failure.as_ref();
            known.is_none_or(|known| (known.at, &known.session) < (failure.at, &failure.session))
        };
        let mut change = Change {
            last_connect_failure: told.last_connect_failure.as_ref().filter(failed).cloned(),
            last_event_at: told.last_event_at.filter(later),
            permanent: told.permanent && !self.permanent,
            ..Change::default()
        };
        let mut sessions = told.pending.clone();
        if let Some(connection) = &told.connection {
            sessions.entry(connection.session.clone()).or_default().merge(&told.subscriptions);
        }
        let order = told.connection.as_ref().map(|new| match &self.connection {
            Some(known) => (new, Some(known), new.compared_to(known)),
            None => (new, None, ConnectionOrder::Newer),
        });
        match order {
            Some((new, known, ConnectionOrder::Newer)) => self.replace(&mut change, new, known, sessions, bounds),
            Some((new, Some(known), ConnectionOrder::Same)) => {
                change.connection = completion(known, new);
                self.subscribe(&mut change, sessions, bounds);
            }
            _ => self.subscribe(&mut change, sessions, bounds),
        }
        change
    }

    /// A newer connection. Of the subscriptions that came before it, those of its session are its own, and those that are
    /// older than it are of no use any more.
    fn replace(
        &self,
        change: &mut Change,
        new: &Connection,
        known: Option<&Connection>,
        sessions: Pending,
        bounds: Bounds,
    ) {
        let mut sessions = merged(&self.pending, sessions);
        let own = sessions.remove(&new.session).unwrap_or_default();
        let after = newest(recent(sessions, new.at()), bounds);
        change.pending = Some(PendingChange { after, before: self.pending.clone(), session: None });
        if known.is_some_and(|known| known.session == new.session) {
            change.connection = Some(ConnectionChange::Renew(new.clone()));
            change.subscriptions = self.put(&new.session, &own, bounds);
        } else {
            change.connection = Some(ConnectionChange::Replace(new.clone(), own.trimmed(bounds)));
        }
    }

    /// Subscriptions while the connection stays.
    fn subscribe(&self, change: &mut Change, mut sessions: Pending, bounds: Bounds) {
        if let Some(connection) = &self.connection {
            let own = sessions.remove(&connection.session).unwrap_or_default();
            change.subscriptions = self.put(&connection.session, &own, bounds);
            sessions = recent(sessions, connection.at());
        }
        let after = newest(merged(&self.pending, sessions), bounds);
        if after != self.pending {
            let session = self.connection.as_ref().map(|connection| connection.session.clone());
            change.pending = Some(PendingChange { after, before: self.pending.clone(), session });
        }
    }

    /// The next step from the subscriptions that are known to those that they become. What is subscribed to is added
    /// before anything given up is forgotten, for then it would be ignored; and room is made before it is needed.
    fn put(&self, session: &SessionId, heard: &Subscriptions, bounds: Bounds) -> Option<SubscriptionsChange> {
        let known = &self.subscriptions;
        let mut wanted = known.clone();
        wanted.merge(heard);
        let wanted = wanted.bounded(bounds);
        let excess = |subscribed| {
            let is_excess = |(filter, last): &(&String, &Subscription)| {
                last.subscribed == subscribed && !wanted.filters.contains_key(*filter)
            };
            oldest(known.filters.iter().filter(is_excess), bounds)
        };
        let is_new = |(filter, last): &(&String, &Subscription)| known.filters.get(*filter) != Some(last);
        let (adding, replacing): (Vec<_>, Vec<_>) = wanted
            .filters
            .iter()
            .filter(is_new)
            .partition(|(filter, last)| !last.subscribed && !known.filters.contains_key(*filter));
        let put = |filters: &mut dyn Iterator<Item = (&String, &Subscription)>| {
            let filters = filters.take(bounds.filters).map(owned).collect();
            Some(SubscriptionsChange::Put(session.clone(), filters))
        };
        let forget = |old: Subscriptions| {
            let raised = |forgotten: &OffsetDateTime| known.forgotten.is_none_or(|before| before < *forgotten);
            let old = Subscriptions { forgotten: old.forgotten.filter(raised), ..old };
            (!old.is_empty()).then(|| SubscriptionsChange::Forget(session.clone(), old))
        };
        let (held, given_up) = (excess(true), excess(false));
        if !held.is_empty() {
            forget(held)
        } else if given_up.is_empty() && !(adding.is_empty() && replacing.is_empty()) {
            put(&mut replacing.into_iter().chain(adding))
        } else if !replacing.is_empty() {
            put(&mut replacing.into_iter())
        } else if !given_up.is_empty() {
            forget(given_up)
        } else {
            forget(Subscriptions { forgotten: wanted.forgotten, ..Subscriptions::default() })
        }
    }

    fn apply(&mut self, change: Change) {
        if let Some(pending) = change.pending {
            self.pending = pending.after;
        }
        match change.connection {
            None => {}
            Some(ConnectionChange::Begin(new, beginning)) => {
                if let Some(known) = &mut self.connection
                    && let ConnectionState::Ended(before, _) = &mut known.state
                {
                    *before = Some(beginning);
                    fill(known, new);
                }
            }
            Some(ConnectionChange::End(new, end)) => {
                if let Some(known) = &mut self.connection {
                    known.state = ConnectionState::Ended(known.beginning().cloned(), end);
                    fill(known, new);
                }
            }
            Some(ConnectionChange::Renew(new)) => self.connection = Some(new),
            Some(ConnectionChange::Replace(new, subscriptions)) => {
                self.connection = Some(new);
                self.subscriptions = subscriptions;
            }
        }
        match change.subscriptions {
            None => {}
            Some(SubscriptionsChange::Forget(_, old)) => {
                self.subscriptions.filters.retain(|filter, _| !old.filters.contains_key(filter));
                self.subscriptions.forgotten = self.subscriptions.forgotten.max(old.forgotten);
            }
            Some(SubscriptionsChange::Put(_, new)) => self.subscriptions.filters.extend(new.filters),
        }
        self.last_connect_failure = change.last_connect_failure.or_else(|| self.last_connect_failure.take());
        self.last_event_at = change.last_event_at.or(self.last_event_at);
        self.permanent |= change.permanent;
    }
}

/// What `new` tells of the connection that is known already.
fn completion(known: &Connection, new: &Connection) -> Option<ConnectionChange> {
    match (&known.state, &new.state) {
        (ConnectionState::Ended(None, _), _) => {
            new.beginning().map(|beginning| ConnectionChange::Begin(new.clone(), beginning.clone()))
        }
        (ConnectionState::Open(_), ConnectionState::Ended(_, end)) => {
            Some(ConnectionChange::End(new.clone(), end.clone()))
        }
        _ => None,
    }
}

/// What only one of two events of a connection told.
fn fill(known: &mut Connection, new: Connection) {
    known.principal = known.principal.take().or(new.principal);
    known.thing_name = known.thing_name.take().or(new.thing_name);
}

/// Without what is older than a connection that was known later, and so belongs to one before it.
fn recent(sessions: Pending, connection: OffsetDateTime) -> Pending {
    let earliest = connection.saturating_sub(TOLERANCE);
    let sessions = sessions.into_iter().map(|(session, subscriptions)| (session, subscriptions.since(earliest)));
    sessions.filter(|(_, subscriptions)| !subscriptions.filters.is_empty()).collect()
}

fn merged(known: &Pending, heard: Pending) -> Pending {
    let mut merged = known.clone();
    for (session, subscriptions) in heard {
        merged.entry(session).or_default().merge(&subscriptions);
    }
    merged
}

/// Of filters of one kind the oldest that one change forgets; if they were given up, with the latest of their times.
fn oldest<'a>(filters: impl Iterator<Item = (&'a String, &'a Subscription)>, bounds: Bounds) -> Subscriptions {
    let mut filters: Vec<_> = filters.collect();
    filters.sort_unstable_by_key(|(filter, last)| (last.at, *filter));
    filters.truncate(bounds.filters);
    let forgotten = filters.iter().filter(|(_, last)| !last.subscribed).map(|(_, last)| last.at).max();
    Subscriptions { forgotten, ..filters.into_iter().map(owned).collect() }
}

fn owned((filter, last): (&String, &Subscription)) -> (String, Subscription) {
    (filter.clone(), *last)
}
