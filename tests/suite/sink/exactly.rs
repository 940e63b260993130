//! Ten thousand messages of twenty real clients, handed over in three ways: each time the tables hold what was published,
//! no message less, none more, and every payload as it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use jitr::device::session::Message;
use serde_json::json;
use tests::lambda::{Function, Outcome};
use tests::queue::{Delivery, Queue};
use tests::recorder::Recorder;
use tests::sink::{Chance, Item, Payload, Table, content, deliver, event, given_back, listen, octets, payload};
use tests::stack::{Fleet, PATIENCE, Stack};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{DRAIN, Sink, route};
use crate::{HOUR, unique};

const CLIENTS: usize = 20;
/// Messages of each client.
const MESSAGES: usize = 500;
/// `MessageRetentionDays` of the template in seconds.
const RETENTION: u64 = 90 * 86_400;
/// Messages of a batch that may be interrupted, at most.
const BATCH: usize = 300;

/// A message that the service has acknowledged.
struct Published {
    payload: Payload,
    topic: String,
}

impl Published {
    /// What the attribute `payload` has to hold.
    fn content(&self, octets_are_kept: bool) -> String {
        if octets_are_kept && self.topic.contains("/raw/") {
            octets(&self.payload.octets)
        } else {
            self.payload.content.clone()
        }
    }
}

/// The clients of a fleet come in and publish, all at once. The fourth level of a topic is a route.
async fn publish(fleet: Fleet, batch: &str, chance: &mut Chance) -> Result<Vec<Published>> {
    let fleet = Arc::new(fleet);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (fleet, batch, mut chance) = (Arc::clone(&fleet), batch.to_owned(), chance.fork());
        clients.spawn(async move {
            let name = format!("{batch}-{client}");
            let device = fleet.device(&name, HOUR)?;
            let mut session = fleet.admit(&device, &name).await?.session;
            let mut published = Vec::new();
            for n in 0..MESSAGES {
                let route = if chance.below(5) == 0 { "raw" } else { "whole" };
                let topic = format!("dt/{name}/{batch}/{route}/{}", chance.below(3));
                let payload = payload(&mut chance, n);
                let message = Message { topic: topic.clone(), payload: payload.octets.clone() };
                session.publish(&message, PATIENCE).await.with_context(|| topic.clone())?;
                published.push(Published { payload, topic });
            }
            session.disconnect().await;
            anyhow::Ok(published)
        });
    }
    let mut published = Vec::new();
    while let Some(client) = clients.join_next().await {
        published.extend(client??);
    }
    Ok(published)
}

/// Compares what a table holds with what was published. `attributes` are those besides keys and payload.
fn compare(published: &[Published], items: &[Item], octets_are_kept: bool, attributes: &[&str]) -> Result<()> {
    let mut missing: BTreeMap<(String, String), i64> = BTreeMap::new();
    for message in published {
        *missing.entry((message.topic.clone(), message.content(octets_are_kept))).or_default() += 1;
    }
    for item in items {
        let (_, topic, device) = key(item)?;
        ensure!(topic.split('/').nth(1) == Some(device), "{topic} is at {device}");
        let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
        names.sort_unstable();
        let mut expected = [&["device", "message", "payload"], attributes].concat();
        expected.sort_unstable();
        ensure!(names == expected, "{topic}: {names:?}");
        *missing.entry((topic.to_owned(), content(&item["payload"]))).or_default() -= 1;
    }
    missing.retain(|_, count| *count != 0);
    let some: Vec<_> = missing.iter().take(4).collect();
    ensure!(missing.is_empty(), "{} differences, positive ones are missing: {some:#?}", missing.len());
    Ok(())
}

/// When the rule saw a message, its topic, and the item's device.
fn key(item: &Item) -> Result<(u64, &str, &str)> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).with_context(|| format!("{item:?}"));
    let (at, rest) = text("message")?.split_once('#').context("no time")?;
    let (topic, _) = rest.split_once('#').context("no topic")?;
    Ok((at.parse()?, topic, text("device")?))
}

/// Through the template's rule, its queue, the event source and the deployed function.
async fn deployed(stack: &Stack, batch: &str, published: &[Published]) -> Result<()> {
    let table = Table::messages(stack);
    let begun = Instant::now();
    let items = loop {
        let mut items = Vec::new();
        for client in 0..CLIENTS {
            let found = table.of(&format!("{batch}-{client}")).await?;
            // What a device says when it comes in is not counted here.
            items.extend(
                found.into_iter().filter(|item| key(item).is_ok_and(|(_, topic, _)| !topic.ends_with("/hello"))),
            );
        }
        if items.len() >= published.len() || begun.elapsed() > DRAIN {
            break items;
        }
        sleep(Duration::from_secs(2)).await;
    };
    println!("deployed: {:.1} s", begun.elapsed().as_secs_f64());
    compare(published, &items, false, &["expiresAt"])?;
    for item in &items {
        let expires = AttributeValue::N((key(item)?.0 / 1000 + RETENTION).to_string());
        ensure!(item["expiresAt"] == expires, "{item:?}");
    }
    let refused = Queue::of(stack, "rejected-messages").await?.bodies().await?;
    let refused = refused.iter().find(|body| body.contains(batch));
    ensure!(refused.is_none(), "{refused:?}");
    Ok(())
}

/// Routes for the fourth level of a topic.
async fn sink(stack: &Stack, url: &str, name: &str) -> Result<(Sink, Table)> {
    let table = Table::new(stack, name).await?;
    let routes = json!({
        "whole": route(&table, json!({"bindTo": "principal"})),
        "raw": route(&table, json!({"bindTo": "principal", "raw": true})),
    });
    Ok((Sink::new(stack, url, name, &routes).await?, table))
}

/// The answer to a batch, or none if the function has asked for more than `requests` before; then it is at something.
async fn interrupted(
    function: &mut Function,
    recorder: &Recorder,
    batch: &[Delivery],
    requests: Option<usize>,
) -> Result<Option<Outcome>> {
    let _ = recorder.take();
    let event = event(batch);
    let Some(requests) = requests else { return function.invoke(&event).await.map(Some) };
    let enough = async {
        let mut seen = 0;
        while seen <= requests {
            sleep(Duration::from_millis(1)).await;
            seen += recorder.take().len();
        }
    };
    tokio::select! {
        outcome = function.invoke(&event) => outcome.map(Some),
        () = enough => Ok(None),
    }
}

/// This test is the event source, and the function is killed while it works, again and again.
async fn killed(stack: &Stack, inbox: &Queue, batch: &str, published: &[Published], mut chance: Chance) -> Result<()> {
    let begun = Instant::now();
    let recorder = Recorder::start(&stack.url).await?;
    let (sink, table) = sink(stack, &recorder.url, &format!("{batch}-killed-table")).await?;
    let mut function = sink.start().await?;
    let (mut deliveries, mut kills, mut is_new) = (0, 0, true);
    loop {
        let messages = inbox.receive(1 + chance.below(BATCH)).await?;
        if messages.is_empty() {
            break;
        }
        deliveries += messages.len();
        // One request for each 25 messages, and of a new process two for each certificate.
        let needed = 1 + messages.len() / 25 + if is_new { 2 * CLIENTS } else { 0 };
        let requests = (chance.below(3) == 0).then(|| chance.below(needed));
        let outcome = interrupted(&mut function, &recorder, &messages, requests).await?;
        is_new = outcome.is_none();
        match outcome {
            Some(Outcome::Returned(answer)) => {
                let again = given_back(&answer)?;
                let (again, done): (Vec<_>, Vec<_>) =
                    messages.into_iter().partition(|message| again.contains(&message.message_id));
                inbox.give_back(&again).await?;
                inbox.delete(&done).await?;
            }
            Some(Outcome::Failed(fault)) => anyhow::bail!("the function failed: {fault}"),
            None => {
                kills += 1;
                drop(function);
                inbox.give_back(&messages).await?;
                function = sink.start().await?;
            }
        }
    }
    println!("killed {kills} times, {deliveries} deliveries: {:.1} s", begun.elapsed().as_secs_f64());
    ensure!(kills >= 10, "killed {kills} times");
    ensure!(inbox.len().await? == 0, "messages are left in the queue");
    compare(published, &table.all().await?, true, &[])?;
    ensure!(sink.rejected.len().await? == 0, "{:?}", sink.refused().await?);
    Ok(())
}

/// Every message comes in two batches, one of them any time after the other.
async fn twice(stack: &Stack, inbox: &Queue, batch: &str, published: &[Published], mut chance: Chance) -> Result<()> {
    let begun = Instant::now();
    let (sink, table) = sink(stack, &stack.url, &format!("{batch}-twice-table")).await?;
    let mut function = sink.start().await?;
    let mut once = inbox.receive(usize::MAX).await?;
    ensure!(once.len() == published.len(), "{} are in the queue", once.len());
    chance.shuffle(&mut once);
    let mut again = once.clone();
    chance.shuffle(&mut again);
    let mut batches: Vec<&[Delivery]> = once.chunks(1000).chain(again.chunks(700)).collect();
    chance.shuffle(&mut batches);
    for messages in batches {
        let again = deliver(&mut function, messages).await?;
        ensure!(again.is_empty(), "{again:?} are given back");
    }
    println!("twice: {:.1} s", begun.elapsed().as_secs_f64());
    compare(published, &table.all().await?, true, &[])?;
    ensure!(sink.rejected.len().await? == 0, "{:?}", sink.refused().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages_end_as_the_published_set() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("exactly", &[]).await?;
    let batch = unique("exactly");
    let mut inboxes = Vec::new();
    for way in ["killed", "twice"] {
        let inbox = Queue::new(&stack, &format!("{batch}-{way}")).await?;
        listen(&inbox, &stack, &format!("dt/+/{batch}/#"), "topic(4)").await?;
        inboxes.push(inbox);
    }
    let mut chance = Chance::fresh();
    let begun = Instant::now();
    let published = publish(fleet, &batch, &mut chance).await?;
    println!("{} messages published in {:.1} s", published.len(), begun.elapsed().as_secs_f64());
    assert_eq!(published.len(), CLIENTS * MESSAGES);
    let (first, second) = (chance.fork(), chance.fork());
    let (deployed, killed, twice) = tokio::join!(
        deployed(&stack, &batch, &published),
        killed(&stack, &inboxes[0], &batch, &published, first),
        twice(&stack, &inboxes[1], &batch, &published, second),
    );
    let ways = [("deployed", deployed), ("killed at random", killed), ("delivered twice", twice)];
    let wrong: Vec<String> =
        ways.into_iter().filter_map(|(way, result)| Some(format!("{way}: {:#}", result.err()?))).collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
