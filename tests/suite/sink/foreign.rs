//! A device speaks for itself only, whatever its policy lets it publish.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_iot::types::CertificateStatus;
use jitr::device::session::Message;
use jitr::issue::DeviceCredentials;
use serde_json::{Value, json};
use tests::queue::Queue;
use tests::sink::{Table, deliver, listen};
use tests::stack::{PATIENCE, Stack};

use super::{Sink, drained, route};
use crate::{HOUR, unique};

/// Lets a certificate publish where its policy does not, and connect under any client id.
async fn permit(stack: &Stack, device: &DeviceCredentials, name: &str, topics: &str) -> Result<()> {
    let resource = |kind: &str, what: &str| format!("arn:aws:iot:us-east-1:000000000000:{kind}/{what}");
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": resource("client", "*")},
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": resource("topic", topics)},
    ]});
    stack.iot.create_policy().policy_name(name).policy_document(policy.to_string()).send().await?;
    let certificate = stack.iot.describe_certificate().certificate_id(device.certificate_id.as_str()).send().await?;
    let arn = certificate.certificate_description.and_then(|found| found.certificate_arn).context("no ARN")?;
    stack.iot.attach_policy().policy_name(name).target(arn).send().await?;
    Ok(())
}

fn message(topic: String) -> Message {
    Message { topic, payload: br#"{"t":21.50}"#.to_vec() }
}

#[tokio::test]
async fn a_device_that_names_another_one_is_refused_and_counted() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("foreign", &[]).await?;
    let (lab, name, neighbour) = (unique("lab"), unique("pump"), unique("valve"));
    let device = fleet.device(&name, HOUR)?;
    fleet.admit(&device, &name).await?.session.disconnect().await;
    permit(&stack, &device, &lab, &format!("{lab}/*")).await?;
    let inbox = Queue::new(&stack, &lab).await?;
    listen(&inbox, &stack, &format!("{lab}/+/#"), "'lab'").await?;
    let mut session = stack.session(&device, &name).await??;
    for topic in [format!("{lab}/{name}/t"), format!("{lab}/{neighbour}/t")] {
        session.publish(&message(topic), PATIENCE).await?;
    }
    session.disconnect().await;

    let table = Table::new(&stack, &lab).await?;
    let routes = json!({"lab": route(&table, json!({"bindTo": "principal"}))});
    let sink = Sink::new(&stack, &stack.url, &lab, &routes).await?;
    let mut function = sink.start().await?;
    let messages = inbox.receive(10).await?;
    assert_eq!(messages.len(), 2);
    assert_eq!(deliver(&mut function, &messages).await?, BTreeSet::new());
    let metrics = function.metrics().await.context("no metrics")?;
    let counted = ["MessagesWritten", "MessagesRejected", "PrincipalMismatches"];
    assert_eq!(counted.map(|metric| metrics[metric].as_u64()), [1, 1, 1].map(Some), "{metrics}");

    assert_eq!(table.of(&name).await?.len(), 1);
    assert_eq!(table.all().await?.len(), 1);
    let refused = sink.refused().await?;
    let [only] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!(only["rejected"]["reason"], "principal_mismatch", "{only}");
    let original: Value = serde_json::from_str(only["original"].as_str().unwrap())?;
    assert_eq!(original["topic"], format!("{lab}/{neighbour}/t"), "{only}");
    assert_eq!(original["principal"], device.certificate_id.as_str(), "{only}");
    Ok(())
}

/// The same in the deployed stack, where also a certificate that the activator has never seen tries it.
#[tokio::test]
async fn nobody_else_gets_into_the_history_of_a_device() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("history", &[]).await?;
    let (name, neighbour, stranger) = (unique("pump"), unique("valve"), unique("stranger"));
    let owner = fleet.device(&name, HOUR)?;
    let impostor = fleet.device(&neighbour, HOUR)?;
    for (device, name) in [(&owner, &name), (&impostor, &neighbour)] {
        fleet.admit(device, name).await?.session.disconnect().await;
    }
    let unseen = fleet.device(&stranger, HOUR)?;
    let request = stack.iot.register_certificate_without_ca().certificate_pem(&unseen.certificate_pem);
    request.status(CertificateStatus::Active).send().await?;
    for (device, client) in [(&impostor, &neighbour), (&unseen, &stranger), (&owner, &name)] {
        permit(&stack, device, client, &format!("dt/{name}/*")).await?;
        let mut session = stack.session(device, client).await??;
        session.publish(&message(format!("dt/{name}/from/{client}")), PATIENCE).await?;
        session.disconnect().await;
    }

    let rejected = Queue::of(&stack, "rejected-messages").await?;
    let told = drained("both refusals", async || {
        let bodies = rejected.bodies().await.ok()?;
        let all: Vec<Value> = bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect();
        let is_of = |refused: &Value, client: &str| {
            refused["original"].as_str().is_some_and(|body| body.contains(&format!("/from/{client}")))
        };
        let of = |client: &str| all.iter().find(|refused| is_of(refused, client)).cloned();
        Some([of(&neighbour)?, of(&stranger)?])
    })
    .await?;
    let reasons = told.map(|refused| refused["rejected"]["reason"].clone());
    assert_eq!(reasons, ["principal_mismatch", "principal_unknown"]);
    let table = Table::messages(&stack);
    let own = drained("the owner's message", async || {
        let items = table.of(&name).await.ok()?;
        let topics = items.iter().filter_map(|item| item.get("message")?.as_s().ok()?.split('#').nth(1));
        let topics: Vec<String> = topics.filter(|topic| topic.contains("/from/")).map(ToOwned::to_owned).collect();
        (!topics.is_empty()).then_some(topics)
    });
    assert_eq!(own.await?, [format!("dt/{name}/from/{name}")]);
    Ok(())
}
