//! Whether a client counts as offline, and for how long it has been as it is.

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

/// What a client counts as.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It is connected, as far as events have told.
    Connected,
    /// It was disconnected so recently that it may be about to come back.
    Grace,
    /// It has been disconnected for the grace time at least.
    Offline,
    /// No connection of it was ever heard of, only attempts or subscriptions.
    Unknown,
}

impl State {
    /// The state of a client that is connected, or not, since a time.
    pub(super) fn new(connected: bool, since: OffsetDateTime, grace: Duration, now: OffsetDateTime) -> Self {
        if connected {
            Self::Connected
        // An event may bear a time ahead of this machine's, and no grace is none all the same.
        } else if since.min(now) <= ago(now, grace) {
            Self::Offline
        } else {
            Self::Grace
        }
    }

    /// The state as it is printed.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Grace => "grace",
            Self::Offline => "offline",
            Self::Unknown => "unknown",
        }
    }
}

/// The time that is so long before another one, 1970 at the earliest: no event is older.
pub(super) fn ago(now: OffsetDateTime, duration: Duration) -> OffsetDateTime {
    let at = time::Duration::try_from(duration).ok().and_then(|duration| now.checked_sub(duration));
    at.map_or(OffsetDateTime::UNIX_EPOCH, |at| at.max(OffsetDateTime::UNIX_EPOCH))
}

/// How long ago a time is, in whole seconds: `3m 12s`.
pub(super) fn elapsed(since: OffsetDateTime, now: OffsetDateTime) -> String {
    let seconds = u64::try_from((now - since).whole_seconds()).unwrap_or_default();
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use shared::timestamp::from_millis;

    use super::*;

    const NOW: u64 = 1_790_000_000_000;

    #[test]
    fn offline_begins_exactly_when_the_grace_time_is_over() {
        let now = from_millis(NOW).unwrap();
        for (connected, millis_ago, grace, state) in [
            (true, 0, 60, State::Connected),
            (true, 3_600_000, 60, State::Connected),
            (false, 0, 60, State::Grace),
            (false, 59_999, 60, State::Grace),
            (false, 60_000, 60, State::Offline),
            (false, 60_001, 60, State::Offline),
            (false, 0, 0, State::Offline),
            (false, 60_000, 61, State::Grace),
            (false, NOW - 1, u64::MAX, State::Grace),
        ] {
            let since = from_millis(NOW - millis_ago).unwrap();
            let told = State::new(connected, since, Duration::from_secs(grace), now);
            assert_eq!(told, state, "{connected} {millis_ago} {grace}");
        }
    }

    #[test]
    fn a_clock_that_is_behind_the_events_does_no_harm() {
        let (now, since) = (from_millis(NOW).unwrap(), from_millis(NOW + 90_000).unwrap());
        assert_eq!(State::new(false, since, Duration::from_mins(1), now), State::Grace);
        assert_eq!(State::new(false, since, Duration::ZERO, now), State::Offline);
        assert_eq!(elapsed(since, now), "0s");
    }

    #[test]
    fn what_is_printed_is_what_json_says() {
        for state in [State::Connected, State::Grace, State::Offline, State::Unknown] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    #[test]
    fn times_go_in_whole_seconds_and_no_further_back_than_events() {
        let now = from_millis(NOW).unwrap();
        assert_eq!(elapsed(from_millis(NOW - 192_999).unwrap(), now), "3m 12s");
        assert_eq!(ago(now, Duration::from_secs(3)), from_millis(NOW - 3000).unwrap());
        assert_eq!(ago(now, Duration::MAX), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(ago(now, Duration::from_hours(100 * 366 * 24)), OffsetDateTime::UNIX_EPOCH);
    }
}
