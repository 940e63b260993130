//! `jitr ca enable` and `jitr ca disable`: whether AWS IoT registers a CA's devices when they first connect.

use anyhow::{Context as _, Result, bail};
use aws_sdk_iot::types::{AutoRegistrationStatus, CaCertificateStatus};
use clap::Args;
use serde::Serialize;
use shared::aws::fault;
use shared::id::CaCertificateId;
use shared::port::AuthorityStore as _;
use shared::profile::Profile;

use super::find::find;
use super::registered::describe;
use crate::cloud::Cloud;
use crate::output::{Format, Text};
use crate::store::explain;

/// A CA whose devices are to come, or to come no more.
///
/// Devices that are in stay in. The CA's key is not needed.
#[derive(Args, Debug)]
pub struct SwitchArgs {
    /// The CA's certificate id, the beginning of it, or its label.
    ca: String,
    /// Switch its auto-registration only: the CA keeps its status, so that certificates can be registered by hand.
    #[arg(long)]
    auto_registration: bool,
    /// Tell what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// On or off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Switch {
    /// A CA that nobody has enrolled stays off: its rules come first.
    On,
    Off,
}

/// State of a CA in AWS IoT.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct State {
    /// `ACTIVE` or `INACTIVE`.
    status: String,
    /// `ENABLE` or `DISABLE`.
    auto_registration: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    ca_certificate_id: CaCertificateId,
    /// Whether nothing was changed, because only the plan was asked for.
    dry_run: bool,
    before: State,
    /// The same as before if it is so already.
    after: State,
}

/// Switches a CA.
///
/// # Errors
/// A CA that AWS IoT does not have or, to be switched on, that nobody has enrolled; a failed call.
pub(super) async fn run(args: &SwitchArgs, switch: Switch, cloud: &Cloud, format: Format) -> Result<()> {
    let id = find(&args.ca, cloud).await?;
    let described = describe(&id, cloud).await?;
    let registered =
        described.with_context(|| format!("AWS IoT has no CA {id} in this account and Region"))?.registered;
    if switch == Switch::On {
        let profile = cloud.authorities.profile(&id).await.map_err(explain)?;
        if !profile.as_ref().is_some_and(Profile::is_enrolled) {
            bail!("nobody has enrolled CA {id}, and its rules come first: jitr ca enrol {id}");
        }
        if let Some(warning) = registered.warning(&id) {
            format.say(format!("warning: {warning}"));
        }
    }
    let before = State { status: registered.status, auto_registration: registered.auto_registration };
    let (status, auto_registration) = switch.targets();
    let kept = args.auto_registration.then(|| before.status.clone());
    let after = State {
        status: kept.unwrap_or_else(|| status.as_str().to_owned()),
        auto_registration: auto_registration.as_str().to_owned(),
    };
    if before != after && !args.dry_run {
        let status = Some(status).filter(|_| !args.auto_registration);
        set(&id, status, auto_registration, cloud).await?;
    }
    let answer = Answer { ca_certificate_id: id, dry_run: args.dry_run, before, after };
    format.print(&answer, |answer| answer.text(switch))
}

/// Changes the auto-registration of a CA, and its status if one is given, in one call.
///
/// # Errors
/// A failed call.
pub(super) async fn set(
    id: &CaCertificateId,
    status: Option<CaCertificateStatus>,
    auto_registration: AutoRegistrationStatus,
    cloud: &Cloud,
) -> Result<()> {
    let request = cloud.iot.update_ca_certificate().certificate_id(id.as_str()).set_new_status(status);
    let sent = request.new_auto_registration_status(auto_registration).send().await;
    sent.map(|_| ()).map_err(|error| explain(fault("iot:UpdateCACertificate", error)))
}

impl Switch {
    /// Status and auto-registration.
    pub(super) const fn targets(self) -> (CaCertificateStatus, AutoRegistrationStatus) {
        match self {
            Self::On => (CaCertificateStatus::Active, AutoRegistrationStatus::Enable),
            Self::Off => (CaCertificateStatus::Inactive, AutoRegistrationStatus::Disable),
        }
    }
}

impl Answer {
    fn text(&self, switch: Switch) -> Text {
        let (id, State { status, auto_registration }) = (&self.ca_certificate_id, &self.after);
        let state = format!("{status}, auto-registration {auto_registration}");
        if self.before == self.after {
            return Text::line(format_args!("CA {id} is so already: {state}"));
        }
        if self.dry_run {
            return Text::line(format_args!("dry run: CA {id} would be {state}"));
        }
        let follows = match switch {
            Switch::On => "its devices are registered when they connect, and the activator decides about them",
            Switch::Off => {
                "no new device of it is registered; those that are in stay in, and CRLs are followed as before"
            }
        };
        Text::lines([format!("CA {id} is {state}"), follows.to_owned()])
    }
}
