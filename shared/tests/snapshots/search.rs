//! Many serial numbers looked up together give what each alone gives.

use proptest::collection::vec;
use proptest::prelude::*;
use shared::id::Serial;
use shared::snapshot::{Change, Difference, Found, Search, SnapshotFault, StreamError};

use super::{Model, Snapshot, changes, id, now, octets};

fn by_pages(snapshot: &Snapshot, serials: &[Serial]) -> (Found, usize) {
    let search = Search::new(&snapshot.layout, serials).unwrap();
    let (mut found, mut pages) = (Found::new(), 0);
    for range in search.pages() {
        search.in_page(&range, snapshot.read(range.clone()), &mut found).unwrap();
        pages += 1;
    }
    (found, pages)
}

fn by_stream(snapshot: &Snapshot, serials: &[Serial]) -> Found {
    let search = Search::new(&snapshot.layout, serials).unwrap();
    let (chunks, _, sha256) = snapshot.streamed(&[5_000]);
    now(search.in_stream(chunks, &sha256)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_ways_find_what_each_serial_number_alone_does(sought in vec(1_u64..4_000, 0..600)) {
        let snapshot = Model::of(1..2_000).built();
        let serials: Vec<Serial> = sought.iter().map(|number| id(&octets(*number))).collect();
        let alone = sought.iter().filter_map(|number| Some((id(&octets(*number)), snapshot.find(&octets(*number))?)));
        let expected: Found = alone.collect();
        let (found, pages) = by_pages(&snapshot, &serials);
        prop_assert_eq!(&found, &expected);
        prop_assert!(pages <= serials.len().min(12));
        prop_assert_eq!(by_stream(&snapshot, &serials), expected);
    }

    #[test]
    fn a_difference_goes_on_after_any_of_its_changes(at in 0_usize..1_500) {
        let (old, new) = (Model::of(1..1_000).built(), Model::of(500..2_000).built());
        let difference = || Difference::new(Some(old.streamed(&[9_000])), new.streamed(&[7_000]));
        let (all, _) = changes(difference());
        let serial = |change: &Change| match change {
            Change::Added { serial, .. } | Change::ReasonChanged { serial, .. } | Change::Removed { serial, .. } => {
                serial.clone()
            }
        };
        let at = at.min(all.len() - 1);
        let (rest, end) = changes(difference().after(&serial(&all[at])).unwrap());
        prop_assert!(end.is_ok());
        prop_assert_eq!(&rest, &all[at + 1..]);
    }
}

#[test]
fn a_snapshot_with_another_hash_tells_nothing() {
    let snapshot = Model::of(1..2_000).built();
    let serials = [id(&octets(7))];
    let search = Search::new(&snapshot.layout, &serials).unwrap();
    let (chunks, _, _) = snapshot.streamed(&[5_000]);
    let found = now(search.in_stream(chunks, &"0".repeat(64)));
    assert!(matches!(found, Err(StreamError::Fault(SnapshotFault::Hash))), "{found:?}");
}

#[test]
fn a_page_of_another_place_tells_nothing() {
    let snapshot = Model::of(1..2_000).built();
    let serials = [id(&octets(7))];
    let search = Search::new(&snapshot.layout, &serials).unwrap();
    let range = search.pages().next().unwrap();
    let other = if range.start == 8_192 { snapshot.page(2) } else { snapshot.page(1) };
    let mut found = Found::new();
    assert!(matches!(search.in_page(&range, other, &mut found), Err(SnapshotFault::Index { .. })));
    assert!(snapshot.layout.check_header(snapshot.read(snapshot.layout.header())).is_ok());
    assert!(snapshot.layout.check_header(other).is_err());
}
