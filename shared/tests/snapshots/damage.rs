//! Whatever is not exactly what was written is an error.

use proptest::collection::vec;
use proptest::prelude::*;
use shared::pki::crl::RevocationReason;
use shared::snapshot::{Change, DifferenceError, Layout, PAGE_OCTETS, SnapshotFault};

use super::{Model, Snapshot, build, header, id, octets, sha256, stream};

/// Two record pages and the header.
fn small() -> Snapshot {
    let snapshot = Model::of(1..201).built();
    assert_eq!(snapshot.layout.pages, 2);
    snapshot
}

/// Ends a page with the check of what it holds now.
fn reseal(page: &mut [u8]) {
    let check = sha256(&page[..8_176]);
    page[8_176..].copy_from_slice(&check[..16]);
}

/// A serial number whose page has this index.
fn serial_of(layout: &Layout, index: u64) -> Vec<u8> {
    let page = |serial: &[u8]| layout.page_of(&id(serial)).start / PAGE_OCTETS as u64 - 1;
    (1..1_000).map(octets).find(|serial| page(serial) == index).unwrap()
}

#[test]
fn a_change_of_any_octet_of_a_page_is_an_error() {
    let snapshot = small();
    let serial = serial_of(&snapshot.layout, 0);
    for at in 0..PAGE_OCTETS {
        let mut page = snapshot.page(1).to_vec();
        page[at] ^= 1 << (at % 8);
        let outcome = snapshot.layout.find(&page, &id(&serial));
        assert!(matches!(outcome, Err(SnapshotFault::Check)), "octet {at}: {outcome:?}");
    }
}

#[test]
fn a_change_of_any_octet_of_the_object_is_an_error_for_who_reads_it() {
    let snapshot = small();
    let serials = [serial_of(&snapshot.layout, 0), serial_of(&snapshot.layout, 1)];
    for at in 0..snapshot.octets.len() {
        let mut broken = snapshot.clone();
        broken.octets[at] ^= 1 << (at % 8);
        for (index, serial) in serials.iter().enumerate() {
            let concerned = at / PAGE_OCTETS == 0 || at / PAGE_OCTETS == index + 1;
            let outcome = broken.layout.find_in_whole(&broken.octets, &id(serial));
            assert_eq!(matches!(outcome, Err(SnapshotFault::Check)), concerned, "octet {at}: {outcome:?}");
        }
        let (changes, end) = stream(&broken, &[5_000]);
        assert!(matches!(end, Err(DifferenceError::New(SnapshotFault::Check))), "octet {at}: {end:?}");
        assert!(changes.len() < 200 && (at >= PAGE_OCTETS * 2 || changes.is_empty()), "octet {at}");
    }
}

#[test]
fn every_other_length_is_an_error() {
    let snapshot = small();
    let serial = id(&serial_of(&snapshot.layout, 1));
    for length in 0..snapshot.octets.len() {
        let mut short = snapshot.clone();
        short.octets.truncate(length);
        let outcome = short.layout.find_in_whole(&short.octets, &serial);
        assert!(matches!(outcome, Err(SnapshotFault::Length)), "{length}: {outcome:?}");
        let (_, end) = stream(&short, &[7_000]);
        assert!(matches!(end, Err(DifferenceError::New(SnapshotFault::Length))), "{length}: {end:?}");
    }
    for length in 0..PAGE_OCTETS {
        let outcome = snapshot.layout.find(&snapshot.page(2)[..length], &serial);
        assert!(matches!(outcome, Err(SnapshotFault::Length)), "{length}: {outcome:?}");
    }
    for more in [1, 5, PAGE_OCTETS] {
        let mut long = snapshot.clone();
        long.octets.extend(vec![0; more]);
        assert!(matches!(long.layout.find_in_whole(&long.octets, &serial), Err(SnapshotFault::Length)));
        for sizes in [&[1_000][..], &[snapshot.octets.len()], &[usize::MAX], &[0, 1]] {
            let (_, end) = stream(&long, sizes);
            assert!(matches!(end, Err(DifferenceError::New(SnapshotFault::Length))), "{more}: {end:?}");
        }
        let page = &long.octets[PAGE_OCTETS * 2..];
        assert!(matches!(long.layout.find(page, &serial), Err(SnapshotFault::Length)));
    }
}

#[test]
fn a_page_of_another_snapshot_is_an_error() {
    let snapshot = small();
    let mut later = header();
    later.this_update += time::Duration::SECOND;
    let other = build(&later, Model::of(1..201).0);
    assert_eq!((other.layout.pages, &other.layout.seed), (2, &snapshot.layout.seed));
    let serial = id(&serial_of(&snapshot.layout, 0));
    assert!(matches!(snapshot.layout.find(other.page(1), &serial), Err(SnapshotFault::Id)));
    for number in 0..=2 {
        let mut mixed = snapshot.clone();
        mixed.octets[number * PAGE_OCTETS..][..PAGE_OCTETS].copy_from_slice(other.page(number));
        let (_, end) = stream(&mixed, &[8_192]);
        assert!(matches!(end, Err(DifferenceError::New(SnapshotFault::Id))), "page {number}: {end:?}");
    }
    assert!(matches!(snapshot.layout.find_in_whole(&other.octets, &serial), Err(SnapshotFault::Id)));
}

#[test]
fn a_page_of_another_place_is_an_error() {
    let snapshot = small();
    let serial = id(&serial_of(&snapshot.layout, 0));
    let outcome = snapshot.layout.find(snapshot.page(2), &serial);
    assert!(matches!(outcome, Err(SnapshotFault::Index { expected: 0, found: 1 })), "{outcome:?}");
    assert!(snapshot.layout.find(snapshot.page(0), &serial).is_err());
    let mut swapped = snapshot.clone();
    swapped.octets[PAGE_OCTETS..].rotate_left(PAGE_OCTETS);
    let (changes, end) = stream(&swapped, &[8_192]);
    assert!(matches!(end, Err(DifferenceError::New(SnapshotFault::Index { .. }))), "{end:?}");
    assert!(changes.is_empty());
}

#[test]
fn a_layout_of_another_snapshot_is_an_error() {
    let snapshot = Model::of(1..2_001).built();
    let good = &snapshot.layout;
    for (name, layout) in [
        ("id", Layout { id: "0".repeat(32), ..good.clone() }),
        ("pages + 1", Layout { pages: good.pages + 1, ..good.clone() }),
        ("pages - 1", Layout { pages: good.pages - 1, ..good.clone() }),
        ("seed", Layout { seed: "0".repeat(16), ..good.clone() }),
    ] {
        // All serial numbers whose page is within the object: none may count as not revoked.
        for serial in (1..500).map(|number| id(&octets(number))) {
            let range = layout.page_of(&serial);
            if range.end <= good.octets() {
                let outcome = layout.find(snapshot.read(range), &serial);
                assert!(matches!(outcome, Err(SnapshotFault::Id)), "{name}: {outcome:?}");
            }
        }
        let (_, end) = stream(&Snapshot { layout, ..snapshot.clone() }, &[8_192]);
        assert!(matches!(end, Err(DifferenceError::New(SnapshotFault::Id))), "{name}: {end:?}");
    }
    let entries = Layout { entries: good.entries + 1, ..good.clone() };
    let outcome = entries.find_in_whole(&snapshot.octets, &id(&[1]));
    assert!(matches!(outcome, Err(SnapshotFault::Id)), "{outcome:?}");
}

#[test]
fn an_impossible_layout_is_an_error() {
    let snapshot = small();
    let good = &snapshot.layout;
    for (name, layout) in [
        ("no page", Layout { pages: 0, ..good.clone() }),
        ("short id", Layout { id: "0".repeat(31), ..good.clone() }),
        ("no hexadecimal id", Layout { id: "x".repeat(32), ..good.clone() }),
        ("long seed", Layout { seed: "0".repeat(18), ..good.clone() }),
        ("no seed", Layout { seed: String::new(), ..good.clone() }),
    ] {
        let serial = id(&[1]);
        assert_eq!(layout.page_of(&serial), 8_192..16_384, "{name}");
        assert!(matches!(layout.find(snapshot.page(1), &serial), Err(SnapshotFault::Layout)), "{name}");
        assert!(matches!(layout.find_in_whole(&snapshot.octets, &serial), Err(SnapshotFault::Layout)), "{name}");
        let (_, end) = stream(&Snapshot { layout, ..snapshot.clone() }, &[8_192]);
        assert!(matches!(end, Err(DifferenceError::New(SnapshotFault::Layout))), "{name}: {end:?}");
    }
}

#[test]
fn records_that_no_builder_writes_are_an_error() {
    let snapshot = small();
    let serial = id(&serial_of(&snapshot.layout, 0));
    let count = usize::from(snapshot.page(1)[33]);
    let check = |name: &str, change: fn(&mut [u8], usize)| {
        let mut page = snapshot.page(1).to_vec();
        change(&mut page, count);
        reseal(&mut page);
        let outcome = snapshot.layout.find(&page, &serial);
        assert!(matches!(outcome, Err(SnapshotFault::Records)), "{name}: {outcome:?}");
    };
    check("records out of order", |page, _| page[36..96].rotate_left(30));
    check("a record twice", |page, _| page.copy_within(36..66, 66));
    check("272 records", |page, _| page[32..34].copy_from_slice(&272_u16.to_be_bytes()));
    check("one record too many", |page, count| page[33] = u8::try_from(count).unwrap() + 1);
    check("one record too few", |page, count| page[33] = u8::try_from(count).unwrap() - 1);
    check("reserved octets", |page, _| page[35] = 1);
    check("padding", |page, _| page[8_175] = 1);
    check("a record of another page", |page, count| page[36 + (count - 1) * 30] = 0xff);
}

/// Makes a snapshot consistent again after a change of the identifying octets, with these record pages.
fn forge(snapshot: &Snapshot, change: impl Fn(&mut [u8]), pages_hash: impl Fn(&[u8]) -> Vec<u8>) -> Snapshot {
    let mut octets = snapshot.octets.clone();
    change(&mut octets[..1_103]);
    let id = sha256(&octets[..1_103])[..16].to_vec();
    for page in octets.chunks_mut(PAGE_OCTETS).skip(1) {
        page[..16].copy_from_slice(&id);
        reseal(page);
    }
    let hash = pages_hash(&octets[PAGE_OCTETS..]);
    octets[1_103..1_135].copy_from_slice(&hash);
    reseal(&mut octets[..PAGE_OCTETS]);
    let layout = Layout {
        entries: u64::from_be_bytes(octets[68..76].try_into().unwrap()),
        id: hex::encode(id),
        ..snapshot.layout.clone()
    };
    Snapshot { layout, sha256: hex::encode(sha256(&octets)), octets }
}

#[test]
fn a_whole_that_contradicts_itself_is_an_error() {
    let snapshot = small();
    let (_, end) = stream(&forge(&snapshot, |_| (), sha256), &[8_192]);
    end.unwrap();
    let fault = |snapshot: &Snapshot| match stream(snapshot, &[8_192]).1 {
        Err(DifferenceError::New(fault)) => fault,
        other => panic!("{other:?}"),
    };
    let entries = forge(&snapshot, |identity| identity[75] += 1, sha256);
    assert!(matches!(fault(&entries), SnapshotFault::Entries { expected: 201, found: 200 }));
    let hash = forge(&snapshot, |_| (), |_| vec![0; 32]);
    assert!(matches!(fault(&hash), SnapshotFault::Hash));
    let version = forge(&snapshot, |identity| identity[11] = 2, sha256);
    assert!(matches!(fault(&version), SnapshotFault::Format));
    let magic = forge(&snapshot, |identity| identity[0] = b'J', sha256);
    assert!(matches!(fault(&magic), SnapshotFault::Format));
    let mut name = snapshot.clone();
    name.sha256 = "0".repeat(64);
    assert!(matches!(fault(&name), SnapshotFault::Hash));
}

#[test]
fn changes_before_the_damage_are_true() {
    let model = Model::of(1..2_001);
    let mut broken = model.built();
    let last = broken.octets.len() - 1;
    broken.octets[last] ^= 1;
    let (changes, end) = stream(&broken, &[10_000]);
    assert!(matches!(end, Err(DifferenceError::New(SnapshotFault::Check))), "{end:?}");
    assert!(changes.len() > 1_500 && changes.len() < 2_000);
    for change in changes {
        let Change::Added { serial, reason } = change else { panic!("{change:?}") };
        let serial = format!("{:0>4}", serial.as_str());
        let serial = octets(u64::from_str_radix(&serial, 16).unwrap());
        assert_eq!(model.0.get(&serial), Some(&reason));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics(
        mut page in vec(any::<u8>(), PAGE_OCTETS),
        (entries, id_text, pages, seed) in (any::<u64>(), "[0-9a-f]{32}|.*", any::<u32>(), "[0-9a-f]{16}|.*"),
        count in any::<u8>(),
        serial in vec(1_u8.., 1..=20),
    ) {
        let layout = Layout { entries, id: id_text, pages, seed };
        let serial = id(&serial);
        let range = layout.page_of(&serial);
        prop_assert!(range.end <= layout.octets().max(16_384));
        prop_assert!(layout.find(&page, &serial).is_err());
        prop_assert!(layout.find_in_whole(&page, &serial).is_err());
        // Past the checks, into the records.
        if let (Ok(id_octets), Ok(seed_octets)) = (hex::decode(&layout.id), hex::decode(&layout.seed))
            && id_octets.len() == 16 && seed_octets.len() == 8
        {
            let index = u32::try_from(range.start / PAGE_OCTETS as u64 - 1).unwrap();
            let head = [&id_octets[..], &seed_octets, &pages.to_be_bytes(), &index.to_be_bytes(), &[0, count, 0, 0]];
            page[..36].copy_from_slice(&head.concat());
            reseal(&mut page);
            let outcome = layout.find(&page, &serial);
            prop_assert!(matches!(outcome, Err(SnapshotFault::Records)), "{outcome:?}");
        }
    }
}

#[test]
fn an_empty_snapshot_answers_none() {
    let empty = build(&header(), []);
    assert_eq!((empty.layout.entries, empty.layout.pages, empty.layout.octets()), (0, 1, 16_384));
    assert_eq!(empty.find(&[1]), None::<RevocationReason>);
}
