//! Two invocations at once, at many offsets of their calls, and with each of their calls taking long.

use std::time::Duration;

use actors::Fleet;
use actors::activation::connect;
use serde_json::json;
use shared::decision::Decision;
use shared::port::CertificateStatus;
use shared::testing::{FakeCloud, InjectedFault, Issued};

/// How two invocations meet: how much later the second one starts, and which of all their calls takes long.
#[derive(Clone, Copy, Debug)]
struct Meeting {
    offset: Duration,
    stalled: usize,
}

/// An activation takes some seconds of the paused clock, a call of AWS IoT one; no two have more than forty calls.
fn meetings() -> impl Iterator<Item = Meeting> {
    let offsets = (0..14).step_by(3).map(|n| Duration::from_millis(n * 500));
    offsets.flat_map(|offset| (0..41).step_by(3).map(move |stalled| Meeting { offset, stalled }))
}

/// Runs both events in one cloud; each again until it is decided.
async fn both(start: &FakeCloud, fleet: &Fleet, devices: [&Issued; 2], meeting: Meeting) -> FakeCloud {
    let cloud = start.fork();
    cloud.plan(meeting.stalled, InjectedFault::Stalled);
    let decided = async |device: &Issued, delay| {
        tokio::time::sleep(delay).await;
        for _ in 0..5 {
            if connect(&cloud, &fleet.event(device)).await.is_ok() {
                return;
            }
            // Lambda tries again after a minute.
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    };
    tokio::join!(decided(devices[0], Duration::ZERO), decided(devices[1], meeting.offset));
    cloud
}

fn status(cloud: &FakeCloud, device: &Issued) -> CertificateStatus {
    cloud.state().status(&device.id)
}

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_at_once_activates_once() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let start = fleet.cloud.fork();
    for meeting in meetings() {
        let cloud = both(&start, &fleet, [&device, &device], meeting).await;
        assert_eq!(status(&cloud, &device), CertificateStatus::Active, "{meeting:?}");
        assert_eq!((cloud.state().things.len(), cloud.registration_ids().len()), (1, 1));
        assert_eq!(cloud.registration_of(&device.id).decision, Decision::Activated, "{meeting:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_certificates_for_one_name_at_once_leave_one_inside() {
    for rule in ["refuse", "rotate"] {
        let fleet = Fleet::new(json!({"takeOver": rule}));
        let devices = [fleet.device("pump-1"), fleet.device("pump-1")];
        let start = fleet.cloud.fork();
        for meeting in meetings() {
            let cloud = both(&start, &fleet, [&devices[0], &devices[1]], meeting).await;
            let active = devices.iter().filter(|device| status(&cloud, device) == CertificateStatus::Active).count();
            assert_eq!(active, 1, "{rule}, {meeting:?}: {:?}", cloud.calls());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn under_rotate_the_youngest_is_inside_whoever_came_first() {
    let fleet = Fleet::new(json!({"takeOver": "rotate"}));
    let hours = time::Duration::hours;
    let issue = |age| {
        fleet.register(fleet.authority.issue_with("pump-1", fleet.now, |params| params.not_before = fleet.now - age))
    };
    let (oldest, older, younger) = (issue(hours(30)), issue(hours(20)), issue(hours(10)));
    let free = fleet.cloud.fork();
    fleet.connect(&oldest).await.unwrap();
    let held = fleet.cloud.fork();
    for (start, meeting) in [&free, &held].into_iter().flat_map(|start| meetings().map(move |meeting| (start, meeting)))
    {
        for pair in [[&older, &younger], [&younger, &older]] {
            let cloud = both(start, &fleet, pair, meeting).await;
            assert_eq!(status(&cloud, &younger), CertificateStatus::Active, "{meeting:?}: {:?}", cloud.calls());
            for outdated in [&oldest, &older] {
                assert_ne!(status(&cloud, outdated), CertificateStatus::Active, "{meeting:?}: {:?}", cloud.calls());
            }
        }
    }
}
