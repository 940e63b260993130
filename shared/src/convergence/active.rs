//! What the CRLs and the registry say before a certificate is set ACTIVE again.

use super::Convergence;
use crate::fault::{Fault, FaultKind};
use crate::pki::Certificate;
use crate::pki::crl::RevocationReason;
use crate::port::{
    Attachments, AuthorityStore, CertificateRegistry, CrlStates, Principal, RegisteredCertificate, SnapshotPages,
};
use crate::profile::CrlRules;
use crate::registration::Registration;
use crate::revocation::{CrlState, Listing, NotRevoked, Standing, standing};

/// Whether a certificate may be set ACTIVE.
pub(super) enum Clearance {
    /// It may.
    Cleared(NotRevoked),
    /// It may not, by the facts of this row.
    Facts(Box<Registration>),
    /// A CRL that has to be asked does not count at the moment; the row to be left with.
    Unknown(Box<Registration>),
}

/// A certificate, and what is known of the CRLs of its CA.
pub(super) struct Crls {
    pub(super) certificate: Certificate,
    pub(super) rules: CrlRules,
    pub(super) states: Vec<CrlState>,
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

    /// What all CRLs of the CA say, whether or not its profile asks them before it lets a device in.
    async fn ask_crls(&self, row: &Registration, registered: &RegisteredCertificate) -> Result<Standing, Fault> {
        let Crls { certificate, rules, states } = self.crls(row, registered).await?;
        standing(&certificate, &rules, &states, self.snapshots, self.now).await
    }

    pub(super) async fn crls(&self, row: &Registration, registered: &RegisteredCertificate) -> Result<Crls, Fault> {
        let certificate = Certificate::from_pem(&registered.pem).map_err(|fault| {
            Fault::new("iot:DescribeCertificate", FaultKind::Invalid, format!("{}: {fault}", row.certificate_id))
        })?;
        let authority = &row.ca_certificate_id;
        let profile = self.authorities.profile(authority).await?.unwrap_or_default();
        let rules = profile.crl_rules().asked();
        let states = self.authorities.crl_states(authority).await?;
        Ok(Crls { certificate, rules, states })
    }

    pub(super) async fn is_attached(
        &self,
        row: &Registration,
        registered: &RegisteredCertificate,
    ) -> Result<bool, Fault> {
        Ok(self.is_on_thing(row).await? && self.registry.has_policy(&registered.arn).await?)
    }

    pub(super) async fn is_on_thing(&self, row: &Registration) -> Result<bool, Fault> {
        let Some(thing) = &row.thing_name else { return Ok(false) };
        let principals = self.registry.principals(thing).await?;
        Ok(principals.contains(&Principal::Certificate(row.certificate_id.clone())))
    }
}
