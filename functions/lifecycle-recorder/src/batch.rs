//! The records of one invocation as events, each once, in the order of clients.

use std::collections::BTreeMap;

use shared::batch::SqsRecord;
use shared::event::{EventFault, LifecycleEvent};
use shared::id::ClientId;
use shared::presence::Device;
use time::OffsetDateTime;

/// What the records of an invocation hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Events by client, each once.
    pub clients: BTreeMap<ClientId, Vec<Received>>,
    /// Records that are no events.
    pub refused: Vec<Refused>,
}

/// An event, and the messages that brought it.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The event.
    pub event: LifecycleEvent,
    /// Ids of the messages: more than one if the event was repeated.
    pub message_ids: Vec<String>,
}

/// A record that is no event.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// What is wrong with it.
    pub fault: EventFault,
    /// Id of the message.
    pub message_id: String,
}

impl Batch {
    /// Reads the records, which were received at `now`. None if one of them has no id, for then it could not be told apart.
    #[must_use]
    pub fn read(records: Vec<SqsRecord>, now: OffsetDateTime) -> Option<Self> {
        let mut events: BTreeMap<(ClientId, String), Received> = BTreeMap::new();
        let mut refused = Vec::new();
        for record in records {
            let message_id = Some(record.message_id).filter(|id| !id.is_empty())?;
            match LifecycleEvent::decode(&record.body, now) {
                Ok(event) => events
                    .entry((event.client_id.clone(), event.key()))
                    .or_insert_with(|| Received { event, message_ids: Vec::new() })
                    .message_ids
                    .push(message_id),
                Err(fault) => refused.push(Refused { fault, message_id }),
            }
        }
        let mut clients: BTreeMap<ClientId, Vec<Received>> = BTreeMap::new();
        for ((client, _), received) in events {
            clients.entry(client).or_default().push(received);
        }
        Some(Self { clients, refused })
    }

    /// All events.
    pub fn events(&self) -> impl Iterator<Item = &Received> {
        self.clients.values().flatten()
    }
}

/// What the events of one client tell together, so that they take one write.
#[must_use]
pub(crate) fn digest(client: &ClientId, events: &[&Received]) -> Device {
    let told = events.iter().map(|received| Device::of(&received.event));
    told.fold(Device::unknown(client.clone()), |digest, told| digest.heard(&told))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn record(id: &str, body: &str) -> SqsRecord {
        SqsRecord { body: body.to_owned(), message_id: id.to_owned() }
    }

    fn subscribed(client: &str, millis: u64, topics: &[&str]) -> String {
        json!({
            "clientId": client, "timestamp": millis, "eventType": "subscribed", "sessionIdentifier": "s",
            "topics": topics,
        })
        .to_string()
    }

    #[test]
    fn a_repeated_event_is_one_event_of_two_messages() {
        let (first, other) = (subscribed("a", 1, &["x", "y"]), subscribed("a", 1, &["z"]));
        let (repeated, joined) = (subscribed("a", 1, &["y", "x"]), subscribed("a", 1, &["xy"]));
        let records = [("1", &first), ("2", &other), ("3", &repeated), ("4", &joined)];
        let batch = Batch::read(records.map(|(id, body)| record(id, body)).into(), NOW).unwrap();
        let mut ids: Vec<_> = batch.events().map(|received| received.message_ids.clone()).collect();
        ids.sort();
        assert_eq!(ids, [vec!["1".to_owned(), "3".to_owned()], vec!["2".to_owned()], vec!["4".to_owned()]]);
    }

    #[test]
    fn a_record_that_is_no_event_costs_only_itself() {
        let good = subscribed("a", 1, &["x"]);
        let batch = Batch::read(vec![record("1", "no"), record("2", &good)], NOW).unwrap();
        assert_eq!(batch.refused.len(), 1);
        assert_eq!(batch.refused[0].message_id, "1");
        assert_eq!(batch.events().count(), 1);
    }

    #[test]
    fn a_record_without_id_can_not_be_told_apart() {
        assert_eq!(Batch::read(vec![record("", "no")], NOW), None);
    }
}
