//! The `Registrations` table as revocation reads and changes it.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::{PARTITION_KEY, Registrations, read_registration};
use crate::aws::backoff::waits;
use crate::aws::error::fault;
use crate::aws::row::{self, Item};
use crate::fault::{Fault, FaultKind};
use crate::port::{Continuation, ListedRegistrations, ReadRow, UnconfirmedKey, UnreadableRow};
use crate::registration::{RegistrationId, UNCONFIRMED, UNCONFIRMED_INDEX};

const BATCH_GET: &str = "dynamodb:BatchGetItem";
/// Range key of the index of unconfirmed rows.
const DECIDED_AT: &str = "decidedAt";
const QUERY: &str = "dynamodb:Query";
const SCAN: &str = "dynamodb:Scan";
/// Most keys of one `BatchGetItem`.
const BATCH: usize = 100;
/// How often keys that DynamoDB leaves unprocessed are asked for.
const TRIES: usize = 8;

impl Registrations {
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
    async fn registrations(&self, ids: &[RegistrationId]) -> Result<Vec<ReadRow>, Fault> {
        // DynamoDB refuses a request that names a key twice.
        let ids: Vec<&RegistrationId> = ids.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut rows = Vec::new();
        for part in ids.chunks(BATCH) {
            let keys = part.iter().map(|id| HashMap::from([key(id.as_str())])).collect();
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let keys = keys.map_err(|error| Fault::new(BATCH_GET, FaultKind::Invalid, error))?;
            rows.extend(self.part(keys).await?.into_iter().map(|item| read_row(BATCH_GET, item)));
        }
        Ok(rows)
    }

    async fn walk(&self, from: Option<&Continuation>) -> Result<(Vec<ReadRow>, Option<Continuation>), Fault> {
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
        let rows = items.into_iter().map(|item| read_row(SCAN, item)).collect();
        let last = answer.last_evaluated_key.filter(|last| !last.is_empty());
        let next = last.map(|last| {
            let id = row::text(&last, PARTITION_KEY).map(|id| Continuation(id.to_owned()));
            id.ok_or_else(|| Fault::new(SCAN, FaultKind::Invalid, "LastEvaluatedKey lacks the registration's id"))
        });
        Ok((rows, next.transpose()?))
    }

    async fn unconfirmed(
        &self,
        from: Option<&UnconfirmedKey>,
    ) -> Result<(Vec<RegistrationId>, Option<UnconfirmedKey>), Fault> {
        let start = from.map(|from| {
            let text = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
            HashMap::from([key(from.id.as_str()), text(DECIDED_AT, &from.decided_at), text(UNCONFIRMED, UNCONFIRMED)])
        });
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(UNCONFIRMED_INDEX)
            .key_condition_expression("#unconfirmed = :unconfirmed")
            .expression_attribute_names("#unconfirmed", UNCONFIRMED)
            .expression_attribute_values(":unconfirmed", AttributeValue::S(UNCONFIRMED.to_owned()))
            .set_exclusive_start_key(start);
        let answer = request.send().await.map_err(|error| fault(QUERY, error))?;
        let lacks = |name| Fault::new(QUERY, FaultKind::Invalid, format!("the index gave a row without {name}"));
        let text = |item: &Item, name| row::text(item, name).map(ToOwned::to_owned).ok_or_else(|| lacks(name));
        let ids = answer.items.unwrap_or_default();
        let ids = ids.iter().map(|item| text(item, PARTITION_KEY).map(|id| RegistrationId::from_text(&id)));
        let next = answer.last_evaluated_key.filter(|last| !last.is_empty()).map(|last| {
            let id = RegistrationId::from_text(&text(&last, PARTITION_KEY)?);
            Ok(UnconfirmedKey { decided_at: text(&last, DECIDED_AT)?, id })
        });
        Ok((ids.collect::<Result<_, _>>()?, next.transpose()?))
    }
}

fn read_row(operation: &'static str, item: Item) -> ReadRow {
    let id = RegistrationId::from_text(row::text(&item, PARTITION_KEY).unwrap_or_default());
    read_registration(operation, item).map_err(|fault| UnreadableRow { fault, id })
}

fn key(id: &str) -> (String, AttributeValue) {
    (PARTITION_KEY.to_owned(), AttributeValue::S(id.to_owned()))
}
