//! Deletes a thing, so that the next device of that name can have it.
//!
//! A certificate is detached while its row says that it is being taken out: an attempt that is letting it in makes the
//! release wait, and one that begins meanwhile waits for the release. So no certificate is ACTIVE without a thing, and none
//! that is on hold comes back without one. The thing itself is deleted while the row of the certificate that it was made for
//! says so, attached or not: that certificate may be about to be attached. AWS IoT refuses the deletion if another
//! certificate has been attached meanwhile.

use crate::attachment::Attached;
use crate::convergence::{Convergence, OwnRow, own_row};
use crate::fault::{Fault, FaultKind};
use crate::id::ThingName;
use crate::port::{
    AuthorityStore, CertificateRegistry, CertificateStatus, CrlStates, RegistrationStore, Sessions, SnapshotPages,
    Thing, ThingRegistry,
};
use crate::registration::Registration;

impl<R, A, S, P, L> Convergence<'_, R, A, S, P, L>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
    L: Sessions + Sync,
{
    /// Takes every certificate off a thing, switches those off that are ACTIVE, and deletes the thing if it still is as it
    /// was read.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed, a certificate is on its way in or out at this moment, or the thing was changed
    /// since it was read. Repeating it completes what was begun.
    pub async fn release(&self, name: &ThingName, thing: &Thing, certificates: Vec<Attached>) -> Result<(), Fault> {
        let holder = match &thing.registration_id {
            Some(id) => self.registrations.registration(id).await?,
            None => None,
        };
        let is_held_by = |attached: &Attached| holder.as_ref().is_some_and(|row| row.certificate_id == attached.id);
        let (of_holder, others): (Vec<_>, Vec<_>) = certificates.into_iter().partition(is_held_by);
        // Boxed: the calls to AWS of a whole change of status are too much for the stack.
        for attached in others {
            Box::pin(self.take_off(attached, name)).await?;
        }
        match (holder, of_holder.into_iter().next()) {
            (None, _) => self.delete(name, thing).await,
            (Some(row), None) => Box::pin(self.keep_out_during(row, self.delete(name, thing))).await,
            (Some(row), Some(attached)) => {
                let detach_and_delete = async {
                    self.registry.detach_thing(name, &attached.registered.arn).await?;
                    self.delete(name, thing).await
                };
                Box::pin(self.take_out_during(row, &|row| row.released(self.now), detach_and_delete)).await
            }
        }
    }

    /// Lets certificates be decided about anew that wanted a thing which is gone.
    ///
    /// # Errors
    /// A [`Fault`] if a call to DynamoDB failed. Repeating it completes what was begun.
    pub async fn invite(&self, name: &ThingName) -> Result<(), Fault> {
        for authority in self.registrations.authorities_about(name).await? {
            self.authorities.renew_decisions(&authority, self.now).await?;
        }
        Ok(())
    }

    async fn delete(&self, name: &ThingName, thing: &Thing) -> Result<(), Fault> {
        if self.registry.delete_thing(name, thing.version).await? {
            return Ok(());
        }
        let problem = format!("thing {name} was changed meanwhile: run the command again");
        Err(Fault::new("iot:DeleteThing", FaultKind::Unavailable, problem))
    }

    /// Takes a certificate off a thing that is to be deleted, and switches it off.
    async fn take_off(&self, attached: Attached, thing: &ThingName) -> Result<(), Fault> {
        let Some(candidate) = &attached.candidate else { return self.take_off_unknown(&attached, thing).await };
        let row = match own_row(self.registrations, candidate).await? {
            OwnRow::Found(row) => *row,
            // Its event may be on its way: the row makes the activation wait.
            OwnRow::Missing(candidate) if attached.registered.status == CertificateStatus::PendingActivation => {
                Registration::new(&candidate, self.now)
            }
            OwnRow::Missing(_) => return self.take_off_unknown(&attached, thing).await,
        };
        let detach = self.registry.detach_thing(thing, &attached.registered.arn);
        self.take_out_during(row, &|row: Registration| row.released(self.now), detach).await
    }

    /// The same for a certificate that has no row.
    async fn take_off_unknown(&self, attached: &Attached, thing: &ThingName) -> Result<(), Fault> {
        if attached.is_active() {
            self.switch_off(&attached.id).await?;
        }
        self.registry.detach_thing(thing, &attached.registered.arn).await
    }
}
