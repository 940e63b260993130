//! A second certificate for a name that is taken.

use anyhow::Result;
use aws_sdk_iot::types::CertificateStatus;
use shared::decision::{Decision, Reason};
use tests::stack::{Stack, jitr};

use crate::{HOUR, unique};

#[tokio::test]
async fn under_refuse_the_name_stays_with_its_owner_until_it_is_released() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("refuse", &[]).await?;
    let name = unique("pump");
    let (owner, thief) = (fleet.device(&name, HOUR)?, fleet.device(&name, HOUR / 2)?);
    fleet.admit(&owner, &name).await?.session.disconnect().await;

    let row = fleet.knock(&thief, &name).await?;
    assert_eq!((row.decision, row.reason), (Decision::Refused, Reason::ThingTaken));
    assert_eq!(stack.status(&thief.certificate_id).await?, Some(CertificateStatus::PendingActivation));
    stack.why(thief.certificate_id.as_str(), &["thing release"]).await?;
    stack.session(&owner, &name).await??.disconnect().await;

    jitr(&["thing", "release", &name, "--force", "--yes"]).await?;
    fleet.admit(&thief, &name).await?;
    assert!(stack.session(&owner, &name).await?.is_err());
    Ok(())
}

#[tokio::test]
async fn under_rotate_the_younger_certificate_replaces_the_older() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("rotate", &["--take-over", "rotate"]).await?;
    let name = unique("pump");
    let (old, new, older) =
        (fleet.device(&name, 2 * HOUR)?, fleet.device(&name, HOUR)?, fleet.device(&name, 3 * HOUR)?);
    fleet.admit(&old, &name).await?.session.disconnect().await;
    fleet.admit(&new, &name).await?.session.disconnect().await;
    stack.becomes(&old.certificate_id, CertificateStatus::Inactive).await?;
    assert!(stack.session(&old, &name).await?.is_err());
    stack.row_when(&fleet.id, &old, |row| row.superseded_by.as_ref() == Some(&new.certificate_id)).await?;

    let row = fleet.knock(&older, &name).await?;
    assert_eq!(row.reason, Reason::OlderThanHolder);
    assert_eq!(stack.status(&new.certificate_id).await?, Some(CertificateStatus::Active));
    Ok(())
}

#[tokio::test]
async fn a_thing_of_another_ca_is_never_touched() -> Result<()> {
    let stack = Stack::connect().await;
    let first = stack.fleet("first CA", &["--take-over", "join"]).await?;
    let second = stack.fleet("second CA", &["--take-over", "rotate"]).await?;
    let name = unique("pump");
    let (owner, stranger) = (first.device(&name, 2 * HOUR)?, second.device(&name, HOUR)?);
    first.admit(&owner, &name).await?.session.disconnect().await;
    let row = second.knock(&stranger, &name).await?;
    assert_eq!(row.reason, Reason::ThingOfOtherAuthority);
    assert_eq!(stack.status(&owner.certificate_id).await?, Some(CertificateStatus::Active));
    stack.session(&owner, &name).await??;
    Ok(())
}
