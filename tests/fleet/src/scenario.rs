//! What is simulated, and what comes of it.

pub(crate) mod settings;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use shared::testing::CloudThing;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::settings::Settings;
use crate::device;
use crate::source::Function;
use crate::world::{Device, World};

/// Calls of the narrowest operation, `DescribeCertificate`, for one device: AWS IoT is asked for the certificate and its twin.
const CALLS_OF_THE_NARROWEST: f64 = 2.0;
/// A simulation is given up after so many times the time that the quota allows, and this.
const TIME_LIMIT_FACTOR: f64 = 10.0;
const LEAST_TIME_LIMIT: Duration = Duration::from_mins(10);
/// Between two devices of another CA.
const BETWEEN_OTHERS: Duration = Duration::from_secs(10);
/// Between two looks whether everybody is in.
const LOOK: Duration = Duration::from_millis(50);

/// Who is at the door beside the fleet.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Beside {
    /// Nobody.
    Nobody,
    /// One for each hundred devices whose name is another one's, and who connects every second.
    OneInAHundred,
    /// One whose name is another one's, and who connects a hundred times a second.
    Flood,
    /// New devices of another CA, one in a while.
    OtherAuthority,
}

impl Beside {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Nobody, Self::OneInAHundred, Self::Flood, Self::OtherAuthority];
}

impl fmt::Display for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "nobody",
            Self::OneInAHundred => "1 % refused, each second",
            Self::Flood => "one refused, 100 a second",
            Self::OtherAuthority => "new ones of another CA",
        })
    }
}

/// A fleet that comes at once.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Who is there beside.
    pub beside: Beside,
    /// Whether a device of the fleet connects no more once AWS IoT has registered it: what is lost then is lost for good.
    pub connects_once: bool,
    /// New devices.
    pub devices: u32,
    /// Parameters of the template that do not have their defaults.
    pub parameters: &'static [(&'static str, &'static str)],
    /// Seed of everything random.
    pub seed: u64,
}

/// What has come of a scenario.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Calls to AWS IoT, throttled ones too.
    pub calls: u64,
    /// Messages given up.
    pub dead: u64,
    /// Events published.
    pub events: u64,
    /// Events that had to wait in the overflow queue.
    pub overflowed: u64,
    /// Devices of the fleet that are in.
    pub inside: u32,
    /// Invocations of the activator.
    pub invocations: u64,
    /// The longest time that a device of the other CA has waited, seconds; none if there is none.
    pub longest_of_other: Option<f64>,
    /// Messages that still wait at the end.
    pub left: usize,
    /// Until the last one can be in under the narrowest quota, as AWS IoT has registered them one after the other, and with
    /// those of another CA that come until then, seconds.
    pub quota_seconds: f64,
    /// Until the last one was in, seconds.
    pub seconds: f64,
    /// Calls that were throttled.
    pub throttled: u64,
}

impl Outcome {
    /// Calls to AWS IoT for each of so many devices of the fleet, those for others among them.
    #[expect(clippy::cast_precision_loss, reason = "so many calls are not made")]
    pub fn calls_a_device(&self, devices: u32) -> f64 {
        self.calls as f64 / f64::from(devices)
    }
}

impl Scenario {
    /// Simulates it.
    ///
    /// # Errors
    /// If the template can't be read, or has no such parameter.
    pub fn run(&self) -> Result<Outcome> {
        let settings = Settings::of_template(self.parameters)?;
        fastrand::seed(self.seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        Ok(runtime.block_on(self.simulate(&settings)))
    }

    async fn simulate(&self, settings: &Settings) -> Outcome {
        let world = Arc::new(World::new(settings));
        let function = Function::new(&world, settings.quotas);
        function.serve(|world| &world.registered_events);
        function.serve(|world| &world.overflow);
        let fleet: Vec<Device> =
            (0..self.devices).map(|n| world.issue(&world.authority, &format!("device-{n}"))).collect();
        self.let_strangers_come(&world);
        let others = (self.beside == Beside::OtherAuthority).then(|| tokio::spawn(let_others_come(Arc::clone(&world))));
        for device in &fleet {
            if self.connects_once {
                tokio::spawn(device::once(Arc::clone(&world), device.clone()));
            } else {
                tokio::spawn(device::patient(Arc::clone(&world), device.clone()));
            }
        }
        let begun = Instant::now();
        let seconds_a_device = CALLS_OF_THE_NARROWEST / settings.quotas.describe_certificate;
        let quota_time = Duration::from_secs_f64(f64::from(self.devices) * seconds_a_device);
        let time_limit = LEAST_TIME_LIMIT + quota_time.mul_f64(TIME_LIMIT_FACTOR);
        let mut outside: Vec<&Device> = fleet.iter().collect();
        while !outside.is_empty() && begun.elapsed() < time_limit {
            sleep(LOOK).await;
            // The last one is looked for first: as long as it is outside, nobody else has to be.
            while outside.last().is_some_and(|device| world.is_in(&device.issued.id)) {
                outside.pop();
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        let quota_seconds = quota_seconds(&world, seconds_a_device);
        let (calls, throttled) = world.account.calls();
        world.end();
        let longest_of_other = match others {
            Some(others) => Some(others.await.expect("no panic").as_secs_f64()),
            None => None,
        };
        drain(&world).await;
        let (events, dead) = world.registered_events.counts();
        let (overflowed, dead_of_overflow) = world.overflow.counts();
        let inside = fleet.iter().filter(|device| world.is_in(&device.issued.id)).count();
        Outcome {
            calls,
            dead: dead + dead_of_overflow,
            events,
            inside: u32::try_from(inside).expect("no more than there are"),
            invocations: world.invocations.load(Ordering::Relaxed),
            left: world.waiting(),
            longest_of_other,
            overflowed,
            quota_seconds,
            seconds,
            throttled,
        }
    }

    fn let_strangers_come(&self, world: &Arc<World>) {
        let (strangers, every) = match self.beside {
            Beside::Nobody | Beside::OtherAuthority => (0, Duration::MAX),
            Beside::OneInAHundred => (self.devices.div_ceil(100), Duration::from_secs(1)),
            Beside::Flood => (1, Duration::from_millis(10)),
        };
        for n in 0..strangers {
            let name = format!("stolen-{n}");
            let thing = CloudThing { version: 1, ..CloudThing::default() };
            world.cloud.change(|state| state.things.insert(name.parse().expect("a name"), thing));
            let device = Device { may_come_in: false, ..world.issue(&world.authority, &name) };
            tokio::spawn(device::stubborn(Arc::clone(world), device, every));
        }
    }
}

/// When the last device of the fleet could be in: each takes its time of the quota once it is there and those before it are in.
/// Devices of another CA that come until then take theirs too; those that come later, since the fleet is slower, don't count.
fn quota_seconds(world: &World, seconds_a_device: f64) -> f64 {
    let arrivals = world.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
    let fleet = arrivals.of_fleet.iter().fold(0.0, |end: f64, arrival| end.max(*arrival) + seconds_a_device);
    arrivals.of_others.iter().fold(fleet, |end, arrival| if *arrival < end { end + seconds_a_device } else { end })
}

/// Devices of another CA come until the fleet is in, one after the other. Gives back the longest time from the
/// registration of one until it was in.
async fn let_others_come(world: Arc<World>) -> Duration {
    let mut longest = Duration::ZERO;
    let mut devices = JoinSet::new();
    for n in 0.. {
        sleep(BETWEEN_OTHERS).await;
        if world.is_over() {
            break;
        }
        let (world, device) = (Arc::clone(&world), world.issue(&world.other_authority, &format!("other-{n}")));
        devices.spawn(async move {
            tokio::spawn(device::patient(Arc::clone(&world), device.clone()));
            while !world.is_registered(&device.issued.id) {
                sleep(LOOK).await;
            }
            let registered = Instant::now();
            while !world.is_in(&device.issued.id) {
                sleep(LOOK).await;
            }
            registered.elapsed()
        });
    }
    while let Some(waited) = devices.join_next().await {
        longest = longest.max(waited.expect("no panic"));
    }
    longest
}

/// Nobody comes any more, and what waits is worked on.
async fn drain(world: &World) {
    let begun = Instant::now();
    while world.waiting() > 0 && begun.elapsed() < Duration::from_hours(24) {
        sleep(Duration::from_secs(1)).await;
    }
}
