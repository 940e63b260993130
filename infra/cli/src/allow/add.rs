//! `jitr allow add`: what is announced already is compared first, and nothing is replaced unasked.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use shared::id::{CaCertificateId, Serial, ThingName};
use shared::port::AuthorityStore as _;
use shared::profile::{Admission, Profile};
use shared::timestamp;
use time::OffsetDateTime;

use super::list_file::{Entry, parse};
use crate::ca::{check_registered, command_for, find};
use crate::cloud::Cloud;
use crate::files::read_text;
use crate::limits::check_length;
use crate::numbers::{self, Base};
use crate::output::{Format, Problems, Text};
use crate::store::{Announced, Announcement, Key, explain};

/// Longest note in bytes: a sentence or two. `jitr allow list` reads it with each entry.
const MAX_NOTE: usize = 1024;
/// Rows that are read or written at once.
const AT_ONCE: usize = 16;

/// Certificates to be announced.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// The CA's certificate id, the beginning of it, or its label.
    #[arg(long)]
    ca: String,
    #[command(flatten)]
    what: What,
    /// A remark, such as the reason or who asked for it.
    #[arg(long)]
    note: Option<String>,
    /// Change what is announced already with another name or note.
    #[arg(long)]
    replace: bool,
    /// Tell what would be announced, and change nothing.
    #[arg(long)]
    dry_run: bool,
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

/// An announcement, and what is announced of the same key.
struct Compared {
    before: Option<Announcement>,
    wanted: Announcement,
}

/// What is to become of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Change,
    Make,
    Nothing,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    ca_certificate_id: Option<CaCertificateId>,
    /// Whether nothing was changed, because only the plan was asked for.
    dry_run: bool,
    /// Announcements by what has become of them.
    new: usize,
    changed: usize,
    unchanged: usize,
    /// Whether the CA is enrolled; nobody comes in otherwise.
    enrolled: bool,
    /// False if the CA's profile admits everybody, so that the list has no effect.
    in_force: bool,
}

pub(super) async fn run(args: AddArgs, stack: &str, format: Format, now: OffsetDateTime) -> Result<()> {
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
    let compared = compare(&id, entries, args.note.as_deref(), &cloud, now).await?;
    if !args.replace {
        refuse_changes(&compared)?;
    }
    let count = |step| compared.iter().filter(|compared| compared.step() == step).count();
    let mut answer = Answer {
        dry_run: args.dry_run,
        new: count(Step::Make),
        changed: count(Step::Change),
        unchanged: count(Step::Nothing),
        ..Answer::default()
    };
    if !args.dry_run {
        announce(&id, &compared, &cloud).await?;
    }
    let command = command_for(profile.as_ref());
    let enrolled = profile.filter(Profile::is_enrolled);
    answer.enrolled = enrolled.is_some();
    answer.in_force = enrolled.and_then(|profile| profile.admission) == Some(Admission::Listed);
    answer.ca_certificate_id = Some(id.clone());
    format.print(&answer, |answer| answer.text(&id, command))
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

/// Reads what is announced of the same keys. A note that is not given stays.
async fn compare(
    id: &CaCertificateId,
    entries: Vec<Entry>,
    note: Option<&str>,
    cloud: &Cloud,
    now: OffsetDateTime,
) -> Result<Vec<Compared>> {
    let announced_at = &timestamp::to_text(now);
    let compare = async |Entry { key, thing_name }| {
        let before = cloud.store.announcement(id, &key).await?;
        let kept = || before.as_ref().and_then(|before| before.note.clone());
        let note = note.map(ToOwned::to_owned).or_else(kept);
        let wanted = Announcement { key, thing_name, announced_at: announced_at.clone(), note };
        anyhow::Ok(Compared { before, wanted })
    };
    stream::iter(entries).map(compare).buffered(AT_ONCE).try_collect().await
}

/// Names what would be replaced.
fn refuse_changes(compared: &[Compared]) -> Result<()> {
    let changes: Vec<_> = compared.iter().filter(|compared| compared.step() == Step::Change).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let count = changes.len();
    let summary = format!("{} announced otherwise, nothing was changed; --replace changes", are(count));
    Err(Problems::new(summary, changes.into_iter().map(Compared::difference)).into())
}

/// Writes what is new or changed. What was written before a failure stands, and is unchanged for the next run.
async fn announce(id: &CaCertificateId, compared: &[Compared], cloud: &Cloud) -> Result<()> {
    let todo: Vec<_> = compared.iter().filter(|compared| compared.step() != Step::Nothing).collect();
    let (all, mut done) = (todo.len(), 0);
    let write = async |compared: &Compared| {
        let Compared { before, wanted } = compared;
        match cloud.store.announce(id, wanted, before.as_ref()).await? {
            Announced::Done => Ok(()),
            Announced::Outdated => bail!("{} was announced by somebody else just now", wanted.key),
        }
    };
    let mut written = stream::iter(todo).map(write).buffer_unordered(AT_ONCE);
    while let Some(written) = written.next().await {
        written.with_context(|| format!("{done} of {all} were announced; run the command again, it goes on"))?;
        done += 1;
    }
    Ok(())
}

impl Compared {
    fn step(&self) -> Step {
        let Self { before, wanted } = self;
        match before {
            None => Step::Make,
            Some(before) if (&before.thing_name, &before.note) == (&wanted.thing_name, &wanted.note) => Step::Nothing,
            Some(_) => Step::Change,
        }
    }

    fn difference(&self) -> String {
        let Self { before, wanted } = self;
        let mut parts = Vec::new();
        if let Some(before) = before {
            let name =
                |name: &Option<ThingName>| name.as_ref().map_or_else(|| "any name".to_owned(), ToString::to_string);
            if before.thing_name != wanted.thing_name {
                parts.push(format!("for {} and not {}", name(&before.thing_name), name(&wanted.thing_name)));
            }
            if before.note != wanted.note {
                let note =
                    |note: &Option<String>| note.as_ref().map_or_else(|| "none".to_owned(), |note| format!("{note:?}"));
                parts.push(format!("with the note {} and not {}", note(&before.note), note(&wanted.note)));
            }
        }
        format!("{} is announced {}", wanted.key, parts.join(", and "))
    }
}

impl Answer {
    fn text(&self, id: &CaCertificateId, command: &str) -> Text {
        let Self { new, changed, unchanged, .. } = self;
        let would = if self.dry_run { "dry run, nothing was changed: " } else { "" };
        let done = format!("{would}ca {id}: {new} new, {changed} changed, {unchanged} unchanged");
        let why = match self {
            Self { in_force: true, .. } => return Text::line(done),
            Self { enrolled: false, .. } => "nobody has enrolled the CA",
            Self { .. } => "its profile admits all",
        };
        let no_effect = format!("{why}, so that the list has no effect yet: {command} {id} --admission listed");
        Text::lines([done, no_effect])
    }
}

fn are(count: usize) -> String {
    if count == 1 { "1 certificate is".to_owned() } else { format!("{count} certificates are") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(name: Option<&str>, note: Option<&str>) -> Announcement {
        Announcement {
            key: Key::Serial("a1".parse().unwrap()),
            thing_name: name.map(|name| name.parse().unwrap()),
            announced_at: "t".to_owned(),
            note: note.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn what_differs_is_told() {
        let wanted = announcement(Some("pump-1"), Some("batch 4"));
        let with = |before| Compared { before, wanted: wanted.clone() };
        assert_eq!(with(None).step(), Step::Make);
        let same = Announcement { announced_at: "earlier".to_owned(), ..wanted.clone() };
        assert_eq!(with(Some(same)).step(), Step::Nothing);
        for (name, note, difference) in [
            (None, Some("batch 4"), "serial 0xa1 is announced for any name and not pump-1"),
            (Some("pump-1"), None, "serial 0xa1 is announced with the note none and not \"batch 4\""),
            (
                Some("pump-2"),
                Some("b"),
                "serial 0xa1 is announced for pump-2 and not pump-1, and with the note \"b\" and not \"batch 4\"",
            ),
        ] {
            let compared = with(Some(announcement(name, note)));
            assert_eq!((compared.step(), compared.difference().as_str()), (Step::Change, difference));
        }
    }
}
