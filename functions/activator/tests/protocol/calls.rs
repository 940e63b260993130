//! What an activation costs, counted in requests.

use actors::activation::connect;
use actors::{Fleet, event_of};
use serde_json::json;
use shared::decision::Decision;
use tokio::time::Instant;

use crate::walkthrough::walkthrough;

fn iot(calls: &[&'static str]) -> usize {
    calls.iter().filter(|call| call.starts_with("iot:")).count()
}

#[tokio::test(start_paused = true)]
async fn an_activation_takes_five_calls_of_aws_iot_in_sequence() {
    let fleet = Fleet::new(json!({"thingGroup": "eu"}));
    let device = fleet.device("pump-1");
    let start = Instant::now();
    assert_eq!(fleet.connect(&device).await.unwrap().decision, Decision::Activated);
    // A call of AWS IoT takes one second of the paused clock, a call of DynamoDB none.
    assert_eq!(start.elapsed().as_secs(), 5);
    // Calls made at once come in any order.
    let mut calls = fleet.cloud.calls();
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
    let fleet = Fleet::new(json!({}));
    fleet.cloud.change_profile(fleet.id(), |profile| profile.ca_pem = None);
    let device = fleet.device("pump-1");
    let start = Instant::now();
    fleet.connect(&device).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 5);
}

/// RSA has one signature for each message, so that there is no twin to ask for.
#[tokio::test(start_paused = true)]
async fn an_activation_under_a_ca_with_an_rsa_key_takes_four_calls_in_sequence() {
    let (fleet, authority, device) = walkthrough(json!({}));
    let start = Instant::now();
    let response = connect(&fleet.cloud, &event_of(&authority, &device)).await.unwrap();
    assert_eq!(response.decision, Decision::Activated);
    assert_eq!(start.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_event_takes_one_call() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    fleet.connect(&device).await.unwrap();
    let before = fleet.cloud.calls().len();
    let settled = fleet.cloud.state();
    assert_eq!(fleet.connect(&device).await.unwrap().decision, Decision::AlreadyActive);
    assert_eq!(iot(&fleet.cloud.calls()[before..]), 1);
    assert_eq!(fleet.cloud.state(), settled, "a repetition writes nothing");
}
