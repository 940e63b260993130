//! `jitr ca enrol`, and how a CA is enrolled: an operator says that the stack serves it, and under which rules.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;
use shared::id::CaCertificateId;
use shared::pki::{Certificate, SubjectField};
use shared::port::AuthorityStore as _;
use shared::profile::Profile;
use shared::text::shorten;
use shared::timestamp;
use time::OffsetDateTime;

use super::change::Change;
use super::difference::{self, differences};
use super::find::find;
use super::limits::{MAX_LABEL, check_label};
use super::profile::{Written, labels_of_others, write};
use super::registered::{Registered, describe};
use crate::cloud::Cloud;
use crate::output::{Format, Text};
use crate::store::explain;

/// A registered CA that the stack is to serve.
#[derive(Args, Debug)]
pub struct EnrolArgs {
    /// The CA's certificate id, or the beginning of it.
    ca: String,
    #[command(flatten)]
    change: Change,
}

/// A CA certificate that is registered with AWS IoT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authority<'a> {
    /// The certificate, read.
    pub(super) certificate: &'a Certificate,
    /// Its id.
    pub(super) id: &'a CaCertificateId,
    /// Its PEM.
    pub(super) pem: &'a str,
}

/// Writes the profile with which the stack serves a CA. Of a CA that is enrolled already the profile stays, unless
/// `update` lets it change.
///
/// Rules in the row of a CA that is not enrolled stay: an operator wrote them, and without them the CA would be open to more.
/// Its label is the common name of its certificate, if no other CA is called so.
///
/// # Errors
/// A failed call, an impossible change, or a profile that stays and says otherwise. Members that change are told before.
pub(super) async fn enrol(
    authority: &Authority<'_>,
    change: Change,
    update: bool,
    cloud: &Cloud,
    format: Format,
    now: OffsetDateTime,
) -> Result<(Profile, Written)> {
    let Authority { certificate, id, pem } = *authority;
    let before = cloud.authorities.profile(id).await.map_err(explain)?;
    let enrolled = before.as_ref().filter(|profile| profile.is_enrolled());
    let mut profile = before.clone().unwrap_or_default();
    if enrolled.is_none() {
        let others = labels_of_others(id, cloud).await?;
        let name = certificate.subject().single(SubjectField::CommonName).map(|name| shorten(name, MAX_LABEL));
        let name = name.filter(|name| check_label(name).is_ok() && !others.contains(name));
        profile = Profile { ca_pem: None, label: profile.label.or(name), ..profile };
    }
    profile.ca_pem.get_or_insert_with(|| pem.to_owned());
    profile.enrolled_at.get_or_insert_with(|| timestamp::to_text(now));
    let dry_run = change.dry_run;
    let profile = change.make(&profile)?;
    if let Some(enrolled) = enrolled.filter(|enrolled| !update && **enrolled != profile) {
        let label = enrolled.label.as_deref().unwrap_or("without a label");
        bail!("CA {id} ({label}) is enrolled already, under other rules: change them with `jitr ca set {id}`");
    }
    let changes = differences(&before.clone().unwrap_or_default(), &profile)?;
    if !changes.is_empty() {
        format.say(difference::text(&changes));
    }
    write(cloud, id, profile, before.as_ref(), dry_run, now).await
}

/// The command that gives a CA other rules: one that nobody has enrolled has none yet.
pub(crate) fn command_for(profile: Option<&Profile>) -> &'static str {
    if profile.is_some_and(Profile::is_enrolled) { "jitr ca set" } else { "jitr ca enrol" }
}

/// What came of it, and how AWS IoT has the CA.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    ca_certificate_id: CaCertificateId,
    /// Whether nothing was changed, because only the plan was asked for.
    dry_run: bool,
    #[serde(flatten)]
    registered: Registered,
    profile_result: Written,
    profile: Profile,
}

/// Nothing is changed in AWS IoT: whoever has registered the CA may have switched it off for a reason.
pub(super) async fn run(args: EnrolArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let id = find(&args.ca, cloud).await?;
    let described = describe(&id, cloud).await?;
    let described = described.with_context(|| format!("AWS IoT has no CA {id} in this account and Region"))?;
    let certificate =
        Certificate::from_pem(&described.pem).with_context(|| format!("the certificate of CA {id} is not usable"))?;
    let authority = Authority { certificate: &certificate, id: &id, pem: &described.pem };
    let dry_run = args.change.dry_run;
    let (profile, profile_result) = enrol(&authority, args.change, false, cloud, format, now).await?;
    let answer = Answer { ca_certificate_id: id, dry_run, registered: described.registered, profile_result, profile };
    format.print(&answer, Answer::text)
}

impl Answer {
    fn text(&self) -> Text {
        let id = &self.ca_certificate_id;
        let done = match self.profile_result {
            Written::Created | Written::Updated if self.dry_run => format!("dry run         {id} was not enrolled"),
            Written::Created | Written::Updated => format!("enrolled        {id}, profile written"),
            Written::Unchanged => format!("enrolled        {id} before, profile unchanged"),
        };
        let missing = self.registered.missing(id).into_iter().map(|missing| format!("missing         {missing}"));
        let warning = self.registered.warning(id).map(|warning| format!("warning         {warning}"));
        Text::lines(std::iter::once(done).chain(missing).chain(warning))
    }
}
