//! X.509 certificates and CRLs, read and checked; no AWS, no clock, no I/O.
//!
//! x509-parser reads the structure, AWS-LC verifies the signature, and the rules in between are here: which
//! algorithms count, what a device certificate must not be, what its issuer must be. Input is the work of whoever
//! made the certificate, so nothing here indexes, unwraps or converts without a check.

mod certificate;
pub mod crl;
mod extensions;
mod issuance;
mod key;
mod layout;
mod name;
pub mod pem;
mod serial;
mod signature;
mod subject;
mod twin;
mod version;

pub use certificate::{Certificate, MAX_DER_BYTES};
pub use issuance::{verify_issued_by, verify_usable};
pub use key::{Curve, PublicKey};
pub use name::Name;
pub use signature::{Hash, SignatureAlgorithm};
pub use subject::{MAX_SUBJECT_TEXT, Subject, SubjectField};
pub use version::{CertificateVersion, CertificateVersionError};

use time::OffsetDateTime;

use crate::decision::Reason;
use crate::id::CertificateId;

/// Why a certificate is not acceptable. Every variant has its own [`Reason`].
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CertificateFault {
    /// The device certificate is itself a CA certificate (basicConstraints or keyCertSign, RFC 5280 section 4.2.1), or
    /// has the key of the CA that issued it.
    #[error("a device certificate must not be a CA certificate")]
    Authority,
    /// An extension is marked critical and not understood here (RFC 5280 section 4.2).
    #[error("critical extension {0} is not understood")]
    CriticalExtension(String),
    /// `notAfter` has passed.
    #[error("the certificate expired at {0}")]
    Expired(OffsetDateTime),
    /// The SHA-256 of the DER form is not the id under which AWS IoT holds the certificate.
    #[error("the certificate's SHA-256 is {0}, not its id")]
    IdMismatch(CertificateId),
    /// The CA certificate's validity does not include now.
    #[error("the CA certificate is valid from {not_before} until {not_after}")]
    IssuerExpired {
        /// Start of the CA certificate's validity.
        not_before: OffsetDateTime,
        /// End of the CA certificate's validity.
        not_after: OffsetDateTime,
    },
    /// The issuer's name is not the CA's subject (RFC 5280 section 6.1.3 (a) (4)).
    #[error("the certificate's issuer is {issuer:?}, the CA's subject is {subject:?}")]
    IssuerName {
        /// Issuer as the certificate names it.
        issuer: String,
        /// Subject of the CA certificate.
        subject: String,
    },
    /// The CA certificate may not issue certificates, or carries constraints that are not evaluated here.
    #[error("the CA certificate can't be used: {0}")]
    IssuerUnusable(String),
    /// The key is of a kind or size that the profile does not allow.
    #[error("the key is {found}, allowed are {allowed}")]
    Key {
        /// Kind and size found.
        found: String,
        /// Kinds and sizes allowed.
        allowed: String,
    },
    /// keyUsage or extendedKeyUsage exclude TLS client authentication (RFC 5280 sections 4.2.1.3 and 4.2.1.12).
    #[error("{0} does not allow TLS client authentication")]
    KeyUsage(&'static str),
    /// The bytes are not one DER certificate.
    #[error("not an X.509 certificate: {0}")]
    Malformed(String),
    /// `notBefore` lies ahead.
    #[error("the certificate is not valid before {0}")]
    NotYetValid(OffsetDateTime),
    /// The serial number is not a positive integer of at most 20 octets (RFC 5280 section 4.1.2.2); holds what it is.
    #[error("a serial number is a positive integer of at most 20 octets, not {0}")]
    Serial(String),
    /// The signature algorithm is not on the allow-list, or its two mentions differ (RFC 5280 section 4.1.1.2).
    #[error("signature algorithm {0} is not allowed")]
    SignatureAlgorithm(String),
    /// The signature does not verify under the CA's key.
    #[error("the signature does not verify under the CA's key")]
    SignatureInvalid,
    /// More bytes than any certificate that AWS IoT registers.
    #[error("{0} bytes are more than a certificate may have")]
    TooLarge(usize),
    /// Something follows the certificate.
    #[error("{0} bytes follow the certificate")]
    TrailingBytes(usize),
    /// The X.509 version is older than the profile allows.
    #[error("the certificate is of X.509 version {found}, the profile allows none below version {min}")]
    Version {
        /// Version of the certificate.
        found: CertificateVersion,
        /// Oldest version that the profile allows.
        min: CertificateVersion,
    },
}

impl CertificateFault {
    /// The reason that goes into the registration row.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Authority => Reason::CertificateIsAuthority,
            Self::CriticalExtension(_) => Reason::CertificateExtension,
            Self::Expired(_) => Reason::CertificateExpired,
            Self::IdMismatch(_) => Reason::CertificateIdMismatch,
            Self::IssuerExpired { .. } => Reason::IssuerExpired,
            Self::IssuerName { .. } => Reason::IssuerName,
            Self::IssuerUnusable(_) => Reason::IssuerUnusable,
            Self::Key { .. } => Reason::KeyNotAllowed,
            Self::KeyUsage(_) => Reason::CertificateKeyUsage,
            Self::Malformed(_) => Reason::CertificateMalformed,
            Self::NotYetValid(_) => Reason::CertificateNotYetValid,
            Self::Serial(_) => Reason::SerialInvalid,
            Self::SignatureAlgorithm(_) => Reason::SignatureAlgorithm,
            Self::SignatureInvalid => Reason::SignatureInvalid,
            Self::TooLarge(_) => Reason::CertificateTooLarge,
            Self::TrailingBytes(_) => Reason::CertificateTrailingBytes,
            Self::Version { .. } => Reason::CertificateVersion,
        }
    }
}
