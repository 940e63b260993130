//! A message that is no event costs only itself, and a table that throttles loses nothing.

use std::time::Duration;

use anyhow::Result;
use tests::environment::{self, ROOT};
use tests::lambda::{Function, lifecycle_recorder};
use tests::lifecycle::{connected, deliver, deliver_bodies};
use tests::queue::Queue;
use tests::recorder::Recorder;
use tests::stack::{Stack, eventually};

use crate::unique;

const POISON: usize = 41;

/// A hundred messages, one of which is no event.
fn hundred(prefix: &str) -> Vec<String> {
    let body = |n: usize| match n {
        POISON => format!(r#"{{"clientId":"{prefix}-{n}","eventType":"connected"}}"#),
        _ => connected(&format!("{prefix}-{n}"), 0, "s", 0).to_string(),
    };
    (0..100).map(body).collect()
}

async fn stored(stack: &Stack, prefix: &str) -> Result<usize> {
    let mut stored = 0;
    for n in 0..100 {
        stored += usize::from(stack.devices.device(&format!("{prefix}-{n}").parse()?).await?.is_some());
    }
    Ok(stored)
}

#[tokio::test]
async fn of_a_batch_of_a_hundred_only_the_poison_is_given_back() -> Result<()> {
    let stack = Stack::connect().await;
    let variables = environment::lifecycle_recorder(&stack.url, ROOT);
    let mut function = Function::start(&lifecycle_recorder(), &variables).await?;
    let prefix = unique("poison");
    assert_eq!(deliver_bodies(&mut function, &hundred(&prefix)).await?, [POISON.to_string()]);
    assert_eq!(stored(&stack, &prefix).await?, 99);
    Ok(())
}

#[tokio::test]
async fn poison_in_the_queue_ends_among_the_dead_letters() -> Result<()> {
    let stack = Stack::connect().await;
    let (queue, dead) =
        (Queue::of(&stack, "lifecycle-events").await?, Queue::of(&stack, "lifecycle-dead-letters").await?);
    let prefix = unique("poisoned-queue");
    // What stays hidden for four minutes after each of ten tries would take forty.
    queue.hide_for(2).await?;
    queue.send(&hundred(&prefix)).await?;
    let found = eventually("the dead letter", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        dead.take(&prefix).await.ok().filter(|found| !found.is_empty())
    })
    .await?;
    queue.hide_for(240).await?;
    let bodies: Vec<&str> = found.iter().map(|(body, _)| body.as_str()).collect();
    assert_eq!(bodies, [hundred(&prefix)[POISON].as_str()]);
    assert!(found[0].1 >= 10, "it was received {} times", found[0].1);
    assert_eq!(stored(&stack, &prefix).await?, 99);
    Ok(())
}

#[tokio::test]
async fn a_throttled_table_loses_nothing() -> Result<()> {
    let stack = Stack::connect().await;
    let recorder = Recorder::start(&stack.url).await?;
    let variables = environment::lifecycle_recorder(&recorder.url, ROOT);
    let mut function = Function::start(&lifecycle_recorder(), &variables).await?;
    let prefix = unique("throttled");
    let events: Vec<_> = (0..100).map(|n| connected(&format!("{prefix}-{n}"), 0, "s", 0)).collect();
    // Five tries for each of 16 rows and 4 requests at a time use up a hundred; the rest meets the second delivery.
    recorder.throttle_dynamodb(150);
    let mut left = events;
    let mut deliveries = 0;
    while !left.is_empty() {
        let failed = deliver(&mut function, &left).await?;
        left = failed.iter().map(|id| Ok(left[id.parse::<usize>()?].clone())).collect::<Result<_>>()?;
        deliveries += 1;
        assert!(deliveries < 20, "{} are left", left.len());
    }
    assert!(deliveries > 1, "nothing was throttled for long enough");
    assert_eq!(stored(&stack, &prefix).await?, 100);
    Ok(())
}
