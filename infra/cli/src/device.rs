//! `jitr device`: makes devices, and is one: a real MQTT client over mutual TLS.

pub mod connect;
pub mod endpoint;
mod fault;
pub mod session;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde::Serialize;
use shared::aws::fault;
use shared::id::{CertificateId, Serial};
use shared::pki::SubjectField;
use shared::timestamp;
use time::OffsetDateTime;

use crate::cloud::Cloud;
use crate::files::{Existing, NewFile, read_certificates, read_first_certificate, read_private_key, write_all};
use crate::issue::{CertificateAuthority, DeviceRequest, KeyAlgorithm, Subject, Validity};
use crate::numbers::{self, in_both_bases};
use crate::output::{Format, Text};
use crate::store::explain;

use connect::{Admitted, BackOff, ConnectError, Options, Step};
use endpoint::{Endpoint, Identity, MQTT_PORT, ServerTrust, client_config};
use session::{Message, Target};

/// What to do with devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Make a device's key and certificate: device.key, device.pem and chain.pem.
    New(NewArgs),
    /// Connect as a device, wait to be let in, publish a message. Ends with 0 once the message is accepted, with 2 if
    /// the device is not let in.
    Connect(ConnectArgs),
}

/// A device to be made.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// The CA certificate, PEM or DER; the first one of the file.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// The CA's private key, PEM or DER.
    #[arg(long, value_name = "FILE")]
    ca_key: PathBuf,
    /// Common name; by default the thing's name, and the device's client id.
    #[arg(long)]
    name: String,
    /// Organization in the subject.
    #[arg(long)]
    organization: Option<String>,
    /// Organizational unit in the subject.
    #[arg(long)]
    organizational_unit: Option<String>,
    /// Country in the subject, two letters.
    #[arg(long)]
    country: Option<String>,
    /// Serial number in the subject: the one on the label.
    #[arg(long, value_name = "TEXT")]
    subject_serial_number: Option<String>,
    /// Serial number of the certificate: 0x1000, 10:00, or '4096 (0x1000)' as OpenSSL prints it.
    #[arg(long, value_name = "SERIAL", value_parser = numbers::serial)]
    serial: Option<Serial>,
    /// Folder to write device.key, device.pem and chain.pem to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Days for which the certificate is valid; it ends with its CA at the latest.
    #[arg(long, default_value_t = 825)]
    days: u32,
    /// Type of the device's key.
    #[arg(long, value_enum, default_value_t)]
    key: KeyAlgorithm,
    /// Overwrite files that exist.
    #[arg(long)]
    force: bool,
}

/// A device that connects.
#[derive(Args, Debug)]
pub struct ConnectArgs {
    /// The device's certificate, followed by its CA's, PEM; or the certificate alone, PEM or DER.
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// The device's private key, PEM or DER.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// MQTT client id; the common name by default.
    #[arg(long)]
    client_id: Option<String>,
    /// Where to connect, host:port; the account's data endpoint by default.
    #[arg(long, env = "JITR_MQTT_ENDPOINT")]
    endpoint: Option<Endpoint>,
    /// CA certificates, PEM or DER, that vouch for the service; those of the system by default.
    #[arg(long, value_name = "FILE", env = "JITR_SERVER_CA")]
    server_ca: Option<PathBuf>,
    /// Topic to publish to; `dt/<client id>/hello` by default.
    #[arg(long)]
    topic: Option<String>,
    /// Message to publish.
    #[arg(long, value_name = "JSON", default_value = r#"{"message":"hello"}"#)]
    message: String,
    /// For how long to begin new attempts.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    timeout: humantime::Duration,
}

/// Runs a command on devices.
///
/// # Errors
/// What could not be done, with the reason; [`ConnectError`] from `connect`.
pub async fn run(command: DeviceCommand, stack: &str, format: Format, now: OffsetDateTime) -> Result<()> {
    match command {
        DeviceCommand::New(args) => new(args, format, now),
        DeviceCommand::Connect(args) => enter(args, stack, format).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewAnswer {
    certificate_id: CertificateId,
    serial: Serial,
    not_after: String,
    certificate: PathBuf,
    chain: PathBuf,
    key: PathBuf,
}

fn new(args: NewArgs, format: Format, now: OffsetDateTime) -> Result<()> {
    let authority =
        CertificateAuthority::from_der(&read_first_certificate(&args.ca)?.1, &read_private_key(&args.ca_key)?)?;
    let device = authority.issue_device(&DeviceRequest {
        subject: Subject {
            common_name: args.name,
            organization: args.organization,
            organizational_unit: args.organizational_unit,
            country: args.country,
            serial_number: args.subject_serial_number,
        },
        validity: Validity::days(now, args.days),
        key: args.key,
        serial: args.serial,
    })?;
    let files = [
        NewFile { name: "device.key", content: &device.key_pem, secret: true },
        NewFile { name: "device.pem", content: &device.certificate_pem, secret: false },
        NewFile { name: "chain.pem", content: &device.chain_pem, secret: false },
    ];
    write_all(&args.out, &files, if args.force { Existing::Replace } else { Existing::Keep })?;
    let answer = NewAnswer {
        certificate_id: device.certificate_id,
        serial: device.serial,
        not_after: timestamp::to_text(device.not_after),
        certificate: args.out.join("device.pem"),
        chain: args.out.join("chain.pem"),
        key: args.out.join("device.key"),
    };
    format.print(&answer, |answer| {
        let (chain, key) = (answer.chain.display(), answer.key.display());
        let NewAnswer { certificate_id, serial, not_after, .. } = answer;
        Text::lines([
            format!(
                "made device certificate {certificate_id}, serial number {}, valid until {not_after}",
                in_both_bases(serial.as_str())
            ),
            format!("connect with: jitr device connect --cert {chain} --key {key}"),
        ])
    })
}

/// One line of the report of `connect`.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Line<'a> {
    Device {
        certificate_id: &'a CertificateId,
        client_id: &'a str,
    },
    Step {
        elapsed_ms: u128,
        #[serde(flatten)]
        step: &'a Step,
    },
    Result {
        result: &'static str,
        attempts: u32,
        elapsed_ms: u128,
    },
}

impl Line<'_> {
    fn text(&self) -> Text {
        match self {
            Self::Device { certificate_id, client_id } => {
                Text::lines([format!("client id    {client_id}"), format!("certificate  {certificate_id}")])
            }
            Self::Step { elapsed_ms, step } => {
                let milliseconds = u64::try_from(*elapsed_ms).unwrap_or(u64::MAX);
                format!("{:7.2} s  {step}", Duration::from_millis(milliseconds).as_secs_f32()).into()
            }
            Self::Result { result, attempts, elapsed_ms } => {
                let connections = if *attempts == 1 { "connection" } else { "connections" };
                format!("{result} after {attempts} {connections} and {elapsed_ms} ms").into()
            }
        }
    }
}

async fn enter(args: ConnectArgs, stack: &str, format: Format) -> Result<()> {
    let identity = Identity::from_der(read_certificates(&args.cert)?, read_private_key(&args.key)?)
        .with_context(|| format!("{} is not usable", args.cert.display()))?;
    let name = identity.certificate().subject().single(SubjectField::CommonName).map(ToOwned::to_owned);
    let client_id = args.client_id.or(name).context("the subject has no common name: give --client-id")?;
    let trust = match &args.server_ca {
        Some(path) => ServerTrust::Only(read_certificates(path)?),
        None => ServerTrust::System,
    };
    let endpoint = match args.endpoint {
        Some(endpoint) => endpoint,
        None => data_endpoint(stack).await?,
    };
    let options = Options {
        message: Message {
            topic: args.topic.unwrap_or_else(|| format!("dt/{client_id}/hello")),
            payload: args.message.into_bytes(),
        },
        target: Target {
            tls: client_config(&endpoint, &identity, &trust)?,
            endpoint,
            client_id: client_id.clone(),
            keep_alive: KEEP_ALIVE,
        },
        time_out: args.timeout.into(),
        patience: PATIENCE,
        back_off: BackOff::default(),
    };
    let certificate_id = identity.certificate_id();
    format.print_line(&Line::Device { certificate_id, client_id: &client_id }, Line::text)?;
    let mut on_step = |elapsed: Duration, step: &Step| {
        let line = Line::Step { elapsed_ms: elapsed.as_millis(), step };
        // Whoever stopped reading still wants the device to get in.
        let _ = format.print_line(&line, Line::text);
    };
    match connect::connect(&options, &mut on_step).await {
        Ok(Admitted { attempts, elapsed, session }) => {
            session.disconnect().await;
            let line = Line::Result { result: "accepted", attempts, elapsed_ms: elapsed.as_millis() };
            format.print_line(&line, Line::text)
        }
        Err(error) => {
            if let (ConnectError::NotAdmitted { attempts, elapsed, .. }, Format::Json) = (&error, format) {
                let line = Line::Result { result: "notAdmitted", attempts: *attempts, elapsed_ms: elapsed.as_millis() };
                format.print_line(&line, Line::text)?;
            }
            Err(match error {
                ConnectError::NotAdmitted { .. } => anyhow::Error::new(error)
                    .context(format!("the service did not accept the message; to see why: jitr why {certificate_id}")),
                ConnectError::Unreachable(_) => error.into(),
            })
        }
    }
}

/// The account's own endpoint. Its certificate is from Amazon's root CAs.
async fn data_endpoint(stack: &str) -> Result<Endpoint> {
    let cloud = Cloud::of_stack(stack).await?;
    let answer = cloud.iot.describe_endpoint().endpoint_type("iot:Data-ATS").send().await;
    let answer = answer.map_err(|error| explain(fault("iot:DescribeEndpoint", error)))?;
    let address = answer.endpoint_address.context("AWS IoT answered without an endpoint")?;
    // The local cloud adds the port of its HTTP side.
    let host = address.split(':').next().unwrap_or_default();
    Ok(Endpoint { host: host.to_owned(), port: MQTT_PORT })
}

/// Longer than any pause that `connect` makes while it is connected.
const KEEP_ALIVE: Duration = Duration::from_mins(1);
/// AWS IoT answers within a second; a device on a bad line waits longer.
const PATIENCE: Duration = Duration::from_secs(10);
