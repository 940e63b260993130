//! How long an invocation may work.

use std::time::Duration;

use time::OffsetDateTime;

/// The time until an invocation's deadline, less `reserve` for what has to be done at its end.
///
/// A deadline that had passed before the invocation began is none, and gives `without`: `cargo lambda watch` sends a
/// constant of 1970.
#[must_use]
pub fn time_left(deadline: OffsetDateTime, now: OffsetDateTime, reserve: Duration, without: Duration) -> Duration {
    match Duration::try_from(deadline - now) {
        Ok(left) if !left.is_zero() => left.saturating_sub(reserve),
        _ => without,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_leaves_time_for_what_comes_at_the_end() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
        let (reserve, without) = (Duration::from_millis(1500), Duration::from_secs(20));
        let left = |deadline| time_left(deadline, now, reserve, without);
        assert_eq!(left(now + time::Duration::seconds(30)), Duration::from_millis(28_500));
        assert_eq!(left(now + time::Duration::seconds(1)), Duration::ZERO);
        assert_eq!(left(OffsetDateTime::UNIX_EPOCH + time::Duration::minutes(10)), without);
    }
}
