//! Carrying out a listing: the row first, then the status, then the row again.
//!
//! The first write is seen by whoever is about to set the certificate ACTIVE at that moment, who then takes ACTIVE back.
//! The second tells that nothing is left to do.

use time::OffsetDateTime;

use super::Listing;
use crate::fault::Fault;
use crate::id::CertificateId;
use crate::port::{CertificateRegistry, ListedRegistrations, NewStatus};
use crate::registration::RegistrationId;

/// Takes a listed certificate out: REVOKED, or INACTIVE for a hold; then whatever `afterwards` does. Repeating it ends
/// in the same state.
///
/// A certificate that has been deleted, or is REVOKED already, is fine. A row that says `revoked` is not changed by a
/// hold.
///
/// # Errors
/// A [`Fault`] if a call to AWS failed; the listing then counts as not carried out.
pub async fn exclude(
    registry: &(impl CertificateRegistry + Sync),
    registrations: &(impl ListedRegistrations + Sync),
    (id, certificate): (&RegistrationId, &CertificateId),
    listing: &Listing,
    now: OffsetDateTime,
    afterwards: impl Future<Output = Result<(), Fault>> + Send,
) -> Result<(), Fault> {
    if !registrations.list(id, certificate, listing, now).await? {
        return Ok(());
    }
    let status = if listing.is_hold() { NewStatus::Inactive } else { NewStatus::Revoked };
    registry.set_status(certificate, status).await?;
    afterwards.await?;
    if registrations.settle(id, certificate, listing, now).await? || !listing.is_hold() {
        return Ok(());
    }
    // Somebody let it in again in between, and its status is this listing's all the same. The row has to say so, or the
    // hold could not be told from an operator's INACTIVE, and would never end.
    if registrations.list(id, certificate, listing, now).await? {
        registrations.settle(id, certificate, listing, now).await?;
    }
    Ok(())
}
