//! What the functions need from the world, in their own words. `aws` and `testing` implement it.

mod items;
mod overflow;
mod presence;
mod revocation;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

pub use crate::registration::{CertificateStatus, NewStatus};
pub use items::{
    BATCH_WRITES, BatchWritten, DeadLetters, Holders, Holding, ItemStore, ItemWritten, MAX_BATCH_BYTES,
    MAX_MESSAGE_BYTES, MAX_SENT,
};
pub use overflow::{OverflowQueue, Waiting, WaitingEvent, WaitingIf};
pub use presence::{COUNTED_AT_ONCE, Counted, HISTORY_BATCH, PresenceStore, RowPolicy, Written};
pub use revocation::{
    Continuation, CrlPublication, CrlStates, ListedRegistrations, ReadRow, SessionClient, SessionEnd, Sessions,
    SnapshotPages, SnapshotStore, UnconfirmedKey, UnreadableRow,
};

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::decision::Verdict;
use crate::fault::Fault;
use crate::id::{AccountId, CaCertificateId, CertificateId, PolicyName, Serial, ThingName};
use crate::profile::Profile;
use crate::registration::{Registration, RegistrationId};

/// A device certificate as AWS IoT holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegisteredCertificate {
    /// Its ARN, the target of attachments.
    pub arn: String,
    /// The CA that AWS IoT registered it under.
    pub ca_certificate_id: Option<CaCertificateId>,
    /// Time at which it was registered: another one if it was deleted and registered again.
    pub created_at: Option<OffsetDateTime>,
    /// The account that owns it.
    pub owned_by: Option<AccountId>,
    /// The certificate.
    pub pem: String,
    /// Its status now.
    pub status: CertificateStatus,
}

/// A look at a certificate, on which a change of its status rests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Look {
    /// Moment of the answer.
    pub at: Instant,
    /// Time at which the certificate was registered.
    created_at: Option<OffsetDateTime>,
    /// The status.
    status: CertificateStatus,
}

impl Look {
    /// A look that was answered at this moment.
    #[must_use]
    pub fn new(at: Instant, registered: &RegisteredCertificate) -> Self {
        Self { at, created_at: registered.created_at, status: registered.status.clone() }
    }

    /// Whether a change that rests on this look may still be made, as a later one has found the certificate.
    ///
    /// What others have set stays: ACTIVE needs the status to be the same one. INACTIVE is for whoever is not out yet; set
    /// upon another one's INACTIVE it would pass for the reason of both. REVOKED is for everybody.
    #[must_use]
    pub fn allows(&self, wanted: NewStatus, seen: Option<&RegisteredCertificate>) -> bool {
        let Some(seen) = seen.filter(|seen| seen.created_at == self.created_at) else { return false };
        match wanted {
            NewStatus::Active => seen.status == self.status,
            NewStatus::Inactive => !matches!(seen.status, CertificateStatus::Inactive | CertificateStatus::Revoked),
            NewStatus::Revoked => true,
        }
    }
}

/// What became of a change of status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StatusChange {
    /// The certificate has the new status.
    Done,
    /// The certificate no longer exists, or its present status does not allow the change, or others have changed what the
    /// change rests on; read it again.
    Impossible,
}

/// The certificates of AWS IoT's registry.
pub trait CertificateRegistry {
    /// Reads a device certificate; none if there is no such certificate.
    fn certificate(
        &self,
        id: &CertificateId,
    ) -> impl Future<Output = Result<Option<RegisteredCertificate>, Fault>> + Send;

    /// Reads the PEM of a registered CA certificate; none if there is no such CA.
    fn authority_pem(&self, id: &CaCertificateId) -> impl Future<Output = Result<Option<String>, Fault>> + Send;

    /// Changes a device certificate's status. Setting the status it has already succeeds.
    ///
    /// AWS IoT takes no condition. A change that rests on a look is not made if it has waited so long that another look is
    /// due, and that one no longer [allows](Look::allows) it. A change without one is made whatever others have done.
    fn set_status(
        &self,
        id: &CertificateId,
        status: NewStatus,
        look: Option<&Look>,
    ) -> impl Future<Output = Result<StatusChange, Fault>> + Send;
}

/// A thing to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewThing {
    /// Attributes, the registration's id among them.
    pub attributes: BTreeMap<String, String>,
    /// Its name.
    pub name: ThingName,
    /// Its type.
    pub thing_type: Option<ThingName>,
}

/// What became of making a thing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Creation {
    /// The thing exists with just these settings: made now, or by an earlier attempt for the same registration.
    Made,
    /// A thing of this name exists with other settings.
    Taken,
}

/// A thing as AWS IoT holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Thing {
    /// The registration that it was made for, if one was.
    pub registration_id: Option<RegistrationId>,
    /// Counts the changes of the thing; the lock of [`ThingRegistry::rewrite_thing`].
    pub version: i64,
}

/// Who is attached to a thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Principal {
    /// A device certificate.
    Certificate(CertificateId),
    /// An identity of another kind, by ARN.
    Other(String),
}

/// What is attached to what in AWS IoT's registry.
pub trait Attachments {
    /// Lists everything attached to a thing: nothing, if there is no thing of that name.
    fn principals(&self, name: &ThingName) -> impl Future<Output = Result<Vec<Principal>, Fault>> + Send;

    /// Whether any policy is attached to a certificate.
    fn has_policy(&self, certificate_arn: &str) -> impl Future<Output = Result<bool, Fault>> + Send;
}

/// The things of AWS IoT's registry.
pub trait ThingRegistry: Attachments {
    /// Makes a thing. The same call twice succeeds twice.
    fn create_thing(&self, thing: &NewThing) -> impl Future<Output = Result<Creation, Fault>> + Send;

    /// Reads a thing; none if there is no thing of that name.
    fn thing(&self, name: &ThingName) -> impl Future<Output = Result<Option<Thing>, Fault>> + Send;

    /// Writes a thing's attributes if its version is still `version`; tells whether it was. Other attributes stay.
    fn rewrite_thing(&self, thing: &NewThing, version: i64) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Attaches a certificate to a thing. Repeating it succeeds.
    fn attach_thing(&self, name: &ThingName, certificate_arn: &str) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Attaches a policy to a certificate. Repeating it succeeds.
    fn attach_policy(
        &self,
        policy: &PolicyName,
        certificate_arn: &str,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Detaches a certificate from a thing. Repeating it succeeds.
    fn detach_thing(&self, name: &ThingName, certificate_arn: &str) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Deletes a thing if its version is still `version`; tells whether it is gone. One that does not exist is.
    fn delete_thing(&self, name: &ThingName, version: i64) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Puts a thing into a group. Repeating it succeeds.
    fn join_group(&self, name: &ThingName, group: &ThingName) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// An announced certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announcement {
    /// If set, the certificate is announced for this thing name only.
    pub thing_name: Option<ThingName>,
}

/// The `Authorities` table.
pub trait AuthorityStore {
    /// Reads a CA's profile, as of now.
    fn profile(&self, id: &CaCertificateId) -> impl Future<Output = Result<Option<Profile>, Fault>> + Send;

    /// Keeps the PEM of a CA whose profile lacks it. What the operator wrote stays, and a row that this makes does not
    /// count as an enrolment.
    fn keep_authority(
        &self,
        id: &CaCertificateId,
        pem: &str,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Makes decisions anew that rest on the rules of this CA, though none of them has changed. Without a profile there is
    /// nothing to do.
    fn renew_decisions(
        &self,
        id: &CaCertificateId,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Reads the announcement of a serial number of this CA.
    fn announced_serial(
        &self,
        id: &CaCertificateId,
        serial: &Serial,
    ) -> impl Future<Output = Result<Option<Announcement>, Fault>> + Send;

    /// Reads the announcement of a thing name of this CA.
    fn announced_name(
        &self,
        id: &CaCertificateId,
        name: &ThingName,
    ) -> impl Future<Output = Result<Option<Announcement>, Fault>> + Send;
}

/// What became of writing a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Saved {
    /// It was written; the row with its new revision.
    Done(Registration),
    /// Somebody else had written it since it was read; the row as it is, if there is one.
    Outdated(Option<Registration>),
}

/// The `Registrations` table.
pub trait RegistrationStore {
    /// Reads a row, as of now.
    fn registration(&self, id: &RegistrationId) -> impl Future<Output = Result<Option<Registration>, Fault>> + Send;

    /// Reads the rows about a certificate, as of now. One that was written a moment ago may be missing. So are such as can't
    /// be read.
    fn registrations_about(
        &self,
        certificate: &CertificateId,
    ) -> impl Future<Output = Result<Vec<Registration>, Fault>> + Send;

    /// The CAs of the certificates that have or wanted a thing. One that wanted it a moment ago may be missing.
    fn authorities_about(
        &self,
        thing: &ThingName,
    ) -> impl Future<Output = Result<BTreeSet<CaCertificateId>, Fault>> + Send;

    /// Writes a row in place of the one that was read, or a new one if there still is none. Its revision is set here.
    fn save(&self, before: &Registration, after: Registration) -> impl Future<Output = Result<Saved, Fault>> + Send;

    /// Whether an event of a certificate waits in the overflow queue that was sent there when the newest row about the
    /// certificate had this revision, as [`set_waiting`](Self::set_waiting) has told.
    fn waiting(
        &self,
        authority: &CaCertificateId,
        certificate: &CertificateId,
        revision: Option<u64>,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Waiting, Fault>> + Send;

    /// Tells other processes that an event of a certificate waits in the overflow queue, for an hour, unless its message has
    /// been answered meanwhile.
    fn set_waiting(
        &self,
        authority: &CaCertificateId,
        certificate: &CertificateId,
        revision: Option<u64>,
        condition: WaitingIf,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Tells other processes that no event of a certificate waits any more. Returns how often its waiting has ended.
    fn end_waiting(
        &self,
        authority: &CaCertificateId,
        certificate: &CertificateId,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<u64, Fault>> + Send;

    /// Keeps an event that was not acceptable, with what is wrong. Repeating it counts.
    fn record_rejection(
        &self,
        payload: &str,
        verdict: &Verdict,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}
