//! CRLs of any size, put together octet by octet: an encoder that builds trees would need minutes for millions of entries.

#![expect(clippy::expect_used, reason = "a broken test authority ends the test")]

use rcgen::{KeyPair, SigningKey as _};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::der::{BIT_STRING, INTEGER, SEQUENCE, element, integer};
use crate::pki::crl::RevocationReason;

const UTC_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
/// ecdsa-with-SHA256 (RFC 5758 section 3.2).
const ECDSA_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ENUMERATED: u8 = 0x0a;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME_TAG: u8 = 0x17;

/// A CRL to be made.
#[derive(Clone, Debug)]
pub struct NewCrl {
    /// When the next one is due.
    pub next_update: OffsetDateTime,
    /// Its number.
    pub number: u64,
    /// When it was issued.
    pub this_update: OffsetDateTime,
}

impl NewCrl {
    /// A CRL of an hour ago, good for a day.
    #[must_use]
    pub fn current(number: u64, now: OffsetDateTime) -> Self {
        Self {
            next_update: now.saturating_add(time::Duration::days(1)),
            number,
            this_update: now.saturating_sub(time::Duration::hours(1)),
        }
    }

    /// Puts it together and signs it with a P-256 key. `issuer` is the CA's subject in DER.
    ///
    /// # Panics
    /// If the times can't be written as `UTCTime`.
    #[must_use]
    pub fn sign<S: AsRef<[u8]>>(
        &self,
        issuer: &[u8],
        key: &KeyPair,
        entries: impl IntoIterator<Item = (S, RevocationReason)>,
    ) -> Vec<u8> {
        let this_update = utc_time(self.this_update);
        let mut list = Vec::new();
        for (serial, reason) in entries {
            push_entry(&mut list, serial.as_ref(), reason, &this_update);
        }
        let number = element(OCTET_STRING, &integer(&self.number.to_be_bytes()));
        // cRLNumber, 2.5.29.20.
        let number = element(SEQUENCE, &[&[0x06, 0x03, 0x55, 0x1d, 0x14], &number[..]].concat());
        let extensions = element(0xa0, &element(SEQUENCE, &number));
        let list = if list.is_empty() { list } else { element(SEQUENCE, &list) };
        let parts: [&[u8]; 7] =
            [&[INTEGER, 1, 1], &ECDSA_SHA256, issuer, &this_update, &utc_time(self.next_update), &list, &extensions];
        let signed = element(SEQUENCE, &parts.concat());
        let signature = key.sign(&signed).expect("a signature");
        let signature = element(BIT_STRING, &[&[0], &signature[..]].concat());
        element(SEQUENCE, &[&signed[..], &ECDSA_SHA256, &signature].concat())
    }
}

fn push_entry(list: &mut Vec<u8>, serial: &[u8], reason: RevocationReason, at: &[u8]) {
    let mut entry = integer(serial);
    entry.extend_from_slice(at);
    if reason != RevocationReason::Unspecified {
        // reasonCode, 2.5.29.21, in SEQUENCE OF Extension.
        let code = [ENUMERATED, 1, reason.code()];
        entry.extend_from_slice(&[SEQUENCE, 12, SEQUENCE, 10, 0x06, 0x03, 0x55, 0x1d, 0x15, OCTET_STRING, 3]);
        entry.extend_from_slice(&code);
    }
    list.extend(element(SEQUENCE, &entry));
}

fn utc_time(at: OffsetDateTime) -> Vec<u8> {
    element(UTC_TIME_TAG, at.format(UTC_TIME).expect("a time").as_bytes())
}
