//! Building and looking up.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use shared::pki::crl::RevocationReason;
use shared::snapshot::{Builder, Change, PAGE_OCTETS, SnapshotFault};

use super::{Model, build, header, id, octets, reason, stream};

#[test]
fn every_serial_in_is_found_and_no_other_at_any_size() {
    for (entries, pages) in [(0, 1), (1, 1), (180, 1), (181, 2), (271, 2), (10_000, 56), (300_000, 1_667)] {
        let snapshot = Model::of(1..entries + 1).built();
        assert_eq!((snapshot.layout.entries, snapshot.layout.pages), (entries, pages));
        // Every one for the small sizes, a sample of the others: all pages are read below.
        let step = usize::try_from(entries / 2_000).unwrap().max(1);
        for number in (1..=entries).step_by(step) {
            assert_eq!(snapshot.find(&octets(number)), Some(reason(number)), "{number} of {entries}");
        }
        for number in (entries + 1..entries * 2 + 100).step_by(step) {
            assert_eq!(snapshot.find(&octets(number)), None, "{number} of {entries}");
        }
    }
}

#[test]
fn more_entries_than_fit_into_memory_are_all_there() {
    let model = Model::of(1..300_001);
    let (changes, end) = stream(&model.built(), &[1 << 20]);
    end.unwrap();
    let mut found = Model::default();
    for change in changes {
        let Change::Added { serial, reason } = change else { panic!("{change:?}") };
        let digits = format!("{:0>16}", serial.as_str());
        found.0.insert(octets(u64::from_str_radix(&digits, 16).unwrap()), reason);
    }
    assert!(found.0 == model.0);
}

#[test]
fn a_read_is_one_page() {
    let snapshot = Model::of(1..1_001).built();
    for number in 1..2_000 {
        let range = snapshot.layout.page_of(&id(&octets(number)));
        let page = PAGE_OCTETS as u64;
        assert_eq!(range.end - range.start, page);
        assert!(range.start.is_multiple_of(page) && range.start >= page && range.end <= snapshot.layout.octets());
    }
}

#[test]
fn serials_in_sequence_spread_over_all_pages() {
    let snapshot = Model::of(1_000_000..1_100_000).built();
    assert_eq!(snapshot.layout.pages, 556);
    for number in 1..=556 {
        let count = u16::from_be_bytes(snapshot.page(number)[32..34].try_into().unwrap());
        assert!((110..=250).contains(&count), "page {number} has {count}");
    }
}

#[test]
fn serials_of_one_beginning_are_told_apart() {
    let serials: Vec<Vec<u8>> = (1..=20).map(|length| vec![0xff; length]).collect();
    let snapshot = build(&header(), serials.iter().step_by(2).map(|s| (s.clone(), RevocationReason::Superseded)));
    for (at, serial) in serials.iter().enumerate() {
        let expected = (at % 2 == 0).then_some(RevocationReason::Superseded);
        assert_eq!(snapshot.find(serial), expected, "{} octets", serial.len());
    }
}

#[test]
fn leading_zeros_do_not_count() {
    let snapshot = build(&header(), [(vec![0, 0x8f, 1], RevocationReason::KeyCompromise)]);
    assert_eq!(snapshot.find(&[0x8f, 1]), Some(RevocationReason::KeyCompromise));
    let odd = build(&header(), [(vec![0x0a, 0x1b], RevocationReason::KeyCompromise)]);
    assert_eq!(odd.find(&[0x0a, 0x1b]), Some(RevocationReason::KeyCompromise));
}

#[test]
fn the_most_severe_reason_of_a_serial_counts() {
    use RevocationReason::{CaCompromise, CertificateHold, KeyCompromise, RemoveFromCrl, Unspecified};
    for (name, reasons, expected) in [
        ("a hold alone", &[CertificateHold][..], Some(CertificateHold)),
        ("a hold twice", &[CertificateHold, CertificateHold], Some(CertificateHold)),
        ("a hold first", &[CertificateHold, Unspecified], Some(Unspecified)),
        ("a hold last", &[Unspecified, CertificateHold], Some(Unspecified)),
        ("compromises", &[Unspecified, CaCompromise, KeyCompromise], Some(CaCompromise)),
        ("a hold taken back", &[RemoveFromCrl], None),
        ("a hold and its end", &[CertificateHold, RemoveFromCrl], Some(CertificateHold)),
    ] {
        let snapshot = build(&header(), reasons.iter().map(|reason| (vec![7], *reason)));
        assert_eq!(snapshot.find(&[7]), expected, "{name}");
        assert_eq!(snapshot.layout.entries, u64::from(expected.is_some()), "{name}");
    }
}

#[test]
fn faults_of_entries_come_when_the_snapshot_is_written() {
    for serial in [&[][..], &[0], &[0, 0], &[1; 21]] {
        let mut builder = Builder::new(&header().ca_certificate_id, &header().source, "/nonexistent");
        builder.insert(&[1], RevocationReason::Superseded);
        builder.insert(serial, RevocationReason::Superseded);
        builder.insert(&[2], RevocationReason::Superseded);
        let outcome = builder.write(&header(), &mut Vec::new());
        assert!(matches!(outcome, Err(SnapshotFault::Serial)), "{serial:?}: {outcome:?}");
    }
}

#[test]
fn headers_that_do_not_fit_are_refused() {
    let builder = |source: &str| Builder::new(&header().ca_certificate_id, source, "/nonexistent");
    for digits in ["", "xyz", &"f".repeat(41), "-1"] {
        let header = shared::snapshot::Header { crl_number: Some(digits.to_owned()), ..header() };
        let outcome = builder(&header.source).write(&header, &mut Vec::new());
        assert!(matches!(outcome, Err(SnapshotFault::CrlNumber)), "{digits:?}: {outcome:?}");
    }
    let mut long = header();
    long.source = "s".repeat(1_000);
    builder(&long.source).write(&long, &mut Vec::new()).unwrap();
    long.source.push('s');
    assert!(matches!(builder(&long.source).write(&long, &mut Vec::new()), Err(SnapshotFault::Source)));
    assert!(matches!(builder("elsewhere").write(&header(), &mut Vec::new()), Err(SnapshotFault::Source)));
    let mut other = header();
    other.ca_certificate_id = "c1".repeat(32).parse().unwrap();
    let outcome = builder(&header().source).write(&other, &mut Vec::new());
    assert!(matches!(outcome, Err(SnapshotFault::Source)), "{outcome:?}");
}

#[test]
fn a_full_target_is_a_fault() {
    let model = Model::of(1..1_000);
    for room in [0, 1, PAGE_OCTETS, PAGE_OCTETS * 3 + 5] {
        let mut builder = Builder::new(&header().ca_certificate_id, &header().source, "/nonexistent");
        for (serial, reason) in &model.0 {
            builder.insert(serial, *reason);
        }
        let mut target = vec![0; room];
        let outcome = builder.write(&header(), &mut target.as_mut_slice());
        assert!(matches!(outcome, Err(SnapshotFault::Write(_))), "{room}: {outcome:?}");
    }
}

fn serials() -> impl Strategy<Value = Vec<u8>> {
    // Few values of few octets, so that sets overlap; and any of every length.
    prop_oneof![(1_u64..500).prop_map(octets), vec(1_u8.., 1..=20)]
}

fn reasons() -> impl Strategy<Value = RevocationReason> {
    select((0..9).map(reason).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_snapshot_is_the_map_that_it_was_made_from(
        model in btree_map(serials(), reasons(), 0..600),
        others in vec(serials(), 100),
    ) {
        let snapshot = Model(model.clone()).built();
        for serial in model.keys().chain(&others) {
            prop_assert_eq!(snapshot.find(serial), model.get(serial).copied());
        }
    }

    #[test]
    fn order_and_repetition_of_entries_do_not_matter(
        entries in vec((serials(), reasons()), 0..600).prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle())),
    ) {
        let (one, other) = entries;
        let again: Vec<_> = other.iter().chain(&other).cloned().collect();
        prop_assert_eq!(build(&header(), one).octets, build(&header(), again).octets);
    }
}
