//! Announced certificates, rules on the subject, and a CA whose profile asks for a CRL.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use aws_sdk_iot::types::CertificateStatus;
use shared::decision::{Decision, Reason};
use tests::stack::{Stack, jitr};

use crate::{HOUR, unique};

#[tokio::test]
async fn a_listed_device_gets_in_on_its_next_connection() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("listed", &["--admission", "listed"]).await?;
    let (first, second) = (unique("pump"), unique("valve"));
    let (by_name, by_file) = (fleet.device(&first, HOUR)?, fleet.device(&second, HOUR)?);
    for (device, name) in [(&by_name, &first), (&by_file, &second)] {
        let row = fleet.knock(device, name).await?;
        assert_eq!((row.decision, row.reason), (Decision::Refused, Reason::NotListed));
        assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::PendingActivation));
    }
    // A name without a thing is found too.
    stack.why(&first, &["not_listed"]).await?;
    let ca = fleet.id.as_str();
    jitr(&["allow", "add", "--ca", ca, "--name", &first]).await?;
    let folder = tempfile::tempdir()?;
    let list = folder.path().join("list.csv");
    fs::write(&list, format!("serial,name\n{},{second}\n", by_file.serial))?;
    jitr(&["allow", "add", "--ca", ca, "--file", list.to_str().unwrap()]).await?;
    let listing = jitr(&["allow", "list", "--ca", ca]).await?;
    assert!(listing.contains(&first) && listing.contains(by_file.serial.as_str()), "{listing}");

    fleet.admit(&by_name, &first).await?;
    fleet.admit(&by_file, &second).await?;

    jitr(&["allow", "remove", "--ca", ca, "--name", &first]).await?;
    assert!(!jitr(&["allow", "list", "--ca", ca]).await?.contains(&first));
    Ok(())
}

#[tokio::test]
async fn a_profile_that_requires_a_crl_lets_nobody_in_without_one() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("crl", &["--require-crl"]).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    let row = fleet.knock(&device, &name).await?;
    assert_eq!((row.decision, row.reason), (Decision::Deferred, Reason::CrlNotConfigured));
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::PendingActivation));
    Ok(())
}

#[tokio::test]
async fn a_certificate_without_the_field_that_names_its_thing_stays_out() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("name", &["--thing-name-template", "${Organization}"]).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    let row = fleet.knock(&device, &name).await?;
    assert_eq!((row.decision, row.reason), (Decision::Refused, Reason::ThingNameUnresolved));
    let outside = fleet.come_in(&device, &name, Duration::from_secs(2)).await?;
    assert!(outside.is_err());
    Ok(())
}
