//! The current row: what is in it, and what it costs to write.

use serde_json::{Value, json};
use shared::aws::devices::{SHARDS, Since};
use shared::port::Written;
use shared::presence::{
    Change, Connection, ConnectionChange, Device, Subscription, Subscriptions, SubscriptionsChange,
};

use crate::stage::{
    MINUTE, RETENTION, START, Stage, connect_failed, connected, disconnected, id, subscribed, unsubscribed,
};

/// Operations that were asked for, those on the history left out.
fn row_writes(stage: &Stage) -> Vec<String> {
    let sent = stage.dynamodb.sent().into_iter().filter(|sent| sent.operation != "BatchWriteItem");
    sent.map(|sent| sent.operation).collect()
}

fn filters(device: &Device) -> Vec<&str> {
    device.subscriptions.held().collect()
}

#[tokio::test]
async fn a_connection_is_told_from_its_beginning_to_its_end() {
    let stage = Stage::new();
    let mut begun = connected("site/7 pump", START, "s1", 4);
    begun["thingName"] = "pump".into();
    stage.recorded(&[begun]).await;
    assert_eq!(row_writes(&stage), ["UpdateItem"]);
    let principal = "ce".repeat(32);
    let open = json!({
        "clientId": {"S": "site/7 pump"},
        "clientKind": {"S": "device"},
        "connected": {"BOOL": true},
        "connectedAt": {"S": "2026-09-21T14:13:20.000Z"},
        "expiresAt": {"S": "never"},
        "expiryOverride": {"S": "never"},
        "ipAddress": {"S": "198.51.100.7"},
        "lastEventAt": {"S": "2026-09-21T14:13:20.000Z"},
        "presence": stage.only_row()["presence"],
        "presenceSince": {"S": "2026-09-21T14:13:20.000Z"},
        "principal": {"S": principal},
        "session": {"S": "s1"},
        "subscriptions": {"M": {}},
        "thingName": {"S": "pump"},
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
    for name in ["clientInitiated", "disconnectReason", "disconnectedAt", "offlineSince", "thingName"] {
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
async fn a_version_starts_again_when_it_is_later_by_more_than_five_minutes() {
    for (version, at, newest) in [
        (0, START + 5 * MINUTE, "s1"),
        (0, START + 5 * MINUTE + 1, "s2"),
        (5, START - 5 * MINUTE, "s2"),
        (5, START - 5 * MINUTE - 1, "s1"),
    ] {
        let stage = Stage::new();
        stage.recorded(&[connected("c", START, "s1", 4)]).await;
        stage.recorded(&[connected("c", at, "s2", version)]).await;
        assert_eq!(stage.only_row()["session"], json!({"S": newest}), "{version} {at}");
    }
}

#[tokio::test]
async fn a_version_that_starts_again_within_five_minutes_is_seen_at_the_next_event_after_them() {
    let life = [
        (connected("c", START - 60 * MINUTE, "s1", 4), "s1"),
        (disconnected("c", START, "s1", 4), "s1"),
        (connected("c", START + MINUTE, "s2", 0), "s1"),
        (disconnected("c", START + 5 * MINUTE + 1, "s2", 0), "s2"),
        (connected("c", START + 6 * MINUTE, "s3", 1), "s3"),
    ];
    let stage = Stage::new();
    for (event, session) in life {
        stage.recorded(&[event]).await;
        assert_eq!(stage.only_row()["session"], json!({"S": session}));
    }
}

#[tokio::test]
async fn the_row_is_read_as_it_is_now() {
    let stage = Stage::new();
    stage.device("c").await;
    assert_eq!(stage.dynamodb.sent()[0].body["ConsistentRead"], true);
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
    assert_eq!(stage.only_row()["pendingSubscriptions"], Value::Null);
}

#[tokio::test]
async fn subscriptions_from_long_before_a_connection_do_not_wait() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    stage.recorded(&[subscribed("c", START + 1, "s0", &["a"])]).await;
    assert_ne!(stage.only_row()["pendingSubscriptions"], Value::Null);
    stage.recorded(&[connected("c", START + 10 * MINUTE, "s2", 5)]).await;
    assert_eq!(stage.only_row()["pendingSubscriptions"], Value::Null);
    stage.recorded(&[subscribed("c", START + 2, "s1", &["b"])]).await;
    assert_eq!(stage.only_row()["pendingSubscriptions"], Value::Null);
}

#[tokio::test]
async fn of_too_many_sessions_that_have_not_begun_the_newest_wait() {
    let stage = Stage::new();
    let events: Vec<Value> = (0..20).map(|n| subscribed("c", START + n, &format!("s{n:02}"), &["a"])).collect();
    stage.recorded(&events[10..]).await;
    stage.recorded(&events[..10]).await;
    let pending = stage.device("c").await.unwrap().pending;
    assert_eq!((pending.len(), pending.keys().next().unwrap().as_str()), (8, "s12"));
}

/// Topic filters that a session subscribes to, seven at a time, and then holds.
fn holding(session: &str, at: i64) -> (Vec<String>, Vec<Value>) {
    let names: Vec<String> = (0..49).map(|n| format!("{session}/held/{n:02}")).collect();
    let events = names.chunks(7).enumerate().map(|(n, names)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        subscribed("c", at + i64::try_from(n).unwrap(), session, &names)
    });
    let events = events.collect();
    (names, events)
}

/// A topic filter that is subscribed to and given up.
fn once(session: &str, n: i64, at: i64) -> [Value; 2] {
    let name = format!("reply/{n:04}");
    [subscribed("c", at, session, &[&name]), unsubscribed("c", at + 1, session, &[&name])]
}

#[tokio::test]
async fn what_is_given_up_takes_no_place_of_what_is_held() {
    for (replies, size) in [(100, 1000), (100, 7), (500, 1000), (500, 7)] {
        let stage = Stage::new();
        let (held, mut events) = holding("s1", START + 1);
        events.extend((0..replies).flat_map(|n| once("s1", n, START + 100 + 2 * n)));
        for batch in events.chunks(size) {
            stage.recorded(batch).await;
        }
        stage.recorded(&[connected("c", START, "s1", 4)]).await;
        assert_eq!(filters(&stage.device("c").await.unwrap()), held, "{replies} {size}");
    }
}

#[tokio::test]
async fn take_overs_keep_the_subscriptions_of_each_session() {
    let stage = Stage::new();
    let sessions = ["s1", "s2", "s3"];
    let begin = |n: usize| START + i64::try_from(n).unwrap() * MINUTE;
    let events: Vec<Value> =
        sessions.iter().enumerate().flat_map(|(n, session)| holding(session, begin(n) + 1).1).collect();
    stage.recorded(&events).await;
    for (n, session) in sessions.iter().enumerate() {
        stage.recorded(&[connected("c", begin(n), session, i64::try_from(n).unwrap())]).await;
        assert_eq!(filters(&stage.device("c").await.unwrap()), holding(session, 0).0);
    }
}

#[tokio::test]
async fn a_repeat_never_brings_back_what_was_given_up() {
    for begins_first in [true, false] {
        let stage = Stage::new();
        let begin = [connected("c", START, "s1", 4)];
        let (held, mut events) = holding("s1", START + 1);
        events.extend((0..300).flat_map(|n| once("s1", n, START + 100 + 2 * n)));
        if begins_first {
            stage.recorded(&begin).await;
        }
        stage.recorded(&events).await;
        let repeats: Vec<Value> = events.into_iter().filter(|event| event["eventType"] == "subscribed").collect();
        for batch in repeats.chunks(50).rev() {
            stage.recorded(batch).await;
        }
        stage.recorded(&begin).await;
        stage.recorded(&repeats).await;
        assert_eq!(filters(&stage.device("c").await.unwrap()), held);
    }
}

#[tokio::test]
async fn while_as_many_are_given_up_as_are_remembered_what_is_held_may_come_last() {
    for begins_first in [true, false] {
        let stage = Stage::new();
        let begin = [connected("c", START, "s1", 4)];
        let (held, events) = holding("s1", START + 1);
        let replies: Vec<Value> = (0..128).flat_map(|n| once("s1", n, START + 100 + 2 * n)).collect();
        let (subscribes, gives_up): (Vec<Value>, Vec<Value>) =
            replies.into_iter().partition(|event| event["eventType"] == "subscribed");
        if begins_first {
            stage.recorded(&begin).await;
        }
        for events in [gives_up, subscribes, events] {
            stage.recorded(&events).await;
        }
        stage.recorded(&begin).await;
        assert_eq!(filters(&stage.device("c").await.unwrap()), held);
    }
}

#[tokio::test]
async fn a_batch_that_gives_up_more_than_is_remembered_leaves_nothing_subscribed() {
    let stage = Stage::new();
    let (_, events) = holding("s1", START + 1);
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    stage.recorded(&events).await;
    let given_up = events.iter().map(|event| {
        let mut event = event.clone();
        event["eventType"] = "unsubscribed".into();
        event["timestamp"] = (event["timestamp"].as_i64().unwrap() + 50).into();
        event
    });
    let replies = (0..300).flat_map(|n| once("s1", n, START + 100 + 2 * n));
    stage.recorded(&given_up.chain(replies).collect::<Vec<_>>()).await;
    assert_eq!(filters(&stage.device("c").await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn a_session_that_goes_on_keeps_its_subscriptions() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4), subscribed("c", START + 1, "s1", &["a"])]).await;
    stage.recorded(&[disconnected("c", START + MINUTE, "s1", 4)]).await;
    let _ = stage.dynamodb.sent();
    let begin = START + 2 * MINUTE;
    stage.recorded(&[connected("c", begin, "s1", 5), subscribed("c", begin + 1, "s1", &["b"])]).await;
    assert_eq!(row_writes(&stage), ["UpdateItem"; 2], "the first attempt is made for another session");
    let device = stage.device("c").await.unwrap();
    assert_eq!(filters(&device), ["a", "b"]);
    let connection = device.connection;
    assert_eq!(connection.as_ref().unwrap().version, 5);
    stage.recorded(&[disconnected("c", START + MINUTE, "s1", 4)]).await;
    assert_eq!(stage.device("c").await.unwrap().connection, connection, "the end of its connection before comes again");
}

#[tokio::test]
async fn of_two_events_of_one_millisecond_the_order_of_arrival_does_not_count() {
    for order in [[0, 1], [1, 0]] {
        let stage = Stage::new();
        let connections = [connected("c", START, "s0", 4), connected("c", START, "s1", 4)];
        let failures = [connect_failed("c", START + 1, "f1"), connect_failed("c", START + 1, "f2")];
        let changes = [subscribed("c", START + 2, "s1", &["a"]), unsubscribed("c", START + 2, "s1", &["a"])];
        for n in order {
            stage.recorded(&[connections[n].clone()]).await;
        }
        for n in order {
            stage.recorded(&[failures[n].clone(), changes[n].clone()]).await;
        }
        let device = stage.device("c").await.unwrap();
        assert_eq!(filters(&device), ["a"], "subscribing counts");
        assert_eq!(device.last_connect_failure.unwrap().session.as_str(), "f2");
    }
}

#[tokio::test]
async fn a_change_that_was_made_for_another_row_is_not_written() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4), subscribed("c", START + 1, "s1", &["a"])]).await;
    let before = stage.device("c").await.unwrap().subscriptions;
    stage.recorded(&[subscribed("c", START + 2, "s1", &["a"])]).await;
    let row = stage.device("c").await.unwrap();
    let connection = row.connection.clone().unwrap();
    let given_up = row
        .subscriptions
        .filters
        .iter()
        .map(|(filter, last)| (filter.clone(), Subscription { subscribed: false, ..*last }));
    let given_up = SubscriptionsChange::Put(connection.session.clone(), given_up.collect());
    let forgotten = SubscriptionsChange::Forget(connection.session.clone(), before);
    let older = Connection { session: "s0".parse().unwrap(), ..connection };
    let replaced = ConnectionChange::Replace(older, Subscriptions::default());
    for change in [
        Change { subscriptions: Some(given_up), ..Change::default() },
        Change { subscriptions: Some(forgotten), ..Change::default() },
        Change { connection: Some(replaced), ..Change::default() },
    ] {
        let written = stage.devices().change(&id("c"), &change, RETENTION).await.unwrap();
        assert_eq!(written, Written::NotMet(Box::new(row.clone())), "{change:?}");
    }
}

#[tokio::test]
async fn a_change_about_what_may_have_been_forgotten_is_not_written() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    stage.recorded(&(0..300).flat_map(|n| once("s1", n, START + 100 + 2 * n)).collect::<Vec<_>>()).await;
    let row = stage.device("c").await.unwrap();
    let (session, forgotten) = (row.connection.clone().unwrap().session, row.subscriptions.forgotten.unwrap());
    let put = |at| {
        let filters = [("old".to_owned(), Subscription { at, subscribed: true })].into_iter().collect();
        SubscriptionsChange::Put(session.clone(), filters)
    };
    let forget = |forgotten| {
        SubscriptionsChange::Forget(
            session.clone(),
            Subscriptions { forgotten: Some(forgotten), ..Subscriptions::default() },
        )
    };
    let later = forgotten + time::Duration::milliseconds(1);
    for (change, is_written) in
        [(put(forgotten), false), (forget(forgotten), false), (put(later), true), (forget(later), true)]
    {
        let change = Change { subscriptions: Some(change), ..Change::default() };
        let written = stage.devices().change(&id("c"), &change, RETENTION).await.unwrap();
        assert_eq!(matches!(written, Written::Done(_)), is_written, "{change:?}");
    }
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
    let topics: Vec<String> = (0..100).map(|n| format!("reply/{n:03}")).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    stage.recorded(&[subscribed("c", START + 1, "s1", &topics)]).await;
    for sent in stage.dynamodb.sent() {
        let condition = sent.body["ConditionExpression"].as_str().unwrap_or_default();
        assert!(condition.len() <= 4096, "DynamoDB's longest expression: {condition}");
    }
    assert_eq!(filters(&stage.device("c").await.unwrap()), topics);
    for n in 0..300 {
        let topic = format!("once/{n}");
        stage.recorded(&[subscribed("c", START + 2 + 2 * n, "s1", &[&topic])]).await;
        stage.recorded(&[unsubscribed("c", START + 3 + 2 * n, "s1", &[&topic])]).await;
    }
    let device = stage.device("c").await.unwrap();
    assert_eq!(filters(&device), topics);
    assert!(device.subscriptions.filters.len() <= 100 + 144, "{}", device.subscriptions.filters.len());
}

#[tokio::test]
async fn failures_are_counted_once_and_leave_presence_alone() {
    let stage = Stage::new();
    stage.recorded(&[connected("c", START, "s1", 4)]).await;
    let before = stage.only_row();
    let failures: Vec<Value> = (0..130).map(|n| connect_failed("c", START + n, &format!("f{n}"))).collect();
    assert_eq!(stage.record(&failures[..110]).await.connect_failures, 110);
    assert_eq!(stage.record(&failures[90..]).await.connect_failures, 20);
    assert_eq!(stage.record(&failures).await.connect_failures, 0);
    let mut row = stage.only_row();
    assert_eq!(row["connectFailures"], json!({"N": "130"}));
    let last = json!({
        "at": {"S": "2026-09-21T14:13:20.129Z"},
        "ipAddress": {"S": "203.0.113.9"},
        "principal": {"S": "ce".repeat(32)},
        "reason": {"S": "AUTHORIZATION_FAILED"},
        "session": {"S": "f129"},
    });
    assert_eq!(row["lastConnectFailure"], json!({"M": last}));
    for name in ["connectFailures", "lastConnectFailure"] {
        row.as_object_mut().unwrap().remove(name);
    }
    row["lastEventAt"] = before["lastEventAt"].clone();
    assert_eq!(row, before);

    stage.recorded(&[connect_failed("never", START, "f")]).await;
    assert_eq!(stage.device("never").await.unwrap().connection, None);
}

/// The seconds since 1970 at which a row expires whose newest event came at a time in milliseconds.
fn expiry(newest: i64) -> Value {
    json!({"N": (newest / 1000 + i64::try_from(RETENTION.as_secs()).unwrap()).to_string()})
}

#[tokio::test]
async fn a_row_expires_until_a_certificate_has_been_connected() {
    let stage = Stage::new();
    stage.recorded(&[connect_failed("c", START + MINUTE, "f1")]).await;
    assert_eq!(stage.only_row()["expiresAt"], expiry(START + MINUTE), "a certificate that only fails to connect");
    stage.recorded(&[connect_failed("c", START, "f0")]).await;
    assert_eq!(stage.only_row()["expiresAt"], expiry(START + MINUTE), "an older event comes late");
    for (at, event) in [(2, connected as fn(&str, i64, &str, i64) -> Value), (3, disconnected)] {
        let mut event = event("c", START + at * MINUTE, "s1", 1);
        event["principalIdentifier"] = "AROAEXAMPLE:ann".into();
        stage.recorded(&[event]).await;
        assert_eq!(stage.only_row()["expiresAt"], expiry(START + at * MINUTE), "a session without a certificate");
    }
    stage.recorded(&[disconnected("c", START, "s0", 0)]).await;
    assert_eq!(stage.only_row()["session"], json!({"S": "s1"}), "the certificate's connection is an old one");
    assert_eq!(stage.only_row()["expiresAt"], json!({"S": "never"}));
    let _ = stage.dynamodb.sent();
    stage.recorded(&[connect_failed("c", START + 4 * MINUTE, "f2")]).await;
    assert_eq!(stage.only_row()["expiresAt"], json!({"S": "never"}));
    assert_eq!(row_writes(&stage), ["TransactWriteItems", "UpdateItem"], "the row was not asked for first");
}

#[tokio::test]
async fn what_kind_a_client_is_does_not_depend_on_which_event_told_its_principal() {
    for (client, kind) in [("iotconsole-4b0d", "console"), ("iotconsole-pump", "device"), ("pump", "device")] {
        for silent in [0, 1] {
            let mut events = [connected(client, START, "s", 0), disconnected(client, START + MINUTE, "s", 0)];
            events[silent].as_object_mut().unwrap().remove("principalIdentifier");
            let mut rows = Vec::new();
            for order in [[0, 1], [1, 0]] {
                let stage = Stage::new();
                for n in order {
                    stage.recorded(&[events[n].clone()]).await;
                }
                rows.push(stage.only_row());
            }
            assert_eq!(rows[0], rows[1], "{client} {silent}");
            assert_eq!(rows[0]["clientKind"], json!({"S": kind}), "{client} {silent}");
        }
    }
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
