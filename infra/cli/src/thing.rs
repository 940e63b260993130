//! `jitr thing`: names that are taken.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::attachment::Attachment;
use shared::convergence::{Convergence, NoSessions, NoSnapshots};
use shared::id::{CertificateId, ThingName};
use shared::port::{Attachments as _, RegistrationStore as _, Thing, ThingRegistry as _};
use shared::registration::{Process, Registration};
use shared::revocation::Snapshots;
use shared::timestamp;
use time::{Duration, OffsetDateTime};

use crate::cloud::Cloud;
use crate::output::{Format, Problems, Text};
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
    /// Do it. Without this it is told what would be destroyed.
    #[arg(long)]
    yes: bool,
    /// Switch certificates off that are ACTIVE, detach one that is on hold, or delete a thing that this stack has not made.
    #[arg(long)]
    force: bool,
    /// Tell what would be destroyed, and change nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
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

/// What a release destroys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Released {
    thing_name: ThingName,
    /// Whether nothing was changed, because only the plan was asked for.
    dry_run: bool,
    /// False if there was no such thing.
    deleted: bool,
    /// The registration that the thing was made for; none if this stack has not made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_id: Option<String>,
    /// The certificates that were attached.
    detached: Vec<CertificateId>,
    /// Those of them that were ACTIVE and are INACTIVE now.
    switched_off: Vec<CertificateId>,
    /// Those of them that were on hold, and do not come back when the hold ends.
    on_hold: Vec<CertificateId>,
}

/// Deletes a thing whose certificates are not in use.
async fn release(args: &ReleaseArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let name = &args.name;
    let convergence = Convergence {
        authorities: &cloud.authorities,
        now,
        process: Process { id: format!("jitr@{}", timestamp::to_text(now)), until: now + MAX_COMMAND },
        registrations: &cloud.registrations,
        registry: &cloud.registry,
        sessions: &NoSessions,
        snapshots: &Snapshots::new(NoSnapshots),
    };
    let thing = cloud.registry.thing(name).await.map_err(explain)?;
    let principals = match &thing {
        Some(_) => cloud.registry.principals(name).await.map_err(explain)?,
        None => Vec::new(),
    };
    let found = Attachment::read(&cloud.registry, &principals).await.map_err(explain)?;
    let plan = plan(args, thing.as_ref(), &found, cloud).await?;
    let problems = problems(args, &plan, &found);
    if !args.dry_run && !problems.is_empty() {
        format.say(plan.text(Told::Before));
        return Err(Problems::new(format_args!("thing {name} was not touched"), problems).into());
    }
    if let (Some(thing), false) = (&thing, args.dry_run) {
        let within = (MAX_COMMAND - RESERVE).unsigned_abs();
        let stands =
            || format!("thing {name} may be released in part; run the command again, it goes on: jitr why {name}");
        tokio::time::timeout(within, convergence.release(name, thing, found.certificates))
            .await
            .context("the command takes too long")
            .with_context(stands)?
            .map_err(explain)
            .with_context(stands)?;
    }
    if !args.dry_run {
        let invited = convergence.invite(name).await.map_err(explain);
        invited.with_context(|| {
            format!("thing {name} is gone, and devices that were refused for it have not been told: run the command again, or \
                     jitr ca retry CA")
        })?;
    }
    let told = if args.dry_run { Told::Before } else { Told::After };
    format.print(&plan, |plan| plan.text(told))
}

/// Moment at which a release is told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Told {
    Before,
    After,
}

/// What the release would destroy.
async fn plan(args: &ReleaseArgs, thing: Option<&Thing>, found: &Attachment, cloud: &Cloud) -> Result<Released> {
    let mut plan = Released {
        thing_name: args.name.clone(),
        dry_run: args.dry_run,
        deleted: thing.is_some(),
        registration_id: thing.and_then(|thing| thing.registration_id.as_ref()).map(ToString::to_string),
        detached: Vec::new(),
        switched_off: Vec::new(),
        on_hold: Vec::new(),
    };
    for attached in &found.certificates {
        plan.detached.push(attached.id.clone());
        if attached.is_active() {
            plan.switched_off.push(attached.id.clone());
        }
        let rows = cloud.registrations.registrations_about(&attached.id).await.map_err(explain)?;
        if rows.iter().any(Registration::is_on_hold) {
            plan.on_hold.push(attached.id.clone());
        }
    }
    Ok(plan)
}

/// Why nothing is destroyed yet, all at once.
fn problems(args: &ReleaseArgs, plan: &Released, found: &Attachment) -> Vec<String> {
    let name = &args.name;
    let mut problems: Vec<_> =
        found.others.iter().map(|arn| format!("{arn} is attached and is no certificate: detach it yourself")).collect();
    if !args.force {
        if plan.deleted && plan.registration_id.is_none() {
            problems.push(format!("thing {name} was not made by this stack: --force deletes it all the same"));
        }
        let active = plan.switched_off.iter();
        problems.extend(active.map(|id| format!("certificate {id} is ACTIVE: --force switches it off")));
        let on_hold = plan.on_hold.iter();
        problems.extend(
            on_hold.map(|id| format!("certificate {id} is on hold, and would not come back: --force detaches it")),
        );
    }
    if plan.deleted && !args.yes {
        problems.push("--yes does what is told above".to_owned());
    }
    problems
}

impl Released {
    fn text(&self, told: Told) -> Text {
        let name = &self.thing_name;
        let verb = |deed: &str| match told {
            Told::Before => format!("would be {deed}"),
            Told::After => deed.to_owned(),
        };
        if !self.deleted {
            return Text::line(format_args!("thing {name} does not exist: the name is free"));
        }
        let certificates =
            self.detached.iter().map(|id| match (self.switched_off.contains(id), self.on_hold.contains(id)) {
                (true, _) => format!("certificate {id}, ACTIVE: {}", verb("switched off and detached")),
                (false, true) => format!("certificate {id}, on hold: {}", verb("detached")),
                (false, false) => format!("certificate {id}: {}", verb("detached")),
            });
        let maker = match &self.registration_id {
            Some(id) => format!("thing {name}, made for registration {id}: {}", verb("deleted")),
            None => format!("thing {name}, not made by this stack: {}", verb("deleted")),
        };
        let dry_run = self.dry_run.then(|| "dry run: nothing was changed".to_owned());
        Text::lines(dry_run.into_iter().chain(certificates).chain([maker]))
    }
}
