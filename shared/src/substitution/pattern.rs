//! Date patterns: of `parse_time` (Joda-Time) and of `time_to_epoch` (Java's `DateTimeFormatter`).
//!
//! Both write `yyyy-MM-dd'T'HH:mm:ss.SSS`. Supported are `yyyy` `uuuu` `MM` `M` `MMM` `MMMM` `dd` `d` `DDD` `D` `EEE`
//! `EEEE` `HH` `H` `hh` `h` `a` `mm` `m` `ss` `s`, `S` to `SSSSSSSSS`, text in single quotes and what is no letter. Only for
//! writing: the era `G`, `y` and `yy`, `Y` like `y`, the week's year `xxxx` and number `w` `ww`, the day of the week `e`,
//! the zone's short name `z`, its offset `Z` `ZZ`, its id `ZZZ`. Only for reading: offsets `Z` `ZZZZZ` `X` `XX` `XXX` `x` `xx`
//! `xxx`, zones `VV` and `z`. Names are English.

use time::format_description::{OwnedFormatItem, parse_owned};
use time::parsing::Parsed;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use super::zone::Zone;

/// A pattern, translated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Pattern {
    has_hour: bool,
    items: Vec<Item>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Item {
    /// What the crate knows.
    Time(OwnedFormatItem),
    /// The zone's short name to write, or its name to read.
    Zone,
    /// The zone's id to write.
    ZoneId,
}

/// What is wrong with a pattern, and at which of its characters, from 0.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct PatternFault {
    pub(super) at: usize,
    pub(super) message: String,
}

/// What a pattern is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Purpose {
    Reading,
    Writing,
}

impl Pattern {
    /// The pattern of `parse_time`.
    pub(super) fn for_writing(text: &str) -> Result<Self, PatternFault> {
        Self::translate(text, Purpose::Writing)
    }

    /// The pattern of `time_to_epoch`, which must name a day.
    pub(super) fn for_reading(text: &str) -> Result<Self, PatternFault> {
        let pattern = Self::translate(text, Purpose::Reading)?;
        let letters = Self::letters(text);
        let has = |letter| letters.contains(&letter);
        let message = if !((has('y') || has('u')) && (has('D') || has('M') && has('d'))) {
            "a pattern to read by needs a year, a month and a day"
        } else if has('h') && !has('H') && !has('a') {
            "hours up to 12 need an a"
        } else {
            return Ok(pattern);
        };
        Err(PatternFault { at: 0, message: message.to_owned() })
    }

    /// Writes a time, milliseconds since 1970, as it is in a zone; none outside of the years 0 to 9999.
    pub(super) fn format(&self, millis: i64, zone: &Zone) -> Option<String> {
        let second = millis.div_euclid(1000);
        let offset = UtcOffset::from_whole_seconds(zone.offset(second)?).ok()?;
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?;
        let at = at.checked_to_offset(offset).filter(|at| at.year() >= 0)?;
        let mut text = String::new();
        for item in &self.items {
            match item {
                Item::Time(item) => text.push_str(&at.format(item).ok()?),
                Item::Zone => text.push_str(&zone.abbreviation(second)?),
                Item::ZoneId => text.push_str(zone.id()),
            }
        }
        Some(text)
    }

    /// Reads a time into milliseconds since 1970. Without a time of day it is midnight, without an offset it is UTC.
    pub(super) fn millis(&self, text: &str) -> Option<i64> {
        let mut parsed = Parsed::new();
        let mut zone = None;
        let mut rest = text;
        for item in &self.items {
            rest = match item {
                Item::Time(item) => str::from_utf8(parsed.parse_item(rest.as_bytes(), item).ok()?).ok()?,
                Item::Zone | Item::ZoneId => {
                    let (named, rest) = Zone::at_start(rest)?;
                    zone = Some(named);
                    rest
                }
            };
        }
        if !rest.is_empty() {
            return None;
        }
        let date = Date::try_from(parsed).ok()?;
        let time = if self.has_hour { Time::try_from(parsed).ok()? } else { Time::MIDNIGHT };
        let local = PrimitiveDateTime::new(date, time);
        let second = match zone {
            Some(zone) => zone.second(local)?,
            None if parsed.offset_hour().is_some() => {
                local.assume_offset(UtcOffset::try_from(parsed).ok()?).unix_timestamp()
            }
            None => local.assume_offset(UtcOffset::UTC).unix_timestamp(),
        };
        second.checked_mul(1000)?.checked_add(i64::from(time.millisecond()))
    }

    fn translate(text: &str, purpose: Purpose) -> Result<Self, PatternFault> {
        let fault = |at, message: &str| PatternFault { at, message: message.to_owned() };
        let mut items = Vec::new();
        let mut description = String::new();
        for (at, part) in parts(text).map_err(|at| fault(at, "a quote that isn't closed"))? {
            match part {
                Part::Letters(letter, count) => {
                    match (zone_item(letter, count, purpose), component(letter, count, purpose)) {
                        (Some(item), _) => {
                            push_time(&mut items, &mut description)?;
                            items.push(item);
                        }
                        (None, Some(component)) => description.push_str(&component),
                        (None, None) => {
                            let run = letter.to_string().repeat(count);
                            return Err(fault(at, &format!("the pattern's {run} is not supported here")));
                        }
                    }
                }
                Part::Literal(literal) => push_literal(&mut description, &literal),
            }
        }
        push_time(&mut items, &mut description)?;
        if items.is_empty() {
            return Err(fault(0, "an empty pattern"));
        }
        Ok(Self { has_hour: Self::letters(text).iter().any(|letter| matches!(letter, 'H' | 'h')), items })
    }

    fn letters(text: &str) -> Vec<char> {
        let parts = parts(text).unwrap_or_default().into_iter();
        parts.filter_map(|(_, part)| if let Part::Letters(letter, _) = part { Some(letter) } else { None }).collect()
    }
}

/// Adds what has been described of a time, if anything has.
fn push_time(items: &mut Vec<Item>, description: &mut String) -> Result<(), PatternFault> {
    if !description.is_empty() {
        let item = parse_owned::<2>(description);
        items.push(Item::Time(item.map_err(|error| PatternFault { at: 0, message: error.to_string() })?));
        description.clear();
    }
    Ok(())
}

/// What the crate has no name for.
fn zone_item(letter: char, count: usize, purpose: Purpose) -> Option<Item> {
    match (letter, count, purpose) {
        ('z', 1..=3, _) | ('V', 2, Purpose::Reading) => Some(Item::Zone),
        ('Z', 3, Purpose::Writing) => Some(Item::ZoneId),
        _ => None,
    }
}

enum Part {
    Letters(char, usize),
    Literal(String),
}

/// Splits a pattern, each part with the index of its first character. Fails with that of a quote that isn't closed.
fn parts(text: &str) -> Result<Vec<(usize, Part)>, usize> {
    let mut characters = text.chars().enumerate().peekable();
    let mut parts = Vec::new();
    while let Some((at, c)) = characters.next() {
        let part = if c.is_ascii_alphabetic() {
            let mut count = 1;
            while characters.next_if(|(_, next)| *next == c).is_some() {
                count += 1;
            }
            Part::Letters(c, count)
        } else if c == '\'' && characters.next_if(is_quote).is_some() {
            Part::Literal("'".to_owned())
        } else if c == '\'' {
            let mut literal = String::new();
            loop {
                let (_, next) = characters.next().ok_or(at)?;
                // Two quotes are one, inside of quotes as well.
                if next == '\'' && characters.next_if(is_quote).is_none() {
                    break;
                }
                literal.push(next);
            }
            Part::Literal(literal)
        } else {
            Part::Literal(c.to_string())
        };
        parts.push((at, part));
    }
    Ok(parts)
}

fn is_quote((_, c): &(usize, char)) -> bool {
    *c == '\''
}

fn push_literal(description: &mut String, literal: &str) {
    for c in literal.chars() {
        if matches!(c, '[' | ']' | '\\') {
            description.push('\\');
        }
        description.push(c);
    }
}

/// The crate's name for so many times a letter.
fn component(letter: char, count: usize, purpose: Purpose) -> Option<String> {
    let component = match (letter, count, purpose) {
        ('y' | 'u', 4, _) | ('Y', 4, Purpose::Writing) => "[year]",
        ('y' | 'Y', 2, Purpose::Writing) => "[year repr:last_two]",
        ('y' | 'Y', 1, Purpose::Writing) => "[year padding:none]",
        ('x', 4, Purpose::Writing) => "[year base:iso_week]",
        ('w', 1, Purpose::Writing) => "[week_number padding:none]",
        ('w', 2, Purpose::Writing) => "[week_number]",
        ('e', 1, Purpose::Writing) => "[weekday repr:monday]",
        ('M', 1, _) => "[month padding:none]",
        ('M', 2, _) => "[month]",
        ('M', 3, _) => "[month repr:short]",
        ('M', 4, _) => "[month repr:long]",
        ('d', 1, _) => "[day padding:none]",
        ('d', 2, _) => "[day]",
        ('D', 1, _) => "[ordinal padding:none]",
        ('D', 3, _) => "[ordinal]",
        ('E', 1..=3, _) => "[weekday repr:short]",
        ('E', 4, _) => "[weekday repr:long]",
        ('H', 1, _) => "[hour padding:none]",
        ('H', 2, _) => "[hour]",
        ('h', 1, _) => "[hour repr:12 padding:none]",
        ('h', 2, _) => "[hour repr:12]",
        ('a', 1, _) => "[period]",
        ('m', 1, _) => "[minute padding:none]",
        ('m', 2, _) => "[minute]",
        ('s', 1, _) => "[second padding:none]",
        ('s', 2, _) => "[second]",
        ('S', 1..=9, _) => return Some(format!("[subsecond digits:{count}]")),
        ('G', 1, Purpose::Writing) => "AD",
        ('Z', 1, Purpose::Writing) | ('Z', 1..=3, Purpose::Reading) | ('x', 2, Purpose::Reading) => {
            "[offset_hour sign:mandatory][offset_minute]"
        }
        ('Z', 2, Purpose::Writing) | ('x', 3, Purpose::Reading) => "[offset_hour sign:mandatory]:[offset_minute]",
        ('X', 1, Purpose::Reading) => "[first [Z] [[offset_hour sign:mandatory]]]",
        ('X', 2, Purpose::Reading) => "[first [Z] [[offset_hour sign:mandatory][offset_minute]]]",
        ('X', 3, Purpose::Reading) | ('Z', 5, Purpose::Reading) => {
            "[first [Z] [[offset_hour sign:mandatory]:[offset_minute]]]"
        }
        ('x', 1, Purpose::Reading) => "[offset_hour sign:mandatory]",
        _ => return None,
    };
    Some(component.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-03-05T07:08:09.012Z, a Thursday, day 64.
    const AT: i64 = 1_772_694_489_012;

    #[test]
    fn times_are_written() {
        let cases = [
            ("yyyy", "2026"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2026-03-05T07:08:09.012Z"),
            ("yyyy.MM.dd G 'at' HH:mm:ss z", "2026.03.05 AD at 07:08:09 UTC"),
            ("uuuuMMddHHmmssS Z ZZ ZZZ", "202603050708090 +0000 +00:00 UTC"),
            ("yy/M/d H:m:s SSSSSSSSS", "26/3/5 7:8:9 012000000"),
            ("EEE, d MMM, EEEE MMMM hh a h", "Thu, 5 Mar, Thursday March 07 AM 7"),
            ("DDD D", "064 64"),
            ("Y YY YYYY y", "2026 26 2026 2026"),
            ("xxxx-'W'ww-e w", "2026-W10-4 10"),
            ("'o''clock' '' [\\]'[]' é", "o'clock ' [\\][] é"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(
                Pattern::for_writing(pattern).unwrap().format(AT, &Zone::utc()).as_deref(),
                Some(expected),
                "{pattern}"
            );
        }
        let year = Pattern::for_writing("yyyy").unwrap();
        assert_eq!(year.format(-1, &Zone::utc()).as_deref(), Some("1969"));
        for millis in [i64::MIN, -62_198_755_200_000, 253_402_300_800_000, i64::MAX] {
            assert_eq!(year.format(millis, &Zone::utc()), None, "{millis}");
        }
    }

    #[test]
    fn times_are_written_in_their_zone() {
        let cases = [
            ("America/Belize", 100_000_000, "yyyy.MM.dd G 'at' HH:mm:ss z", "1970.01.01 AD at 21:46:40 CST"),
            (
                "America/New_York",
                AT,
                "yyyy-MM-dd HH:mm:ss Z ZZ ZZZ z",
                "2026-03-05 02:08:09 -0500 -05:00 America/New_York EST",
            ),
            ("Asia/Dili", AT, "HH:mm ZZ ZZZ", "16:08 +09:00 Asia/Dili"),
            ("+05:45", AT, "HH:mm Z", "12:53 +0545"),
        ];
        for (zone, at, pattern, expected) in cases {
            let written = Pattern::for_writing(pattern).unwrap().format(at, &Zone::named(zone).unwrap());
            assert_eq!(written.as_deref(), Some(expected), "{pattern} {zone}");
        }
    }

    #[test]
    fn times_are_read() {
        let cases = [
            ("dd MMMM yyyy", "18 December 2015", Some(1_450_396_800_000)),
            ("yyyy-MM-dd HH:mm:ss.SSS", "2007-12-03 10:15:30.592", Some(1_196_676_930_592)),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "2020-04-03T09:45:18+01:00", Some(1_585_903_518_000)),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "2020-04-03T08:45:18Z", Some(1_585_903_518_000)),
            ("yyyy-MM-dd HH:mm:ss XX", "2020-04-03 09:45:18 +0100", Some(1_585_903_518_000)),
            ("yyyy-MM-dd HH:mm:ss X", "2020-04-03 07:45:18 -01", Some(1_585_903_518_000)),
            ("yyyy-MM-dd HH:mm:ss Z", "2020-04-03 09:45:18 +0100", Some(1_585_903_518_000)),
            ("yyyy-MM-dd HH:mm:ss VV", "2020-04-03 09:45:18 UTC+01:00", Some(1_585_903_518_000)),
            ("yyyy-MM-dd HH:mm:ss VV", "2020-04-03 09:45:18 Europe/London", Some(1_585_903_518_000)),
            ("yyyy-MM-dd HH:mm:ss VV", "2020-04-03 08:45:18 Z", Some(1_585_903_518_000)),
            ("yyyy-MM-dd HH:mm:ss VV", "2020-04-03 08:45:18 Mars/Olympus", None),
            ("yyyy-MM-dd HH:mm:ss VV", "2020-04-03 08:45:18 ", None),
            ("yyyy-MM-dd HH:mm:ss.SSS z", "2007-12-03 10:15:30.592 America/Los_Angeles", Some(1_196_705_730_592)),
            ("VV yyyy-MM-dd HH:mm", "Asia/Tokyo 2020-04-03 09:45", Some(1_585_874_700_000)),
            ("yyyy-MM-dd HH:mm:ssxxx", "2020-04-03 09:45:18+01:00", Some(1_585_903_518_000)),
            ("yyyy-MM-dd HH:mm:ssZZZZZ", "2020-04-03 08:45:18Z", Some(1_585_903_518_000)),
            ("yyyy-M-d h:mm a", "2020-4-3 8:45 PM", Some(1_585_946_700_000)),
            ("yyyy-DDD HH", "2020-094 08", Some(1_585_900_800_000)),
            ("yyyy-MM-dd HH:mm:ss.SSS", "1969-12-31 23:59:59.999", Some(-1)),
            ("yyyy-MM-dd", "2020-02-30", None),
            ("yyyy-MM-dd", "2020-02-03 ", None),
            ("yyyy-MM-dd", "2020-2-3", None),
            ("yyyy-MM-dd HH", "2020-02-03 24", None),
            ("yyyy-MM-dd", "", None),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Pattern::for_reading(pattern).unwrap().millis(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn faults_are_at_their_character() {
        let writing = [
            ("yyyy-QQ", 5, "the pattern's QQ is not supported here"),
            ("yyyyy", 0, "the pattern's yyyyy is not supported here"),
            ("é yyyy XXX", 7, "the pattern's XXX is not supported here"),
            ("yyyy 'at", 5, "a quote that isn't closed"),
            ("'", 0, "a quote that isn't closed"),
            ("", 0, "an empty pattern"),
        ];
        for (pattern, at, message) in writing {
            let fault = PatternFault { at, message: message.to_owned() };
            assert_eq!(Pattern::for_writing(pattern), Err(fault), "{pattern}");
        }
        let day = "a pattern to read by needs a year, a month and a day";
        let reading = [
            ("yyyy", 0, day),
            ("MM-dd", 0, day),
            ("'yyyy' MM-dd", 0, day),
            ("yyyy-MM-dd hh", 0, "hours up to 12 need an a"),
            ("yyyy-MM-dd zzzz", 11, "the pattern's zzzz is not supported here"),
            ("yy-MM-dd", 0, "the pattern's yy is not supported here"),
        ];
        for (pattern, at, message) in reading {
            let fault = PatternFault { at, message: message.to_owned() };
            assert_eq!(Pattern::for_reading(pattern), Err(fault), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn patterns_never_panic(pattern: String, text: String, millis: i64) {
            if let Ok(pattern) = Pattern::for_writing(&pattern) {
                let _ = pattern.format(millis, &Zone::utc());
            }
            if let Ok(pattern) = Pattern::for_reading(&pattern) {
                let _ = pattern.millis(&text);
            }
        }

        #[test]
        fn what_was_written_is_read_again(millis in 0_i64..253_402_300_800_000) {
            let pattern = "yyyy-MM-dd'T'HH:mm:ss.SSS";
            let text = Pattern::for_writing(pattern).unwrap().format(millis, &Zone::utc()).unwrap();
            prop_assert_eq!(Pattern::for_reading(pattern).unwrap().millis(&text), Some(millis));
        }
    }
}
