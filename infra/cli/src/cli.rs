//! The command line: what can be asked, and how it ends.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use time::OffsetDateTime;

use crate::allow::{self, AllowCommand};
use crate::ca::{self, CaCommand};
use crate::device::connect::ConnectError;
use crate::device::{self, DeviceCommand};
use crate::output::{Format, in_words};
use crate::thing::{self, ThingCommand};
use crate::why::{self, WhyArgs};

/// Just-in-time registration for AWS IoT Core: certificate authorities, devices, admission lists, decisions.
///
/// Region and credentials come from where the AWS CLI takes them; `AWS_ENDPOINT_URL` leads to a local cloud.
#[derive(Debug, Parser)]
#[command(name = "jitr", version)]
pub struct Cli {
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Name of the deployed stack.
    #[arg(long, global = true, env = "JITR_STACK", default_value = "iot-jitr")]
    stack: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make and register certificate authorities, and set the rules for their devices.
    #[command(subcommand)]
    Ca(CaCommand),
    /// Make device certificates, and connect with them.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Announce certificates to a CA that admits listed ones only.
    #[command(subcommand)]
    Allow(AllowCommand),
    /// Free the names of things.
    #[command(subcommand)]
    Thing(ThingCommand),
    /// Tell what was decided about a certificate or a thing, when, why, and what to do about it.
    Why(WhyArgs),
}

/// Reads the arguments, does what they say, prints what came of it.
///
/// Ends with 0 if it was done, with 2 if a device was not let in, with 1 on every other failure.
pub async fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help and version come as errors too, without being failures.
        Err(answer) => {
            let failed = answer.use_stderr();
            let printed = answer.print();
            return if failed || printed.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", in_words(&error));
            match error.downcast_ref() {
                Some(ConnectError::NotAdmitted { .. }) => ExitCode::from(2),
                Some(ConnectError::Unreachable(_)) | None => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock; everything else is told")]
    let now = OffsetDateTime::now_utc();
    let format = if cli.json { Format::Json } else { Format::Text };
    let stack = cli.stack.as_str();
    match cli.command {
        Command::Ca(command) => ca::run(command, stack, format, now).await,
        Command::Device(command) => device::run(command, stack, format, now).await,
        Command::Allow(command) => allow::run(command, stack, format, now).await,
        Command::Thing(command) => thing::run(command, stack, format).await,
        Command::Why(args) => why::run(args, stack, format).await,
    }
}

/// `jitr … | head` is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_manual_is_understood() {
        for line in [
            "jitr ca new --name Root",
            "jitr ca new --name Root --out pki --days 30 --key p384 --force",
            "jitr ca registration-code",
            "jitr ca register --ca ca.pem --ca-key ca.key --admission listed --take-over rotate --require-crl",
            "jitr ca register --ca ca.pem --verification-cert v.pem --profile profile.json --update",
            "jitr ca list --json",
            "jitr ca show abc",
            "jitr ca set abc --admission listed --unset policy",
            "jitr device new --ca ca.pem --ca-key ca.key --name pump-17 --serial 0A:1B --key rsa2048",
            "jitr device connect --cert chain.pem --key device.key --endpoint localhost:8883 --timeout 2m",
            "jitr allow add --ca abc --serial a1b --name pump-17 --note why",
            "jitr allow add --ca abc --file list.csv",
            "jitr allow list --ca abc",
            "jitr allow remove --ca abc --name pump-17",
            "jitr --stack other thing release pump-17 --force",
            "jitr why pump-17",
            "jitr why --cert chain.pem",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "jitr ca register --ca ca.pem",
            "jitr ca register --ca ca.pem --ca-key k --verification-cert v",
            "jitr allow add --ca abc",
            "jitr allow add --ca abc --file list.csv --serial a1",
            "jitr allow remove --ca abc --serial a1 --name pump-17",
            "jitr why",
            "jitr why pump-17 --cert chain.pem",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
