//! `jitr devices`: who is connected, and what is known of a client.

mod event;
mod failing;
mod list;
mod report;
mod show;
mod state;

use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use time::OffsetDateTime;

use crate::cloud::Cloud;
use crate::output::Format;

pub use failing::FailingArgs;
pub use list::ListArgs;
pub use show::ShowArgs;

/// What to tell of clients.
#[derive(Debug, Subcommand)]
pub enum DevicesCommand {
    /// List principals that fail to connect under many client ids, the last ones first.
    Failing(FailingArgs),
    /// List who is connected and who is offline, and since when.
    List(ListArgs),
    /// Show one client: its connection, its subscriptions, its failed attempts, what happened last.
    Show(ShowArgs),
}

/// How long a client may be away.
#[derive(Args, Clone, Copy, Debug)]
struct GraceArgs {
    /// For how long a client that was disconnected does not count as offline yet.
    #[arg(long, value_name = "DURATION", env = "JITR_OFFLINE_GRACE", default_value = "60s")]
    grace: humantime::Duration,
}

impl GraceArgs {
    fn get(self) -> Duration {
        self.grace.into()
    }
}

/// Runs a command on clients.
///
/// # Errors
/// What could not be read, with the reason; a client that is not known.
pub async fn run(command: DevicesCommand, stack: &str, format: Format, now: OffsetDateTime) -> Result<()> {
    let cloud = Cloud::of_stack(stack).await?;
    match command {
        DevicesCommand::Failing(args) => failing::run(&args, &cloud, format).await,
        DevicesCommand::List(args) => list::run(&args, &cloud, format, now).await,
        DevicesCommand::Show(args) => show::run(&args, &cloud, format, now).await,
    }
}
