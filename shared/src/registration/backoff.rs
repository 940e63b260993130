//! How long further events about a certificate are answered from its row.
//!
//! A refused device comes back every few seconds, and AWS IoT publishes an event each time. As long as nothing
//! that the decision rests on has changed, another attempt would end as the last one did. Every function here is pure.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{CertificateStatus, Process, Registration};
use crate::decision::{Decision, Reason, Verdict};
use crate::timestamp;

/// How long events are answered from the row after a first decision against a certificate.
pub const MIN_BACKOFF: Duration = Duration::seconds(10);
/// The same after many of them that were alike.
pub const MAX_BACKOFF: Duration = Duration::hours(1);
/// How much longer each time.
const GROWTH: i32 = 4;
/// How far AWS IoT's clock may be ahead.
const MAX_AHEAD: Duration = Duration::seconds(10);

/// What a decision rests on besides the CA's rules and the certificate itself.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ground {
    /// Whether the certificate was announced.
    AllowList,
    /// What is known of the CA's CRLs.
    Crls,
    /// Nothing else.
    Rules,
}

/// What a decision rests on, to be compared with what it would rest on now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// SHA-256 of it in hexadecimal.
    pub digest: String,
    /// Which part counts besides the rules.
    pub ground: Ground,
}

impl Basis {
    /// The basis made of these parts, in this order.
    #[must_use]
    pub fn new(ground: Ground, parts: &[&str]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        Self { digest: hex::encode(context.finish()), ground }
    }
}

/// The answer to further events.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backoff {
    /// What the decision rests on.
    pub basis: Basis,
    /// The row's revision with the decision: whoever has changed the row since has changed what it rests on.
    pub revision: u64,
    /// How long the answer holds, in seconds.
    pub seconds: i64,
    /// When the attempt began that ended so.
    #[serde(with = "timestamp::text")]
    pub since: OffsetDateTime,
}

impl Backoff {
    /// When the answer ends.
    #[must_use]
    pub fn until(&self) -> OffsetDateTime {
        self.since.saturating_add(Duration::seconds(self.seconds))
    }
}

/// What a row says about an event of its certificate.
#[derive(Clone, Debug, PartialEq)]
pub enum Repeat {
    /// An attempt may be made again, though nothing has changed that the last decision rests on.
    Due {
        /// What holds if there is no room for it.
        otherwise: Box<Self>,
    },
    /// An attempt is to be made.
    Open,
    /// The decision that the row tells holds for this event too.
    Decided(Verdict),
    /// The decision is still open, and another attempt would not come further now.
    Undecided(Verdict),
}

impl Repeat {
    /// The same once it is known whether there is room for an attempt that may be made again; it is asked only then.
    #[must_use]
    pub fn in_turn(self, has_turn: impl FnOnce() -> bool) -> Self {
        match self {
            Self::Due { otherwise } if !has_turn() => *otherwise,
            Self::Due { .. } => Self::Open,
            other => other,
        }
    }

    /// Whether the event needs no attempt, and is not needed any more, unless there is room for an attempt.
    #[must_use]
    pub fn acknowledges(&self) -> bool {
        match self {
            Self::Decided(_) => true,
            Self::Due { otherwise } => otherwise.acknowledges(),
            Self::Open | Self::Undecided(_) => false,
        }
    }

    fn due(otherwise: Self) -> Self {
        Self::Due { otherwise: Box::new(otherwise) }
    }
}

impl Registration {
    /// The row of a certificate that waits, after an attempt that has begun now and ended against it.
    ///
    /// An answer holds for longer each time that a decision on the same basis is met, but never past the time at which the
    /// clock alone changes it. Where the reason passes by itself there is none.
    #[must_use]
    pub fn backing_off(mut self, basis: Basis, now: OffsetDateTime) -> Self {
        let before = self.backoff.take().filter(|before| before.basis == basis);
        let is_transient = self.reason == Reason::HolderInProgress;
        if is_transient || !self.is_outside() {
            return self;
        }
        let next = before.map_or(MIN_BACKOFF, |before| Duration::seconds(before.seconds) * GROWTH);
        let next = next.clamp(MIN_BACKOFF, MAX_BACKOFF);
        let valid = self.not_before().filter(|_| self.reason == Reason::CertificateNotYetValid);
        let next = valid.map_or(next, |valid| next.min(valid - now).max(Duration::ZERO));
        let revision = self.revision.saturating_add(1);
        self.backoff = Some(Backoff { basis, revision, seconds: next.whole_seconds(), since: now });
        self
    }

    /// The answer to further events, if the row is still as it was written with it.
    #[must_use]
    pub fn current_backoff(&self) -> Option<&Backoff> {
        self.backoff.as_ref().filter(|backoff| backoff.revision == self.revision)
    }

    /// The row of an attempt that begins now with an event: what it decides holds for the event, whichever clock is ahead.
    #[must_use]
    pub fn begun_with(mut self, published_at: OffsetDateTime, now: OffsetDateTime) -> Self {
        let newest = published_at.min(now.saturating_add(MAX_AHEAD));
        if newest > now {
            self.newest_event_at = self.newest_event_at.max(Some(timestamp::to_text(newest)));
        }
        self
    }

    /// Whether an attempt that began at a time, or at the row's decision, has begun after an event was published.
    fn is_covered(&self, published_at: OffsetDateTime, begun: Option<OffsetDateTime>) -> bool {
        let newest = self.newest_event_at.as_deref().and_then(timestamp::from_text);
        begun.max(newest).is_some_and(|until| published_at <= until)
    }

    /// What the row says about an event that was published at a time. `is_current` says that what the last decision rests on
    /// has not changed.
    ///
    /// An attempt asks AWS IoT after it has begun, so that its decision holds for all events from before. Who is inside needs
    /// no other. An attempt that has decided nothing leaves its own event in the queue: later ones are not needed beside it.
    #[must_use]
    pub fn repeat(
        &self,
        published_at: OffsetDateTime,
        is_current: bool,
        process: &Process,
        now: OffsetDateTime,
    ) -> Repeat {
        if self.is_in_progress(process, now) {
            return Repeat::Undecided(self.verdict());
        }
        if !self.is_confirmed() {
            return Repeat::Open;
        }
        match &self.status {
            Some(CertificateStatus::Active | CertificateStatus::Inactive | CertificateStatus::Revoked) => {
                if self.is_covered(published_at, self.decided_at()) {
                    Repeat::Decided(self.verdict())
                } else {
                    Repeat::Open
                }
            }
            None | Some(CertificateStatus::PendingActivation) => {
                let backoff = self.current_backoff().filter(|_| is_current);
                backoff.map_or(Repeat::Open, |backoff| self.repeat_outside(backoff, published_at, now))
            }
            Some(CertificateStatus::Other(_)) => Repeat::Open,
        }
    }

    fn repeat_outside(&self, backoff: &Backoff, published_at: OffsetDateTime, now: OffsetDateTime) -> Repeat {
        if self.has_become_valid(now) {
            return Repeat::Open;
        }
        let (is_recent, is_covered) = (now < backoff.until(), self.is_covered(published_at, Some(backoff.since)));
        let is_open = matches!(self.decision, Decision::Activating | Decision::Deferred);
        match (is_open && is_covered, is_recent) {
            (true, true) => Repeat::Undecided(self.verdict()),
            (true, false) => Repeat::due(Repeat::Undecided(self.verdict())),
            (false, _) if is_recent || is_covered => Repeat::Decided(self.verdict()),
            (false, _) => Repeat::due(Repeat::Decided(self.verdict())),
        }
    }

    /// Whether the clock alone has changed the decision: an attempt would not end as the last one did.
    #[must_use]
    pub fn has_become_valid(&self, now: OffsetDateTime) -> bool {
        self.reason == Reason::CertificateNotYetValid && self.not_before().is_some_and(|valid| valid <= now)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const DECIDED: OffsetDateTime = datetime!(2026-09-01 12:00 UTC);

    fn basis(text: &str) -> Basis {
        Basis::new(Ground::Rules, &[text])
    }

    fn process() -> Process {
        Process { id: "a".to_owned(), until: DECIDED + Duration::minutes(1) }
    }

    /// A row of this status, as a decision left it that was made now.
    fn row(decision: Decision, status: &CertificateStatus) -> Registration {
        let row = serde_json::json!({
            "admittedAt": "2026-09-01T12:00:00.000Z", "caCertificateId": "ca".repeat(32),
            "certificateId": "ce".repeat(32), "decision": decision, "decidedAt": "2026-09-01T12:00:00.000Z",
            "notBefore": "2026-09-01T12:00:25.000Z", "reason": "thing_taken", "registrationId": "ca#a1",
            "revision": 7, "status": status,
        });
        serde_json::from_value(row).unwrap()
    }

    /// The row as it is written.
    fn saved(row: Registration) -> Registration {
        Registration { revision: row.revision + 1, ..row }
    }

    #[test]
    fn an_attempt_that_failed_keeps_its_event_in_the_queue() {
        let row = refused_row(Decision::Activating);
        assert_eq!(
            [0, 1].map(|published| [9, 10].map(|now| answer(&row, published, true, now))),
            [["undecided", "due, or undecided"], ["decided", "due, or decided"]]
        );
    }

    fn refused_row(decision: Decision) -> Registration {
        saved(row(decision, &CertificateStatus::PendingActivation).backing_off(basis("a"), DECIDED))
    }

    fn answer(row: &Registration, published: i64, is_current: bool, now: i64) -> &'static str {
        let at = |seconds| DECIDED + Duration::seconds(seconds);
        match row.repeat(at(published), is_current, &process(), at(now)) {
            Repeat::Due { otherwise } if matches!(*otherwise, Repeat::Decided(_)) => "due, or decided",
            Repeat::Due { .. } => "due, or undecided",
            Repeat::Open => "open",
            Repeat::Decided(verdict) => {
                assert_eq!(verdict, row.verdict());
                "decided"
            }
            Repeat::Undecided(_) => "undecided",
        }
    }

    #[test]
    fn a_refusal_holds_for_events_from_before_it_and_for_a_while() {
        let row = refused_row(Decision::Refused);
        assert_eq!(
            [answer(&row, 0, true, 3600), answer(&row, 9, true, 9), answer(&row, 9, true, 10)],
            ["decided", "decided", "due, or decided"]
        );
        assert_eq!([answer(&row, 0, false, 1), answer(&row, 1, false, 1)], ["open"; 2], "the basis has changed");
        let other = saved(row);
        assert_eq!([answer(&other, 0, true, 1), answer(&other, 1, true, 1)], ["open"; 2], "the row has changed");
    }

    #[test]
    fn what_is_still_open_keeps_its_event_in_the_queue() {
        let row = refused_row(Decision::Deferred);
        assert_eq!([answer(&row, 0, true, 9), answer(&row, 1, true, 9)], ["undecided", "decided"]);
        assert_eq!(
            [answer(&row, 0, true, 10), answer(&row, 1, true, 10)],
            ["due, or undecided", "due, or decided"],
            "one event waits, however long there is no room for an attempt"
        );
        assert_eq!(answer(&row, 0, false, 1), "open");
    }

    #[test]
    fn who_is_inside_answers_for_the_past_only() {
        use CertificateStatus::{Active, Inactive, Revoked};
        for status in [Active, Inactive, Revoked] {
            let row = Registration { admitted_at: None, ..row(Decision::NotPending, &status) };
            assert_eq!([answer(&row, 0, false, 1), answer(&row, 1, false, 1)], ["decided", "open"], "{row:?}");
        }
        let deleted = row(Decision::Activated, &CertificateStatus::deleted());
        assert_eq!(answer(&deleted, 0, true, 1), "open");
        let unconfirmed = row(Decision::Activated, &Inactive);
        assert_eq!(answer(&unconfirmed, 0, true, 1), "open");
    }

    #[test]
    fn a_process_that_may_be_alive_is_waited_for() {
        use super::super::NewStatus;
        let begun = row(Decision::Activating, &CertificateStatus::PendingActivation);
        let other = Process { id: "b".to_owned(), ..process() };
        let begun = begun.intending(&other, NewStatus::Active);
        assert_eq!([answer(&begun, 0, true, 59), answer(&begun, 0, true, 60)], ["undecided", "open"]);
    }

    #[test]
    fn an_attempt_that_would_end_the_same_is_made_if_there_is_room() {
        let row = refused_row(Decision::Refused);
        let due = || row.repeat(DECIDED + Duration::seconds(9), true, &process(), DECIDED + Duration::minutes(1));
        assert_eq!(due().in_turn(|| true), Repeat::Open);
        assert_eq!(due().in_turn(|| false), Repeat::Decided(row.verdict()));
        assert_eq!(Repeat::Open.in_turn(|| unreachable!("nobody has to ask")), Repeat::Open);
    }

    #[test]
    fn an_answer_grows_while_the_basis_stays() {
        let mut row = refused_row(Decision::Refused);
        let mut seconds = Vec::new();
        for _ in 0..6 {
            seconds.push(row.backoff.as_ref().map(|backoff| backoff.seconds).unwrap());
            row = saved(row.backing_off(basis("a"), DECIDED));
        }
        assert_eq!(seconds, [10, 40, 160, 640, 2560, 3600]);
        let other = row.backing_off(basis("b"), DECIDED);
        assert_eq!(other.backoff.map(|backoff| backoff.seconds), Some(10));
    }

    #[test]
    fn the_clock_alone_ends_an_answer_that_rests_on_it() {
        let too_early = Registration { reason: Reason::CertificateNotYetValid, ..refused_row(Decision::Refused) };
        let held = too_early.clone().backing_off(basis("a"), DECIDED).backoff.unwrap();
        assert_eq!(held.seconds, 25, "the certificate becomes valid then");
        let too_early = saved(too_early.backing_off(basis("a"), DECIDED));
        assert_eq!(
            [answer(&too_early, 24, true, 24), answer(&too_early, 0, true, 25), answer(&too_early, 25, true, 25)],
            ["decided", "open", "open"],
            "it needs no turn of those whose attempts would end as the last one did"
        );
        let transient = Registration { reason: Reason::HolderInProgress, ..refused_row(Decision::Refused) };
        assert_eq!(transient.backing_off(basis("a"), DECIDED).backoff, None);
    }

    #[test]
    fn parts_of_a_basis_do_not_run_into_each_other() {
        assert_ne!(Basis::new(Ground::Crls, &["ab", "c"]), Basis::new(Ground::Crls, &["a", "bc"]));
    }
}
