//! Certificates whose status a dry run would have changed.

use std::collections::HashMap;

use shared::fault::Fault;
use shared::id::{CaCertificateId, CertificateId, ThingName};
use shared::port::{
    Attachments, CertificateRegistry, CertificateStatus, Look, NewStatus, Principal, RegisteredCertificate,
    StatusChange,
};

use super::{Rehearsable, lock};

/// The statuses that certificates would have.
pub(super) type Statuses = HashMap<CertificateId, NewStatus>;

impl<R: CertificateRegistry + Sync> CertificateRegistry for Rehearsable<'_, R> {
    async fn certificate(&self, id: &CertificateId) -> Result<Option<RegisteredCertificate>, Fault> {
        let found = self.port.certificate(id).await?;
        let drafted = self.draft.and_then(|draft| lock(&draft.statuses).get(id).copied());
        Ok(found.map(|found| match drafted {
            Some(status) => RegisteredCertificate { status: status.into(), ..found },
            None => found,
        }))
    }

    async fn authority_pem(&self, id: &CaCertificateId) -> Result<Option<String>, Fault> {
        self.port.authority_pem(id).await
    }

    /// AWS IoT's rules: a certificate has to be there, and REVOKED is final.
    async fn set_status(
        &self,
        id: &CertificateId,
        status: NewStatus,
        look: Option<&Look>,
    ) -> Result<StatusChange, Fault> {
        let Some(draft) = self.draft else { return self.port.set_status(id, status, look).await };
        let Some(found) = self.certificate(id).await? else { return Ok(StatusChange::Impossible) };
        if found.status == CertificateStatus::Revoked && status != NewStatus::Revoked {
            return Ok(StatusChange::Impossible);
        }
        lock(&draft.statuses).insert(id.clone(), status);
        Ok(StatusChange::Done)
    }
}

impl<R: Attachments + Sync> Attachments for Rehearsable<'_, R> {
    async fn principals(&self, name: &ThingName) -> Result<Vec<Principal>, Fault> {
        self.port.principals(name).await
    }

    async fn has_policy(&self, certificate_arn: &str) -> Result<bool, Fault> {
        self.port.has_policy(certificate_arn).await
    }
}
