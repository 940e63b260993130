//! Rows of certificates, as a dry run would have written them.

use std::collections::{BTreeSet, HashMap};

use shared::decision::Verdict;
use shared::fault::Fault;
use shared::id::{CaCertificateId, CertificateId, ThingName};
use shared::port::{
    Continuation, ListedRegistrations, ReadRow, RegistrationStore, Saved, UnconfirmedKey, Waiting, WaitingIf,
};
use shared::registration::{Registration, RegistrationId};
use time::OffsetDateTime;

use super::{Rehearsable, lock};

/// The rows that would be there, by the text of their ids.
pub(super) type Rows = HashMap<String, Drafted>;

/// A row that would be there.
#[derive(Debug)]
pub(super) struct Drafted {
    /// Whether the table lists the one that is there among the unconfirmed.
    is_listed: bool,
    row: Registration,
}

impl<S> Rehearsable<'_, S> {
    /// The row of this key as the draft has it.
    fn drafted_row(&self, id: &str) -> Option<Registration> {
        lock(&self.draft?.rows).get(id).map(|drafted| drafted.row.clone())
    }

    fn redrafted(&self, row: Registration) -> Registration {
        self.drafted_row(&row.registration_id).unwrap_or(row)
    }

    fn all_redrafted(&self, rows: Vec<ReadRow>) -> Vec<ReadRow> {
        rows.into_iter().map(|row| row.map(|row| self.redrafted(row))).collect()
    }
}

impl<S: RegistrationStore + Sync> RegistrationStore for Rehearsable<'_, S> {
    async fn registration(&self, id: &RegistrationId) -> Result<Option<Registration>, Fault> {
        match self.drafted_row(&id.to_string()) {
            Some(row) => Ok(Some(row)),
            None => self.port.registration(id).await,
        }
    }

    async fn registrations_about(&self, certificate: &CertificateId) -> Result<Vec<Registration>, Fault> {
        let rows = self.port.registrations_about(certificate).await?;
        Ok(rows.into_iter().map(|row| self.redrafted(row)).collect())
    }

    async fn authorities_about(&self, thing: &ThingName) -> Result<BTreeSet<CaCertificateId>, Fault> {
        self.port.authorities_about(thing).await
    }

    async fn save(&self, before: &Registration, after: Registration) -> Result<Saved, Fault> {
        let Some(draft) = self.draft else { return self.port.save(before, after).await };
        let mut rows = lock(&draft.rows);
        let known = rows.get(&before.registration_id);
        if let Some(Drafted { row, .. }) = known.filter(|known| known.row.revision != before.revision) {
            return Ok(Saved::Outdated(Some(row.clone())));
        }
        let is_listed = known.map_or_else(|| !before.is_confirmed(), |known| known.is_listed);
        let mut row = after;
        row.revision = before.revision.saturating_add(1);
        rows.insert(row.registration_id.clone(), Drafted { is_listed, row: row.clone() });
        Ok(Saved::Done(row))
    }

    async fn waiting(
        &self,
        authority: &CaCertificateId,
        certificate: &CertificateId,
        revision: Option<u64>,
        now: OffsetDateTime,
    ) -> Result<Waiting, Fault> {
        self.port.waiting(authority, certificate, revision, now).await
    }

    async fn set_waiting(
        &self,
        authority: &CaCertificateId,
        certificate: &CertificateId,
        revision: Option<u64>,
        condition: WaitingIf,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        match self.draft {
            Some(_) => Ok(()),
            None => self.port.set_waiting(authority, certificate, revision, condition, now).await,
        }
    }

    async fn end_waiting(
        &self,
        authority: &CaCertificateId,
        certificate: &CertificateId,
        now: OffsetDateTime,
    ) -> Result<u64, Fault> {
        match self.draft {
            Some(_) => Ok(0),
            None => self.port.end_waiting(authority, certificate, now).await,
        }
    }

    async fn record_rejection(&self, payload: &str, verdict: &Verdict, now: OffsetDateTime) -> Result<(), Fault> {
        match self.draft {
            Some(_) => Ok(()),
            None => self.port.record_rejection(payload, verdict, now).await,
        }
    }
}

impl<S: ListedRegistrations + Sync> ListedRegistrations for Rehearsable<'_, S> {
    async fn registrations(&self, ids: &[RegistrationId]) -> Result<Vec<ReadRow>, Fault> {
        Ok(self.all_redrafted(self.port.registrations(ids).await?))
    }

    async fn walk(&self, from: Option<&Continuation>) -> Result<(Vec<ReadRow>, Option<Continuation>), Fault> {
        let (rows, next) = self.port.walk(from).await?;
        Ok((self.all_redrafted(rows), next))
    }

    /// With the rows that the run would have left unconfirmed.
    async fn unconfirmed(
        &self,
        from: Option<&UnconfirmedKey>,
    ) -> Result<(Vec<RegistrationId>, Option<UnconfirmedKey>), Fault> {
        let (mut ids, next) = self.port.unconfirmed(from).await?;
        if let (Some(draft), None) = (self.draft, &next) {
            let rows = lock(&draft.rows);
            let left = rows.values().filter(|drafted| !drafted.is_listed && !drafted.row.is_confirmed());
            ids.extend(left.map(|drafted| RegistrationId::from_text(&drafted.row.registration_id)));
        }
        Ok((ids, next))
    }
}
