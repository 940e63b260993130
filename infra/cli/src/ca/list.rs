//! `jitr ca list` and `jitr ca show`: the registry's side and the stack's side of each CA.

use anyhow::{Context as _, Result};
use aws_sdk_iot::operation::describe_ca_certificate::DescribeCaCertificateOutput;
use serde::Serialize;
use shared::aws::fault;
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::port::{AuthorityStore as _, CrlStates as _};
use shared::profile::Profile;
use shared::timestamp;

use super::crl::{self, SourceState};
use super::find::{find, registered};
use crate::cloud::{Cloud, is_not_found};
use crate::output::{Format, Text, facts, table};
use crate::store::explain;

/// One CA. The status members are missing if AWS IoT does not know the CA, the profile if the stack has none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authority {
    ca_certificate_id: CaCertificateId,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_registration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
    /// What is known of its CRLs; not read for lists of CAs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    crl_states: Vec<SourceState>,
}

pub(super) async fn run(cloud: &Cloud, format: Format) -> Result<()> {
    let mut authorities = Vec::new();
    for id in registered(cloud).await? {
        authorities.push(authority(id, cloud).await?);
    }
    format.print(&authorities, |authorities| {
        if authorities.is_empty() {
            return Text::line("no ca is registered here: see `jitr ca register --help`");
        }
        let header = ["ID", "LABEL", "STATUS", "AUTO-REGISTRATION", "ADMISSION", "TAKE-OVER", "CRL", "VALID UNTIL"];
        table(header, authorities.iter().map(Authority::row))
    })
}

pub(super) async fn show(text: &str, cloud: &Cloud, format: Format) -> Result<()> {
    let mut authority = authority(find(text, cloud).await?, cloud).await?;
    let states = cloud.authorities.crl_states(&authority.ca_certificate_id).await.map_err(explain)?;
    authority.crl_states = states.iter().map(SourceState::new).collect();
    format.print(&authority, Authority::text)
}

async fn authority(id: CaCertificateId, cloud: &Cloud) -> Result<Authority> {
    let described = match cloud.iot.describe_ca_certificate().certificate_id(id.as_str()).send().await {
        Ok(described) => Some(described),
        Err(error) if is_not_found(&error) => None,
        Err(error) => return Err(explain(fault("iot:DescribeCACertificate", error))),
    };
    let profile = cloud.authorities.profile(&id).await.map_err(explain).with_context(|| format!("profile of {id}"))?;
    Ok(Authority::new(id, described, profile))
}

impl Authority {
    fn new(id: CaCertificateId, described: Option<DescribeCaCertificateOutput>, profile: Option<Profile>) -> Self {
        let described = described.and_then(|described| described.certificate_description);
        let pem = described.as_ref().and_then(|described| described.certificate_pem.as_deref());
        let certificate = pem.and_then(|pem| Certificate::from_pem(pem).ok());
        Self {
            ca_certificate_id: id,
            subject: certificate.as_ref().map(|certificate| certificate.subject().text().to_owned()),
            status: described.as_ref().and_then(|d| d.status.as_ref()).map(ToString::to_string),
            auto_registration: described
                .as_ref()
                .and_then(|d| d.auto_registration_status.as_ref())
                .map(ToString::to_string),
            mode: described.as_ref().and_then(|d| d.certificate_mode.as_ref()).map(ToString::to_string),
            not_after: certificate.map(|certificate| timestamp::to_text(certificate.not_after())),
            profile,
            crl_states: Vec::new(),
        }
    }

    fn row(&self) -> [String; 8] {
        let profile = self.profile.clone().unwrap_or_default();
        let day = |time: &String| time.split('T').next().unwrap_or_default().to_owned();
        [
            self.ca_certificate_id.as_str().chars().take(12).collect(),
            profile.label.unwrap_or_else(|| "-".to_owned()),
            self.status.clone().unwrap_or_else(|| "not registered".to_owned()),
            self.auto_registration.clone().unwrap_or_else(|| "-".to_owned()),
            word(&profile.admission.unwrap_or_default()),
            word(&profile.take_over.unwrap_or_default()),
            word(&profile.crl.unwrap_or_default()),
            self.not_after.as_ref().map_or_else(|| "-".to_owned(), day),
        ]
    }

    fn text(&self) -> Text {
        let missing = Profile::default();
        let profile = self.profile.as_ref().unwrap_or(&missing);
        let or_stack = |value: Option<String>| Some(value.unwrap_or_else(|| "as the stack says".to_owned()));
        let keys = profile.keys.clone().unwrap_or_default();
        let mut lines = vec![
            ("id", Some(self.ca_certificate_id.to_string())),
            ("label", profile.label.clone()),
            ("subject", self.subject.clone()),
            ("status", Some(self.status.clone().unwrap_or_else(|| "not registered with AWS IoT".to_owned()))),
            ("auto-registration", self.auto_registration.clone()),
            ("mode", self.mode.clone()),
            ("valid until", self.not_after.clone()),
            ("profile", self.profile.is_none().then(|| "none: the defaults apply".to_owned())),
            ("admission", Some(word(&profile.admission.unwrap_or_default()))),
            ("take-over", Some(word(&profile.take_over.unwrap_or_default()))),
            ("crl", Some(word(&profile.crl.unwrap_or_default()))),
            ("x.509 version", Some(format!("{} or later", profile.min_version.unwrap_or_default()))),
            ("keys", Some(keys.to_string())),
            ("policy", or_stack(profile.policy_name.as_ref().map(ToString::to_string))),
            ("thing name", or_stack(profile.thing_name_template.as_ref().map(ToString::to_string))),
            ("thing type", or_stack(profile.thing_type.as_ref().map(ToString::to_string))),
            ("thing group", or_stack(profile.thing_group.as_ref().map(ToString::to_string))),
        ];
        lines.extend(profile.attributes.iter().map(|(name, value)| ("attribute", Some(format!("{name} = {value}")))));
        lines.extend(
            profile.subject_rules.iter().map(|(field, rule)| ("subject rule", Some(format!("{field} ~ {rule}")))),
        );
        lines.extend(crl::lines(profile, &self.crl_states));
        lines.push(("changed", profile.updated_at.clone()));
        facts(lines)
    }
}

/// A setting as the profile and the flags write it.
fn word(setting: &impl Serialize) -> String {
    serde_json::to_value(setting).ok().and_then(|value| value.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}
