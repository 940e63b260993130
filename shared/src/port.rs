//! What the functions need from the world, in their own words. `aws` and `testing` implement it.

mod items;
mod presence;
mod revocation;

use std::collections::BTreeMap;
use std::future::Future;

pub use items::{
    BATCH_WRITES, BatchWritten, DeadLetters, Holders, Holding, ItemStore, ItemWritten, MAX_BATCH_BYTES,
    MAX_MESSAGE_BYTES,
};
pub use presence::{HISTORY_BATCH, PresenceStore, Written};
pub use revocation::{
    Continuation, CrlPublication, CrlStates, ListedRegistrations, SessionEnd, Sessions, SnapshotPages, SnapshotStore,
};

use time::OffsetDateTime;

use crate::decision::Verdict;
use crate::fault::Fault;
use crate::id::{AccountId, CaCertificateId, CertificateId, PolicyName, Serial, ThingName};
use crate::pki::crl::CrlNumber;
use crate::profile::Profile;
use crate::registration::{Candidate, Registration, RegistrationId};
use crate::revocation::Listing;
use crate::text::Detail;

/// A device certificate as AWS IoT holds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegisteredCertificate {
    /// Its ARN, the target of attachments.
    pub arn: String,
    /// The CA that AWS IoT registered it under.
    pub ca_certificate_id: Option<CaCertificateId>,
    /// The account that owns it.
    pub owned_by: Option<AccountId>,
    /// The certificate.
    pub pem: String,
    /// Its status now.
    pub status: CertificateStatus,
}

/// Status of a device certificate ("`CertificateStatus`" in the AWS IoT API reference).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CertificateStatus {
    /// May connect.
    Active,
    /// Switched off; can be switched on again.
    Inactive,
    /// Any other status, by name.
    Other(String),
    /// Registered just in time, not decided yet.
    PendingActivation,
    /// Switched off for good.
    Revoked,
}

impl CertificateStatus {
    /// The status as AWS IoT writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Other(name) => name,
            Self::PendingActivation => "PENDING_ACTIVATION",
            Self::Revoked => "REVOKED",
        }
    }
}

/// A status that may be set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NewStatus {
    /// Let in.
    Active,
    /// Switch off, for now.
    Inactive,
    /// Switch off for good: only for a proven hit in a verified CRL.
    Revoked,
}

/// What became of a change of status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StatusChange {
    /// The certificate has the new status.
    Done,
    /// The certificate no longer exists, or its present status does not allow the change; read it again.
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
    fn set_status(
        &self,
        id: &CertificateId,
        status: NewStatus,
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

/// The things of AWS IoT's registry and what is attached to them.
pub trait ThingRegistry {
    /// Makes a thing. The same call twice succeeds twice.
    fn create_thing(&self, thing: &NewThing) -> impl Future<Output = Result<Creation, Fault>> + Send;

    /// Reads a thing; none if there is no thing of that name.
    fn thing(&self, name: &ThingName) -> impl Future<Output = Result<Option<Thing>, Fault>> + Send;

    /// Writes a thing's attributes if its version is still `version`; tells whether it was. Other attributes stay.
    fn rewrite_thing(&self, thing: &NewThing, version: i64) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Lists everything attached to a thing.
    fn principals(&self, name: &ThingName) -> impl Future<Output = Result<Vec<Principal>, Fault>> + Send;

    /// Attaches a certificate to a thing. Repeating it succeeds.
    fn attach_thing(&self, name: &ThingName, certificate_arn: &str) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Attaches a policy to a certificate. Repeating it succeeds.
    fn attach_policy(
        &self,
        policy: &PolicyName,
        certificate_arn: &str,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

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

/// What became of beginning an activation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Begin {
    /// The row says `activating`.
    Begun {
        /// An earlier attempt had set out to replace the holder of the thing; its registration, if it had one.
        replacing: Option<Replaced>,
    },
    /// The row belongs to another certificate with the same serial number.
    SerialReused,
}

/// Whom a certificate replaces as the holder of a thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Replaced {
    /// Certificates attached by other hands than the activator's.
    Foreign,
    /// The certificate of this registration, and whatever else is attached.
    Registration(RegistrationId),
}

/// What became of completing an activation.
#[derive(Clone, Debug, PartialEq)]
pub enum Finish {
    /// The row says `activated`.
    Finished,
    /// Meanwhile the CRL checker has found the certificate on a CRL.
    Listed(Listing),
    /// Meanwhile another certificate has replaced this one as the holder of its thing.
    Superseded,
}

/// The `Registrations` table.
pub trait RegistrationStore {
    /// Reads a row, as of now.
    fn registration(&self, id: &RegistrationId) -> impl Future<Output = Result<Option<Registration>, Fault>> + Send;

    /// Writes that an activation begins.
    fn begin(&self, candidate: &Candidate, now: OffsetDateTime) -> impl Future<Output = Result<Begin, Fault>> + Send;

    /// Writes that the certificate is about to replace the holder of its thing, so that an interrupted replacement is
    /// completed by the next attempt.
    fn intend_to_replace(
        &self,
        candidate: &Candidate,
        replaced: &Replaced,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Writes into a certificate's row that another certificate has replaced it. A row that isn't there stays away.
    fn supersede(
        &self,
        replaced: &RegistrationId,
        by: &Candidate,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Writes that an activation was completed, unless the certificate has been superseded or listed since it began.
    fn finish(
        &self,
        candidate: &Candidate,
        verdict: &Verdict,
        crl_number: Option<&CrlNumber>,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<Finish, Fault>> + Send;

    /// Writes any other verdict about a certificate. A row that holds a later decision stays as it is, and a row of
    /// another certificate is never touched: the verdict then goes to the unproven key. A row about a CA that nobody
    /// enrolled expires after 90 days.
    fn record(
        &self,
        candidate: &Candidate,
        verdict: &Verdict,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Notes the failure of an attempt in the row of a certificate whose activation has begun.
    fn note_failure(
        &self,
        candidate: &Candidate,
        failure: &Detail,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Keeps an event that was not acceptable, with what is wrong. Repeating it counts.
    fn record_rejection(
        &self,
        payload: &str,
        verdict: &Verdict,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}
