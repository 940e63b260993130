//! `jitr allow`: announces certificates to a CA whose profile admits listed ones only.

pub mod add;
mod list_file;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::id::{CaCertificateId, Serial, ThingName};
use time::OffsetDateTime;

use crate::ca::find;
use crate::cloud::Cloud;
use crate::numbers;
use crate::output::{Format, Text, table};
use crate::store::Key;

pub use list_file::{Entry, LineFault, parse};

/// What to do with a CA's announced certificates.
#[derive(Debug, Subcommand)]
pub enum AllowCommand {
    /// Announce certificates by serial number, by thing name, or from a file.
    Add(add::AddArgs),
    /// List what is announced.
    List(ListArgs),
    /// Take an announcement back; a device that is in stays in.
    Remove(RemoveArgs),
}

/// The announcements of a CA.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// The CA's certificate id, the beginning of it, or its label.
    #[arg(long)]
    ca: String,
}

/// An announcement to be taken back.
#[derive(Args, Debug)]
pub struct RemoveArgs {
    /// The CA's certificate id, the beginning of it, or its label.
    #[arg(long)]
    ca: String,
    #[command(flatten)]
    key: KeyArgs,
    /// Tell whether it is announced, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Which announcement.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct KeyArgs {
    /// The announced serial number.
    #[arg(long, value_name = "SERIAL", value_parser = numbers::serial)]
    serial: Option<Serial>,
    /// The announced thing name.
    #[arg(long, value_name = "THING")]
    name: Option<ThingName>,
}

/// Runs a command on announcements.
///
/// # Errors
/// What could not be done, with the reason.
pub async fn run(command: AllowCommand, stack: &str, format: Format, now: OffsetDateTime) -> Result<()> {
    match command {
        AllowCommand::Add(args) => add::run(args, stack, format, now).await,
        AllowCommand::List(args) => list(&args, &Cloud::of_stack(stack).await?, format).await,
        AllowCommand::Remove(args) => remove(args, &Cloud::of_stack(stack).await?, format).await,
    }
}

async fn list(args: &ListArgs, cloud: &Cloud, format: Format) -> Result<()> {
    let id = find(&args.ca, cloud).await?;
    let announcements = cloud.store.announcements(&id).await?;
    format.print(&announcements, |announcements| {
        if announcements.is_empty() {
            return Text::line(format_args!("nothing is announced to ca {id}"));
        }
        let rows = announcements.iter().map(|announcement| {
            let (serial, name) = match &announcement.key {
                Key::Serial(serial) => (format!("0x{serial}"), announcement.thing_name.as_ref()),
                Key::Name(name) => ("any".to_owned(), Some(name)),
            };
            [
                serial,
                name.map_or_else(|| "any".to_owned(), ToString::to_string),
                announcement.announced_at.clone(),
                announcement.note.clone().unwrap_or_default(),
            ]
        });
        table(["SERIAL", "NAME", "ANNOUNCED", "NOTE"], rows)
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RemoveAnswer {
    ca_certificate_id: CaCertificateId,
    /// Whether nothing was changed, because only the plan was asked for.
    dry_run: bool,
    removed: bool,
    /// Serial numbers that are announced for the name: each is an announcement of its own, and stays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bound: Vec<Serial>,
}

async fn remove(args: RemoveArgs, cloud: &Cloud, format: Format) -> Result<()> {
    let id = find(&args.ca, cloud).await?;
    let key = match args.key {
        KeyArgs { serial: Some(serial), .. } => Key::Serial(serial),
        KeyArgs { name, .. } => Key::Name(name.context("give --serial or --name")?),
    };
    let removed = if args.dry_run {
        cloud.store.announcement(&id, &key).await?.is_some()
    } else {
        cloud.store.withdraw(&id, &key).await?
    };
    let bound = match &key {
        Key::Name(name) => bound_to(name, &id, cloud).await?,
        Key::Serial(_) => Vec::new(),
    };
    let answer = RemoveAnswer { ca_certificate_id: id, dry_run: args.dry_run, removed, bound };
    format.print(&answer, |answer| {
        let done = match (answer.removed, answer.dry_run) {
            (true, false) => format!("{key} is no longer announced; a device that is in stays in"),
            (true, true) => format!("dry run, nothing was changed: {key} is announced"),
            (false, _) => format!("{key} was not announced"),
        };
        let id = &answer.ca_certificate_id;
        let bound = answer.bound.iter().map(|serial| {
            format!("serial 0x{serial} is announced for that name, and stays: jitr allow remove --ca {id} --serial 0x{serial}")
        });
        Text::lines(std::iter::once(done).chain(bound))
    })
}

/// The serial numbers that are announced for a name.
async fn bound_to(name: &ThingName, id: &CaCertificateId, cloud: &Cloud) -> Result<Vec<Serial>> {
    let all = cloud.store.announcements(id).await?.into_iter();
    let bound = all.filter(|announcement| announcement.thing_name.as_ref() == Some(name));
    Ok(bound
        .filter_map(|announcement| match announcement.key {
            Key::Serial(serial) => Some(serial),
            Key::Name(_) => None,
        })
        .collect())
}
