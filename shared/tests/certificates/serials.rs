//! Serial numbers are read alike out of certificates and out of lists.

use proptest::prelude::*;
use shared::decision::Reason;
use shared::id::Serial;
use shared::pki::Certificate;
use shared::pki::crl::{CrlReader, RevocationReason};
use shared::testing::{NewCrl, TestAuthority, serial};

use crate::{NOW, check, file};

#[test]
fn twenty_octets_are_twenty_with_and_without_the_high_bit() {
    for (leaf, expected) in
        [("good-serial-20-octets", format!("7f{}", "ff".repeat(19))), ("good-serial-20-octets-high", "ff".repeat(20))]
    {
        let checked = check(&file(leaf), "ca-serials", NOW).unwrap_or_else(|fault| panic!("{leaf}: {fault}"));
        assert_eq!(checked.serial().as_str(), expected);
        assert_eq!(expected.to_uppercase().parse::<Serial>().unwrap(), *checked.serial());
    }
}

/// The serial numbers that a list of this one hands out, as text.
fn listed(authority: &TestAuthority, octets: &[u8]) -> Vec<String> {
    let list = authority.crl(&NewCrl::current(1, NOW), [(octets, RevocationReason::KeyCompromise)]);
    let mut found = Vec::new();
    let mut reader = CrlReader::new(&Certificate::from_pem(authority.pem()).unwrap());
    // A list with an impossible number may be refused as a whole; what counts is that the number does not come out of it.
    let _ = reader.feed(&list, |entry| found.push(hex::encode(entry.serial)));
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The value alone decides, not the octet that DER puts before a high bit.
    #[test]
    fn what_a_certificate_may_have_a_list_may_list(octets in proptest::collection::vec(any::<u8>(), 1..=24)) {
        let authority = TestAuthority::new("Fleet CA", NOW);
        let value: Vec<u8> = octets.iter().copied().skip_while(|octet| *octet == 0).collect();
        let issued = authority.issue_with("pump-1", NOW, |params| params.serial_number = serial(&octets));
        let read = Certificate::from_der(&issued.der);
        if (1..=20).contains(&value.len()) {
            let expected: Serial = hex::encode(&value).parse().unwrap();
            let read = read.unwrap();
            prop_assert_eq!(read.serial(), &expected);
            let listed: Vec<Serial> = listed(&authority, &octets).iter().map(|text| text.parse().unwrap()).collect();
            prop_assert_eq!(listed, [expected]);
        } else {
            prop_assert_eq!(read.unwrap_err().reason(), Reason::SerialInvalid);
            prop_assert_eq!(listed(&authority, &octets), Vec::<String>::new());
        }
    }
}
