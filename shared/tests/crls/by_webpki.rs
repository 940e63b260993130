//! The same lists read by rustls-webpki.

use proptest::prelude::*;
use rustls_pki_types::{CertificateDer, UnixTime};
use shared::pki::crl::RevocationReason;
use webpki::{
    ALL_VERIFICATION_ALGS, BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, ExpirationPolicy,
    KeyUsage, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};

use crate::make::sign;
use crate::shapes::shapes;
use crate::{Listed, NOW, certificate, check, file, is_possible};

/// Serial number of the device in the corpus.
const DEVICE: [u8; 2] = [0x12, 0x34];

/// The entries with serial numbers that a certificate can have.
fn entries(crl: &BorrowedCertRevocationList<'_>) -> Result<Vec<Listed>, Error> {
    let read = |entry: webpki::BorrowedRevokedCert<'_>| {
        // RFC 5280 numbers, on both sides.
        let reason = RevocationReason::ALL.into_iter().find(|reason| {
            let code = entry.reason_code.map_or(0, |reason| u8::try_from(reason as i32).unwrap());
            reason.code() == code
        });
        let zeros = entry.serial_number.iter().take_while(|octet| **octet == 0).count();
        let serial = entry.serial_number[zeros..].to_vec();
        let is_negative = entry.serial_number.first().is_some_and(|first| *first >= 0x80);
        (!is_negative && is_possible(&serial)).then(|| (serial, reason.unwrap()))
    };
    crl.into_iter().filter_map(|entry| entry.map(read).transpose()).collect()
}

/// Entries and whether the device is revoked, after the verification of its chain.
fn verdict(list: &[u8]) -> Result<(Vec<Listed>, bool), Error> {
    let (authority, device) = (file("ca-p256.der"), file("device-plain.der"));
    let (authority, device) = (CertificateDer::from(authority), CertificateDer::from(device));
    let anchors = [anchor_from_trusted_cert(&authority)?];
    let crl = BorrowedCertRevocationList::from_der(list)?;
    let listed = entries(&crl)?;
    let crls: [&CertRevocationList<'_>; 1] = [&crl.into()];
    let revocation = RevocationOptionsBuilder::new(&crls)
        .unwrap()
        .with_depth(RevocationCheckDepth::EndEntity)
        .with_status_policy(UnknownStatusPolicy::Deny)
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW.unix_timestamp().try_into().unwrap()));
    let device = EndEntityCert::try_from(&device)?;
    let verified = device.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &anchors,
        &[],
        now,
        KeyUsage::client_auth(),
        Some(revocation),
        None,
    );
    match verified {
        Ok(_) => Ok((listed, false)),
        Err(Error::CertRevoked) => Ok((listed, true)),
        Err(other) => Err(other),
    }
}

/// Whether a list has its CA's subject, octet by octet.
fn has_name_of_ca(list: &[u8]) -> bool {
    let authority = CertificateDer::from(file("ca-p256.der"));
    let anchor = anchor_from_trusted_cert(&authority).unwrap();
    list.windows(anchor.subject.len()).any(|part| part == anchor.subject.as_ref())
}

proptest! {
    #[test]
    fn lists_say_the_same(shape in shapes(false)) {
        let list = sign(&shape.signed_part);
        let listed = check(&list, &certificate("ca-p256"), NOW);
        prop_assert_eq!(listed.as_ref(), Ok(&shape.listed));
        let is_revoked = shape.listed.iter().any(|(serial, _)| *serial == DEVICE);
        prop_assert_eq!(verdict(&list), Ok((shape.listed, is_revoked)));
    }

    /// Faulty lists with a signature that verifies: what is accepted here is accepted there, with the same entries.
    #[test]
    fn nothing_is_accepted_that_webpki_refuses(
        shape in shapes(false),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let mut signed_part = shape.signed_part;
        for (at, octet) in edits {
            let at = at.index(signed_part.len());
            signed_part[at] = octet;
        }
        let list = sign(&signed_part);
        if let Ok(listed) = check(&list, &certificate("ca-p256"), NOW) {
            let theirs = verdict(&list).map(|(listed, _)| listed);
            // It knows no dates before 1970, and compares names octet by octet, whatever types their strings have.
            let is_dialect = match theirs {
                Err(Error::BadDerTime) => true,
                Err(Error::UnknownRevocationStatus) => !has_name_of_ca(&signed_part),
                _ => false,
            };
            prop_assert!(is_dialect || theirs == Ok(listed), "{theirs:?}");
        }
    }
}

#[test]
fn a_signature_of_another_key_is_refused_by_both() {
    for name in ["bad-signature-invalid", "bad-signature-invalid-serial", "bad-signature-invalid-other-key"] {
        let list = file(&format!("{name}.der"));
        assert!(check(&list, &certificate("ca-p256"), NOW).is_err());
        assert_eq!(verdict(&list), Err(Error::InvalidCrlSignatureForPublicKey), "{name}");
    }
}
