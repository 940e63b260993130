use std::collections::BTreeMap;
use std::fs::File;

use proptest::collection::vec;
use proptest::prelude::*;
use time::macros::datetime;

use super::*;
use crate::id::Serial;

fn header() -> Header {
    Header {
        ca_certificate_id: "c0".repeat(32).parse().unwrap(),
        crl_number: None,
        next_update: datetime!(2026-11-08 00:00 UTC),
        source: "fleet.crl".to_owned(),
        this_update: datetime!(2026-11-01 00:00 UTC),
    }
}

fn builder(scratch: impl Into<Scratch>, run_size: usize, load: u64) -> Builder {
    let builder = Builder::new(&header().ca_certificate_id, &header().source, scratch);
    Builder { load, run_size, ..builder }
}

fn number(serial: u32) -> Serial {
    format!("{serial:x}").parse().unwrap()
}

#[test]
fn a_page_of_the_format_holds_271_records() {
    assert_eq!(CAPACITY, 271);
}

#[test]
fn more_pages_are_taken_if_one_overflows() {
    let folder = tempfile::tempdir().unwrap();
    for run_size in [100, RUN] {
        let mut builder = builder(folder.path(), run_size, 265);
        for serial in 1..=10_000_u32 {
            builder.insert(&serial.to_be_bytes(), RevocationReason::Superseded);
        }
        let mut object = Vec::new();
        let written = builder.write(&header(), &mut object).unwrap();
        assert!((43..60).contains(&written.layout.pages), "{}", written.layout.pages);
        for serial in (1..=10_001).step_by(10) {
            let found = written.layout.find_in_whole(&object, &number(serial)).unwrap();
            assert_eq!(found.is_some(), serial <= 10_000, "{serial}");
        }
    }
}

#[test]
fn entries_that_never_fit_are_a_fault() {
    let mut builder = Builder { attempts: 1, ..builder("/nonexistent", RUN, 272) };
    for serial in 1..=272_u32 {
        builder.insert(&serial.to_be_bytes(), RevocationReason::Superseded);
    }
    let mut object = Vec::new();
    assert!(matches!(builder.write(&header(), &mut object), Err(SnapshotFault::Overflow)));
    assert!(object.is_empty(), "nothing is written before the plan stands");
}

#[test]
fn a_full_page_is_not_an_overflow() {
    let mut builder = Builder { attempts: 1, ..builder("/nonexistent", RUN, 271) };
    for serial in 1..=271_u32 {
        builder.insert(&serial.to_be_bytes(), RevocationReason::Superseded);
    }
    let mut object = Vec::new();
    let written = builder.write(&header(), &mut object).unwrap();
    assert_eq!(written.layout.pages, 1);
    for serial in 1..=272 {
        let found = written.layout.find_in_whole(&object, &number(serial)).unwrap();
        assert_eq!(found.is_some(), serial <= 271, "{serial}");
    }
}

#[test]
fn a_folder_that_takes_no_files_is_a_fault_of_the_write() {
    let mut builder = builder("/nonexistent", 10, LOAD);
    for serial in 1..=100_u32 {
        builder.insert(&serial.to_be_bytes(), RevocationReason::Superseded);
    }
    assert_eq!(builder.run.len(), 1, "nothing is taken after a fault");
    assert!(matches!(builder.write(&header(), &mut Vec::new()), Err(SnapshotFault::Scratch(_))));
}

#[test]
fn spilled_files_have_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = builder(folder.path(), 10, LOAD);
    for serial in 1..=100_u32 {
        builder.insert(&serial.to_be_bytes(), RevocationReason::Superseded);
    }
    assert_eq!(builder.spilled.len(), 9);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// CRL entries of this size take at least 19 octets besides the serial number, so that a CRL bounds what is spilled.
#[test]
fn temporary_files_hold_two_octets_and_the_serial_number_of_each_entry() {
    let folder = tempfile::tempdir().unwrap();
    for length in [3, 16, 20] {
        let scratch = Scratch::new(folder.path(), 99 * (2 + length));
        let mut builder = builder(scratch.clone(), 9, LOAD);
        let entry = |serial: u64| {
            [&vec![1; usize::try_from(length).unwrap() - 1][..], &[u8::try_from(serial).unwrap()]].concat()
        };
        for serial in 0..100_u64 {
            builder.insert(&entry(serial), RevocationReason::Superseded);
        }
        assert_eq!((scratch.free(), builder.has_spilled(), builder.is_out_of_scratch()), (0, true, false));
        for serial in 100..109_u64 {
            builder.insert(&entry(serial), RevocationReason::Superseded);
        }
        assert!(builder.is_out_of_scratch());
        assert!(builder.write(&header(), &mut Vec::new()).unwrap_err().is_out_of_scratch());
        assert_eq!(scratch.free(), 99 * (2 + length), "everything is free again");
    }
}

#[test]
fn a_damaged_temporary_file_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let damages: [fn(&File); 3] = [
        |file| file.set_len(29).unwrap(),
        |mut file| file.write_all(&[0xff; 2]).unwrap(),
        |mut file| file.write_all(&[1, 0xff]).unwrap(),
    ];
    for damage in damages {
        let mut builder = builder(folder.path(), 10, LOAD);
        for serial in 1..=100_u32 {
            builder.insert(&serial.to_be_bytes(), RevocationReason::Superseded);
        }
        std::io::Seek::rewind(&mut builder.spilled[3].file()).unwrap();
        damage(builder.spilled[3].file());
        assert!(matches!(builder.write(&header(), &mut Vec::new()), Err(SnapshotFault::Scratch(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spilling_changes_nothing(
        entries in vec((1_u32..300, 0_usize..10), 0..400),
        run_size in 1_usize..50,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let written = |run_size| {
            let mut builder = builder(folder.path(), run_size, LOAD);
            for (serial, reason) in &entries {
                builder.insert(&serial.to_be_bytes(), RevocationReason::ALL[*reason]);
            }
            let mut object = Vec::new();
            let written = builder.write(&header(), &mut object).unwrap();
            (written, object)
        };
        let (in_memory, object) = written(RUN);
        prop_assert_eq!(&(in_memory.clone(), object.clone()), &written(run_size));
        let mut model = BTreeMap::new();
        for (serial, reason) in entries.iter().filter(|(_, reason)| *reason != 7) {
            model.entry(*serial).or_insert_with(Vec::new).push(RevocationReason::ALL[*reason]);
        }
        prop_assert_eq!(in_memory.layout.entries, model.len() as u64);
        for (serial, reasons) in model {
            let found = in_memory.layout.find_in_whole(&object, &number(serial)).unwrap().unwrap();
            prop_assert!(reasons.contains(&found));
            let hold = RevocationReason::CertificateHold;
            prop_assert_eq!(found == hold, reasons.iter().all(|reason| *reason == hold));
        }
    }
}
