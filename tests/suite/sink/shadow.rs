//! A device follows its shadow, and every version of it is kept.

use anyhow::{Context, Result};
use aws_sdk_iotdataplane::primitives::Blob;
use jitr::device::session::{Message, Session};
use serde_json::{Value, json};
use tests::sink::{Item, Table, content};
use tests::stack::{PATIENCE, Stack};

use super::drained;
use crate::{HOUR, unique};

const ROUNDS: usize = 3;

/// The next message of this topic; others are left out.
async fn next(session: &mut Session, topic: &str) -> Result<Value> {
    loop {
        let message = session.receive(PATIENCE).await?.with_context(|| format!("nothing came to {topic}"))?;
        if message.topic == topic {
            return Ok(serde_json::from_slice(&message.payload)?);
        }
    }
}

#[tokio::test]
async fn what_is_desired_is_reported_and_every_version_is_kept_once() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("shadow", &[]).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    let mut session = fleet.admit(&device, &name).await?.session;
    let shadow = format!("$aws/things/{name}/shadow");
    session.subscribe(&format!("{shadow}/update/delta"), PATIENCE).await?;
    session.subscribe(&format!("{shadow}/update/accepted"), PATIENCE).await?;
    let application = aws_sdk_iotdataplane::Client::new(&stack.config);

    for round in 0..ROUNDS {
        let desired = json!({"state": {"desired": {"valve": round, "t": 21.5}}}).to_string();
        application.update_thing_shadow().thing_name(&name).payload(Blob::new(desired)).send().await?;
        let delta = next(&mut session, &format!("{shadow}/update/delta")).await?;
        assert_eq!(delta["state"]["valve"], round, "{delta}");
        let token = round.to_string();
        let reported = json!({"state": {"reported": delta["state"]}, "clientToken": token});
        let reported = Message { topic: format!("{shadow}/update"), payload: reported.to_string().into_bytes() };
        session.publish(&reported, PATIENCE).await?;
        while next(&mut session, &format!("{shadow}/update/accepted")).await?["clientToken"] != token {}
        let now = application.get_thing_shadow().thing_name(&name).send().await?.payload.context("no shadow")?;
        let now: Value = serde_json::from_slice(now.as_ref())?;
        assert_eq!(now["state"]["reported"], json!({"valve": round, "t": 21.5}), "{now}");
        assert_eq!(now["state"].get("delta"), None, "{now}");
    }
    session.disconnect().await;

    let table = Table::messages(&stack);
    let documents = format!("#{shadow}/update/documents#");
    let items = drained("the versions of the shadow", async || {
        let mut items = table.of(&name).await.ok()?;
        items.retain(|item| content(&item["message"]).contains(&documents));
        (items.len() >= 2 * ROUNDS).then_some(items)
    })
    .await?;
    let version = |item: &Item| {
        let current = item.get("payload")?.as_m().ok()?.get("current")?.as_m().ok()?;
        let (_, counted) = item.get("message")?.as_s().ok()?.rsplit_once('#')?;
        let version = current.get("version")?.as_n().ok()?;
        assert_eq!(counted.parse::<usize>().ok()?, 1_000_000_000 + version.parse::<usize>().ok()?);
        version.parse::<usize>().ok()
    };
    // In the order of the table.
    let versions: Vec<_> = items.iter().map(version).collect();
    assert_eq!(versions, (1..=2 * ROUNDS).map(Some).collect::<Vec<_>>());
    let last = content(&items[2 * ROUNDS - 1]["payload"]);
    assert!(last.contains("reported") && last.contains("215e-1"), "{last}");
    assert!(items.iter().all(|item| item.contains_key("expiresAt")), "{items:?}");
    Ok(())
}
