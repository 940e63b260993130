//! CRLs of a fleet: issued, published, carried out, looked up.

use std::collections::HashSet;

use anyhow::{Context, Result};
use jitr::issue::{CrlEntry, CrlRequest, DeviceCredentials};
use serde_json::Value;
use shared::id::Serial;
use shared::pki::crl::RevocationReason;
use shared::port::CrlStates;
use shared::revocation::{CrlSource, CrlState};
use time::Duration;

use crate::stack::{Fleet, STACK, jitr, jitr_output, now};

/// Name of the bucket of CRLs and snapshots, which is fixed in the local cloud.
#[must_use]
pub fn bucket() -> String {
    format!("{STACK}-revocation")
}

/// The only source in a report of the CRL checker.
///
/// # Errors
/// If there is another number of them.
pub fn only_source(report: &Value) -> Result<&Value> {
    match report.get("sources").and_then(Value::as_array).map(Vec::as_slice) {
        Some([source]) => Ok(source),
        _ => anyhow::bail!("not one source: {report}"),
    }
}

/// An entry of now.
#[must_use]
pub fn entry(serial: Serial, reason: RevocationReason) -> CrlEntry {
    CrlEntry { invalid_since: None, reason, revoked_at: now(), serial }
}

/// Entries of certificates that nobody has.
///
/// # Errors
/// Never.
pub fn nobodys(count: u32) -> Result<Vec<CrlEntry>> {
    (0..count).map(|n| Ok(entry(format!("1{n:031x}").parse()?, RevocationReason::Unspecified))).collect()
}

impl Fleet {
    /// Where [`publish`](Self::publish) puts CRLs: to be named by the profile.
    #[must_use]
    pub fn crl_object(&self) -> String {
        format!("s3://{}/crl/{}.crl", bucket(), self.id)
    }

    /// A CRL of now, good for a day, in DER.
    ///
    /// # Errors
    /// If the CA can't sign it.
    pub fn crl(&self, number: u32, listed: &[(&DeviceCredentials, RevocationReason)]) -> Result<Vec<u8>> {
        self.crl_of(number, listed.iter().map(|(device, reason)| entry(device.serial.clone(), *reason)).collect())
    }

    /// The same with other entries than those of devices.
    ///
    /// # Errors
    /// If the CA can't sign it.
    pub fn crl_of(&self, number: u32, entries: Vec<CrlEntry>) -> Result<Vec<u8>> {
        let now = now();
        let request = CrlRequest {
            distribution_points: Vec::new(),
            entries,
            next_update: now + Duration::DAY,
            number: format!("{number:x}").parse()?,
            only_user_certificates: false,
            this_update: now,
        };
        Ok(self.authority.issue_crl(&request)?.der)
    }

    /// Puts a CRL where the profile says, with `jitr crl publish`.
    ///
    /// # Errors
    /// If it can't be put there, or is a step back from what is there.
    pub async fn publish(&self, crl: &[u8]) -> Result<()> {
        self.publish_with(crl, &[]).await
    }

    /// The same whatever is there.
    ///
    /// # Errors
    /// If it can't be put there.
    pub async fn publish_by_force(&self, crl: &[u8]) -> Result<()> {
        self.publish_with(crl, &["--force"]).await
    }

    async fn publish_with(&self, crl: &[u8], arguments: &[&str]) -> Result<()> {
        let file = self.folder.path().join("fleet.crl");
        std::fs::write(&file, crl)?;
        let file = file.to_str().context("a path that is not Unicode")?;
        jitr(&[&["crl", "publish", file, "--ca", self.id.as_str()], arguments].concat()).await.map(|_| ())
    }

    /// Has the deployed CRL checker look at this CA with `jitr sweep`; gives the checker's report, which may tell that
    /// something is wrong.
    ///
    /// # Errors
    /// If the function failed.
    pub async fn sweep(&self, arguments: &[&str]) -> Result<Value> {
        let sweep = ["--json", "sweep", "--ca", self.id.as_str()];
        let output = jitr_output(&[&sweep[..], arguments].concat()).await?;
        let failed = || format!("jitr sweep: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).with_context(failed)
    }

    /// [`publish`](Self::publish), then [`sweep`](Self::sweep).
    ///
    /// # Errors
    /// If either fails.
    pub async fn carry_out(&self, crl: &[u8]) -> Result<Value> {
        self.publish(crl).await?;
        self.sweep(&[]).await
    }

    /// What is known of the CRL of one of this CA's sources.
    ///
    /// # Errors
    /// If the source was never asked.
    pub async fn crl_state(&self, source: &str) -> Result<CrlState> {
        let source: CrlSource = source.parse()?;
        let states = self.stack.authorities.crl_states(&self.id).await?;
        states.into_iter().find(|state| state.source == source).with_context(|| format!("no state of {source}"))
    }

    /// Keys of all snapshots of this CA.
    ///
    /// # Errors
    /// If the bucket can't be listed.
    pub async fn snapshots(&self) -> Result<HashSet<String>> {
        let request = self.stack.s3.list_objects_v2().bucket(bucket()).prefix(format!("snapshots/{}/", self.id));
        let answer = request.send().await?;
        Ok(answer.contents().iter().filter_map(|object| object.key().map(ToOwned::to_owned)).collect())
    }
}
