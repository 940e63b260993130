//! A list of many entries.

use shared::pki::crl::{CrlReader, RevocationReason};

use crate::make::{list, numbered, usual_entry};
use crate::{NOW, certificate};

#[test]
fn a_hundred_thousand_entries_come_out_exactly() {
    let count: u32 = 100_000;
    let expected: Vec<(Vec<u8>, RevocationReason)> = (0..count)
        .map(|n| {
            let reason = RevocationReason::ALL[usize::try_from(n).unwrap() % RevocationReason::ALL.len()];
            // 16 octets, the first one from 1 to 255.
            let first = u8::try_from(n % 255 + 1).unwrap();
            let serial = [&[first][..], &n.to_be_bytes(), &[0xab; 11]].concat();
            (serial, reason)
        })
        .collect();
    let entries: Vec<u8> = expected.iter().flat_map(|(serial, reason)| usual_entry(serial, *reason)).collect();
    let der = list(&entries, Some(&numbered()));
    for size in [1000, 65_536, der.len()] {
        let mut reader = CrlReader::new(&certificate("ca-p256"));
        let mut wanted = expected.iter();
        for chunk in der.chunks(size) {
            let fed = reader.feed(chunk, |entry| {
                let (serial, reason) = wanted.next().unwrap();
                assert_eq!((entry.serial, entry.reason), (serial.as_slice(), *reason));
            });
            fed.unwrap();
        }
        assert_eq!(wanted.next(), None);
        assert_eq!(reader.finish(NOW).unwrap().entries(), u64::from(count));
    }
}
