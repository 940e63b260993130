//! Points in time as CRLs write them (RFC 5280 sections 5.1.2.4 to 5.1.2.6).
//!
//! The RFC leaves one form for each: `YYMMDDHHMMSSZ` as `UTCTime` for 1950 to 2049, `YYYYMMDDHHMMSSZ` as `GeneralizedTime`
//! from 2050 on. A `GeneralizedTime` before 2050 is refused; invalidityDate, always a `GeneralizedTime`, is the exception.

use ::time::{Date, Month, OffsetDateTime, Time};

use super::der::{Flaw, GENERALIZED_TIME, UTC_TIME};

/// The first year that is a `GeneralizedTime`.
const FIRST_GENERALIZED: i32 = 2050;

/// Reads the content of a `Time`.
pub(super) fn read(tag: u8, content: &[u8]) -> Result<OffsetDateTime, Flaw> {
    match tag {
        UTC_TIME => utc(content).ok_or(Flaw("a UTCTime that is no date as YYMMDDHHMMSSZ")),
        GENERALIZED_TIME => {
            let time = generalized(content)?;
            if time.year() < FIRST_GENERALIZED { Err(Flaw("a GeneralizedTime before 2050")) } else { Ok(time) }
        }
        _ => Err(Flaw("something else where a point in time belongs")),
    }
}

/// Reads the content of a `GeneralizedTime` of any year.
pub(super) fn generalized(content: &[u8]) -> Result<OffsetDateTime, Flaw> {
    let parse = || {
        let (century, rest) = pair(content)?;
        let (year, rest) = pair(rest)?;
        rest_of(i32::from(century) * 100 + i32::from(year), rest)
    };
    parse().ok_or(Flaw("a GeneralizedTime that is no date as YYYYMMDDHHMMSSZ"))
}

fn utc(content: &[u8]) -> Option<OffsetDateTime> {
    let (year, rest) = pair(content)?;
    // RFC 5280 section 4.1.2.5.1.
    rest_of(if year < 50 { 2000 } else { 1900 } + i32::from(year), rest)
}

fn rest_of(year: i32, digits: &[u8]) -> Option<OffsetDateTime> {
    let (month, rest) = pair(digits)?;
    let (day, rest) = pair(rest)?;
    let (hour, rest) = pair(rest)?;
    let (minute, rest) = pair(rest)?;
    let (second, rest) = pair(rest)?;
    if rest != b"Z" {
        return None;
    }
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    Some(date.with_time(Time::from_hms(hour, minute, second).ok()?).assume_utc())
}

fn pair(digits: &[u8]) -> Option<(u8, &[u8])> {
    let (&[tens, ones], rest) = digits.split_first_chunk()?;
    let both = tens.is_ascii_digit() && ones.is_ascii_digit();
    both.then(|| ((tens - b'0') * 10 + (ones - b'0'), rest))
}

/// Whether this is the content of a `UTCTime` that [`read`] reads: the same rules for eight octets at a time.
///
/// A list has one such time per entry, and nobody asks for its value.
// Called, it would take a tenth of the time that its entry takes.
#[inline(always)]
pub(super) fn is_utc(content: &[u8; 13]) -> bool {
    const TOP_BITS: u64 = 0x8080_8080_8080_8080;
    // Added to a digit, these set its top bit if it is too high for its place. Only 0 is left of the `Z`.
    const DATE_DIGITS: u64 = above([9, 9, 1, 9, 3, 9, 2, 9]);
    const CLOCK_DIGITS: u64 = above([9, 9, 9, 5, 9, 5, 9, 0]);
    // Added to a pair's value in both octets of its lane, these set the top bit of the first one if it is too much, and
    // of the second one if it is enough: months from 1 to 12, days from 1 to 31, hours to 23.
    const PAIRS: u64 = u64::from_le_bytes([0, 0x80, 0x7f - 12, 0x7f, 0x7f - 31, 0x7f, 0x7f - 23, 0x80]);
    const SECOND_OCTETS: u64 = 0xff00_ff00_ff00_ff00;

    let (Some(date), Some(clock)) = (content.first_chunk(), content.last_chunk()) else { return false };
    // Year, month, day and hour; then everything from the second digit of the day on.
    let date = u64::from_le_bytes(*date) ^ u64::from_le_bytes(*b"00000000");
    let clock = u64::from_le_bytes(*clock) ^ u64::from_le_bytes(*b"0000000Z");
    // Only an octet whose own top bit is set runs over into the next one.
    let digits = date | date.wrapping_add(DATE_DIGITS) | clock | clock.wrapping_add(CLOCK_DIGITS);
    if digits & TOP_BITS != 0 {
        return false;
    }
    // With ten times the octet before it, every second octet is the value of its pair.
    let values = date.wrapping_mul(10 * 0x100 + 1) & SECOND_OCTETS;
    if ((values | (values >> 8)) + PAIRS) & TOP_BITS != TOP_BITS & SECOND_OCTETS {
        return false;
    }
    let [_, year, _, month, _, day, ..] = values.to_le_bytes();
    day <= 28 || is_late_day(year, month, day)
}

/// What sets the top bit of each octet that is above its highest value, and below 0x80, when it is added.
const fn above(highest: [u8; 8]) -> u64 {
    0x7f7f_7f7f_7f7f_7f7f - u64::from_le_bytes(highest)
}

/// Whether a month has this day after its 28th.
#[inline]
fn is_late_day(year: u8, month: u8, day: u8) -> bool {
    match month {
        // Every fourth year from 1950 to 2049, 2000 too.
        2 => day == 29 && year.is_multiple_of(4),
        4 | 6 | 9 | 11 => day <= 30,
        _ => day <= 31,
    }
}

#[cfg(test)]
mod tests {
    use ::time::macros::datetime;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_one_form_of_each_time_is_read() {
        for (tag, text, expected) in [
            (UTC_TIME, "500101000000Z", datetime!(1950-01-01 00:00 UTC)),
            (UTC_TIME, "491231235959Z", datetime!(2049-12-31 23:59:59 UTC)),
            (UTC_TIME, "000229120000Z", datetime!(2000-02-29 12:00 UTC)),
            (GENERALIZED_TIME, "20500101000000Z", datetime!(2050-01-01 00:00 UTC)),
            (GENERALIZED_TIME, "99991231235959Z", datetime!(9999-12-31 23:59:59 UTC)),
        ] {
            assert_eq!(read(tag, text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn every_other_form_is_refused() {
        for (tag, text) in [
            (UTC_TIME, "260229000000Z"),
            (UTC_TIME, "260001000000Z"),
            (UTC_TIME, "261301000000Z"),
            (UTC_TIME, "260100000000Z"),
            (UTC_TIME, "260431000000Z"),
            (UTC_TIME, "260101240000Z"),
            (UTC_TIME, "260101006000Z"),
            (UTC_TIME, "260101000060Z"),
            (UTC_TIME, "2601010000Z"),
            (UTC_TIME, "260101000000+0000"),
            (UTC_TIME, "260101000000z"),
            (UTC_TIME, "26010100000aZ"),
            (GENERALIZED_TIME, "20491231235959Z"),
            (GENERALIZED_TIME, "21000229000000Z"),
            (GENERALIZED_TIME, "20500101000000.5Z"),
            (GENERALIZED_TIME, "20500101000000"),
            (0x16, "260101000000Z"),
        ] {
            assert!(read(tag, text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_quick_check_agrees_on_every_date_and_second() {
        for year in 0..100 {
            for month in 0..14 {
                for day in 0..33 {
                    let text = format!("{year:02}{month:02}{day:02}000000Z");
                    assert_eq!(is_utc(text.as_bytes().try_into().unwrap()), utc(text.as_bytes()).is_some(), "{text}");
                }
            }
        }
        for (hour, minute, second) in (0..100).flat_map(|n| [(n, 0, 0), (0, n, 0), (0, 0, n)]) {
            let text = format!("260101{hour:02}{minute:02}{second:02}Z");
            assert_eq!(is_utc(text.as_bytes().try_into().unwrap()), utc(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn the_quick_check_agrees_on_any_octet() {
        let good = *b"260228235959Z";
        for (at, octet) in (0..good.len()).flat_map(|at| (0..=u8::MAX).map(move |octet| (at, octet))) {
            let mut text = good;
            text[at] = octet;
            assert_eq!(is_utc(&text), utc(&text).is_some(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_check_agrees_on_any_octets(text: [u8; 13], edits: [(u8, u8); 2]) {
            let mut close = *b"260228235959Z";
            for (at, octet) in edits {
                close[usize::from(at) % close.len()] = octet;
            }
            prop_assert_eq!(is_utc(&text), utc(&text).is_some());
            prop_assert_eq!(is_utc(&close), utc(&close).is_some());
        }
    }
}
