//! Devices that come back, and what AWS IoT tells of them ("Lifecycle events" in the AWS IoT developer guide).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::world::{World, chance, up_to};

/// All connections are lost within this time, and each device is away for so long at most: all are back in a second.
const LOST: Duration = Duration::from_millis(200);
const AWAY: Duration = Duration::from_millis(800);
/// How long a device stays that loses its connection again, at least, and how much longer at most.
const STAYS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(6));
/// Of the connections, those that are noticed to be lost before the device is back. The others are ended by its return.
const NOTICED: f64 = 0.5;
/// Until AWS IoT tells of a connection that was ended by the next one.
const TAKEN_OVER: Duration = Duration::from_millis(5);
/// Of the attempts to connect, those that AWS IoT turns away, and how long a device waits then.
const TURNED_AWAY: f64 = 0.05;
const WAIT: Duration = Duration::from_secs(1);
/// Between two requests of a device.
const BETWEEN: Duration = Duration::from_millis(100);

/// A connection of a device.
#[derive(Clone, Debug)]
pub(super) struct Session {
    device: u32,
    /// Failed attempts to connect of the device so far.
    pub(super) failures: u32,
    version: u32,
}

impl Session {
    /// The one that a device has when the storm begins.
    pub(super) fn first(device: u32) -> Self {
        Self { device, failures: 0, version: 1 }
    }

    pub(super) fn id(&self) -> String {
        format!("{:08x}-0000-4000-8000-{:012x}", self.device, self.version)
    }

    /// The topic filters of each of its subscriptions.
    pub(super) fn filters(&self) -> [Vec<String>; 2] {
        let client = client(self.device);
        [
            vec![format!("cmd/{client}/+"), format!("$aws/things/{client}/shadow/update/delta")],
            vec![format!("cfg/{client}")],
        ]
    }

    /// The events of its beginning.
    pub(super) fn beginning(&self, at: i64) -> [Value; 3] {
        let [some, others] = self.filters();
        [self.connected(at), self.subscribed(at + 1, &some), self.subscribed(at + 2, &others)]
    }

    fn connected(&self, at: i64) -> Value {
        self.event("connected", at, &json!({"ipAddress": "198.51.100.7", "versionNumber": self.version}))
    }

    fn connect_failed(&self, at: i64) -> Value {
        let mut event = self.event("connect_failed", at, &json!({"connectFailureReason": "THROTTLED"}));
        event["sessionIdentifier"] = format!("{:08x}-ffff-4000-8000-{:012x}", self.device, self.failures).into();
        event
    }

    fn disconnected(&self, at: i64, reason: &str) -> Value {
        let members =
            json!({"clientInitiatedDisconnect": false, "disconnectReason": reason, "versionNumber": self.version});
        self.event("disconnected", at, &members)
    }

    fn subscribed(&self, at: i64, filters: &[String]) -> Value {
        self.event("subscribed", at, &json!({"topics": filters}))
    }

    fn event(&self, kind: &str, at: i64, members: &Value) -> Value {
        let mut event = json!({
            "clientId": client(self.device), "eventType": kind, "principalIdentifier": principal(self.device),
            "sessionIdentifier": self.id(), "timestamp": at,
        });
        let members = members.as_object().expect("an object").clone();
        event.as_object_mut().expect("an object").extend(members);
        event
    }
}

/// A device loses its connection and comes back; every second one does so twice.
pub(super) async fn come_back(world: Arc<World>, device: u32) {
    let mut session = Session::first(device);
    sleep(up_to(LOST)).await;
    lose_and_reconnect(&world, &mut session).await;
    if device.is_multiple_of(2) {
        let (least, more) = STAYS;
        sleep(least + up_to(more)).await;
        lose_and_reconnect(&world, &mut session).await;
    }
    world.truth().sessions.insert(client(device), session);
}

async fn lose_and_reconnect(world: &Arc<World>, session: &mut Session) {
    let is_noticed = chance(NOTICED);
    if is_noticed {
        world.tell(&session.disconnected(world.clock.millis(), "CONNECTION_LOST"));
    }
    sleep(up_to(AWAY)).await;
    if chance(TURNED_AWAY) {
        world.tell(&session.connect_failed(world.clock.millis()));
        session.failures += 1;
        sleep(WAIT).await;
    }
    let lost = session.clone();
    session.version += 1;
    world.tell(&session.connected(world.clock.millis()));
    if !is_noticed {
        sleep(TAKEN_OVER).await;
        world.tell(&lost.disconnected(world.clock.millis(), "DUPLICATE_CLIENTID"));
    }
    for filters in session.filters() {
        sleep(up_to(BETWEEN)).await;
        world.tell(&session.subscribed(world.clock.millis(), &filters));
    }
    world.publish(session.device, session.version.into());
}

/// The client id of a device, which is its thing's name.
pub(super) fn client(device: u32) -> String {
    format!("device-{device:06}")
}

/// The id of its certificate.
pub(super) fn principal(device: u32) -> String {
    format!("{device:064x}")
}
