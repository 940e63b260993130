//! `jitr allow`: announces certificates to a CA whose profile admits listed ones only.

mod list_file;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::id::{CaCertificateId, Serial, ThingName};
use shared::port::AuthorityStore as _;
use shared::profile::{Admission, Profile};
use shared::timestamp;
use time::OffsetDateTime;

use crate::ca::{check_registered, command_for, find};
use crate::cloud::Cloud;
use crate::files::read_text;
use crate::limits::check_length;
use crate::numbers::{self, Base};
use crate::output::{Format, Problems, Text, table};
use crate::store::{Announcement, Key, explain};

pub use list_file::{Entry, LineFault, parse};

/// Longest note in bytes: a sentence or two. `jitr allow list` reads it with each entry.
const MAX_NOTE: usize = 1024;

/// What to do with a CA's announced certificates.
#[derive(Debug, Subcommand)]
pub enum AllowCommand {
    /// Announce certificates by serial number, by thing name, or from a file.
    Add(AddArgs),
    /// List what is announced.
    List(ListArgs),
    /// Take an announcement back; a device that is in stays in.
    Remove(RemoveArgs),
}

/// Certificates to be announced.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// The CA's certificate id, the beginning of it, or its label.
    #[arg(long)]
    ca: String,
    #[command(flatten)]
    what: What,
    /// Why, or by whom.
    #[arg(long)]
    note: Option<String>,
}

/// One entry, or many.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct What {
    /// The device certificate's serial number: 0x1000, 10:00, or '4096 (0x1000)' as OpenSSL prints it; capitals and leading
    /// zeros do not matter.
    #[arg(long, value_name = "SERIAL", conflicts_with = "file", value_parser = numbers::serial)]
    serial: Option<Serial>,
    /// The name of the thing; beside --serial it binds the serial number to that name.
    #[arg(long, value_name = "THING", conflicts_with = "file")]
    name: Option<ThingName>,
    /// CSV file with the header serial,name; either column may be missing or a field empty.
    #[arg(long, value_name = "CSV")]
    file: Option<PathBuf>,
    /// How the file's serial numbers are written that have digits only, and could be either.
    #[arg(long, value_enum, requires = "file")]
    serial_base: Option<Base>,
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
        AllowCommand::Add(args) => add(args, stack, format, now).await,
        AllowCommand::List(args) => list(&args, &Cloud::of_stack(stack).await?, format).await,
        AllowCommand::Remove(args) => remove(args, &Cloud::of_stack(stack).await?, format).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddAnswer {
    ca_certificate_id: CaCertificateId,
    announced: usize,
    /// Whether the CA is enrolled; nobody comes in otherwise.
    enrolled: bool,
    /// False if the CA's profile admits everybody, so that the list has no effect.
    in_force: bool,
}

async fn add(args: AddArgs, stack: &str, format: Format, now: OffsetDateTime) -> Result<()> {
    let entries = entries(args.what)?;
    if let Some(note) = &args.note {
        check_length("--note", note, MAX_NOTE)?;
    }
    let cloud = Cloud::of_stack(stack).await?;
    let id = find(&args.ca, &cloud).await?;
    let profile = cloud.authorities.profile(&id).await.map_err(explain)?;
    if profile.is_none() {
        check_registered(&id, &cloud).await?;
    }
    let announced_at = timestamp::to_text(now);
    let announcements: Vec<_> = entries
        .into_iter()
        .map(|Entry { key, thing_name }| Announcement {
            key,
            thing_name,
            announced_at: announced_at.clone(),
            note: args.note.clone(),
        })
        .collect();
    cloud.store.announce(&id, &announcements).await?;
    let command = command_for(profile.as_ref());
    let enrolled = profile.filter(Profile::is_enrolled);
    let answer = AddAnswer {
        ca_certificate_id: id,
        announced: announcements.len(),
        enrolled: enrolled.is_some(),
        in_force: enrolled.and_then(|profile| profile.admission) == Some(Admission::Listed),
    };
    format.print(&answer, |answer| {
        let id = &answer.ca_certificate_id;
        let done = format!("{} announced to ca {id}", certificates(answer.announced));
        let why = match answer {
            AddAnswer { in_force: true, .. } => return Text::line(done),
            AddAnswer { enrolled: false, .. } => "nobody has enrolled the ca",
            AddAnswer { .. } => "its profile admits all",
        };
        let no_effect = format!("{why}, so that the list has no effect yet: {command} {id} --admission listed");
        Text::lines([done, no_effect])
    })
}

fn certificates(count: usize) -> String {
    if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates") }
}

fn entries(what: What) -> Result<Vec<Entry>> {
    match what {
        What { file: Some(path), serial_base, .. } => parse(&read_text(&path)?, serial_base).map_err(|faults| {
            Problems::new(format_args!("{} has faults, nothing was announced", path.display()), faults).into()
        }),
        What { serial: Some(serial), name: thing_name, .. } => Ok(vec![Entry { key: Key::Serial(serial), thing_name }]),
        What { name: Some(name), .. } => Ok(vec![Entry { key: Key::Name(name), thing_name: None }]),
        What { .. } => bail!("give --serial, --name or --file"),
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
    removed: bool,
}

async fn remove(args: RemoveArgs, cloud: &Cloud, format: Format) -> Result<()> {
    let id = find(&args.ca, cloud).await?;
    let key = match args.key {
        KeyArgs { serial: Some(serial), .. } => Key::Serial(serial),
        KeyArgs { name, .. } => Key::Name(name.context("give --serial or --name")?),
    };
    let removed = cloud.store.withdraw(&id, &key).await?;
    let answer = RemoveAnswer { ca_certificate_id: id, removed };
    format.print(&answer, |answer| {
        if answer.removed {
            format!("{key} is no longer announced; a device that is in stays in")
        } else {
            format!("{key} was not announced")
        }
    })
}
