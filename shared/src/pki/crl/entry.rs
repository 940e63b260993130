//! One entry of `revokedCertificates` (RFC 5280 sections 5.1.2.6 and 5.3).

use super::der::{self, ENUMERATED, Flaw, GENERALIZED_TIME, INTEGER, Integer, SEQUENCE, UTC_TIME};
use super::extensions::{self, Extension};
use super::{CrlFault, RevocationReason, date};

/// Content of the object identifiers.
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 0x1d];
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 0x18];
const REASON_CODE: &[u8] = &[0x55, 0x1d, 0x15];

/// Longest serial number, in octets of its value (RFC 5280 section 4.1.2.2), and with the zero octet before a high bit.
const MAX_SERIAL: usize = 20;
const MAX_SERIAL_CONTENT: u8 = 21;

/// A `UTCTime`: its identifier and length, and the octets of all of it.
const TIME_HEADER: u16 = u16::from_le_bytes([UTC_TIME, 13]);
const TIME: usize = 15;

/// crlEntryExtensions with nothing but a reasonCode, which nearly every entry ends with: the first 8 octets, the last 8
/// for a code of 0, and the octets of all of it.
const REASON_START: u64 = u64::from_le_bytes([0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d]);
const REASON_END: u64 = u64::from_le_bytes([0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01, 0]);
const REASON: usize = 14;

/// Content of an entry of the usual shape but for the content of its serial number: one header and what follows.
const WITHOUT_REASON: usize = 2 + TIME;
const WITH_REASON: usize = WITHOUT_REASON + REASON;

/// Octets of the longest entry of the usual shape.
const MAX_USUAL: usize = 2 + WITH_REASON + 1 + MAX_SERIAL;

/// A certificate that a CRL lists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry<'a> {
    /// Why it is listed. `RemoveFromCrl` takes an earlier hold back.
    pub reason: RevocationReason,
    /// Its serial number: 1 to 20 octets, big-endian, the first one not zero.
    pub serial: &'a [u8],
}

/// Takes one entry of the usual shape off `input`. None if it is of another shape or flawed, or if fewer than
/// [`MAX_USUAL`] octets are left: one look at their number serves the whole entry.
///
/// The usual shape has short lengths, a `UTCTime`, and no extension or a plain reasonCode. [`read`] reads the same out of
/// it, and whatever this function leaves alone.
#[expect(clippy::inline_always, reason = "the loop over a million entries is nothing but this function")]
#[inline(always)]
pub(super) fn read_usual(input: &[u8], extensible: bool) -> Option<(Entry<'_>, &[u8])> {
    let entry = input.first_chunk::<MAX_USUAL>()?;
    let &[SEQUENCE, length, INTEGER, serial_length @ 1..=MAX_SERIAL_CONTENT, first, second, ..] = entry else {
        return None;
    };
    // Zero and negative numbers are none. A zero octet is there if the next one is high, and only then.
    let beginning = u16::from_be_bytes([first, second]);
    if !(0x0080..0x8000).contains(&beginning) {
        return None;
    }
    let (serial, rest) = entry.get(4..)?.split_at_checked(usize::from(serial_length))?;
    let serial = serial.get(usize::from(first == 0)..)?;
    if serial.len() > MAX_SERIAL {
        return None;
    }
    let (time, rest) = rest.split_first_chunk::<TIME>()?;
    let (header, time) = time.split_first_chunk()?;
    if u16::from_le_bytes(*header) != TIME_HEADER || !date::is_utc(time.first_chunk()?) {
        return None;
    }
    let end = 2 + usize::from(serial_length);
    let (reason, end) = match usize::from(length.wrapping_sub(serial_length)) {
        WITHOUT_REASON => (RevocationReason::Unspecified, end + WITHOUT_REASON),
        WITH_REASON if extensible => (only_reason(rest.first_chunk()?)?, end + WITH_REASON),
        _ => return None,
    };
    Some((Entry { reason, serial }, input.get(end..)?))
}

#[inline]
fn only_reason(extensions: &[u8; REASON]) -> Option<RevocationReason> {
    let (start, end) = (extensions.first_chunk()?, extensions.last_chunk()?);
    if u64::from_le_bytes(*start) != REASON_START {
        return None;
    }
    // Only the last octet, the code, may differ. It becomes the lowest one.
    let code = u64::from_le_bytes(*end).wrapping_sub(REASON_END).rotate_left(8);
    RevocationReason::from_code(u8::try_from(code).ok()?)
}

/// Reads the content of an entry; none if its serial number is one that no certificate here can have: zero, negative, or
/// longer than 20 octets. RFC 5280 section 4.1.2.2 wants such numbers handled gracefully, and one odd entry says nothing
/// about the others.
///
/// # Errors
/// [`CrlFault::EntryExtension`], [`CrlFault::Indirect`], [`CrlFault::Malformed`]; [`CrlFault::Version`] for extensions
/// in a list that is not `extensible`, because it is of version 1.
pub(super) fn read(mut content: &[u8], extensible: bool) -> Result<Option<Entry<'_>>, CrlFault> {
    let serial = Integer::read(der::expect(&mut content, INTEGER, "an entry without serial number")?)?;
    let time = der::element(&mut content)?;
    date::read(time.tag, time.content)?;
    let reason = if content.is_empty() {
        RevocationReason::Unspecified
    } else {
        let list = der::only(content, SEQUENCE, "something else where an entry's extensions belong")?;
        if !extensible {
            return Err(CrlFault::Version("version 1, whose entries have no extensions"));
        }
        read_extensions(list)?
    };
    Ok(match serial {
        Integer::NotNegative(serial @ [_, ..]) if serial.len() <= MAX_SERIAL => Some(Entry { reason, serial }),
        Integer::Negative | Integer::NotNegative(_) => None,
    })
}

fn read_extensions(list: &[u8]) -> Result<RevocationReason, CrlFault> {
    let mut reason = RevocationReason::Unspecified;
    extensions::each(list, |Extension { critical, oid, value }| {
        match oid {
            REASON_CODE => reason = read_reason(value)?,
            INVALIDITY_DATE => {
                date::generalized(der::only(value, GENERALIZED_TIME, "an invalidityDate that is no GeneralizedTime")?)?;
            }
            CERTIFICATE_ISSUER => return Err(CrlFault::Indirect),
            _ if critical => return Err(CrlFault::EntryExtension(extensions::name(oid))),
            _ => {}
        }
        Ok(())
    })?;
    Ok(reason)
}

fn read_reason(value: &[u8]) -> Result<RevocationReason, Flaw> {
    match der::only(value, ENUMERATED, "a reasonCode that is no ENUMERATED")? {
        [code] => RevocationReason::from_code(*code),
        _ => None,
    }
    .ok_or(Flaw("a reasonCode that RFC 5280 does not know"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Serial number 0x1234, 2026-01-01, keyCompromise.
    const USUAL: &str = "3021 02021234 170d3236303130313030303030305a 300c300a0603551d1504030a0101";

    fn octets(text: &str) -> Vec<u8> {
        hex::decode(text.replace(' ', "")).unwrap()
    }

    fn read_whole(mut input: &[u8], extensible: bool) -> Result<Option<Entry<'_>>, CrlFault> {
        read(der::expect(&mut input, SEQUENCE, "no entry")?, extensible)
    }

    /// The quick way, with enough octets after the entry.
    fn read_quickly(entry: &[u8], extensible: bool) -> Option<(Entry<'static>, usize)> {
        let input = [entry, &[0xff; MAX_USUAL]].concat().leak();
        read_usual(input, extensible).map(|(entry, rest)| (entry, input.len() - rest.len()))
    }

    #[test]
    fn the_usual_entry_is_read_both_ways() {
        let usual = octets(USUAL);
        let entry = Entry { reason: RevocationReason::KeyCompromise, serial: &[0x12, 0x34] };
        assert_eq!(read_quickly(&usual, true), Some((entry, usual.len())));
        assert_eq!(read_whole(&usual, true), Ok(Some(entry)));
        assert_eq!(read_quickly(&usual, false), None);
        assert!(matches!(read_whole(&usual, false), Err(CrlFault::Version(_))));
        for cut in 0..usual.len() {
            assert_eq!(read_quickly(&usual[..cut], true), None, "{cut}");
        }
    }

    #[test]
    fn the_quick_way_needs_room_for_the_longest_usual_entry() {
        let high = [0xff; MAX_SERIAL];
        let longest = octets(&format!(
            "3034 021500{} 170d3236303130313030303030305a 300c300a0603551d1504030a010a",
            hex::encode(high)
        ));
        assert_eq!(longest.len(), MAX_USUAL);
        let entry = Entry { reason: RevocationReason::AaCompromise, serial: &high };
        assert_eq!(read_usual(&longest, true), Some((entry, &[][..])));
        assert_eq!(read_usual(&longest[..MAX_USUAL - 1], true), None);
    }

    #[test]
    fn entries_that_no_certificate_can_have_are_none() {
        let with = |serial: &str| {
            let rest = octets("170d3236303130313030303030305a");
            let content = [octets(serial), rest].concat();
            [vec![SEQUENCE, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let long = |first: &str, octets: usize| format!("02{:02x}{first}{}", octets, "11".repeat(octets - 1));
        for (serial, listed) in [
            ("020101", true),
            ("02020080", true),
            (&long("7f", 20), true),
            (&format!("021500{}", "ff".repeat(20)), true),
            ("020100", false),
            ("0201ff", false),
            ("020180", false),
            ("0202ff7f", false),
            (&long("7f", 21), false),
            (&long("80", 20), false),
            (&format!("021600{}", "ff".repeat(21)), false),
            (&long("01", 60), false),
        ] {
            let entry = with(serial);
            assert_eq!(read_whole(&entry, true).map(|read| read.is_some()), Ok(listed), "{serial}");
            assert_eq!(read_quickly(&entry, true).is_some(), listed, "{serial}");
        }
        for flawed in ["0200", "0202007f", "02020000", "0202ff80", "0203ffffff"] {
            assert!(matches!(read_whole(&with(flawed), true), Err(CrlFault::Malformed { .. })), "{flawed}");
        }
    }

    /// An entry of the usual shape: serial number, reason or none, and the rest as it is.
    fn usual() -> impl Strategy<Value = Vec<u8>> {
        let serial = (1..=MAX_SERIAL).prop_flat_map(|octets| proptest::collection::vec(any::<u8>(), octets));
        let serial = serial.prop_filter("no number begins with a zero", |serial| serial[0] != 0);
        let reason = proptest::option::of(proptest::sample::select(RevocationReason::ALL.to_vec()));
        (serial, reason).prop_map(|(serial, reason)| {
            let padding: &[u8] = if serial[0] >= 0x80 { &[0] } else { &[] };
            let serial = der::encode(INTEGER, &[padding, &serial]);
            let time = der::encode(UTC_TIME, &[b"260101000000Z"]);
            let reason = reason.map(|reason| {
                let value = der::encode(der::OCTET_STRING, &[&der::encode(ENUMERATED, &[&[reason.code()]])]);
                let oid = der::encode(der::OBJECT_IDENTIFIER, &[REASON_CODE]);
                der::encode(SEQUENCE, &[&der::encode(SEQUENCE, &[&oid, &value])])
            });
            der::encode(SEQUENCE, &[&serial, &time, &reason.unwrap_or_default()])
        })
    }

    proptest! {
        #[test]
        fn the_quick_way_takes_every_entry_of_the_usual_shape(entry in usual()) {
            let (read, octets) = read_quickly(&entry, true).unwrap();
            prop_assert_eq!(octets, entry.len());
            prop_assert_eq!(read_whole(&entry, true), Ok(Some(read)));
        }

        /// Whatever the quick way reads, the thorough way reads alike.
        #[test]
        fn the_quick_way_takes_nothing_that_the_thorough_way_refuses(
            entry in usual(),
            edits in proptest::collection::vec((0..MAX_USUAL, any::<u8>()), 1..4),
            extensible: bool,
        ) {
            let mut changed = [entry.as_slice(), &[0; MAX_USUAL]].concat();
            for (at, octet) in edits {
                changed[at] = octet;
            }
            if let Some((entry, rest)) = read_usual(&changed, extensible) {
                prop_assert_eq!(read_whole(&changed, extensible), Ok(Some(entry)));
                let mut after = changed.as_slice();
                der::element(&mut after).unwrap();
                prop_assert_eq!(rest, after);
            }
        }
    }
}
