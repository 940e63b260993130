//! The `Registrations` table: each certificate ever decided about, and why.

mod holders;
mod listed;

use aws_config::SdkConfig;
use aws_lc_rs::digest;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use time::{Duration, OffsetDateTime};

use super::error::fault;
use super::row::{self, Conditional, Item, UPDATE, conditional};
use super::update::Update;
use crate::decision::{Decision, Reason, Verdict};
use crate::fault::{Fault, FaultKind};
use crate::pki::crl::CrlNumber;
use crate::port::{Begin, Finish, RegistrationStore, Replaced};
use crate::registration::{Candidate, Registration, RegistrationId};
use crate::text::Detail;
use crate::timestamp;

/// Partition key.
pub const PARTITION_KEY: &str = "registrationId";
/// Longest payload of a rejected event that fits a row whole, in bytes (an item holds 400 KB).
pub const MAX_KEPT_PAYLOAD: usize = 262_144;
/// How long rows are kept that are about no device of this stack: rejected events, certificates of CAs that nobody
/// enrolled. These may be another stack's, and come without end.
const STRANGER_LIFETIME: Duration = Duration::days(90);
/// Attribute that holds when a row expires, in seconds since 1970; the table's Time To Live.
const EXPIRY: &str = "expiresAt";
/// Attribute that holds whom an interrupted activation was replacing.
const REPLACING: &str = "replacing";
const GET: &str = "dynamodb:GetItem";
/// The row is free, or about this certificate.
const OWN_ROW: &str = "(attribute_not_exists(#certificateId) OR #certificateId = :certificateId)";
/// The row is about this certificate, which has neither been replaced nor listed.
const STILL_WELCOME: &str = "#certificateId = :certificateId AND attribute_not_exists(supersededBy) \
    AND NOT #decision IN (:held, :revoked)";
/// No later decision stands in the row.
const NOTHING_LATER: &str = "(attribute_not_exists(#decidedAt) OR #decidedAt <= :decidedAt)";

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

    fn update(&self, id: &RegistrationId) -> Update {
        Update::new(&self.client, &self.table).key(PARTITION_KEY, id.as_str())
    }

    /// The columns that describe the certificate and the verdict about it.
    fn describe(&self, candidate: &Candidate, verdict: &Verdict, now: OffsetDateTime) -> Update {
        let now = timestamp::to_text(now);
        self.update(&candidate.id)
            .set("caCertificateId", candidate.ca_certificate_id.as_str())
            .set("certificateId", candidate.certificate_id.as_str())
            .set("decidedAt", now.clone())
            .set("decision", verdict.decision.as_str())
            .set("detail", verdict.detail.clone())
            .set_once("firstSeenAt", now)
            .set_some("notAfter", candidate.not_after.map(timestamp::to_text))
            .set_some("notBefore", candidate.not_before.map(timestamp::to_text))
            .set("reason", verdict.reason.as_str())
            .set_some("serial", candidate.serial.as_ref().map(ToString::to_string))
            .set_some("subject", candidate.subject.clone())
            .set_some("thingName", candidate.thing_name.as_ref().map(ToString::to_string))
    }

    /// The same at the end of an attempt, which counts. Of a certificate whose CA nobody enrolled, only for a while.
    fn decided(&self, candidate: &Candidate, verdict: &Verdict, now: OffsetDateTime) -> Update {
        let update = self.describe(candidate, verdict, now).count("attempts");
        if verdict.reason == Reason::AuthorityNotEnrolled {
            update.set_number(EXPIRY, now.saturating_add(STRANGER_LIFETIME).unix_timestamp())
        } else {
            update.remove(EXPIRY)
        }
    }
}

impl RegistrationStore for Registrations {
    async fn registration(&self, id: &RegistrationId) -> Result<Option<Registration>, Fault> {
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, AttributeValue::S(id.as_str().to_owned()))
            .consistent_read(true);
        let answer = request.send().await.map_err(|error| fault(GET, error))?;
        answer.item.map(|item| read_registration(GET, item)).transpose()
    }

    async fn begin(&self, candidate: &Candidate, now: OffsetDateTime) -> Result<Begin, Fault> {
        let request = self
            .describe(candidate, &Verdict::activating(), now)
            .remove("supersededAt")
            .remove("supersededBy")
            .build(Some(OWN_ROW))
            .return_values(ReturnValue::AllNew);
        match request.send().await {
            Ok(answer) => {
                let row = answer.attributes.unwrap_or_default();
                let replacing = row.get(REPLACING).and_then(|value| value.as_s().ok());
                Ok(Begin::Begun { replacing: replacing.map(|text| read_replaced(text)) })
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(Begin::SerialReused),
                _ => Err(fault(UPDATE, error)),
            },
        }
    }

    async fn intend_to_replace(&self, candidate: &Candidate, replaced: &Replaced) -> Result<(), Fault> {
        let request = self
            .update(&candidate.id)
            .set("certificateId", candidate.certificate_id.as_str())
            .set(REPLACING, write_replaced(replaced))
            .build(Some("#certificateId = :certificateId"));
        request.send().await.map(|_| ()).map_err(|error| fault(UPDATE, error))
    }

    async fn supersede(&self, replaced: &RegistrationId, by: &Candidate, now: OffsetDateTime) -> Result<(), Fault> {
        let request = self
            .update(replaced)
            .set("supersededAt", timestamp::to_text(now))
            .set("supersededBy", by.certificate_id.as_str())
            .build(Some("attribute_exists(registrationId)"));
        conditional(request.send().await).map(|_| ())
    }

    async fn finish(
        &self,
        candidate: &Candidate,
        verdict: &Verdict,
        crl_number: Option<&CrlNumber>,
        now: OffsetDateTime,
    ) -> Result<Finish, Fault> {
        let request = self
            .describe(candidate, verdict, now)
            .set("activatedAt", timestamp::to_text(now))
            .set_some("crlNumber", crl_number.map(ToString::to_string))
            .count("attempts")
            .given("held", Decision::Held.as_str())
            .given("revoked", Decision::Revoked.as_str())
            .remove("heldAt")
            .remove("lastError")
            .remove("lastErrorAt")
            .remove(REPLACING)
            .remove("revocationReason")
            .build(Some(STILL_WELCOME));
        match conditional(request.send().await)? {
            Conditional::Done(_) => Ok(Finish::Finished),
            Conditional::Failed(row) => outrun(candidate, row),
        }
    }

    async fn record(&self, candidate: &Candidate, verdict: &Verdict, now: OffsetDateTime) -> Result<(), Fault> {
        let condition = format!("{OWN_ROW} AND {NOTHING_LATER}");
        let request = self.decided(candidate, verdict, now).build(Some(&condition));
        let Err(error) = request.send().await else { return Ok(()) };
        let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(fault(UPDATE, error));
        };
        let holder = failed.item().and_then(|item| row::text(item, "certificateId"));
        if holder.is_some_and(|holder| holder != candidate.certificate_id.as_str()) {
            let unproven = RegistrationId::unproven(&candidate.ca_certificate_id, &candidate.certificate_id);
            let candidate = Candidate { id: unproven, ..candidate.clone() };
            let request = self.decided(&candidate, verdict, now).build(None);
            request.send().await.map_err(|error| fault(UPDATE, error))?;
        }
        Ok(())
    }

    async fn note_failure(&self, candidate: &Candidate, failure: &Detail, now: OffsetDateTime) -> Result<(), Fault> {
        let request = self
            .update(&candidate.id)
            .set("certificateId", candidate.certificate_id.as_str())
            .set("lastError", failure.clone())
            .set("lastErrorAt", timestamp::to_text(now))
            .count("attempts")
            .build(Some("#certificateId = :certificateId"));
        // Without a row nothing has been written about the certificate yet: there is nowhere to note it.
        conditional(request.send().await).map(|_| ())
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
            .set_number(EXPIRY, expires.unix_timestamp())
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

/// Reads a row, or names it and the attribute at fault.
fn read_registration(operation: &'static str, item: Item) -> Result<Registration, Fault> {
    let id = row::text(&item, PARTITION_KEY).unwrap_or_default().to_owned();
    row::read(item).map_err(|cause| Fault::new(operation, FaultKind::Invalid, format!("registration {id}: {cause}")))
}

/// What stands in the row that an activation could not complete.
fn outrun(candidate: &Candidate, row: Item) -> Result<Finish, Fault> {
    // A row that has been removed, or given to another certificate, can't tell the CRL checker of this one.
    let own = row::text(&row, "certificateId") == Some(candidate.certificate_id.as_str());
    if !own {
        return Ok(Finish::Superseded);
    }
    // A listing weighs more: whoever was superseded besides is out with it.
    Ok(read_registration(UPDATE, row)?.listing().map_or(Finish::Superseded, Finish::Listed))
}

fn write_replaced(replaced: &Replaced) -> &str {
    match replaced {
        Replaced::Foreign => "foreign",
        Replaced::Registration(id) => id.as_str(),
    }
}

fn read_replaced(text: &str) -> Replaced {
    match text {
        "foreign" => Replaced::Foreign,
        id => Replaced::Registration(RegistrationId::from_text(id)),
    }
}
