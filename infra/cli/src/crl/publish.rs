//! `jitr crl publish`: a CRL into the bucket from which the CRL checker fetches it.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use aws_sdk_s3::primitives::ByteStream;
use clap::Args;
use serde::Serialize;
use shared::aws::fault;
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlFault, CrlNumber};
use shared::port::AuthorityStore as _;
use shared::profile::Profile;
use shared::revocation::{CrlSource, Location};
use shared::timestamp;
use time::OffsetDateTime;

use super::list::read_crl;
use crate::ca::{command_for, find};
use crate::cloud::{Cloud, is_not_found};
use crate::files::read_bytes;
use crate::output::{Format, Text};
use crate::store::explain;

/// A CRL to be published.
#[derive(Args, Debug)]
pub struct PublishArgs {
    /// The CRL, DER or PEM.
    file: PathBuf,
    /// The CA's certificate id, the beginning of it, or its label.
    #[arg(long)]
    ca: String,
    /// Where to put it; by default the first s3:// source of the CA's profile.
    #[arg(long, value_name = "S3://BUCKET/KEY", value_parser = object)]
    to: Option<CrlSource>,
    /// Publish it although the CRL checker will not let it count.
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    ca_certificate_id: CaCertificateId,
    published: CrlSource,
    /// Whether the profile names this place, so that the CRL checker looks there.
    in_profile: bool,
    /// Why it will not count; none if it will.
    unusable: Option<&'static str>,
    crl_number: Option<CrlNumber>,
    this_update: Option<String>,
    next_update: Option<String>,
    entries: Option<u64>,
}

pub(super) async fn run(args: &PublishArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let octets = read_bytes(&args.file)?;
    let id = find(&args.ca, cloud).await?;
    let profile = cloud.authorities.profile(&id).await.map_err(explain)?.unwrap_or_default();
    let command = command_for(Some(&profile));
    let target = target(args.to.as_ref(), &profile, &id)?;
    let Location::Bucket { bucket, key } = target.location() else { bail!("{target} is no place in S3") };
    let authority = registered(&id, &profile, cloud).await?;
    let (crl, unusable) = verify(args, &octets, &authority, now)?;
    let request = cloud.s3.put_object().bucket(bucket).key(key).content_type("application/pkix-crl");
    let request = request.body(ByteStream::from(octets));
    let written = request.send().await.map_err(|error| explain(fault("s3:PutObject", error)));
    written.with_context(|| format!("{target} cannot be written"))?;
    let answer = Answer {
        ca_certificate_id: id,
        in_profile: profile.crl_sources.contains(&target),
        published: target,
        unusable,
        crl_number: crl.as_ref().and_then(|crl| crl.number().cloned()),
        this_update: crl.as_ref().map(|crl| timestamp::to_text(crl.this_update())),
        next_update: crl.as_ref().map(|crl| timestamp::to_text(crl.next_update())),
        entries: crl.as_ref().map(Crl::entries),
    };
    format.print(&answer, |answer| answer.text(command))
}

/// A place for a CRL that can be written: an object in S3.
fn object(text: &str) -> Result<CrlSource> {
    let source: CrlSource = text.parse()?;
    match source.location() {
        Location::Bucket { .. } => Ok(source),
        Location::Web { .. } => bail!("only s3:// can be written to"),
    }
}

fn target(given: Option<&CrlSource>, profile: &Profile, id: &CaCertificateId) -> Result<CrlSource> {
    let is_bucket = |source: &&CrlSource| matches!(source.location(), Location::Bucket { .. });
    given.or_else(|| profile.crl_sources.iter().find(is_bucket)).cloned().with_context(|| {
        let command = command_for(Some(profile));
        format!("the profile of {id} names no s3:// source: say where with --to, or {command} {id} --crl-source URL")
    })
}

/// The CA certificate as AWS IoT has it; the profile's copy if AWS IoT has forgotten it.
async fn registered(id: &CaCertificateId, profile: &Profile, cloud: &Cloud) -> Result<Certificate> {
    let pem = match cloud.iot.describe_ca_certificate().certificate_id(id.as_str()).send().await {
        Ok(answer) => answer.certificate_description.and_then(|described| described.certificate_pem),
        Err(error) if is_not_found(&error) => profile.ca_pem.clone(),
        Err(error) => return Err(explain(fault("iot:DescribeCACertificate", error))),
    };
    let pem = pem.with_context(|| format!("aws iot has no ca {id}"))?;
    Certificate::from_pem(&pem).with_context(|| format!("the certificate of ca {id} is not usable"))
}

/// The CRL as far as it can be believed, and why it will not count, which is an error unless it is forced.
fn verify(
    args: &PublishArgs,
    octets: &[u8],
    authority: &Certificate,
    now: OffsetDateTime,
) -> Result<(Option<Crl>, Option<&'static str>)> {
    let read = read_crl(octets, authority, now, |_| ())?;
    let fault: Option<CrlFault> = match &read {
        Ok(crl) => crl.check_current(now).err(),
        Err(fault) => Some(fault.clone()),
    };
    let reason = fault.as_ref().map(|fault| fault.reason().as_str());
    match fault {
        Some(fault) if !args.force => {
            let reason = fault.reason();
            let what = format!("{} is unusable ({reason}), --force publishes it all the same", args.file.display());
            Err(anyhow::Error::new(fault).context(what))
        }
        _ => Ok((read.ok(), reason)),
    }
}

impl Answer {
    fn text(&self, command: &str) -> Text {
        let (id, place) = (&self.ca_certificate_id, &self.published);
        let number = self.crl_number.as_ref().map_or_else(|| "without number".to_owned(), ToString::to_string);
        let mut lines = vec![match (&self.next_update, self.entries) {
            (Some(next), Some(entries)) => {
                format!("published crl {number} with {entries} entries to {place}, good until {next}")
            }
            _ => format!("published to {place} without being verified"),
        }];
        lines.extend(self.unusable.map(|reason| format!("it will not count: {reason}")));
        lines.push(if self.in_profile {
            format!("the crl checker takes it up with its next run, or at once: jitr sweep --ca {id}")
        } else {
            format!("the profile does not name that place, add it: {command} {id} --crl-source {place}")
        });
        Text::lines(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(sources: &[&str]) -> Profile {
        let crl_sources = sources.iter().map(|source| source.parse().unwrap()).collect();
        Profile { crl_sources, ..Profile::default() }
    }

    #[test]
    fn the_first_place_in_s3_is_the_default() {
        let id = "c".repeat(64).parse().unwrap();
        let profile_of_three = profile(&["https://crl.example.com/1.crl", "s3://lists/1.crl", "s3://lists/2.crl"]);
        assert_eq!(target(None, &profile_of_three, &id).unwrap().as_str(), "s3://lists/1.crl");
        let given = "s3://other/3.crl".parse().unwrap();
        assert_eq!(target(Some(&given), &profile_of_three, &id).unwrap(), given);
        let fault = target(None, &profile(&["https://crl.example.com/1.crl"]), &id).unwrap_err();
        assert!(fault.to_string().contains("--to"), "{fault}");
    }

    #[test]
    fn only_s3_can_be_written_to() {
        assert!(object("s3://lists/fleet.crl").is_ok());
        for text in ["https://crl.example.com/fleet.crl", "s3://lists", "fleet.crl"] {
            assert!(object(text).is_err(), "{text}");
        }
    }
}
