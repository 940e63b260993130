//! The `Registrations` table: each certificate ever decided about, and why.

mod holders;
mod listed;

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use aws_lc_rs::digest;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use time::OffsetDateTime;

use super::error::fault;
use super::row::{self, Conditional, Item, UPDATE, conditional};
use super::update::Update;
use crate::decision::Verdict;
use crate::fault::{Fault, FaultKind};
use crate::id::{CaCertificateId, CertificateId, ThingName};
use crate::port::{RegistrationStore, Saved, Waiting, WaitingIf};
use crate::registration::{
    CERTIFICATE_INDEX, Registration, RegistrationId, STRANGER_LIFETIME, THING_INDEX, UNCONFIRMED, WAITING_LIFETIME,
};
use crate::timestamp;

/// Partition key.
pub const PARTITION_KEY: &str = "registrationId";
/// Longest payload of a rejected event that fits a row whole, in bytes (an item holds 400 KB).
pub const MAX_KEPT_PAYLOAD: usize = 262_144;
const GET: &str = "dynamodb:GetItem";

/// The table.
#[derive(Clone, Debug)]
pub struct Registrations {
    client: Client,
    table: String,
}

impl Registrations {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self { client: Client::new(config), table: table.into() }
    }

    async fn item(&self, id: &RegistrationId) -> Result<Option<Item>, Fault> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, AttributeValue::S(id.as_str().to_owned()))
            .consistent_read(true);
        let answer = Box::pin(request.send()).await.map_err(|error| fault(GET, error))?;
        Ok(answer.item)
    }

    fn update(&self, id: &RegistrationId) -> Update {
        Update::new(&self.client, &self.table).key(PARTITION_KEY, id.as_str())
    }
}

impl RegistrationStore for Registrations {
    async fn registration(&self, id: &RegistrationId) -> Result<Option<Registration>, Fault> {
        self.item(id).await?.map(|item| read_registration(GET, item)).transpose()
    }

    async fn registrations_about(&self, certificate: &CertificateId) -> Result<Vec<Registration>, Fault> {
        let mut rows = Vec::new();
        // One at most, but for a certificate whose serial number another one has too: a batch would save no request.
        for id in self.ids_by(CERTIFICATE_INDEX, "certificateId", certificate.as_str()).await? {
            match self.registration(&id).await {
                // The index may show what a row was a moment ago.
                Ok(row) => rows.extend(row.filter(|row| row.certificate_id == *certificate)),
                Err(unreadable) if unreadable.kind == FaultKind::Invalid => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(rows)
    }

    async fn authorities_about(&self, thing: &ThingName) -> Result<BTreeSet<CaCertificateId>, Fault> {
        let ids = self.ids_by(THING_INDEX, "thingName", thing.as_str()).await?;
        Ok(ids.iter().filter_map(RegistrationId::authority).collect())
    }

    async fn save(&self, before: &Registration, mut after: Registration) -> Result<Saved, Fault> {
        let revision = before.revision;
        after.revision = revision.saturating_add(1);
        after.is_new = false;
        let written = write_registration(&after)?;
        let known = if before.is_new { BTreeMap::new() } else { write_registration(before)? };
        let mut update = self.update(&RegistrationId::from_text(&after.registration_id));
        // What a row from before revisions has been read as is not what it holds.
        let is_known = |name: &String, value| revision > 0 && known.get(name) == Some(value);
        for (name, value) in &written {
            if name != PARTITION_KEY && !is_known(name, value) {
                update = update.set_value(name, value.clone());
            }
        }
        for name in known.keys().filter(|name| !written.contains_key(*name)) {
            update = update.remove(name);
        }
        let request = if before.is_new {
            update.name(PARTITION_KEY).build(Some("attribute_not_exists(#registrationId)"))
        } else if revision == 0 {
            // It was written before rows had revisions, and has not been deleted since.
            let condition = "attribute_exists(#registrationId) AND attribute_not_exists(#revision)";
            update.name(PARTITION_KEY).build(Some(condition))
        } else {
            update.given_number("before", revision).build(Some("#revision = :before"))
        };
        match conditional(Box::pin(request.send()).await)? {
            Conditional::Done(_) => Ok(Saved::Done(after)),
            Conditional::Failed(row) if row.is_empty() => Ok(Saved::Outdated(None)),
            Conditional::Failed(row) => {
                let found = read_registration(UPDATE, row)?;
                // The answer to the first try was lost, and the second found what the first had written.
                let is_own = found.revision == after.revision && write_registration(&found)? == written;
                Ok(if is_own { Saved::Done(after) } else { Saved::Outdated(Some(found)) })
            }
        }
    }

    async fn waiting(
        &self,
        authority: &CaCertificateId,
        certificate: &CertificateId,
        revision: Option<u64>,
        now: OffsetDateTime,
    ) -> Result<Waiting, Fault> {
        let id = RegistrationId::waiting(authority, certificate);
        let Some(item) = self.item(&id).await? else { return Ok(Waiting::default()) };
        let row: WaitingRow = row::read(item)
            .map_err(|cause| Fault::new(GET, FaultKind::Invalid, format!("registration {id}: {cause}")))?;
        // DynamoDB deletes rows days after they have expired. That it has ended is no matter of time: clocks differ, and an
        // invocation may be half a minute old.
        let is_current = row.waits && row.expires_at > now.unix_timestamp();
        let is_waiting = is_current && row.revision == revision;
        Ok(Waiting { ends: row.ends, is_waiting })
    }

    async fn set_waiting(
        &self,
        authority: &CaCertificateId,
        certificate: &CertificateId,
        revision: Option<u64>,
        condition: WaitingIf,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        let expires = now.saturating_add(WAITING_LIFETIME);
        let update = self
            .update(&RegistrationId::waiting(authority, certificate))
            .set_number("expiresAt", expires.unix_timestamp())
            .set_value("waits", AttributeValue::Bool(true));
        let update = match revision {
            Some(revision) => update.set_number("revision", revision),
            None => update.remove("revision"),
        };
        let request = match condition {
            WaitingIf::Ended(None) => update.name("ends").build(Some("attribute_not_exists(#ends)")),
            WaitingIf::Ended(Some(ends)) => update.name("ends").given_number("ends", ends).build(Some("#ends = :ends")),
            WaitingIf::StillWaiting => {
                let condition = "attribute_exists(#waits) AND #expiresAt > :now";
                update.given_number("now", now.unix_timestamp()).build(Some(condition))
            }
        };
        conditional(Box::pin(request.send()).await).map(|_| ())
    }

    async fn end_waiting(
        &self,
        authority: &CaCertificateId,
        certificate: &CertificateId,
        now: OffsetDateTime,
    ) -> Result<u64, Fault> {
        let id = RegistrationId::waiting(authority, certificate);
        // DynamoDB keeps what has expired more than five years ago.
        let update = self.update(&id).set_number("expiresAt", now.unix_timestamp()).count("ends").remove("waits");
        let answer = Box::pin(update.returning_row().build(None).send()).await.map_err(|error| fault(UPDATE, error))?;
        let ends = answer.attributes.as_ref().and_then(|row| row.get("ends")?.as_n().ok()?.parse().ok());
        ends.ok_or_else(|| Fault::new(UPDATE, FaultKind::Invalid, format!("registration {id}: the answer lacks ends")))
    }

    async fn record_rejection(&self, payload: &str, verdict: &Verdict, now: OffsetDateTime) -> Result<(), Fault> {
        let id = RegistrationId::rejected(digest::digest(&digest::SHA256, payload.as_bytes()).as_ref());
        let kept = payload.get(..payload.floor_char_boundary(MAX_KEPT_PAYLOAD)).unwrap_or_default();
        let expires = now.saturating_add(STRANGER_LIFETIME);
        let now = timestamp::to_text(now);
        self.update(&id)
            .set("decidedAt", now.clone())
            .set("decision", verdict.decision.as_str())
            .set("detail", verdict.detail.clone())
            .set_number("expiresAt", expires.unix_timestamp())
            .set_once("firstSeenAt", now)
            .set("payload", kept)
            .set_number("payloadBytes", i64::try_from(payload.len()).unwrap_or(i64::MAX))
            .set("reason", verdict.reason.as_str())
            .count("attempts")
            .build(None)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| fault(UPDATE, error))
    }
}

/// What tells that an event of a certificate waits.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WaitingRow {
    ends: Option<u64>,
    expires_at: i64,
    revision: Option<u64>,
    #[serde(default)]
    waits: bool,
}

/// Reads a row, or names it and the attribute at fault.
fn read_registration(operation: &'static str, item: Item) -> Result<Registration, Fault> {
    let id = row::text(&item, PARTITION_KEY).unwrap_or_default().to_owned();
    row::read::<Registration>(item)
        .map(Registration::converted)
        .map_err(|cause| Fault::new(operation, FaultKind::Invalid, format!("registration {id}: {cause}")))
}

/// The attributes of a row, in an order that is always the same. One whose effect is not confirmed has the attribute that the index of such rows is made by.
fn write_registration(row: &Registration) -> Result<BTreeMap<String, AttributeValue>, Fault> {
    let mut item: BTreeMap<_, _> = row::write(UPDATE, row)?.into_iter().collect();
    if !row.is_confirmed() {
        item.insert(UNCONFIRMED.to_owned(), AttributeValue::S(UNCONFIRMED.to_owned()));
    }
    Ok(item)
}
