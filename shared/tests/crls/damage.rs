//! Damaged lists, lists in pieces, and bytes that nobody made on purpose.

use proptest::prelude::*;
use shared::decision::Reason;

use crate::{NOW, certificate, check, file, read};

/// Small lists of different shapes.
const SMALL: [(&str, &str); 4] = [
    ("good-p256-sha256", "ca-p256"),
    ("good-rsa-pss-sha256", "ca-rsa"),
    ("good-version-1", "ca-p256"),
    ("good-point-user-reasons", "ca-p256"),
];

#[test]
fn no_flipped_bit_passes() {
    for (name, authority) in SMALL {
        let (good, ca) = (file(&format!("{name}.der")), certificate(authority));
        assert!(check(&good, &ca, NOW).is_ok());
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut changed = good.clone();
                changed[at] ^= 1 << bit;
                assert!(check(&changed, &ca, NOW).is_err(), "{name}: bit {bit} of octet {at}");
            }
        }
    }
}

#[test]
fn no_truncated_and_no_continued_list_passes() {
    for (name, authority) in SMALL {
        let (good, ca) = (file(&format!("{name}.der")), certificate(authority));
        for end in 0..good.len() {
            let fault = check(&good[..end], &ca, NOW).unwrap_err();
            assert_eq!(fault.reason(), Reason::CrlTruncated, "{name} until {end}");
        }
        for more in [&[0][..], b"\n", b"\x30\x00", &good] {
            let fault = check(&[&good, more].concat(), &ca, NOW).unwrap_err();
            assert_eq!(fault.reason(), Reason::CrlTrailingBytes, "{name} and {more:02x?}");
        }
    }
}

#[test]
fn every_list_says_the_same_octet_by_octet() {
    for entry in std::fs::read_dir(crate::path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with("good-") && !name.starts_with("bad-") {
            continue;
        }
        let (list, ca) = (file(&name), certificate("ca-p256"));
        let whole = read([list.as_slice()], &ca);
        for size in [1, 2, 3, 7, 64] {
            assert_eq!(read(list.chunks(size), &ca), whole, "{name} in chunks of {size}");
        }
    }
}

fn cut<'a>(list: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(list.len() + 1)).collect();
    places.extend([0, list.len()]);
    places.sort_unstable();
    places.windows(2).map(|place| &list[place[0]..place[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Damaged or not: where a list is cut makes no difference to what is returned and which entries are handed over.
    #[test]
    fn chunks_make_no_difference(
        name in prop::sample::select(vec!["good-reasons", "good-serials", "good-extensions", "good-entry-extensions"]),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let ca = certificate("ca-p256");
        let mut list = file(&format!("{name}.der"));
        for (at, octet) in edits {
            let at = at.index(list.len());
            list[at] = octet;
        }
        prop_assert_eq!(read(cut(&list, &cuts), &ca), read([list.as_slice()], &ca));
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..512),
        begin in prop::sample::select(vec![&b""[..], b"\x30\x82\x01\x00\x30\x81\xf0", b"-----BEGIN X509 CRL-----\n"]),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let list = [begin, &bytes].concat();
        prop_assert!(read(cut(&list, &cuts), &certificate("ca-p256")).0.is_err());
    }

    /// A list that is damaged in many places never passes, wherever the damage makes its elements end.
    #[test]
    fn damaged_lists_never_pass(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let good = file("good-entry-extensions.der");
        let mut damaged = good.clone();
        for (at, octet) in edits {
            let at = at.index(good.len());
            damaged[at] = octet;
        }
        if damaged != good {
            prop_assert!(check(&damaged, &certificate("ca-p256"), NOW).is_err());
        }
    }
}
