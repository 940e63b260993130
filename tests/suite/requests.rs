//! What an activation asks of AWS, counted in requests of the built binary, and what it does when it asks too much.

use anyhow::Result;
use aws_sdk_iot::types::CertificateStatus;
use jitr::issue::DeviceCredentials;
use serde_json::json;
use shared::decision::Decision;
use shared::pki::crl::RevocationReason;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, Outcome, activator};
use tests::recorder::Recorder;
use tests::stack::{Stack, jitr};

use crate::{HOUR, unique};

/// A device that waits for activation, and a function of its own with a recorder between it and AWS.
struct Scene {
    device: DeviceCredentials,
    event: Vec<u8>,
    function: Function,
    recorder: Recorder,
    stack: Stack,
}

impl Scene {
    /// The CA admits listed certificates only until the device is registered, so that the deployed function leaves it.
    async fn set(label: &str) -> Result<Self> {
        let stack = Stack::connect().await;
        let fleet = stack.fleet(label, &["--admission", "listed"]).await?;
        let name = unique("pump");
        let device = fleet.device(&name, HOUR)?;
        fleet.knock(&device, &name).await?;
        jitr(&["ca", "set", fleet.id.as_str(), "--admission", "all"]).await?;
        let recorder = Recorder::start(&stack.url).await?;
        let function = Function::start(&activator(), &environment::activator(&recorder.url, ROOT)).await?;
        let at_start = recorder.take();
        assert_eq!(at_start.len(), 3, "one request opens each connection: {at_start:?}");
        Ok(Self { event: fleet.registered_event(&device), device, function, recorder, stack })
    }
}

#[tokio::test]
async fn an_activation_makes_seven_requests_of_aws_iot_and_a_repetition_none() -> Result<()> {
    let Scene { event, mut function, recorder, .. } = Scene::set("requests").await?;
    let mut decide = async || match function.invoke(&event).await? {
        Outcome::Returned(answer) => {
            let iot = recorder.take().into_iter().filter(|operation| operation.starts_with("iot:"));
            Ok((answer["decision"].as_str().and_then(Decision::named), iot.collect::<Vec<_>>()))
        }
        Outcome::Failed(fault) => anyhow::bail!("{fault}"),
    };

    let (decision, mut iot) = decide().await?;
    assert_eq!(decision, Some(Decision::Activated));
    // Thing and policy are asked for at once, so that five are in sequence. The second description is of the certificate with
    // the other ECDSA signature. The device has been refused before: who is on the thing is asked beside.
    assert_eq!(iot.first().map(String::as_str), Some("iot:DescribeCertificate"));
    assert_eq!(iot.last().map(String::as_str), Some("iot:UpdateCertificate"));
    iot.sort_unstable();
    let expected = [
        "AttachPolicy",
        "AttachThingPrincipal",
        "CreateThing",
        "DescribeCertificate",
        "DescribeCertificate",
        "ListThingPrincipals",
        "UpdateCertificate",
    ];
    assert_eq!(iot, expected.map(|operation| format!("iot:{operation}")));

    // By hand AWS IoT is asked; the queue's message is answered from the tables.
    let (decision, iot) = decide().await?;
    assert_eq!(decision, Some(Decision::AlreadyActive));
    assert_eq!(iot, ["iot:DescribeCertificate"]);
    let batch = json!({"Records": [{"messageId": "1", "body": String::from_utf8(event)?}]});
    let answer = function.answer(batch.to_string().as_bytes()).await?;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    let mut asked = recorder.take();
    asked.sort_unstable();
    assert_eq!(asked, ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:Query"]);
    Ok(())
}

#[tokio::test]
async fn a_warm_gate_costs_one_query_and_reads_a_small_crl_once() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("gate requests", &["--admission", "listed"]).await?;
    let mut devices = Vec::new();
    for n in 0..4 {
        let name = unique(&format!("pump-{n}"));
        let device = fleet.device(&name, HOUR)?;
        fleet.knock(&device, &name).await?;
        devices.push(device);
    }
    let listed = fleet.device(&unique("valve"), HOUR)?;
    jitr(&["ca", "set", fleet.id.as_str(), "--admission", "all", "--crl-source", &fleet.crl_object()]).await?;
    fleet.carry_out(&fleet.crl(1, &[(&listed, RevocationReason::Unspecified)])?).await?;

    let recorder = Recorder::start(&stack.url).await?;
    let mut function = Function::start(&activator(), &environment::activator(&recorder.url, ROOT)).await?;
    let mut asked = Vec::new();
    for (n, device) in devices.iter().enumerate() {
        if n == 2 {
            jitr(&["ca", "set", fleet.id.as_str(), "--require-crl"]).await?;
        }
        let _ = recorder.take();
        let answer = function.answer(&fleet.registered_event(device)).await?;
        assert_eq!(answer["decision"], "activated", "{answer}");
        let mut operations = recorder.take();
        operations.sort_unstable();
        asked.push(operations);
    }
    let [_, without, first, warm] = <[Vec<String>; 4]>::try_from(asked).unwrap();
    let with = |more: &[&str]| {
        let mut operations = [&without[..], &more.iter().map(ToString::to_string).collect::<Vec<_>>()].concat();
        operations.sort_unstable();
        operations
    };
    assert_eq!(first, with(&["dynamodb:Query", "s3:GetObject"]));
    assert_eq!(warm, with(&["dynamodb:Query"]));
    Ok(())
}

#[tokio::test]
async fn throttling_is_waited_out_or_handed_back_to_lambda() -> Result<()> {
    let Scene { device, event, mut function, recorder, stack } = Scene::set("throttling").await?;

    // More than there are tries: the invocation fails, and nothing has changed.
    recorder.throttle(100);
    let Outcome::Failed(fault) = function.invoke(&event).await? else { panic!("a throttled function can't succeed") };
    assert_eq!(fault["errorType"], "throttled", "{fault}");
    let tries = recorder.take().into_iter().filter(|operation| operation.starts_with("iot:")).count();
    assert_eq!(tries, 21, "DescribeCertificate is tried again at twenty turns");
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::PendingActivation));

    // Fewer: the device comes in all the same.
    recorder.throttle(2);
    let outcome = function.invoke(&event).await?;
    let Outcome::Returned(answer) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(answer["decision"], "activated");
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Active));
    Ok(())
}
