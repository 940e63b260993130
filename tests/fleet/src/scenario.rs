//! What is simulated, and what comes of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shared::testing::{CloudThing, Issued};
use tokio::time::{Instant, sleep};

use crate::world::World;
use crate::{device, source};

/// Calls of the narrowest operation that let one device in: AWS IoT is asked for the certificate and for its twin.
const NARROWEST_CALLS: f64 = 2.0;
/// How many of them AWS IoT allows in a second.
const NARROWEST_QUOTA: f64 = 10.0;
/// A simulation is given up after so many times the time that the quota allows, and this.
const TIME_LIMIT_FACTOR: f64 = 10.0;
const LEAST_TIME_LIMIT: Duration = Duration::from_mins(10);
/// Between two looks whether everybody is in.
const LOOK: Duration = Duration::from_millis(50);

/// Who is at the door beside the fleet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Beside {
    /// Nobody.
    Nobody,
    /// One for each hundred devices whose name is another one's, and who connects every second.
    OneInAHundred,
    /// One whose name is another one's, and who connects a hundred times a second.
    Flood,
}

impl Beside {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Nobody, Self::OneInAHundred, Self::Flood];
}

impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "nobody",
            Self::OneInAHundred => "1 % refused, each second",
            Self::Flood => "one refused, 100 a second",
        })
    }
}

/// A fleet that comes at once.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Who is there beside.
    pub beside: Beside,
    /// New devices.
    pub devices: u32,
    /// The template's `ActivatorConcurrency`.
    pub instances: u32,
    /// Seed of everything random.
    pub seed: u64,
}

/// What has come of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Calls to AWS IoT, throttled ones too.
    pub calls: u64,
    /// Messages given up.
    pub dead: u64,
    /// Events published.
    pub events: u64,
    /// Devices of the fleet that are in.
    pub inside: u32,
    /// Invocations of the activator.
    pub invocations: u64,
    /// Messages that still wait at the end.
    pub left: usize,
    /// Until the last one was in, seconds.
    pub seconds: f64,
    /// Calls that were throttled.
    pub throttled: u64,
}

impl Scenario {
    /// The time that the narrowest quota allows, seconds.
    pub fn quota_seconds(&self) -> f64 {
        f64::from(self.devices) * NARROWEST_CALLS / NARROWEST_QUOTA
    }

    /// Calls to AWS IoT for each device of the fleet, those for others among them.
    #[expect(clippy::cast_precision_loss, reason = "so many calls are not made")]
    pub fn calls_a_device(&self, outcome: &Outcome) -> f64 {
        outcome.calls as f64 / f64::from(self.devices)
    }

    /// Simulates it.
    pub fn run(&self) -> Outcome {
        fastrand::seed(self.seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(self.simulate())
    }

    async fn simulate(&self) -> Outcome {
        let world = Arc::new(World::new());
        for _ in 0..self.instances {
            tokio::spawn(source::work(Arc::clone(&world), self.instances));
        }
        let fleet: Vec<Issued> = (0..self.devices).map(|n| issue(&world, &format!("device-{n}"))).collect();
        self.let_strangers_come(&world);
        for device in &fleet {
            tokio::spawn(device::patient(Arc::clone(&world), device.clone()));
        }
        let begun = Instant::now();
        let time_limit = LEAST_TIME_LIMIT + Duration::from_secs_f64(self.quota_seconds() * TIME_LIMIT_FACTOR);
        let mut outside: Vec<&Issued> = fleet.iter().collect();
        while !outside.is_empty() && begun.elapsed() < time_limit {
            sleep(LOOK).await;
            // The last one is looked for first: as long as it is outside, nobody else has to be.
            while outside.last().is_some_and(|device| world.is_in(&device.id)) {
                outside.pop();
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        let (calls, throttled) = world.account.calls();
        world.end();
        self.drain(&world).await;
        let (events, dead) = world.registered_events.counts();
        let inside = fleet.iter().filter(|device| world.is_in(&device.id)).count();
        Outcome {
            calls,
            dead,
            events,
            inside: u32::try_from(inside).expect("no more than there are"),
            invocations: world.invocations.load(Ordering::Relaxed),
            left: world.registered_events.len(),
            seconds,
            throttled,
        }
    }

    fn let_strangers_come(&self, world: &Arc<World>) {
        let (strangers, every) = match self.beside {
            Beside::Nobody => (0, Duration::MAX),
            Beside::OneInAHundred => (self.devices.div_ceil(100), Duration::from_secs(1)),
            Beside::Flood => (1, Duration::from_millis(10)),
        };
        for n in 0..strangers {
            let name = format!("stolen-{n}");
            let thing = CloudThing { version: 1, ..CloudThing::default() };
            world.cloud.change(|state| state.things.insert(name.parse().expect("a name"), thing));
            tokio::spawn(device::stubborn(Arc::clone(world), issue(world, &name), every));
        }
    }

    /// Nobody comes any more, and what waits is worked on.
    async fn drain(&self, world: &World) {
        let begun = Instant::now();
        while world.registered_events.len() > 0 && begun.elapsed() < Duration::from_hours(24) {
            sleep(Duration::from_secs(1)).await;
        }
    }
}

fn issue(world: &World, name: &str) -> Issued {
    world.authority.issue(name, world.now())
}
