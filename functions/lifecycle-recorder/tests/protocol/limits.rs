//! Rows and log lines have an end, whatever events hold.

use std::time::Duration;

use lifecycle_recorder::{Batch, Received, Recorder};
use serde_json::{Value, json};
use shared::aws::presence::PresenceTables;
use shared::event::{MAX_EVENT_TEXT, MAX_TOPIC_FILTER};
use shared::timestamp::from_millis;
use tokio::time::Instant;

use crate::stage::{
    DEVICES, EVENTS, START, Stage, batch, connect_failed, connected, decoded, disconnected, id, subscribed,
    unsubscribed,
};

/// Largest item of DynamoDB in bytes.
const MAX_ITEM: usize = 400 * 1024;

fn longest_filter(n: i64) -> String {
    format!("{n:0>MAX_TOPIC_FILTER$}")
}

#[tokio::test]
async fn a_row_with_as_many_topic_filters_as_are_remembered_fits() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    let mut largest = 0;
    for round in 0..2 {
        let mut events = Vec::new();
        for n in 1000 * round..1000 * round + 130 {
            let (held, given_up) = (longest_filter(n), longest_filter(n + 500));
            events.push(subscribed("c", START + n, "s1", &[&held]));
            events.push(unsubscribed("c", START + n, "s1", &[&given_up]));
            for session in 0..3 {
                let session = format!("{session:0>256}");
                events.push(subscribed("c", START + n, &session, &[&held]));
                events.push(unsubscribed("c", START + n, &session, &[&given_up]));
            }
        }
        stage.recorded(&events).await;
        for sent in stage.dynamodb.sent() {
            for name in ["ConditionExpression", "UpdateExpression"] {
                let expression = sent.body[name].as_str().unwrap_or_default();
                assert!(expression.len() <= 4096, "DynamoDB's longest expression: {expression}");
            }
        }
        largest = largest.max(stage.only_row().to_string().len());
    }
    let row = stage.only_row();
    assert!(row["subscriptions"]["M"].as_object().unwrap().len() >= 228, "as many as are remembered");
    assert_eq!(row["pendingSubscriptions"]["M"].as_object().unwrap().len(), 1, "a session with as many");
    assert!(largest < MAX_ITEM, "{largest}");
}

#[tokio::test]
async fn a_topic_filter_that_is_too_long_costs_only_its_message() {
    let good = connected("c", START, "s1", 4);
    let long = subscribed("c", START, "s1", &[&format!("{}/x", longest_filter(1))]);
    let batch = batch(&[long, good]);
    assert_eq!(batch.events().count(), 1);
    let fault = batch.refused[0].fault.to_string();
    assert_eq!(fault, "topics: a topic filter must have at most 512 bytes, got 514");
}

/// The year 9998, in milliseconds.
const FAR_AHEAD: i64 = 253_339_228_800_000;

#[tokio::test]
async fn an_event_of_a_time_far_ahead_costs_only_its_message() {
    let stage = Stage::new();
    let mut events: Vec<Value> = (0..24).map(|n| connected(&format!("c{n}"), START + n, "s1", 4)).collect();
    events.insert(7, connected("ahead", FAR_AHEAD, "s1", 4));
    let batch = batch(&events);
    let refused: Vec<_> =
        batch.refused.iter().map(|refused| (refused.message_id.as_str(), refused.fault.member())).collect();
    assert_eq!(refused, [("7", Some("timestamp"))]);
    let outcome = stage.recorder.record(&batch, Instant::now() + Duration::from_mins(1)).await;
    assert_eq!((outcome.recorded, outcome.failed.len()), (24, 0));
}

#[tokio::test]
async fn a_row_may_expire_after_the_last_time_that_there_is() {
    let dynamodb = Stage::new().dynamodb;
    let (devices, events) = (DEVICES.to_owned(), EVENTS.to_owned());
    let retention = Duration::from_hours(24 * u64::from(u16::MAX));
    let recorder = Recorder::new(PresenceTables::new(&dynamodb.config(), devices, events, retention));
    let mut event = decoded(&connect_failed("c", START, "s"));
    event.timestamp = from_millis(FAR_AHEAD.try_into().unwrap()).unwrap();
    let received = Received { event, message_ids: vec!["0".to_owned()] };
    let clients = [(id("c"), vec![received])].into();
    let batch = Batch { clients, refused: Vec::new() };
    let outcome = recorder.record(&batch, Instant::now() + Duration::from_mins(1)).await;
    assert_eq!((outcome.recorded, outcome.failed.len()), (1, 0));
    for table in [DEVICES, EVENTS] {
        let expires: u64 = dynamodb.rows(table)[0]["expiresAt"]["N"].as_str().unwrap().parse().unwrap();
        assert_eq!(expires, u64::try_from(FAR_AHEAD).unwrap() / 1000 + retention.as_secs());
    }
}

#[tokio::test]
async fn texts_that_devices_choose_are_stored_shortened() {
    let stage = Stage::new();
    let long: Value = "x".repeat(3_000).into();
    let members = ["connectFailureReason", "disconnectReason", "ipAddress", "principalIdentifier", "thingName"];
    let events =
        [connected("c", START, "s1", 4), connect_failed("c", START + 1, "s2"), disconnected("c", START + 2, "s1", 4)];
    let lengthen = |mut event: Value| {
        for member in members {
            event[member] = long.clone();
        }
        event
    };
    stage.recorded(&events.map(lengthen)).await;
    let rows = stage.dynamodb.rows(EVENTS).into_iter().chain([stage.only_row()]);
    for row in rows {
        let texts = row.as_object().unwrap().values().filter_map(|value| value["S"].as_str());
        let longest = texts.max_by_key(|text| text.len()).unwrap();
        assert!(longest.len() <= MAX_EVENT_TEXT && longest.ends_with('…'), "{row}");
    }
    let failure = &stage.only_row()["lastConnectFailure"]["M"];
    assert_eq!(failure["reason"]["S"].as_str().unwrap().len(), MAX_EVENT_TEXT, "{failure}");
    assert_ne!(stage.only_row()["principal"], json!({"S": "ce".repeat(32)}));
}
