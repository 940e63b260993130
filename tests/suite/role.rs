//! The function's role: every permission that the activator needs, and none to spare.
//!
//! The built binary runs under an identity that has the role's policy and nothing else, while a recorder writes down
//! what it asks for. The local cloud enforces IAM, so that a missing permission fails the run; the recorded set must be
//! the policy's.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use shared::aws::authorities::{PARTITION_KEY, SORT_KEY};
use shared::profile::PROFILE_RECORD;
use tests::lambda::{Function, Outcome, activator};
use tests::recorder::Recorder;
use tests::stack::{Fleet, STACK, Stack, jitr};

use crate::{HOUR, unique};

/// What Lambda itself does in the role's name: the log, and the queue of events that failed.
const OF_LAMBDA: [&str; 3] = ["logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"];

/// The activator's environment as the template makes it.
pub(crate) fn variables(endpoint: &str, (key, secret): (&str, &str)) -> Vec<(String, String)> {
    [
        ("ACCOUNT_ID", "000000000000"),
        ("AUTHORITIES_TABLE", &format!("{STACK}-authorities")),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("DEFAULT_POLICY_NAME", &format!("{STACK}-device")),
        ("DEFAULT_THING_NAME_TEMPLATE", "${CommonName}"),
        ("REGISTRATIONS_TABLE", &format!("{STACK}-registrations")),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// The documents of the role's inline policies.
async fn policies(iam: &aws_sdk_iam::Client) -> Result<Vec<Value>> {
    let roles = iam.list_roles().send().await?;
    let role = roles
        .roles()
        .iter()
        .find(|role| role.role_name().contains(STACK) && role.role_name().to_lowercase().contains("activator"))
        .context("no role of the activator")?
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

fn allowed(documents: &[Value]) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    for statement in documents.iter().flat_map(|document| document["Statement"].as_array().unwrap()) {
        assert_eq!(statement["Effect"], "Allow");
        match &statement["Action"] {
            Value::String(action) => actions.extend([action.clone()]),
            Value::Array(list) => actions.extend(list.iter().map(|action| action.as_str().unwrap().to_owned())),
            other => panic!("{other}"),
        }
    }
    actions
}

/// An access key with the role's policies and nothing else.
async fn identity(iam: &aws_sdk_iam::Client, documents: &[Value]) -> Result<(String, String)> {
    let user = unique("as-the-activator");
    iam.create_user().user_name(&user).send().await?;
    for (n, document) in documents.iter().enumerate() {
        let request = iam.put_user_policy().user_name(&user).policy_name(format!("policy-{n}"));
        request.policy_document(document.to_string()).send().await?;
    }
    let answer = iam.create_access_key().user_name(&user).send().await?;
    let key = answer.access_key().context("no access key")?;
    Ok((key.access_key_id().to_owned(), key.secret_access_key().to_owned()))
}

/// What opens the door to a device that the deployed function has kept out.
enum Key {
    /// It is announced.
    Announcement,
    /// Its CA's profile goes, as if the CA had been registered by other means than `jitr`.
    Defaults,
    /// Nothing does.
    None,
}

/// Lets a device be registered while the deployed function keeps it out, then has the function under test decide.
async fn decide(function: &mut Function, fleet: &Fleet, name: &str, age: u32, key: Key) -> Result<Value> {
    let device = fleet.device(name, HOUR * age)?;
    fleet.knock(&device, name).await?;
    match key {
        Key::Announcement => {
            jitr(&["allow", "add", "--ca", fleet.id.as_str(), "--serial", device.serial.as_str()]).await?;
        }
        Key::Defaults => {
            let dynamodb = aws_sdk_dynamodb::Client::new(&fleet.stack.config);
            let request = dynamodb.delete_item().table_name(format!("{STACK}-authorities"));
            let request = request.key(PARTITION_KEY, AttributeValue::S(fleet.id.to_string()));
            request.key(SORT_KEY, AttributeValue::S(PROFILE_RECORD.to_owned())).send().await?;
        }
        Key::None => {}
    }
    match function.invoke(&fleet.registered_event(&device)).await? {
        Outcome::Returned(answer) => Ok(answer),
        Outcome::Failed(fault) => anyhow::bail!("{name}: {fault}"),
    }
}

#[tokio::test]
async fn the_role_lacks_nothing_and_has_nothing_spare() -> Result<()> {
    let stack = Stack::connect().await;
    let iam = aws_sdk_iam::Client::new(&stack.config);
    let documents = policies(&iam).await?;
    let (key, secret) = identity(&iam, &documents).await?;
    let recorder = Recorder::start(&stack.url).await?;
    let mut function = Function::start(&activator(), &variables(&recorder.url, (&key, &secret))).await?;

    let group = unique("group");
    stack.iot.create_thing_group().thing_group_name(&group).send().await?;
    let fleet =
        stack.fleet("role", &["--admission", "listed", "--take-over", "rotate", "--thing-group", &group]).await?;
    let (name, other) = (unique("pump"), unique("valve"));
    for (name, age, key, decision) in [
        (&name, 3, Key::Announcement, "activated"),
        (&name, 2, Key::Announcement, "activated"),
        (&name, 2, Key::None, "refused"),
        (&other, 1, Key::Defaults, "activated"),
    ] {
        assert_eq!(decide(&mut function, &fleet, name, age, key).await?["decision"], decision);
    }
    let outcome = function.invoke(b"{}").await?;
    assert!(matches!(outcome, Outcome::Returned(_)), "{outcome:?}");

    let used: BTreeSet<String> = recorder.take().into_iter().collect();
    let granted: BTreeSet<String> =
        allowed(&documents).into_iter().filter(|action| !OF_LAMBDA.contains(&action.as_str())).collect();
    assert_eq!(used, granted);
    Ok(())
}
