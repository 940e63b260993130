//! The functions' roles: every permission that a function needs, and none to spare.
//!
//! The built binary runs under an identity that has the role's policy and nothing else, while a recorder writes down
//! what it asks for. The local cloud enforces IAM, so that a missing permission fails the run; the recorded set must be
//! the policy's.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_iot::types::CertificateStatus;
use jitr::issue::DeviceCredentials;
use serde_json::{Value, json};
use shared::aws::authorities::{PARTITION_KEY, SORT_KEY};
use shared::pki::crl::RevocationReason;
use shared::profile::PROFILE_RECORD;
use shared::registration::Registration;
use tests::crl::only_source;
use tests::environment;
use tests::lambda::{Function, Outcome, activator, crl_checker, lifecycle_recorder, rule_sink};
use tests::lifecycle;
use tests::queue::Queue;
use tests::recorder::Recorder;
use tests::sink;
use tests::stack::{Fleet, STACK, Stack, jitr};

use crate::{HOUR, unique};

/// What nobody asks for in the function's own words: Lambda writes the log, reads queues and writes failed events in the
/// role's name, and `s3:ListBucket` makes S3 say of an object that it isn't there.
const UNSPOKEN: [&str; 7] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "s3:ListBucket",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
];

/// The documents of a role's inline policies. `role` is how the template calls it.
async fn policies(iam: &aws_sdk_iam::Client, role: &str) -> Result<Vec<Value>> {
    let roles = iam.list_roles().send().await?;
    let role = roles
        .roles()
        .iter()
        .find(|found| found.role_name().starts_with(&format!("{STACK}-{role}")))
        .with_context(|| format!("no {role}"))?
        .role_name()
        .to_owned();
    let attached = iam.list_attached_role_policies().role_name(&role).send().await?;
    assert!(attached.attached_policies().is_empty(), "a managed policy grants more than the template says");
    let mut documents = Vec::new();
    for name in iam.list_role_policies().role_name(&role).send().await?.policy_names() {
        let policy = iam.get_role_policy().role_name(&role).policy_name(name).send().await?;
        // IAM percent-encodes documents (RFC 3986).
        let text = percent_decode(policy.policy_document());
        documents.push(serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))?);
    }
    Ok(documents)
}

fn percent_decode(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        match (octet, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                octets.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = after;
            }
            _ => octets.push(octet),
        }
    }
    String::from_utf8(octets).unwrap()
}

fn granted(documents: &[Value]) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    for statement in documents.iter().flat_map(|document| document["Statement"].as_array().unwrap()) {
        assert_eq!(statement["Effect"], "Allow");
        match &statement["Action"] {
            Value::String(action) => actions.extend([action.clone()]),
            Value::Array(list) => actions.extend(list.iter().map(|action| action.as_str().unwrap().to_owned())),
            other => panic!("{other}"),
        }
    }
    actions.retain(|action| !UNSPOKEN.contains(&action.as_str()));
    actions
}

/// An access key with the role's policies and nothing else.
async fn identity(iam: &aws_sdk_iam::Client, documents: &[Value]) -> Result<(String, String)> {
    let user = unique("as-a-role");
    iam.create_user().user_name(&user).send().await?;
    for (n, document) in documents.iter().enumerate() {
        let request = iam.put_user_policy().user_name(&user).policy_name(format!("policy-{n}"));
        request.policy_document(document.to_string()).send().await?;
    }
    let answer = iam.create_access_key().user_name(&user).send().await?;
    let key = answer.access_key().context("no access key")?;
    Ok((key.access_key_id().to_owned(), key.secret_access_key().to_owned()))
}

/// Takes the CA certificate out of the profile, as if somebody had written that by hand.
async fn forget_authority(fleet: &Fleet) -> Result<()> {
    let dynamodb = aws_sdk_dynamodb::Client::new(&fleet.stack.config);
    let request = dynamodb.update_item().table_name(format!("{STACK}-authorities"));
    let request = request.key(PARTITION_KEY, AttributeValue::S(fleet.id.to_string()));
    let request = request.key(SORT_KEY, AttributeValue::S(PROFILE_RECORD.to_owned()));
    request.update_expression("REMOVE caPem").send().await?;
    Ok(())
}

/// What opens the door to a device that the deployed function has kept out.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Key {
    /// It is announced.
    Announcement,
    /// It is announced, and the profile of its CA lacks the CA's certificate, for which AWS IoT has to be asked.
    AnnouncementWithoutAuthority,
    /// Nothing does.
    None,
}

/// Leaves a device INACTIVE that is to be ACTIVE, as an attempt does that died before it could let the device in again.
async fn leave_unconfirmed(fleet: &Fleet, device: &DeviceCredentials) -> Result<()> {
    let row = fleet.stack.row_when(&fleet.id, device, Registration::is_confirmed).await?;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let dead = [("until".to_owned(), text("2026-01-01T00:00:00.000Z")), ("wanted".to_owned(), text("ACTIVE"))];
    let intents = HashMap::from([("dead".to_owned(), AttributeValue::M(HashMap::from(dead)))]);
    let dynamodb = aws_sdk_dynamodb::Client::new(&fleet.stack.config);
    let request = dynamodb.update_item().table_name(format!("{STACK}-registrations"));
    let request = request.key("registrationId", AttributeValue::S(row.registration_id));
    let request = request.update_expression("SET #status = :inactive, intents = :intents");
    let request = request.expression_attribute_names("#status", "status");
    let request = request.expression_attribute_values(":inactive", text("INACTIVE"));
    request.expression_attribute_values(":intents", AttributeValue::M(intents)).send().await?;
    let request = fleet.stack.iot.update_certificate().certificate_id(device.certificate_id.as_str());
    request.new_status(CertificateStatus::Inactive).send().await?;
    Ok(())
}

/// Lets a device be registered while the deployed function keeps it out, then has the function under test decide.
async fn decide(
    function: &mut Function,
    fleet: &Fleet,
    name: &str,
    age: u32,
    key: Key,
) -> Result<(DeviceCredentials, Value)> {
    let device = fleet.device(name, HOUR * age)?;
    fleet.knock(&device, name).await?;
    if key != Key::None {
        jitr(&["allow", "add", "--ca", fleet.id.as_str(), "--serial", &format!("0x{}", device.serial)]).await?;
    }
    if key == Key::AnnouncementWithoutAuthority {
        forget_authority(fleet).await?;
    }
    match function.invoke(&fleet.registered_event(&device)).await? {
        Outcome::Returned(answer) => Ok((device, answer)),
        Outcome::Failed(fault) => anyhow::bail!("{name}: {fault}"),
    }
}

#[tokio::test]
async fn the_activators_role_lacks_nothing_and_has_nothing_spare() -> Result<()> {
    let stack = Stack::connect().await;
    let iam = aws_sdk_iam::Client::new(&stack.config);
    let documents = policies(&iam, "ActivatorRole").await?;
    let (key, secret) = identity(&iam, &documents).await?;
    let recorder = Recorder::start(&stack.url).await?;
    let mut function = Function::start(&activator(), &environment::activator(&recorder.url, (&key, &secret))).await?;

    let group = unique("group");
    stack.iot.create_thing_group().thing_group_name(&group).send().await?;
    let fleet = stack
        .fleet("role", &["--admission", "listed", "--take-over", "rotate", "--thing-group", &group, "--require-crl"])
        .await?;
    jitr(&["ca", "set", fleet.id.as_str(), "--crl-source", &fleet.crl_object()]).await?;
    fleet.carry_out(&fleet.crl(1, &[])?).await?;
    let (name, other) = (unique("pump"), unique("valve"));
    for (name, age, key, decision) in [
        (&name, 3, Key::Announcement, "activated"),
        (&name, 2, Key::Announcement, "activated"),
        (&name, 2, Key::None, "refused"),
        (&other, 1, Key::AnnouncementWithoutAuthority, "activated"),
    ] {
        let (device, answer) = decide(&mut function, &fleet, name, age, key).await?;
        assert_eq!(answer["decision"], decision);
        if *name == other {
            leave_unconfirmed(&fleet, &device).await?;
            assert_eq!(function.answer(&fleet.registered_event(&device)).await?["decision"], "activated");
            // For a message of the queue the tables are asked first.
            let event = String::from_utf8(fleet.registered_event(&device))?;
            let batch = json!({"Records": [{"messageId": "1", "body": event}]}).to_string();
            assert_eq!(function.answer(batch.as_bytes()).await?, json!({"batchItemFailures": []}));
        }
    }
    let outcome = function.invoke(b"{}").await?;
    assert!(matches!(outcome, Outcome::Returned(_)), "{outcome:?}");

    let used: BTreeSet<String> = recorder.take().into_iter().collect();
    assert_eq!(used, granted(&documents));
    Ok(())
}

#[tokio::test]
async fn the_crl_checkers_role_lacks_nothing_and_has_nothing_spare() -> Result<()> {
    let stack = Stack::connect().await;
    let iam = aws_sdk_iam::Client::new(&stack.config);
    let documents = policies(&iam, "CrlCheckerRole").await?;
    let (key, secret) = identity(&iam, &documents).await?;
    let recorder = Recorder::start(&stack.url).await?;
    let variables = environment::crl_checker(&recorder.url, (&key, &secret));
    let mut function = Function::start(&crl_checker(), &variables).await?;

    let fleet = stack.fleet("checker role", &[]).await?;
    jitr(&["ca", "set", fleet.id.as_str(), "--crl-source", &fleet.crl_object()]).await?;
    let (name, other) = (unique("pump"), unique("valve"));
    let (device, other) = (fleet.device(&name, 2 * HOUR)?, fleet.device(&other, HOUR)?);
    let successor = fleet.device(&name, HOUR)?;
    fleet.admit(&device, &name).await?;
    forget_authority(&fleet).await?;

    let gone = (&other, RevocationReason::Superseded);
    let hold = (&device, RevocationReason::CertificateHold);
    let request = json!({"caCertificateId": fleet.id}).to_string();
    for (number, listed, changed) in [(1, vec![], ""), (2, vec![gone, hold], "held"), (3, vec![gone], "released")] {
        fleet.publish(&fleet.crl(number, &listed)?).await?;
        let report = function.answer(request.as_bytes()).await?;
        assert_eq!(only_source(&report)?["outcome"], "published", "{report}");
        assert!(changed.is_empty() || report["changes"][changed] == 1, "{report}");
    }
    // The end of a hold is no end of a take-over.
    jitr(&["ca", "set", fleet.id.as_str(), "--take-over", "rotate"]).await?;
    fleet.admit(&successor, &name).await?;
    stack.becomes(&device.certificate_id, CertificateStatus::Inactive).await?;
    for (number, listed) in [(4, vec![gone, hold]), (5, vec![gone])] {
        fleet.publish(&fleet.crl(number, &listed)?).await?;
        function.answer(request.as_bytes()).await?;
    }
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Inactive));
    let request = json!({"caCertificateId": fleet.id, "reconcile": true}).to_string();
    let report = function.answer(request.as_bytes()).await?;
    assert_eq!(report["reconciled"], 2, "{report}");
    // All CAs are looked up; the other tests' are left alone.
    let report = function.answer(br#"{"dryRun":true}"#).await?;
    let sources = report["sources"].as_array().context("no sources")?;
    assert!(sources.iter().any(|source| source["caCertificateId"] == fleet.id.as_str()), "{report}");

    let used: BTreeSet<String> = recorder.take().into_iter().collect();
    assert_eq!(used, granted(&documents));
    Ok(())
}

#[tokio::test]
async fn the_lifecycle_recorders_role_lacks_nothing_and_has_nothing_spare() -> Result<()> {
    let stack = Stack::connect().await;
    let iam = aws_sdk_iam::Client::new(&stack.config);
    let documents = policies(&iam, "LifecycleRecorderRole").await?;
    let (key, secret) = identity(&iam, &documents).await?;
    let recorder = Recorder::start(&stack.url).await?;
    let variables = environment::lifecycle_recorder(&recorder.url, (&key, &secret));
    let mut function = Function::start(&lifecycle_recorder(), &variables).await?;

    let client = unique("role");
    let events = [
        lifecycle::connected(&client, 0, "s1", 1),
        lifecycle::connect_failed(&client, 1, "f1"),
        lifecycle::subscribed(&client, 2, "s1", "a"),
    ];
    assert_eq!(lifecycle::deliver(&mut function, &events).await?, [""; 0]);

    let mut used: BTreeSet<String> = recorder.take().into_iter().collect();
    assert!(used.remove("dynamodb:TransactWriteItems"), "{used:?}");
    // A transaction needs the permissions of what is in it.
    used.extend(["dynamodb:PutItem", "dynamodb:UpdateItem"].map(ToOwned::to_owned));
    assert_eq!(used, granted(&documents));
    Ok(())
}

#[tokio::test]
async fn the_rule_sinks_role_lacks_nothing_and_has_nothing_spare() -> Result<()> {
    let stack = Stack::connect().await;
    let iam = aws_sdk_iam::Client::new(&stack.config);
    let documents = policies(&iam, "RuleSinkRole").await?;
    let (key, secret) = identity(&iam, &documents).await?;
    let fleet = stack.fleet("sink role", &[]).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    fleet.admit(&device, &name).await?.session.disconnect().await;
    let recorder = Recorder::start(&stack.url).await?;
    let mut variables = environment::rule_sink(&recorder.url, (&key, &secret));
    let route = |item: &str, operation: &str, unique: bool| {
        json!({
            "tableName": format!("{STACK}-messages"), "hashKeyField": "device", "hashKeyValue": "${topic(2)}",
            "rangeKeyField": "message", "rangeKeyValue": item, "operation": operation, "unique": unique,
        })
    };
    // A deletion leaves by itself only if something else is to be done with the item.
    let routes = json!({
        "delete": route("item", "DELETE", false),
        "update": route("item", "UPDATE", false),
        "unique": route("once", "INSERT", true),
    });
    variables.push(("MORE_ROUTES".to_owned(), routes.to_string()));
    let mut function = Function::start(&rule_sink(), &variables).await?;

    let topic = format!("dt/{name}/role");
    let mut bodies = Vec::new();
    for (n, route) in (0..).zip(["telemetry", "delete", "update", "unique", "nowhere"]) {
        let mut body = sink::envelope(route, &topic, n, b"{}");
        body["principal"] = device.certificate_id.as_str().into();
        bodies.push(body.to_string());
    }
    let given_back = sink::deliver(&mut function, &sink::deliveries(&bodies)).await?;
    assert_eq!(given_back, BTreeSet::new());
    let refused = Queue::of(&stack, "rejected-messages").await?.bodies().await?;
    assert_eq!(refused.iter().filter(|body| body.contains(&topic)).count(), 1, "{refused:?}");

    let used: BTreeSet<String> = recorder.take().into_iter().collect();
    assert_eq!(used, granted(&documents));
    Ok(())
}
