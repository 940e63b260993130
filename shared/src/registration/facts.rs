//! The facts of a row: each is written by one kind of actor, and erased by no other's step.
//!
//! | fact | written by |
//! | --- | --- |
//! | admission (`admittedAt`) | the activator |
//! | binding (`supersededBy`, `releasedAt`) | the activator, `jitr thing release` |
//! | entry on a CRL (`revocationReason`, `crlNumber`) | whoever has read the newest CRLs: the CRL checker, the gate |
//! | switch (`switchedOffAt`) | whoever sees AWS IoT ([`Registration::seen`]) |

use time::OffsetDateTime;

use super::{Basis, Candidate, Process, Registration, Replaced};
use crate::decision::{Decision, Reason, Verdict};
use crate::id::CertificateId;
use crate::pki::crl::{CrlNumber, RevocationReason};
use crate::revocation::Listing;
use crate::text::Detail;
use crate::timestamp;

impl Registration {
    /// A row, not written yet, about a certificate of which nothing has been decided.
    #[must_use]
    pub fn new(candidate: &Candidate, now: OffsetDateTime) -> Self {
        let now = timestamp::to_text(now);
        let Verdict { decision, detail, reason } = Verdict::activating();
        let mut row = Self {
            activated_at: None,
            admitted_at: None,
            attempts: 0,
            backoff: None,
            ca_certificate_id: candidate.ca_certificate_id.clone(),
            certificate_id: candidate.certificate_id.clone(),
            crl_number: None,
            decided_at: now.clone(),
            decision,
            detail,
            expires_at: None,
            first_seen_at: now,
            held_at: None,
            intents: std::collections::BTreeMap::new(),
            is_entry_earlier: false,
            is_new: true,
            last_error: None,
            last_error_at: None,
            newest_event_at: None,
            not_after: None,
            not_before: None,
            reason,
            registration_id: candidate.id.to_string(),
            released_at: None,
            replacing: None,
            revision: 0,
            revocation_reason: None,
            revoked_at: None,
            serial: None,
            status: None,
            subject: None,
            superseded_at: None,
            superseded_by: None,
            superseded_by_registration: None,
            switched_off_at: None,
            thing_name: None,
        };
        row.describe(candidate);
        row
    }

    fn describe(&mut self, candidate: &Candidate) {
        let Candidate { not_after, not_before, serial, subject, thing_name, .. } = candidate;
        self.not_after = not_after.map(timestamp::to_text).or_else(|| self.not_after.take());
        self.not_before = not_before.map(timestamp::to_text).or_else(|| self.not_before.take());
        self.serial = serial.as_ref().map(ToString::to_string).or_else(|| self.serial.take());
        self.subject = subject.clone().or_else(|| self.subject.take());
        self.thing_name = thing_name.clone().or_else(|| self.thing_name.take());
    }

    /// The row with another decision for people to read.
    #[must_use]
    pub fn decided(mut self, verdict: Verdict, now: OffsetDateTime) -> Self {
        let Verdict { decision, detail, reason } = verdict;
        (self.decision, self.detail, self.reason) = (decision, detail, reason);
        self.decided_at = timestamp::to_text(now);
        self
    }

    /// The newest decision.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict { decision: self.decision, detail: self.detail.clone(), reason: self.reason }
    }

    /// The checks have passed, and an attempt to activate begins. What CRLs, operators and take-overs have said stays.
    #[must_use]
    pub fn admitted(mut self, candidate: &Candidate, now: OffsetDateTime) -> Self {
        self.describe(candidate);
        self.admitted_at = Some(timestamp::to_text(now));
        self.expires_at = None;
        self.decided(Verdict::activating(), now)
    }

    /// The checks have not passed, or the attempt has come to another verdict than ACTIVE. What was admitted before
    /// stays so while AWS IoT may have it as ACTIVE.
    #[must_use]
    pub fn recorded(
        self,
        candidate: &Candidate,
        verdict: &Verdict,
        process: &Process,
        expires: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Self {
        let mut row = self.without_intent(process);
        row.describe(candidate);
        row.attempts += 1;
        row.expires_at = expires.map(OffsetDateTime::unix_timestamp);
        if row.intents.is_empty() && row.is_outside() {
            row.admitted_at = None;
        }
        row.decided(verdict.clone(), now)
    }

    /// An attempt has failed. Its intent stays if it may have set a status. One that will fail again until an operator mends
    /// something has a basis, on which further ones are put off if it is not the first that fails.
    #[must_use]
    pub fn failed(
        self,
        failure: &Detail,
        basis: Option<Basis>,
        has_acted: bool,
        process: &Process,
        now: OffsetDateTime,
    ) -> Self {
        let mut row = if has_acted { self } else { self.without_intent(process) };
        row.attempts += 1;
        // The first time it may have met a certificate that was being deleted.
        let basis = basis.filter(|_| row.last_error.is_some());
        row.last_error = Some(failure.clone());
        row.last_error_at = Some(timestamp::to_text(now));
        match basis {
            Some(basis) => row.backing_off(basis, now),
            None => row,
        }
    }

    /// The certificate is about to replace the holder of its thing.
    #[must_use]
    pub fn replacing(mut self, replaced: Replaced) -> Self {
        self.replacing = Some(replaced);
        self
    }

    /// Thing and policy are attached by an attempt that the take-over rule has let pass.
    #[must_use]
    pub fn bound(mut self) -> Self {
        self.released_at = None;
        self.superseded_at = None;
        self.superseded_by = None;
        self.superseded_by_registration = None;
        self
    }

    /// The thing is the certificate's again: other hands have set it ACTIVE, and thing and policy are attached.
    #[must_use]
    pub fn returned(mut self) -> Self {
        self.released_at = None;
        self
    }

    /// Another certificate takes the thing over.
    #[must_use]
    pub fn superseded(mut self, by: &Candidate, now: OffsetDateTime) -> Self {
        if self.superseded_by.as_ref() != Some(&by.certificate_id) {
            self.superseded_at = Some(timestamp::to_text(now));
            self.superseded_by = Some(by.certificate_id.clone());
            self.superseded_by_registration = Some(by.id.to_string());
        }
        self
    }

    /// This certificate does not take the thing over, or shares it.
    #[must_use]
    pub fn not_superseded(mut self, by: &CertificateId) -> Self {
        if self.superseded_by.as_ref() == Some(by) {
            self.superseded_at = None;
            self.superseded_by = None;
            self.superseded_by_registration = None;
        }
        self
    }

    /// The certificate has lost its thing or its policy.
    #[must_use]
    pub fn released(mut self, now: OffsetDateTime) -> Self {
        self.released_at.get_or_insert_with(|| timestamp::to_text(now));
        self
    }

    /// A CRL lists the certificate. A revocation is final, and no hold takes its place.
    #[must_use]
    pub fn listed(mut self, entry: &Listing, now: OffsetDateTime) -> Self {
        if self.is_entry_earlier {
            self = self.cleared(None);
        }
        if self.is_revoked() || self.revocation_reason == Some(entry.reason) {
            return self;
        }
        self.crl_number = entry.crl_number.clone().or(self.crl_number);
        self.revocation_reason = Some(entry.reason);
        self.decided(entry.verdict(), now)
    }

    /// The gate has found the certificate on a CRL: what the newest CRLs say takes the place of whatever was before.
    #[must_use]
    pub fn listed_anew(self, entry: &Listing, now: OffsetDateTime) -> Self {
        let is_known = self.revocation_reason == Some(entry.reason) && !self.is_entry_earlier;
        if is_known { self } else { self.cleared(None).listed(entry, now) }
    }

    /// No CRL has the certificate on hold any more. A revocation stays.
    #[must_use]
    pub fn hold_ended(mut self, now: OffsetDateTime) -> Self {
        if !self.is_on_hold() {
            return self;
        }
        self.revocation_reason = None;
        self.is_entry_earlier = false;
        if self.may_be_active() { self.decided(Verdict::releasing(), now) } else { self }
    }

    /// The gate has found a certificate that waits for its activation on no CRL.
    ///
    /// This takes a revocation back too: AWS IoT had deleted the certificate since, or it would be REVOKED.
    #[must_use]
    pub fn cleared(mut self, crl_number: Option<&CrlNumber>) -> Self {
        self.crl_number = crl_number.cloned().or(self.crl_number);
        self.revocation_reason = None;
        self.is_entry_earlier = false;
        self
    }

    /// The entry of a CRL that has the certificate; none if none has.
    #[must_use]
    pub fn revoked_entry(&self) -> Option<Listing> {
        self.revocation_reason.map(|reason| Listing { crl_number: self.crl_number.clone(), reason })
    }

    /// Whether a CRL has revoked the certificate.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.revocation_reason.is_some_and(|reason| reason != RevocationReason::CertificateHold)
    }

    /// Whether a CRL has revoked the certificate in its present life.
    #[must_use]
    pub fn is_to_be_revoked(&self) -> bool {
        self.is_revoked() && !self.is_entry_earlier
    }

    /// Whether a CRL has the certificate on hold.
    #[must_use]
    pub fn is_on_hold(&self) -> bool {
        self.revocation_reason == Some(RevocationReason::CertificateHold)
    }

    /// Whether the certificate is out as long as nothing else is known of its entry: it is on hold, or the entry is from
    /// before it was deleted and registered again.
    #[must_use]
    pub fn is_kept_out(&self) -> bool {
        self.is_on_hold() || self.is_entry_earlier
    }

    /// Whether the certificate has lost its thing.
    #[must_use]
    pub fn is_unbound(&self) -> bool {
        self.superseded_by.is_some() || self.released_at.is_some()
    }

    /// Whether the verdict is younger than what the row tells.
    #[must_use]
    pub fn is_older_than(&self, now: OffsetDateTime) -> bool {
        self.decided_at <= timestamp::to_text(now)
    }
}

impl Registration {
    /// A row that was written before rows had revisions: its marks as facts.
    #[must_use]
    pub fn converted(mut self) -> Self {
        if self.revision > 0 {
            return self;
        }
        self.admitted_at = self
            .activated_at
            .clone()
            .or_else(|| matches!(self.decision, Decision::Activating).then(|| self.decided_at.clone()));
        let is_done = |at: &Option<String>| at.is_some() && *at >= self.activated_at;
        self.status = match self.decision {
            Decision::Activated if self.superseded_by.is_none() => Some(super::CertificateStatus::Active),
            Decision::Held if is_done(&self.held_at) => Some(super::CertificateStatus::Inactive),
            Decision::Revoked if is_done(&self.revoked_at) => Some(super::CertificateStatus::Revoked),
            Decision::NotPending if self.reason == Reason::Superseded => Some(super::CertificateStatus::Inactive),
            Decision::Deferred | Decision::Refused => Some(super::CertificateStatus::PendingActivation),
            // An attempt that died before its verdict: it had set ACTIVE or it had not, and never INACTIVE.
            Decision::Activating if self.reason == Reason::ChecksPassed => Some(match self.activated_at {
                Some(_) => super::CertificateStatus::Active,
                None => super::CertificateStatus::PendingActivation,
            }),
            _ => None,
        };
        match self.decision {
            Decision::Held => self.revocation_reason = Some(RevocationReason::CertificateHold),
            Decision::Revoked => {
                self.revocation_reason.get_or_insert(RevocationReason::Unspecified);
            }
            Decision::Activated => self.revocation_reason = None,
            _ => {}
        }
        self
    }
}
