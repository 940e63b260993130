//! The `Authorities` table: what the operator says about each CA.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use time::OffsetDateTime;

use super::error::fault;
use super::row::conditional;
use super::update::Update;
use crate::fault::{Fault, FaultKind};
use crate::id::{CaCertificateId, Serial, ThingName};
use crate::port::{Announcement, AuthorityStore};
use crate::profile::{PROFILE_RECORD, Profile, too_new};
use crate::timestamp;

pub use super::crl_states::{RECORD_INDEX, crl_record};

/// Partition key.
pub const PARTITION_KEY: &str = "caCertificateId";
/// Sort key.
pub const SORT_KEY: &str = "record";
/// Attribute of an announcement of a serial number that binds it to one thing name.
pub const ANNOUNCED_THING_NAME: &str = "thingName";

/// Sort key of the announcement of a serial number.
#[must_use]
pub fn serial_record(serial: &Serial) -> String {
    format!("allow#serial#{serial}")
}

/// Sort key of the announcement of a thing name.
#[must_use]
pub fn name_record(name: &ThingName) -> String {
    format!("allow#name#{name}")
}

/// Reads a profile from its row.
///
/// # Errors
/// A text that names the attribute at fault.
#[expect(clippy::implicit_hasher, reason = "the SDK's items come with the standard hasher")]
pub fn read_profile(mut item: HashMap<String, AttributeValue>) -> Result<Profile, String> {
    item.remove(PARTITION_KEY);
    item.remove(SORT_KEY);
    // A later one may have members that can't be told from mistakes.
    let version = item.get("version").and_then(|version| version.as_n().ok()?.parse().ok());
    if let Some(problem) = version.and_then(too_new) {
        return Err(format!("profile: {problem}"));
    }
    let row: serde_json::Value = serde_dynamo::from_item(item).map_err(|error| error.to_string())?;
    serde_path_to_error::deserialize(row)
        .map_err(|error| format!("profile, attribute {}: {}", error.path(), error.inner()))
}

/// The table.
#[derive(Clone, Debug)]
pub struct Authorities {
    pub(super) client: Client,
    pub(super) table: String,
}

impl Authorities {
    /// Makes the client; no request is sent.
    #[must_use]
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self { client: Client::new(config), table: table.into() }
    }

    /// Opens the connection before the first event needs it, by reading a row that does not exist. Bounded in time.
    ///
    /// # Errors
    /// A [`Fault`] if the read failed; the connection is then made later.
    pub async fn prewarm(&self, within: Duration) -> Result<(), Fault> {
        match tokio::time::timeout(within, self.item("prewarm", PROFILE_RECORD)).await {
            Ok(read) => read.map(|_| ()),
            Err(elapsed) => Err(Fault::new("dynamodb:GetItem", FaultKind::Unavailable, elapsed)),
        }
    }

    /// Consistent: what the operator wrote a moment ago counts.
    pub(super) async fn item(
        &self,
        partition: &str,
        sort: &str,
    ) -> Result<Option<HashMap<String, AttributeValue>>, Fault> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, AttributeValue::S(partition.to_owned()))
            .key(SORT_KEY, AttributeValue::S(sort.to_owned()))
            .consistent_read(true);
        Box::pin(request.send()).await.map(|answer| answer.item).map_err(|error| fault("dynamodb:GetItem", error))
    }

    async fn announcement(&self, authority: &CaCertificateId, record: &str) -> Result<Option<Announcement>, Fault> {
        let Some(item) = self.item(authority.as_str(), record).await? else { return Ok(None) };
        let thing_name = match item.get(ANNOUNCED_THING_NAME).map(|value| value.as_s()) {
            None => None,
            Some(Ok(text)) => Some(text.parse().map_err(|error| broken(record, error))?),
            Some(Err(_)) => return Err(broken(record, "attribute thingName is not a string")),
        };
        Ok(Some(Announcement { thing_name }))
    }
}

fn broken(record: &str, cause: impl std::fmt::Display) -> Fault {
    Fault::new("dynamodb:GetItem", FaultKind::Invalid, format!("row {record}: {cause}"))
}

impl AuthorityStore for Authorities {
    async fn profile(&self, id: &CaCertificateId) -> Result<Option<Profile>, Fault> {
        let item = self.item(id.as_str(), PROFILE_RECORD).await?;
        item.map(read_profile).transpose().map_err(|cause| broken(PROFILE_RECORD, cause))
    }

    async fn keep_authority(&self, id: &CaCertificateId, pem: &str, now: OffsetDateTime) -> Result<(), Fault> {
        let now = timestamp::to_text(now);
        Update::new(&self.client, &self.table)
            .key(PARTITION_KEY, id.as_str())
            .key(SORT_KEY, PROFILE_RECORD)
            .set_once("caPem", pem)
            .set_once("createdAt", now.clone())
            .set("updatedAt", now)
            .build(None)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| fault("dynamodb:UpdateItem", error))
    }

    async fn renew_decisions(&self, id: &CaCertificateId, now: OffsetDateTime) -> Result<(), Fault> {
        let request = Update::new(&self.client, &self.table)
            .key(PARTITION_KEY, id.as_str())
            .key(SORT_KEY, PROFILE_RECORD)
            .set("updatedAt", timestamp::to_text(now))
            .name(PARTITION_KEY)
            .build(Some("attribute_exists(#caCertificateId)"));
        conditional(Box::pin(request.send()).await).map(|_| ())
    }

    async fn announced_serial(&self, id: &CaCertificateId, serial: &Serial) -> Result<Option<Announcement>, Fault> {
        self.announcement(id, &serial_record(serial)).await
    }

    async fn announced_name(&self, id: &CaCertificateId, name: &ThingName) -> Result<Option<Announcement>, Fault> {
        self.announcement(id, &name_record(name)).await
    }
}
