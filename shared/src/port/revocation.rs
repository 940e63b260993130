//! What revocation needs from the world: the states of CRLs, the snapshots, bulk access to registrations, sessions.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::fault::Fault;
use crate::id::{CaCertificateId, CertificateId, ThingName};
use crate::registration::{Registration, RegistrationId};
use crate::revocation::{CheckFault, Comparison, CrlSource, CrlState, PublishedCrl, Validators};
use crate::snapshot::{Chunks, ScratchFile};

/// The CRL states of a CA, as the gate reads them.
pub trait CrlStates {
    /// Reads all states of a CA, as of now: what was published before this call began is seen. A row that can't be read is
    /// the state of its source that says so.
    fn crl_states(&self, id: &CaCertificateId) -> impl Future<Output = Result<Vec<CrlState>, Fault>> + Send;

    /// Asks the CRL checker to follow a distribution point. A state that exists stays as it is. How many there may be is
    /// the caller's business: [`MAX_REQUESTED`](crate::revocation::MAX_REQUESTED).
    fn request_crl(&self, id: &CaCertificateId, source: &CrlSource) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// The CRL states of all CAs, as the CRL checker changes them.
pub trait CrlPublication: CrlStates {
    /// The enrolled CAs whose profile names sources of CRLs, or hosts whose distribution points are followed.
    fn authorities_with_crls(&self) -> impl Future<Output = Result<Vec<CaCertificateId>, Fault>> + Send;

    /// All CAs that are enrolled.
    fn enrolled_authorities(&self) -> impl Future<Output = Result<Vec<CaCertificateId>, Fault>> + Send;

    /// Writes that a source was asked, and with what fault if there was one. The CRL that counts goes on counting.
    fn record_check(
        &self,
        id: &CaCertificateId,
        source: &CrlSource,
        validators: &Validators,
        fault: Option<&CheckFault>,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Puts a CRL in place, if the state's version is still `version`; tells whether it was.
    fn publish(
        &self,
        id: &CaCertificateId,
        source: &CrlSource,
        version: u64,
        crl: &PublishedCrl,
        validators: &Validators,
        now: OffsetDateTime,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Writes `applied`, `progress` and `retry` of a state, and its `step` one higher, if the step is still the
    /// state's; tells whether it was.
    fn record_progress(
        &self,
        id: &CaCertificateId,
        state: &CrlState,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// The comparison of one CA's registrations, or of all, as it stands.
    fn comparison(&self, authority: Option<&CaCertificateId>)
    -> impl Future<Output = Result<Comparison, Fault>> + Send;

    /// Writes a comparison, and its `step` one higher, if the step is still the comparison's; tells whether it was.
    fn record_comparison(
        &self,
        authority: Option<&CaCertificateId>,
        comparison: &Comparison,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;
}

/// Snapshots by parts.
pub trait SnapshotPages {
    /// Reads a range of octets of an object.
    fn read(&self, key: &str, range: Range<u64>) -> impl Future<Output = Result<Vec<u8>, Fault>> + Send;
}

/// Snapshots as a whole.
pub trait SnapshotStore: SnapshotPages {
    /// An object's content, piece by piece.
    type Content: Chunks<Error = Fault> + Send;

    /// Opens an object.
    fn open(&self, key: &str) -> impl Future<Output = Result<Self::Content, Fault>> + Send;

    /// Writes an object. The same key has the same content always.
    fn put(&self, key: &str, content: &Arc<ScratchFile>) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Removes an object; one that isn't there is fine.
    fn remove(&self, key: &str) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Where a walk over all registrations goes on: after the row of this id, which need not be there.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Continuation(pub String);

/// A row that can't be read: another version of the suite has written it, or a hand.
#[derive(Debug)]
pub struct UnreadableRow {
    /// The fault that reading it has met.
    pub fault: Fault,
    /// Its key.
    pub id: RegistrationId,
}

/// A row of many, as it was read: one that can't be read costs the others nothing.
pub type ReadRow = Result<Registration, UnreadableRow>;

/// The `Registrations` table, as revocation reads and changes it.
pub trait ListedRegistrations {
    /// Reads the rows of these keys, as of now; keys without a row are left out.
    fn registrations(&self, ids: &[RegistrationId]) -> impl Future<Output = Result<Vec<ReadRow>, Fault>> + Send;

    /// Reads the next part of all rows about certificates with a proven serial number, with where to go on.
    fn walk(
        &self,
        from: Option<&Continuation>,
    ) -> impl Future<Output = Result<(Vec<ReadRow>, Option<Continuation>), Fault>> + Send;

    /// Reads keys of rows whose effect is not confirmed, those that have waited for longest first, with where to go on.
    fn unconfirmed(
        &self,
        from: Option<&UnconfirmedKey>,
    ) -> impl Future<Output = Result<(Vec<RegistrationId>, Option<UnconfirmedKey>), Fault>> + Send;
}

/// Where reading the unconfirmed rows goes on: after this one, which need not be there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnconfirmedKey {
    /// When it was decided, as the row has it.
    pub decided_at: String,
    /// Its key.
    pub id: RegistrationId,
}

/// A client whose session may be live.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionClient {
    /// Its client id.
    pub id: String,
    /// Whether the `Devices` table has it as connected, under the certificate. If not, it is a guess.
    pub is_recorded: bool,
}

/// What became of ending a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionEnd {
    /// The session was ended.
    Ended,
    /// There was no session.
    NotConnected,
    /// The service does not offer it; AWS IoT ends the session by itself within minutes.
    NotOffered,
}

/// Live MQTT sessions.
pub trait Sessions {
    /// The clients as which a certificate is connected. Without a record of its presence, the thing's name, which the
    /// stack's device policy demands as client id, unless another certificate is recorded under it.
    fn clients(
        &self,
        certificate: &CertificateId,
        thing: Option<&ThingName>,
    ) -> impl Future<Output = Result<Vec<SessionClient>, Fault>> + Send;

    /// Ends a client's session at once.
    fn end(&self, client: &SessionClient) -> impl Future<Output = Result<SessionEnd, Fault>> + Send;
}
