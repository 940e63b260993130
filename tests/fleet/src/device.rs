//! Devices that connect until they are in.

use std::sync::Arc;
use std::time::Duration;

use shared::testing::Issued;
use tokio::time::sleep;

use crate::world::World;

/// First of the waits between two connections, each of which is twice as long as the one before, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// The power returns within this time.
const POWER: Duration = Duration::from_secs(1);

/// A device that backs off.
pub(crate) async fn patient(world: Arc<World>, device: Issued) {
    sleep(POWER.mul_f64(fastrand::f64())).await;
    let mut wait = FIRST_WAIT;
    while !world.is_in(&device.id) {
        world.connect(&device);
        sleep(wait.mul_f64(fastrand::f64() + 0.5)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// A device that does not: it connects so often until the simulation is over.
pub(crate) async fn stubborn(world: Arc<World>, device: Issued, every: Duration) {
    sleep(every.mul_f64(fastrand::f64())).await;
    while !world.is_over() {
        world.connect(&device);
        sleep(every).await;
    }
}
