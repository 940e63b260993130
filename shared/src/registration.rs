//! The record of every certificate ever decided: keys, vocabulary and row of the `Registrations` table.

use serde::{Deserialize, Serialize};
use std::fmt;
use time::OffsetDateTime;

use crate::id::{CaCertificateId, CertificateId, Serial, ThingName};
use crate::pki::Certificate;
use crate::timestamp;

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

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$item_doc])* #[serde(rename = $text)] $item,)*
        }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$item,)*];

            /// The word as rows, responses and metrics carry it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$item => $text,)*
                }
            }

            /// The value of this word.
            #[must_use]
            pub fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// What was decided about a certificate, or about an event.
    Decision {
        /// The certificate is ACTIVE, with thing and policy.
        Activated = "activated",
        /// An activation has begun; if this stays, it was interrupted and the next event resumes it.
        Activating = "activating",
        /// The certificate was ACTIVE already: nothing to do.
        AlreadyActive = "already_active",
        /// Not activated, tried again by Lambda; the reason tells what is missing.
        Deferred = "deferred",
        /// The CRL has the certificate on hold: INACTIVE.
        Held = "held",
        /// The certificate has left PENDING_ACTIVATION by somebody else's hand: nothing to do.
        NotPending = "not_pending",
        /// Not let in. The certificate stays PENDING_ACTIVATION, so that the device gets in once the reason is gone.
        Refused = "refused",
        /// The event itself is not acceptable.
        Rejected = "rejected",
        /// The CRL lists the certificate as revoked: REVOKED.
        Revoked = "revoked",
    }
}

vocabulary! {
    /// Why it was decided so. A closed set: every word is documented and stays.
    Reason {
        /// The profile's attribute mapping does not fit AWS IoT's limits.
        AttributesInvalid = "attributes_invalid",
        /// AWS IoT names another CA for the certificate than the event did.
        AuthorityMismatch = "authority_mismatch",
        /// The CA is not registered in this account and Region.
        AuthorityNotFound = "authority_not_found",
        /// The certificate has expired.
        CertificateExpired = "certificate_expired",
        /// The certificate has a critical extension that is not understood.
        CertificateExtension = "certificate_extension",
        /// The certificate no longer exists in AWS IoT.
        CertificateGone = "certificate_gone",
        /// The certificate's SHA-256 is not its id.
        CertificateIdMismatch = "certificate_id_mismatch",
        /// The device certificate is a CA certificate.
        CertificateIsAuthority = "certificate_is_authority",
        /// The certificate's key usages exclude TLS client authentication.
        CertificateKeyUsage = "certificate_key_usage",
        /// The certificate can't be read.
        CertificateMalformed = "certificate_malformed",
        /// The certificate's validity has not begun.
        CertificateNotYetValid = "certificate_not_yet_valid",
        /// The certificate is longer than any that AWS IoT registers.
        CertificateTooLarge = "certificate_too_large",
        /// Something follows the certificate.
        CertificateTrailingBytes = "certificate_trailing_bytes",
        /// The certificate is not of X.509 version 3.
        CertificateVersion = "certificate_version",
        /// All checks passed.
        ChecksPassed = "checks_passed",
        /// The profile requires a CRL, and none is configured.
        CrlNotConfigured = "crl_not_configured",
        /// A member of the event is missing or wrong.
        EventMember = "event_member",
        /// The event is not a JSON object.
        EventNotAnObject = "event_not_an_object",
        /// The event is larger than any that AWS IoT publishes.
        EventTooLarge = "event_too_large",
        /// The certificate that holds the thing is being activated at this moment.
        HolderInProgress = "holder_in_progress",
        /// The CA certificate is outside its validity.
        IssuerExpired = "issuer_expired",
        /// The certificate's issuer is not the CA's subject.
        IssuerName = "issuer_name",
        /// The CA certificate may not issue certificates.
        IssuerUnusable = "issuer_unusable",
        /// The public key is of a kind or size that the profile does not allow.
        KeyNotAllowed = "key_not_allowed",
        /// The profile admits announced certificates only, and this one was not announced.
        NotListed = "not_listed",
        /// The certificate that holds the thing is younger than this one.
        OlderThanHolder = "older_than_holder",
        /// The event is about another account.
        OtherAccount = "other_account",
        /// AWS IoT says that the certificate belongs to another account.
        OwnerMismatch = "owner_mismatch",
        /// The serial number is not a positive integer of at most 20 octets.
        SerialInvalid = "serial_invalid",
        /// Another certificate of the same CA has the same serial number.
        SerialReused = "serial_reused",
        /// The signature algorithm is not allowed.
        SignatureAlgorithm = "signature_algorithm",
        /// The signature does not verify under the CA's key.
        SignatureInvalid = "signature_invalid",
        /// The certificate's status is not PENDING_ACTIVATION.
        StatusNotPending = "status_not_pending",
        /// A rule of the profile on the subject is not met.
        SubjectRule = "subject_rule",
        /// While it came in, a younger certificate took the thing over.
        Superseded = "superseded",
        /// The thing name made from the subject is not a legal name.
        ThingNameInvalid = "thing_name_invalid",
        /// The subject lacks a field of the thing-name template, or has it twice.
        ThingNameUnresolved = "thing_name_unresolved",
        /// The thing was made for a certificate of another CA, or holds one.
        ThingOfOtherAuthority = "thing_of_other_authority",
        /// The thing exists and was not made for this certificate.
        ThingTaken = "thing_taken",
    }
}

/// A decision with its reason, as it goes into the row.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What was decided.
    pub decision: Decision,
    /// A sentence for people.
    pub detail: String,
    /// Why.
    pub reason: Reason,
}

impl Verdict {
    /// A verdict with its explanation.
    #[must_use]
    pub fn new(decision: Decision, reason: Reason, detail: impl fmt::Display) -> Self {
        Self { decision, detail: detail.to_string(), reason }
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
    /// When the decision was recorded, RFC 3339.
    pub decided_at: String,
    /// The newest decision.
    pub decision: Decision,
    /// A sentence for people.
    #[serde(default)]
    pub detail: String,
    /// When the certificate was first decided about, RFC 3339.
    #[serde(default)]
    pub first_seen_at: String,
    /// The last failure of an attempt that decided nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
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

    #[test]
    fn words_are_unique_and_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::named(reason.as_str()), Some(*reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        for decision in Decision::ALL {
            assert_eq!(Decision::named(decision.as_str()), Some(*decision));
        }
    }
}
