//! Two hundred clients that come and go at random: the tables tell the truth about each.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use jitr::device::session::{Session, Target};
use serde_json::json;
use shared::id::ClientId;
use tests::queue::Queue;
use tests::stack::{Stack, eventually};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::presence::{history, is_open};
use crate::{HOUR, unique};

const CLIENTS: usize = 200;
/// For how long they come and go.
const TIME: Duration = Duration::from_mins(1);
/// Pauses are random, up to this.
const LONGEST_PAUSE_MILLIS: u64 = 8000;
/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the last events may take through the queue.
const DRAIN: Duration = Duration::from_mins(3);

/// What a client has done.
struct Life {
    /// Connections that were made.
    begun: usize,
    /// How those ended that did, in AWS IoT's words.
    ended: BTreeMap<&'static str, usize>,
    /// The one that is left open.
    open: Option<Session>,
}

/// A few numbers that follow from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    async fn pause(&mut self) {
        sleep(Duration::from_millis(self.below(LONGEST_PAUSE_MILLIS))).await;
    }
}

async fn live(target: &Target, mut chance: Chance) -> Result<Life> {
    let mut life = Life { begun: 0, ended: BTreeMap::new(), open: None };
    let until = Instant::now() + TIME;
    chance.pause().await;
    while Instant::now() < until {
        match (life.open.take(), chance.below(4)) {
            // It comes, or takes its own id over.
            (before, 0) => {
                life.open = Some(Session::open(target, PATIENCE).await?);
                life.begun += 1;
                if before.is_some() {
                    *life.ended.entry("DUPLICATE_CLIENTID").or_default() += 1;
                }
            }
            (Some(open), 1) => {
                drop(open);
                *life.ended.entry("CONNECTION_LOST").or_default() += 1;
            }
            (Some(open), _) => {
                open.disconnect().await;
                *life.ended.entry("CLIENT_INITIATED_DISCONNECT").or_default() += 1;
            }
            (None, _) => {
                life.open = Some(Session::open(target, PATIENCE).await?);
                life.begun += 1;
            }
        }
        chance.pause().await;
    }
    Ok(life)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_at_random_end_as_the_tables_tell() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("crowd", &[]).await?;
    let crowd = unique("crowd");
    let device = fleet.device(&crowd, HOUR)?;
    fleet.admit(&device, &crowd).await?.session.disconnect().await;
    // One certificate for all: who comes in is not what this is about.
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "iot:Connect",
        "Resource": format!("arn:aws:iot:us-east-1:000000000000:client/{crowd}-*"),
    }]});
    stack.iot.create_policy().policy_name(&crowd).policy_document(policy.to_string()).send().await?;
    let certificate = stack.iot.describe_certificate().certificate_id(device.certificate_id.as_str()).send().await?;
    let arn = certificate.certificate_description.unwrap().certificate_arn.unwrap();
    stack.iot.attach_policy().policy_name(&crowd).target(arn).send().await?;

    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        let name = format!("{crowd}-{n}");
        let (stack, device) = (stack.clone(), device.clone());
        clients.spawn(async move {
            let target = stack.target(&device, &name)?;
            let seed = u64::try_from(n)?.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            anyhow::Ok((name, live(&target, Chance(seed)).await?))
        });
    }
    let mut lives = Vec::new();
    while let Some(client) = clients.join_next().await {
        lives.push(client??);
    }
    let queue = Queue::of(&stack, "lifecycle-events").await?;
    let begun = Instant::now();
    while queue.len().await? > 0 && begun.elapsed() < DRAIN {
        sleep(Duration::from_millis(500)).await;
    }

    let (mut connections, mut events) = (0, 0);
    for (name, life) in &lives {
        let client: ClientId = name.parse()?;
        let expected = life.begun + life.ended.values().sum::<usize>();
        // The queue is empty when the last batch has been taken, a moment before it has been recorded.
        let told = eventually("the history of a client", async || {
            history(&stack, &client).await.ok().filter(|told| told.values().map(Vec::len).sum::<usize>() >= expected)
        })
        .await?;
        let mut ended: BTreeMap<&str, usize> = BTreeMap::new();
        for session in told.values() {
            // At one millisecond the order of the history is that of the keys.
            assert_eq!(session.iter().filter(|words| *words == "connected").count(), 1, "{name}: {told:?}");
            assert!(session.len() <= 2, "{name}: {told:?}");
            for end in session.iter().filter_map(|words| words.strip_prefix("disconnected ")) {
                *ended.entry(end).or_default() += 1;
            }
        }
        assert_eq!((told.len(), &ended), (life.begun, &life.ended), "{name}: {told:?}");
        let row = stack.devices.device(&client).await?;
        let open = eventually("the row of a client", async || {
            let row = stack.devices.device(&client).await.ok()?;
            (row.as_ref().is_some_and(is_open) == life.open.is_some()).then_some(row)
        });
        let open = open.await.map_err(|error| anyhow::anyhow!("{name}: {error}: {row:?}"))?;
        assert_eq!(open.is_some(), life.begun > 0, "{name}");
        connections += life.begun;
        events += expected;
    }
    assert!(connections > CLIENTS * 3, "{connections} connections");
    println!("{CLIENTS} clients: {connections} connections, {events} events");
    let dead = Queue::of(&stack, "lifecycle-dead-letters").await?.take(&crowd).await?;
    assert_eq!(dead, []);
    Ok(())
}
