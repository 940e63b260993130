//! `jitr ca set`, and how profiles are written.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;
use shared::id::CaCertificateId;
use shared::port::AuthorityStore as _;
use shared::profile::Profile;
use shared::revocation::request_comparison;
use shared::timestamp;
use time::OffsetDateTime;

use super::change::Change;
use super::difference::{self, Difference, differences};
use super::find::{find, labelled};
use super::references;
use crate::cloud::Cloud;
use crate::deployed::{Told, setting};
use crate::output::{Format, Problems};
use crate::store::explain;

/// A change of a profile.
#[derive(Args, Debug)]
pub struct SetArgs {
    /// The CA's certificate id, the beginning of it, or its label.
    ca: String,
    #[command(flatten)]
    change: Change,
}

/// What became of a profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Written {
    /// There was none that counts.
    Created,
    /// It is as it was.
    Unchanged,
    /// It has changed.
    Updated,
}

/// Writes a profile over the one that was read; answers with what stands there now. A dry run stops before anything is written,
/// and answers with what would.
///
/// # Errors
/// A failed call, a label that another CA has, a policy, thing type or thing group that is not there, a stack that does not read
/// such a profile, or somebody else's change in between.
pub async fn write(
    cloud: &Cloud,
    id: &CaCertificateId,
    mut profile: Profile,
    before: Option<&Profile>,
    dry_run: bool,
    now: OffsetDateTime,
) -> Result<(Profile, Written)> {
    if before == Some(&profile) {
        return Ok((profile, Written::Unchanged));
    }
    if let Some(label) =
        profile.label.as_ref().filter(|label| before.and_then(|before| before.label.as_ref()) != Some(label))
        && labels_of_others(id, cloud).await?.contains(label)
    {
        bail!("another CA has the label {label:?}: give this one its own with --label");
    }
    let problems = references::problems(&profile, before, cloud).await?;
    if !problems.is_empty() {
        return Err(Problems::new("AWS IoT would refuse every device", problems).into());
    }
    profile.version = Some(profile.needed_version()?);
    check_stack(&profile, cloud).await?;
    let counted = before.is_some_and(Profile::is_enrolled);
    let written = if counted { Written::Updated } else { Written::Created };
    if dry_run {
        return Ok((profile, written));
    }
    let now = timestamp::to_text(now);
    profile.created_at.get_or_insert_with(|| now.clone());
    profile.updated_at = Some(now);
    let asks_other_crls = before.is_some_and(|before| before.crl_rules() != profile.crl_rules());
    if asks_other_crls {
        // Should the command end before it asks once more.
        request_comparison(&cloud.authorities).await.map_err(explain)?;
    }
    if !cloud.store.write_profile(id, &profile, before).await? {
        bail!("the profile of {id} has been changed by somebody else just now: run the command again");
    }
    if asks_other_crls {
        // What another list has said in the meantime shows in no difference.
        let asked = request_comparison(&cloud.authorities).await.map_err(explain);
        asked.context("the profile has been written; let all devices be compared with it: jitr sweep --reconcile")?;
    }
    Ok((profile, written))
}

/// Whether the deployed functions read the profile: one that they can't read keeps every device of the CA out.
async fn check_stack(profile: &Profile, cloud: &Cloud) -> Result<()> {
    let reads: u32 = match setting("activator", "PROFILE_VERSION", cloud).await? {
        Told::Hidden => return Ok(()),
        Told::Nothing => 0,
        Told::Value(version) => {
            version.parse().with_context(|| format!("PROFILE_VERSION of the activator: {version:?}"))?
        }
    };
    let needed = profile.version.unwrap_or_default();
    if needed > reads {
        bail!(
            "the stack {} reads profiles up to version {reads}, this one needs {needed}: deploy the release of this jitr first",
            cloud.stack
        );
    }
    Ok(())
}

/// What the other registered CAs are called.
pub(super) async fn labels_of_others(id: &CaCertificateId, cloud: &Cloud) -> Result<BTreeSet<String>> {
    let others = labelled(cloud).await?.into_iter().filter(|ca| ca.id != *id);
    Ok(others.filter_map(|ca| ca.label).collect())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SetAnswer {
    ca_certificate_id: CaCertificateId,
    /// Whether nothing was changed, because only the plan was asked for.
    dry_run: bool,
    /// The members that differ.
    changes: Vec<Difference>,
    profile: Profile,
    result: Written,
}

pub(super) async fn run(args: SetArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let id = find(&args.ca, cloud).await?;
    let before = cloud.authorities.profile(&id).await.map_err(explain)?.filter(Profile::is_enrolled);
    let before =
        before.with_context(|| format!("nobody has enrolled ca {id}: jitr ca enrol {id}, with the same options"))?;
    let dry_run = args.change.dry_run;
    let profile = args.change.make(&before)?;
    let changes = differences(&before, &profile)?;
    if !changes.is_empty() {
        format.say(difference::text(&changes));
    }
    let (profile, result) = write(cloud, &id, profile, Some(&before), dry_run, now).await?;
    let answer = SetAnswer { ca_certificate_id: id, dry_run, changes, profile, result };
    format.print(&answer, |answer| {
        let id = &answer.ca_certificate_id;
        match answer.result {
            Written::Unchanged => format!("profile of {id} is so already"),
            _ if answer.dry_run => format!("dry run: the profile of {id} was not changed"),
            Written::Created | Written::Updated => {
                format!(
                    "profile of {id} changed; devices that are not in yet are bound from their next connection on, those that \
                     are in by its lists alone, from the next run of the CRL checker on: jitr sweep --dry-run"
                )
            }
        }
    })
}
