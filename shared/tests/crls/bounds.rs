//! What an unsigned list makes others keep.

use shared::decision::Reason;
use shared::pki::crl::{CrlFault, MAX_SCOPE_NAMES};
use shared::text::{Detail, MAX_DETAIL};

use crate::make::{
    AUTHORITY_KEY_IDENTIFIER, ISSUING_DISTRIBUTION_POINT, element, entry, extension, list, numbered, sequence, utc,
};
use crate::{NOW, certificate, check};

/// A critical extension whose object identifier has so many octets.
fn unknown(octets: usize) -> Vec<u8> {
    extension(&[&[0x2b][..], &vec![0x01; octets]].concat(), true, &[])
}

fn fault(list: &[u8]) -> CrlFault {
    check(list, &certificate("ca-p256"), NOW).unwrap_err()
}

#[test]
fn whatever_a_list_names_its_fault_is_short() {
    // Nearly the largest elements that are read.
    let key = sequence(&[element(0x80, &vec![0xab; 65_000])]);
    let of_entry = entry(&[1], utc("261031120000Z"), &[unknown(3800)]);
    for (list, reason) in [
        (list(&[], Some(&[unknown(65_000)])), Reason::CrlExtension),
        (list(&of_entry, Some(&numbered())), Reason::CrlEntryExtension),
        (list(&[], Some(&[extension(AUTHORITY_KEY_IDENTIFIER, false, &key)])), Reason::CrlIssuerKey),
    ] {
        let fault = fault(&list);
        assert_eq!(fault.reason(), reason);
        assert!(fault.to_string().len() > 7 * MAX_DETAIL, "{reason}");
        assert_eq!(Detail::new(&fault).len(), MAX_DETAIL, "{reason}");
    }
}

#[test]
fn names_of_a_distribution_point_have_a_bound() {
    let of_names = |names: &[usize]| {
        let name = |length: &usize| element(0x86, format!("{:a<length$}", "http://").as_bytes());
        let names: Vec<u8> = names.iter().flat_map(name).collect();
        let point = sequence(&[element(0xa0, &element(0xa0, &names))]);
        check(&list(&[], Some(&[extension(ISSUING_DISTRIBUTION_POINT, true, &point)])), &certificate("ca-p256"), NOW)
    };
    assert!(of_names(&[1000; 8]).is_ok());
    assert!(of_names(&[MAX_SCOPE_NAMES]).is_ok());
    for names in [&[MAX_SCOPE_NAMES + 1][..], &[1000; 9], &[60_000]] {
        assert!(matches!(of_names(names), Err(CrlFault::Scope(_))), "{names:?}");
    }
}
