//! `jitr ca retry`.

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use shared::id::CaCertificateId;
use shared::port::AuthorityStore as _;
use shared::profile::Profile;
use time::OffsetDateTime;

use super::find::find;
use crate::cloud::Cloud;
use crate::output::{Format, Text};
use crate::store::explain;

/// The CA whose devices are decided about anew.
///
/// A change of the profile, of the allow-list or of a CRL has the same effect by itself. This is for what was mended
/// elsewhere: a policy or a thing type that was missing, a thing that was deleted in AWS IoT.
#[derive(Args, Debug)]
pub struct RetryArgs {
    /// The CA's certificate id, the beginning of it, or its label.
    ca: String,
    /// Change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetryAnswer {
    ca_certificate_id: CaCertificateId,
    /// Whether nothing was changed, because only the plan was asked for.
    dry_run: bool,
}

pub(super) async fn run(args: &RetryArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let ca_certificate_id = find(&args.ca, cloud).await?;
    let profile = cloud.authorities.profile(&ca_certificate_id).await.map_err(explain)?;
    if !profile.is_some_and(|profile| Profile::is_enrolled(&profile)) {
        bail!("CA {ca_certificate_id} is not enrolled: see `jitr ca enrol --help`");
    }
    if !args.dry_run {
        cloud.authorities.renew_decisions(&ca_certificate_id, now).await.map_err(explain)?;
    }
    format.print(&RetryAnswer { ca_certificate_id, dry_run: args.dry_run }, |answer| {
        let id = &answer.ca_certificate_id;
        if answer.dry_run {
            return Text::line(format_args!("dry run: decisions about devices of CA {id} stand"));
        }
        Text::line(format_args!("devices of CA {id} are decided about anew at their next connection"))
    })
}
