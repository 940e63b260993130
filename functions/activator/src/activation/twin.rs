//! The certificate with the same signed part and ECDSA's other signature.

use shared::pki::Certificate;
use shared::port::{CertificateRegistry, CertificateStatus};
use shared::registration::{Candidate, RegistrationId};

use super::authority::Authority;
use super::{Activator, Stop, serial_reused};

impl<R, A, S, P> Activator<R, A, S, P>
where
    R: CertificateRegistry + Sync,
{
    /// Keeps a certificate out whose twin is in AWS IoT already.
    ///
    /// The row of a serial number lets one certificate of it in. A twin that came in before the CA was enrolled or was
    /// registered by hand has no row, nor has any after the table was lost, so AWS IoT is asked for it: an operator may have
    /// switched it off. One that is PENDING_ACTIVATION has not come in: the row decides which of the two does.
    pub(super) async fn check_twin(
        &self,
        candidate: &Candidate,
        certificate: &Certificate,
        authority: &Authority,
    ) -> Result<(), Stop> {
        let Some(id) = certificate.twin_id(&authority.certificate) else { return Ok(()) };
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
