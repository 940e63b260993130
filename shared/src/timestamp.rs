//! Points in time as the tables hold them: RFC 3339, UTC, three decimals, so that text order is time order.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Writes a time of the years 0 to 9999 as `2026-09-01T00:00:00.000Z`.
///
/// The text fits the alphabet of a thing's attribute value.
#[must_use]
pub fn to_text(at: OffsetDateTime) -> String {
    // Formatting into a String fails only for components that the format lacks; it has all of them.
    at.to_offset(time::UtcOffset::UTC).format(FORMAT).unwrap_or_default()
}

/// Reads what [`to_text`] wrote.
#[must_use]
pub fn from_text(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()
}

/// The time of a count of milliseconds since 1970, as AWS IoT's events carry it.
#[must_use]
pub fn from_millis(millis: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}

/// The second since 1970 at which `duration` is over that began at `at`: a time to live, as DynamoDB wants it.
#[must_use]
pub fn seconds_after(at: OffsetDateTime, duration: Duration) -> i64 {
    at.unix_timestamp().saturating_add_unsigned(duration.as_secs())
}

/// For serde's `with`: a time as [`to_text`] writes it.
pub mod text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use time::OffsetDateTime;

    /// Writes the text.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        super::to_text(*at).serialize(serializer)
    }

    /// Reads the text.
    ///
    /// # Errors
    /// The deserializer's own, and text that is no time of RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::from_text(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is no time of RFC 3339")))
    }
}

/// For serde's `with`: a time that may be missing.
pub mod optional_text {
    use serde::{Deserializer, Serializer};
    use time::OffsetDateTime;

    /// Writes the text.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(at: &Option<OffsetDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::text::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the text.
    ///
    /// # Errors
    /// The deserializer's own, and text that is no time of RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<OffsetDateTime>, D::Error> {
        super::text::deserialize(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_milliseconds_and_order() {
        let at = from_millis(1_790_000_000_123).unwrap();
        assert_eq!(to_text(at), "2026-09-21T14:13:20.123Z");
        assert_eq!(from_text(&to_text(at)), Some(at));
    }

    #[test]
    fn a_time_to_live_may_go_beyond_the_last_time() {
        let last = from_text("9999-12-31T23:59:59.999Z").unwrap();
        assert_eq!(seconds_after(last, Duration::from_hours(24)), last.unix_timestamp() + 86_400);
        assert_eq!(seconds_after(last, Duration::MAX), i64::MAX);
    }

    #[test]
    fn impossible_milliseconds_are_none() {
        assert_eq!(from_millis(u64::MAX), None);
    }
}
