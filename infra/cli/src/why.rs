//! `jitr why`: what was decided about a certificate, when, why, and what can be done about it.

mod advice;
mod file;
mod registry;
mod report;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use shared::id::{CertificateId, Serial, ThingName};
use shared::pki::Certificate;
use shared::port::{Attachments as _, Principal, RegistrationStore as _, ThingRegistry as _};
use shared::registration::RegistrationId;
use time::OffsetDateTime;

use crate::ca::registered;
use crate::cloud::Cloud;
use crate::files::read_certificate;
use crate::numbers;
use crate::output::{Format, Text};
use crate::store::explain;

pub use registry::Registry;
pub use report::Report;

/// What to ask about.
#[derive(Args, Debug)]
pub struct WhyArgs {
    #[command(flatten)]
    about: About,
}

/// A certificate or a thing.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct About {
    /// Certificate id (64 hexadecimal digits), ARN of a certificate, or thing name.
    #[arg(value_name = "CERTIFICATE ID | ARN | THING NAME")]
    subject: Option<String>,
    /// The device's certificate, PEM or DER; the first one of a chain.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// A serial number: 0xa1b, a1:0b, or both bases as OpenSSL prints it. Every registered CA is asked about it.
    #[arg(long, value_parser = numbers::serial)]
    serial: Option<Serial>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The thing asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    thing: Option<ThingAnswer>,
    /// What is known about each certificate.
    certificates: Vec<Report>,
}

/// What AWS IoT has under a thing's name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingAnswer {
    name: ThingName,
    exists: bool,
    /// The registration that it was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<String>,
    /// What is attached to it, certificates by id.
    principals: Vec<String>,
}

/// Answers.
///
/// # Errors
/// What could not be read, with the reason.
pub async fn run(args: WhyArgs, stack: &str, format: Format, now: OffsetDateTime) -> Result<()> {
    let cloud = Cloud::of_stack(stack).await?;
    let asked = Asked { cloud: &cloud, now };
    let answer = match args.about {
        About { cert: Some(path), .. } => asked.of_file(&read_certificate(&path)?).await?,
        About { serial: Some(serial), .. } => asked.of_serial(&serial).await?,
        About { subject: Some(text), .. } => asked.of_text(&text).await?,
        About { .. } => bail!("name a certificate or a thing"),
    };
    format.print(&answer, Answer::text)
}

/// The stack that is asked, and when.
#[derive(Clone, Copy)]
struct Asked<'a> {
    cloud: &'a Cloud,
    now: OffsetDateTime,
}

impl Asked<'_> {
    /// A thing may be named by 64 hexadecimal digits, so that what is no certificate can still be a thing.
    async fn of_text(self, text: &str) -> Result<Answer> {
        if let Ok(id) = id_in(text).parse() {
            let answer = self.of_certificate(&id).await?;
            if answer.certificates.iter().any(Report::is_known) || text.parse::<ThingName>().is_err() {
                return Ok(answer);
            }
            let of_thing = self.of_thing(&text.parse()?).await?;
            return Ok(if of_thing.certificates.is_empty() { answer } else { of_thing });
        }
        self.of_thing(&text.parse()?).await
    }

    async fn of_certificate(self, id: &CertificateId) -> Result<Answer> {
        Ok(Answer { thing: None, certificates: vec![self.gather(id).await?] })
    }

    /// Of a certificate that nobody knows the file itself may tell why.
    async fn of_file(self, certificate: &Certificate) -> Result<Answer> {
        let mut report = self.gather(certificate.id()).await?;
        if !report.is_known()
            && let Some(problem) = file::problem(certificate, self.cloud, self.now).await?
        {
            report.advice = problem;
        }
        Ok(Answer { thing: None, certificates: vec![report] })
    }

    async fn of_serial(self, serial: &Serial) -> Result<Answer> {
        let mut certificates = Vec::new();
        for authority in registered(self.cloud).await? {
            let id = RegistrationId::issued(&authority, serial);
            if let Some(row) = self.cloud.registrations.registration(&id).await.map_err(explain)? {
                certificates.push(self.gather(&row.certificate_id).await?);
            }
        }
        Ok(Answer { thing: None, certificates })
    }

    async fn gather(self, id: &CertificateId) -> Result<Report> {
        report::gather(id, self.cloud, self.now).await
    }

    async fn of_thing(self, name: &ThingName) -> Result<Answer> {
        let cloud = self.cloud;
        let thing = cloud.registry.thing(name).await.map_err(explain)?;
        let principals = match &thing {
            Some(_) => cloud.registry.principals(name).await.map_err(explain)?,
            None => Vec::new(),
        };
        let registration_id = thing.as_ref().and_then(|thing| thing.registration_id.clone());
        let mut ids = BTreeSet::new();
        ids.extend(principals.iter().filter_map(|principal| match principal {
            Principal::Certificate(id) => Some(id.clone()),
            Principal::Other(_) => None,
        }));
        if let Some(id) = &registration_id {
            let row = cloud.registrations.registration(id).await.map_err(explain)?;
            ids.extend(row.map(|row| row.certificate_id));
        }
        // Whoever wanted the name and was kept out is found by its row alone.
        ids.extend(cloud.store.certificates_of_thing(name).await?);
        let mut certificates = Vec::new();
        for id in &ids {
            certificates.push(self.gather(id).await?);
        }
        // The newest decision first: that is usually the one asked about.
        certificates.sort_by(|a, b| b.decided_at().cmp(&a.decided_at()));
        let thing = ThingAnswer {
            name: name.clone(),
            exists: thing.is_some(),
            registration_id: registration_id.map(|id| id.to_string()),
            principals: principals
                .into_iter()
                .map(|principal| match principal {
                    Principal::Certificate(id) => id.to_string(),
                    Principal::Other(arn) => arn,
                })
                .collect(),
        };
        Ok(Answer { thing: Some(thing), certificates })
    }
}

/// The id in the ARN of a certificate; otherwise the text itself.
fn id_in(text: &str) -> &str {
    match text.rsplit_once(":cert/") {
        Some((start, id)) if start.starts_with("arn:") => id,
        _ => text,
    }
}

impl Answer {
    fn text(&self) -> Text {
        let mut parts: Vec<_> = self.thing.iter().map(|thing| Text::line(thing.text())).collect();
        parts.extend(self.certificates.iter().map(Report::text));
        if self.certificates.is_empty() {
            parts.push(advice::nobody().into());
        }
        Text::paragraphs(parts)
    }
}

impl ThingAnswer {
    fn text(&self) -> String {
        let name = &self.name;
        match (self.exists, self.principals.as_slice()) {
            (false, _) => format!("thing {name} does not exist"),
            (true, []) => format!("thing {name} exists, nothing is attached to it"),
            (true, principals) => format!("thing {name} exists, attached to it: {}", principals.join(", ")),
        }
    }
}
