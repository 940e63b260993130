//! Why a CRL does not count.

use ::time::OffsetDateTime;

use super::der::Flaw;
use crate::decision::Reason;
use crate::pki::pem;

/// Why a CRL is not acceptable. Every variant has its own [`Reason`].
///
/// A CRL that is refused says nothing about any certificate, neither that it is revoked nor that it isn't.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CrlFault {
    /// deltaCRLIndicator is present, and no delta CRL was asked for: the list has changes only (RFC 5280 section 5.2.4).
    #[error("the CRL is a delta CRL")]
    Delta,
    /// An entry has a critical extension that is not understood here (RFC 5280 section 5.3).
    #[error("critical extension {0} of an entry is not understood")]
    EntryExtension(String),
    /// `nextUpdate` has come (RFC 5280 section 5.1.2.5).
    #[error("the next CRL was due at {0}")]
    Expired(OffsetDateTime),
    /// The CRL has a critical extension that is not understood here (RFC 5280 section 5.2).
    #[error("critical extension {0} is not understood")]
    Extension(String),
    /// The CRL lists, or may list, certificates of other issuers: indirectCRL (RFC 5280 section 5.2.5) or
    /// certificateIssuer (section 5.3.3).
    #[error("the CRL is an indirect CRL")]
    Indirect,
    /// authorityKeyIdentifier names another key than the CA's subjectKeyIdentifier (RFC 5280 section 5.2.1).
    #[error("the CRL names the key {named}, the CA's is {authority}")]
    IssuerKey {
        /// subjectKeyIdentifier of the CA certificate in hexadecimal.
        authority: String,
        /// keyIdentifier of the CRL in hexadecimal.
        named: String,
    },
    /// The CRL's issuer is not the CA's subject (RFC 5280 section 6.3.3 (b)).
    #[error("the CRL's issuer is {issuer:?}, the CA's subject is {subject:?}")]
    IssuerName {
        /// Issuer as the CRL names it.
        issuer: String,
        /// Subject of the CA certificate.
        subject: String,
    },
    /// The CA certificate may not sign CRLs at this time (RFC 5280 section 6.3.3 (f)).
    #[error("the CA certificate can't sign CRLs: {0}")]
    IssuerUnusable(String),
    /// Not one DER or PEM CRL in the form of RFC 5280 section 5.1.
    #[error("not a CRL: {what}, at octet {offset} of its DER form")]
    Malformed {
        /// Where the element with the flaw begins, in octets.
        offset: usize,
        /// The flaw.
        what: &'static str,
    },
    /// `nextUpdate` is missing (RFC 5280 section 5.1.2.5).
    #[error("the CRL does not say when the next one is due")]
    NextUpdateMissing,
    /// `thisUpdate` lies ahead (RFC 5280 section 5.1.2.4).
    #[error("the CRL is of {0}, which is yet to come")]
    NotYetValid(OffsetDateTime),
    /// issuingDistributionPoint contradicts itself or is of a form that is not supported (RFC 5280 section 5.2.5).
    #[error("the CRL's issuing distribution point can't be used: {0}")]
    Scope(&'static str),
    /// The signature algorithm is not on the allow-list, or its two mentions differ (RFC 5280 section 5.1.1.2).
    #[error("signature algorithm {0} is not allowed")]
    SignatureAlgorithm(String),
    /// The signature does not verify under the CA's key (RFC 5280 section 6.3.3 (g)).
    #[error("the signature does not verify under the CA's key")]
    SignatureInvalid,
    /// Something follows the CRL.
    #[error("something follows the CRL")]
    TrailingBytes,
    /// The input ended before the CRL did.
    #[error("the CRL ends before its end")]
    Truncated,
    /// The version is neither 1 nor 2, or a CRL of version 1 has extensions (RFC 5280 section 5.1.2.1).
    #[error("the CRL's version is not allowed: {0}")]
    Version(&'static str),
}

impl CrlFault {
    /// The word for it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Delta => Reason::CrlDelta,
            Self::EntryExtension(_) => Reason::CrlEntryExtension,
            Self::Expired(_) => Reason::CrlExpired,
            Self::Extension(_) => Reason::CrlExtension,
            Self::Indirect => Reason::CrlIndirect,
            Self::IssuerKey { .. } => Reason::CrlIssuerKey,
            Self::IssuerName { .. } => Reason::CrlIssuerName,
            Self::IssuerUnusable(_) => Reason::CrlIssuerUnusable,
            Self::Malformed { .. } => Reason::CrlMalformed,
            Self::NextUpdateMissing => Reason::CrlNextUpdateMissing,
            Self::NotYetValid(_) => Reason::CrlNotYetValid,
            Self::Scope(_) => Reason::CrlScope,
            Self::SignatureAlgorithm(_) => Reason::CrlSignatureAlgorithm,
            Self::SignatureInvalid => Reason::CrlSignatureInvalid,
            Self::TrailingBytes => Reason::CrlTrailingBytes,
            Self::Truncated => Reason::CrlTruncated,
            Self::Version(_) => Reason::CrlVersion,
        }
    }

    /// The same fault, told of an element that begins at `offset`.
    pub(super) fn at(self, offset: usize) -> Self {
        match self {
            Self::Malformed { what, .. } => Self::Malformed { offset, what },
            other => other,
        }
    }
}

impl From<pem::Flaw> for CrlFault {
    fn from(flaw: pem::Flaw) -> Self {
        Self::Malformed { offset: flaw.decoded, what: flaw.what }
    }
}

/// Where the flaw is, who called says with [`CrlFault::at`].
impl From<Flaw> for CrlFault {
    fn from(Flaw(what): Flaw) -> Self {
        Self::Malformed { offset: 0, what }
    }
}
