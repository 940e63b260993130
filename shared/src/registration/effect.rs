//! What AWS IoT should have of a certificate, what it has, and who is changing it.
//!
//! Every function here is pure: from a row, and what is seen, to the row as it should be written.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{CertificateStatus, NewStatus, Registration};
use crate::decision::{Decision, Reason, Verdict};
use crate::timestamp;

/// Value of the attribute that puts a row into the index of unconfirmed rows.
pub const UNCONFIRMED: &str = "unconfirmed";

/// A change of status that a process has set out to make.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// When the process is dead for certain: the deadline of its invocation.
    #[serde(with = "timestamp::text")]
    pub until: OffsetDateTime,
    /// The status that it sets.
    pub wanted: NewStatus,
}

/// A process that changes rows: one attempt of an invocation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Process {
    /// Key of its intents. No other attempt has the same.
    pub id: String,
    /// Its deadline.
    pub until: OffsetDateTime,
}

impl Registration {
    /// The status that AWS IoT should have, given that it has `status`; none if the certificate is to be left alone: it
    /// waits for its activation, an operator has switched it off, or its status is final.
    #[must_use]
    pub fn wanted(&self, status: &CertificateStatus) -> Option<NewStatus> {
        match status {
            CertificateStatus::Revoked | CertificateStatus::Other(_) => None,
            CertificateStatus::PendingActivation => self.is_to_be_revoked().then_some(NewStatus::Revoked),
            CertificateStatus::Active | CertificateStatus::Inactive => self.wanted_inside(),
        }
    }

    /// Whether nothing speaks against ACTIVE, for a certificate that waits for its activation.
    #[must_use]
    pub fn may_be_active(&self) -> bool {
        self.wanted_inside() == Some(NewStatus::Active)
    }

    fn wanted_inside(&self) -> Option<NewStatus> {
        if self.is_to_be_revoked() {
            Some(NewStatus::Revoked)
        } else if self.switched_off_at.is_some() {
            None
        } else if self.is_kept_out() || self.is_unbound() {
            Some(NewStatus::Inactive)
        } else {
            self.admitted_at.as_ref().map(|_| NewStatus::Active)
        }
    }

    /// Whether AWS IoT is known to have the status that is wanted, or nothing is wanted of it yet.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        let is_right = match &self.status {
            Some(status) => self.wanted(status).is_none_or(|wanted| CertificateStatus::from(wanted) == *status),
            None => self.admitted_at.is_none() && self.revocation_reason.is_none(),
        };
        is_right && self.intents.is_empty()
    }

    /// Whether a process that may still be alive, other than this one, is changing the status.
    #[must_use]
    pub fn is_in_progress(&self, process: &Process, now: OffsetDateTime) -> bool {
        self.intents.iter().any(|(id, intent)| *id != process.id && intent.until > now)
    }

    /// Whether a process that may still be alive, other than this one, is taking the certificate out.
    #[must_use]
    pub fn is_being_taken_out(&self, process: &Process, now: OffsetDateTime) -> bool {
        let mut others = self.intents.iter().filter(|(id, _)| **id != process.id);
        others.any(|(_, intent)| intent.until > now && intent.wanted != NewStatus::Active)
    }

    /// The row after AWS IoT has been seen to have this status. It must have been asked after the row was read.
    ///
    /// A status that neither the row nor any intent explains was set by other hands: INACTIVE is the operator's switch,
    /// any other takes it back. Intents of dead processes are dropped. That an admitted certificate was ACTIVE is kept, though
    /// whoever set it may not have come to write it. One that waits for its activation again, or was gone, was deleted since:
    /// whether it is still listed is to be asked, whatever the profile requires.
    #[must_use]
    pub fn seen(mut self, status: &CertificateStatus, now: OffsetDateTime) -> Self {
        let was_deleted = self.is_deleted() && *status != CertificateStatus::deleted();
        // REVOKED is final: whoever has another status now was deleted since.
        let was_revoked = self.status == Some(CertificateStatus::Revoked)
            && !matches!(status, CertificateStatus::Revoked | CertificateStatus::Other(_));
        let waits_again = *status == CertificateStatus::PendingActivation && !self.is_outside();
        if was_deleted || was_revoked || waits_again {
            self.is_entry_earlier = self.revocation_reason.is_some();
        }
        let is_known = self.status.as_ref().is_none_or(|known| known == status);
        let is_ours = self.intents.values().any(|intent| CertificateStatus::from(intent.wanted) == *status);
        if *status != CertificateStatus::Inactive {
            self.switched_off_at = None;
        } else if !is_known && !is_ours {
            self.switched_off_at.get_or_insert_with(|| timestamp::to_text(now));
        }
        self.intents.retain(|_, intent| intent.until > now);
        self.status = Some(status.clone());
        if *status == CertificateStatus::Active { self.came_in(now) } else { self }
    }

    /// The row without the intents of dead processes, of a certificate that AWS IoT has as before them.
    #[must_use]
    pub fn without_dead_intents(mut self, now: OffsetDateTime) -> Self {
        self.intents.retain(|_, intent| intent.until > now);
        self
    }

    /// Whether there is no such row yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether AWS IoT had no such certificate when it was asked last.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.status == Some(CertificateStatus::deleted())
    }

    /// Whether the certificate has never been more than registered, as far as is known.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        matches!(self.status, None | Some(CertificateStatus::PendingActivation))
    }

    /// The row of a certificate that is taken out and shall come back, whoever has let it in.
    #[must_use]
    pub fn was_inside(mut self, now: OffsetDateTime) -> Self {
        self.admitted_at.get_or_insert_with(|| timestamp::to_text(now));
        self
    }

    /// AWS IoT has had the certificate as ACTIVE.
    #[must_use]
    pub fn came_in(mut self, now: OffsetDateTime) -> Self {
        if self.admitted_at.is_some() {
            self.activated_at.get_or_insert_with(|| timestamp::to_text(now));
        }
        self
    }

    /// The row before this process sets a status.
    #[must_use]
    pub fn intending(mut self, process: &Process, wanted: NewStatus) -> Self {
        self.intents.insert(process.id.clone(), Intent { until: process.until, wanted });
        self
    }

    /// The row without this process's intent.
    #[must_use]
    pub fn without_intent(mut self, process: &Process) -> Self {
        self.intents.remove(&process.id);
        self
    }

    /// The row after this process has set a status. Intents of dead processes are dropped: whatever they set came first.
    #[must_use]
    pub fn set_to(self, status: NewStatus, process: &Process, now: OffsetDateTime) -> Self {
        let mut row = self.without_intent(process);
        row.intents.retain(|_, intent| intent.until > now);
        row.status = Some(status.into());
        row.attempts += 1;
        row.backoff = None;
        row.last_error = None;
        row.last_error_at = None;
        row.replacing = None;
        row.explained(now)
    }

    /// The row after a look that found nothing to set. The story follows if the status is news, or if it tells something
    /// else than what made the certificate ACTIVE or keeps it INACTIVE.
    #[must_use]
    pub fn settled(self, before: &Self, process: &Process, now: OffsetDateTime) -> Self {
        let is_news = self.status != before.status
            || self.switched_off_at != before.switched_off_at
            || self.tells_another_story();
        let mut row = self.without_intent(process);
        if row.status == Some(CertificateStatus::Active) {
            row.replacing = None;
        }
        if is_news { row.explained(now) } else { row }
    }

    /// The decision and the times that people read, as they follow from facts and status.
    fn explained(mut self, now: OffsetDateTime) -> Self {
        let Some(verdict) = self.explanation() else { return self };
        let text = timestamp::to_text(now);
        match verdict.decision {
            Decision::Activated => {
                self.activated_at = Some(text);
                self.held_at = None;
            }
            Decision::Held => self.held_at = Some(text),
            Decision::Revoked => self.revoked_at = Some(text),
            _ => {}
        }
        self.decided(verdict, now)
    }

    fn tells_another_story(&self) -> bool {
        self.explanation().is_some_and(|verdict| (verdict.decision, verdict.reason) != (self.decision, self.reason))
    }

    fn explanation(&self) -> Option<Verdict> {
        let entry = self.revoked_entry().map(|entry| entry.verdict());
        match self.status.as_ref()? {
            CertificateStatus::Revoked => {
                let entry = entry.filter(|_| self.is_revoked());
                Some(entry.unwrap_or_else(|| not_pending("REVOKED by other hands; this is final")))
            }
            CertificateStatus::Inactive if self.switched_off_at.is_some() => {
                Some(not_pending("switched off by other hands than this stack's"))
            }
            CertificateStatus::Inactive if self.is_on_hold() => entry,
            CertificateStatus::Inactive if self.superseded_by.is_some() => Some(superseded()),
            CertificateStatus::Inactive if self.released_at.is_some() => Some(Verdict::new(
                Decision::NotPending,
                Reason::ThingReleased,
                "the certificate has lost its thing or its policy, and is kept INACTIVE",
            )),
            CertificateStatus::Active if self.admitted_at.is_some() => Some(match self.reason {
                Reason::HoldReleased => Verdict::released(),
                _ => Verdict::activated(),
            }),
            _ => None,
        }
    }
}

fn not_pending(detail: &str) -> Verdict {
    Verdict::new(Decision::NotPending, Reason::StatusNotPending, detail)
}

fn superseded() -> Verdict {
    Verdict::new(
        Decision::NotPending,
        Reason::Superseded,
        "a younger certificate took the thing over; this one was set INACTIVE",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::pki::crl::RevocationReason;

    const NOW: OffsetDateTime = datetime!(2026-09-01 00:00 UTC);

    fn row() -> Registration {
        let row = serde_json::json!({
            "caCertificateId": "ca".repeat(32), "certificateId": "ce".repeat(32), "decision": "activating",
            "decidedAt": "2026-09-01T00:00:00.000Z", "reason": "checks_passed", "registrationId": "ca#a1", "revision": 1,
        });
        serde_json::from_value(row).unwrap()
    }

    fn process(id: &str) -> Process {
        Process { id: id.to_owned(), until: NOW + Duration::minutes(1) }
    }

    #[derive(Clone, Copy, Debug)]
    struct Facts {
        admitted: bool,
        entry: Option<RevocationReason>,
        off: bool,
        unbound: bool,
    }

    fn with(facts: Facts) -> Registration {
        let at = |is: bool| is.then(|| "2026-08-01T00:00:00.000Z".to_owned());
        Registration {
            admitted_at: at(facts.admitted),
            released_at: at(facts.unbound),
            revocation_reason: facts.entry,
            switched_off_at: at(facts.off),
            ..row()
        }
    }

    #[test]
    fn the_gravest_fact_decides() {
        use CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
        let hold = Some(RevocationReason::CertificateHold);
        let gone = Some(RevocationReason::KeyCompromise);
        let facts = |admitted, entry, off, unbound| with(Facts { admitted, entry, off, unbound });
        for (row, wanted) in [
            (facts(true, gone, true, true), Some(NewStatus::Revoked)),
            (facts(true, hold, true, true), None),
            (facts(true, None, true, false), None),
            (facts(true, hold, false, false), Some(NewStatus::Inactive)),
            (facts(true, None, false, true), Some(NewStatus::Inactive)),
            (facts(true, None, false, false), Some(NewStatus::Active)),
            (facts(false, None, false, false), None),
            (facts(false, hold, false, false), Some(NewStatus::Inactive)),
        ] {
            for status in [Active, Inactive] {
                assert_eq!(row.wanted(&status), wanted, "{row:?}");
            }
            let pending = wanted.filter(|wanted| *wanted == NewStatus::Revoked);
            assert_eq!(row.wanted(&PendingActivation), pending, "nobody is let in but by its own attempt: {row:?}");
            assert_eq!(row.wanted(&Revoked), None, "REVOKED is final: {row:?}");
            assert_eq!(row.wanted(&CertificateStatus::deleted()), None);
        }
    }

    #[test]
    fn what_nobody_here_has_set_is_the_operators() {
        let known = |status| Registration { status: Some(status), ..row() };
        let inactive = CertificateStatus::Inactive;
        assert!(known(CertificateStatus::Active).seen(&inactive, NOW).switched_off_at.is_some());
        assert!(known(CertificateStatus::Inactive).seen(&inactive, NOW).switched_off_at.is_none());
        assert!(row().seen(&inactive, NOW).switched_off_at.is_none(), "a row that knows no status explains all");

        let intending = |wanted| known(CertificateStatus::Active).intending(&process("a"), wanted);
        assert!(intending(NewStatus::Inactive).seen(&inactive, NOW).switched_off_at.is_none());
        assert!(intending(NewStatus::Active).seen(&inactive, NOW).switched_off_at.is_some());
        let late = NOW + Duration::minutes(2);
        let dead = intending(NewStatus::Inactive).seen(&inactive, late);
        assert!(dead.switched_off_at.is_none() && dead.intents.is_empty(), "the dead may have set it");

        let off = known(CertificateStatus::Active).seen(&inactive, NOW);
        assert!(off.clone().seen(&inactive, late).switched_off_at == off.switched_off_at);
        assert!(off.clone().seen(&CertificateStatus::Active, late).switched_off_at.is_none());
        assert!(off.seen(&CertificateStatus::PendingActivation, late).switched_off_at.is_none());
    }

    #[test]
    fn only_a_lone_process_confirms() {
        let admitted = with(Facts { admitted: true, entry: None, off: false, unbound: false });
        let both = admitted.intending(&process("a"), NewStatus::Active).intending(&process("b"), NewStatus::Active);
        let first = both.set_to(NewStatus::Active, &process("a"), NOW);
        assert!(!first.is_confirmed() && first.is_in_progress(&process("a"), NOW));
        assert!(!first.is_in_progress(&process("b"), NOW));
        assert!(first.clone().set_to(NewStatus::Active, &process("b"), NOW).is_confirmed());
        assert!(first.set_to(NewStatus::Active, &process("c"), NOW + Duration::minutes(2)).is_confirmed());
    }

    fn facts() -> impl Strategy<Value = Facts> {
        let entry = prop::option::of(prop_oneof![
            Just(RevocationReason::CertificateHold),
            Just(RevocationReason::KeyCompromise),
        ]);
        (any::<bool>(), entry, any::<bool>(), any::<bool>()).prop_map(|(admitted, entry, off, unbound)| Facts {
            admitted,
            entry,
            off,
            unbound,
        })
    }

    proptest! {
        /// Once AWS IoT has what is wanted, and nobody else is at it, nothing is left to do.
        #[test]
        fn what_was_set_is_confirmed(facts in facts(), inside: bool) {
            let status = if inside { CertificateStatus::Active } else { CertificateStatus::Inactive };
            let row = Registration { status: Some(status.clone()), ..with(facts) };
            if let Some(wanted) = row.wanted(&status) {
                let set = row.clone().intending(&process("a"), wanted).set_to(wanted, &process("a"), NOW);
                prop_assert!(set.is_confirmed());
                prop_assert_eq!(set.wanted(&wanted.into()).unwrap_or(wanted), wanted);
            } else {
                prop_assert!(row.is_confirmed());
            }
        }
    }
}
