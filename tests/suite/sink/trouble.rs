//! A message that can't be written costs only itself, and what fails in the neighbourhood loses nothing.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::timestamp;
use tests::queue::Delivery;
use tests::recorder::Recorder;
use tests::sink::{Table, deliver, deliveries, envelope};
use tests::stack::Stack;

use super::{Sink, route};
use crate::unique;

const POISON: usize = 41;

/// A hundred messages for a route. One of them holds a number with more digits than DynamoDB keeps.
fn hundred(device: &str, route: &str) -> Vec<Delivery> {
    let body = |n: u32| {
        let digits = if usize::try_from(n) == Ok(POISON) { "9".repeat(39) } else { "21.50".to_owned() };
        envelope(route, &format!("dt/{device}/t"), n, format!("{{\"t\":{digits}}}").as_bytes()).to_string()
    };
    deliveries(&(0..100).map(body).collect::<Vec<_>>())
}

fn ids(messages: &[Delivery]) -> BTreeSet<String> {
    messages.iter().map(|message| message.message_id.clone()).collect()
}

#[tokio::test]
async fn of_a_batch_of_a_hundred_only_the_poison_is_refused() -> Result<()> {
    let stack = Stack::connect().await;
    let name = unique("poison");
    let table = Table::new(&stack, &name).await?;
    let sink = Sink::new(&stack, &stack.url, &name, &json!({"poison": route(&table, json!({}))})).await?;
    let mut function = sink.start().await?;
    let batch = hundred(&name, "poison");
    assert_eq!(deliver(&mut function, &batch).await?, BTreeSet::new());

    let stored = table.contents().await?;
    assert_eq!(stored.len(), 99);
    assert!(stored.iter().all(|item| item["payload"] == r#"{"t": "215e-1"}"#), "{stored:?}");
    let refused = sink.refused().await?;
    let [Value::Object(only)] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!(only["original"], batch[POISON].body);
    let told = &only["rejected"];
    assert_eq!(
        (&told["reason"], &told["messageId"], &told["route"]),
        (&"payload_number".into(), &POISON.to_string().into(), &"poison".into())
    );
    assert!(told["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{told}");
    assert!(told["at"].as_str().is_some_and(|at| timestamp::from_text(at).is_some()), "{told}");
    let metrics = function.metrics().await.context("no metrics")?;
    let counted = ["MessagesWritten", "MessagesRepeated", "MessagesFailed", "MessagesRejected", "PrincipalMismatches"];
    assert_eq!(counted.map(|metric| metrics[metric].as_u64()), [99, 0, 0, 1, 0].map(Some), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn without_a_queue_for_it_the_poison_is_given_back() -> Result<()> {
    let stack = Stack::connect().await;
    let name = unique("no-queue");
    let table = Table::new(&stack, &name).await?;
    let mut sink = Sink::new(&stack, &stack.url, &name, &json!({"poison": route(&table, json!({}))})).await?;
    let batch = hundred(&name, "poison");
    let gone = ("REJECTED_QUEUE_URL".to_owned(), format!("{}-gone", sink.rejected.url));
    sink.variables.push(gone);
    let mut function = sink.start().await?;
    assert_eq!(deliver(&mut function, &batch).await?, BTreeSet::from([POISON.to_string()]));
    assert_eq!(table.all().await?.len(), 99);
    let metrics = function.metrics().await.context("no metrics")?;
    assert_eq!((&metrics["MessagesFailed"], &metrics["MessagesRejected"]), (&1.into(), &0.into()), "{metrics}");
    assert_eq!(sink.refused().await?, [Value::Null; 0]);

    sink.variables.pop();
    assert_eq!(deliver(&mut sink.start().await?, &batch[POISON..=POISON]).await?, BTreeSet::new());
    assert_eq!(sink.refused().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn messages_for_a_table_that_is_not_there_wait_and_hold_no_other_up() -> Result<()> {
    let stack = Stack::connect().await;
    let name = unique("no-table");
    let table = Table::new(&stack, &name).await?;
    let missing = format!("{name}-missing");
    let routes = json!({
        "there": route(&table, json!({})),
        "missing": route(&table, json!({"tableName": missing})),
    });
    let sink = Sink::new(&stack, &stack.url, &name, &routes).await?;
    let mut function = sink.start().await?;
    let body = |n: u32| {
        let route = if n.is_multiple_of(2) { "there" } else { "missing" };
        envelope(route, &format!("dt/{name}/t"), n, b"{}").to_string()
    };
    let batch = deliveries(&(0..60).map(body).collect::<Vec<_>>());
    let (stored, left): (Vec<_>, Vec<_>) = batch.into_iter().partition(|message| message.body.contains("\"there\""));
    let both = [left.as_slice(), stored.as_slice()].concat();
    assert_eq!(deliver(&mut function, &both).await?, ids(&left));
    assert_eq!(table.all().await?.len(), stored.len());

    let late = Table::new(&stack, &missing).await?;
    assert_eq!(deliver(&mut function, &left).await?, BTreeSet::new());
    assert_eq!((late.all().await?.len(), table.all().await?.len()), (left.len(), stored.len()));
    assert_eq!(sink.refused().await?, [Value::Null; 0]);
    Ok(())
}

#[tokio::test]
async fn a_throttled_table_loses_nothing() -> Result<()> {
    let stack = Stack::connect().await;
    let recorder = Recorder::start(&stack.url).await?;
    let name = unique("throttled-sink");
    let table = Table::new(&stack, &name).await?;
    let sink = Sink::new(&stack, &recorder.url, &name, &json!({"throttled": route(&table, json!({}))})).await?;
    let mut function = sink.start().await?;
    let body = |n: u32| envelope("throttled", &format!("dt/{name}/t"), n, b"{}").to_string();
    let mut left = deliveries(&(0..100).map(body).collect::<Vec<_>>());
    recorder.throttle_dynamodb(150);
    let mut deliveries = 0;
    while !left.is_empty() {
        let again = deliver(&mut function, &left).await?;
        left.retain(|message| again.contains(&message.message_id));
        deliveries += 1;
        assert!(deliveries < 30, "{} are left", left.len());
    }
    assert!(deliveries > 1, "nothing was throttled for long enough");
    assert_eq!(table.all().await?.len(), 100);
    assert_eq!(sink.refused().await?, [Value::Null; 0]);
    Ok(())
}
