//! Why no certificate or CRL was issued.

use shared::id::Serial;
use shared::pki::CertificateFault;
use shared::pki::crl::CrlFault;
use shared::pki::pem::PemError;

use crate::credentials::KeyError;

/// Why no certificate or CRL was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The CA file holds no certificate.
    #[error("the CA file holds no PEM certificate")]
    CaPem(#[source] PemError),
    /// A CRL that the activator would not let count.
    #[error("the CRL would not count")]
    CrlNotAcceptable(#[from] CrlFault),
    /// `nextUpdate` is not after `thisUpdate`.
    #[error("the CRL's next update has to be after its this update")]
    CrlTimes,
    /// rcgen or the crypto library refused.
    #[error("the certificate could not be made")]
    Generate(#[from] rcgen::Error),
    /// rcgen or the crypto library refused.
    #[error("the CRL could not be made")]
    GenerateCrl(#[source] rcgen::Error),
    /// The CA's private key can't be used. One that stays elsewhere can sign there: see `--verification-cert`.
    #[error("the CA's private key is not usable")]
    Key(#[from] KeyError),
    /// A certificate that the activator would refuse, or a CA certificate that cannot be used.
    #[error("the certificate would not be accepted")]
    NotAcceptable(#[from] CertificateFault),
    /// The key is not the certificate's.
    #[error("the private key does not belong to the certificate of {0}")]
    OtherKey(String),
    /// The serial number needs 21 octets when encoded.
    #[error("serial number {0} needs more than 20 octets in a certificate")]
    SerialTooLong(Serial),
    /// The issuer field of a new certificate or CRL would differ from the CA's subject.
    #[error(
        "the CA's subject {0}, which may repeat an attribute, cannot be reproduced here: sign with openssl instead"
    )]
    SubjectNotReproducible(String),
    /// A subject attribute that must be a `PrintableString` is not.
    #[error("the subject's {field} {text:?} has characters outside of ASN.1 PrintableString")]
    SubjectText {
        /// The attribute.
        field: &'static str,
        /// The text as given.
        text: String,
        /// What rcgen says.
        source: rcgen::Error,
    },
}
