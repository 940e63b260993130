//! The `Registrations` table as revocation reads and changes it.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use time::OffsetDateTime;

use super::{PARTITION_KEY, Registrations, read_registration};
use crate::aws::backoff::waits;
use crate::aws::error::fault;
use crate::aws::row::{self, Conditional, Item, UPDATE, conditional};
use crate::aws::update::Update;
use crate::decision::{Decision, Verdict};
use crate::fault::{Fault, FaultKind};
use crate::id::CertificateId;
use crate::port::{Continuation, ListedRegistrations};
use crate::registration::{Registration, RegistrationId};
use crate::revocation::Listing;
use crate::timestamp;

const BATCH_GET: &str = "dynamodb:BatchGetItem";
const SCAN: &str = "dynamodb:Scan";
/// Most keys of one `BatchGetItem`.
const BATCH: usize = 100;
/// How often keys that DynamoDB leaves unprocessed are asked for.
const TRIES: usize = 8;
const OWN: &str = "#certificateId = :certificateId";

impl Registrations {
    fn decide(
        &self,
        id: &RegistrationId,
        certificate: &CertificateId,
        verdict: Verdict,
        now: OffsetDateTime,
    ) -> Update {
        self.update(id)
            .set("certificateId", certificate.as_str())
            .set("decidedAt", timestamp::to_text(now))
            .set("decision", verdict.decision.as_str())
            .set("detail", verdict.detail)
            .set("reason", verdict.reason.as_str())
    }

    /// Reads at most [`BATCH`] rows. DynamoDB answers for a part of the keys when it is busy or the answer gets long.
    async fn part(&self, keys: KeysAndAttributes) -> Result<Vec<Item>, Fault> {
        let mut waits = waits(self.client.config().retry_config(), TRIES);
        let mut asked = keys;
        let mut found = Vec::new();
        loop {
            let request = self.client.batch_get_item().request_items(&self.table, asked);
            let answer = request.send().await.map_err(|error| fault(BATCH_GET, error))?;
            found.extend(answer.responses.unwrap_or_default().into_values().flatten());
            let rest = answer.unprocessed_keys.unwrap_or_default().into_values().find(|keys| !keys.keys.is_empty());
            let Some(rest) = rest else { return Ok(found) };
            let Some(wait) = waits.next() else {
                let problem = format!("{} keys were left unprocessed {TRIES} times", rest.keys.len());
                return Err(Fault::new(BATCH_GET, FaultKind::Throttled, problem));
            };
            tokio::time::sleep(wait).await;
            asked = rest;
        }
    }
}

impl ListedRegistrations for Registrations {
    async fn registrations(&self, ids: &[RegistrationId]) -> Result<Vec<Registration>, Fault> {
        // DynamoDB refuses a request that names a key twice.
        let ids: Vec<&RegistrationId> = ids.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut rows = Vec::new();
        for part in ids.chunks(BATCH) {
            let keys = part.iter().map(|id| HashMap::from([key(id.as_str())])).collect();
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let keys = keys.map_err(|error| Fault::new(BATCH_GET, FaultKind::Invalid, error))?;
            for item in self.part(keys).await? {
                rows.push(read_registration(BATCH_GET, item)?);
            }
        }
        Ok(rows)
    }

    async fn walk(&self, from: Option<&Continuation>) -> Result<(Vec<Registration>, Option<Continuation>), Fault> {
        let request = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression("attribute_exists(#serial)")
            .expression_attribute_names("#serial", "serial")
            .set_exclusive_start_key(from.map(|from| HashMap::from([key(&from.0)])));
        let answer = request.send().await.map_err(|error| fault(SCAN, error))?;
        let items = answer.items.unwrap_or_default();
        let rows = items.into_iter().map(|item| read_registration(SCAN, item)).collect::<Result<_, _>>()?;
        let last = answer.last_evaluated_key.filter(|last| !last.is_empty());
        let next = last.map(|last| {
            let id = row::text(&last, PARTITION_KEY).map(|id| Continuation(id.to_owned()));
            id.ok_or_else(|| Fault::new(SCAN, FaultKind::Invalid, "LastEvaluatedKey lacks the registration's id"))
        });
        Ok((rows, next.transpose()?))
    }

    async fn list(
        &self,
        id: &RegistrationId,
        certificate: &CertificateId,
        listing: &Listing,
        now: OffsetDateTime,
    ) -> Result<bool, Fault> {
        let update = self
            .decide(id, certificate, listing.verdict(), now)
            .set_some("crlNumber", listing.crl_number.as_ref().map(ToString::to_string))
            .set_value("revocationReason", row::attribute(UPDATE, &listing.reason)?);
        let request = if listing.is_hold() {
            // REVOKED is final.
            let condition = format!("{OWN} AND #decision <> :revoked");
            update.given("revoked", Decision::Revoked.as_str()).build(Some(&condition))
        } else {
            update.build(Some(OWN))
        };
        Ok(matches!(conditional(request.send().await)?, Conditional::Done(_)))
    }

    async fn settle(
        &self,
        id: &RegistrationId,
        certificate: &CertificateId,
        listing: &Listing,
        now: OffsetDateTime,
    ) -> Result<bool, Fault> {
        let request = self
            .update(id)
            .set(if listing.is_hold() { "heldAt" } else { "revokedAt" }, timestamp::to_text(now))
            .count("attempts")
            .name("certificateId")
            .given("certificateId", certificate.as_str())
            .name("decision")
            .given("decision", listing.verdict().decision.as_str())
            .build(Some(&format!("{OWN} AND #decision = :decision")));
        Ok(matches!(conditional(request.send().await)?, Conditional::Done(_)))
    }

    async fn release(
        &self,
        id: &RegistrationId,
        certificate: &CertificateId,
        now: OffsetDateTime,
    ) -> Result<bool, Fault> {
        // `:decision` is `activating`: what an earlier attempt has written.
        let was_inside = "(attribute_exists(#heldAt) OR attribute_exists(#activatedAt))";
        let condition = format!("{OWN} AND {was_inside} AND #decision IN (:held, :decision)");
        let request = self
            .decide(id, certificate, Verdict::releasing(), now)
            .name("activatedAt")
            .name("heldAt")
            .given("held", Decision::Held.as_str())
            .build(Some(&condition));
        Ok(matches!(conditional(request.send().await)?, Conditional::Done(_)))
    }
}

fn key(id: &str) -> (String, AttributeValue) {
    (PARTITION_KEY.to_owned(), AttributeValue::S(id.to_owned()))
}
