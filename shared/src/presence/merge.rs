//! Merging of what was heard into a row.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::TOLERANCE;
use super::change::{Change, ConnectionChange, EarlyChange, MOST_FILTERS, SubscriptionsChange};
use super::connection::{Connection, ConnectionOrder, ConnectionState};
use super::device::{ConnectFailure, Device};
use super::subscriptions::{Early, Subscriptions};
use crate::id::SessionId;

/// Topic filters that are kept for sessions that have not been heard of otherwise; the newest.
const MOST_EARLY: usize = 100;

impl Device {
    /// Merges what was heard: `(row, event) -> row`.
    #[must_use]
    pub fn heard(mut self, told: &Self) -> Self {
        loop {
            let change = self.change(told);
            if change.is_empty() {
                return self;
            }
            self.apply(change);
        }
    }

    /// What has to be written for `told` to be merged into this row; once that is written, there may be more.
    #[must_use]
    pub fn change(&self, told: &Self) -> Change {
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
        let mut sessions = told.early.clone();
        if let Some(connection) = &told.connection {
            sessions.entry(connection.session.clone()).or_default().merge(&told.subscriptions);
        }
        let order = told.connection.as_ref().map(|new| match &self.connection {
            Some(known) => (new, Some(known), new.compared_to(known)),
            None => (new, None, ConnectionOrder::Newer),
        });
        match order {
            Some((new, known, ConnectionOrder::Newer)) => self.replace(&mut change, new, known, sessions),
            Some((new, Some(known), ConnectionOrder::Same)) => {
                change.connection = completion(known, new);
                self.subscribe(&mut change, sessions);
            }
            _ => self.subscribe(&mut change, sessions),
        }
        change
    }

    /// A newer connection. Of the subscriptions that came early, those of its session are its own, and those that are
    /// older than it are of no use any more.
    fn replace(&self, change: &mut Change, new: &Connection, known: Option<&Connection>, mut sessions: Early) {
        for (session, early) in &self.early {
            sessions.entry(session.clone()).or_default().merge(early);
        }
        let own = sessions.remove(&new.session).unwrap_or_default();
        let after = newest(recent(sessions, new.at()));
        change.early = Some(EarlyChange { after, before: self.early.clone(), session: None });
        if known.is_some_and(|known| known.session == new.session) {
            change.connection = Some(ConnectionChange::Renew(new.clone()));
            change.subscriptions = self.put(&new.session, &own);
        } else {
            change.connection = Some(ConnectionChange::Replace(new.clone(), own.trimmed()));
        }
    }

    /// Subscriptions while the connection stays.
    fn subscribe(&self, change: &mut Change, mut sessions: Early) {
        if let Some(connection) = &self.connection {
            let own = sessions.remove(&connection.session).unwrap_or_default();
            change.subscriptions = self.put(&connection.session, &own);
            sessions = recent(sessions, connection.at());
        }
        for (session, early) in &self.early {
            sessions.entry(session.clone()).or_default().merge(early);
        }
        let after = newest(sessions);
        if after != self.early {
            let session = self.connection.as_ref().map(|connection| connection.session.clone());
            change.early = Some(EarlyChange { after, before: self.early.clone(), session });
        }
    }

    fn put(&self, session: &SessionId, heard: &Subscriptions) -> Option<SubscriptionsChange> {
        let (news, surplus) = (self.subscriptions.news(heard), self.subscriptions.surplus());
        if !news.0.is_empty() {
            Some(SubscriptionsChange::Put(session.clone(), news.first(MOST_FILTERS)))
        } else if !surplus.0.is_empty() {
            Some(SubscriptionsChange::Forget(session.clone(), surplus.first(MOST_FILTERS)))
        } else {
            None
        }
    }

    fn apply(&mut self, change: Change) {
        if let Some(early) = change.early {
            self.early = early.after;
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
                self.subscriptions.0.retain(|filter, _| !old.0.contains_key(filter));
            }
            Some(SubscriptionsChange::Put(_, new)) => self.subscriptions.0.extend(new.0),
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
fn recent(sessions: Early, connection: OffsetDateTime) -> Early {
    let recent = |subscriptions: Subscriptions| subscriptions.since(connection.saturating_sub(TOLERANCE));
    let sessions = sessions.into_iter().map(|(session, subscriptions)| (session, recent(subscriptions)));
    sessions.filter(|(_, subscriptions)| !subscriptions.0.is_empty()).collect()
}

fn newest(sessions: Early) -> Early {
    let of_session = |(session, subscriptions): (SessionId, Subscriptions)| {
        subscriptions.0.into_iter().map(move |(filter, last)| (last, session.clone(), filter))
    };
    let mut all: Vec<_> = sessions.into_iter().flat_map(of_session).collect();
    all.sort_unstable_by(|one, other| Reverse(one).cmp(&Reverse(other)));
    let mut newest: Early = BTreeMap::new();
    for (last, session, filter) in all.into_iter().take(MOST_EARLY) {
        newest.entry(session).or_default().0.insert(filter, last);
    }
    newest
}
