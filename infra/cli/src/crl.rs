//! `jitr crl`: makes certificate revocation lists, publishes them, and tells what they say about a certificate.

mod arguments;
pub mod check;
pub mod list;
pub mod new;
mod old;
pub mod publish;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;
use time::OffsetDateTime;

use crate::cloud::Cloud;
use crate::output::Format;

/// What to do with CRLs.
#[derive(Debug, Subcommand)]
pub enum CrlCommand {
    /// Make a CRL, for tests and small fleets.
    New(Box<new::NewArgs>),
    /// Verify a CRL and put it where the CA's profile says that it is.
    Publish(publish::PublishArgs),
    /// Tell offline what CRLs say about a certificate, as the activator decides it. Answers in one line of JSON; ends
    /// with 0 for good, 2 for revoked, 3 for held, 4 for unusable.
    Check(check::CheckArgs),
}

/// Runs a command on CRLs.
///
/// # Errors
/// What could not be done, with the reason.
pub async fn run(command: CrlCommand, stack: &str, format: Format, now: OffsetDateTime) -> Result<ExitCode> {
    match command {
        CrlCommand::New(args) => new::run(&args, format, now)?,
        CrlCommand::Publish(args) => publish::run(&args, &Cloud::of_stack(stack).await?, format, now).await?,
        CrlCommand::Check(args) => return check::run(&args, now).await,
    }
    Ok(ExitCode::SUCCESS)
}
