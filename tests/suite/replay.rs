//! Every event fixture through the built binary, against the local cloud.
//!
//! The frozen device connects for real. Its CA admits listed certificates only until then, so that the deployed
//! function leaves the decision to the binary under test.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jitr::issue::{CertificateAuthority, DeviceCredentials};
use serde_json::Value;
use shared::pki::Certificate;
use tests::lambda::{Function, Outcome, activator};
use tests::stack::{Stack, jitr};

use crate::role::variables;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

struct Fixture {
    expected: Value,
    name: String,
    payload: Vec<u8>,
}

fn fixtures(folder: &str) -> Result<Vec<Fixture>> {
    let folder = root().join("events/activator").join(folder);
    let mut fixtures = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().into_string().ok().context("a name that is not Unicode")?;
        if let Some(stem) = name.strip_suffix(".json").filter(|stem| !stem.ends_with(".expected")) {
            let expected = fs::read_to_string(folder.join(format!("{stem}.expected.json")))?;
            let (expected, payload) = (serde_json::from_str(&expected)?, fs::read(folder.join(&name))?);
            fixtures.push(Fixture { expected, name, payload });
        }
    }
    Ok(fixtures)
}

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

fn frozen(name: &str) -> Result<(String, String)> {
    let folder = root().join("tests/data/certificates");
    let der = fs::read(folder.join(format!("{name}.der")))?;
    let key = fs::read_to_string(folder.join(format!("{name}.key")))?;
    Ok((pem::encode(&pem::Pem::new("CERTIFICATE", der)), key))
}

#[tokio::test]
async fn every_fixture_leads_to_the_decision_beside_it() -> Result<()> {
    let stack = Stack::connect().await;
    let (authority, authority_key) = frozen("fixture-ca")?;
    let (pem, key) = frozen("fixture-device")?;
    let certificate = Certificate::from_pem(&pem)?;
    let device = DeviceCredentials {
        certificate_id: certificate.id().clone(),
        chain_pem: format!("{pem}{authority}"),
        certificate_pem: pem,
        key_pem: key,
        not_after: certificate.not_after(),
        serial: certificate.serial().clone(),
    };
    let authority = CertificateAuthority::from_pem(&authority, &authority_key)?;
    let fleet = stack.fleet_of(authority, "fixtures", &["--admission", "listed"]).await?;
    let mut function = Function::start(&activator(), &variables(&stack.url, ("test", "test"))).await?;

    let (accepted, rejected) = (fixtures("")?, fixtures("rejected")?);
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
