//! Two invocations at once, at many offsets of their calls, and with each of their calls taking long.

use std::time::Duration;

use serde_json::json;
use shared::decision::Decision;
use shared::port::CertificateStatus;
use shared::testing::{Issued, Mishap, State, World};

use crate::stage::{Stage, event, knock};

/// How two invocations meet: how much later the second one starts, and which of all their calls takes long.
#[derive(Clone, Copy, Debug)]
struct Meeting {
    offset: Duration,
    stalled: usize,
}

/// An activation takes some seconds of the paused clock, a call of AWS IoT one; no two have more than forty calls.
fn meetings() -> impl Iterator<Item = Meeting> {
    let offsets = (0..14).map(|n| Duration::from_millis(n * 500));
    offsets.flat_map(|offset| (0..41).map(move |stalled| Meeting { offset, stalled }))
}

/// Runs both events in one world; each again until it is decided.
async fn both(start: &State, stage: &Stage, devices: [&Issued; 2], meeting: Meeting) -> World {
    let world = World::new(start.clone());
    world.plan(meeting.stalled, Mishap::Stall);
    let decided = async |device: &Issued, delay| {
        tokio::time::sleep(delay).await;
        for _ in 0..5 {
            if knock(&world, &event(&stage.authority, device)).await.is_ok() {
                return;
            }
            // Lambda tries again after a minute.
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    };
    tokio::join!(decided(devices[0], Duration::ZERO), decided(devices[1], meeting.offset));
    world
}

fn status(world: &World, device: &Issued) -> CertificateStatus {
    world.state().certificates[&device.id].status.clone()
}

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_at_once_activates_once() {
    let stage = Stage::new(json!({}));
    let device = stage.device("pump-1");
    let start = stage.world.state();
    for meeting in meetings() {
        let world = both(&start, &stage, [&device, &device], meeting).await;
        assert_eq!(status(&world, &device), CertificateStatus::Active, "{meeting:?}");
        let left = world.state();
        assert_eq!((left.things.len(), left.rows.len()), (1, 1));
        assert_eq!(left.rows.values().next().unwrap().registration.decision, Decision::Activated, "{meeting:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_certificates_for_one_name_at_once_leave_one_inside() {
    for rule in ["refuse", "rotate"] {
        let stage = Stage::new(json!({"takeOver": rule}));
        let devices = [stage.device("pump-1"), stage.device("pump-1")];
        let start = stage.world.state();
        for meeting in meetings() {
            let world = both(&start, &stage, [&devices[0], &devices[1]], meeting).await;
            let active = devices.iter().filter(|device| status(&world, device) == CertificateStatus::Active).count();
            assert_eq!(active, 1, "{rule}, {meeting:?}: {:?}", world.calls());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn under_rotate_the_youngest_is_inside_whoever_came_first() {
    let stage = Stage::new(json!({"takeOver": "rotate"}));
    let hours = time::Duration::hours;
    let issue = |age| {
        stage.register(stage.authority.issue_with("pump-1", stage.now, |params| params.not_before = stage.now - age))
    };
    let (oldest, older, younger) = (issue(hours(30)), issue(hours(20)), issue(hours(10)));
    let free = stage.world.state();
    stage.knock(&oldest).await.unwrap();
    let held = stage.world.state();
    for (start, meeting) in [&free, &held].into_iter().flat_map(|start| meetings().map(move |meeting| (start, meeting)))
    {
        for pair in [[&older, &younger], [&younger, &older]] {
            let world = both(start, &stage, pair, meeting).await;
            assert_eq!(status(&world, &younger), CertificateStatus::Active, "{meeting:?}: {:?}", world.calls());
            for outdated in [&oldest, &older] {
                assert_ne!(status(&world, outdated), CertificateStatus::Active, "{meeting:?}: {:?}", world.calls());
            }
        }
    }
}
