//! What is known about a certificate before anything is decided.

use time::OffsetDateTime;

use super::RegistrationId;
use crate::id::{CaCertificateId, CertificateId, Serial, ThingName};
use crate::pki::Certificate;

/// What is known about a certificate before anything is decided; the facts of its row.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The issuing CA.
    pub ca_certificate_id: CaCertificateId,
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Key of the row.
    pub id: RegistrationId,
    /// End of validity; none if the certificate can't be read.
    pub not_after: Option<OffsetDateTime>,
    /// Start of validity; none if the certificate can't be read.
    pub not_before: Option<OffsetDateTime>,
    /// Serial number; none if it proves nothing.
    pub serial: Option<Serial>,
    /// Subject for people; none if the certificate can't be read.
    pub subject: Option<String>,
    /// The thing; none as long as its name is not known.
    pub thing_name: Option<ThingName>,
}

impl Candidate {
    /// A certificate that can't be believed, whatever it says of itself.
    #[must_use]
    pub fn unproven(
        ca_certificate_id: &CaCertificateId,
        certificate_id: &CertificateId,
        certificate: Option<&Certificate>,
    ) -> Self {
        Self {
            ca_certificate_id: ca_certificate_id.clone(),
            certificate_id: certificate_id.clone(),
            id: RegistrationId::unproven(ca_certificate_id, certificate_id),
            not_after: certificate.map(Certificate::not_after),
            not_before: certificate.map(Certificate::not_before),
            serial: None,
            subject: certificate.map(|certificate| certificate.subject().text().to_owned()),
            thing_name: None,
        }
    }

    /// A certificate that the CA has issued.
    #[must_use]
    pub fn issued(ca_certificate_id: &CaCertificateId, certificate: &Certificate) -> Self {
        Self {
            id: RegistrationId::issued(ca_certificate_id, certificate.serial()),
            serial: Some(certificate.serial().clone()),
            ..Self::unproven(ca_certificate_id, certificate.id(), Some(certificate))
        }
    }
}
