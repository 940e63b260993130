//! Well-formed lists of many shapes, for the comparison with other implementations.

use proptest::prelude::*;
use shared::pki::crl::RevocationReason;

use crate::Listed;
use crate::make::{
    AUTHORITY_KEY_IDENTIFIER, CRL_NUMBER, INVALIDITY_DATE, UNKNOWN, element, entry, extension, integer, reason_code,
    sequence, signed_part, utc,
};

/// A list and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The entries as they are encoded.
    pub(crate) entries: Vec<u8>,
    pub(crate) listed: Vec<Listed>,
    pub(crate) signed_part: Vec<u8>,
}

/// Lists of version 2; of version 1 too where `any_version`.
pub(crate) fn shapes(any_version: bool) -> impl Strategy<Value = Shape> {
    let entries = proptest::collection::vec(entries(), 0..12);
    let version_1 = if any_version { prop::bool::weighted(0.2).boxed() } else { Just(false).boxed() };
    (entries, extensions(), version_1).prop_map(|(entries, extensions, version_1)| {
        let entries = if version_1 { entries.into_iter().filter(|(_, _, plain)| *plain).collect() } else { entries };
        let listed = entries.iter().map(|(listed, ..)| listed.clone()).collect();
        let octets: Vec<u8> = entries.iter().flat_map(|(_, octets, _)| octets.clone()).collect();
        let signed_part = signed_part(&octets, (!version_1).then_some(&extensions));
        Shape { entries: octets, listed, signed_part }
    })
}

/// An entry, its octets, and whether it has no extensions.
fn entries() -> impl Strategy<Value = (Listed, Vec<u8>, bool)> {
    let serial = prop_oneof![
        2 => Just(vec![0x12, 0x34]),
        // The first octet of a serial number of 21 would be its sign.
        6 => (1..=255_u8, proptest::collection::vec(any::<u8>(), 0..19))
            .prop_map(|(first, rest)| [&[first][..], &rest].concat()),
    ];
    let dates = prop::sample::select(vec!["261031120000Z", "000229235959Z", "700101000000Z", "491231000000Z"]);
    let date = prop_oneof![4 => dates.prop_map(utc), 1 => Just(element(0x18, b"20500101000000Z"))];
    let reason = proptest::option::of(prop::sample::select(RevocationReason::ALL.to_vec()));
    (serial, date, reason, 0..8_u8).prop_map(|(serial, date, reason, others)| {
        let mut extensions: Vec<Vec<u8>> = reason.map(reason_code).into_iter().collect();
        if others & 1 == 1 {
            let date = element(0x18, b"20260101000000Z");
            extensions.insert(0, extension(INVALIDITY_DATE, false, &date));
        }
        if others == 2 {
            extensions.push(extension(UNKNOWN, false, &[5; 150]));
        }
        let octets = entry(&serial, date, &extensions);
        ((serial, reason.unwrap_or(RevocationReason::Unspecified)), octets, extensions.is_empty())
    })
}

fn extensions() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let number = proptest::collection::vec(any::<u8>(), 0..20);
    (number, any::<bool>(), any::<bool>()).prop_map(|(number, identified, others)| {
        let mut extensions = vec![extension(CRL_NUMBER, false, &integer(&number))];
        if identified {
            let serial = element(0x82, &[1]);
            extensions.insert(0, extension(AUTHORITY_KEY_IDENTIFIER, false, &sequence(&[serial])));
        }
        if others {
            extensions.push(extension(UNKNOWN, false, &[]));
        }
        extensions
    })
}
