//! Ten thousand events in a random order, three in ten of them twice, through the built function.

use anyhow::{Context as _, Result};
use serde_json::Value;
use shared::event::LifecycleEvent;
use shared::presence::Device;
use shared::timestamp;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, lifecycle_recorder};
use tests::lifecycle::{START, connect_failed, connected, deliver, disconnected, subscribed};
use tests::stack::Stack;

use crate::unique;

const CLIENTS: usize = 400;
/// Connections of each client; each one has a beginning, a subscription and an end.
const CONNECTIONS: usize = 8;
/// Events of a batch.
const BATCH: usize = 1000;
const MINUTE: i64 = 60_000;

/// The events of one client in the order in which they happened.
fn life(client: &str, n: usize) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    for connection in 0..CONNECTIONS {
        let session = format!("s{connection}");
        // The first half of the connections, then two hours offline, then versions that start again.
        let (pause, version) = match connection.checked_sub(CONNECTIONS / 2) {
            Some(version) => (120 * MINUTE, version),
            None => (0, connection + 3),
        };
        let (begin, version) = (pause + i64::try_from(connection)? * 10 * MINUTE, i64::try_from(version)?);
        events.push(connected(client, begin, &session, version));
        events.push(subscribed(client, begin + 5, &session, &format!("cmd/{connection}")));
        // Every other client is still connected.
        if connection + 1 < CONNECTIONS || n.is_multiple_of(2) {
            events.push(disconnected(client, begin + 10 * MINUTE + 3, &session, version));
        }
    }
    let mut failed = connect_failed(client, MINUTE, "f");
    // Attempts of one principal under many client ids would be counted together.
    let members = failed.as_object_mut().context("no object")?;
    members.insert("principalIdentifier".to_owned(), format!("{n:064x}").into());
    events.push(failed);
    Ok(events)
}

#[tokio::test]
async fn ten_thousand_events_in_disorder_end_as_in_order() -> Result<()> {
    let stack = Stack::connect().await;
    let mut function =
        Function::start(&lifecycle_recorder(), &environment::lifecycle_recorder(&stack.url, ROOT)).await?;
    let fleet = unique("disorder");
    let lives: Vec<Vec<Value>> = (0..CLIENTS).map(|n| life(&format!("{fleet}/{n}"), n)).collect::<Result<_>>()?;
    let mut events: Vec<Value> = lives.concat();
    let mut seed: u64 = 0x005e_ed0f_f1ee_7000;
    let mut below = |limit: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).map(|chance| chance % limit)
    };
    let repeats = events.len() * 3 / 10;
    for _ in 0..repeats {
        let repeat = events[below(events.len())?].clone();
        events.push(repeat);
    }
    for n in (1..events.len()).rev() {
        events.swap(n, below(n + 1)?);
    }
    assert!(events.len() >= 10_000, "{}", events.len());
    for batch in events.chunks(BATCH) {
        assert_eq!(deliver(&mut function, batch).await?, [""; 0]);
    }

    let visible = |device: Device| Device { connect_failures: 0, pending: std::collections::BTreeMap::new(), ..device };
    let from = timestamp::from_millis(START.try_into()?).unwrap();
    for (n, life) in lives.iter().enumerate() {
        let client = format!("{fleet}/{n}").parse()?;
        let told =
            |event: &Value| Ok::<_, anyhow::Error>(Device::of(&LifecycleEvent::decode(&event.to_string(), from)?));
        let mut ordered = Device::unknown(client);
        for event in life {
            ordered = ordered.heard(&told(event)?);
        }
        let row = stack.devices.device(&ordered.client_id).await?.unwrap();
        assert_eq!(row.connect_failures, 1);
        assert_eq!(visible(row), visible(ordered.clone()));
        let to = from + time::Duration::days(1);
        let kept = stack.device_events.between(&ordered.client_id, from, to, 1000).await?;
        assert_eq!(kept.len(), life.len());
    }
    Ok(())
}
