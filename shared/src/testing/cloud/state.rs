//! Everything that calls can change.

use std::collections::{BTreeMap, BTreeSet};

use time::{Duration, OffsetDateTime};

use super::{FakeCloud, Object, clients};
use crate::id::{AccountId, CaCertificateId, CertificateId, PolicyName, ThingName};
use crate::port::{CertificateStatus, RegisteredCertificate};
use crate::revocation::CrlSource;
use crate::testing::dynamodb::Tables;

/// A thing in the registry.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct FakeThing {
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its groups.
    pub groups: BTreeSet<ThingName>,
    /// ARNs attached to it.
    pub principals: BTreeSet<String>,
    /// Its type.
    pub thing_type: Option<ThingName>,
    /// Number of its changes.
    pub version: i64,
}

/// What the cloud holds.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudState {
    /// PEM of the CAs that are registered with AWS IoT.
    pub authorities: BTreeMap<CaCertificateId, String>,
    /// Device certificates.
    pub certificates: BTreeMap<CertificateId, RegisteredCertificate>,
    /// Live sessions by client id, each with the certificate that opened it.
    pub connected: BTreeMap<String, CertificateId>,
    /// Policies that do not exist.
    pub missing_policies: BTreeSet<PolicyName>,
    /// Policies attached, by certificate ARN.
    pub policies: BTreeMap<String, BTreeSet<PolicyName>>,
    /// Number of the registrations in time.
    pub registered: i64,
    /// Certificates that an operator has registered again while a process was about to set their status. `UpdateCertificate`
    /// has no condition: nothing keeps it from meeting them.
    pub registered_amid: BTreeSet<CertificateId>,
    /// Most rows that one scan reads; none is without limit. It stands for rows that are too large for one page.
    pub rows_of_a_scan: Option<u64>,
    /// Objects of the snapshot bucket.
    pub snapshots: BTreeMap<String, Object>,
    /// The CRLs that CAs publish, by address.
    pub sources: BTreeMap<CrlSource, Object>,
    /// Things.
    pub things: BTreeMap<ThingName, FakeThing>,
    pub(super) tables: Tables,
}

impl Default for CloudState {
    fn default() -> Self {
        Self {
            authorities: BTreeMap::new(),
            certificates: BTreeMap::new(),
            connected: BTreeMap::new(),
            missing_policies: BTreeSet::new(),
            policies: BTreeMap::new(),
            registered: 0,
            registered_amid: BTreeSet::new(),
            rows_of_a_scan: None,
            snapshots: BTreeMap::new(),
            sources: BTreeMap::new(),
            things: BTreeMap::new(),
            tables: clients::tables(),
        }
    }
}

impl CloudState {
    /// The status of a certificate.
    ///
    /// # Panics
    /// If there is no such certificate.
    #[must_use]
    pub fn status(&self, id: &CertificateId) -> CertificateStatus {
        self.certificates.get(id).expect("a registered certificate").status.clone()
    }

    /// Sets the status of a certificate, whatever it was.
    ///
    /// # Panics
    /// If there is no such certificate.
    pub fn set_status(&mut self, id: &CertificateId, status: CertificateStatus) {
        self.certificates.get_mut(id).expect("a registered certificate").status = status;
    }

    /// Whether a certificate is attached to a thing and has a policy.
    #[must_use]
    pub fn has_thing_and_policy(&self, certificate: &RegisteredCertificate) -> bool {
        let has_policy = self.policies.get(&certificate.arn).is_some_and(|policies| !policies.is_empty());
        has_policy && self.things.values().any(|thing| thing.principals.contains(&certificate.arn))
    }
}

impl CloudState {
    /// A certificate that AWS IoT has just registered in time.
    pub fn register(&mut self, authority: &CaCertificateId, account: &AccountId, id: &CertificateId, pem: &str) {
        let certificate = RegisteredCertificate {
            arn: format!("arn:aws:iot:us-east-1:{account}:cert/{id}"),
            ca_certificate_id: Some(authority.clone()),
            created_at: Some(self.registrations()),
            owned_by: Some(account.clone()),
            pem: pem.to_owned(),
            status: CertificateStatus::PendingActivation,
        };
        self.certificates.insert(id.clone(), certificate);
    }

    /// A time of its own for each registration.
    fn registrations(&mut self) -> OffsetDateTime {
        self.registered += 1;
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(self.registered)
    }

    /// Deletes a certificate, which is detached from its things and policies before.
    pub fn delete(&mut self, id: &CertificateId) {
        let Some(found) = self.certificates.remove(id) else { return };
        self.policies.remove(&found.arn);
        for thing in self.things.values_mut() {
            thing.principals.remove(&found.arn);
        }
    }
}

impl FakeCloud {
    /// A certificate that AWS IoT has just registered in time.
    pub fn register(&self, authority: &CaCertificateId, account: &AccountId, id: &CertificateId, pem: &str) {
        self.change(|state| state.register(authority, account, id, pem));
    }
}
