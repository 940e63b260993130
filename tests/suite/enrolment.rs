//! A CA that is registered with AWS IoT by other means than `jitr`: its devices are left alone until it is enrolled.

use anyhow::Result;
use aws_sdk_iot::types::CertificateStatus;
use serde_json::Value;
use shared::decision::{Decision, Reason};
use tests::stack::{Stack, eventually, jitr};

use crate::{HOUR, unique};

#[tokio::test]
async fn a_device_of_a_ca_that_nobody_enrolled_waits_until_somebody_does() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.unenrolled_fleet("not enrolled").await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;

    assert!(stack.session(&device, &name).await?.is_err());
    let row = eventually("the refusal", async || stack.unproven_row(&fleet.id, &device).await.ok()).await?;
    assert_eq!((row.decision, row.reason), (Decision::Refused, Reason::AuthorityNotEnrolled));
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::PendingActivation));
    let thing = stack.iot.describe_thing().thing_name(&name).send().await;
    assert!(thing.is_err_and(|error| error.into_service_error().is_resource_not_found_exception()));
    stack
        .why(device.certificate_id.as_str(), &["authority_not_enrolled", &format!("jitr ca enrol {}", fleet.id)])
        .await?;
    let listed: Value = serde_json::from_str(&jitr(&["--json", "ca", "list"]).await?)?;
    let own = listed.as_array().unwrap().iter().find(|ca| ca["caCertificateId"] == fleet.id.as_str()).unwrap();
    assert_eq!(own["enrolled"], false, "{own}");

    jitr(&["ca", "enrol", fleet.id.as_str(), "--label", "enrolled"]).await?;
    fleet.admit(&device, &name).await?;
    let shown: Value = serde_json::from_str(&jitr(&["--json", "ca", "show", fleet.id.as_str()]).await?)?;
    assert_eq!((&shown["enrolled"], &shown["profile"]["label"]), (&true.into(), &"enrolled".into()), "{shown}");
    Ok(())
}
