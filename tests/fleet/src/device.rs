//! Devices that connect until they are in.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::world::{Device, World};

/// First of the waits between two connections, each of which is twice as long as the one before, and the longest: those of
/// AWS's SDKs (`AWSIoTMQTTConfiguration` in the reference of the AWS SDK for iOS).
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(128);
/// The power returns within this time.
const POWER: Duration = Duration::from_secs(1);

/// A device that backs off.
pub(crate) async fn patient(world: Arc<World>, device: Device) {
    sleep(POWER.mul_f64(fastrand::f64())).await;
    let mut wait = FIRST_WAIT;
    while !world.is_in(&device.issued.id) {
        world.connect(&device);
        sleep(wait.mul_f64(fastrand::f64() + 0.5)).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// A device that connects no more once AWS IoT has registered it, and has published one event.
pub(crate) async fn once(world: Arc<World>, device: Device) {
    sleep(POWER.mul_f64(fastrand::f64())).await;
    while !world.is_registered(&device.issued.id) {
        world.connect(&device);
        sleep(FIRST_WAIT.mul_f64(fastrand::f64() + 0.5)).await;
    }
}

/// A device that does not back off: it connects so often until the simulation is over.
pub(crate) async fn stubborn(world: Arc<World>, device: Device, every: Duration) {
    sleep(every.mul_f64(fastrand::f64())).await;
    while !world.is_over() {
        world.connect(&device);
        sleep(every).await;
    }
}
