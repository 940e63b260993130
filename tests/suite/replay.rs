//! Every event fixture through the built binaries, against the local cloud.
//!
//! The activator's frozen devices connect for real. Their CAs admit listed certificates only until then, so that the
//! deployed function leaves the decision to the binary under test. For a function whose table of CAs has none, nobody has
//! enrolled them. The CRL checker's requests are about such a table too, so that other tests' are left alone. The lifecycle
//! recorder's clients are each of one fixture only.

mod rule_sink;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use jitr::issue::{CertificateAuthority, DeviceCredentials};
use serde_json::{Value, json};
use shared::aws::authorities::{PARTITION_KEY, RECORD_INDEX, SORT_KEY};
use shared::event::LifecycleEvent;
use shared::pki::Certificate;
use shared::testing::{FROZEN_FLEETS, Fixture, fixtures, frozen_certificate, frozen_key};
use shared::timestamp;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, Outcome, activator, crl_checker, lifecycle_recorder};
use tests::lifecycle::START;
use tests::stack::{STACK, Stack, jitr};

use crate::unique;

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
    let mut function = Function::start(&activator(), &environment::activator(&stack.url, ROOT)).await?;
    let (accepted, rejected) = (fixtures("activator"), fixtures("activator/rejected"));
    assert!(accepted.len() >= 9 && rejected.len() >= 20);
    for fixture in &rejected {
        replay(&mut function, fixture, &fixture.expected).await?;
    }
    for fixture in &accepted {
        replay(&mut function, fixture, &fixture.expected["whenGone"]).await?;
    }
    let mut variables = environment::activator(&stack.url, ROOT);
    variables.push(("AUTHORITIES_TABLE".to_owned(), no_authorities(&stack).await?));
    let mut elsewhere = Function::start(&activator(), &variables).await?;
    for name in FROZEN_FLEETS {
        let device = frozen_device(name)?;
        let authority = CertificateAuthority::from_pem(
            &frozen_certificate(&format!("{name}-ca")),
            &frozen_key(&format!("{name}-ca")),
        )?;
        let fleet = stack.fleet_of(authority, name, &["--admission", "listed"]).await?;
        fleet.knock(&device, &format!("{name}-device")).await?;
        let own = accepted.iter().filter(|fixture| is_about(fixture, &device)).collect::<Vec<_>>();
        assert!(!own.is_empty(), "no event is about {name}-device");
        for fixture in &own {
            replay(&mut elsewhere, fixture, &fixture.expected["whenNotEnrolled"]).await?;
        }
        jitr(&["ca", "set", fleet.id.as_str(), "--admission", "all"]).await?;
        let mut state = "whenPending";
        for fixture in own {
            replay(&mut function, fixture, &fixture.expected[state]).await?;
            state = "whenActive";
        }
    }
    Ok(())
}

fn frozen_device(name: &str) -> Result<DeviceCredentials> {
    let authority = frozen_certificate(&format!("{name}-ca"));
    let pem = frozen_certificate(&format!("{name}-device"));
    let certificate = Certificate::from_pem(&pem)?;
    Ok(DeviceCredentials {
        certificate_id: certificate.id().clone(),
        chain_pem: format!("{pem}{authority}"),
        certificate_pem: pem,
        key_pem: frozen_key(&format!("{name}-device")),
        not_after: certificate.not_after(),
        serial: certificate.serial().clone(),
    })
}

/// Events write ids in either case.
fn is_about(fixture: &Fixture, device: &DeviceCredentials) -> bool {
    String::from_utf8_lossy(&fixture.payload).to_lowercase().contains(device.certificate_id.as_str())
}

/// A table like `Authorities`, with nothing in it.
async fn no_authorities(stack: &Stack) -> Result<String> {
    let name = unique("no-authorities");
    let attribute = |name: &str| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let index = GlobalSecondaryIndex::builder()
        .index_name(RECORD_INDEX)
        .key_schema(key(SORT_KEY, KeyType::Hash)?)
        .key_schema(key(PARTITION_KEY, KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build());
    let request = aws_sdk_dynamodb::Client::new(&stack.config).create_table().table_name(&name);
    let request = request.billing_mode(BillingMode::PayPerRequest).global_secondary_indexes(index.build()?);
    let request = request.attribute_definitions(attribute(PARTITION_KEY)?);
    let request = request.attribute_definitions(attribute(SORT_KEY)?);
    let request = request.key_schema(key(PARTITION_KEY, KeyType::Hash)?);
    request.key_schema(key(SORT_KEY, KeyType::Range)?).send().await?;
    Ok(name)
}

#[tokio::test]
async fn every_request_of_the_crl_checker_leads_to_the_report_beside_it() -> Result<()> {
    let stack = Stack::connect().await;
    let mut variables = environment::crl_checker(&stack.url, ROOT);
    let table = no_authorities(&stack).await?;
    variables.push(("AUTHORITIES_TABLE".to_owned(), table));
    let mut function = Function::start(&crl_checker(), &variables).await?;

    let (accepted, rejected) = (fixtures("crl-checker"), fixtures("crl-checker/rejected"));
    assert!(accepted.len() >= 6 && rejected.len() >= 6);
    for Fixture { expected, name, payload } in &accepted {
        let report = function.answer(payload).await?;
        let outcomes = report["sources"].as_array().unwrap().iter().map(|source| source["outcome"].clone());
        assert_eq!(Value::Array(outcomes.collect()), expected["outcomes"], "{name}: {report}");
        assert_eq!(report["finished"], expected["finished"], "{name}: {report}");
    }
    for Fixture { expected, name, payload } in &rejected {
        let outcome = function.invoke(payload).await?;
        let Outcome::Failed(fault) = &outcome else { panic!("{name}: {outcome:?}") };
        let message = fault["errorMessage"].as_str().unwrap();
        assert_eq!(fault["errorType"], "request", "{name}: {fault}");
        assert!(message.contains(expected["error"].as_str().unwrap()), "{name}: {message}");
    }
    Ok(())
}

/// All attributes of a client's row.
async fn row(stack: &Stack, client: &str) -> Result<Value> {
    let request = aws_sdk_dynamodb::Client::new(&stack.config).get_item().table_name(format!("{STACK}-devices"));
    let request = request.key("clientId", AttributeValue::S(client.to_owned())).consistent_read(true);
    let item = request.send().await?.item.with_context(|| format!("no row of {client}"))?;
    Ok(serde_dynamo::from_item(item)?)
}

/// Looks whether the tables hold what a fixture expects of them.
async fn is_recorded(stack: &Stack, Fixture { expected, name, .. }: &Fixture) -> Result<()> {
    let of_clients = |member: &str| expected[member].as_object().cloned().unwrap_or_default();
    assert!(!of_clients("devices").is_empty(), "{name}");
    for (client, attributes) in of_clients("devices") {
        let row = row(stack, &client).await?;
        for (attribute, value) in attributes.as_object().unwrap() {
            assert_eq!(row.get(attribute), Some(value), "{name}: {attribute} of {row}");
        }
    }
    let from = timestamp::from_millis(START.try_into()?).unwrap();
    for (client, count) in of_clients("deviceEvents") {
        let kept = stack.device_events.between(&client.parse()?, from, from + time::Duration::DAY, 100).await?;
        assert_eq!(Some(kept.len()), count.as_u64().map(usize::try_from).transpose()?, "{name}: {kept:?}");
    }
    for (client, filters) in of_clients("subscriptions") {
        let device = stack.devices.device(&client.parse()?).await?.unwrap();
        assert_eq!(json!(device.subscriptions.held().collect::<Vec<_>>()), filters, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn every_batch_of_the_lifecycle_recorder_leads_to_the_rows_beside_it() -> Result<()> {
    let stack = Stack::connect().await;
    let variables = environment::lifecycle_recorder(&stack.url, ROOT);
    let mut function = Function::start(&lifecycle_recorder(), &variables).await?;

    let (accepted, rejected) = (fixtures("lifecycle-recorder"), fixtures("lifecycle-recorder/rejected"));
    assert!(accepted.len() >= 11 && rejected.len() >= 5);
    for Fixture { expected, name, payload } in accepted.iter().chain(&rejected) {
        let answer = function.answer(payload).await?;
        assert_eq!(answer["batchItemFailures"], expected["batchItemFailures"], "{name}: {answer}");
    }
    for fixture in &accepted {
        is_recorded(&stack, fixture).await?;
    }
    for Fixture { expected, name, payload } in &rejected {
        let batch: Value = serde_json::from_slice(payload)?;
        let now = timestamp::from_millis(1_790_000_000_000).unwrap();
        let fault = LifecycleEvent::decode(batch["Records"][0]["body"].as_str().unwrap(), now).unwrap_err();
        assert_eq!(fault.reason().as_str(), expected["reason"], "{name}: {fault}");
        assert_eq!(fault.member(), expected["member"].as_str(), "{name}: {fault}");
    }
    Ok(())
}
