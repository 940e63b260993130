//! `jitr ca register`: from a CA certificate to a CA whose devices are registered when they first connect.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use aws_sdk_iot::operation::register_ca_certificate::RegisterCACertificateError;
use clap::Args;
use serde::Serialize;
use shared::aws::fault;
use shared::id::CaCertificateId;
use shared::port::AuthorityStore as _;
use shared::profile::Profile;
use time::OffsetDateTime;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::change::Change;
use super::enrol::{Authority, enrol};
use super::profile::Written;
use super::registered::{Registered, describe};
use super::switch::{Switch, set};
use crate::cloud::Cloud;
use crate::files::{read_first_certificate, read_private_key};
use crate::issue::{CertificateAuthority, certificate_to_pem};
use crate::output::{Format, Text};
use crate::store::explain;

/// A CA to be registered.
#[derive(Args, Debug)]
pub struct RegisterArgs {
    /// The CA certificate, PEM or DER; the first one of the file, and nothing else of it, goes to AWS IoT.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    #[command(flatten)]
    proof: Proof,
    /// Go on if the CA is registered already: switch it and its auto-registration on, and change its profile.
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    change: Change,
}

/// What proves that the operator holds the CA's key.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Proof {
    /// The CA's private key, PEM or DER; it signs the proof here and is sent nowhere.
    #[arg(long, value_name = "FILE")]
    ca_key: Option<PathBuf>,
    /// A certificate with the registration code as common name, signed by the CA elsewhere: see `jitr ca
    /// registration-code`.
    #[arg(long, value_name = "FILE")]
    verification_cert: Option<PathBuf>,
}

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    ca_certificate_id: CaCertificateId,
    /// Whether nothing was changed, because only the plan was asked for.
    dry_run: bool,
    /// False if AWS IoT had the CA already.
    registered: bool,
    profile_result: Written,
    profile: Profile,
}

pub(super) async fn run(args: RegisterArgs, cloud: &Cloud, format: Format, now: OffsetDateTime) -> Result<()> {
    let (certificate, der) = read_first_certificate(&args.ca)?;
    // Of what else the file holds nothing leaves this machine: it may be the private key.
    let pem = certificate_to_pem(&der);
    // Before anything is changed: is the change possible, is the stack there?
    let id: CaCertificateId = certificate.id().as_str().parse()?;
    let before = cloud.authorities.profile(&id).await.map_err(explain)?;
    args.change.clone().make(&before.unwrap_or_default())?;
    let verification = match &args.proof.verification_cert {
        Some(path) => certificate_to_pem(&read_first_certificate(path)?.1),
        None => sign_verification(&args, &der, cloud, format, now).await?,
    };
    let known = describe(&id, cloud).await?.map(|described| described.registered);
    if let Some(known) = &known {
        may_switch_on(&id, known, args.update, format)?;
    }

    // The rules come first, and the CA is switched on last: whatever interrupts the command, nobody comes in without them.
    let authority = Authority { certificate: &certificate, id: &id, pem: &pem };
    let dry_run = args.change.dry_run;
    let (profile, profile_result) = enrol(&authority, args.change, args.update, cloud, format, now).await?;
    if dry_run {
        let registered = known.is_none();
        let answer = Answer { ca_certificate_id: id, dry_run, registered, profile_result, profile };
        return format
            .print(&answer, |answer| format!("dry run         {} was not registered", answer.ca_certificate_id));
    }
    format.say(match profile_result {
        Written::Created | Written::Updated => "profile         written",
        Written::Unchanged => "profile         unchanged",
    });
    let stands = || format!("the profile of CA {id} stands, and the CA is not switched on: run the command again");
    let registered = match &known {
        Some(known) => switch_on(&id, known, cloud, format).await.with_context(stands)?,
        None => register(&pem, &verification, &id, cloud).await.with_context(stands)?,
    };
    let answer = Answer { ca_certificate_id: id, dry_run, registered, profile_result, profile };
    format.print(&answer, |answer| {
        let before = if answer.registered { "" } else { " before" };
        format!("registered      {}{before}, ACTIVE, with auto-registration", answer.ca_certificate_id)
    })
}

async fn sign_verification(
    args: &RegisterArgs,
    ca: &CertificateDer<'_>,
    cloud: &Cloud,
    format: Format,
    now: OffsetDateTime,
) -> Result<String> {
    let path = args.proof.ca_key.as_ref().context("give --ca-key or --verification-cert")?;
    let authority = CertificateAuthority::from_der(ca, &read_private_key(path)?)?;
    let code = code(cloud).await?;
    let verification = authority.issue_verification(&code, now)?;
    format.say("verification    registration code signed with the CA's key");
    Ok(verification)
}

async fn code(cloud: &Cloud) -> Result<String> {
    let answer = cloud.iot.get_registration_code().send().await;
    let answer = answer.map_err(|error| explain(fault("iot:GetRegistrationCode", error)))?;
    answer.registration_code.context("AWS IoT answered without a registration code")
}

/// Registers a CA that AWS IoT does not have yet; it is open from this moment on. Tells whether that was news.
async fn register(pem: &str, verification: &str, id: &CaCertificateId, cloud: &Cloud) -> Result<bool> {
    let request = cloud
        .iot
        .register_ca_certificate()
        .ca_certificate(pem)
        .verification_certificate(verification)
        .set_as_active(true)
        .allow_auto_registration(true);
    match request.send().await {
        Ok(answer) => {
            let given = answer.certificate_id.context("AWS IoT answered without the CA's id")?;
            if given != id.as_str() {
                bail!("AWS IoT calls the CA {given}: jitr ca enrol {given}");
            }
            Ok(true)
        }
        Err(error) => match error.as_service_error() {
            // Somebody else was faster, or a try whose answer was lost.
            Some(RegisterCACertificateError::ResourceAlreadyExistsException(_)) => {
                let known = describe(id, cloud).await?.context("AWS IoT answered without a description of the CA")?;
                if !known.registered.registers_devices() {
                    bail!("CA {id} was registered by somebody else just now");
                }
                Ok(false)
            }
            _ => Err(explain(fault("iot:RegisterCACertificate", error))),
        },
    }
}

/// A CA that was registered before may be switched off, and whoever did that had a reason.
fn may_switch_on(id: &CaCertificateId, known: &Registered, update: bool, format: Format) -> Result<()> {
    if let Some(warning) = known.warning(id) {
        format.say(format!("warning         {warning}"));
    }
    if !known.registers_devices() && !update {
        bail!(
            "CA {id} is registered already, but switched off or without auto-registration: --update switches both on"
        );
    }
    Ok(())
}

/// Switches on what was registered before, if it is off. It is no news that it is registered.
async fn switch_on(id: &CaCertificateId, known: &Registered, cloud: &Cloud, format: Format) -> Result<bool> {
    if !known.registers_devices() {
        let (status, auto_registration) = Switch::On.targets();
        set(id, Some(status), auto_registration, cloud).await?;
        format.say("switched on     its status and its auto-registration");
    }
    Ok(false)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeAnswer {
    registration_code: String,
}

pub(super) async fn registration_code(cloud: &Cloud, format: Format) -> Result<()> {
    let answer = CodeAnswer { registration_code: code(cloud).await? };
    format.print(&answer, |CodeAnswer { registration_code: code }| {
        let subject = format!("    -subj /CN={code} -out verification.csr");
        Text::paragraphs([
            Text::line(code),
            "Have the CA sign a certificate with this code as its common name, then register the CA with it:".into(),
            Text::lines([
                "  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout verification.key \\",
                &subject,
                "  openssl x509 -req -in verification.csr -CA ca.pem -CAkey <key in the HSM> -CAcreateserial \\",
                "    -days 1 -sha256 -out verification.pem",
                "  jitr ca register --ca ca.pem --verification-cert verification.pem",
            ]),
        ])
    })
}
