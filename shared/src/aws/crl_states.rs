//! The states of CRLs in the `Authorities` table: one row `crl#<source>` each, beside the profile of the CA.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use time::OffsetDateTime;

use super::authorities::{Authorities, PARTITION_KEY, SORT_KEY};
use super::error::fault;
use super::row::{self, Conditional, Item, UPDATE, conditional};
use super::update::Update;
use crate::fault::{Fault, FaultKind};
use crate::id::CaCertificateId;
use crate::port::{CrlPublication, CrlStates};
use crate::profile::PROFILE_RECORD;
use crate::revocation::{
    ALL_AUTHORITIES, COMPARISON_RECORD, CRL_RECORD, CheckFault, Comparison, CrlSource, CrlState, PublishedCrl,
    Validators,
};
use crate::timestamp;

/// Name of the index of the `Authorities` table by `record`, then `caCertificateId`, with `crlHosts`, `crlSources` and `enrolledAt`.
pub const RECORD_INDEX: &str = "byRecord";

const QUERY: &str = "dynamodb:Query";

/// Sort key of the state of a source's CRL.
#[must_use]
pub fn crl_record(source: &CrlSource) -> String {
    format!("{CRL_RECORD}{source}")
}

impl Authorities {
    fn update_state(&self, id: &CaCertificateId, source: &CrlSource) -> Update {
        Update::new(&self.client, &self.table).key(PARTITION_KEY, id.as_str()).key(SORT_KEY, &crl_record(source))
    }

    /// The profiles that pass a filter, by the keys alone.
    fn profiles(&self, filter: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .index_name(RECORD_INDEX)
            .key_condition_expression("#record = :profile")
            .filter_expression(filter)
            .projection_expression("#authority")
            .expression_attribute_names("#authority", PARTITION_KEY)
            .expression_attribute_names("#enrolled", "enrolledAt")
            .expression_attribute_names("#record", SORT_KEY)
            .expression_attribute_values(":profile", AttributeValue::S(PROFILE_RECORD.to_owned()))
    }
}

async fn authorities_of(profiles: QueryFluentBuilder) -> Result<Vec<CaCertificateId>, Fault> {
    let mut pages = profiles.into_paginator().send();
    let mut authorities = Vec::new();
    while let Some(page) = pages.next().await {
        for item in page.map_err(|error| fault(QUERY, error))?.items.unwrap_or_default() {
            let id = row::text(&item, PARTITION_KEY).unwrap_or_default();
            let broken = |error| Fault::new(QUERY, FaultKind::Invalid, format!("profile of {id:?}: {error}"));
            authorities.push(id.parse().map_err(broken)?);
        }
    }
    Ok(authorities)
}

impl CrlStates for Authorities {
    async fn crl_states(&self, id: &CaCertificateId) -> Result<Vec<CrlState>, Fault> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#authority = :authority AND begins_with(#record, :crl)")
            .expression_attribute_names("#authority", PARTITION_KEY)
            .expression_attribute_names("#record", SORT_KEY)
            .expression_attribute_values(":authority", AttributeValue::S(id.as_str().to_owned()))
            .expression_attribute_values(":crl", AttributeValue::S(CRL_RECORD.to_owned()))
            .into_paginator()
            .send();
        let mut states = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(|error| fault(QUERY, error))?.items.unwrap_or_default() {
                states.extend(state(id, item));
            }
        }
        Ok(states)
    }

    async fn request_crl(&self, id: &CaCertificateId, source: &CrlSource) -> Result<(), Fault> {
        let state = CrlState::new(source.clone());
        let request = self
            .update_state(id, source)
            .set("source", source.as_str())
            .set_value("validators", row::attribute(UPDATE, &state.validators)?)
            .set_number("version", state.version)
            .name(SORT_KEY)
            .build(Some("attribute_not_exists(#record)"));
        conditional(request.send().await).map(|_| ())
    }
}

impl CrlPublication for Authorities {
    async fn authorities_with_crls(&self) -> Result<Vec<CaCertificateId>, Fault> {
        let filter = "attribute_exists(#enrolled) AND (attribute_exists(#sources) OR attribute_exists(#hosts))";
        let query = self.profiles(filter);
        let query =
            query.expression_attribute_names("#hosts", "crlHosts").expression_attribute_names("#sources", "crlSources");
        authorities_of(query).await
    }

    async fn enrolled_authorities(&self) -> Result<Vec<CaCertificateId>, Fault> {
        authorities_of(self.profiles("attribute_exists(#enrolled)")).await
    }

    async fn record_check(
        &self,
        id: &CaCertificateId,
        source: &CrlSource,
        validators: &Validators,
        problem: Option<&CheckFault>,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        let checked = self
            .update_state(id, source)
            .set("checkedAt", timestamp::to_text(now))
            .set("source", source.as_str())
            .set_value_once("version", AttributeValue::N("0".to_owned()));
        let request = match problem {
            // The validators stay those of the CRL that counts: sent with the next request, they must not make the
            // source say "unchanged" about an answer that was refused.
            Some(problem) => checked.set_value("lastError", row::attribute(UPDATE, problem)?),
            None => checked.set_value("validators", row::attribute(UPDATE, validators)?).remove("lastError"),
        };
        request.build(None).send().await.map(|_| ()).map_err(|error| fault(UPDATE, error))
    }

    async fn publish(
        &self,
        id: &CaCertificateId,
        source: &CrlSource,
        version: u64,
        crl: &PublishedCrl,
        validators: &Validators,
        now: OffsetDateTime,
    ) -> Result<bool, Fault> {
        let next = version.saturating_add(1);
        let condition = match version {
            0 => "(attribute_not_exists(#version) OR #version = :expected)",
            _ => "#version = :expected",
        };
        let request = self
            .update_state(id, source)
            .set("checkedAt", timestamp::to_text(now))
            .set_value("current", row::attribute(UPDATE, crl)?)
            .set("source", source.as_str())
            .set_value("validators", row::attribute(UPDATE, validators)?)
            .set_number("version", next)
            .given_number("expected", version)
            .remove("lastError")
            .build(Some(condition));
        Ok(match conditional(request.send().await)? {
            Conditional::Done(_) => true,
            // The answer to the first try was lost, and the second found what the first had written.
            Conditional::Failed(row) => {
                number(&row, "version").is_some_and(|version| version == next.to_string())
                    && snapshot_key(row.get("current").and_then(|crl| crl.as_m().ok()?.get("snapshot")))
                        == Some(&crl.snapshot.key)
            }
        })
    }

    async fn record_progress(&self, id: &CaCertificateId, state: &CrlState) -> Result<bool, Fault> {
        let next = state.step.saturating_add(1);
        let update = self.update_state(id, &state.source).set_number("step", next);
        let update = set_or_remove(update, "applied", state.applied.as_ref())?;
        let update = set_or_remove(update, "progress", state.progress.as_ref())?;
        let update = set_or_remove(update, "retry", Some(&state.retry).filter(|retry| !retry.is_empty()))?;
        let request = match state.step {
            // A row that has been removed must not come back as a fragment.
            0 => update.name("source").build(Some("attribute_exists(#source) AND attribute_not_exists(#step)")),
            step => update.given_number("expected", step).build(Some("#step = :expected")),
        };
        Ok(match conditional(request.send().await)? {
            Conditional::Done(_) => true,
            Conditional::Failed(row) if row.is_empty() => false,
            // The answer to the first try was lost, and the second found what the first had written.
            Conditional::Failed(row) => {
                let found = read_state(id, row)?;
                let same =
                    (&found.applied, &found.progress, &found.retry) == (&state.applied, &state.progress, &state.retry);
                found.step == next && same
            }
        })
    }

    async fn comparison(&self, authority: Option<&CaCertificateId>) -> Result<Comparison, Fault> {
        let partition = comparison_partition(authority);
        let Some(item) = self.item(partition, COMPARISON_RECORD).await? else { return Ok(Comparison::default()) };
        read_comparison(partition, item)
    }

    async fn record_comparison(
        &self,
        authority: Option<&CaCertificateId>,
        comparison: &Comparison,
    ) -> Result<bool, Fault> {
        let partition = comparison_partition(authority);
        let next = comparison.step.saturating_add(1);
        let update = Update::new(&self.client, &self.table)
            .key(PARTITION_KEY, partition)
            .key(SORT_KEY, COMPARISON_RECORD)
            .set_value("again", AttributeValue::Bool(comparison.again))
            .set_value("due", AttributeValue::Bool(comparison.due))
            .set_number("step", next);
        let update = set_or_remove(update, "from", comparison.from.as_ref())?;
        let request = match comparison.step {
            0 => update.build(Some("attribute_not_exists(#step)")),
            step => update.given_number("expected", step).build(Some("#step = :expected")),
        };
        Ok(match conditional(request.send().await)? {
            Conditional::Done(_) => true,
            Conditional::Failed(row) => {
                read_comparison(partition, row)? == Comparison { step: next, ..comparison.clone() }
            }
        })
    }
}

fn set_or_remove(update: Update, name: &str, value: Option<&impl Serialize>) -> Result<Update, Fault> {
    Ok(match value {
        Some(value) => update.set_value(name, row::attribute(UPDATE, value)?),
        None => update.remove(name),
    })
}

fn comparison_partition(authority: Option<&CaCertificateId>) -> &str {
    authority.map_or(ALL_AUTHORITIES, CaCertificateId::as_str)
}

fn read_comparison(partition: &str, item: Item) -> Result<Comparison, Fault> {
    let broken =
        |cause| Fault::new("dynamodb:GetItem", FaultKind::Invalid, format!("comparison of {partition}: {cause}"));
    row::read(item).map_err(broken)
}

/// What a row says about the source of its key. One that can't be read says only that: the other sources of its CA count
/// all the same. None if the key names no source, which nobody can follow.
fn state(id: &CaCertificateId, item: Item) -> Option<CrlState> {
    let record = row::text(&item, SORT_KEY)?.to_owned();
    let source: CrlSource = record.strip_prefix(CRL_RECORD)?.parse().ok()?;
    let problem = match row::read::<CrlState>(item) {
        Ok(state) if state.source == source => return Some(state),
        Ok(_) => "attribute source: it is not the one of the key".to_owned(),
        Err(cause) => cause,
    };
    Some(CrlState::unreadable(source, format_args!("row {record} of {id}: {problem}")))
}

fn read_state(id: &CaCertificateId, item: Item) -> Result<CrlState, Fault> {
    let record = row::text(&item, SORT_KEY).unwrap_or_default().to_owned();
    row::read(item).map_err(|cause| Fault::new(QUERY, FaultKind::Invalid, format!("row {record} of {id}: {cause}")))
}

fn number<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_n().ok()).map(String::as_str)
}

fn snapshot_key(object: Option<&AttributeValue>) -> Option<&String> {
    object?.as_m().ok()?.get("key")?.as_s().ok()
}
