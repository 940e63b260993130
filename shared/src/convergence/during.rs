//! Taking a certificate out, or keeping it out, while something else is done to its thing.

use std::future::Future;

use tokio::time::Instant;

use super::row::{change_facts, too_fast};
use super::{Converged, Convergence, FactChange, MAX_ROUNDS};
use crate::fault::{Fault, FaultKind};
use crate::id::CertificateId;
use crate::port::{
    Attachments, AuthorityStore, CertificateRegistry, CertificateStatus, CrlStates, Look, RegistrationStore, Saved,
    Sessions, SnapshotPages, StatusChange,
};
use crate::registration::{NewStatus, Registration};

impl<R, A, S, P, L> Convergence<'_, R, A, S, P, L>
where
    R: Attachments + CertificateRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
    L: Sessions + Sync,
{
    /// Changes facts, and takes a certificate out while something else is done to it: its intent stands in the row from
    /// before to after, so that no attempt lets the certificate in meanwhile. One that waits for its activation goes on
    /// waiting.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed, or another process is letting the certificate in or taking it out.
    pub async fn take_out_during(
        &self,
        row: Registration,
        change: FactChange<'_>,
        meanwhile: impl Future<Output = Result<(), Fault>> + Send,
    ) -> Result<(), Fault> {
        let certificate_id = row.certificate_id.clone();
        let Some(intended) = self.intend_out(row, change).await? else { return meanwhile.await };
        let was_active = match self.look_at_active(&certificate_id).await? {
            Some(look) => {
                let set = self.act(&intended, NewStatus::Inactive, Some(&look), &mut Converged::begun()).await?;
                set == StatusChange::Done
            }
            None => false,
        };
        let done = meanwhile.await;
        let after = intended.clone();
        let after = if was_active {
            after.set_to(NewStatus::Inactive, &self.process, self.now)
        } else {
            after.without_intent(&self.process)
        };
        match self.registrations.save(&intended, after).await? {
            Saved::Outdated(Some(row)) if row.certificate_id == certificate_id => {
                // An attempt that took this process for dead may have let the certificate in, and lost its thing to it.
                let is_off = done.is_ok() && !self.is_on_thing(&row).await?;
                let change = |row: Registration| if is_off { change(row) } else { row };
                self.converge(row, &change).await?;
            }
            Saved::Done(_) | Saved::Outdated(_) => {}
        }
        done
    }

    /// Lets no attempt let a certificate in while something else is done, and leaves its status and its facts as they are.
    ///
    /// # Errors
    /// As [`take_out_during`](Self::take_out_during).
    pub async fn keep_out_during(
        &self,
        row: Registration,
        meanwhile: impl Future<Output = Result<(), Fault>> + Send,
    ) -> Result<(), Fault> {
        let intended = self.intend_out(row, &|row| row).await?;
        let done = meanwhile.await;
        if let Some(row) = intended {
            // Nothing was set by it: left in the row, it would explain what an operator sets later.
            change_facts(self.registrations, row, &|row| row.without_intent(&self.process)).await?;
        }
        done
    }

    /// Writes the intent to take a certificate out, if nobody else is letting it in or taking it out. None if there is no
    /// such row any more.
    async fn intend_out(&self, mut row: Registration, change: FactChange<'_>) -> Result<Option<Registration>, Fault> {
        let certificate_id = row.certificate_id.clone();
        for _ in 0..MAX_ROUNDS {
            if row.is_in_progress(&self.process, self.now) {
                let problem =
                    format!("certificate {certificate_id} is on its way in or out: try again in some minutes");
                return Err(Fault::new("dynamodb:UpdateItem", FaultKind::Unavailable, problem));
            }
            let after = change(row.clone()).intending(&self.process, NewStatus::Inactive);
            match self.registrations.save(&row, after).await? {
                Saved::Done(saved) => return Ok(Some(saved)),
                Saved::Outdated(Some(other)) if other.certificate_id == certificate_id => row = other,
                Saved::Outdated(_) => return Ok(None),
            }
        }
        Err(too_fast(&row.registration_id))
    }

    /// A look at a certificate that is ACTIVE; none at any other.
    async fn look_at_active(&self, certificate: &CertificateId) -> Result<Option<Look>, Fault> {
        let registered = self.registry.certificate(certificate).await?;
        let active = registered.filter(|registered| registered.status == CertificateStatus::Active);
        Ok(active.map(|registered| Look::new(Instant::now(), &registered)))
    }
}
