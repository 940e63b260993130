//! The certificates and other principals that are attached to a thing.

use time::OffsetDateTime;

use crate::fault::Fault;
use crate::id::CertificateId;
use crate::pki::Certificate;
use crate::port::{CertificateRegistry, CertificateStatus, Principal, RegisteredCertificate};
use crate::registration::Candidate;

/// A certificate that is attached to a thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Attached {
    /// What its row tells of it; none if it can't be read, or AWS IoT names no CA for it.
    pub candidate: Option<Candidate>,
    /// The certificate.
    pub id: CertificateId,
    /// The certificate as AWS IoT has it.
    pub registered: RegisteredCertificate,
}

impl Attached {
    /// Whether it may connect.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.registered.status == CertificateStatus::Active
    }

    /// Start of its validity; none if it can't be read.
    #[must_use]
    pub fn not_before(&self) -> Option<OffsetDateTime> {
        self.candidate.as_ref().and_then(|candidate| candidate.not_before)
    }
}

/// The principals of a thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attachment {
    /// Certificates.
    pub certificates: Vec<Attached>,
    /// Principals of other kinds, by ARN.
    pub others: Vec<String>,
}

impl Attachment {
    /// Reads what AWS IoT has of these principals. A certificate that was deleted since is left out.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed.
    pub async fn read(registry: &(impl CertificateRegistry + Sync), principals: &[Principal]) -> Result<Self, Fault> {
        let mut attachment = Self::default();
        for principal in principals {
            let id = match principal {
                Principal::Certificate(id) => id,
                Principal::Other(arn) => {
                    attachment.others.push(arn.clone());
                    continue;
                }
            };
            let Some(registered) = registry.certificate(id).await? else { continue };
            let certificate = Certificate::from_pem(&registered.pem).ok();
            let issued = certificate.zip(registered.ca_certificate_id.as_ref());
            let candidate = issued.map(|(certificate, ca)| Candidate::issued(ca, &certificate));
            attachment.certificates.push(Attached { candidate, id: id.clone(), registered });
        }
        Ok(attachment)
    }
}
