//! What the CRLs and the registry say before a certificate is set ACTIVE again, or a hold is confirmed.

use super::Convergence;
use crate::fault::{Fault, FaultKind};
use crate::pki::Certificate;
use crate::pki::crl::RevocationReason;
use crate::port::{
    Attachments, AuthorityStore, CertificateRegistry, CrlStates, Principal, RegisteredCertificate, SnapshotPages,
};
use crate::profile::{CrlRequirement, CrlRules};
use crate::registration::Registration;
use crate::revocation::{CrlState, Listing, NotRevoked, Standing, standing, was_listed};

/// Whether a certificate may be set ACTIVE.
pub(super) enum Clearance {
    /// It may.
    Cleared(NotRevoked),
    /// It may not, by the facts of this row.
    Facts(Box<Registration>),
    /// A CRL that has to be asked does not count at the moment; the row to be left with.
    Unknown(Box<Registration>),
}

/// What the newest CRLs say of a certificate whose row tells of a hold.
pub(super) enum HoldAnswer {
    /// None has it any more.
    Ended,
    /// The newest that is known has it, by this entry.
    Listed(Listing),
    /// It has left the list that it was on, or was on none, and another list that has to be asked is not known.
    Unknown,
}

/// A certificate, and what is known of the CRLs of its CA.
struct Crls {
    certificate: Certificate,
    rules: CrlRules,
    states: Vec<CrlState>,
}

impl<R, A, S, P, L> Convergence<'_, R, A, S, P, L>
where
    R: Attachments + CertificateRegistry + Sync,
    A: AuthorityStore + CrlStates + Sync,
    P: SnapshotPages + Sync,
    L: Sync,
    S: Sync,
{
    /// Asks the CRLs, and looks at thing and policy. The intent has been written before: a CRL that is put in place later
    /// is followed by a look at the row.
    pub(super) async fn clearance(
        &self,
        row: &Registration,
        registered: &RegisteredCertificate,
    ) -> Result<Clearance, Fault> {
        let cleared = match self.ask_crls(row, registered).await? {
            Standing::Good(cleared) => cleared,
            Standing::Listed(entry) => return Ok(Clearance::Facts(Box::new(row.clone().listed(&entry, self.now)))),
            Standing::Unknown { .. } => {
                // A hold has ended on one list, and another one is not known: it stays on hold.
                let hold = Listing { crl_number: row.crl_number.clone(), reason: RevocationReason::CertificateHold };
                let row = row.clone();
                let row = if row.held_at.is_some() { row.listed(&hold, self.now) } else { row };
                return Ok(Clearance::Unknown(Box::new(row)));
            }
        };
        if self.is_attached(row, registered).await? {
            Ok(Clearance::Cleared(cleared))
        } else {
            Ok(Clearance::Facts(Box::new(row.clone().released(self.now))))
        }
    }

    /// Asks the newest CRLs about a hold. A list that is past its nextUpdate still tells of it.
    pub(super) async fn ask_about_hold(
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

    /// What all CRLs of the CA say, whether or not its profile asks them before it lets a device in.
    async fn ask_crls(&self, row: &Registration, registered: &RegisteredCertificate) -> Result<Standing, Fault> {
        let Crls { certificate, rules, states } = self.crls(row, registered).await?;
        standing(&certificate, &rules, &states, self.snapshots, self.now).await
    }

    async fn crls(&self, row: &Registration, registered: &RegisteredCertificate) -> Result<Crls, Fault> {
        let certificate = Certificate::from_pem(&registered.pem).map_err(|fault| {
            Fault::new("iot:DescribeCertificate", FaultKind::Invalid, format!("{}: {fault}", row.certificate_id))
        })?;
        let authority = &row.ca_certificate_id;
        let profile = self.authorities.profile(authority).await?.unwrap_or_default();
        let rules = CrlRules { requirement: CrlRequirement::Required, ..profile.crl_rules() };
        let states = self.authorities.crl_states(authority).await?;
        Ok(Crls { certificate, rules, states })
    }

    async fn is_attached(&self, row: &Registration, registered: &RegisteredCertificate) -> Result<bool, Fault> {
        let Some(thing) = &row.thing_name else { return Ok(false) };
        let principals = self.registry.principals(thing).await?;
        let own = Principal::Certificate(row.certificate_id.clone());
        Ok(principals.contains(&own) && self.registry.has_policy(&registered.arn).await?)
    }
}
