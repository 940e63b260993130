//! What an operator has switched off stays off, however late an event arrives.

use anyhow::Result;
use aws_sdk_iot::types::CertificateStatus;
use shared::decision::Decision;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, Outcome, activator};
use tests::stack::{Stack, jitr};

use crate::{HOUR, unique};

#[tokio::test]
async fn an_operators_inactive_stays_inactive_when_the_event_arrives_late() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("operator", &["--admission", "listed"]).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    fleet.knock(&device, &name).await?;
    jitr(&["allow", "add", "--ca", fleet.id.as_str(), "--name", &name]).await?;
    let id = device.certificate_id.as_str();
    stack.iot.update_certificate().certificate_id(id).new_status(CertificateStatus::Inactive).send().await?;

    let mut function = Function::start(&activator(), &environment::activator(&stack.url, ROOT)).await?;
    let outcome = function.invoke(&fleet.registered_event(&device)).await?;
    let Outcome::Returned(answer) = outcome else { panic!("{outcome:?}") };
    assert_eq!(answer["decision"], Decision::NotPending.as_str());
    assert!(stack.session(&device, &name).await?.is_err());
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Inactive));
    Ok(())
}
