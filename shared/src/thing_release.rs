//! Deletes a thing, so that the next device of that name can have it.
//!
//! In this order no certificate is ever ACTIVE without a thing, and none that is on hold comes back without one: the
//! certificates' rows, their status, their attachments, the thing. AWS IoT refuses the deletion if another certificate has been
//! attached meanwhile.

use crate::convergence::Convergence;
use crate::fault::{Fault, FaultKind};
use crate::id::{CertificateId, ThingName};
use crate::pki::Certificate;
use crate::port::{
    Attachments, AuthorityStore, CertificateRegistry, CertificateStatus, CrlStates, Principal, RegisteredCertificate,
    RegistrationStore, Sessions, SnapshotPages, ThingRegistry,
};
use crate::registration::{Registration, RegistrationId};

/// A certificate that is attached to a thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Attached {
    /// The certificate.
    pub id: CertificateId,
    /// What AWS IoT has of it.
    pub registered: RegisteredCertificate,
    /// Its row in the `Registrations` table, if it has one.
    pub row: Option<Registration>,
}

/// What is attached to a thing, certificates first of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attachment {
    /// The certificates.
    pub certificates: Vec<Attached>,
    /// Principals of other kinds, by ARN.
    pub others: Vec<String>,
}

/// Reads what is attached to a thing. A certificate that was deleted since is left out.
///
/// # Errors
/// A [`Fault`] if a call to AWS failed.
pub async fn attachment(
    registry: &(impl Attachments + CertificateRegistry + Sync),
    registrations: &(impl RegistrationStore + Sync),
    name: &ThingName,
) -> Result<Attachment, Fault> {
    let mut attachment = Attachment::default();
    for principal in registry.principals(name).await? {
        let id = match principal {
            Principal::Certificate(id) => id,
            Principal::Other(arn) => {
                attachment.others.push(arn);
                continue;
            }
        };
        if let Some(registered) = registry.certificate(&id).await? {
            let row = row_of(registrations, &id, &registered).await?;
            attachment.certificates.push(Attached { id, registered, row });
        }
    }
    Ok(attachment)
}

/// A certificate's row: under its serial number, or under the key of those whose serial number proves nothing.
async fn row_of(
    registrations: &(impl RegistrationStore + Sync),
    id: &CertificateId,
    registered: &RegisteredCertificate,
) -> Result<Option<Registration>, Fault> {
    let Some(authority) = &registered.ca_certificate_id else { return Ok(None) };
    let certificate = Certificate::from_pem(&registered.pem).ok();
    let issued = certificate.map(|certificate| RegistrationId::issued(authority, certificate.serial()));
    for key in issued.into_iter().chain([RegistrationId::unproven(authority, id)]) {
        let row = registrations.registration(&key).await?;
        if let Some(row) = row.filter(|row| row.certificate_id == *id) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

impl<R, A, S, P, L> Convergence<'_, R, A, S, P, L>
where
    R: CertificateRegistry + ThingRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
    L: Sessions + Sync,
{
    /// Takes a certificate off a thing that is to be deleted. Its row says so before it is switched off and detached.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed; repeating it completes what was begun.
    pub async fn take_off(&self, attached: Attached, thing: &ThingName) -> Result<(), Fault> {
        let Attached { id, registered, row } = attached;
        if let Some(row) = row {
            self.converge(row, &|row: Registration| row.released(self.now)).await?;
        } else if registered.status == CertificateStatus::Active {
            self.switch_off(&id).await?;
        }
        self.registry.detach_thing(thing, &registered.arn).await
    }

    /// Deletes a thing that nothing is attached to, if it still is the one of this version.
    ///
    /// # Errors
    /// A [`Fault`] if a call to AWS failed, or the thing was changed.
    pub async fn delete_thing(&self, thing: &ThingName, version: i64) -> Result<(), Fault> {
        if self.registry.delete_thing(thing, version).await? {
            return Ok(());
        }
        let problem = format!("thing {thing} was changed meanwhile: run the command again");
        Err(Fault::new("iot:DeleteThing", FaultKind::Unavailable, problem))
    }
}
