//! Deletes a thing, so that the next device of that name can have it.
//!
//! A certificate is detached while its row says that it is being taken out: an attempt that is letting it in makes the
//! release wait, and one that begins meanwhile waits for the release. So no certificate is ACTIVE without a thing, and none
//! that is on hold comes back without one. AWS IoT refuses the deletion if another certificate has been attached meanwhile.

use crate::attachment::Attached;
use crate::convergence::{Convergence, OwnRow, own_row};
use crate::fault::{Fault, FaultKind};
use crate::id::ThingName;
use crate::port::{
    AuthorityStore, CertificateRegistry, CrlStates, RegistrationStore, Sessions, SnapshotPages, ThingRegistry,
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
    /// Takes every certificate off a thing, switches those off that are ACTIVE, and deletes the thing if it still is of this version.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed, a certificate is on its way in or out at this moment, or the thing was changed
    /// since it was read. Repeating it completes what was begun.
    pub async fn release(&self, thing: &ThingName, version: i64, certificates: Vec<Attached>) -> Result<(), Fault> {
        for attached in certificates {
            // Boxed: the calls to AWS of a whole change of status are too much for the stack.
            Box::pin(self.take_off(attached, thing)).await?;
        }
        if self.registry.delete_thing(thing, version).await? {
            return Ok(());
        }
        let problem = format!("thing {thing} was changed meanwhile: run the command again");
        Err(Fault::new("iot:DeleteThing", FaultKind::Unavailable, problem))
    }

    /// Takes a certificate off a thing that is to be deleted, and switches it off.
    async fn take_off(&self, attached: Attached, thing: &ThingName) -> Result<(), Fault> {
        let row = match &attached.candidate {
            Some(candidate) => own_row(self.registrations, candidate).await?,
            None => return self.take_off_unknown(&attached, thing).await,
        };
        match row {
            OwnRow::Found(row) => {
                let detach = self.registry.detach_thing(thing, &attached.registered.arn);
                self.take_out_during(*row, &|row: Registration| row.released(self.now), detach).await
            }
            OwnRow::Missing(_) => self.take_off_unknown(&attached, thing).await,
        }
    }

    /// The same for a certificate that has no row.
    async fn take_off_unknown(&self, attached: &Attached, thing: &ThingName) -> Result<(), Fault> {
        if attached.is_active() {
            self.switch_off(&attached.id).await?;
        }
        self.registry.detach_thing(thing, &attached.registered.arn).await
    }
}
