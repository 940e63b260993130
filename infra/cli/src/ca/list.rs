//! `jitr ca list` and `jitr ca show`: the registry's side and the stack's side of each CA.

use anyhow::{Context as _, Result};
use serde::Serialize;
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::port::{AuthorityStore as _, CrlStates as _};
use shared::profile::Profile;
use shared::timestamp;

use super::crl::{self, SourceState};
use super::find::{find, registered};
use super::registered::{Described, Registered, describe};
use crate::cloud::Cloud;
use crate::output::{Format, Text, facts, table};
use crate::store::explain;

/// One CA. The members of its registration are missing if AWS IoT does not know the CA, the profile if the stack has none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authority {
    ca_certificate_id: CaCertificateId,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(flatten)]
    registered: Option<Registered>,
    /// Whether an operator has enrolled it, so that the stack serves it.
    enrolled: bool,
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
            return Text::line("no CA is registered here: see `jitr ca register --help`");
        }
        let header =
            ["ID", "LABEL", "ENROLLED", "STATUS", "AUTO-REGISTRATION", "ADMISSION", "TAKE-OVER", "CRL", "VALID UNTIL"];
        let rows = table(header, authorities.iter().map(Authority::row));
        match authorities.iter().filter(|authority| authority.is_left_alone()).count() {
            0 => rows,
            count => Text::stack([rows, left_alone(count)]),
        }
    })
}

pub(super) async fn show(text: &str, cloud: &Cloud, format: Format) -> Result<()> {
    let mut authority = authority(find(text, cloud).await?, cloud).await?;
    let states = cloud.authorities.crl_states(&authority.ca_certificate_id).await.map_err(explain)?;
    authority.crl_states = states.iter().map(SourceState::new).collect();
    format.print(&authority, Authority::text)
}

/// What it means that CAs register devices and are not enrolled.
fn left_alone(count: usize) -> Text {
    let cas = if count == 1 { "1 ca registers".to_owned() } else { format!("{count} CAs register") };
    let verb = if count == 1 { "is" } else { "are" };
    Text::line(format_args!(
        "{cas} devices and {verb} not enrolled, so that this stack leaves the devices alone: see `jitr ca enrol --help`"
    ))
}

async fn authority(id: CaCertificateId, cloud: &Cloud) -> Result<Authority> {
    let described = describe(&id, cloud).await?;
    let profile = cloud.authorities.profile(&id).await.map_err(explain).with_context(|| format!("profile of {id}"))?;
    Ok(Authority::new(id, described, profile))
}

impl Authority {
    fn new(id: CaCertificateId, described: Option<Described>, profile: Option<Profile>) -> Self {
        let certificate = described.as_ref().and_then(|described| Certificate::from_pem(&described.pem).ok());
        Self {
            ca_certificate_id: id,
            subject: certificate.as_ref().map(|certificate| certificate.subject().text().to_owned()),
            registered: described.map(|described| described.registered),
            enrolled: profile.as_ref().is_some_and(Profile::is_enrolled),
            not_after: certificate.map(|certificate| timestamp::to_text(certificate.not_after())),
            profile,
            crl_states: Vec::new(),
        }
    }

    /// Whether AWS IoT registers devices of the CA, and the stack refuses them.
    fn is_left_alone(&self) -> bool {
        !self.enrolled && self.registered.as_ref().is_some_and(Registered::registers_devices)
    }

    fn row(&self) -> [String; 9] {
        let profile = self.profile.clone().unwrap_or_default();
        let missing = || "-".to_owned();
        let rule = |word: String| if self.enrolled { word } else { missing() };
        let registered = self.registered.as_ref();
        let day = |time: &String| time.split('T').next().unwrap_or_default().to_owned();
        [
            self.ca_certificate_id.as_str().chars().take(12).collect(),
            profile.label.unwrap_or_else(missing),
            if self.enrolled { "yes" } else { "no" }.to_owned(),
            registered.map_or_else(|| "not registered".to_owned(), |registered| registered.status.clone()),
            registered.map_or_else(missing, |registered| registered.auto_registration.clone()),
            rule(word(&profile.admission.unwrap_or_default())),
            rule(word(&profile.take_over.unwrap_or_default())),
            rule(word(&profile.crl.unwrap_or_default())),
            self.not_after.as_ref().map_or_else(missing, day),
        ]
    }

    fn text(&self) -> Text {
        let mut lines = self.registration();
        match &self.profile {
            Some(profile) if self.enrolled => lines.extend(self.rules(profile)),
            _ => {
                let id = &self.ca_certificate_id;
                let enrolled = format!("no, this stack leaves its devices alone: jitr ca enrol {id}");
                lines.push(("enrolled", Some(enrolled)));
            }
        }
        facts(lines)
    }

    fn registration(&self) -> Vec<(&'static str, Option<String>)> {
        let registered = self.registered.as_ref();
        let status = registered.map_or("not registered with AWS IoT", |registered| &registered.status);
        vec![
            ("id", Some(self.ca_certificate_id.to_string())),
            ("label", self.profile.as_ref().and_then(|profile| profile.label.clone())),
            ("subject", self.subject.clone()),
            ("status", Some(status.to_owned())),
            ("auto-registration", registered.map(|registered| registered.auto_registration.clone())),
            ("mode", registered.and_then(|registered| registered.mode.clone())),
            ("warning", registered.and_then(|registered| registered.warning(&self.ca_certificate_id))),
            ("valid until", self.not_after.clone()),
        ]
    }

    fn rules(&self, profile: &Profile) -> Vec<(&'static str, Option<String>)> {
        let or_stack = |value: Option<String>| Some(value.unwrap_or_else(|| "as the stack says".to_owned()));
        let keys = profile.keys.clone().unwrap_or_default();
        let mut lines = vec![
            ("enrolled", profile.enrolled_at.clone()),
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
        lines
    }
}

/// A setting as the profile and the flags write it.
fn word(setting: &impl Serialize) -> String {
    serde_json::to_value(setting).ok().and_then(|value| value.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}
