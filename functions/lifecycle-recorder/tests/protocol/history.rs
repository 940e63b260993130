//! The history: each event once, found by client and time with one query.

use shared::timestamp;

use crate::stage::{EVENTS, MINUTE, START, Stage, connect_failed, connected, decoded, disconnected, id, subscribed};

fn at(millis: i64) -> time::OffsetDateTime {
    timestamp::from_millis(millis.try_into().unwrap()).unwrap()
}

#[tokio::test]
async fn every_event_is_kept_once_and_comes_back_as_it_was() {
    let stage = Stage::new();
    let mut events = [
        connected("c", START, "s1", 4),
        subscribed("c", START + 1, "s1", &["a", "b"]),
        subscribed("c", START + 1, "s1", &["c"]),
        connect_failed("c", START + 2, "f1"),
        disconnected("c", START + 3, "s1", 4),
        connected("c", START + 3, "s1", 5),
        connected("c", START + 3, "s2", 6),
        subscribed("c", START + 3, "s2", &[]),
    ];
    events[0]["thingName"] = "pump".into();
    stage.recorded(&events).await;
    stage.recorded(&events).await;
    stage.recorded(&[&events[..], &events[..]].concat()).await;
    let kept = stage.history().between(&id("c"), at(START), at(START + 3), 100).await.unwrap();
    let mut expected: Vec<_> = events.iter().map(decoded).collect();
    expected.sort_by_key(|event| std::cmp::Reverse(event.key()));
    assert_eq!(kept, expected);
    for row in stage.dynamodb.rows(EVENTS) {
        assert_eq!(row["expiresAt"]["N"], ((START + 90 * 24 * 60 * MINUTE) / 1000).to_string(), "{row}");
    }
}

#[tokio::test]
async fn a_range_of_time_is_one_query_that_includes_its_ends() {
    let stage = Stage::new();
    let events: Vec<_> = (0..10).map(|n| connected("c", START + n, &format!("s{n}"), n)).collect();
    stage.recorded(&events).await;
    stage.recorded(&[connected("c/d", START, "s", 0)]).await;
    let _ = stage.dynamodb.sent();
    for (from, to, most, sessions) in [
        (START, START + 9, 3, vec!["s9", "s8", "s7"]),
        (START + 2, START + 3, 100, vec!["s3", "s2"]),
        (START + 10, START + 99, 100, vec![]),
    ] {
        let found = stage.history().between(&id("c"), at(from), at(to), most).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|event| event.session.to_string()).collect();
        assert_eq!(found, sessions, "{from} {to}");
        assert_eq!(stage.dynamodb.sent().iter().map(|sent| sent.operation.as_str()).collect::<Vec<_>>(), ["Query"]);
    }
}

#[tokio::test]
async fn a_hundred_events_are_four_requests() {
    let stage = Stage::new();
    let events: Vec<_> = (0..100).map(|n| connected("c", START + n, &format!("s{n}"), n)).collect();
    stage.recorded(&events).await;
    let sent = stage.dynamodb.sent();
    assert_eq!(sent.iter().filter(|sent| sent.operation == "BatchWriteItem").count(), 4);
    assert_eq!(stage.dynamodb.rows(EVENTS).len(), 100);
}
