//! Distribution points of a size that nobody means.

use shared::pki::Certificate;
use shared::testing::der::{SEQUENCE, element, split};

use crate::file;

/// The certificate of this name with another issuer and these distribution points. Its signature is not looked at.
fn with(name: &str, issuer: &[u8], points: &[u8]) -> Vec<u8> {
    let good = file(name);
    let (signed, rest) = (split(split(&good).1).0, split(split(&good).1).2);
    let mut parts = Vec::new();
    let mut inner = split(signed).1;
    while !inner.is_empty() {
        let (whole, _, after) = split(inner);
        parts.push(whole.to_vec());
        inner = after;
    }
    parts[3] = issuer.to_vec();
    let extension =
        element(SEQUENCE, &[&[6, 3, 0x55, 0x1d, 0x1f], &element(4, &element(SEQUENCE, points))[..]].concat());
    *parts.last_mut().unwrap() = element(0xa3, &element(SEQUENCE, &extension));
    element(SEQUENCE, &[element(SEQUENCE, &parts.concat()), rest.to_vec()].concat())
}

#[test]
fn names_relative_to_a_long_issuer_take_no_more_room_than_the_certificate_times_a_little() {
    let attribute = element(SEQUENCE, &[&[6, 3, 0x55, 4, 3], &element(12, &vec![b'x'; 24_000])[..]].concat());
    let issuer = element(SEQUENCE, &element(0x31, &attribute));
    let relative = element(0xa1, b"\x30\x08\x06\x03\x55\x04\x03\x0c\x011");
    let point = element(SEQUENCE, &element(0xa0, &relative));
    let der = with("good-p256-sha256", &issuer, &point.repeat(1400));
    if let Ok(certificate) = Certificate::from_der(&der) {
        let kept: usize =
            certificate.distribution_points().iter().flat_map(|point| &point.names).map(String::len).sum();
        assert!(kept < 4 * der.len(), "{kept} bytes of names out of {}", der.len());
    }
}
