//! `jitr crl publish`: a CRL into the bucket from which the CRL checker fetches it.

mod changes;
mod object;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;
use shared::aws::fault;
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlFault, CrlNumber, Entry};
use shared::port::{AuthorityStore as _, CrlStates as _};
use shared::profile::Profile;
use shared::revocation::{CrlSource, DEFAULT_MINIMUM_SHARE, Former, Location, PublishedCrl, may_follow};
use shared::timestamp;
use time::OffsetDateTime;

use self::changes::{Change, Listed};
use super::list::read_crl;
use crate::ca::{command_for, find};
use crate::cloud::{Cloud, is_not_found};
use crate::deployed::{Told, setting};
use crate::files::read_bytes;
use crate::numbers::in_both_bases;
use crate::output::{Format, Problems, Text};
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
    /// Publish it although the CRL checker will not let it count, or though it looks like a step back.
    #[arg(long)]
    force: bool,
    /// Tell what would change, and publish nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    ca_certificate_id: CaCertificateId,
    /// Whether nothing was changed, because only the plan was asked for.
    dry_run: bool,
    /// Where it is.
    published: CrlSource,
    /// Whether the very same list was there already.
    unchanged: bool,
    /// Entries that come, go, or have another reason, against the list that was there.
    changes: Vec<Change>,
    /// Whether the profile names this place, so that the CRL checker looks there.
    in_profile: bool,
    /// Why it will not count; none if it will.
    unusable: Option<&'static str>,
    crl_number: Option<CrlNumber>,
    this_update: Option<String>,
    next_update: Option<String>,
    entries: Option<u64>,
}

/// A CRL as far as it can be believed.
struct Read {
    /// The list; none if nothing of it is believed.
    crl: Option<Crl>,
    entries: Listed,
    /// Why it does not count; none if it does.
    fault: Option<CrlFault>,
}

pub(super) async fn run(args: &PublishArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let octets = read_bytes(&args.file)?;
    let id = find(&args.ca, cloud).await?;
    let profile = cloud.authorities.profile(&id).await.map_err(explain)?.unwrap_or_default();
    let command = command_for(Some(&profile));
    let target = target(args.to.as_ref(), &profile, &id)?;
    let Location::Bucket { bucket, key } = target.location() else { bail!("{target} is no place in S3") };
    let authority = registered(&id, &profile, cloud).await?;
    let list = read(&octets, &authority, now)?;
    let found = object::read(bucket, key, cloud).await?;
    let there = found.as_ref().map(|found| read(&found.octets, &authority, now)).transpose()?;
    let unchanged = found.as_ref().is_some_and(|found| found.octets == octets);
    if !args.force {
        let published = published(&id, &target, cloud).await?;
        let share = minimum_share(cloud).await?;
        let problems = problems(&list, there.as_ref().filter(|_| !unchanged), published.as_ref(), share);
        if !problems.is_empty() {
            let summary = format!("{} is not published, --force does it all the same", args.file.display());
            return Err(Problems::new(summary, problems).into());
        }
    }
    let before = there.map(|there| there.entries).unwrap_or_default();
    let changes = changes::changes(&id, &before, &list.entries, cloud).await?;
    if !changes.is_empty() {
        format.say(Text::lines(changes::lines(&changes)));
    }
    if !args.dry_run && !unchanged {
        object::replace(bucket, key, octets, found.as_ref(), cloud).await?;
    }
    let crl = list.crl.as_ref();
    let answer = Answer {
        ca_certificate_id: id,
        dry_run: args.dry_run,
        unchanged,
        changes,
        in_profile: profile.crl_sources.contains(&target),
        published: target,
        unusable: list.fault.map(|fault| fault.reason().as_str()),
        crl_number: crl.and_then(|crl| crl.number().cloned()),
        this_update: crl.map(|crl| timestamp::to_text(crl.this_update())),
        next_update: crl.map(|crl| timestamp::to_text(crl.next_update())),
        entries: crl.map(Crl::entries),
    };
    format.print(&answer, |answer| answer.text(command))
}

/// Reads a list with its entries. One that is not believed has none.
fn read(octets: &[u8], authority: &Certificate, now: OffsetDateTime) -> Result<Read> {
    let mut entries = Listed::new();
    let mut unreadable = None;
    let crl = read_crl(octets, authority, now, |entry: Entry<'_>| match hex::encode(entry.serial).parse() {
        Ok(serial) => drop(entries.insert(serial, entry.reason)),
        Err(error) => unreadable = Some(error),
    })?;
    if let Some(error) = unreadable {
        return Err(error.into());
    }
    Ok(match crl {
        Ok(crl) => Read { fault: crl.check_current(now).err(), crl: Some(crl), entries },
        Err(fault) => Read { crl: None, entries: Listed::new(), fault: Some(fault) },
    })
}

/// What the CRL checker has of a source.
async fn published(id: &CaCertificateId, source: &CrlSource, cloud: &Cloud) -> Result<Option<PublishedCrl>> {
    let states = cloud.authorities.crl_states(id).await.map_err(explain)?;
    Ok(states.into_iter().find(|state| state.source == *source).and_then(|state| state.current))
}

/// The percentage of its entries that a list has to keep, as the deployed stack has it; the template's default for who may not
/// look.
async fn minimum_share(cloud: &Cloud) -> Result<u8> {
    match setting("crl-checker", "CRL_MINIMUM_SHARE", cloud).await? {
        Told::Value(share) => share.parse().with_context(|| format!("CRL_MINIMUM_SHARE of the CRL checker: {share:?}")),
        Told::Hidden | Told::Nothing => Ok(DEFAULT_MINIMUM_SHARE),
    }
}

/// Why a list is not what an operator means to publish: it will not count, or it is a step back from what is there, or from
/// what the CRL checker has had from there.
fn problems(list: &Read, there: Option<&Read>, published: Option<&PublishedCrl>, share: u8) -> Vec<String> {
    let mut problems: Vec<_> =
        list.fault.iter().map(|fault| format!("it is unusable: {fault} ({})", fault.reason())).collect();
    let Some(crl) = &list.crl else { return problems };
    let entries = list.entries.len() as u64;
    let judge = |former: Former<'_>| may_follow(Some(former), crl, entries, share).err();
    if let Some(Read { crl: Some(former), entries, .. }) = there {
        let (number, this_update) = (former.number(), former.this_update());
        let fault = judge(Former { entries: entries.len() as u64, number, this_update });
        problems.extend(fault.map(|(reason, detail)| format!("against the list that is there: {detail} ({reason})")));
        if number.is_some() && number == crl.number() {
            let number = number.map(|number| in_both_bases(&number.to_string())).unwrap_or_default();
            problems.push(format!("another list of number {number} is there: who has made it, and what does it list?"));
        }
    }
    let fault = published.map(Former::from).and_then(judge);
    problems.extend(fault.map(|(reason, detail)| format!("against what the CRL checker has had: {detail} ({reason})")));
    problems
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
    let pem = pem.with_context(|| format!("AWS IoT has no CA {id}"))?;
    Certificate::from_pem(&pem).with_context(|| format!("the certificate of CA {id} is not usable"))
}

impl Answer {
    fn text(&self, command: &str) -> Text {
        let (id, place) = (&self.ca_certificate_id, &self.published);
        let number = self.crl_number.as_ref();
        let number = number.map_or_else(|| "without number".to_owned(), |number| in_both_bases(&number.to_string()));
        if self.dry_run {
            return Text::line(format_args!("dry run: CRL {number} was not published to {place}"));
        }
        let mut lines = vec![match (&self.next_update, self.entries) {
            _ if self.unchanged => format!("CRL {number} is in {place} already"),
            (Some(next), Some(entries)) => {
                let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
                format!("published CRL {number} with {entries} to {place}, good until {next}")
            }
            _ => format!("published to {place} without being verified"),
        }];
        lines.extend(self.unusable.map(|reason| format!("it will not count: {reason}")));
        lines.push(if self.in_profile {
            format!("the CRL checker takes it up with its next run, or at once: jitr sweep --ca {id}")
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
