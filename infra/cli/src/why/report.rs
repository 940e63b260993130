//! Everything known about one certificate.

use anyhow::Result;
use serde::Serialize;
use shared::aws::fault;
use shared::id::CertificateId;
use shared::port::{CertificateRegistry as _, RegisteredCertificate, RegistrationStore as _};
use shared::registration::Registration;
use shared::timestamp;
use time::OffsetDateTime;

use super::advice;
use super::registry::Registry;
use crate::cloud::Cloud;
use crate::numbers::in_both_bases;
use crate::output::{Text, facts};
use crate::store::explain;

/// What is known about a certificate, and what can be done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// AWS IoT's side; none if it has no such certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<Registry>,
    /// The decisions, newest first.
    pub decisions: Vec<Registration>,
    /// What it means and what the operator can do.
    pub advice: String,
}

/// Reads both sides.
pub(super) async fn gather(id: &CertificateId, cloud: &Cloud, now: OffsetDateTime) -> Result<Report> {
    let registered = cloud.registry.certificate(id).await.map_err(explain)?;
    let registry = match registered {
        Some(registered) => Some(registry(registered, cloud).await?),
        None => None,
    };
    let mut decisions = Vec::new();
    for id in cloud.store.registration_ids(id).await? {
        decisions.extend(cloud.registrations.registration(&id).await.map_err(explain)?);
    }
    decisions.sort_by(|a, b| b.decided_at.cmp(&a.decided_at));
    let advice = advice::advise(id, registry.as_ref(), decisions.first(), (&cloud.stack, now));
    Ok(Report { certificate_id: id.clone(), registry, decisions, advice })
}

async fn registry(registered: RegisteredCertificate, cloud: &Cloud) -> Result<Registry> {
    let mut pages = cloud.iot.list_principal_things().principal(&registered.arn).into_paginator().send();
    let mut things = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| explain(fault("iot:ListPrincipalThings", error)))?;
        things.extend(page.things.unwrap_or_default());
    }
    let mut pages = cloud.iot.list_attached_policies().target(&registered.arn).into_paginator().send();
    let mut policies = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| explain(fault("iot:ListAttachedPolicies", error)))?;
        policies.extend(page.policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_name));
    }
    Ok(Registry { status: registered.status.as_str().to_owned(), things, policies })
}

impl Report {
    /// Whether either side has heard of the certificate.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.registry.is_some() || !self.decisions.is_empty()
    }

    /// When the newest decision was recorded, RFC 3339.
    #[must_use]
    pub fn decided_at(&self) -> Option<&str> {
        self.decisions.first().map(|row| row.decided_at.as_str())
    }

    pub(super) fn text(&self) -> Text {
        let newest = self.decisions.first();
        let registry = match &self.registry {
            None => "no such certificate".to_owned(),
            Some(Registry { status, things, policies }) => {
                format!("{status}, {}, {}", named("thing", things), named("policy", policies))
            }
        };
        let mut lines = vec![
            ("certificate", Some(self.certificate_id.to_string())),
            ("subject", newest.and_then(|row| row.subject.clone())),
            ("CA", newest.map(|row| row.ca_certificate_id.to_string())),
            ("serial", newest.and_then(|row| row.serial.as_deref()).map(in_both_bases)),
            ("valid until", newest.and_then(|row| row.not_after.clone())),
            ("AWS IoT", Some(registry)),
        ];
        if self.decisions.is_empty() {
            lines.push(("decision", Some("none recorded".to_owned())));
        }
        for row in &self.decisions {
            lines.extend(decision(row));
        }
        lines.push(("what to do", Some(self.advice.clone())));
        facts(lines)
    }
}

fn named(kind: &str, names: &[String]) -> String {
    match names {
        [] => format!("no {kind}"),
        names => format!("{kind} {}", names.join(", ")),
    }
}

fn decision(row: &Registration) -> Vec<(&'static str, Option<String>)> {
    let attempts = match row.attempts {
        1 => "1, ".to_owned(),
        attempts => format!("{attempts}, first "),
    };
    let ca = &row.ca_certificate_id;
    let decided_anew = row.current_backoff().map(|backoff| {
        let until = timestamp::to_text(backoff.until());
        format!("at the device's first connection after {until}, or after any change, as by jitr ca retry {ca}")
    });
    let superseded = row.superseded_by.as_ref().map(|by| {
        let at = row.superseded_at.as_deref().unwrap_or("an unknown time");
        format!("by certificate {by} at {at}")
    });
    vec![
        ("decision", Some(format!("{} at {} ({})", row.decision, row.decided_at, row.reason))),
        ("why", (!row.detail.is_empty()).then(|| row.detail.to_string())),
        ("next attempt", decided_anew),
        ("thing name", row.thing_name.as_ref().map(ToString::to_string)),
        ("activated", row.activated_at.clone()),
        ("CRL number", row.crl_number.as_ref().map(ToString::to_string)),
        ("listed as", row.revocation_reason.map(|reason| reason.to_string())),
        ("held", row.held_at.clone()),
        ("revoked", row.revoked_at.clone()),
        ("superseded", superseded),
        ("attempts", (row.attempts > 0).then(|| format!("{attempts}{}", row.first_seen_at))),
        (
            "last error",
            row.last_error
                .as_ref()
                .map(|error| format!("{error} (at {})", row.last_error_at.as_deref().unwrap_or("an unknown time"))),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_as_what_when_why_and_what_to_do() {
        let row: Registration = serde_json::from_value(serde_json::json!({
            "registrationId": format!("{}#a1b", "c".repeat(64)),
            "caCertificateId": "c".repeat(64),
            "certificateId": "d".repeat(64),
            "decidedAt": "2026-09-01T12:00:00.000Z",
            "firstSeenAt": "2026-09-01T11:00:00.000Z",
            "decision": "refused",
            "reason": "not_listed",
            "detail": "the profile admits announced certificates only",
            "attempts": 3,
            "serial": "a1b",
            "subject": "CN=pump-17",
            "thingName": "pump-17",
        }))
        .unwrap();
        let registry = Registry { status: "PENDING_ACTIVATION".to_owned(), things: Vec::new(), policies: Vec::new() };
        let at = OffsetDateTime::UNIX_EPOCH;
        let advice = advice::advise(&row.certificate_id, Some(&registry), Some(&row), ("iot-jitr", at));
        let certificate_id = row.certificate_id.clone();
        let text = Report { certificate_id, registry: Some(registry), decisions: vec![row], advice }.text();
        for line in [
            "AWS IoT      PENDING_ACTIVATION, no thing, no policy",
            "decision     refused at 2026-09-01T12:00:00.000Z (not_listed)",
            "why          the profile admits announced certificates only",
            "attempts     3, first 2026-09-01T11:00:00.000Z",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(text.contains("jitr allow add"), "{text}");
        assert!(!text.contains("CRL number") && !text.contains("listed as"), "{text}");
    }

    #[test]
    fn a_listing_tells_the_crl_and_when_it_was_carried_out() {
        let row: Registration = serde_json::from_value(serde_json::json!({
            "registrationId": format!("{}#a1b", "c".repeat(64)),
            "caCertificateId": "c".repeat(64),
            "certificateId": "d".repeat(64),
            "crlNumber": "1f",
            "decidedAt": "2026-09-01T12:00:00.000Z",
            "decision": "revoked",
            "heldAt": "2026-08-01T12:00:00.000Z",
            "reason": "certificate_revoked",
            "revocationReason": "keyCompromise",
            "revokedAt": "2026-09-01T12:00:01.000Z",
        }))
        .unwrap();
        let text = facts(decision(&row));
        for line in [
            "CRL number  1f",
            "listed as   keyCompromise",
            "held        2026-08-01T12:00:00.000Z",
            "revoked     2026-09-01T12:00:01.000Z",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
