//! Releases of a thing while a certificate is about to be attached to it.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does, and tells how many orders it has run"
)]

use std::time::Duration;

use actors::activation::{deliver, nobody_is_half_in};
use actors::checking::run_as;
use actors::{Fleet, operator};
use crl_checker::Request;
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation};
use shared::profile::TakeOver;
use shared::testing::{CloudState, Exploration, FakeCloud, InjectedFault};
use tokio::time::sleep;

async fn fleet() -> Fleet {
    let fleet = Fleet::with_crl().await;
    fleet.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(TakeOver::Rotate));
    fleet
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// What `jitr` is answered is nobody's concern.
async fn release(cloud: FakeCloud) {
    drop(operator::release_thing_as("release", &cloud, "pump-1").await);
}

/// A delivery of a device's event, and a release of its thing.
fn delivery_and_release<'s>(fleet: &'s Fleet, event: &'s str) -> Exploration<'s> {
    Exploration::new(&fleet.cloud)
        .actor("delivery", move |cloud| deliver(cloud, event, "delivery"))
        .actor("release", release)
        .always(nobody_is_half_in)
}

/// The dead are dead, the event comes again, and the checker has one ordinary run.
async fn afterwards(cloud: FakeCloud, event: Option<&str>) {
    drop(cloud.call("(time passes)", CloudState::let_processes_die).await);
    if let Some(event) = event {
        deliver(cloud.clone(), event, "again").await;
    }
    run_as("afterwards", cloud, &Request::default()).await;
}

/// The thing was made for a certificate that is about to be attached to it.
#[tokio::test(start_paused = true)]
async fn the_thing_of_a_certificate_on_its_way_in_is_released() {
    let fleet = fleet().await;
    let (old, new) = (fleet.device_of_age("pump-1", 20), fleet.device_of_age("pump-1", 1));
    let probe = fleet.fork();
    let begun = probe.cloud.calls().len();
    probe.connect(&old).await.unwrap();
    let at = probe.cloud.calls()[begun..].iter().position(|call| *call == "iot:AttachThingPrincipal").unwrap();
    fleet.cloud.plan(at, InjectedFault::Stalled);
    let others = async {
        sleep(Duration::from_secs(6)).await;
        let released = operator::release_thing(&fleet.cloud, "pump-1").await;
        assert!(released.is_err(), "the release waits for the activation");
        fleet.connect(&new).await.unwrap();
    };
    let (first, ()) = tokio::join!(fleet.connect(&old), others);
    drop(first);
    let _ = fleet.connect(&old).await;
    fleet.cloud.let_processes_die();
    fleet.sync().await;
    assert_eq!((fleet.status(&old), fleet.status(&new)), (Inactive, Active), "{:?}", fleet.row(&old));
    nobody_is_half_in(&fleet.cloud).unwrap();
}

/// A release finds the device on its thing when it deletes it, and leaves its intent in the row of a certificate that is
/// inside. Later an operator switches that off.
#[test]
fn a_delivery_crosses_a_release_and_later_the_operator_switches_off() {
    let runtime = runtime();
    let fleet = runtime.block_on(fleet());
    let device = fleet.device("pump-1");
    let _inside = runtime.enter();
    let event = fleet.event(&device);
    let explored = delivery_and_release(&fleet, &event)
        .afterwards(|cloud| {
            let id = device.id.clone();
            async move {
                operator::set_status(&cloud, &id, Inactive).await;
                afterwards(cloud, None).await;
            }
        })
        .at_the_end(|cloud| match cloud.state().status(&device.id) {
            Active => Err(format!("ACTIVE: {:?}", cloud.registrations_of(&device.id))),
            _ => Ok(()),
        })
        .exhaustive();
    println!("{explored}");
    explored.assert_holds();
}

/// A certificate that was attached by hand before its event was delivered has no row to say that it is taken off.
#[test]
fn a_delivery_of_one_that_is_attached_by_hand_crosses_a_release() {
    let runtime = runtime();
    let fleet = runtime.block_on(fleet());
    let device = fleet.device("pump-1");
    let arn = fleet.cloud.state().certificates[&device.id].arn.clone();
    fleet.cloud.change(|state| {
        let thing = state.things.entry("pump-1".parse().unwrap()).or_default();
        thing.version = 1;
        thing.principals.insert(arn);
    });

    let _inside = runtime.enter();
    let event = fleet.event(&device);
    let explored = delivery_and_release(&fleet, &event)
        .afterwards(|cloud| afterwards(cloud, Some(&event)))
        .at_the_end(nobody_is_half_in)
        .exhaustive();
    println!("{explored}");
    explored.assert_holds();
}

/// The release stands still for longer than its intent lasts, and the device comes in meanwhile: it loses the thing, and is
/// taken out again.
#[tokio::test(start_paused = true)]
async fn a_release_goes_on_after_everybody_takes_it_for_dead() {
    for is_holder in [true, false] {
        let fleet = Fleet::with_crl().await;
        fleet.set_rule(TakeOver::Join);
        if !is_holder {
            fleet.inside("pump-1").await;
        }
        let device = fleet.device("pump-1");
        fleet.die_at(&device, "iot:UpdateCertificate", InjectedFault::DiedBefore).await;
        let detach = "iot:DetachThingPrincipal";
        let at = fleet.place_of(detach, async |fleet: Fleet| release(fleet.cloud.clone()).await).await;
        fleet.cloud.plan(at, InjectedFault::Stalled);
        let others = async {
            sleep(Duration::from_secs(15)).await;
            fleet.cloud.let_processes_die();
            fleet.connect(&device).await.unwrap();
            assert_eq!(fleet.status(&device), Active);
        };
        tokio::join!(release(fleet.cloud.clone()), others);
        fleet.cloud.plan_nothing();
        assert_eq!(fleet.status(&device), Inactive, "holder: {is_holder}");
        nobody_is_half_in(&fleet.cloud).unwrap();
    }
}

/// AWS IoT refuses a deletion as long as it has not ended a detachment.
#[tokio::test(start_paused = true)]
async fn a_release_whose_deletion_was_refused_is_repeated_at_once() {
    for fault in [InjectedFault::Refused, InjectedFault::AnswerLost] {
        for call in ["iot:DetachThingPrincipal", "iot:DeleteThing"] {
            let fleet = Fleet::with_crl().await;
            let (device, waiting) = (fleet.inside("pump-1").await, fleet.device("pump-1"));
            assert_eq!(fleet.status(&waiting), PendingActivation);
            let at = fleet.place_of(call, async |fleet: Fleet| release(fleet.cloud.clone()).await).await;
            fleet.cloud.plan(at, fault);
            assert!(operator::release_thing(&fleet.cloud, "pump-1").await.is_err(), "{fault:?} at {call}");
            fleet.cloud.plan_nothing();
            operator::release_thing(&fleet.cloud, "pump-1").await.unwrap();
            assert!(fleet.cloud.state().things.is_empty(), "{fault:?} at {call}");
            fleet.connect(&waiting).await.unwrap();
            assert_eq!((fleet.status(&device), fleet.status(&waiting)), (Inactive, Active), "{fault:?} at {call}");
        }
    }
}
