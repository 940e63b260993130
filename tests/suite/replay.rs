//! Every event fixture through the built binary, against the local cloud.
//!
//! The frozen device connects for real. Its CA admits listed certificates only until then, so that the deployed
//! function leaves the decision to the binary under test.

use anyhow::Result;
use jitr::issue::{CertificateAuthority, DeviceCredentials};
use serde_json::Value;
use shared::pki::Certificate;
use shared::testing::{Fixture, fixtures, frozen_certificate, frozen_key};
use tests::lambda::{Function, Outcome, activator};
use tests::stack::{Stack, jitr};

use crate::role::variables;

async fn replay(function: &mut Function, fixture: &Fixture, expected: &Value) -> Result<()> {
    let name = &fixture.name;
    match function.invoke(&fixture.payload).await? {
        Outcome::Returned(answer) => {
            for member in ["decision", "reason", "member"] {
                assert_eq!(answer.get(member), expected.get(member), "{name}: {answer}");
            }
        }
        Outcome::Failed(fault) => assert!(expected.get("error").is_some(), "{name}: {fault}"),
    }
    Ok(())
}

#[tokio::test]
async fn every_fixture_leads_to_the_decision_beside_it() -> Result<()> {
    let stack = Stack::connect().await;
    let authority = frozen_certificate("fixture-ca");
    let pem = frozen_certificate("fixture-device");
    let certificate = Certificate::from_pem(&pem)?;
    let device = DeviceCredentials {
        certificate_id: certificate.id().clone(),
        chain_pem: format!("{pem}{authority}"),
        certificate_pem: pem,
        key_pem: frozen_key("fixture-device"),
        not_after: certificate.not_after(),
        serial: certificate.serial().clone(),
    };
    let authority = CertificateAuthority::from_pem(&authority, &frozen_key("fixture-ca"))?;
    let fleet = stack.fleet_of(authority, "fixtures", &["--admission", "listed"]).await?;
    let mut function = Function::start(&activator(), &variables(&stack.url, ("test", "test"))).await?;

    let (accepted, rejected) = (fixtures("activator"), fixtures("activator/rejected"));
    assert!(accepted.len() >= 8 && rejected.len() >= 20);
    for fixture in &rejected {
        replay(&mut function, fixture, &fixture.expected).await?;
    }
    for fixture in &accepted {
        replay(&mut function, fixture, &fixture.expected["whenGone"]).await?;
    }
    fleet.knock(&device, "fixture-device").await?;
    jitr(&["ca", "set", fleet.id.as_str(), "--admission", "all"]).await?;
    let mut state = "whenPending";
    for fixture in &accepted {
        replay(&mut function, fixture, &fixture.expected[state]).await?;
        state = "whenActive";
    }
    Ok(())
}
