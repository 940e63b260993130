//! Entries with serial numbers that no certificate can have.

use proptest::prelude::*;
use shared::decision::Reason;

use crate::make::{element, list, numbered, reason_code, sequence, utc};
use crate::shapes::shapes;
use crate::{NOW, certificate, check, read};

/// An entry whose serial number is zero, negative or too long, with and without a reasonCode.
fn odd_entries() -> impl Strategy<Value = Vec<u8>> {
    let long = |first: std::ops::RangeInclusive<u8>, octets| {
        (first, proptest::collection::vec(any::<u8>(), octets)).prop_map(|(first, rest)| [&[first][..], &rest].concat())
    };
    let serial = prop_oneof![
        Just(vec![0]),
        // Negative, of any length; ff and another high octet would not be minimal.
        long(0x80..=0xfe, 0..40),
        Just(vec![0xff]),
        // Positive, of 21 octets and more.
        long(0x01..=0x7f, 20..60),
        long(0x80..=0xff, 20..60).prop_map(|serial| [&[0][..], &serial].concat()),
    ];
    (serial, proptest::option::of(0..3_usize)).prop_map(|(serial, reason)| {
        let reasons = shared::pki::crl::RevocationReason::ALL;
        let extensions = reason.map(|reason| sequence(&[reason_code(reasons[reason])])).unwrap_or_default();
        sequence(&[element(0x02, &serial), utc("261031120000Z"), extensions])
    })
}

/// The entries of a list, one by one.
fn split(mut entries: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let [_, length, ..] = entries {
        let total = match length {
            0x81 => 3 + usize::from(entries[2]),
            0x82 => 4 + (usize::from(entries[2]) << 8) + usize::from(entries[3]),
            short => 2 + usize::from(*short),
        };
        let (entry, rest) = entries.split_at(total);
        found.push(entry);
        entries = rest;
    }
    found
}

proptest! {
    /// Wherever they stand, and wherever the list is cut: the rest says what it says without them.
    #[test]
    fn odd_entries_leave_the_rest_as_it_is(
        shape in shapes(false),
        odd in proptest::collection::vec((any::<prop::sample::Index>(), odd_entries()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut entries = split(&shape.entries);
        for (at, entry) in &odd {
            entries.insert(at.index(entries.len() + 1), entry);
        }
        let list = list(&entries.concat(), Some(&numbered()));
        let (first, second) = list.split_at(cut.index(list.len()));
        let (crl, listed) = read([first, second], &certificate("ca-p256"));
        let crl = crl.unwrap();
        prop_assert_eq!(crl.skipped(), u64::try_from(odd.len()).unwrap());
        prop_assert_eq!(crl.entries(), u64::try_from(shape.listed.len()).unwrap());
        prop_assert_eq!(listed, shape.listed);
    }

    /// A serial number that is not encoded as DER demands is no odd one: nothing of the list counts.
    #[test]
    fn broken_serial_numbers_stay_fatal(
        shape in shapes(false),
        broken in prop_oneof![
            Just(vec![]),
            (0..0x80_u8).prop_map(|second| vec![0, second, 1]),
            (0x80..=0xff_u8).prop_map(|second| vec![0xff, second, 1]),
        ],
        at in any::<prop::sample::Index>(),
    ) {
        let entry = sequence(&[element(0x02, &broken), utc("261031120000Z")]);
        let mut entries = split(&shape.entries);
        entries.insert(at.index(entries.len() + 1), &entry);
        let list = list(&entries.concat(), Some(&numbered()));
        let fault = check(&list, &certificate("ca-p256"), NOW).unwrap_err();
        prop_assert_eq!(fault.reason(), Reason::CrlMalformed);
    }
}

#[test]
fn odd_entries_are_signed_like_all_others() {
    let entry = sequence(&[element(0x02, &[0]), utc("261031120000Z")]);
    let mut list = list(&entry, Some(&numbered()));
    assert_eq!(check(&list, &certificate("ca-p256"), NOW), Ok(vec![]));
    let at = list.windows(entry.len()).position(|octets| octets == entry).unwrap();
    list[at + 4] = 0xff;
    assert_eq!(check(&list, &certificate("ca-p256"), NOW).unwrap_err().reason(), Reason::CrlSignatureInvalid);
}
