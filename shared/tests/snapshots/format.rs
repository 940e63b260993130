//! The format as documented, read by a reader that shares no code with the builder.

use shared::id::CaCertificateId;
use shared::pki::crl::RevocationReason;
use shared::snapshot::{Header, Layout, PAGE_OCTETS};

use super::{Model, Snapshot, build, header, octets, reason, sha256};

fn number(octets: &[u8]) -> u128 {
    octets.iter().fold(0, |number, octet| number << 8 | u128::from(*octet))
}

#[test]
fn the_header_is_as_documented() {
    for (crl_number, expected) in [
        (None, &[][..]),
        (Some("0"), &[0]),
        (Some("00"), &[0]),
        (Some("01f4"), &[1, 0xf4]),
        (Some("1f4"), &[1, 0xf4]),
        (Some("ff80"), &[0xff, 0x80]),
        (Some("ffffffffffffffffffffffffffffffffffffffff"), &[0xff; 20]),
    ] {
        let header = Header { crl_number: crl_number.map(str::to_owned), ..header() };
        let snapshot = build(&header, Model::of(1..1_001).0);
        let page = snapshot.page(0);
        assert_eq!(page[..8], *b"jitrsnap");
        assert_eq!(number(&page[8..12]), 1);
        assert_eq!(page[12..44], [0xc0; 32]);
        let seed = sha256(&[&[0xc0; 32], header.source.as_bytes()].concat());
        assert_eq!(page[44..52], seed[..8]);
        assert_eq!(number(&page[52..60]), 1_793_491_200);
        assert_eq!(number(&page[60..68]), 1_794_096_000);
        assert_eq!(number(&page[68..76]), 1_000);
        assert_eq!(number(&page[76..80]), 6);
        let length = usize::from(page[80]);
        assert_eq!(page[81..81 + length], *expected);
        assert!(page[81 + length..101].iter().all(|octet| *octet == 0));
        let length = usize::try_from(number(&page[101..103])).unwrap();
        assert_eq!(page[103..103 + length], *header.source.as_bytes());
        assert!(page[103 + length..1_103].iter().all(|octet| *octet == 0));
        assert_eq!(page[1_103..1_135], sha256(&snapshot.octets[PAGE_OCTETS..]));
        assert!(page[1_135..8_176].iter().all(|octet| *octet == 0));
        assert_eq!(page[8_176..], sha256(&page[..8_176])[..16]);
        assert_eq!(
            snapshot.layout,
            Layout {
                entries: 1_000,
                id: hex::encode(&sha256(&page[..1_103])[..16]),
                pages: 6,
                seed: hex::encode(&seed[..8])
            }
        );
    }
}

#[test]
fn times_before_1970_are_signed() {
    let mut early = header();
    early.this_update = time::macros::datetime!(1969-12-31 23:59:59 UTC);
    assert_eq!(build(&early, []).page(0)[52..60], [0xff; 8]);
}

#[test]
fn the_pages_are_as_documented() {
    let snapshot = Model::of(1..1_001).built();
    let mut found = Model::default();
    let mut before = 0;
    for index in 0..6 {
        let page = snapshot.page(1 + index);
        assert_eq!(hex::encode(&page[..16]), snapshot.layout.id);
        assert_eq!(hex::encode(&page[16..24]), snapshot.layout.seed);
        assert_eq!(number(&page[24..28]), 6);
        assert_eq!(number(&page[28..32]), index as u128);
        let count = usize::try_from(number(&page[32..34])).unwrap();
        assert_eq!(page[34..36], [0; 2]);
        for record in page[36..].chunks(30).take(count) {
            let length = usize::from(record[9]);
            let serial = &record[10..10 + length];
            assert_eq!(record[..8], sha256(&[&page[16..24], serial].concat())[..8]);
            assert_eq!((number(&record[..8]) * 6) >> 64, index as u128);
            assert!(before < number(&record[..8]));
            before = number(&record[..8]);
            assert!(record[10 + length..].iter().all(|octet| *octet == 0));
            found.0.insert(serial.to_vec(), RevocationReason::from_code(record[8]).unwrap());
        }
        assert!(page[36 + count * 30..8_176].iter().all(|octet| *octet == 0));
        assert_eq!(page[8_176..], sha256(&page[..8_176])[..16]);
    }
    assert_eq!(found.0, Model::of(1..1_001).0);
}

#[test]
fn snapshots_of_one_source_share_the_order_and_not_the_id() {
    let one = build(&header(), [(octets(1), reason(1))]);
    let id_of = |change: fn(&mut Header)| {
        let mut header = header();
        change(&mut header);
        build(&header, [(octets(1), reason(1))]).layout
    };
    for (name, other) in [
        ("later", id_of(|header| header.this_update += time::Duration::SECOND)),
        ("valid longer", id_of(|header| header.next_update += time::Duration::SECOND)),
        ("another number", id_of(|header| header.crl_number = Some("1f5".to_owned()))),
        ("no number", id_of(|header| header.crl_number = None)),
        ("more entries", build(&header(), Model::of(1..3).0).layout),
    ] {
        assert_eq!(other.seed, one.layout.seed, "{name}");
        assert_ne!(other.id, one.layout.id, "{name}");
    }
    let other: CaCertificateId = "c1".repeat(32).parse().unwrap();
    assert_ne!(build(&Header { ca_certificate_id: other, ..header() }, []).layout.seed, one.layout.seed);
    assert_ne!(build(&Header { source: "elsewhere".to_owned(), ..header() }, []).layout.seed, one.layout.seed);
}

#[test]
fn layouts_are_stored_under_these_names() {
    let layout = build(&header(), []).layout;
    let json = serde_json::to_value(&layout).unwrap();
    let expected = serde_json::json!({ "entries": 0, "id": layout.id, "pages": 1, "seed": layout.seed });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<Layout>(json).unwrap(), layout);
}

/// Objects outlive the function that wrote them: with another hash, the format has changed and needs another version.
#[test]
fn the_format_stays_as_it_is() {
    let Snapshot { layout, sha256, .. } = Model::of(1..1_001).built();
    assert_eq!(sha256, "52cff1279f93a5bb377da92f9d9c722090c3a216389e75de3a1053d2fbfa3044");
    assert_eq!(layout.id, "20d2ceadf5ef5e34ed74f50bfec402c1");
}
