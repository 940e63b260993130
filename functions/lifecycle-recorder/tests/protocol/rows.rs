//! The current row: what is in it, and what it costs to write.

use serde_json::{Value, json};
use shared::aws::devices::{SHARDS, Since};
use shared::presence::Device;

use crate::stage::{MINUTE, START, Stage, connect_failed, connected, disconnected, id, subscribed, unsubscribed};

/// Operations that were asked for, those on the history left out.
fn row_writes(stage: &Stage) -> Vec<String> {
    let sent = stage.dynamodb.sent().into_iter().filter(|sent| sent.operation != "BatchWriteItem");
    sent.map(|sent| sent.operation).collect()
}

fn filters(device: &Device) -> Vec<&str> {
    device.subscriptions.filters().collect()
}

#[tokio::test]
async fn a_connection_is_told_from_its_beginning_to_its_end() {
    let stage = Stage::new();
    stage.recorded(&[connected("site/7 pump", START, "s1", 4)]).await;
    assert_eq!(row_writes(&stage), ["UpdateItem"]);
    let principal = "ce".repeat(32);
    let open = json!({
        "clientId": {"S": "site/7 pump"},
        "clientKind": {"S": "device"},
        "connected": {"BOOL": true},
        "connectedAt": {"S": "2026-09-21T14:13:20.000Z"},
        "ipAddress": {"S": "198.51.100.7"},
        "lastEventAt": {"S": "2026-09-21T14:13:20.000Z"},
        "presence": stage.only_row()["presence"],
        "presenceSince": {"S": "2026-09-21T14:13:20.000Z"},
        "principal": {"S": principal},
        "session": {"S": "s1"},
        "subscriptions": {"M": {}},
        "versionNumber": {"N": "4"},
    });
    assert_eq!(stage.only_row(), open);
    assert!(open["presence"]["S"].as_str().unwrap().starts_with("connected#"), "{open}");

    stage.recorded(&[disconnected("site/7 pump", START + MINUTE, "s1", 4)]).await;
    assert_eq!(row_writes(&stage), ["UpdateItem"], "the end of a connection is written at the first attempt");
    let mut ended = open;
    let shard = ended["presence"]["S"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    for (name, value) in [
        ("clientInitiated", json!({"BOOL": false})),
        ("connected", json!({"BOOL": false})),
        ("disconnectReason", json!({"S": "CONNECTION_LOST"})),
        ("disconnectedAt", json!({"S": "2026-09-21T14:14:20.000Z"})),
        ("lastEventAt", json!({"S": "2026-09-21T14:14:20.000Z"})),
        ("offlineSince", json!({"S": "2026-09-21T14:14:20.000Z"})),
        ("presence", json!({"S": format!("offline#{shard}")})),
        ("presenceSince", json!({"S": "2026-09-21T14:14:20.000Z"})),
    ] {
        ended[name] = value;
    }
    assert_eq!(stage.only_row(), ended);

    stage.recorded(&[connected("site/7 pump", START + 2 * MINUTE, "s2", 5)]).await;
    assert_eq!(row_writes(&stage), ["UpdateItem"]);
    let row = stage.only_row();
    assert_eq!(row["connected"], json!({"BOOL": true}));
    for name in ["clientInitiated", "disconnectReason", "disconnectedAt", "offlineSince"] {
        assert_eq!(row[name], Value::Null, "{name} is of the connection before");
    }
}

#[tokio::test]
async fn the_end_of_a_connection_that_was_taken_over_changes_nothing() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    stage.recorded(&[connected("c", START + MINUTE, "s2", 5)]).await;
    let before = stage.only_row();
    stage.recorded(&[disconnected("c", START + MINUTE, "s1", 4)]).await;
    assert_eq!(stage.only_row(), before);
    stage.recorded(&[disconnected("c", START + MINUTE + 7, "s1", 4)]).await;
    let mut later = before;
    later["lastEventAt"] = json!({"S": "2026-09-21T14:14:20.007Z"});
    assert_eq!(stage.only_row(), later);
}

#[tokio::test]
async fn subscriptions_follow_the_session_and_end_with_it() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    stage.recorded(&[subscribed("c", START + 1, "s1", &["a/+", "b/#"])]).await;
    stage.recorded(&[unsubscribed("c", START + 2, "s1", &["b/#"]), subscribed("c", START + 3, "s1", &["c"])]).await;
    assert_eq!(row_writes(&stage), ["UpdateItem"; 3], "each is written at the first attempt");
    assert_eq!(filters(&stage.device("c").await.unwrap()), ["a/+", "c"]);
    stage.recorded(&[subscribed("c", START + 1, "s1", &["b/#"])]).await;
    assert_eq!(filters(&stage.device("c").await.unwrap()), ["a/+", "c"], "what came late was given up since");

    stage.recorded(&[connected("c", START + MINUTE, "s2", 5)]).await;
    assert_eq!(filters(&stage.device("c").await.unwrap()), [""; 0]);
    stage.recorded(&[subscribed("c", START + 4, "s1", &["d"])]).await;
    assert_eq!(filters(&stage.device("c").await.unwrap()), [""; 0], "a session that is over subscribes to nothing");
}

#[tokio::test]
async fn subscriptions_that_come_before_their_session_wait_for_it() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4), subscribed("c", START + 1, "s1", &["old"])]).await;
    stage.recorded(&[subscribed("c", START + MINUTE + 1, "s2", &["a", "b"])]).await;
    assert_eq!(filters(&stage.device("c").await.unwrap()), ["old"]);
    stage.recorded(&[unsubscribed("c", START + MINUTE + 2, "s2", &["b"])]).await;
    stage.recorded(&[connected("c", START + MINUTE, "s2", 5)]).await;
    assert_eq!(filters(&stage.device("c").await.unwrap()), ["a"]);
    assert_eq!(stage.only_row()["earlySubscriptions"], Value::Null);
}

#[tokio::test]
async fn a_hundred_events_of_a_client_are_one_write() {
    let stage = Stage::new();
    let mut events = Vec::new();
    for n in 0..25 {
        let (at, session) = (START + n * MINUTE, format!("s{n}"));
        events.push(connected("c", at, &session, n));
        events.push(subscribed("c", at + 1, &session, &["a", "b"]));
        events.push(disconnected("c", at + 50_000, &session, n));
        events.push(disconnected("c", at + 50_000, &session, n));
    }
    stage.recorded(&events).await;
    assert_eq!(row_writes(&stage), ["UpdateItem"]);
    let device = stage.device("c").await.unwrap();
    assert_eq!(device.connection.unwrap().session.as_str(), "s24");
}

#[tokio::test]
async fn many_topic_filters_take_several_writes_and_the_row_stays_small() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    let topics: Vec<String> = (0..50).map(|n| format!("reply/{n:03}")).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    stage.recorded(&[subscribed("c", START + 1, "s1", &topics)]).await;
    assert_eq!(filters(&stage.device("c").await.unwrap()), topics);
    for n in 0..300 {
        let topic = format!("once/{n}");
        stage.recorded(&[subscribed("c", START + 2 + 2 * n, "s1", &[&topic])]).await;
        stage.recorded(&[unsubscribed("c", START + 3 + 2 * n, "s1", &[&topic])]).await;
    }
    let device = stage.device("c").await.unwrap();
    assert_eq!(filters(&device), topics);
    assert!(device.subscriptions.0.len() <= 50 + 33, "{}", device.subscriptions.0.len());
}

#[tokio::test]
async fn failures_are_counted_once_and_leave_presence_alone() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    let before = stage.only_row();
    let failures: Vec<Value> = (0..60).map(|n| connect_failed("c", START + n, &format!("f{n}"))).collect();
    assert_eq!(stage.record(&failures[..40]).await.connect_failures, 40);
    assert_eq!(stage.record(&failures[20..]).await.connect_failures, 20);
    assert_eq!(stage.record(&failures).await.connect_failures, 0);
    let mut row = stage.only_row();
    assert_eq!(row["connectFailures"], json!({"N": "60"}));
    assert_eq!(row["lastConnectFailure"]["M"]["session"], json!({"S": "f59"}));
    for name in ["connectFailures", "lastConnectFailure"] {
        row.as_object_mut().unwrap().remove(name);
    }
    row["lastEventAt"] = before["lastEventAt"].clone();
    assert_eq!(row, before);

    stage.recorded(&[connect_failed("never", START, "f")]).await;
    assert_eq!(stage.device("never").await.unwrap().connection, None);
}

#[tokio::test]
async fn console_clients_are_listed_apart_from_others() {
    let stage = Stage::new();
    let mut console = connected("iotconsole-4b0d", START, "s1", 0);
    console["principalIdentifier"] = "AROAEXAMPLE:ann".into();
    let mut application = connected("backend", START + 1, "s2", 0);
    application["principalIdentifier"] = "AROAEXAMPLE:back".into();
    let named_alike = connected("iotconsole-pump", START + 2, "s3", 0);
    stage.recorded(&[console, application, named_alike]).await;
    for (console, expected) in [(true, vec!["iotconsole-4b0d"]), (false, vec!["backend", "iotconsole-pump"])] {
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            found.extend(stage.devices().listed(shard, console, true, Since::Any).await.unwrap());
        }
        found.sort_by_key(|listed| listed.since);
        assert_eq!(found.iter().map(|listed| listed.client_id.as_str()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_listing_reaches_to_a_time_or_back_to_it() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4), disconnected("c", START + MINUTE, "s1", 4)]).await;
    let at = |millis: i64| shared::timestamp::from_millis(millis.try_into().unwrap()).unwrap();
    for (since, found) in [
        (Since::Until(at(START + MINUTE - 1)), 0),
        (Since::Until(at(START + MINUTE)), 1),
        (Since::From(at(START + MINUTE)), 1),
        (Since::From(at(START + MINUTE + 1)), 0),
        (Since::Any, 1),
    ] {
        let mut listed = 0;
        for shard in 0..SHARDS {
            listed += stage.devices().listed(shard, false, false, since).await.unwrap().len();
            assert_eq!(stage.devices().listed(shard, false, true, since).await.unwrap().len(), 0);
        }
        assert_eq!(listed, found, "{since:?}");
    }
    assert_eq!(stage.devices().device(&id("nobody")).await.unwrap(), None);
}
