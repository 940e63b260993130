//! What an activation costs, counted in requests.

use crate::stage::{Stage, event_of, knock, walkthrough};
use serde_json::json;
use shared::decision::Decision;
use tokio::time::Instant;

fn iot(calls: &[&'static str]) -> usize {
    calls.iter().filter(|call| call.starts_with("iot:")).count()
}

#[tokio::test(start_paused = true)]
async fn an_activation_takes_five_calls_of_aws_iot_in_sequence() {
    let stage = Stage::new(json!({"thingGroup": "eu"}));
    let device = stage.device("pump-1");
    let start = Instant::now();
    assert_eq!(stage.knock(&device).await.unwrap().decision, Decision::Activated);
    // A call of AWS IoT takes one second of the paused clock, a call of DynamoDB none.
    assert_eq!(start.elapsed().as_secs(), 5);
    // Calls made at once come in any order.
    let mut calls = stage.world.calls();
    assert_eq!(calls[8..], ["iot:UpdateCertificate", "dynamodb:UpdateItem"]);
    calls.sort_unstable();
    assert_eq!(
        calls,
        [
            "dynamodb:GetItem",
            "dynamodb:UpdateItem",
            "dynamodb:UpdateItem",
            "iot:AddThingToThingGroup",
            "iot:AttachPolicy",
            "iot:AttachThingPrincipal",
            "iot:CreateThing",
            "iot:DescribeCertificate",
            "iot:DescribeCertificate",
            "iot:UpdateCertificate",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_certificate_of_a_ca_takes_five_calls_in_sequence_too() {
    let stage = Stage::new(json!({}));
    stage.world.change(|state| state.profiles.values_mut().for_each(|profile| profile.ca_pem = None));
    let device = stage.device("pump-1");
    let start = Instant::now();
    stage.knock(&device).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 5);
}

/// RSA has one signature for each message, so that there is no twin to ask for.
#[tokio::test(start_paused = true)]
async fn an_activation_under_a_ca_with_an_rsa_key_takes_four_calls_in_sequence() {
    let (stage, authority, device) = walkthrough(json!({}));
    let start = Instant::now();
    let response = knock(&stage.world, &event_of(&authority, &device)).await.unwrap();
    assert_eq!(response.decision, Decision::Activated);
    assert_eq!(start.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_event_takes_one_call() {
    let stage = Stage::new(json!({}));
    let device = stage.device("pump-1");
    stage.knock(&device).await.unwrap();
    let before = stage.world.calls().len();
    let settled = stage.world.state();
    assert_eq!(stage.knock(&device).await.unwrap().decision, Decision::AlreadyActive);
    assert_eq!(iot(&stage.world.calls()[before..]), 1);
    assert_eq!(stage.world.state(), settled, "a repetition writes nothing");
}
