//! One entry of `revokedCertificates` (RFC 5280 sections 5.1.2.6 and 5.3).

use super::der::{self, ENUMERATED, Flaw, GENERALIZED_TIME, INTEGER, Integer, SEQUENCE, UTC_TIME};
use super::extensions::{self, Extension};
use super::{CrlFault, RevocationReason, date};

/// Content of the object identifiers.
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 0x1d];
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 0x18];
const REASON_CODE: &[u8] = &[0x55, 0x1d, 0x15];

/// crlEntryExtensions with nothing but a reasonCode, which nearly every entry ends with: its first 8 octets, and its
/// last 8 but for the code.
const REASON_START: [u8; 8] = [0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d];
const REASON_END: u64 = u64::from_le_bytes([0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01, 0]);
const REASON_MASK: u64 = u64::MAX >> 8;

/// Longest serial number, in octets of its value (RFC 5280 section 4.1.2.2).
const MAX_SERIAL: usize = 20;

/// A certificate that a CRL lists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry<'a> {
    /// Why it is listed. `RemoveFromCrl` takes an earlier hold back.
    pub reason: RevocationReason,
    /// Its serial number: 1 to 20 octets, big-endian, the first one not zero.
    pub serial: &'a [u8],
}

/// Takes one entry of the usual shape off `input`; none if it is of another shape, incomplete or flawed.
///
/// The usual shape has short lengths, a `UTCTime`, and no extension or a plain reasonCode. [`read`] reads the same out of
/// it, and whatever this function leaves alone.
#[inline]
pub(super) fn read_usual(input: &[u8], extensible: bool) -> Option<(Entry<'_>, &[u8])> {
    let &[SEQUENCE, length @ 2..0x80, INTEGER, serial_length, ref rest @ ..] = input else { return None };
    let (content, after) = rest.split_at_checked(usize::from(length - 2))?;
    // An entry below 128 octets has no room for a serial number of 128: every length that passes is a short one.
    let (serial, rest) = content.split_at_checked(usize::from(serial_length))?;
    let first = serial.first()?;
    let serial = serial.get(usize::from(*first == 0)..)?;
    // The zero octet is there if the next one is high, and only then.
    if serial.len() > MAX_SERIAL || (*serial.first()? >= 0x80) != (*first == 0) {
        return None;
    }
    let (&[UTC_TIME, 13, ref time @ ..], extensions) = rest.split_first_chunk::<15>()? else { return None };
    if !date::is_utc(time) {
        return None;
    }
    let reason = match <&[u8; 14]>::try_from(extensions) {
        Ok(extensions) if extensible => only_reason(extensions)?,
        _ if extensions.is_empty() => RevocationReason::Unspecified,
        _ => return None,
    };
    Some((Entry { reason, serial }, after))
}

#[inline]
fn only_reason(extensions: &[u8; 14]) -> Option<RevocationReason> {
    let end = extensions.last_chunk()?;
    let &[.., code] = extensions;
    if *extensions.first_chunk()? != REASON_START || u64::from_le_bytes(*end) & REASON_MASK != REASON_END {
        return None;
    }
    RevocationReason::from_code(code)
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

    #[test]
    fn the_usual_entry_is_read_both_ways() {
        let usual = octets(USUAL);
        let entry = Entry { reason: RevocationReason::KeyCompromise, serial: &[0x12, 0x34] };
        assert_eq!(read_usual(&usual, true), Some((entry, &[][..])));
        assert_eq!(read_whole(&usual, true), Ok(Some(entry)));
        assert_eq!(read_usual(&usual, false), None);
        assert!(matches!(read_whole(&usual, false), Err(CrlFault::Version(_))));
        let longer = [usual.as_slice(), &[7]].concat();
        assert_eq!(read_usual(&longer, true), Some((entry, &[7][..])));
        for cut in 0..usual.len() {
            assert_eq!(read_usual(&usual[..cut], true), None, "{cut}");
        }
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
            assert_eq!(read_usual(&entry, true).is_some(), listed, "{serial}");
        }
        for flawed in ["0200", "0202007f", "02020000", "0202ff80", "0203ffffff"] {
            assert!(matches!(read_whole(&with(flawed), true), Err(CrlFault::Malformed { .. })), "{flawed}");
        }
    }

    proptest! {
        /// Whatever the quick way reads, the thorough way reads alike.
        #[test]
        fn the_quick_way_takes_nothing_that_the_thorough_way_refuses(
            edits in proptest::collection::vec((0..35_usize, any::<u8>()), 1..4),
            extensible: bool,
        ) {
            let mut changed = octets(USUAL);
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
