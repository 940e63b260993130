//! The record of every certificate ever decided about: keys and rows of the `Registrations` table.
//!
//! A row is facts and an effect. The facts say what is true of the certificate; the status that AWS IoT should have
//! follows from them ([`Registration::wanted`]). The effect says which status AWS IoT was known to have last, and which
//! processes have set out to change it. Every write raises the revision, on the condition that it is still the one that
//! was read; [`convergence`](crate::convergence) makes AWS IoT agree with the row.

mod backoff;
mod candidate;
mod effect;
mod facts;
mod holding;
mod id;
mod status;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::decision::{Decision, Reason};
use crate::id::{CaCertificateId, CertificateId, ThingName};
use crate::pki::crl::{CrlNumber, RevocationReason};
use crate::text::Detail;
use crate::timestamp;

pub use backoff::{Backoff, Basis, Ground, MAX_BACKOFF, MIN_BACKOFF, Repeat};
pub use candidate::Candidate;
pub use effect::{Intent, Process, UNCONFIRMED};
pub use holding::Holding;
pub use id::RegistrationId;
pub use status::{CertificateStatus, NewStatus};

/// How long rows are kept that are about no device of this stack: rejected events, certificates of CAs that nobody
/// enrolled. These may be another stack's, and come without end.
pub const STRANGER_LIFETIME: time::Duration = time::Duration::days(90);

/// How long a certificate counts as waiting in the overflow queue. One that was decided about meanwhile has a row of another
/// revision; one that has left no row behind is sent on again after that.
pub const WAITING_LIFETIME: time::Duration = time::Duration::hours(1);

/// Attribute of a thing that names the registration it was made for.
///
/// It makes two creations of one name by two certificates differ, so that AWS IoT itself refuses the second.
pub const REGISTRATION_ATTRIBUTE: &str = "registrationId";

/// Name of the index of the `Registrations` table by `certificateId`.
pub const CERTIFICATE_INDEX: &str = "byCertificateId";

/// Name of the index of the `Registrations` table by `thingName`.
pub const THING_INDEX: &str = "byThingName";

/// Name of the index of the `Registrations` table that has the rows whose effect is not confirmed, oldest first.
pub const UNCONFIRMED_INDEX: &str = "byUnconfirmed";

/// Whom a certificate replaces as the holder of a thing.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub enum Replaced {
    /// Certificates attached by other hands than the activator's.
    Foreign,
    /// The certificate of this registration, and whatever else is attached.
    Registration(RegistrationId),
}

impl From<String> for Replaced {
    fn from(text: String) -> Self {
        match text.as_str() {
            "foreign" => Self::Foreign,
            id => Self::Registration(RegistrationId::from_text(id)),
        }
    }
}

impl From<Replaced> for String {
    fn from(replaced: Replaced) -> Self {
        match replaced {
            Replaced::Foreign => "foreign".to_owned(),
            Replaced::Registration(id) => id.to_string(),
        }
    }
}

/// A row of the `Registrations` table, as far as decisions and people need it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// When the certificate became ACTIVE by the activator's hand, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<String>,
    /// When the checks of an attempt last passed, RFC 3339; none if they never did, or later ones did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<String>,
    /// How many invocations decided about the certificate.
    #[serde(default)]
    pub attempts: u64,
    /// How long events are answered from the row; none if the certificate has not been refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// The issuing CA.
    pub ca_certificate_id: CaCertificateId,
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Number of the newest CRL that cleared or listed the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl_number: Option<CrlNumber>,
    /// When the decision was recorded, RFC 3339.
    pub decided_at: String,
    /// The newest decision.
    pub decision: Decision,
    /// A sentence for people.
    #[serde(default)]
    pub detail: Detail,
    /// When the row may be deleted, in seconds since 1970; none for a device of this stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// When the certificate was first decided about, RFC 3339.
    #[serde(default)]
    pub first_seen_at: String,
    /// When AWS IoT was told that the certificate is on hold, RFC 3339; none if no hold made it INACTIVE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_at: Option<String>,
    /// Changes of status that have been set out to and not confirmed, by process.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intents: BTreeMap<String, Intent>,
    /// Whether the entry is from before the certificate was deleted and registered again: the gate asks about it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_entry_earlier: bool,
    /// Whether the table has no such row yet.
    #[serde(skip)]
    pub(crate) is_new: bool,
    /// The last failure of an attempt that decided nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Detail>,
    /// When that was, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<String>,
    /// End of the certificate's validity, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Time at which the newest event was published that an attempt has begun with, RFC 3339, if AWS IoT's clock was ahead of
    /// the attempt's; none otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_event_at: Option<String>,
    /// Start of the certificate's validity, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Why it was decided so.
    pub reason: Reason,
    /// Key of the row.
    pub registration_id: String,
    /// When the certificate was found without its thing or its policy, or its thing was released, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<String>,
    /// Whom an activation that is under way replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacing: Option<Replaced>,
    /// Counts the writes of the row; the lock of whoever makes the next one.
    #[serde(default)]
    pub revision: u64,
    /// Why a CRL lists the certificate; none if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_reason: Option<RevocationReason>,
    /// When AWS IoT was told that the certificate is revoked, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// Serial number in lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The status that AWS IoT was last known to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<CertificateStatus>,
    /// The certificate's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When another certificate replaced this one as the holder of its thing, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_at: Option<String>,
    /// The certificate that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<CertificateId>,
    /// The key of that certificate's row; none in rows that were written before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by_registration: Option<String>,
    /// When the certificate was first seen to be INACTIVE by other hands than this stack's, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switched_off_at: Option<String>,
    /// The thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<ThingName>,
}

impl Registration {
    /// The facts about the certificate.
    #[must_use]
    pub fn candidate(&self) -> Candidate {
        let read = |text: &Option<String>| text.as_deref().and_then(timestamp::from_text);
        Candidate {
            ca_certificate_id: self.ca_certificate_id.clone(),
            certificate_id: self.certificate_id.clone(),
            id: RegistrationId::from_text(&self.registration_id),
            not_after: read(&self.not_after),
            not_before: read(&self.not_before),
            serial: self.serial.as_ref().and_then(|text| text.parse().ok()),
            subject: self.subject.clone(),
            thing_name: self.thing_name.clone(),
        }
    }

    /// When the newest decision was made.
    #[must_use]
    pub fn decided_at(&self) -> Option<OffsetDateTime> {
        timestamp::from_text(&self.decided_at)
    }

    /// Start of the certificate's validity.
    #[must_use]
    pub fn not_before(&self) -> Option<OffsetDateTime> {
        self.not_before.as_deref().and_then(timestamp::from_text)
    }
}
