//! Delta CRLs beside the complete ones that they change (RFC 5280 sections 5.2.4 and 6.3.3).
//!
//! The CRL checker takes complete CRLs only. A file that somebody gives to be looked at counts for what it is: whoever has
//! a newer delta CRL at hand must not be told that a certificate is good which it revokes.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result};
use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlFault, CrlReader, Entry, RevocationReason};
use time::OffsetDateTime;

use crate::crl::list::read_crl_with;
use crate::issue::serial_octets;

/// A delta CRL that is verified, with what it says of one certificate that it covers.
pub(super) struct Delta {
    crl: Crl,
    is_current: bool,
    /// None if the certificate is not on it.
    update: Option<Update>,
}

/// What a delta CRL says of a certificate. `RemoveFromCrl` takes a hold off the complete list.
pub(super) struct Update {
    pub(super) reason: RevocationReason,
    /// The certificate's serial number, big-endian, without leading zeros.
    pub(super) serial: Vec<u8>,
}

impl Update {
    /// Whether it takes this entry off the complete list: a hold is the one that can be taken back.
    pub(super) fn removes(&self, entry: &Entry<'_>) -> bool {
        let is_hold = entry.reason == RevocationReason::CertificateHold;
        self.reason == RevocationReason::RemoveFromCrl && is_hold && self.serial == entry.serial
    }
}

impl Delta {
    /// Reads a delta CRL out of a file; none if it is not verified, of the future, or of other certificates.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn read(
        path: &Path,
        authority: &Certificate,
        certificate: &Certificate,
        at: OffsetDateTime,
    ) -> Result<Option<Self>> {
        let unreadable = || format!("{} cannot be read", path.display());
        let serial = serial_octets(certificate.serial());
        let mut reason = None;
        let input = File::open(path).with_context(unreadable)?;
        let read = read_crl_with(CrlReader::accepting_deltas(authority), input, at, |entry| {
            if entry.serial == serial
                && reason.is_none_or(|before: RevocationReason| before.severity() < entry.reason.severity())
            {
                reason = Some(entry.reason);
            }
        });
        let update = reason.map(|reason| Update { reason, serial });
        let Ok(crl) = read.with_context(unreadable)? else { return Ok(None) };
        let current = crl.check_current(at);
        let is_meant = !matches!(current, Err(CrlFault::NotYetValid(_))) && !crl.scope().covers(certificate).is_empty();
        Ok(is_meant.then(|| Self { crl, is_current: current.is_ok(), update }))
    }

    /// Whether it changes this complete CRL: same scope, based on no later one, and itself later. Issuer and key are the
    /// same, since both are verified under the CA.
    fn changes(&self, complete: &Crl) -> bool {
        let (Some(base), Some(number), Some(own)) = (self.crl.base(), complete.number(), self.crl.number()) else {
            return false;
        };
        self.is_current && self.crl.scope().matches(complete.scope()) && base <= number && number < own
    }

    /// What it says of the certificate, if it has it on the list.
    fn listing(&self) -> Option<&Update> {
        self.update.as_ref().filter(|update| update.reason != RevocationReason::RemoveFromCrl)
    }
}

/// What delta CRLs say of the certificate in place of this complete one: the newest one that changes it. One that can't
/// be put together with it, as its base is a later one, its scope another one or its time over, takes nothing off; what it
/// lists counts if it was issued later.
pub(super) fn update<'a>(deltas: &'a [Delta], complete: &Crl) -> Option<&'a Update> {
    let changing = deltas.iter().filter(|delta| delta.changes(complete));
    let newest = changing.max_by_key(|delta| delta.crl.number());
    let issued = newest.map_or(complete, |newest| &newest.crl).this_update();
    let apart = deltas.iter().filter(|delta| !delta.changes(complete) && delta.crl.this_update() >= issued);
    let listing = apart.filter_map(Delta::listing).max_by_key(|update| update.reason.severity());
    let changed = newest.and_then(|newest| newest.update.as_ref());
    listing.into_iter().chain(changed).max_by_key(|update| update.reason.severity())
}
