//! `jitr thing`: names that are taken.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::attachment::Attachment;
use shared::convergence::{Convergence, NoSessions, NoSnapshots};
use shared::id::{CertificateId, ThingName};
use shared::port::{Attachments as _, ThingRegistry as _};
use shared::registration::Process;
use shared::revocation::Snapshots;
use shared::timestamp;
use time::{Duration, OffsetDateTime};

use crate::cloud::Cloud;
use crate::output::{Format, Text};
use crate::store::explain;

/// After this time everybody takes a command that has not ended for dead.
const MAX_COMMAND: Duration = Duration::minutes(5);
/// The command ends so long before, for a call that is under way.
const RESERVE: Duration = Duration::seconds(30);

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
pub async fn run(command: ThingCommand, stack: &str, format: Format, now: OffsetDateTime) -> Result<()> {
    match command {
        ThingCommand::Release(args) => release(&args, &Cloud::of_stack(stack).await?, format, now).await,
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

/// Deletes a thing whose certificates are not in use.
async fn release(args: &ReleaseArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let name = &args.name;
    let mut answer =
        Released { thing_name: name.clone(), deleted: false, detached: Vec::new(), switched_off: Vec::new() };
    let convergence = Convergence {
        authorities: &cloud.authorities,
        now,
        process: Process { id: format!("jitr@{}", timestamp::to_text(now)), until: now + MAX_COMMAND },
        registrations: &cloud.registrations,
        registry: &cloud.registry,
        sessions: &NoSessions,
        snapshots: &Snapshots::new(NoSnapshots),
    };
    if let Some(thing) = cloud.registry.thing(name).await.map_err(explain)? {
        let principals = cloud.registry.principals(name).await.map_err(explain)?;
        let found = Attachment::read(&cloud.registry, &principals).await.map_err(explain)?;
        check(name, args.force, &found)?;
        for attached in &found.certificates {
            answer.detached.push(attached.id.clone());
            if attached.is_active() {
                answer.switched_off.push(attached.id.clone());
            }
        }
        let within = (MAX_COMMAND - RESERVE).unsigned_abs();
        tokio::time::timeout(within, convergence.release(name, &thing, found.certificates))
            .await
            .context("the command takes too long: run it again, it goes on where it ended")?
            .map_err(explain)?;
        answer.deleted = true;
    }
    convergence.invite(name).await.map_err(explain)?;
    format.print(&answer, Released::text)
}

/// Whether the thing may be deleted with what is attached to it.
fn check(name: &ThingName, force: bool, found: &Attachment) -> Result<()> {
    if let Some(arn) = found.others.first() {
        bail!("{arn} is attached to thing {name} and is no certificate: detach it yourself");
    }
    let in_use = found.certificates.iter().find(|attached| attached.is_active());
    match in_use {
        Some(attached) if !force => {
            bail!("thing {name} is held by certificate {}, which is ACTIVE: --force switches it off", attached.id)
        }
        _ => Ok(()),
    }
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
