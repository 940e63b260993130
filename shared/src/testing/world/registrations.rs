//! The `Registrations` table in memory.

#![expect(clippy::expect_used, reason = "a broken fake ends the test")]

use time::OffsetDateTime;

use super::World;
use crate::decision::{Decision, Reason, Verdict};
use crate::fault::Fault;
use crate::id::CertificateId;
use crate::pki::crl::CrlNumber;
use crate::port::{Begin, Continuation, Finish, ListedRegistrations, RegistrationStore, Replaced};
use crate::registration::{Candidate, Registration, RegistrationId};
use crate::revocation::Listing;
use crate::text::Detail;
use crate::timestamp;

/// How many rows one step of a walk over all of them reads.
const WALKED: usize = 10;

impl RegistrationStore for &World {
    async fn registration(&self, id: &RegistrationId) -> Result<Option<Registration>, Fault> {
        self.call("dynamodb:GetItem", |state| state.rows.get(id).map(|row| row.registration.clone())).await
    }

    async fn begin(&self, candidate: &Candidate, now: OffsetDateTime) -> Result<Begin, Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            if state.belongs_to_another(&candidate.id, candidate) {
                return Begin::SerialReused;
            }
            let row = state.write(candidate, &Verdict::activating(), now);
            row.registration.superseded_at = None;
            row.registration.superseded_by = None;
            Begin::Begun { replacing: row.replacing.clone() }
        })
        .await
    }

    async fn intend_to_replace(&self, candidate: &Candidate, replaced: &Replaced) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let row = state.rows.get_mut(&candidate.id).expect("the activation has begun");
            row.replacing = Some(replaced.clone());
        })
        .await
    }

    async fn supersede(&self, replaced: &RegistrationId, by: &Candidate, now: OffsetDateTime) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            if let Some(row) = state.rows.get_mut(replaced) {
                row.registration.superseded_at = Some(timestamp::to_text(now));
                row.registration.superseded_by = Some(by.certificate_id.clone());
            }
        })
        .await
    }

    async fn finish(
        &self,
        candidate: &Candidate,
        verdict: &Verdict,
        crl_number: Option<&CrlNumber>,
        now: OffsetDateTime,
    ) -> Result<Finish, Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let row = state.rows.get(&candidate.id).expect("the activation has begun");
            if let Some(listing) = row.registration.listing() {
                return Finish::Listed(listing);
            }
            if row.registration.superseded_by.is_some() {
                return Finish::Superseded;
            }
            let row = state.write(candidate, verdict, now);
            row.replacing = None;
            let row = &mut row.registration;
            row.activated_at = Some(timestamp::to_text(now));
            row.attempts += 1;
            row.crl_number = crl_number.cloned().or_else(|| row.crl_number.take());
            row.held_at = None;
            row.last_error = None;
            row.last_error_at = None;
            row.revocation_reason = None;
            Finish::Finished
        })
        .await
    }

    async fn record(&self, candidate: &Candidate, verdict: &Verdict, now: OffsetDateTime) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let mut candidate = candidate.clone();
            if state.belongs_to_another(&candidate.id, &candidate) {
                candidate.id = RegistrationId::unproven(&candidate.ca_certificate_id, &candidate.certificate_id);
            }
            let row = state.rows.get(&candidate.id);
            if row.is_none_or(|row| row.registration.decided_at <= timestamp::to_text(now)) {
                state.write(&candidate, verdict, now).registration.attempts += 1;
            }
        })
        .await
    }

    async fn note_failure(&self, candidate: &Candidate, failure: &Detail, now: OffsetDateTime) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            if state.belongs_to_another(&candidate.id, candidate) {
                return;
            }
            if let Some(row) = state.rows.get_mut(&candidate.id) {
                row.registration.attempts += 1;
                row.registration.last_error = Some(failure.clone());
                row.registration.last_error_at = Some(timestamp::to_text(now));
            }
        })
        .await
    }

    async fn record_rejection(&self, payload: &str, verdict: &Verdict, _now: OffsetDateTime) -> Result<(), Fault> {
        self.call("dynamodb:UpdateItem", |state| state.rejections.push((payload.to_owned(), verdict.reason))).await
    }
}

impl ListedRegistrations for &World {
    async fn registrations(&self, ids: &[RegistrationId]) -> Result<Vec<Registration>, Fault> {
        let mut found = Vec::new();
        for part in ids.chunks(100) {
            let part = self
                .call("dynamodb:BatchGetItem", |state| {
                    part.iter()
                        .filter_map(|id| state.rows.get(id))
                        .map(|row| row.registration.clone())
                        .collect::<Vec<_>>()
                })
                .await?;
            found.extend(part);
        }
        Ok(found)
    }

    async fn walk(&self, from: Option<&Continuation>) -> Result<(Vec<Registration>, Option<Continuation>), Fault> {
        self.call("dynamodb:Scan", |state| {
            let after = |id: &RegistrationId| from.is_none_or(|from| id.as_str() > from.0.as_str());
            let mut rest = state.rows.iter().filter(|(id, _)| after(id)).peekable();
            let mut page = Vec::new();
            let mut last = None;
            while page.len() < WALKED
                && let Some((id, row)) = rest.next()
            {
                last = Some(Continuation(id.to_string()));
                page.push(row.registration.clone());
            }
            page.retain(|row| row.serial.is_some());
            (page, last.filter(|_| rest.peek().is_some()))
        })
        .await
    }

    async fn list(
        &self,
        id: &RegistrationId,
        certificate: &CertificateId,
        listing: &Listing,
        now: OffsetDateTime,
    ) -> Result<bool, Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let Some(row) = state.row_of(id, certificate) else { return false };
            if listing.is_hold() && row.decision == Decision::Revoked {
                return false;
            }
            let verdict = listing.verdict();
            row.crl_number = listing.crl_number.clone().or_else(|| row.crl_number.take());
            row.decided_at = timestamp::to_text(now);
            row.decision = verdict.decision;
            row.detail = verdict.detail;
            row.reason = verdict.reason;
            row.revocation_reason = Some(listing.reason);
            true
        })
        .await
    }

    async fn settle(
        &self,
        id: &RegistrationId,
        certificate: &CertificateId,
        listing: &Listing,
        now: OffsetDateTime,
    ) -> Result<bool, Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let Some(row) = state.row_of(id, certificate) else { return false };
            if row.decision != listing.verdict().decision {
                return false;
            }
            row.attempts += 1;
            let at = if listing.is_hold() { &mut row.held_at } else { &mut row.revoked_at };
            *at = Some(timestamp::to_text(now));
            true
        })
        .await
    }

    async fn release(
        &self,
        id: &RegistrationId,
        certificate: &CertificateId,
        now: OffsetDateTime,
    ) -> Result<bool, Fault> {
        self.call("dynamodb:UpdateItem", |state| {
            let Some(row) = state.row_of(id, certificate) else { return false };
            let was_inside = row.held_at.is_some() || row.activated_at.is_some();
            if !was_inside || !matches!(row.decision, Decision::Held | Decision::Activating) {
                return false;
            }
            let verdict = Verdict::releasing();
            row.decided_at = timestamp::to_text(now);
            row.decision = verdict.decision;
            row.detail = verdict.detail;
            row.reason = Reason::HoldReleased;
            true
        })
        .await
    }
}
