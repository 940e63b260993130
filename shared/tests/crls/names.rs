//! Issuers that other software writes in another way.

use proptest::prelude::*;
use shared::decision::Reason;

use crate::make::{name, numbered, sign, signed_part_of, usual_entry};
use crate::{NOW, certificate, check};

/// Identifier octet of a string type, and how it encodes ASCII.
fn string_types() -> impl Strategy<Value = (u8, fn(&str) -> Vec<u8>)> {
    let octets: fn(&str) -> Vec<u8> = |text| text.as_bytes().to_vec();
    let bmp: fn(&str) -> Vec<u8> = |text| text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let universal: fn(&str) -> Vec<u8> = |text| text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    prop_oneof![
        prop::sample::select(vec![0x0c, 0x13, 0x14, 0x16, 0x1a]).prop_map(move |tag| (tag, octets)),
        Just((0x1e, bmp)),
        Just((0x1c, universal)),
    ]
}

proptest! {
    /// Whatever the string type, case and spaces: the list is the CA's. With another character it is not.
    #[test]
    fn lists_of_a_name_in_other_words_are_accepted(
        (tag, encode) in string_types(),
        common_name in " {0,2}[cC][aA]-[pP]256 {0,2}",
        at in 0..7_usize,
        other in prop::sample::select(vec!['x', '_', '7', ' ', 'ä']),
    ) {
        let ca = certificate("ca-p256");
        let list = |common_name: &str| {
            let entry = usual_entry(&[0x12, 0x34], shared::pki::crl::RevocationReason::KeyCompromise);
            sign(&signed_part_of(&name(tag, &encode(common_name)), &entry, Some(&numbered())))
        };
        prop_assert_eq!(check(&list(&common_name), &ca, NOW).map(|listed| listed.len()), Ok(1));
        let mut changed: Vec<char> = common_name.trim().chars().collect();
        // A space at an end would not change the name, but the character that it replaces is missing.
        changed[at] = other;
        let fault = check(&list(&changed.into_iter().collect::<String>()), &ca, NOW).unwrap_err();
        prop_assert_eq!(fault.reason(), Reason::CrlIssuerName);
    }
}
