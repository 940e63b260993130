//! The command line: what can be asked, and how it ends.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use shared::text::escape;
use time::OffsetDateTime;

use crate::allow::{self, AllowCommand};
use crate::ca::{self, CaCommand};
use crate::crl::{self, CrlCommand};
use crate::device::connect::ConnectError;
use crate::device::{self, DeviceCommand};
use crate::devices::{self, DevicesCommand};
use crate::output::{Format, escape_lines, format_error, write_error};
use crate::routes::{self, RoutesCommand};
use crate::stack::parse_stack_name;
use crate::sweep::{self, SweepArgs};
use crate::thing::{self, ThingCommand};
use crate::why::{self, WhyArgs};

/// Just-in-time registration for AWS IoT Core: certificate authorities, devices, admission lists, CRLs, decisions.
///
/// Region and credentials come from where the AWS CLI takes them; `AWS_ENDPOINT_URL` leads to a local cloud.
#[derive(Debug, Parser)]
#[command(name = "jitr", version)]
pub struct Cli {
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Name of the deployed stack.
    #[arg(long, global = true, env = "JITR_STACK", default_value = "iot-jitr", value_parser = parse_stack_name)]
    stack: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make and register certificate authorities, and set the rules for their devices.
    #[command(subcommand)]
    Ca(Box<CaCommand>),
    /// Make device certificates, and connect with them.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Tell who is connected, and what is known of a client.
    #[command(subcommand)]
    Devices(DevicesCommand),
    /// Announce certificates to a CA that admits listed ones only.
    #[command(subcommand)]
    Allow(AllowCommand),
    /// Make and publish CRLs, and tell what they say about a certificate.
    #[command(subcommand)]
    Crl(CrlCommand),
    /// Check where the rule sink is to put messages.
    #[command(subcommand)]
    Routes(RoutesCommand),
    /// Start the CRL checker: fetch every CRL, and revoke, hold and release as they say.
    Sweep(SweepArgs),
    /// Free the names of things.
    #[command(subcommand)]
    Thing(ThingCommand),
    /// Tell what was decided about a certificate or a thing, when, why, and what to do about it.
    Why(WhyArgs),
}

/// Reads the arguments, does what they say, prints what came of it.
///
/// Ends with 0 if it was done, with 2 if a device was not let in, with 1 on every other failure. `crl check` has an
/// answer in its exit code: 0 good, 2 revoked, 3 held, 4 unusable.
pub async fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(answer) => return print_usage(answer, &arguments),
    };
    match Box::pin(run(cli)).await {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            write_error(format_error(&error));
            match error.downcast_ref() {
                Some(ConnectError::NotAdmitted { .. }) => ExitCode::from(2),
                Some(ConnectError::Unreachable(_)) | None => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock; everything else is told")]
    let now = OffsetDateTime::now_utc();
    let format = if cli.json { Format::Json } else { Format::Text };
    let stack = cli.stack.as_str();
    match cli.command {
        Command::Ca(command) => Box::pin(ca::run(*command, stack, format, now)).await?,
        Command::Device(command) => device::run(command, stack, format, now).await?,
        Command::Devices(command) => devices::run(command, stack, format, now).await?,
        Command::Allow(command) => allow::run(command, stack, format, now).await?,
        Command::Crl(command) => return crl::run(command, stack, format, now).await,
        Command::Routes(command) => routes::run(&command, format)?,
        Command::Sweep(args) => sweep::run(args, stack, format).await?,
        Command::Thing(command) => thing::run(command, stack, format, now).await?,
        Command::Why(args) => why::run(args, stack, format, now).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what clap answers: help and version too, which are no failures. What it repeats of the arguments is escaped.
fn print_usage(answer: clap::Error, arguments: &[OsString]) -> ExitCode {
    let escaped = arguments.iter().map(|argument| escape(&argument.to_string_lossy()).to_string());
    // The same arguments, escaped, are wrong in the same way; clap itself can't be told how to print a value.
    let answer = Cli::try_parse_from(escaped).err().unwrap_or(answer);
    let (failed, rendered) = (answer.use_stderr(), answer.render().to_string());
    let escaped = escape_lines(&rendered);
    if *escaped != *rendered.trim_end() {
        write_error(escaped);
    } else if answer.print().is_err() {
        return ExitCode::FAILURE;
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
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
            "jitr ca enrol abc",
            "jitr ca enrol abc --label pumps --admission listed --require-crl --crl-source s3://lists/1.crl",
            "jitr ca list --json",
            "jitr ca show abc",
            "jitr ca set abc --admission listed --unset policy",
            "jitr ca set abc --crl-source s3://lists/1.crl --crl-source https://h/2.crl --crl-host h --when-stale 24h",
            "jitr ca set abc --require-crl=false --unset crl-sources --unset crl-hosts --unset when-stale",
            "jitr device new --ca ca.pem --ca-key ca.key --name pump-17 --serial 0A:1B --key rsa2048",
            "jitr device connect --cert chain.pem --key device.key --endpoint localhost:8883 --timeout 2m",
            "jitr devices list",
            "jitr devices list --connected --console --grace 2m --json",
            "jitr devices list --offline-for 10m",
            "jitr devices failing --last 100",
            "jitr devices show site/7+pump --last 1000 --since 30d --grace 0s",
            "jitr allow add --ca abc --serial a1b --name pump-17 --note why",
            "jitr allow add --ca abc --file list.csv",
            "jitr allow list --ca abc",
            "jitr allow remove --ca abc --name pump-17",
            "jitr crl new --ca ca.pem --ca-key ca.key --out fleet.crl",
            "jitr crl new --ca ca.pem --ca-key ca.key --out b.crl --from a.crl --remove a1b --number 1f --days 30 --force",
            "jitr crl new --ca ca.pem --ca-key ca.key --out a.crl --revoke a1b=keyCompromise --revoke-cert d.pem=superseded",
            "jitr crl new --ca ca.pem --ca-key ca.key --out a.crl --hold a1b --hold-cert d.pem --pem",
            "jitr crl new --ca ca.pem --ca-key ca.key --out a.pem --der --this-update 2026-09-01T12:00:00Z \
             --next-update 2026-09-08T12:00:00Z --idp-uri http://crl.example.com/1.crl --only-user-certs",
            "jitr crl publish fleet.crl --ca abc",
            "jitr crl publish fleet.crl --ca abc --to s3://lists/fleet.crl --force",
            "jitr crl check --ca ca.pem --crl a.crl --crl b.crl --cert d.pem --at 2026-09-01T12:00:00Z --when-stale 24h",
            "jitr crl check --ca ca.pem --crl a.crl --cert d.pem --json",
            "jitr routes check routes.json",
            "jitr sweep",
            "jitr sweep --ca abc --dry-run --reconcile --accept-shrunk",
            "jitr --stack other thing release pump-17 --force --yes",
            "jitr thing release pump-17 --dry-run",
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
            "jitr devices list --connected --offline-for 10m",
            "jitr devices list --grace soon",
            "jitr devices show",
            "jitr devices failing --last 101",
            "jitr devices show pump-17 --last 0",
            "jitr devices show pump-17 --last 1001",
            "jitr allow add --ca abc",
            "jitr allow add --ca abc --file list.csv --serial a1",
            "jitr allow remove --ca abc --serial a1 --name pump-17",
            "jitr crl new --ca ca.pem --ca-key k",
            "jitr crl new --ca ca.pem --ca-key k --out a --remove a1b",
            "jitr crl new --ca ca.pem --ca-key k --out a --only-user-certs",
            "jitr crl new --ca ca.pem --ca-key k --out a --pem --der",
            "jitr crl new --ca ca.pem --ca-key k --out a --days 3 --next-update 2026-09-08T12:00:00Z",
            "jitr crl check --ca ca.pem --cert d.pem",
            "jitr crl publish fleet.crl",
            "jitr crl publish fleet.crl --ca abc --to https://h/a.crl",
            "jitr sweep --accept-shrunk",
            "jitr why",
            "jitr why pump-17 --cert chain.pem",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
