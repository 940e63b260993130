//! What the maker's CA revokes, holds and releases, from the CRL in the bucket to the device's connection.

mod sources;
mod sweep;

use std::time::Duration;

use anyhow::Result;
use aws_sdk_iot::types::CertificateStatus;
use shared::decision::{Decision, Reason};
use shared::pki::crl::RevocationReason;
use tests::crl::{entry, nobodys, only_source};
use tests::stack::{Fleet, Stack, jitr};

use crate::{HOUR, unique};

/// A fleet that nobody joins without being cleared by the CRL of `source`; in the stack's bucket if none is given.
async fn gated(stack: &Stack, label: &str, source: Option<&str>) -> Result<Fleet> {
    let fleet = stack.fleet(label, &["--require-crl"]).await?;
    let source = source.map_or_else(|| fleet.crl_object(), ToOwned::to_owned);
    jitr(&["ca", "set", fleet.id.as_str(), "--crl-source", &source]).await?;
    Ok(fleet)
}

#[tokio::test]
async fn a_device_comes_in_under_the_gate_and_is_out_for_good_when_revoked() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = gated(&stack, "revoked", None).await?;
    let (name, neighbour) = (unique("pump"), unique("valve"));
    let (device, other) = (fleet.device(&name, HOUR)?, fleet.device(&neighbour, HOUR)?);

    // Without a CRL nothing is known, which is not the same as not revoked.
    let row = fleet.knock(&device, &name).await?;
    assert_eq!((row.decision, row.reason), (Decision::Deferred, Reason::CrlNotChecked));

    let report = fleet.carry_out(&fleet.crl(1, &[])?).await?;
    assert_eq!(only_source(&report)?["outcome"], "published", "{report}");
    fleet.admit(&device, &name).await?;
    fleet.admit(&other, &neighbour).await?;
    let row = stack.decided(&fleet.id, &device, Decision::Activated).await?;
    assert_eq!(row.crl_number, Some("1".parse()?));

    let report = fleet.carry_out(&fleet.crl(2, &[(&device, RevocationReason::KeyCompromise)])?).await?;
    assert_eq!(report["changes"]["revoked"], 1, "{report}");
    // The local cloud can't end sessions; that it was asked to is all that can be seen here.
    assert_eq!(report["changes"]["sessionsNotOffered"], 1, "{report}");
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Revoked));
    assert!(stack.session(&device, &name).await?.is_err());
    let row = stack.decided(&fleet.id, &device, Decision::Revoked).await?;
    assert_eq!(row.reason, Reason::CertificateRevoked);
    assert_eq!(row.revocation_reason, Some(RevocationReason::KeyCompromise));
    assert_eq!(row.crl_number, Some("2".parse()?));
    stack.why(device.certificate_id.as_str(), &["REVOKED", "certificate_revoked"]).await?;

    assert_eq!(stack.status(&other.certificate_id).await?, Some(CertificateStatus::Active));
    stack.session(&other, &neighbour).await??.disconnect().await;
    assert_eq!(fleet.snapshots().await?.len(), 1, "the snapshot of the first CRL is of no use any more");

    let report = fleet.sweep(&[]).await?;
    assert_eq!(only_source(&report)?["outcome"], "unchanged", "{report}");
    assert_eq!(report["changes"]["revoked"], 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn a_newcomer_on_the_list_never_gets_in() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = gated(&stack, "newcomer", None).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    fleet.carry_out(&fleet.crl(1, &[(&device, RevocationReason::Unspecified)])?).await?;

    let row = fleet.knock(&device, &name).await?;
    assert_eq!((row.decision, row.reason), (Decision::Revoked, Reason::CertificateRevoked));
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Revoked));
    assert!(fleet.come_in(&device, &name, Duration::from_secs(3)).await?.is_err());
    assert!(stack.iot.describe_thing().thing_name(&name).send().await.is_err(), "it has been given a thing");
    stack.why(device.certificate_id.as_str(), &["REVOKED", "certificate_revoked"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_hold_lasts_as_long_as_its_entry() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = gated(&stack, "hold", None).await?;
    let name = unique("pump");
    let (device, gone) = (fleet.device(&name, HOUR)?, fleet.device(&unique("valve"), HOUR)?);
    let gone = (&gone, RevocationReason::CessationOfOperation);
    let hold = (&device, RevocationReason::CertificateHold);
    fleet.carry_out(&fleet.crl(1, &[gone])?).await?;
    fleet.admit(&device, &name).await?;

    let report = fleet.carry_out(&fleet.crl(2, &[gone, hold])?).await?;
    assert_eq!(report["changes"]["held"], 1, "{report}");
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Inactive));
    assert!(stack.session(&device, &name).await?.is_err());
    let row = stack.decided(&fleet.id, &device, Decision::Held).await?;
    assert_eq!(row.reason, Reason::CertificateHold);

    let report = fleet.carry_out(&fleet.crl(3, &[gone])?).await?;
    assert_eq!(report["changes"]["released"], 1, "{report}");
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Active));
    stack.session(&device, &name).await??.disconnect().await;
    let row = stack.decided(&fleet.id, &device, Decision::Activated).await?;
    assert_eq!(row.reason, Reason::HoldReleased);
    Ok(())
}

#[tokio::test]
async fn a_list_that_was_emptied_releases_nobody_until_an_operator_accepts_it() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = gated(&stack, "emptied", None).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    fleet.carry_out(&fleet.crl(1, &[])?).await?;
    fleet.admit(&device, &name).await?;
    let mut entries = nobodys(30)?;
    entries.push(entry(device.serial.clone(), RevocationReason::CertificateHold));
    fleet.carry_out(&fleet.crl_of(2, entries)?).await?;

    let emptied = fleet.crl(3, &[])?;
    assert!(fleet.publish(&emptied).await.is_err(), "whoever publishes it is asked");
    fleet.publish_by_force(&emptied).await?;
    let report = fleet.sweep(&[]).await?;
    let source = only_source(&report)?;
    assert_eq!((&source["outcome"], &source["reason"]), (&"kept_out".into(), &"crl_shrunk".into()), "{report}");
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Inactive));

    let report = fleet.sweep(&["--accept-shrunk"]).await?;
    assert_eq!(report["changes"]["released"], 1, "{report}");
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Active));
    Ok(())
}

#[tokio::test]
async fn a_reconciliation_finds_who_came_in_past_the_gate() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = gated(&stack, "reconciled", None).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    fleet.carry_out(&fleet.crl(1, &[(&device, RevocationReason::KeyCompromise)])?).await?;
    jitr(&["ca", "set", fleet.id.as_str(), "--require-crl=false"]).await?;
    fleet.admit(&device, &name).await?;

    let report = fleet.sweep(&[]).await?;
    assert_eq!(report["changes"]["revoked"], 0, "nothing has changed in the CRL: {report}");
    let report = fleet.sweep(&["--reconcile", "--dry-run"]).await?;
    assert_eq!(report["changes"]["revoked"], 1, "{report}");
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Active));

    let report = fleet.sweep(&["--reconcile"]).await?;
    assert_eq!((&report["changes"]["revoked"], &report["reconciled"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Revoked));
    assert!(stack.session(&device, &name).await?.is_err());
    Ok(())
}
