//! Holds: each is asked of the newest CRLs between its first write and its confirmation.

use super::active::Crls;
use super::{Converged, Convergence, Grounds, Round};
use crate::fault::Fault;
use crate::pki::crl::RevocationReason;
use crate::port::{
    Attachments, AuthorityStore, CertificateRegistry, CertificateStatus, CrlStates, Look, RegisteredCertificate,
    RegistrationStore, Sessions, SnapshotPages, StatusChange,
};
use crate::registration::{NewStatus, Registration};
use crate::revocation::{Listing, Standing, standing, was_listed};

/// What the newest CRLs say of a certificate whose row tells of a hold.
enum HoldAnswer {
    /// None has it any more.
    Ended,
    /// The newest that is known has it, by this entry.
    Listed(Listing),
    /// It has left the list that it was on, or was on none, and another list that has to be asked is not known.
    Unknown,
}

impl<R, A, S, P, L> Convergence<'_, R, A, S, P, L>
where
    R: Attachments + CertificateRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    S: RegistrationStore + Sync,
    P: SnapshotPages + Sync,
    L: Sessions + Sync,
{
    /// Whether a hold that the row tells of, or whose end was begun with, has to stay as it is, since the CRLs can't answer for
    /// it at the moment. The row then only tells that it is to be asked again.
    pub(super) async fn is_hold_open(
        &self,
        row: &Registration,
        wanted: NewStatus,
        registered: &RegisteredCertificate,
    ) -> Result<bool, Fault> {
        let is_ending = wanted == NewStatus::Active && !row.intents.is_empty();
        let is_held = (row.is_kept_out() || is_ending) && row.status == Some(CertificateStatus::Inactive);
        if !is_held || registered.status != CertificateStatus::Inactive || wanted == NewStatus::Revoked {
            return Ok(false);
        }
        Ok(matches!(self.ask_about_hold(row, registered).await?, HoldAnswer::Unknown))
    }

    /// Whether a change of facts ends a hold that a CRL still has, or may have. One that is INACTIVE is asked for before it is
    /// set ACTIVE; the others are not set anything.
    pub(super) async fn forgets_hold(
        &self,
        row: &Registration,
        seen: &Registration,
        registered: &RegisteredCertificate,
    ) -> Result<bool, Fault> {
        let ends = row.is_on_hold() && !seen.is_on_hold() && !seen.is_revoked();
        let is_asked_later =
            !matches!(registered.status, CertificateStatus::Active | CertificateStatus::PendingActivation);
        if !ends || is_asked_later {
            return Ok(false);
        }
        Ok(!matches!(self.ask_about_hold(row, registered).await?, HoldAnswer::Ended))
    }

    /// Whether a hold is new in the row, or was left there by a process that may have died before it asked the CRLs.
    pub(super) fn is_unasked_hold(&self, row: &Registration, seen: &Registration) -> bool {
        let mut intents = row.intents.iter();
        let is_left = intents.any(|(id, intent)| *id == self.process.id || intent.until <= self.now);
        seen.is_kept_out() && (is_left || !row.is_on_hold())
    }

    /// Step 3 for a certificate that leaves ACTIVE or never gets there, and the rest. A hold that the CRLs can't answer for
    /// counts, and its row is left unconfirmed: each run of the CRL checker asks again.
    pub(super) async fn put_out(
        &self,
        before: &Registration,
        intended: Registration,
        wanted: NewStatus,
        registered: &RegisteredCertificate,
        look: &Look,
        converged: &mut Converged,
    ) -> Result<Round, Fault> {
        let grounds = (wanted == NewStatus::Inactive).then_some(Grounds { cleared: None, look });
        if wanted == NewStatus::Revoked || !intended.is_kept_out() {
            return self.set(intended, wanted, grounds, converged).await;
        }
        let is_out = registered.status == CertificateStatus::Inactive;
        let asked = self.ask_about_hold(&intended, registered).await;
        let facts = match &asked {
            Ok(HoldAnswer::Ended)
                if registered.status == CertificateStatus::PendingActivation || intended.is_entry_earlier =>
            {
                intended.clone().cleared(None)
            }
            Ok(HoldAnswer::Ended) => intended.clone().hold_ended(self.now),
            Ok(HoldAnswer::Listed(entry)) => intended.clone().listed(entry, self.now),
            Ok(HoldAnswer::Unknown) | Err(_) => {
                converged.is_unknown = true;
                if !is_out && self.act(&intended, wanted, Some(look), converged).await? == StatusChange::Impossible {
                    return self.look_again(intended, wanted).await;
                }
                return asked.map(|_| Round::Done(Some(intended)));
            }
        };
        if facts != intended {
            return self.begin_again(&intended, facts).await;
        }
        if is_out {
            let settled = intended.clone().settled(before, &self.process, self.now);
            return self.rest(&intended, settled, &mut None).await;
        }
        self.set(intended, wanted, grounds, converged).await
    }

    /// Asks the newest CRLs about a hold. A list that is past its nextUpdate still tells of it.
    async fn ask_about_hold(
        &self,
        row: &Registration,
        registered: &RegisteredCertificate,
    ) -> Result<HoldAnswer, Fault> {
        let Crls { certificate, rules, states } = self.crls(row, registered).await?;
        let asked = standing(&certificate, &rules, &states, self.snapshots, self.now).await?;
        let hold = || Listing { crl_number: row.crl_number.clone(), reason: RevocationReason::CertificateHold };
        Ok(match asked {
            Standing::Good(_) => HoldAnswer::Ended,
            Standing::Listed(entry) => HoldAnswer::Listed(entry),
            Standing::Unknown { .. } => {
                let was_listed = was_listed(&certificate, &rules, &states, self.snapshots, self.now).await?;
                if was_listed { HoldAnswer::Listed(hold()) } else { HoldAnswer::Unknown }
            }
        })
    }
}
