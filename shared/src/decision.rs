//! The vocabulary of decisions: what was decided, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::Detail;

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
        /// No operator has enrolled the CA with this stack.
        AuthorityNotEnrolled = "authority_not_enrolled",
        /// The CA is not registered in this account and Region.
        AuthorityNotFound = "authority_not_found",
        /// The certificate has expired.
        CertificateExpired = "certificate_expired",
        /// The certificate has a critical extension that is not understood.
        CertificateExtension = "certificate_extension",
        /// The certificate no longer exists in AWS IoT.
        CertificateGone = "certificate_gone",
        /// The CRL has the certificate on hold.
        CertificateHold = "certificate_hold",
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
        /// The CRL lists the certificate as revoked.
        CertificateRevoked = "certificate_revoked",
        /// The certificate is longer than any that AWS IoT registers.
        CertificateTooLarge = "certificate_too_large",
        /// Something follows the certificate.
        CertificateTrailingBytes = "certificate_trailing_bytes",
        /// The certificate's X.509 version is older than the profile allows.
        CertificateVersion = "certificate_version",
        /// All checks passed.
        ChecksPassed = "checks_passed",
        /// The CRL is a delta CRL, which lists changes only.
        CrlDelta = "crl_delta",
        /// An entry of the CRL carries a critical extension that is not understood.
        CrlEntryExtension = "crl_entry_extension",
        /// The CRL's nextUpdate has passed.
        CrlExpired = "crl_expired",
        /// The CRL carries a critical extension that is not understood.
        CrlExtension = "crl_extension",
        /// The CRL could not be fetched from its source.
        CrlFetchFailed = "crl_fetch_failed",
        /// The CRL lists certificates of several issuers.
        CrlIndirect = "crl_indirect",
        /// The CRL names another key of its issuer than the CA's.
        CrlIssuerKey = "crl_issuer_key",
        /// The CRL's issuer is not the CA's subject.
        CrlIssuerName = "crl_issuer_name",
        /// The CA certificate may not sign CRLs.
        CrlIssuerUnusable = "crl_issuer_unusable",
        /// The CRL is not DER, or not as RFC 5280 writes CRLs.
        CrlMalformed = "crl_malformed",
        /// The CRL does not say when the next one is due.
        CrlNextUpdateMissing = "crl_next_update_missing",
        /// No verified CRL has been had from the source yet.
        CrlNotChecked = "crl_not_checked",
        /// The profile requires a CRL, and none is configured.
        CrlNotConfigured = "crl_not_configured",
        /// No current CRL of the CA covers the certificate.
        CrlNotCovering = "crl_not_covering",
        /// The CRL's thisUpdate lies ahead.
        CrlNotYetValid = "crl_not_yet_valid",
        /// The CRL is older than one that was seen before.
        CrlRolledBack = "crl_rolled_back",
        /// The CRL's issuing distribution point contradicts itself or is of an unsupported form.
        CrlScope = "crl_scope",
        /// The CRL has lost more entries than the stack's parameter allows.
        CrlShrunk = "crl_shrunk",
        /// The CRL's signature algorithm is not allowed.
        CrlSignatureAlgorithm = "crl_signature_algorithm",
        /// The CRL's signature does not verify under the CA's key.
        CrlSignatureInvalid = "crl_signature_invalid",
        /// The newest verified CRL is past its nextUpdate, and no later one could be had.
        CrlStale = "crl_stale",
        /// The row that tells of one of the CA's CRLs can't be read.
        CrlStateUnreadable = "crl_state_unreadable",
        /// The CRL is larger than the stack's parameter allows.
        CrlTooLarge = "crl_too_large",
        /// As many distribution points of the CA are followed as may be, and the certificate names a further one.
        CrlTooManyPoints = "crl_too_many_points",
        /// Something follows the CRL.
        CrlTrailingBytes = "crl_trailing_bytes",
        /// The CRL ends before its end.
        CrlTruncated = "crl_truncated",
        /// The CRL is of an X.509 version that has no such CRLs.
        CrlVersion = "crl_version",
        /// A member of the event is missing or wrong.
        EventMember = "event_member",
        /// The event is not a JSON object.
        EventNotAnObject = "event_not_an_object",
        /// The event is larger than any that AWS IoT publishes.
        EventTooLarge = "event_too_large",
        /// The certificate has left the CRL that had it on hold.
        HoldReleased = "hold_released",
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
        /// The certificate has lost its thing or its policy.
        ThingReleased = "thing_released",
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
    pub detail: Detail,
    /// Why.
    pub reason: Reason,
}

impl Verdict {
    /// An activation has been completed.
    #[must_use]
    pub fn activated() -> Self {
        let detail = "all checks passed; thing and policy attached, certificate ACTIVE";
        Self::new(Decision::Activated, Reason::ChecksPassed, detail)
    }

    /// An activation has begun.
    #[must_use]
    pub fn activating() -> Self {
        Self::new(Decision::Activating, Reason::ChecksPassed, "all checks passed, activation began")
    }

    /// A certificate that was on hold is being let in again.
    #[must_use]
    pub fn releasing() -> Self {
        Self::new(Decision::Activating, Reason::HoldReleased, "the certificate has left the CRL, its release began")
    }

    /// A certificate that was on hold has been let in again.
    #[must_use]
    pub fn released() -> Self {
        Self::new(Decision::Activated, Reason::HoldReleased, "the certificate has left the CRL and is ACTIVE again")
    }

    /// A verdict with its explanation.
    #[must_use]
    pub fn new(decision: Decision, reason: Reason, detail: impl fmt::Display) -> Self {
        Self { decision, detail: Detail::new(detail), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_short_whatever_it_explains() {
        let verdict = Verdict::new(Decision::Refused, Reason::SubjectRule, "x".repeat(260_000));
        assert_eq!(verdict.detail.len(), crate::text::MAX_DETAIL);
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
