//! Rows of certificates, found and changed whoever else writes them.

use super::{FactChange, MAX_ROUNDS};
use crate::fault::{Fault, FaultKind};
use crate::port::{RegistrationStore, Saved};
use crate::registration::{Candidate, Registration, RegistrationId};

/// A certificate's row.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnRow {
    /// The row as it is.
    Found(Box<Registration>),
    /// There is none yet; the certificate, with the key that its row will have.
    Missing(Candidate),
}

/// Finds the row of a certificate: under its serial number, or under the unproven key if another certificate has that.
///
/// # Errors
/// A [`Fault`] if a call to DynamoDB failed.
pub async fn own_row(registrations: &(impl RegistrationStore + Sync), candidate: &Candidate) -> Result<OwnRow, Fault> {
    let is_own = |row: &Registration| row.certificate_id == candidate.certificate_id;
    match registrations.registration(&candidate.id).await? {
        None => Ok(OwnRow::Missing(candidate.clone())),
        Some(row) if is_own(&row) => Ok(OwnRow::Found(Box::new(row))),
        Some(_) => {
            let id = RegistrationId::unproven(&candidate.ca_certificate_id, &candidate.certificate_id);
            let row = registrations.registration(&id).await?.filter(is_own);
            let missing = || OwnRow::Missing(Candidate { id, ..candidate.clone() });
            Ok(row.map_or_else(missing, |row| OwnRow::Found(Box::new(row))))
        }
    }
}

impl OwnRow {
    /// The row, or a new one that is not written yet.
    pub fn or_new(self, new: impl FnOnce(&Candidate) -> Registration) -> Registration {
        match self {
            Self::Found(row) => *row,
            Self::Missing(candidate) => new(&candidate),
        }
    }
}

/// Changes facts of a row, whoever else writes it, without setting any status. None if there is no such row, or it
/// became another certificate's.
///
/// # Errors
/// A [`Fault`] if a call to DynamoDB failed, or the row changes faster than it can be read.
pub async fn change_facts(
    registrations: &(impl RegistrationStore + Sync),
    row: Registration,
    change: FactChange<'_>,
) -> Result<Option<Registration>, Fault> {
    if change(row.clone()) == row { Ok(Some(row)) } else { rewrite(registrations, row, change).await }
}

/// The same, and writes the row though nothing is changed in it: whoever has read it before finds another revision.
///
/// # Errors
/// As [`change_facts`].
pub async fn rewrite(
    registrations: &(impl RegistrationStore + Sync),
    mut row: Registration,
    change: FactChange<'_>,
) -> Result<Option<Registration>, Fault> {
    let certificate_id = row.certificate_id.clone();
    for _ in 0..MAX_ROUNDS {
        let changed = change(row.clone());
        match registrations.save(&row, changed).await? {
            Saved::Done(row) => return Ok(Some(row)),
            Saved::Outdated(Some(other)) if other.certificate_id == certificate_id => row = other,
            Saved::Outdated(_) => return Ok(None),
        }
    }
    Err(too_fast(&row.registration_id))
}

/// The fault of a row that others change faster than it can be read, by its key.
#[must_use]
pub fn too_fast(id: &str) -> Fault {
    let problem = format!("the row {id} changes faster than it can be read");
    Fault::new("dynamodb:UpdateItem", FaultKind::Unavailable, problem)
}
