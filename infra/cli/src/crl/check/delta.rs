//! Delta CRLs beside the complete ones that they change (RFC 5280 sections 5.2.4 and 6.3.3).
//!
//! The CRL checker takes complete CRLs only. A file that somebody gives to be looked at counts for what it is: whoever has
//! a newer delta CRL at hand must not be told that a certificate is good which it revokes.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result};
use shared::id::Serial;
use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlReader, RevocationReason};
use time::OffsetDateTime;

use crate::crl::list::read_crl_with;
use crate::issue::serial_octets;

/// A delta CRL that is verified and current, with what it says of one certificate.
pub(super) struct Delta {
    crl: Crl,
    /// None if the certificate is not on it.
    update: Option<Update>,
}

/// What a delta CRL says of a certificate. `RemoveFromCrl` takes it off the complete list.
pub(super) struct Update {
    pub(super) reason: RevocationReason,
    /// The certificate's serial number, big-endian, without leading zeros.
    pub(super) serial: Vec<u8>,
}

impl Delta {
    /// Reads a delta CRL out of a file; none if it does not count at this time.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn read(
        path: &Path,
        authority: &Certificate,
        serial: &Serial,
        at: OffsetDateTime,
    ) -> Result<Option<Self>> {
        let unreadable = || format!("{} cannot be read", path.display());
        let serial = serial_octets(serial);
        let mut reason = None;
        let input = File::open(path).with_context(unreadable)?;
        let read = read_crl_with(CrlReader::accepting_deltas(authority), input, at, |entry| {
            if entry.serial == serial {
                reason = Some(entry.reason);
            }
        });
        let crl = read.with_context(unreadable)?.ok().filter(|crl| crl.check_current(at).is_ok());
        let update = reason.map(|reason| Update { reason, serial });
        Ok(crl.map(|crl| Self { crl, update }))
    }

    /// Whether it changes this complete CRL: same scope, based on no later one, and itself later. Issuer and key are the
    /// same, since both are verified under the CA.
    fn changes(&self, complete: &Crl) -> bool {
        let (Some(base), Some(number), Some(own)) = (self.crl.base(), complete.number(), self.crl.number()) else {
            return false;
        };
        self.crl.scope() == complete.scope() && base <= number && number < own
    }
}

/// What the newest delta CRL that changes a complete one says of the certificate.
pub(super) fn newest<'a>(deltas: &'a [Delta], complete: &Crl) -> Option<&'a Update> {
    let newest = deltas.iter().filter(|delta| delta.changes(complete)).max_by_key(|delta| delta.crl.number())?;
    newest.update.as_ref()
}
