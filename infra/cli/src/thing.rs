//! `jitr thing`: names that are taken.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::aws::fault;
use shared::id::{CertificateId, ThingName};
use shared::port::{CertificateRegistry as _, CertificateStatus, NewStatus, Principal, ThingRegistry as _};

use crate::cloud::Cloud;
use crate::output::{Format, Text};
use crate::store::explain;

/// What to do with things.
#[derive(Debug, Subcommand)]
pub enum ThingCommand {
    /// Delete a thing, so that the next device of that name can have it.
    Release(ReleaseArgs),
}

/// A name to be freed.
#[derive(Args, Debug)]
pub struct ReleaseArgs {
    /// The thing's name.
    name: ThingName,
    /// Switch certificates off that are ACTIVE, and detach them.
    #[arg(long)]
    force: bool,
}

/// Runs a command on things.
///
/// # Errors
/// What could not be done, with the reason.
pub async fn run(command: ThingCommand, stack: &str, format: Format) -> Result<()> {
    match command {
        ThingCommand::Release(args) => release(&args, &Cloud::of_stack(stack).await?, format).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Released {
    thing_name: ThingName,
    /// False if there was no such thing.
    deleted: bool,
    /// The certificates that were attached.
    detached: Vec<CertificateId>,
    /// Those of them that were ACTIVE and are INACTIVE now.
    switched_off: Vec<CertificateId>,
}

/// Deletes a thing whose certificates are not in use. In this order, so that no certificate is ever ACTIVE without a
/// thing; AWS IoT refuses the deletion if another certificate has been attached meanwhile.
async fn release(args: &ReleaseArgs, cloud: &Cloud, format: Format) -> Result<()> {
    let name = &args.name;
    let mut answer =
        Released { thing_name: name.clone(), deleted: false, detached: Vec::new(), switched_off: Vec::new() };
    if let Some(thing) = cloud.registry.thing(name).await.map_err(explain)? {
        let holders = holders(name, args.force, cloud).await?;
        for (id, arn, status) in holders {
            if status == CertificateStatus::Active {
                cloud.registry.set_status(&id, NewStatus::Inactive).await.map_err(explain)?;
                answer.switched_off.push(id.clone());
            }
            let request = cloud.iot.detach_thing_principal().thing_name(name.as_str()).principal(arn);
            request.send().await.map_err(|error| explain(fault("iot:DetachThingPrincipal", error)))?;
            answer.detached.push(id);
        }
        let request = cloud.iot.delete_thing().thing_name(name.as_str()).expected_version(thing.version);
        request.send().await.map_err(|error| explain(fault("iot:DeleteThing", error)))?;
        answer.deleted = true;
    }
    format.print(&answer, Released::text)
}

/// What is attached to the thing: id, ARN and status of each certificate.
async fn holders(
    name: &ThingName,
    force: bool,
    cloud: &Cloud,
) -> Result<Vec<(CertificateId, String, CertificateStatus)>> {
    let mut holders = Vec::new();
    for principal in cloud.registry.principals(name).await.map_err(explain)? {
        let id = match principal {
            Principal::Certificate(id) => id,
            Principal::Other(arn) => {
                bail!("{arn} is attached to thing {name} and is no certificate: detach it yourself")
            }
        };
        let registered = cloud.registry.certificate(&id).await.map_err(explain)?;
        let registered = registered.with_context(|| format!("certificate {id} on thing {name} does not exist"))?;
        if registered.status == CertificateStatus::Active && !force {
            bail!("thing {name} is held by certificate {id}, which is ACTIVE: --force switches it off");
        }
        holders.push((id, registered.arn, registered.status));
    }
    Ok(holders)
}

impl Released {
    fn text(&self) -> Text {
        let name = &self.thing_name;
        if !self.deleted {
            return Text::line(format_args!("thing {name} does not exist: the name is free"));
        }
        let mut lines: Vec<_> = self
            .detached
            .iter()
            .map(|id| {
                let switched_off = if self.switched_off.contains(id) { ", was ACTIVE and is INACTIVE now" } else { "" };
                format!("detached certificate {id}{switched_off}")
            })
            .collect();
        lines.push(format!("thing {name} deleted: the next device of that name can have it"));
        Text::lines(lines)
    }
}
