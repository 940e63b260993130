//! The tables of presence together: rows, history, and what has to be written into both or none.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};

use super::device_events::{DeviceEvents, EVENT};
use super::devices::{CLIENT_ID, Devices};
use super::error::fault;
use crate::event::LifecycleEvent;
use crate::fault::{Fault, FaultKind};
use crate::id::ClientId;
use crate::port::{PresenceStore, Written};
use crate::presence::Change;

const TRANSACT: &str = "dynamodb:TransactWriteItems";
/// Events of one transaction, which may have 100 actions: what fails or is repeated with it is not much.
const COUNTED_AT_ONCE: usize = 25;
/// Transactions that are tried for one set of events: each one either succeeds or finds some of them counted already.
const TRIES: usize = 4;

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

    /// Counts events in the row, and keeps them in the history, if the history has none of them. Otherwise gives back
    /// which ones it does not have.
    async fn count_new<'a>(
        &self,
        client: &ClientId,
        events: &[&'a LifecycleEvent],
    ) -> Result<Option<Vec<&'a LifecycleEvent>>, Fault> {
        let invalid = |error| Fault::new(TRANSACT, FaultKind::Invalid, error);
        let count = Update::builder()
            .table_name(&self.devices.table)
            .key(CLIENT_ID, AttributeValue::S(client.as_str().to_owned()))
            .update_expression("ADD #failures :count")
            .expression_attribute_names("#failures", "connectFailures")
            .expression_attribute_values(":count", AttributeValue::N(events.len().to_string()))
            .build()
            .map_err(invalid)?;
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
        let Err(error) = request.send().await else { return Ok(None) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(fault(TRANSACT, error));
        };
        let codes = cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default());
        let codes: Vec<&str> = codes.collect();
        if codes.contains(&"ConditionalCheckFailed") {
            let new = events.iter().zip(&codes).filter(|(_, code)| **code != "ConditionalCheckFailed");
            return Ok(Some(new.map(|(event, _)| *event).collect()));
        }
        let kind = match codes.iter().find(|code| **code != "None") {
            Some(&"TransactionConflict") => FaultKind::Unavailable,
            Some(&"ProvisionedThroughputExceeded" | &"ThrottlingError") => FaultKind::Throttled,
            _ => FaultKind::Invalid,
        };
        Err(Fault::new(TRANSACT, kind, error))
    }
}

impl PresenceStore for PresenceTables {
    async fn count_failures(&self, client: &ClientId, events: &[&LifecycleEvent]) -> Result<u64, Fault> {
        let mut counted = 0;
        for events in events.chunks(COUNTED_AT_ONCE) {
            let mut events = events.to_vec();
            for _ in 0..TRIES {
                if events.is_empty() {
                    break;
                }
                match self.count_new(client, &events).await? {
                    None => {
                        counted += u64::try_from(events.len()).unwrap_or(u64::MAX);
                        events.clear();
                    }
                    Some(new) => events = new,
                }
            }
            if !events.is_empty() {
                let problem = format!("others count the failures of client {client} at the same time");
                return Err(Fault::new(TRANSACT, FaultKind::Unavailable, problem));
            }
        }
        Ok(counted)
    }

    async fn change(&self, client: &ClientId, change: &Change) -> Result<Written, Fault> {
        self.devices.change(client, change, self.retention).await
    }

    async fn keep<'a>(&self, events: &[&'a LifecycleEvent]) -> Result<Vec<&'a LifecycleEvent>, Fault> {
        self.events.keep(events, self.retention).await
    }
}
