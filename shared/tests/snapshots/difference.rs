//! What changed, against a model.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use shared::pki::crl::RevocationReason;
use shared::snapshot::{Change, Difference, DifferenceError, SnapshotFault};

use super::{Model, Pieces, build, changes, header, id, octets, reason, sha256};

/// The changes that there are, in the order of their fingerprints.
fn expected(old: &Model, new: &Model, seed: &str) -> Vec<Change> {
    let seed = hex::decode(seed).unwrap();
    let mut serials: Vec<_> = old.0.keys().chain(new.0.keys()).collect();
    serials.sort();
    serials.dedup();
    serials.sort_by_cached_key(|serial| sha256(&[&seed[..], serial].concat())[..8].to_vec());
    let change = |serial: &Vec<u8>| match (old.0.get(serial), new.0.get(serial)) {
        (None, Some(reason)) => Some(Change::Added { serial: id(serial), reason: *reason }),
        (Some(reason), None) => Some(Change::Removed { serial: id(serial), reason: *reason }),
        (Some(from), Some(to)) if from != to => {
            Some(Change::ReasonChanged { serial: id(serial), from: *from, to: *to })
        }
        _ => None,
    };
    serials.into_iter().filter_map(change).collect()
}

fn check(old: Option<&Model>, new: &Model, sizes: (&[usize], &[usize])) {
    let built = new.built();
    let expected = expected(&old.cloned().unwrap_or_default(), new, &built.layout.seed);
    let old = old.map(|old| old.built().streamed(sizes.0));
    let (found, end) = changes(Difference::new(old, built.streamed(sizes.1)));
    end.unwrap();
    assert_eq!(found, expected);
}

#[test]
fn every_kind_of_difference_is_told() {
    let model = Model::of;
    for (old, new) in [
        (None, model(1..1)),
        (None, model(1..1_001)),
        (Some(model(1..1)), model(1..1)),
        (Some(model(1..1)), model(1..1_001)),
        (Some(model(1..1_001)), model(1..1)),
        (Some(model(1..1_001)), model(1..1_001)),
        (Some(model(1..100)), model(1..5_000)),
        (Some(model(1..5_000)), model(1..100)),
        (Some(model(1..3_000)), model(2_000..6_000)),
        (Some(model(1..1_000)), model(1_000..2_000)),
    ] {
        for sizes in [(&[8_192][..], &[8_192][..]), (&[usize::MAX], &[4_096]), (&[1, 0, 10_000], &[65_536])] {
            check(old.as_ref(), &new, sizes);
        }
    }
}

#[test]
fn only_the_changed_reasons_are_told() {
    let old = Model::of(1..1_001);
    let mut new = old.clone();
    for number in [3, 500, 999] {
        new.0.insert(octets(number), reason(number + 1));
    }
    check(Some(&old), &new, (&[10_000], &[3_000]));
}

#[test]
fn snapshots_of_different_sources_have_no_difference() {
    let new = Model::of(1..10).built();
    let mut elsewhere = header();
    elsewhere.source.push('2');
    let old = build(&elsewhere, Model::of(1..10).0);
    let (found, end) = changes(Difference::new(Some(old.streamed(&[8_192])), new.streamed(&[8_192])));
    assert!(matches!(end, Err(DifferenceError::Old(SnapshotFault::Seed))), "{end:?}");
    assert!(found.is_empty());
}

#[test]
fn a_fault_names_the_snapshot_that_has_it() {
    let good = Model::of(1..2_000).built();
    let mut bad = good.clone();
    bad.sha256 = "0".repeat(64);
    let (found, end) = changes(Difference::new(Some(bad.streamed(&[8_192])), good.streamed(&[8_192])));
    assert!(matches!(end, Err(DifferenceError::Old(SnapshotFault::Hash))), "{end:?}");
    assert!(found.is_empty());
    let (found, end) = changes(Difference::new(Some(good.streamed(&[8_192])), bad.streamed(&[8_192])));
    assert!(matches!(end, Err(DifferenceError::New(SnapshotFault::Hash))), "{end:?}");
    assert!(found.is_empty());
}

#[test]
fn a_broken_connection_is_not_a_broken_snapshot() {
    let good = Model::of(1..2_000).built();
    for length in [0, 1, 8_192, 30_000, good.octets.len()] {
        let broken = || {
            let mut pieces = Pieces::new(&good.octets[..length], &[1_000]);
            pieces.error = Some("connection reset");
            (pieces, good.layout.clone(), good.sha256.clone())
        };
        let (_, end) = changes(Difference::new(Some(broken()), good.streamed(&[8_192])));
        assert!(matches!(end, Err(DifferenceError::ReadOld(_))), "{length}: {end:?}");
        let (_, end) = changes(Difference::new(Some(good.streamed(&[8_192])), broken()));
        assert!(matches!(end, Err(DifferenceError::ReadNew(_))), "{length}: {end:?}");
    }
}

fn models() -> impl Strategy<Value = Model> {
    let serial = prop_oneof![(1_u64..800).prop_map(octets), vec(1_u8.., 1..=20)];
    let reasons = prop_oneof![Just(RevocationReason::KeyCompromise), Just(RevocationReason::CertificateHold)];
    (0_usize..800).prop_flat_map(move |most| btree_map(serial.clone(), reasons.clone(), 0..=most)).prop_map(Model)
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![0_usize..100, 0_usize..20_000], 0..5).prop_map(|mut sizes| {
        sizes.push(777);
        sizes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_difference_is_that_of_the_maps(
        old in proptest::option::weighted(0.9, models()),
        new in models(),
        old_sizes in sizes(),
        new_sizes in sizes(),
    ) {
        check(old.as_ref(), &new, (&old_sizes, &new_sizes));
    }
}
