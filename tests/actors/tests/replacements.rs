//! Younger certificates that take a thing over, and what may come between: a stop at any call, a hold, a revocation, a deletion,
//! another rule, a third certificate.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does, and tells how many orders it has run"
)]

use std::time::Duration;

use actors::activation::{deliver, nobody_is_half_in};
use actors::checking::{self, SOURCE, run_as};
use actors::{Fleet, account};
use crl_checker::Request;
use serde_json::json;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{self, Active, Inactive, PendingActivation, Revoked};
use shared::profile::TakeOver;
use shared::revocation::CrlSource;
use shared::testing::{CloudState, Exploration, FakeCloud, InjectedFault, Issued};
use tokio::time::timeout;

/// Time after which whatever has not ended is dead.
const MAX_TIME: Duration = Duration::from_mins(30);
/// A second list of the CA.
const OTHER: &str = "https://crl.example.com/other.crl";

async fn fleet() -> Fleet {
    let fleet = Fleet::with_crl().await;
    set_rule(&fleet, TakeOver::Rotate);
    fleet
}

fn set_rule(fleet: &Fleet, rule: TakeOver) {
    fleet.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(rule));
}

/// A fleet with an older certificate that is inside, and a younger one.
async fn older_and_younger() -> (Fleet, Issued, Issued) {
    let fleet = fleet().await;
    let (old, new) = (fleet.device_of_age("pump-1", 20), fleet.device_of_age("pump-1", 10));
    fleet.connect(&old).await.unwrap();
    (fleet, old, new)
}

fn request(fleet: &Fleet) -> Request {
    Request { accept_shrunk: true, ca_certificate_id: Some(fleet.id().clone()), ..Request::default() }
}

/// The CA publishes, and the checker runs.
async fn list(fleet: &Fleet, number: u64, entries: &[(&Issued, RevocationReason)]) {
    fleet.publish(number, entries);
    fleet.run(&request(fleet)).await;
}

/// Events come again, and the checker has one ordinary run.
async fn settle(fleet: &Fleet, devices: &[&Issued]) {
    fleet.cloud.plan_nothing();
    fleet.cloud.let_processes_die();
    for device in devices {
        // The event of a refused certificate may end with an error.
        drop(fleet.connect(device).await);
    }
    fleet.run(&request(fleet)).await;
}

/// Stops the delivery of a device's event at each of its calls in every way, and looks at what comes of it.
async fn stop_anywhere(
    start: &Fleet,
    device: &Issued,
    then: impl AsyncFn(&Fleet) -> Result<(), Vec<CertificateStatus>>,
) {
    let probe = start.fork();
    let before = probe.cloud.calls().len();
    probe.connect(device).await.unwrap();
    let calls = probe.cloud.calls()[before..].to_vec();
    let mut wrong = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        for fault in InjectedFault::STOPS {
            let fleet = start.fork();
            fleet.cloud.plan(at, fault);
            // Whoever has died never ends.
            let _ = timeout(MAX_TIME, fleet.connect(device)).await;
            fleet.cloud.plan_nothing();
            fleet.cloud.let_processes_die();
            if let Err(end) = then(&fleet).await {
                wrong.push(format!("{fault:?} at {at}, {call}: {end:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn statuses(fleet: &Fleet, devices: &[&Issued]) -> Vec<CertificateStatus> {
    devices.iter().map(|device| fleet.status(device)).collect()
}

fn expect(fleet: &Fleet, devices: &[&Issued], wanted: &[CertificateStatus]) -> Result<(), Vec<CertificateStatus>> {
    let end = statuses(fleet, devices);
    if end == wanted { Ok(()) } else { Err(end) }
}

/// Deliveries of these devices' events at once, then again, and one ordinary run of the checker.
fn deliveries<'s>(fleet: &'s Fleet, events: &'s [String], request: &'s Request) -> Exploration<'s> {
    let mut exploration = Exploration::new(&fleet.cloud);
    for (event, name) in events.iter().zip(["first", "second"]) {
        exploration = exploration.actor(name, move |cloud| async move { deliver(cloud, event, name).await });
    }
    exploration.always(nobody_is_half_in).afterwards(move |cloud| async move {
        drop(cloud.call("(time passes)", CloudState::let_processes_die).await);
        for (event, name) in events.iter().zip(["again-1", "again-2"]) {
            deliver(cloud.clone(), event, name).await;
        }
        run_as("afterwards", cloud, request).await;
    })
}

fn status(cloud: &FakeCloud, device: &Issued) -> CertificateStatus {
    cloud.state().status(&device.id)
}

fn one_is_active(cloud: &FakeCloud, devices: &[&Issued]) -> Result<(), String> {
    let end: Vec<_> = devices.iter().map(|device| status(cloud, device)).collect();
    let active = end.iter().filter(|status| **status == Active).count();
    if active == 1 { Ok(()) } else { Err(format!("{end:?}")) }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Every order of a delivery of the younger one and a run that finds it on a list.
fn a_list_has_the_younger_one(reason: RevocationReason) {
    let runtime = runtime();
    let (fleet, _, new) = runtime.block_on(older_and_younger());
    fleet.publish(2, &[(&new, reason)]);
    let _inside = runtime.enter();
    let (events, request) = ([fleet.event(&new)], request(&fleet));
    let explored = deliveries(&fleet, &events, &request)
        .actor("run", |cloud| run_as("run", cloud, &request))
        .at_the_end(|cloud| if status(cloud, &new) == Active { Err("ACTIVE".to_owned()) } else { Ok(()) })
        .exhaustive();
    println!("{reason:?}: {explored}");
    explored.assert_holds();
}

#[test]
fn the_younger_one_is_revoked_while_it_takes_the_thing_over() {
    a_list_has_the_younger_one(KeyCompromise);
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn the_younger_one_is_put_on_hold_while_it_takes_the_thing_over() {
    a_list_has_the_younger_one(CertificateHold);
}

#[tokio::test(start_paused = true)]
async fn a_take_over_stops_and_a_hold_of_the_younger_one_comes_and_goes() {
    let (fleet, old, new) = older_and_younger().await;
    stop_anywhere(&fleet, &new, async |fleet| {
        list(fleet, 2, &[(&new, CertificateHold)]).await;
        drop(fleet.connect(&new).await);
        list(fleet, 3, &[]).await;
        settle(fleet, &[&old, &new]).await;
        expect(fleet, &[&old, &new], &[Inactive, Active])
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_take_over_stops_and_the_younger_one_is_deleted_while_the_older_one_is_on_hold() {
    let (fleet, old, new) = older_and_younger().await;
    stop_anywhere(&fleet, &new, async |fleet| {
        if fleet.status(&new) != PendingActivation {
            return Ok(());
        }
        list(fleet, 2, &[(&old, CertificateHold)]).await;
        fleet.cloud.change(|state| state.delete(&new.id));
        list(fleet, 3, &[]).await;
        settle(fleet, &[&old]).await;
        expect(fleet, &[&old], &[Active])
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_take_over_stops_and_the_younger_one_is_revoked() {
    let (fleet, old, new) = older_and_younger().await;
    stop_anywhere(&fleet, &new, async |fleet| {
        if fleet.status(&new) != PendingActivation {
            return Ok(());
        }
        list(fleet, 2, &[(&new, KeyCompromise)]).await;
        settle(fleet, &[&old, &new]).await;
        expect(fleet, &[&old, &new], &[Active, Revoked])
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_take_over_stops_after_the_younger_one_is_in_and_it_is_revoked() {
    let (fleet, old, new) = older_and_younger().await;
    for is_held_before in [false, true] {
        stop_anywhere(&fleet, &new, async |fleet| {
            if fleet.status(&new) != Active {
                return Ok(());
            }
            if is_held_before {
                list(fleet, 2, &[(&new, CertificateHold)]).await;
            }
            list(fleet, 3, &[(&new, KeyCompromise)]).await;
            settle(fleet, &[&old, &new]).await;
            expect(fleet, &[&old, &new], &[Inactive, Revoked])
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_take_over_stops_before_the_thing_is_changed_and_the_rule_becomes_join() {
    let (fleet, old, new) = older_and_younger().await;
    stop_anywhere(&fleet, &new, async |fleet| {
        let is_changed = fleet.cloud.state().things.values().any(|thing| thing.version > 1);
        if is_changed || fleet.status(&new) != PendingActivation {
            return Ok(());
        }
        set_rule(fleet, TakeOver::Join);
        settle(fleet, &[&old, &new]).await;
        expect(fleet, &[&old, &new], &[Active, Active])
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_take_over_stops_and_the_younger_one_is_deleted_and_comes_again() {
    let (fleet, old, new) = older_and_younger().await;
    stop_anywhere(&fleet, &new, async |fleet| {
        fleet.cloud.change(|state| state.delete(&new.id));
        fleet.run(&request(fleet)).await;
        fleet.cloud.register(fleet.id(), &account(), &new.id, &new.pem);
        settle(fleet, &[&old, &new]).await;
        expect(fleet, &[&old, &new], &[Inactive, Active])
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_younger_one_makes_the_thing_and_never_comes_in() {
    for is_revoked in [false, true] {
        let fleet = fleet().await;
        let (old, new) = (fleet.device_of_age("pump-1", 20), fleet.device_of_age("pump-1", 10));
        stop_anywhere(&fleet, &new, async |fleet| {
            if fleet.status(&new) != PendingActivation {
                return Ok(());
            }
            if is_revoked {
                list(fleet, 2, &[(&new, KeyCompromise)]).await;
            } else {
                fleet.cloud.change(|state| state.delete(&new.id));
            }
            settle(fleet, &[&old]).await;
            expect(fleet, &[&old], &[Active])
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_take_over_of_three_stops() {
    let fleet = fleet().await;
    let (one, two, three, new) = (
        fleet.device_of_age("pump-1", 40),
        fleet.device_of_age("pump-1", 30),
        fleet.device_of_age("pump-1", 20),
        fleet.device_of_age("pump-1", 10),
    );
    set_rule(&fleet, TakeOver::Join);
    for old in [&one, &two, &three] {
        fleet.connect(old).await.unwrap();
    }
    list(&fleet, 2, &[(&two, CertificateHold)]).await;
    set_rule(&fleet, TakeOver::Rotate);
    stop_anywhere(&fleet, &new, async |fleet| {
        list(fleet, 3, &[]).await;
        settle(fleet, &[&new]).await;
        expect(fleet, &[&one, &two, &three, &new], &[Inactive, Inactive, Inactive, Active])
    })
    .await;
}

/// One on hold counts as if it were inside: it comes back.
#[tokio::test(start_paused = true)]
async fn one_that_is_older_than_one_on_hold_is_refused() {
    let fleet = fleet().await;
    let (old, new) = (fleet.device_of_age("pump-1", 20), fleet.device_of_age("pump-1", 10));
    // It is attached by hand.
    let arn = fleet.cloud.state().certificates[&new.id].arn.clone();
    fleet.cloud.change(|state| {
        let thing = state.things.entry("pump-1".parse().unwrap()).or_default();
        thing.version = 1;
        thing.principals.insert(arn);
    });
    fleet.connect(&new).await.unwrap();
    list(&fleet, 2, &[(&new, CertificateHold)]).await;
    drop(fleet.connect(&old).await);
    assert_eq!(statuses(&fleet, &[&old, &new]), [PendingActivation, Inactive]);
    list(&fleet, 3, &[]).await;
    settle(&fleet, &[&old]).await;
    assert_eq!(statuses(&fleet, &[&old, &new]), [PendingActivation, Active]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_of_an_old_row_is_none_that_has_switched_off() {
    for is_delivered in [true, false] {
        let fleet = fleet().await;
        let device = fleet.inside("pump-1").await;
        let id = fleet.registration_id(&device);
        fleet.cloud.change(|state| state.to_old_layout(&id));
        fleet.set_status(&device, Inactive);
        if is_delivered {
            drop(fleet.connect(&device).await);
        } else {
            list(&fleet, 2, &[(&device, CertificateHold)]).await;
            list(&fleet, 3, &[]).await;
        }
        settle(&fleet, &[]).await;
        assert_eq!(fleet.status(&device), Inactive, "delivered {is_delivered}: {:?}", fleet.row(&device));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_while_another_list_is_not_to_be_read() {
    let fleet = Fleet::new(json!({"crl": "required", "crlSources": [SOURCE, OTHER]}));
    let other: CrlSource = OTHER.parse().unwrap();
    fleet.publish(1, &[]);
    fleet.cloud.publish_crl(&other, fleet.crl(1, &[]));
    fleet.sync().await;
    let device = fleet.inside("pump-1").await;
    list(&fleet, 2, &[(&device, CertificateHold)]).await;
    let record = format!("crl#{OTHER}");
    let good = fleet.cloud.record(fleet.id(), &record).unwrap();
    fleet.cloud.put_record(fleet.id(), &record, &json!({"current": {"S": "broken"}, "version": {"S": "broken"}}));
    list(&fleet, 3, &[]).await;
    assert_eq!(fleet.status(&device), Inactive);
    fleet.cloud.put_record(fleet.id(), &record, &good);
    fleet.sync().await;
    assert_eq!(fleet.status(&device), Active);
}

/// The rules of the CA are gone at one moment of the run that ends a hold.
#[tokio::test(start_paused = true)]
async fn a_hold_ends_while_the_profile_is_gone() {
    let fleet = fleet().await;
    let device = fleet.inside("pump-1").await;
    list(&fleet, 2, &[(&device, CertificateHold)]).await;
    fleet.publish(3, &[]);
    let probe = fleet.fork();
    let before = probe.cloud.calls().len();
    probe.run(&request(&probe)).await;
    for at in 0..probe.cloud.calls().len() - before {
        let fleet = fleet.fork();
        let profile = fleet.cloud.profile(fleet.id()).unwrap();
        fleet.cloud.plan(at, InjectedFault::Stalled);
        let remove = async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            fleet.cloud.remove_profiles();
        };
        let request = request(&fleet);
        // A run without rules may fail.
        drop(tokio::join!(checking::run(&fleet.cloud, &request), remove));
        fleet.cloud.put_profile(fleet.id(), &profile);
        settle(&fleet, &[]).await;
        assert_eq!(fleet.status(&device), Active, "gone at call {at}");
    }
}

/// The slower of two newcomers marks the oldest certificate after the faster one, and dies.
#[tokio::test(start_paused = true)]
async fn the_slower_of_two_newcomers_is_the_last_to_mark_the_oldest_one() {
    let start = fleet().await;
    let (oldest, slow, fast) =
        (start.device_of_age("pump-1", 30), start.device_of_age("pump-1", 20), start.device_of_age("pump-1", 10));
    start.connect(&oldest).await.unwrap();
    for death in 31..37_u64 {
        for delay in (1..40_u64).step_by(3) {
            let fleet = start.fork();
            fleet.cloud.plan(17, InjectedFault::Stalled);
            let other = async {
                tokio::time::sleep(Duration::from_millis(delay * 1000 + 300)).await;
                drop(fleet.connect(&fast).await);
            };
            let dies = async {
                tokio::time::sleep(Duration::from_millis(death * 1000 - 50)).await;
                fleet.cloud.plan(0, InjectedFault::DiedBefore);
            };
            // Whoever has died never ends.
            let _ = timeout(MAX_TIME, async { tokio::join!(fleet.connect(&slow), other, dies) }).await;
            settle(&fleet, &[&slow, &fast]).await;
            let end = statuses(&fleet, &[&oldest, &slow, &fast]);
            let is_right = end[0] == Inactive && end[1] != Active && end[2] == Active;
            assert!(is_right, "dies after {death} s, the other comes after {delay} s: {end:?}");
        }
    }
}

#[test]
fn two_newcomers_of_one_age_after_one_of_them_has_died() {
    let runtime = runtime();
    let (fleet, oldest, one, other) = runtime.block_on(async {
        let fleet = fleet().await;
        let (oldest, one, other) =
            (fleet.device_of_age("pump-1", 30), fleet.device_of_age("pump-1", 10), fleet.device_of_age("pump-1", 10));
        fleet.connect(&oldest).await.unwrap();
        fleet.cloud.plan(13, InjectedFault::DiedAfter);
        // Whoever has died never ends.
        let _ = timeout(MAX_TIME, fleet.connect(&one)).await;
        fleet.cloud.plan_nothing();
        fleet.cloud.let_processes_die();
        assert!(fleet.cloud.state().things.values().any(|thing| thing.version == 2), "it died after it took the thing");
        let id = fleet.registration_id(&one);
        fleet.cloud.change_registration(&id, |row| row.decided_at = "2026-11-01T00:00:00.000Z".to_owned());
        (fleet, oldest, one, other)
    });
    let _inside = runtime.enter();
    let (events, request) = ([fleet.event(&one), fleet.event(&other)], request(&fleet));
    let explored = deliveries(&fleet, &events, &request)
        .at_the_end(|cloud| one_is_active(cloud, &[&oldest, &one, &other]))
        .random(0..300);
    println!("{explored}");
    explored.assert_holds();
}

#[test]
fn two_newcomers_of_different_age_and_a_fault() {
    let runtime = runtime();
    let (fleet, oldest, slow, fast) = runtime.block_on(async {
        let fleet = fleet().await;
        let (oldest, slow, fast) =
            (fleet.device_of_age("pump-1", 30), fleet.device_of_age("pump-1", 20), fleet.device_of_age("pump-1", 10));
        fleet.connect(&oldest).await.unwrap();
        (fleet, oldest, slow, fast)
    });
    let _inside = runtime.enter();
    let (events, request) = ([fleet.event(&slow), fleet.event(&fast)], request(&fleet));
    let explored = deliveries(&fleet, &events, &request)
        .faults_of(1, &[InjectedFault::DiedAfter, InjectedFault::Refused])
        .at_the_end(|cloud| {
            if status(cloud, &fast) != Active {
                return Err("the youngest one is not in".to_owned());
            }
            one_is_active(cloud, &[&oldest, &slow, &fast])
        })
        .random(0..300);
    println!("{explored}");
    explored.assert_holds();
}
