//! What a place on a CRL means for a certificate that is registered. Pure.

use shared::decision::Decision;
use shared::port::CertificateStatus;
use shared::registration::Registration;
use shared::revocation::Listing;

/// What to do about a listed certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Plan {
    /// Take it out.
    Exclude,
    /// Look at its status first.
    Look,
    /// Nothing.
    Nothing,
}

/// Decides from the row. `thorough` looks even where the row says that all has been done.
pub(crate) fn on_listing(row: &Registration, listing: &Listing, thorough: bool) -> Plan {
    if !listing.is_hold() {
        let done = row.decision == Decision::Revoked && row.revoked_at.is_some();
        return if done { Plan::Nothing } else { Plan::Exclude };
    }
    match row.decision {
        Decision::Revoked => Plan::Nothing,
        Decision::Held if row.held_at.is_some() && !thorough => Plan::Nothing,
        Decision::Activated | Decision::Activating | Decision::Held => Plan::Look,
        // It was not let in: should it come again, the gate knows of the hold.
        _ if row.activated_at.is_none() => Plan::Nothing,
        _ => Plan::Look,
    }
}

/// What to do about a certificate on hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HoldPlan {
    /// Set it INACTIVE.
    Exclude,
    /// Write it into the row only: the activation that is under way reads it there, and takes ACTIVE back.
    Mark,
    /// Nothing: it was switched off by other hands, and is not to be switched on by the end of the hold.
    Nothing,
}

/// Decides from the status.
pub(crate) fn on_hold(row: &Registration, status: &CertificateStatus) -> HoldPlan {
    match status {
        CertificateStatus::Active => HoldPlan::Exclude,
        CertificateStatus::PendingActivation => HoldPlan::Mark,
        // An earlier run, or a release that a new hold has overtaken, was cut short.
        CertificateStatus::Inactive if row.decision == Decision::Held && row.held_at.is_none() => HoldPlan::Exclude,
        CertificateStatus::Inactive if row.decision == Decision::Activating && row.held_at.is_some() => {
            HoldPlan::Exclude
        }
        CertificateStatus::Inactive | CertificateStatus::Other(_) | CertificateStatus::Revoked => HoldPlan::Nothing,
    }
}

/// The listing of a revocation that has been begun and not brought to its end, whatever the list says by now.
pub(crate) fn begun_revocation(row: &Registration) -> Option<Listing> {
    row.listing().filter(|own| !own.is_hold() && row.revoked_at.is_none())
}

/// Whether the end of a hold lets the certificate in again: only if a hold was what made it INACTIVE, and it has thing
/// and policy. That is so once it was ACTIVE, and once the activator has written when it was held.
pub(crate) fn is_releasable(row: &Registration) -> bool {
    (row.held_at.is_some() || row.activated_at.is_some())
        && row.superseded_by.is_none()
        && matches!(row.decision, Decision::Activating | Decision::Held)
}
