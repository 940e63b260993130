//! A device whose certificate AWS IoT has never seen, from its first handshake to its first message.

use anyhow::Result;
use aws_sdk_iot::types::CertificateStatus;
use serde_json::Value;
use shared::decision::{Decision, Reason};
use tests::stack::{Stack, jitr};

use crate::{HOUR, unique};

#[tokio::test]
async fn a_new_device_is_refused_once_activated_and_publishes() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("way in", &[]).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    assert_eq!(stack.status(&device.certificate_id).await?, None);

    let admitted = fleet.admit(&device, &name).await?;
    assert!(admitted.attempts >= 2, "the first connection is always refused");

    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Active));
    let row = stack.decided(&fleet.id, &device, Decision::Activated).await?;
    assert_eq!(row.reason, Reason::ChecksPassed);
    assert_eq!(row.certificate_id, device.certificate_id);
    assert_eq!(row.thing_name.as_ref().map(ToString::to_string), Some(name.clone()));
    let thing = stack.iot.describe_thing().thing_name(&name).send().await?;
    assert_eq!(thing.attributes().unwrap()["registrationId"], row.registration_id);

    let report: Value = serde_json::from_str(&jitr(&["--json", "why", &name]).await?)?;
    assert!(report.to_string().contains(device.certificate_id.as_str()), "{report}");
    stack.why(device.certificate_id.as_str(), &["ACTIVE", "activated"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_profile_gives_type_group_attributes_and_name() -> Result<()> {
    let stack = Stack::connect().await;
    let (kind, group) = (unique("type"), unique("group"));
    stack.iot.create_thing_type().thing_type_name(&kind).send().await?;
    stack.iot.create_thing_group().thing_group_name(&group).send().await?;
    let fleet = stack
        .fleet(
            "profile",
            &["--thing-type", &kind, "--thing-group", &group, "--thing-name-template", "eu:${CommonName}"],
        )
        .await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    let thing_name = format!("eu:{name}");
    fleet.admit(&device, &thing_name).await?;
    let thing = stack.iot.describe_thing().thing_name(&thing_name).send().await?;
    assert_eq!(thing.thing_type_name(), Some(kind.as_str()));
    let members = stack.iot.list_things_in_thing_group().thing_group_name(&group).send().await?;
    assert_eq!(members.things(), [thing_name]);
    Ok(())
}
