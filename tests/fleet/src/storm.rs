//! Devices that are known already lose their connections and come back at once, in virtual time: before the lifecycle
//! recorder and the rule sink that ship.
//!
//! The functions, their adapters and the SDK's clients with their retries are the real ones, over DynamoDB in memory.
//! Simulated is what stands around them: what AWS IoT tells of the devices (`devices`), queues that deliver late, out
//! of order and twice (`queue`), Lambda's event sources, whose instances may die (`source`), and the throughput of
//! tables on demand (`tables`). How the queues and event sources are set is read from `template.yaml` (`settings`).

#![expect(clippy::indexing_slicing, reason = "a member that is not there is null")]

mod devices;
mod functions;
mod queue;
mod settings;
mod source;
mod tables;
mod truth;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use lifecycle_recorder::Recorder;
use rule_sink::Sink;
use shared::aws::items::Items;
use shared::aws::presence::PresenceTables;
use shared::aws::registrations::Registrations;
use shared::testing::Queue as DeadLetters;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use settings::Settings;
use world::World;

/// Between two looks whether anything still waits.
const LOOK: Duration = Duration::from_secs(1);
/// A storm that has not drained after this time is given up.
const TIME_LIMIT: Duration = Duration::from_hours(24);

type TheRecorder = Recorder<PresenceTables>;
type TheSink = Sink<Items, DeadLetters, Registrations>;

/// Known devices that all reconnect at once, half of them twice.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// The devices.
    pub devices: u32,
    /// Whether instances of the functions die in the middle of one invocation in twenty, and DynamoDB throttles every
    /// request for five seconds.
    pub has_faults: bool,
    /// Seed of everything random.
    pub seed: u64,
}

/// What has come of a storm.
#[derive(Clone, Debug)]
pub struct Aftermath {
    /// The lifecycle recorder and its queue.
    pub recorder: Drained,
    /// The rule sink and its queue.
    pub sink: Drained,
    /// Messages that the rule sink has refused.
    pub refused: usize,
    /// Transactions, and writes that met one, that DynamoDB has canceled because of the other.
    pub conflicts: u64,
    /// Requests that DynamoDB has throttled, and items of batches that it has returned unprocessed.
    pub throttled: u64,
    /// What the tables say, and is not so. Empty if all is well.
    pub untruths: Vec<String>,
}

/// What has become of a queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Drained {
    /// Messages that were sent.
    pub sent: u64,
    /// Times that a message was received after its first time.
    pub received_again: u64,
    /// Messages that were given up.
    pub dead: u64,
    /// Messages that still wait.
    pub left: usize,
    /// Invocations of the function that reads it.
    pub invocations: u64,
    /// From the beginning of the storm until nine of ten messages were done with.
    pub mostly_after: Duration,
    /// From the beginning of the storm until the last message was done with.
    pub after: Duration,
}

impl Storm {
    /// Simulates it.
    ///
    /// # Errors
    /// If the template can't be read.
    pub fn run(&self) -> Result<Aftermath> {
        let settings = Settings::of_template()?;
        fastrand::seed(self.seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        Ok(runtime.block_on(self.simulate(&settings)))
    }

    async fn simulate(&self, settings: &Settings) -> Aftermath {
        let world = Arc::new(World::new(settings, self.devices, self.has_faults).await);
        let of_recorder = functions::start_recorder(&world, settings, self.has_faults);
        let of_sink = functions::start_sink(&world, settings, self.has_faults);
        let begun = Instant::now();
        let mut devices: JoinSet<()> = (0..self.devices).map(|n| devices::come_back(Arc::clone(&world), n)).collect();
        while devices.join_next().await.is_some() {}
        while world.is_draining() && begun.elapsed() < TIME_LIMIT {
            sleep(LOOK).await;
            world.forget_requests();
        }
        let (conflicts, throttled) = world.limits.counts();
        Aftermath {
            recorder: world.lifecycle_events.drained(of_recorder.load(Ordering::Relaxed), begun),
            sink: world.device_messages.drained(of_sink.load(Ordering::Relaxed), begun),
            refused: world.rejected.bodies().len(),
            conflicts,
            throttled,
            untruths: truth::untruths(&world),
        }
    }
}
