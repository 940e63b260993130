//! The certificate with the same signed part and ECDSA's other signature.

use shared::pki::Certificate;
use shared::port::{CertificateRegistry, CertificateStatus};
use shared::registration::{Candidate, RegistrationId};

use super::{Activator, Stop, serial_reused};

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + Sync,
{
    /// Keeps a certificate out whose twin is in AWS IoT already.
    ///
    /// The row of a serial number lets one certificate of it in. A twin that came in before this stack, or whose row was
    /// deleted, has no row, so AWS IoT is asked for it: an operator may have switched it off. One that is
    /// PENDING_ACTIVATION has not come in: the row decides which of the two does.
    pub(super) async fn check_twin(
        &self,
        candidate: &Candidate,
        certificate: &Certificate,
        authority: &Certificate,
    ) -> Result<(), Stop> {
        let Some(id) = certificate.twin_id(authority) else { return Ok(()) };
        let twin = self.registry.certificate(&id).await?;
        match twin {
            Some(twin) if twin.status != CertificateStatus::PendingActivation => {
                // The key of the serial number stays free for the one that came in.
                let unproven = RegistrationId::unproven(&candidate.ca_certificate_id, &candidate.certificate_id);
                let candidate = Candidate { id: unproven, ..candidate.clone() };
                Err(Stop::KeptOut(Box::new(candidate), serial_reused()))
            }
            _ => Ok(()),
        }
    }
}
