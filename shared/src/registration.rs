//! The record of every certificate ever decided about: keys and rows of the `Registrations` table.

mod holding;

use serde::{Deserialize, Serialize};
use std::fmt;
use time::OffsetDateTime;

use crate::decision::{Decision, Reason};
use crate::id::{CaCertificateId, CertificateId, Serial, ThingName};
use crate::pki::Certificate;
use crate::pki::crl::{CrlNumber, RevocationReason};
use crate::revocation::Listing;
use crate::text::Detail;
use crate::timestamp;

pub use holding::Holding;

/// Attribute of a thing that names the registration it was made for.
///
/// It makes two creations of one name by two certificates differ, so that AWS IoT itself refuses the second.
pub const REGISTRATION_ATTRIBUTE: &str = "registrationId";

/// Name of the index of the `Registrations` table by `certificateId`.
pub const CERTIFICATE_INDEX: &str = "byCertificateId";

/// Name of the index of the `Registrations` table by `thingName`.
pub const THING_INDEX: &str = "byThingName";

/// Key of a row in the `Registrations` table.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RegistrationId(String);

impl RegistrationId {
    /// `<caCertificateId>#<serial>`: a certificate whose signature proves that the CA chose the serial number.
    #[must_use]
    pub fn issued(authority: &CaCertificateId, serial: &Serial) -> Self {
        Self(format!("{authority}#{serial}"))
    }

    /// `<caCertificateId>#certificate#<certificateId>`: a certificate whose serial number proves nothing, because it
    /// could not be read, was not issued by the CA, or is already taken by another certificate.
    #[must_use]
    pub fn unproven(authority: &CaCertificateId, certificate: &CertificateId) -> Self {
        Self(format!("{authority}#certificate#{certificate}"))
    }

    /// `rejected#<sha256 of the body>`: an event that names no certificate.
    #[must_use]
    pub fn rejected(sha256: &[u8]) -> Self {
        Self(format!("rejected#{}", hex::encode(sha256)))
    }

    /// Reads a key back, as a thing's attribute holds it.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The CA whose certificate the row is about; none for a rejected event.
    #[must_use]
    pub fn authority(&self) -> Option<CaCertificateId> {
        self.0.split_once('#').and_then(|(authority, _)| authority.parse().ok())
    }
}

impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known about a certificate before anything is decided; the facts of its row.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The issuing CA.
    pub ca_certificate_id: CaCertificateId,
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Key of the row.
    pub id: RegistrationId,
    /// End of validity; none if the certificate can't be read.
    pub not_after: Option<OffsetDateTime>,
    /// Start of validity; none if the certificate can't be read.
    pub not_before: Option<OffsetDateTime>,
    /// Serial number; none if it proves nothing.
    pub serial: Option<Serial>,
    /// Subject for people; none if the certificate can't be read.
    pub subject: Option<String>,
    /// The thing; none as long as its name is not known.
    pub thing_name: Option<ThingName>,
}

impl Candidate {
    /// A certificate that can't be believed, whatever it says of itself.
    #[must_use]
    pub fn unproven(
        ca_certificate_id: &CaCertificateId,
        certificate_id: &CertificateId,
        certificate: Option<&Certificate>,
    ) -> Self {
        Self {
            ca_certificate_id: ca_certificate_id.clone(),
            certificate_id: certificate_id.clone(),
            id: RegistrationId::unproven(ca_certificate_id, certificate_id),
            not_after: certificate.map(Certificate::not_after),
            not_before: certificate.map(Certificate::not_before),
            serial: None,
            subject: certificate.map(|certificate| certificate.subject().text().to_owned()),
            thing_name: None,
        }
    }

    /// A certificate that the CA has issued.
    #[must_use]
    pub fn issued(ca_certificate_id: &CaCertificateId, certificate: &Certificate) -> Self {
        Self {
            id: RegistrationId::issued(ca_certificate_id, certificate.serial()),
            serial: Some(certificate.serial().clone()),
            ..Self::unproven(ca_certificate_id, certificate.id(), Some(certificate))
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
    /// How many invocations decided about the certificate.
    #[serde(default)]
    pub attempts: u64,
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
    /// When the certificate was first decided about, RFC 3339.
    #[serde(default)]
    pub first_seen_at: String,
    /// When AWS IoT was told that the certificate is on hold, RFC 3339; none if no hold made it INACTIVE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_at: Option<String>,
    /// The last failure of an attempt that decided nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Detail>,
    /// When that was, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<String>,
    /// End of the certificate's validity, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Start of the certificate's validity, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Why it was decided so.
    pub reason: Reason,
    /// Key of the row.
    pub registration_id: String,
    /// Why a CRL lists the certificate; none if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_reason: Option<RevocationReason>,
    /// When AWS IoT was told that the certificate is revoked, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// Serial number in lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The certificate's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When another certificate replaced this one as the holder of its thing, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_at: Option<String>,
    /// The certificate that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<CertificateId>,
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

    /// The listing that the row tells of, while it says `held` or `revoked`.
    #[must_use]
    pub fn listing(&self) -> Option<Listing> {
        let reason = match self.decision {
            Decision::Held => RevocationReason::CertificateHold,
            Decision::Revoked => self.revocation_reason.unwrap_or(RevocationReason::Unspecified),
            _ => return None,
        };
        Some(Listing { crl_number: self.crl_number.clone(), reason })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_their_authority() {
        let authority: CaCertificateId = "c".repeat(64).parse().unwrap();
        let serial: Serial = "00A1".parse().unwrap();
        let id = RegistrationId::issued(&authority, &serial);
        assert_eq!(id.as_str(), format!("{}#a1", "c".repeat(64)));
        assert_eq!(id.authority(), Some(authority));
        assert_eq!(RegistrationId::rejected(&[1, 2]).authority(), None);
    }
}
