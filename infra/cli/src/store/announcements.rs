//! Announced certificates: the rows `allow#…` beside a CA's profile.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use anyhow::Result;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use backon::{ExponentialBuilder, Retryable as _};
use serde::{Serialize, Serializer};
use shared::aws::authorities::{ANNOUNCED_THING_NAME, PARTITION_KEY, SORT_KEY, name_record, serial_record};
use shared::aws::fault;
use shared::fault::{Fault, FaultKind};
use shared::id::{CaCertificateId, Serial, ThingName};

use super::{Store, explain};

/// What is announced.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// The name that the certificate's thing will have.
    Name(ThingName),
    /// The device certificate's serial number.
    Serial(Serial),
}

impl Key {
    fn record(&self) -> String {
        match self {
            Self::Name(name) => name_record(name),
            Self::Serial(serial) => serial_record(serial),
        }
    }

    fn of_record(record: &str) -> Option<Self> {
        let (kind, value) = record.strip_prefix(RECORDS)?.split_once('#')?;
        match kind {
            "name" => value.parse().ok().map(Self::Name),
            "serial" => value.parse().ok().map(Self::Serial),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "name {name}"),
            Self::Serial(serial) => write!(f, "serial 0x{serial}"),
        }
    }
}

/// A certificate that may come in although its CA's profile admits announced ones only.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// By what it is recognised.
    #[serde(flatten, serialize_with = "serialize_key")]
    pub key: Key,
    /// For a serial number: the only thing name that it is good for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<ThingName>,
    /// When it was announced, RFC 3339.
    pub announced_at: String,
    /// A remark, such as the reason or who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

fn serialize_key<S: Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
    let (kind, value) = match key {
        Key::Name(name) => ("name", name.as_str()),
        Key::Serial(serial) => ("serial", serial.as_str()),
    };
    serializer.collect_map([(kind, value)])
}

impl Announcement {
    fn to_item(&self, authority: &CaCertificateId) -> HashMap<String, AttributeValue> {
        let text = |name: &str, value: String| (name.to_owned(), AttributeValue::S(value));
        let mut item = HashMap::from([
            text(PARTITION_KEY, authority.to_string()),
            text(SORT_KEY, self.key.record()),
            text(ANNOUNCED_AT, self.announced_at.clone()),
        ]);
        item.extend(self.thing_name.iter().map(|name| text(ANNOUNCED_THING_NAME, name.to_string())));
        item.extend(self.note.iter().map(|note| text(NOTE, note.clone())));
        item
    }

    /// None for a row that somebody else's hand made wrong: it admits nothing either.
    fn of_item(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        Some(Self {
            key: Key::of_record(&text(SORT_KEY)?)?,
            thing_name: text(ANNOUNCED_THING_NAME).and_then(|name| name.parse().ok()),
            announced_at: text(ANNOUNCED_AT).unwrap_or_default(),
            note: text(NOTE),
        })
    }
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Announced {
    /// It is written.
    Done,
    /// Something else is announced of its key than was read.
    Outdated,
}

/// Makes a call again, for a minute or two, as long as the table is throttled.
async fn patiently<T>(call: impl AsyncFn() -> Result<T, Fault>) -> Result<T> {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(15)
        .with_jitter();
    let is_throttled = |fault: &Fault| fault.kind == FaultKind::Throttled;
    (|| call()).retry(pauses).sleep(tokio::time::sleep).when(is_throttled).await.map_err(explain)
}

impl Store {
    /// What is announced of a key.
    ///
    /// # Errors
    /// A failed call.
    pub async fn announcement(&self, authority: &CaCertificateId, key: &Key) -> Result<Option<Announcement>> {
        let get = || async {
            self.client
                .get_item()
                .table_name(&self.authorities)
                .key(PARTITION_KEY, AttributeValue::S(authority.to_string()))
                .key(SORT_KEY, AttributeValue::S(key.record()))
                .consistent_read(true)
                .send()
                .await
                .map_err(|error| fault("dynamodb:GetItem", error))
        };
        let item = patiently(get).await?.item;
        Ok(item.and_then(|item| Announcement::of_item(&item)))
    }

    /// Writes an announcement if what is announced of its key is still as it was read: `before`, or nothing.
    ///
    /// # Errors
    /// A failed call.
    pub async fn announce(
        &self,
        authority: &CaCertificateId,
        announcement: &Announcement,
        before: Option<&Announcement>,
    ) -> Result<Announced> {
        let item = announcement.to_item(authority);
        let put = || async {
            let request = self.client.put_item().table_name(&self.authorities).set_item(Some(item.clone()));
            let request = match before {
                None => request.condition_expression("attribute_not_exists(caCertificateId)"),
                Some(before) => request
                    .condition_expression("announcedAt = :before")
                    .expression_attribute_values(":before", AttributeValue::S(before.announced_at.clone())),
            };
            match request.send().await {
                Ok(_) => Ok(Announced::Done),
                Err(error)
                    if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) =>
                {
                    Ok(Announced::Outdated)
                }
                Err(error) => Err(fault("dynamodb:PutItem", error)),
            }
        };
        let announced = patiently(put).await?;
        if announced == Announced::Outdated {
            // The answer to a first try may have been lost.
            let is_own = self.announcement(authority, &announcement.key).await?.as_ref() == Some(announcement);
            return Ok(if is_own { Announced::Done } else { Announced::Outdated });
        }
        Ok(announced)
    }

    /// Everything announced under a CA, names before serial numbers.
    ///
    /// # Errors
    /// A failed call.
    pub async fn announcements(&self, authority: &CaCertificateId) -> Result<Vec<Announcement>> {
        let mut items = self
            .client
            .query()
            .table_name(&self.authorities)
            .key_condition_expression("caCertificateId = :id AND begins_with(#record, :records)")
            .expression_attribute_names("#record", SORT_KEY)
            .expression_attribute_values(":id", AttributeValue::S(authority.to_string()))
            .expression_attribute_values(":records", AttributeValue::S(RECORDS.to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut announcements = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| explain(fault("dynamodb:Query", error)))?;
            announcements.extend(Announcement::of_item(&item));
        }
        Ok(announcements)
    }

    /// Takes an announcement back; tells whether there was one. A certificate that came in by it stays in.
    ///
    /// # Errors
    /// A failed call.
    pub async fn withdraw(&self, authority: &CaCertificateId, key: &Key) -> Result<bool> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.authorities)
            .key(PARTITION_KEY, AttributeValue::S(authority.to_string()))
            .key(SORT_KEY, AttributeValue::S(key.record()))
            .return_values(ReturnValue::AllOld);
        let answer = request.send().await.map_err(|error| explain(fault("dynamodb:DeleteItem", error)))?;
        Ok(answer.attributes.is_some())
    }
}

/// What the sort keys of [`serial_record`] and [`name_record`] begin with.
const RECORDS: &str = "allow#";
const ANNOUNCED_AT: &str = "announcedAt";
const NOTE: &str = "note";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_survive_their_row() {
        let authority: CaCertificateId = "c".repeat(64).parse().unwrap();
        let serial = Announcement {
            key: Key::Serial("0A1B".parse().unwrap()),
            thing_name: Some("pump-17".parse().unwrap()),
            announced_at: "2026-09-01T00:00:00.000Z".to_owned(),
            note: Some("batch 4".to_owned()),
        };
        let name =
            Announcement { key: Key::Name("a:b".parse().unwrap()), thing_name: None, note: None, ..serial.clone() };
        for announcement in [serial, name] {
            assert_eq!(Announcement::of_item(&announcement.to_item(&authority)), Some(announcement));
        }
    }

    #[test]
    fn rows_of_other_kinds_are_no_announcements() {
        for record in ["profile", "crl#x", "allow#serial#zz", "allow#colour#red", "allow#"] {
            assert_eq!(Key::of_record(record), None, "{record}");
        }
    }

    #[test]
    fn announcements_name_their_key_in_json() {
        let announcement = Announcement {
            key: Key::Serial("a1".parse().unwrap()),
            thing_name: None,
            announced_at: "t".to_owned(),
            note: None,
        };
        assert_eq!(
            serde_json::to_value(announcement).unwrap(),
            serde_json::json!({"serial": "a1", "announcedAt": "t"})
        );
    }
}
