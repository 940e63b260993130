//! A certificate whose thing another one takes over: whether it has to go.

use super::Convergence;
use crate::fault::Fault;
use crate::id::CertificateId;
use crate::port::{CertificateRegistry, CertificateStatus, RegistrationStore};
use crate::registration::{Registration, RegistrationId};

/// Successors of successors that are looked at.
const MAX_SUCCESSORS: usize = 8;

/// State of a take-over, as the superseded certificate sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Succession {
    /// The successor has not come in yet: until then the certificate stays where it is, so that the device is not locked out.
    Awaited,
    /// The successor has come in, or there is none.
    Complete,
    /// The successor never came in and never will: the thing is the certificate's own again.
    Void,
}

impl<R, A, S, P, L> Convergence<'_, R, A, S, P, L>
where
    R: CertificateRegistry + Sync,
    A: Sync,
    P: Sync,
    L: Sync,
    S: RegistrationStore + Sync,
{
    /// How the take-over of a certificate of this status stands. A successor that waits or is gone, and was superseded
    /// itself, leaves its place to its own successor.
    pub(super) async fn succession(&self, row: &Registration, status: &CertificateStatus) -> Result<Succession, Fault> {
        let may_matter = matches!(status, CertificateStatus::Active | CertificateStatus::Inactive);
        if !may_matter || row.is_on_hold() || row.is_revoked() || row.released_at.is_some() {
            return Ok(Succession::Complete);
        }
        let mut mark = mark(row);
        for _ in 0..MAX_SUCCESSORS {
            let Some((successor, registration)) = mark else { return Ok(Succession::Complete) };
            // The status first: one that is ACTIVE has cleared its own mark before.
            let status_of_successor = self.registry.certificate(&successor).await?.map(|registered| registered.status);
            let found = match &registration {
                Some(id) => self.registrations.registration(id).await?,
                None => None,
            };
            let found = found.filter(|found| found.certificate_id == successor);
            let thing = found.as_ref().and_then(|found| found.thing_name.as_ref());
            if thing.is_some() && row.thing_name.is_some() && thing != row.thing_name.as_ref() {
                // It has a thing of its own by now.
                return Ok(Succession::Void);
            }
            let was_in = found.as_ref().is_none_or(|found| found.activated_at.is_some());
            let next = found.as_ref().and_then(self::mark);
            let is_mutual = next.as_ref().is_some_and(|(next, _)| *next == row.certificate_id);
            let is_gone = match &status_of_successor {
                None => !was_in || *status == CertificateStatus::Active,
                Some(CertificateStatus::Revoked) => !was_in,
                Some(_) => false,
            };
            return Ok(match status_of_successor {
                // Two that took the thing from each other: one of them stays.
                Some(CertificateStatus::Active) if is_mutual && row.certificate_id > successor => Succession::Void,
                Some(CertificateStatus::Active) => Succession::Complete,
                // It is being let in at this moment, and clears its own mark before it is ACTIVE.
                _ if is_mutual && found.as_ref().is_some_and(|found| found.is_in_progress(&self.process, self.now)) => {
                    Succession::Awaited
                }
                _ if is_mutual => Succession::Void,
                _ if is_gone && next.is_some() => {
                    mark = next;
                    continue;
                }
                _ if is_gone => Succession::Void,
                // Whatever has become of it since, it took the thing over when it came in.
                Some(_) if was_in && *status == CertificateStatus::Inactive => Succession::Complete,
                Some(CertificateStatus::Inactive) if was_in => Succession::Complete,
                Some(CertificateStatus::PendingActivation | CertificateStatus::Inactive) if next.is_some() => {
                    mark = next;
                    continue;
                }
                Some(CertificateStatus::PendingActivation | CertificateStatus::Inactive) => Succession::Awaited,
                _ => Succession::Complete,
            });
        }
        Ok(Succession::Awaited)
    }
}

/// Who has taken the thing of a certificate over, and the key of its row.
fn mark(row: &Registration) -> Option<(CertificateId, Option<RegistrationId>)> {
    let registration = row.superseded_by_registration.as_deref().map(RegistrationId::from_text);
    row.superseded_by.clone().map(|successor| (successor, registration))
}
