//! Who may come in: the certificate against its CA and the profile. Pure; `now` and the announcements are arguments.

use shared::decision::{Decision, Reason, Verdict};
use shared::event::RegisteredEvent;
use shared::id::{AccountId, ThingName};
use shared::pki::{Certificate, CertificateFault, verify_issued_by, verify_usable};
use shared::port::{Announcement, NewThing, RegisteredCertificate};
use shared::profile::{Admission, Rules};
use shared::registration::Candidate;
use time::OffsetDateTime;

use crate::thing;

/// A certificate that passed every check that needs no announcement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Examined {
    /// Facts of its registration row.
    pub(crate) candidate: Candidate,
    /// The thing to be made.
    pub(crate) thing: NewThing,
}

/// Checks what AWS IoT says about the certificate against the event.
///
/// # Errors
/// A refusal: AWS IoT names another account or CA.
pub(crate) fn check_origin(
    event: &RegisteredEvent,
    registered: &RegisteredCertificate,
    account: &AccountId,
) -> Result<(), Verdict> {
    if registered.owned_by.as_ref() != Some(account) {
        return Err(refusal(Reason::OwnerMismatch, "AWS IoT names another account as the certificate's owner"));
    }
    if registered.ca_certificate_id.as_ref() != Some(&event.ca_certificate_id) {
        return Err(refusal(Reason::AuthorityMismatch, "AWS IoT names another CA for the certificate than the event"));
    }
    Ok(())
}

/// Checks the certificate itself against the event.
///
/// # Errors
/// A refusal: it is another certificate.
pub(crate) fn check_id(event: &RegisteredEvent, certificate: &Certificate) -> Result<(), Verdict> {
    if *certificate.id() != event.certificate_id {
        return Err(certificate_refusal(&CertificateFault::IdMismatch(certificate.id().clone())));
    }
    Ok(())
}

/// Checks a certificate against its CA and the profile.
///
/// # Errors
/// The candidate as far as it can be believed, with the refusal.
pub(crate) fn examine(
    certificate: &Certificate,
    authority: &Certificate,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Examined, (Box<Candidate>, Verdict)> {
    if let Err(fault) = verify_issued_by(certificate, authority, now) {
        let candidate = Candidate::unproven(&rules.ca_certificate_id, certificate.id(), Some(certificate));
        return Err((Box::new(candidate), certificate_refusal(&fault)));
    }
    let mut candidate = Candidate::issued(&rules.ca_certificate_id, certificate);
    let examined = check_version(certificate, rules)
        .and_then(|()| verify_usable(certificate, authority, now).map_err(|fault| certificate_refusal(&fault)))
        .and_then(|()| check_key(certificate, rules))
        .and_then(|()| check_subject(certificate, rules))
        .and_then(|()| thing::name(certificate, rules))
        .and_then(|name| {
            candidate.thing_name = Some(name.clone());
            thing::thing(name, &candidate.id, certificate, rules)
        });
    match examined {
        Ok(thing) => Ok(Examined { candidate, thing }),
        Err(verdict) => Err((Box::new(candidate), verdict)),
    }
}

fn check_version(certificate: &Certificate, rules: &Rules) -> Result<(), Verdict> {
    let (found, min) = (certificate.version(), rules.min_version);
    if found < min { Err(certificate_refusal(&CertificateFault::Version { found, min })) } else { Ok(()) }
}

fn check_key(certificate: &Certificate, rules: &Rules) -> Result<(), Verdict> {
    if rules.keys.allow(certificate.key()) {
        return Ok(());
    }
    Err(certificate_refusal(&CertificateFault::Key {
        allowed: rules.keys.to_string(),
        found: certificate.key().to_string(),
    }))
}

/// Every field that a rule names must be there, and all of its values must match.
fn check_subject(certificate: &Certificate, rules: &Rules) -> Result<(), Verdict> {
    for (field, pattern) in &rules.subject_rules {
        let mut values = certificate.subject().values(*field).peekable();
        if values.peek().is_none() {
            return Err(refusal(Reason::SubjectRule, format!("the subject has no {field}, the profile requires one")));
        }
        if let Some(value) = values.find(|value| !pattern.matches(value)) {
            let problem = format!("the subject's {field} {value:?} does not match {pattern}");
            return Err(refusal(Reason::SubjectRule, problem));
        }
    }
    Ok(())
}

/// Decides whether a certificate with these announcements may come in. The announcements count under
/// [`Admission::Listed`] only; that of the serial number may be bound to a thing name.
///
/// # Errors
/// A refusal that stands until the certificate is announced.
pub(crate) fn admit(
    admission: Admission,
    name: &ThingName,
    serial: Option<&Announcement>,
    by_name: Option<&Announcement>,
) -> Result<(), Verdict> {
    let listed = match admission {
        Admission::All => true,
        Admission::Listed => {
            let serial = serial.is_some_and(|entry| entry.thing_name.as_ref().is_none_or(|bound| bound == name));
            serial || by_name.is_some()
        }
    };
    if listed {
        return Ok(());
    }
    let problem = match serial.and_then(|entry| entry.thing_name.as_ref()) {
        Some(bound) => format!("the serial number is announced for the thing {bound}, not for {name}"),
        None => format!("neither the serial number nor the thing name {name} has been announced"),
    };
    Err(refusal(Reason::NotListed, problem))
}

pub(crate) fn certificate_refusal(fault: &CertificateFault) -> Verdict {
    refusal(fault.reason(), fault)
}

pub(crate) fn refusal(reason: Reason, detail: impl std::fmt::Display) -> Verdict {
    Verdict::new(Decision::Refused, reason, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_profiles_admit_announced_certificates_only() {
        let name: ThingName = "pump-1".parse().unwrap();
        let free = Announcement { thing_name: None };
        let bound = |name: &str| Announcement { thing_name: Some(name.parse().unwrap()) };
        for (case, serial, by_name, admitted) in [
            ("nothing announced", None, None, false),
            ("serial announced", Some(free.clone()), None, true),
            ("serial announced for this name", Some(bound("pump-1")), None, true),
            ("serial announced for another name", Some(bound("pump-2")), None, false),
            ("name announced", None, Some(free.clone()), true),
        ] {
            let verdict = admit(Admission::Listed, &name, serial.as_ref(), by_name.as_ref());
            assert_eq!(verdict.is_ok(), admitted, "{case}");
            assert!(admit(Admission::All, &name, serial.as_ref(), by_name.as_ref()).is_ok(), "{case}");
        }
    }
}
