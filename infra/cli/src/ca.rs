//! `jitr ca`: certificate authorities and the rules under which their devices come in.

pub mod change;
mod crl;
mod difference;
pub mod enrol;
mod find;
mod limits;
mod list;
mod list_member;
pub mod profile;
mod references;
pub mod register;
mod registered;
pub mod retry;
pub mod switch;
mod usable;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;
use time::OffsetDateTime;

use crate::cloud::Cloud;
use crate::files::{Existing, NewFile, write_all};
use crate::issue::{CertificateAuthority, KeyAlgorithm, Subject, Validity};
use crate::output::{Format, Text};

pub(crate) use crl::when_stale;
pub(crate) use enrol::command_for;
pub use find::find;
pub(crate) use find::registered;
pub(crate) use registered::check_registered;

/// What to do with certificate authorities.
#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Make a CA for tests: ca.pem and ca.key.
    New(NewArgs),
    /// Print the account's registration code, for a CA key that cannot leave its HSM.
    RegistrationCode,
    /// Register a CA with AWS IoT, active and with auto-registration, and write its profile.
    Register(register::RegisterArgs),
    /// Let the stack serve a CA that was registered by other means, and write its profile.
    Enrol(enrol::EnrolArgs),
    /// List the registered CAs with their rules.
    List,
    /// Show one CA and its whole profile.
    Show(ShowArgs),
    /// Change the profile of an enrolled CA.
    Set(profile::SetArgs),
    /// Let AWS IoT register the devices of an enrolled CA when they first connect.
    Enable(switch::SwitchArgs),
    /// Let AWS IoT register no more devices of a CA. Those that are in stay in.
    Disable(switch::SwitchArgs),
    /// Let the activator decide anew about devices that it has kept out, at their next connection.
    Retry(retry::RetryArgs),
}

/// A CA to be made.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// Common name of the CA; AWS IoT takes at most 10 CAs with the same subject.
    #[arg(long)]
    name: String,
    /// Organization in the CA's subject.
    #[arg(long)]
    organization: Option<String>,
    /// Folder to write ca.pem and ca.key to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Days for which the CA is valid.
    #[arg(long, default_value_t = 3650)]
    days: u32,
    /// Type of the CA's key.
    #[arg(long, value_enum, default_value_t)]
    key: KeyAlgorithm,
    /// Overwrite files that exist.
    #[arg(long)]
    force: bool,
}

/// A CA to be shown.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Its certificate id, the beginning of it, or its label.
    ca: String,
}

/// Runs a command that needs AWS, or makes files.
///
/// # Errors
/// What could not be done, with the reason.
pub async fn run(command: CaCommand, stack: &str, format: Format, now: OffsetDateTime) -> Result<()> {
    match command {
        CaCommand::New(args) => new(&args, format, now),
        CaCommand::RegistrationCode => register::registration_code(&Cloud::of_stack(stack).await?, format).await,
        CaCommand::Register(args) => register::run(args, &Cloud::of_stack(stack).await?, format, now).await,
        CaCommand::Enrol(args) => enrol::run(args, &Cloud::of_stack(stack).await?, format, now).await,
        CaCommand::Enable(args) => switch::run(&args, switch::Switch::On, &Cloud::of_stack(stack).await?, format).await,
        CaCommand::Disable(args) => {
            switch::run(&args, switch::Switch::Off, &Cloud::of_stack(stack).await?, format).await
        }
        CaCommand::List => list::run(&Cloud::of_stack(stack).await?, format).await,
        CaCommand::Show(args) => list::show(&args.ca, &Cloud::of_stack(stack).await?, format).await,
        CaCommand::Retry(args) => retry::run(&args, &Cloud::of_stack(stack).await?, format, now).await,
        CaCommand::Set(args) => profile::run(args, &Cloud::of_stack(stack).await?, format, now).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewAnswer {
    certificate: PathBuf,
    key: PathBuf,
    not_after: String,
}

fn new(args: &NewArgs, format: Format, now: OffsetDateTime) -> Result<()> {
    let subject = Subject { organization: args.organization.clone(), ..Subject::common_name(&args.name) };
    let authority = CertificateAuthority::new(&subject, Validity::days(now, args.days), args.key)?;
    let files = [
        NewFile { name: "ca.key", content: &authority.key_pem(), secret: true },
        NewFile { name: "ca.pem", content: authority.certificate_pem(), secret: false },
    ];
    let existing = if args.force { Existing::Replace } else { Existing::Keep };
    write_all(&args.out, &files, existing)?;
    let answer = NewAnswer {
        certificate: args.out.join("ca.pem"),
        key: args.out.join("ca.key"),
        not_after: shared::timestamp::to_text(authority.certificate().not_after()),
    };
    format.print(&answer, |answer| {
        let (certificate, key) = (answer.certificate.display(), answer.key.display());
        Text::lines([
            format!("made CA {} in {certificate}, its key in {key}, valid until {}", args.name, answer.not_after),
            format!("register it with: jitr ca register --ca {certificate} --ca-key {key}"),
        ])
    })
}
