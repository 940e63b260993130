//! The tables of presence together: rows, history, and what has to be written into both or none.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use time::OffsetDateTime;

use super::backoff;
use super::device_events::{DeviceEvents, EVENT};
use super::devices::{CLIENT_ID, Devices};
use super::error::fault;
use crate::event::LifecycleEvent;
use crate::fault::{Fault, FaultKind};
use crate::id::ClientId;
use crate::port::{Counted, PresenceStore, RowPolicy, Written};
use crate::presence::{Change, FailingPrincipal, FailuresInBulk};

const TRANSACT: &str = "dynamodb:TransactWriteItems";
/// Requests for one set of events while others write to the same rows, or DynamoDB asks to slow down.
const TRIES: usize = 6;

/// Code of an action whose condition was not met.
const FAILED: &str = "ConditionalCheckFailed";

/// What became of a transaction.
enum Transaction<'a> {
    /// All events are counted.
    Counted,
    /// The client has no row.
    NoRow,
    /// The history has some of the events already; these are the others.
    New(Vec<&'a LifecycleEvent>),
    /// It may succeed after a wait.
    Later(Fault),
}

/// The tables `Devices` and `DeviceEvents`.
#[derive(Clone, Debug)]
pub struct PresenceTables {
    devices: Devices,
    events: DeviceEvents,
    retention: Duration,
}

impl PresenceTables {
    /// Makes the clients; no request is sent. The history keeps an event for `retention`, and a row that is not permanent
    /// outlasts its newest event by as much.
    #[must_use]
    pub fn new(config: &SdkConfig, devices: String, events: String, retention: Duration) -> Self {
        Self { devices: Devices::new(config, devices), events: DeviceEvents::new(config, events), retention }
    }

    /// Counts events in the row, and keeps them in the history, if the history has none of them.
    async fn count_new<'a>(
        &self,
        client: &ClientId,
        events: &[&'a LifecycleEvent],
        policy: RowPolicy,
    ) -> Result<Transaction<'a>, Fault> {
        let invalid = |error| Fault::new(TRANSACT, FaultKind::Invalid, error);
        let count = Update::builder()
            .table_name(&self.devices.table)
            .key(CLIENT_ID, AttributeValue::S(client.as_str().to_owned()))
            .update_expression("ADD #failures :count")
            .expression_attribute_names("#failures", "connectFailures")
            .expression_attribute_values(":count", AttributeValue::N(events.len().to_string()));
        let count = match policy {
            RowPolicy::Create => count,
            RowPolicy::Keep => {
                count.condition_expression("attribute_exists(#client)").expression_attribute_names("#client", CLIENT_ID)
            }
        };
        let count = count.build().map_err(invalid)?;
        let mut request = self.events.client.transact_write_items();
        for event in events {
            let put = Put::builder()
                .table_name(&self.events.table)
                .set_item(Some(DeviceEvents::item(event, self.retention)))
                .condition_expression("attribute_not_exists(#event)")
                .expression_attribute_names("#event", EVENT)
                .build()
                .map_err(invalid)?;
            request = request.transact_items(TransactWriteItem::builder().put(put).build());
        }
        let request = request.transact_items(TransactWriteItem::builder().update(count).build());
        let Err(error) = request.send().await else { return Ok(Transaction::Counted) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(fault(TRANSACT, error));
        };
        let codes: Vec<&str> =
            cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default()).collect();
        if policy == RowPolicy::Keep && codes.get(events.len()) == Some(&FAILED) {
            return Ok(Transaction::NoRow);
        }
        let known = |(_, code): &(&&'a LifecycleEvent, &&str)| **code == FAILED;
        let new: Vec<_> = events.iter().zip(&codes).filter(|pair| !known(pair)).map(|(event, _)| *event).collect();
        if new.len() < events.len() {
            return Ok(Transaction::New(new));
        }
        match codes.iter().find(|code| **code != "None") {
            Some(&"TransactionConflict") => Ok(Transaction::Later(Fault::new(TRANSACT, FaultKind::Unavailable, error))),
            Some(&"ProvisionedThroughputExceeded" | &"ThrottlingError") => {
                Ok(Transaction::Later(Fault::new(TRANSACT, FaultKind::Throttled, error)))
            }
            _ => Err(Fault::new(TRANSACT, FaultKind::Invalid, error)),
        }
    }
}

impl PresenceStore for PresenceTables {
    async fn count_failures(
        &self,
        client: &ClientId,
        events: &[&LifecycleEvent],
        policy: RowPolicy,
    ) -> Result<Counted, Fault> {
        let mut waits = backoff::waits(self.devices.client.config().retry_config(), TRIES);
        let mut left = events.to_vec();
        while !left.is_empty() {
            match self.count_new(client, &left, policy).await? {
                Transaction::Counted => return Ok(Counted::New(u64::try_from(left.len()).unwrap_or(u64::MAX))),
                Transaction::NoRow => return Ok(Counted::NoRow),
                Transaction::New(new) => left = new,
                Transaction::Later(fault) => tokio::time::sleep(waits.next().ok_or(fault)?).await,
            }
        }
        Ok(Counted::New(0))
    }

    async fn admit(&self, principal: &FailingPrincipal, client: &ClientId, at: OffsetDateTime) -> Result<bool, Fault> {
        self.devices.admit(principal, client, at, self.retention).await
    }

    async fn count_in_bulk(&self, principal: &FailingPrincipal, failures: FailuresInBulk) -> Result<(), Fault> {
        self.devices.count_in_bulk(principal, failures, self.retention).await
    }

    async fn change(&self, client: &ClientId, change: &Change) -> Result<Written, Fault> {
        self.devices.change(client, change, self.retention).await
    }

    async fn keep<'a>(&self, events: &[&'a LifecycleEvent]) -> Result<Vec<&'a LifecycleEvent>, Fault> {
        self.events.keep(events, self.retention).await
    }
}
