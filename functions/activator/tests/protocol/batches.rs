//! Batches of the queue: what one message costs the others.

use std::time::Duration;

use activator::Answer;
use actors::activation::answer_at;
use actors::{Fleet, now};
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation};
use shared::testing::InjectedFault;
use tokio::time::timeout;

/// Messages with these bodies, whose ids are their places.
fn batch<'a>(bodies: impl IntoIterator<Item = &'a str>) -> String {
    let record = |(place, body): (usize, &str)| json!({"messageId": place.to_string(), "body": body});
    json!({"Records": bodies.into_iter().enumerate().map(record).collect::<Vec<_>>()}).to_string()
}

async fn answer(fleet: &Fleet, payload: &str) -> Result<Answer, Diagnostic> {
    answer_at(now(), &actors::next_request_id(), &fleet.cloud, fleet.cloud.authorities(), payload).await
}

/// The ids of the messages that are to be delivered again.
async fn failed<'a>(fleet: &Fleet, bodies: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let response = match answer(fleet, &batch(bodies)).await.unwrap() {
        Answer::Batch(response) => Some(response),
        Answer::Event(_) => None,
    };
    let failures = response.unwrap().batch_item_failures.into_iter();
    let mut ids: Vec<_> = failures.map(|failure| failure.item_identifier).collect();
    ids.sort();
    ids
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_decided_about_once() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let event = fleet.event(&device);
    assert!(failed(&fleet, [event.as_str(); 10]).await.is_empty());
    assert_eq!(fleet.status(&device), Active);
    let alone = Fleet::new(json!({}));
    let device = alone.device("pump-1");
    alone.connect(&device).await.unwrap();
    let sorted = |fleet: &Fleet| {
        let mut calls = fleet.cloud.calls();
        calls.sort_unstable();
        calls
    };
    // Whether the tables answer the event already.
    let mut expected = sorted(&alone);
    expected.push("dynamodb:Query");
    expected.sort_unstable();
    assert_eq!(sorted(&fleet), expected);
}

#[tokio::test(start_paused = true)]
async fn what_fails_comes_again_alone() {
    let fleet = Fleet::new(json!({}));
    let good = fleet.device("pump-1");
    let unknown = Fleet::new(json!({})).device("pump-2");
    let events = [fleet.event(&good), fleet.event(&unknown)];
    let bodies = [&events[0], "not an event", &events[1], &events[0], &events[1], "{}"];
    // AWS IoT may not show a certificate yet whose event it has just published.
    let recent = |event: &str| {
        let mut event: Value = serde_json::from_str(event).unwrap();
        event["timestamp"] = json!(now().unix_timestamp() * 1000);
        event.to_string()
    };
    let recent = [recent(&events[0]), recent(&events[1])];
    let bodies = bodies.map(|body| events.iter().position(|event| event == body).map_or(body, |place| &*recent[place]));
    assert_eq!(failed(&fleet, bodies).await, ["2", "4"]);
    assert_eq!(fleet.status(&good), Active);
    assert_eq!(fleet.cloud.rejections().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_all_the_time_costs_only_itself() {
    let fleet = Fleet::new(json!({}));
    let devices: Vec<_> = (0..10).map(|n| fleet.device(&format!("pump-{n}"))).collect();
    let events: Vec<_> = devices.iter().map(|device| fleet.event(device)).collect();
    fleet.cloud.plan(0, InjectedFault::DiedBefore);
    let failed = failed(&fleet, events.iter().map(String::as_str)).await;
    assert_eq!(failed.len(), 1);
    for (place, device) in devices.iter().enumerate() {
        assert_eq!(fleet.status(device) == Active, place.to_string() != failed[0], "{place}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_any_size_is_decided_about() {
    let fleet = Fleet::new(json!({}));
    let devices: Vec<_> = (0..25).map(|n| fleet.device(&format!("pump-{n}"))).collect();
    let events: Vec<_> = devices.iter().map(|device| fleet.event(device)).collect();
    assert!(failed(&fleet, events.iter().map(String::as_str)).await.is_empty());
    assert!(devices.iter().all(|device| fleet.status(device) == Active));
    assert!(failed(&fleet, []).await.is_empty());
}

/// Two attempts of one invocation are two processes: neither takes the other's intent for its own.
#[tokio::test(start_paused = true)]
async fn rows_tell_the_attempts_of_a_batch_apart() {
    let fleet = Fleet::new(json!({"takeOver": "rotate"}));
    let devices = [fleet.device_of_age("pump-1", 2), fleet.device_of_age("pump-1", 1)];
    let events = devices.each_ref().map(|device| fleet.event(device));
    let payload = batch(events.iter().map(String::as_str));
    // The rows are written, and no status is set yet.
    assert!(timeout(Duration::from_secs(3), answer(&fleet, &payload)).await.is_err());
    let process = |device| fleet.row(device).intents.into_keys().collect::<Vec<_>>();
    assert_ne!(process(&devices[0]), process(&devices[1]));

    fleet.cloud.let_processes_die();
    for _ in 0..2 {
        failed(&fleet, events.iter().map(String::as_str)).await;
    }
    let ended = devices.each_ref().map(|device| fleet.status(device));
    assert!(ended == [Inactive, Active] || ended == [PendingActivation, Active], "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn records_that_can_not_be_told_apart_come_again_all_together() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let event = fleet.event(&device);
    for records in [
        json!([{"messageId": "", "body": event}]),
        json!([{"body": event}]),
        json!([{"messageId": "1", "body": 1}]),
        json!({"messageId": "1", "body": event}),
        json!(1),
    ] {
        let fault = answer(&fleet, &json!({"Records": records}).to_string()).await.unwrap_err();
        assert_eq!(fault.error_type, "record", "{}", fault.error_message);
        assert!(fault.error_message.starts_with("Records: "), "{}", fault.error_message);
    }
    assert_eq!(fleet.status(&device), PendingActivation);
    assert!(fleet.cloud.rejections().is_empty());
}
