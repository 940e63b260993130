//! Certificate revocation lists (RFC 5280 section 5), read as they arrive and verified at their end.
//!
//! A CRL may have millions of entries. It is read in chunks of any size: the DER is walked entry by entry while the
//! signed part is hashed, and the signature is verified over the digest when the last octet is there. Memory does not
//! grow with the list, and nothing that was read counts before [`CrlReader::finish`] has returned a [`Crl`].
//!
//! What is accepted is the DER form that RFC 5280 describes and nothing around it: complete CRLs of version 1 or 2,
//! signed by the CA itself, with nextUpdate. Indirect CRLs are refused, and delta CRLs
//! unless they are asked for. Some deviations from the RFC don't
//! change the meaning of a list and are tolerated: an empty revokedCertificates where it should be left out, a FALSE that
//! is written out where it is the default, missing authorityKeyIdentifier and cRLNumber, and entries with serial numbers
//! that no certificate can have, which are counted and skipped.

mod date;
pub(super) mod der;
mod entry;
mod extensions;
mod fault;
mod found;
mod number;
mod point;
mod reader;
mod reason;
mod scope;
mod walk;

pub use entry::Entry;
pub use fault::CrlFault;
pub use number::{CrlNumber, CrlNumberError};
pub use point::DistributionPoint;
pub use reader::CrlReader;
pub use reason::{ReasonSet, RevocationReason};
pub use scope::{CertificateKind, MAX_SCOPE_NAMES, Scope};

use ::time::OffsetDateTime;

use super::SignatureAlgorithm;

/// A CRL that its CA has signed, without its entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Crl {
    base: Option<CrlNumber>,
    entries: u64,
    next_update: OffsetDateTime,
    number: Option<CrlNumber>,
    scope: Scope,
    signature_algorithm: SignatureAlgorithm,
    skipped: u64,
    this_update: OffsetDateTime,
}

impl Crl {
    /// Number of the CRL that it is a change to, if it is a delta CRL (RFC 5280 section 5.2.4); none for complete ones.
    #[must_use]
    pub fn base(&self) -> Option<&CrlNumber> {
        self.base.as_ref()
    }

    /// Checks that `now` lies from thisUpdate on and before nextUpdate.
    ///
    /// # Errors
    /// [`CrlFault::NotYetValid`], [`CrlFault::Expired`].
    pub fn check_current(&self, now: OffsetDateTime) -> Result<(), CrlFault> {
        if now < self.this_update {
            return Err(CrlFault::NotYetValid(self.this_update));
        }
        if self.next_update <= now {
            return Err(CrlFault::Expired(self.next_update));
        }
        Ok(())
    }

    /// How many entries it has, without those that were skipped.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// When the next CRL is due at the latest.
    #[must_use]
    pub fn next_update(&self) -> OffsetDateTime {
        self.next_update
    }

    /// Its number, if it has one: RFC 5280 section 5.2.3 demands it of version 2.
    #[must_use]
    pub fn number(&self) -> Option<&CrlNumber> {
        self.number.as_ref()
    }

    /// What it answers for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The algorithm under its signature.
    #[must_use]
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signature_algorithm
    }

    /// How many further entries it has that were skipped: their serial number is zero, negative, or longer than 20
    /// bytes, and no certificate that comes in can have it (RFC 5280 section 4.1.2.2).
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// When it was issued.
    #[must_use]
    pub fn this_update(&self) -> OffsetDateTime {
        self.this_update
    }
}
