//! The take-over rule: what happens when a certificate's thing exists and was made by or for somebody else.

use shared::attachment::{Attached, Attachment};
use shared::decision::{Decision, Reason, Verdict};
use shared::port::{CertificateStatus, Principal, Thing};
use shared::profile::TakeOver;
use shared::registration::{Candidate, Registration, RegistrationId, Replaced};
use time::{Duration, OffsetDateTime};

use crate::admission::refusal;

/// An activation that began longer ago than this is not running any more: the function's time-out is far shorter.
const IN_PROGRESS: Duration = Duration::minutes(10);

/// What is known about a thing that exists already.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// The principals of the thing, as far as the rule needs them.
    pub(crate) attachment: Attachment,
    /// Registration of the certificate that the thing was made for.
    pub(crate) holder: Option<Registration>,
    /// When those certificates of the thing begin to be valid that are on hold, as far as they are younger.
    pub(crate) on_hold: Vec<OffsetDateTime>,
    /// The thing.
    pub(crate) thing: Thing,
}

/// What to do with a thing that exists already.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Attach the certificate beside what is there.
    Attach,
    /// Become the thing's holder in place of another, then attach.
    Replace(Replaced),
}

/// Whether a thing, judged by itself and its principals, is the certificate's own already.
pub(crate) fn is_own(candidate: &Candidate, thing: &Thing, principals: &[Principal]) -> bool {
    match &thing.registration_id {
        Some(id) => *id == candidate.id,
        // Somebody attached this very certificate by hand.
        None => principals.contains(&Principal::Certificate(candidate.certificate_id.clone())),
    }
}

/// Decides about a thing that exists and is not the certificate's own.
///
/// # Errors
/// The verdict that keeps the certificate out.
pub(crate) fn decide(
    rule: TakeOver,
    candidate: &Candidate,
    facts: &Facts,
    now: OffsetDateTime,
) -> Result<Step, Verdict> {
    check_authority(candidate, facts)?;
    check_serial(candidate, facts)?;
    match rule {
        TakeOver::Refuse => Err(refusal(Reason::ThingTaken, taken(facts))),
        TakeOver::Join => Ok(Step::Attach),
        TakeOver::Rotate => rotate(candidate, facts, now),
    }
}

/// A thing that belongs to another CA, in whole or in part, is never touched.
fn check_authority(candidate: &Candidate, facts: &Facts) -> Result<(), Verdict> {
    let own = &candidate.ca_certificate_id;
    let made_for = facts.thing.registration_id.as_ref().map(RegistrationId::authority);
    if made_for.is_some_and(|authority| authority.as_ref() != Some(own)) {
        return Err(refusal(Reason::ThingOfOtherAuthority, "the thing was made for a certificate of another CA"));
    }
    let stranger = facts
        .attachment
        .certificates
        .iter()
        .find(|attached| attached.registered.ca_certificate_id.as_ref() != Some(own));
    if let Some(stranger) = stranger {
        let problem = format!("certificate {} on the thing is of another CA", stranger.id);
        return Err(refusal(Reason::ThingOfOtherAuthority, problem));
    }
    if !facts.attachment.others.is_empty() {
        return Err(refusal(Reason::ThingOfOtherAuthority, "a principal on the thing is not a certificate"));
    }
    Ok(())
}

/// A certificate on the thing that may have the newcomer's serial number keeps the newcomer out.
///
/// The row of a serial number lets one certificate of it in. A certificate that came in before this stack, or whose row
/// was deleted, has no row: whoever holds it could be let in again, after it was switched off, with the other signature
/// that ECDSA has for the same signed part.
fn check_serial(candidate: &Candidate, facts: &Facts) -> Result<(), Verdict> {
    let others = || facts.attachment.certificates.iter().filter(|attached| attached.id != candidate.certificate_id);
    if let Some(other) = others().find(|other| other.candidate.as_ref().is_none_or(|other| other.id == candidate.id)) {
        let problem = match &other.candidate {
            Some(_) => format!("certificate {} on the thing has the same serial number", other.id),
            None => format!("certificate {} on the thing can't be read, and may have the same serial number", other.id),
        };
        return Err(refusal(Reason::SerialReused, problem));
    }
    Ok(())
}

fn taken(facts: &Facts) -> String {
    match (&facts.holder, facts.attachment.certificates.first()) {
        (Some(holder), _) => format!("the thing exists and was made for certificate {}", holder.certificate_id),
        (None, Some(attached)) => format!("the thing exists and has certificate {}", attached.id),
        (None, None) => "the thing exists and was not made for this certificate".to_owned(),
    }
}

/// The younger certificate wins. Between equals the newcomer does, but not while the other is on its way in: two that
/// replaced each other at once would lock each other out.
fn rotate(candidate: &Candidate, facts: &Facts, now: OffsetDateTime) -> Result<Step, Verdict> {
    let holder = facts.holder.as_ref();
    let holder_start = holder.and_then(Registration::not_before);
    check_age(candidate, &facts.attachment, facts.on_hold.iter().copied().chain(holder_start))?;
    let on_its_way = holder.is_some_and(|holder| {
        holder.decision == Decision::Activating
            && holder.decided_at().is_some_and(|begun| now - begun < IN_PROGRESS)
            && holder_start == candidate.not_before
    });
    if on_its_way {
        return Err(Verdict::new(
            Decision::Deferred,
            Reason::HolderInProgress,
            "the certificate that holds the thing is being activated at this moment",
        ));
    }
    Ok(Step::Replace(match &facts.thing.registration_id {
        Some(id) => Replaced::Registration(id.clone()),
        None => Replaced::Foreign,
    }))
}

/// No certificate comes in beside a younger one that is ACTIVE on its thing. `others` are the starts of further ones that
/// count as if they were.
pub(crate) fn check_age(
    candidate: &Candidate,
    attachment: &Attachment,
    others: impl IntoIterator<Item = OffsetDateTime>,
) -> Result<(), Verdict> {
    let active = attachment.certificates.iter().filter(|attached| attached.is_active());
    let youngest = active.filter_map(Attached::not_before).chain(others).max();
    match youngest {
        Some(start) if candidate.not_before.is_none_or(|own| own < start) => {
            let problem =
                format!("the thing has a certificate that is valid from {start}, which is later than this one's");
            Err(refusal(Reason::OlderThanHolder, problem))
        }
        _ => Ok(()),
    }
}

/// The certificates that have to go once `candidate` has replaced them.
pub(crate) fn outdated<'a>(candidate: &'a Candidate, attached: &'a [Attached]) -> impl Iterator<Item = &'a Attached> {
    attached.iter().filter(|attached| {
        attached.id != candidate.certificate_id
            && attached.registered.status != CertificateStatus::Revoked
            && attached.registered.ca_certificate_id.as_ref() == Some(&candidate.ca_certificate_id)
            && attached.not_before().is_some_and(|start| Some(start) <= candidate.not_before)
    })
}
