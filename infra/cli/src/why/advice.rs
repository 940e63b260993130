//! What a decision means for the operator, and the next thing to do about it.

use shared::decision::{Decision, Reason};
use shared::id::{CaCertificateId, CertificateId};
use shared::registration::Registration;
use shared::timestamp;
use time::OffsetDateTime;

use super::registry::Registry;

/// What to do about a certificate, from both sides, at a stack and a time.
pub(super) fn advise(
    id: &CertificateId,
    registry: Option<&Registry>,
    newest: Option<&Registration>,
    (stack, now): (&str, OffsetDateTime),
) -> String {
    let ended = newest.and_then(|row| row.candidate().not_after).filter(|not_after| *not_after < now);
    let status = registry.map(|registry| registry.status.as_str());
    let (thing, policy) =
        registry.map_or((false, false), |registry| (!registry.things.is_empty(), !registry.policies.is_empty()));
    match (status, newest) {
        (None, None) => nobody().to_owned(),
        (status, Some(_)) if status != Some("REVOKED") && ended.is_some() => {
            expired(&ended.map(timestamp::to_text).unwrap_or_default())
        }
        (None, Some(_)) => {
            "AWS IoT no longer has the certificate; the device registers it again by connecting".to_owned()
        }
        (Some("ACTIVE"), _) if !policy => {
            "the certificate is ACTIVE without a policy, so that AWS IoT lets it do nothing: attach one".to_owned()
        }
        (Some("ACTIVE"), _) if !thing => {
            "the certificate is ACTIVE without a thing: under the stack's device policy it can't connect until one is attached, a \
             policy of your own may let it"
                .to_owned()
        }
        (Some("ACTIVE"), None) => {
            "the certificate was activated by other hands than the activator's; the device may connect".to_owned()
        }
        (Some("ACTIVE"), Some(_)) => "nothing: the device may connect, under its thing's name as client id".to_owned(),
        (Some("PENDING_ACTIVATION"), None) => format!(
            "no decision has been recorded: its event has not reached the activator, or every attempt failed. Look into \
             the queues RuleErrors and FailedRegistrations and the log /aws/lambda/{stack}-activator; the device's next \
             connection publishes the event again"
        ),
        (Some("PENDING_ACTIVATION"), Some(row)) => about_pending(row, stack),
        (Some("INACTIVE"), Some(row)) if row.decision == Decision::Held && row.is_unbound() => {
            "the CA's CRL has the certificate on hold, and its thing was released or taken over: it stays INACTIVE when it \
             leaves the list"
                .to_owned()
        }
        (Some("INACTIVE"), Some(row)) if row.decision == Decision::Held => {
            "the CA's CRL has the certificate on hold; it is switched on again when it leaves the list".to_owned()
        }
        (Some("INACTIVE"), Some(row)) if row.superseded_by.is_some() || row.reason == Reason::Superseded => {
            "nothing: a younger certificate holds the thing now, this one was switched off by the take-over rule"
                .to_owned()
        }
        (Some("INACTIVE"), _) if !thing => {
            "it was switched off and has no thing any more: the device needs a new certificate, or delete this one in AWS IoT \
             and let the device connect"
                .to_owned()
        }
        (Some("INACTIVE"), _) => format!(
            "it was switched off by an operator, and events never switch it on again: \
             aws iot update-certificate --new-status ACTIVE --certificate-id {id}, if the device is to come in"
        ),
        (Some("REVOKED"), _) => {
            "the certificate is revoked for good: the device needs a new one, with another serial number".to_owned()
        }
        (Some(other), _) => format!("AWS IoT has it as {other}, which the activator leaves alone"),
    }
}

/// What follows from the end of a certificate's validity.
pub(super) fn expired(not_after: &str) -> String {
    format!("the certificate expired at {not_after}, and AWS IoT refuses it since: the device needs a new one")
}

/// What it means that nobody knows a certificate or a thing.
pub(super) const fn nobody() -> &'static str {
    "neither AWS IoT nor the activator knows it: a device that is not let in may have no thing yet (ask with --cert FILE), \
     it has not connected yet, its CA is not registered here with auto-registration (jitr ca list), or this is another \
     account or Region than the device's endpoint"
}

/// The certificate waits: for the activator's next attempt, or for the operator.
fn about_pending(row: &Registration, stack: &str) -> String {
    if let Some(advice) = about_member(row).filter(|_| row.decision == Decision::Activating) {
        return advice;
    }
    match row.decision {
        Decision::Activating => format!(
            "an activation was interrupted{}; the queue RegisteredEvents brings it again, and so does the device's next connection. If it \
             stays so, look into the queue FailedRegistrations and the log /aws/lambda/{stack}-activator",
            row.last_error.as_ref().map(|_| " by the last error above").unwrap_or_default(),
        ),
        Decision::Activated | Decision::AlreadyActive => {
            "the row and AWS IoT disagree: the device's next connection decides anew".to_owned()
        }
        Decision::Deferred
        | Decision::Held
        | Decision::NotPending
        | Decision::Refused
        | Decision::Rejected
        | Decision::Revoked => about_reason(row),
    }
}

/// The member of the profile at which an activation fails, told by the operation that AWS IoT refused.
fn about_member(row: &Registration) -> Option<String> {
    let (error, ca) = (row.last_error.as_deref()?, &row.ca_certificate_id);
    let (what, option) = match error.split_whitespace().next()? {
        "iot:AttachPolicy" => ("policy", "--policy NAME"),
        "iot:AddThingToThingGroup" => ("thing group", "--thing-group NAME"),
        "iot:CreateThing" => ("thing type or its attributes", "--thing-type NAME or --attribute NAME=TEMPLATE"),
        _ => return None,
    };
    Some(format!(
        "AWS IoT refuses the profile's {what} (the last error above): make it there, or change the profile: jitr ca set {ca} \
         {option}; the device's next connection is decided about anew"
    ))
}

/// One sentence for each reason; the device gets in on its next connection once the cause is gone.
#[expect(clippy::too_many_lines, reason = "a sentence for each word of a closed set")]
fn about_reason(row: &Registration) -> String {
    let ca = &row.ca_certificate_id;
    let thing = row.thing_name.as_ref().map_or("NAME", |name| name.as_str());
    let reissue = |what: &str| format!("the certificate cannot be mended: issue one {what}");
    match row.reason {
        Reason::AttributesInvalid => format!(
            "mend the profile's attributes (jitr ca show {ca}): 3 at most without a thing type, one of them is taken, \
             values of a-z A-Z 0-9 _ . , @ / : # = [ ] - only"
        ),
        Reason::AuthorityMismatch | Reason::CertificateIdMismatch | Reason::OwnerMismatch => {
            "the event and AWS IoT contradict each other, which does not happen by itself: see who may publish to \
             $aws/events or invoke the activator"
                .to_owned()
        }
        Reason::AuthorityNotEnrolled => format!(
            "nobody has enrolled the CA with this stack: if its devices are yours, jitr ca enrol {ca}; if it is another \
             stack's, nothing"
        ),
        Reason::AuthorityNotFound => format!("register the CA again (jitr ca register): AWS IoT has no CA {ca}"),
        Reason::CertificateExpired => reissue("that is valid now, and look at the clock of whoever issued it"),
        Reason::CertificateExtension => reissue("without the critical extension"),
        Reason::CertificateGone => {
            "the certificate was deleted; the device registers it again by connecting".to_owned()
        }
        Reason::CertificateIsAuthority => {
            reissue("with a key of its own, basicConstraints ca:false and without keyCertSign")
        }
        Reason::CertificateKeyUsage => reissue("with keyUsage digitalSignature and extendedKeyUsage clientAuth"),
        Reason::CertificateMalformed | Reason::CertificateTooLarge | Reason::CertificateTrailingBytes => {
            reissue("as plain X.509 version 3")
        }
        Reason::CertificateNotYetValid => {
            "wait until its validity begins, or look at the clock of whoever issued it".to_owned()
        }
        Reason::CertificateVersion => format!(
            "issue one of a later X.509 version, which openssl x509 -req makes if -extfile gives it extensions; or allow \
             every version: jitr ca set {ca} --unset min-version"
        ),
        Reason::ChecksPassed => "wait: all checks have passed, the activation goes on".to_owned(),
        Reason::CertificateHold
        | Reason::CertificateRevoked
        | Reason::CrlDelta
        | Reason::CrlEntryExtension
        | Reason::CrlExpired
        | Reason::CrlExtension
        | Reason::CrlFetchFailed
        | Reason::CrlIndirect
        | Reason::CrlIssuerKey
        | Reason::CrlIssuerName
        | Reason::CrlIssuerUnusable
        | Reason::CrlMalformed
        | Reason::CrlNextUpdateMissing
        | Reason::CrlNotChecked
        | Reason::CrlNotConfigured
        | Reason::CrlNotCovering
        | Reason::CrlNotYetValid
        | Reason::CrlRolledBack
        | Reason::CrlScope
        | Reason::CrlShrunk
        | Reason::CrlSignatureAlgorithm
        | Reason::CrlSignatureInvalid
        | Reason::CrlStale
        | Reason::CrlStateUnreadable
        | Reason::CrlTooLarge
        | Reason::CrlTooManyPoints
        | Reason::CrlTrailingBytes
        | Reason::CrlTruncated
        | Reason::CrlVersion
        | Reason::HoldReleased => about_crl(row.reason, ca),
        Reason::EventMember | Reason::EventNotAnObject | Reason::EventTooLarge | Reason::OtherAccount => {
            "the event was not AWS IoT's: see who may publish to $aws/events or invoke the activator".to_owned()
        }
        Reason::HolderInProgress => {
            "wait: another certificate of the thing is being activated; this one is tried again".to_owned()
        }
        Reason::IssuerExpired => format!("the CA itself is outside its validity (jitr ca show {ca}): renew it"),
        Reason::IssuerName | Reason::SignatureInvalid => {
            "the CA did not issue this certificate: find out where the device got it".to_owned()
        }
        Reason::IssuerUnusable => {
            format!("the CA certificate may not issue certificates (jitr ca show {ca}): replace it")
        }
        Reason::KeyNotAllowed => format!(
            "issue one with a key that the profile allows (jitr ca show {ca}), or change that: jitr ca set {ca} \
             --min-rsa-bits … --curves …"
        ),
        Reason::NotListed => match &row.serial {
            Some(serial) => {
                format!("announce it, if it is yours: jitr allow add --ca {ca} --serial 0x{serial} --name {thing}")
            }
            None => format!("announce it, if it is yours: jitr allow add --ca {ca} --name {thing}"),
        },
        Reason::OlderThanHolder => format!(
            "the thing has a younger certificate; issue a new one for this device, or free the name: {}",
            release(thing)
        ),
        Reason::SerialInvalid => reissue("with a positive serial number of at most 20 octets"),
        Reason::SerialReused => reissue(
            "with a serial number of its own. The ca may have used this one twice, which RFC 5280 forbids, or the \
                 device has come in with this certificate before, in its other form: see whether it was switched off",
        ),
        Reason::SignatureAlgorithm => reissue("signed with SHA-256, SHA-384 or SHA-512"),
        Reason::StatusNotPending => "wait for the device's next connection, which decides anew".to_owned(),
        Reason::SubjectRule => {
            format!("issue one with another subject, or change the profile's rules (jitr ca show {ca})")
        }
        Reason::Superseded => "nothing: a younger certificate holds the thing now".to_owned(),
        Reason::ThingNameInvalid => format!(
            "the thing name may have a-z A-Z 0-9 : _ - only: issue one with another subject, or jitr ca set {ca} \
             --thing-name-template …"
        ),
        Reason::ThingNameUnresolved => format!(
            "the subject lacks what the thing name is made of: issue one with it, or jitr ca set {ca} \
             --thing-name-template …"
        ),
        Reason::ThingOfOtherAuthority => format!(
            "the thing belongs to another CA's device and is never taken over: give this device another name, or free \
             the name: {}",
            release(thing)
        ),
        Reason::ThingReleased => {
            "it has lost its thing or its policy: the device needs a new certificate, or delete this one in AWS IoT and \
             let the device connect"
                .to_owned()
        }
        Reason::ThingTaken => format!(
            "if this is the rightful device, free the name ({}) or let the CA's certificates \
             replace each other (jitr ca set {ca} --take-over rotate); if not, somebody copies its name",
            release(thing)
        ),
    }
}

/// The command that frees a name.
fn release(thing: &str) -> String {
    format!(
        "jitr thing release {thing} tells what that destroys, with --yes it does it, and --force if a certificate is ACTIVE"
    )
}

/// The certificate stands or falls with a CRL: mend the list, its source, or the profile.
fn about_crl(reason: Reason, ca: &CaCertificateId) -> String {
    match reason {
        Reason::CertificateHold => {
            "the CA's CRL has the certificate on hold; it comes in once it leaves the list".to_owned()
        }
        Reason::CertificateRevoked => {
            "the CA's CRL lists the certificate: the device needs a new one, with another serial number".to_owned()
        }
        Reason::CrlFetchFailed => {
            format!(
                "the source of the CRL does not answer as it should (jitr ca show {ca}): mend it, then jitr sweep --ca {ca}"
            )
        }
        Reason::CrlNotChecked => {
            format!(
                "wait for the next run of the CRL checker, or start it: jitr sweep --ca {ca}; if it has run, jitr ca show {ca} tells \
                 what it has met"
            )
        }
        Reason::CrlNotConfigured => format!(
            "the profile requires a CRL and has no source of one: jitr ca set {ca} --crl-source URL, or --require-crl=false"
        ),
        Reason::CrlNotCovering => format!(
            "no CRL of the CA covers the certificate's distribution point (jitr ca show {ca}): add its source, or allow \
             the distribution point's host: jitr ca set {ca} --crl-host HOST"
        ),
        Reason::CrlExpired | Reason::CrlStale => {
            format!("let the CA publish a new CRL, then jitr sweep --ca {ca}; or accept an old one: --when-stale 24h")
        }
        Reason::CrlStateUnreadable => format!(
            "mend the row that the detail names in the table of CAs, or delete it and run jitr sweep --ca {ca}: the checker \
             makes it anew"
        ),
        Reason::CrlTooManyPoints => format!(
            "let the CA's certificates share their distribution points; name the sources that are needed in the profile \
             (jitr ca set {ca} --crl-source …, 50 at most), or delete the rows crl#… of those that are not"
        ),
        Reason::CrlShrunk => {
            format!("if the CA really dropped so many entries, accept the list: jitr sweep --ca {ca} --accept-shrunk")
        }
        Reason::HoldReleased => "nothing: it has left the CRL that had it on hold".to_owned(),
        _ => format!("the CRL is not acceptable: let the CA publish a proper one, then jitr sweep --ca {ca}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(decision: Decision, reason: Reason) -> Registration {
        serde_json::from_value(serde_json::json!({
            "registrationId": "x",
            "caCertificateId": "c".repeat(64),
            "certificateId": "d".repeat(64),
            "decidedAt": "2026-09-01T12:00:00.000Z",
            "decision": decision,
            "reason": reason,
            "serial": "a1b",
            "thingName": "pump-17",
        }))
        .unwrap()
    }

    fn registry(status: &str) -> Registry {
        Registry { status: status.to_owned(), things: vec!["pump-17".to_owned()], policies: vec!["fleet".to_owned()] }
    }

    fn advised(registry: Option<&Registry>, newest: Option<&Registration>) -> String {
        let now = timestamp::from_text("2026-10-01T12:00:00.000Z").unwrap();
        advise(&"d".repeat(64).parse().unwrap(), registry, newest, ("my-stack", now))
    }

    #[test]
    fn there_is_advice_for_every_reason_and_decision() {
        for decision in Decision::ALL {
            for reason in Reason::ALL {
                let advice = advised(Some(&registry("PENDING_ACTIVATION")), Some(&row(*decision, *reason)));
                assert!(advice.len() > 20 && !advice.ends_with('.'), "{decision} {reason}: {advice}");
            }
        }
    }

    #[test]
    fn commands_are_complete() {
        let pending = registry("PENDING_ACTIVATION");
        let of = |reason| advised(Some(&pending), Some(&row(Decision::Refused, reason)));
        let ca = "c".repeat(64);
        assert!(of(Reason::NotListed).contains(&format!("jitr allow add --ca {ca} --serial 0xa1b --name pump-17")));
        assert!(of(Reason::ThingTaken).contains("jitr thing release pump-17"));
        assert!(of(Reason::ThingTaken).contains(&format!("jitr ca set {ca} --take-over rotate")));
    }

    #[test]
    fn a_certificate_past_its_time_is_told_so_first() {
        let mut old = row(Decision::Activated, Reason::ChecksPassed);
        old.not_after = Some("2026-09-30T12:00:00.000Z".to_owned());
        for status in ["ACTIVE", "INACTIVE", "PENDING_ACTIVATION"] {
            assert!(advised(Some(&registry(status)), Some(&old)).contains("expired at 2026-09-30"), "{status}");
        }
        assert!(advised(Some(&registry("REVOKED")), Some(&old)).contains("for good"));
    }

    #[test]
    fn the_member_that_aws_iot_refuses_is_named_with_its_command() {
        let mut hanging = row(Decision::Activating, Reason::ChecksPassed);
        for (error, option) in [
            ("iot:AttachPolicy failed (not_found)", "--policy NAME"),
            ("iot:AddThingToThingGroup failed (not_found)", "--thing-group NAME"),
            ("iot:CreateThing failed (not_found)", "--thing-type NAME"),
        ] {
            hanging.last_error = Some(error.into());
            let advice = advised(Some(&registry("PENDING_ACTIVATION")), Some(&hanging));
            assert!(advice.contains(&format!("jitr ca set {} {option}", "c".repeat(64))), "{advice}");
        }
    }

    #[test]
    fn the_registry_has_the_last_word() {
        let refused = row(Decision::Refused, Reason::NotListed);
        for (status, part) in [
            ("ACTIVE", "may connect"),
            ("INACTIVE", "by an operator"),
            ("REVOKED", "for good"),
            ("PENDING_TRANSFER", "leaves alone"),
        ] {
            assert!(advised(Some(&registry(status)), Some(&refused)).contains(part), "{status}");
        }
        assert!(advised(Some(&registry("PENDING_ACTIVATION")), None).contains("/aws/lambda/my-stack-activator"));
        for status in ["ACTIVE", "INACTIVE"] {
            let bare = Registry { things: Vec::new(), ..registry(status) };
            assert!(advised(Some(&bare), Some(&refused)).contains(" thing"), "{status}");
        }
        assert!(advised(None, None).contains("neither"));
        assert!(advised(None, Some(&refused)).contains("no longer has"));
    }
}
