//! `jitr sweep`: starts the CRL checker and waits for what it says.

mod report;

use anyhow::{Context as _, Result, bail};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use shared::aws::fault;
use shared::fault::FaultKind;
use shared::id::CaCertificateId;

use crate::ca::find;
use crate::cloud::Cloud;
use crate::output::Format;
use crate::store::explain;

/// What the CRL checker is to do.
#[derive(Args, Debug)]
pub struct SweepArgs {
    /// One CA only: its certificate id, the beginning of it, or its label.
    #[arg(long)]
    ca: Option<String>,
    /// Report what would be done, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Compare all registrations with all CRLs, not only what has changed.
    #[arg(long)]
    reconcile: bool,
    /// Let a CRL count that has lost more entries than the stack allows.
    #[arg(long, requires = "ca")]
    accept_shrunk: bool,
}

const DRY_RUN_ENDED: &str = "its time was up before it had looked at everything, and a dry run does not go on";
const GOES_ON: &str = "the next scheduled run goes on, and so does the same command";

/// The CRL checker's event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificate_id: Option<CaCertificateId>,
    #[serde(skip_serializing_if = "is_not_asked")]
    dry_run: bool,
    #[serde(skip_serializing_if = "is_not_asked")]
    reconcile: bool,
    #[serde(skip_serializing_if = "is_not_asked")]
    accept_shrunk: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands members over by reference")]
fn is_not_asked(member: &bool) -> bool {
    !member
}

impl SweepArgs {
    fn request(&self, ca_certificate_id: Option<CaCertificateId>) -> Request {
        Request {
            ca_certificate_id,
            dry_run: self.dry_run,
            reconcile: self.reconcile,
            accept_shrunk: self.accept_shrunk,
        }
    }
}

/// Runs the CRL checker once.
///
/// # Errors
/// A function that is not there or failed, and, after its answer has been printed, sources that are not as they should
/// be, whatever else has failed, and a run that has left something undone.
pub async fn run(args: SweepArgs, stack: &str, format: Format) -> Result<()> {
    let cloud = Cloud::of_stack(stack).await?;
    let id = match &args.ca {
        Some(text) => Some(find(text, &cloud).await?),
        None => None,
    };
    let answer = invoke(&args.request(id), &cloud).await?;
    format.print(&answer, |answer| report::text(answer, args.dry_run))?;
    let troubled = report::troubled(&answer);
    if !troubled.is_empty() {
        bail!("not every source gave a CRL that counts: {}", troubled.join("; "));
    }
    let failures = report::failures(&answer);
    if !failures.is_empty() {
        bail!("not everything could be done: {}", failures.join("; "));
    }
    if report::is_unfinished(&answer) {
        bail!("the run is not finished: {}", if args.dry_run { DRY_RUN_ENDED } else { GOES_ON });
    }
    Ok(())
}

async fn invoke(request: &Request, cloud: &Cloud) -> Result<Value> {
    let function = format!("{}-crl-checker", cloud.stack);
    let answer = cloud
        .lambda
        .invoke()
        .function_name(&function)
        .invocation_type(InvocationType::RequestResponse)
        .payload(Blob::new(serde_json::to_vec(request)?))
        .send()
        .await
        .map_err(|error| {
            let fault = fault("lambda:Invoke", error);
            let is_missing = fault.kind == FaultKind::NotFound;
            let error = explain(fault);
            if is_missing {
                error
                    .context(format!("there is no function {function} here: check --stack, the Region and the account"))
            } else {
                error
            }
        })?;
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    if let Some(kind) = answer.function_error() {
        bail!("{function} failed: {}", report::failure(kind, payload));
    }
    serde_json::from_slice(payload).with_context(|| format!("{function} did not answer in JSON"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_asked_is_in_the_event() {
        let args = |dry_run, reconcile, accept_shrunk| SweepArgs { ca: None, dry_run, reconcile, accept_shrunk };
        let event = |args: SweepArgs, id| serde_json::to_value(args.request(id)).unwrap();
        assert_eq!(event(args(false, false, false), None), json!({}));
        assert_eq!(event(args(true, true, false), None), json!({"dryRun": true, "reconcile": true}));
        let id = "c".repeat(64);
        assert_eq!(
            event(args(false, false, true), Some(id.parse().unwrap())),
            json!({"caCertificateId": id, "acceptShrunk": true})
        );
    }
}
