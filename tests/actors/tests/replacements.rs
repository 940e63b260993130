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
use actors::checking::run_as;
use actors::{Fleet, account, operator};
use crl_checker::Request;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{self, Active, Inactive, PendingActivation, Revoked};
use shared::profile::TakeOver;
use shared::testing::{CloudState, Exploration, FakeCloud, InjectedFault, Issued};
use tokio::time::timeout;

/// Time after which whatever has not ended is dead.
const MAX_TIME: Duration = Duration::from_mins(30);

async fn fleet() -> Fleet {
    let fleet = Fleet::with_crl().await;
    fleet.set_rule(TakeOver::Rotate);
    fleet
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
    exploration.always(nobody_is_half_in).afterwards(move |cloud| again(cloud, events, request))
}

/// The dead are dead, the events come again, and the checker has one ordinary run.
async fn again(cloud: FakeCloud, events: &[String], request: &Request) {
    drop(cloud.call("(time passes)", CloudState::let_processes_die).await);
    for (event, name) in events.iter().zip(["again-1", "again-2"]) {
        deliver(cloud.clone(), event, name).await;
    }
    run_as("afterwards", cloud, request).await;
}

fn status(cloud: &FakeCloud, device: &Issued) -> CertificateStatus {
    cloud.state().status(&device.id)
}

fn one_is_active(cloud: &FakeCloud, devices: &[&Issued]) -> Result<(), String> {
    let certificates = cloud.state().certificates;
    let end: Vec<_> = devices.iter().map(|device| certificates.get(&device.id).map(|found| &found.status)).collect();
    let active = end.iter().filter(|status| **status == Some(&Active)).count();
    if active == 1 { Ok(()) } else { Err(format!("{end:?}")) }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// A delivery of the younger one, and a run that finds it on a list: so many random orders, or every order.
fn a_list_has_the_younger_one(reason: RevocationReason, orders: Option<u64>) {
    let runtime = runtime();
    let (fleet, _, new) = runtime.block_on(older_and_younger());
    fleet.publish(2, &[(&new, reason)]);
    let _inside = runtime.enter();
    let (events, request) = ([fleet.event(&new)], request(&fleet));
    let exploration = deliveries(&fleet, &events, &request)
        .actor("run", |cloud| run_as("run", cloud, &request))
        .at_the_end(|cloud| if status(cloud, &new) == Active { Err("ACTIVE".to_owned()) } else { Ok(()) });
    let explored = match orders {
        Some(orders) => exploration.random(0..orders),
        None => exploration.exhaustive(),
    };
    println!("{reason:?}: {explored}");
    explored.assert_holds();
}

#[test]
fn a_list_has_the_younger_one_while_it_takes_the_thing_over() {
    for reason in [KeyCompromise, CertificateHold] {
        a_list_has_the_younger_one(reason, Some(300));
    }
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn a_list_has_the_younger_one_in_every_order() {
    for reason in [KeyCompromise, CertificateHold] {
        a_list_has_the_younger_one(reason, None);
    }
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
        fleet.set_rule(TakeOver::Join);
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
    fleet.set_rule(TakeOver::Join);
    for old in [&one, &two, &three] {
        fleet.connect(old).await.unwrap();
    }
    list(&fleet, 2, &[(&two, CertificateHold)]).await;
    fleet.set_rule(TakeOver::Rotate);
    stop_anywhere(&fleet, &new, async |fleet| {
        list(fleet, 3, &[]).await;
        settle(fleet, &[&new]).await;
        expect(fleet, &[&one, &two, &three, &new], &[Inactive, Inactive, Inactive, Active])
    })
    .await;
}

/// The CA takes a revocation back that met the younger one in the middle of its take-over, and the certificate is deleted
/// and registered again.
#[tokio::test(start_paused = true)]
async fn a_take_over_stops_and_the_younger_one_is_revoked_and_comes_again() {
    let (fleet, old, new) = older_and_younger().await;
    stop_anywhere(&fleet, &new, async |fleet| {
        list(fleet, 2, &[(&new, KeyCompromise)]).await;
        list(fleet, 3, &[]).await;
        fleet.cloud.change(|state| state.delete(&new.id));
        fleet.run(&request(fleet)).await;
        fleet.cloud.register(fleet.id(), &account(), &new.id, &new.pem);
        settle(fleet, &[&new]).await;
        settle(fleet, &[&new, &old]).await;
        expect(fleet, &[&old, &new], &[Inactive, Active])
    })
    .await;
}

/// The thing is the younger one's, and nothing tells that it replaces anybody.
#[tokio::test(start_paused = true)]
async fn a_take_over_stops_and_the_row_of_the_younger_one_is_lost() {
    let (fleet, old, new) = older_and_younger().await;
    let id = fleet.registration_id(&new);
    stop_anywhere(&fleet, &new, async |fleet| {
        if fleet.status(&new) != PendingActivation {
            return Ok(());
        }
        fleet.cloud.remove_registrations(|row| *row == id);
        settle(fleet, &[&new]).await;
        settle(fleet, &[&new, &old]).await;
        expect(fleet, &[&old, &new], &[Inactive, Active])
    })
    .await;
}

/// Both were let in by `join`, and the thing was made for the older one. It comes again under `rotate`.
#[tokio::test(start_paused = true)]
async fn the_older_one_comes_again_beside_the_younger_one() {
    let (fleet, old, new) = older_and_younger().await;
    fleet.set_rule(TakeOver::Join);
    fleet.connect(&new).await.unwrap();
    assert_eq!(statuses(&fleet, &[&old, &new]), [Active, Active]);
    fleet.cloud.change(|state| state.delete(&old.id));
    fleet.set_rule(TakeOver::Rotate);
    fleet.run(&request(&fleet)).await;
    fleet.cloud.register(fleet.id(), &account(), &old.id, &old.pem);
    settle(&fleet, &[&old, &new]).await;
    assert_eq!(statuses(&fleet, &[&old, &new]), [PendingActivation, Active]);
}

/// The other takes the place of one, which is deleted and comes again; its delivery crosses an ordinary run, and one of them
/// may die.
#[test]
fn one_of_equal_age_comes_again_and_crosses_a_run() {
    let runtime = runtime();
    let (fleet, one, other) = runtime.block_on(async {
        let fleet = fleet().await;
        let (one, other) = (fleet.device_of_age("pump-1", 10), fleet.device_of_age("pump-1", 10));
        fleet.connect(&one).await.unwrap();
        fleet.connect(&other).await.unwrap();
        assert_eq!(statuses(&fleet, &[&one, &other]), [Inactive, Active]);
        fleet.cloud.change(|state| state.delete(&one.id));
        fleet.cloud.register(fleet.id(), &account(), &one.id, &one.pem);
        fleet.run(&request(&fleet)).await;
        (fleet, one, other)
    });
    let _inside = runtime.enter();
    let (events, request) = ([fleet.event(&one)], request(&fleet));
    let explored = deliveries(&fleet, &events, &request)
        .actor("run", |cloud| run_as("run", cloud, &request))
        .faults_of(1, &[InjectedFault::DiedAfter])
        .at_the_end(|cloud| one_is_active(cloud, &[&one, &other]))
        .exhaustive();
    println!("{explored}");
    explored.assert_holds();
}

/// The younger one is deleted after its take-over has stopped, registered again and delivered, while a run looks at the
/// older one and finds nobody who will come in.
#[test]
fn a_take_over_stops_and_the_younger_one_comes_again_while_a_run_looks() {
    let runtime = runtime();
    let (fleet, old, new) = runtime.block_on(async {
        let (fleet, old, new) = older_and_younger().await;
        let at = mark_of(&fleet, &new).await;
        fleet.cloud.plan(at, InjectedFault::DiedAfter);
        // Whoever has died never ends.
        let _ = timeout(MAX_TIME, fleet.connect(&new)).await;
        fleet.cloud.plan_nothing();
        fleet.cloud.let_processes_die();
        assert!(fleet.row(&old).superseded_by.is_some(), "it died after it marked the older one");
        (fleet, old, new)
    });
    let _inside = runtime.enter();
    let (event, request) = (fleet.event(&new), request(&fleet));
    let events = [fleet.event(&old), event.clone()];
    let explored = deliveries(&fleet, &[], &request)
        .actor("younger", |cloud| {
            let (fleet, new, event) = (&fleet, &new, &event);
            async move {
                operator::delete(&cloud, &new.id).await;
                operator::register(&cloud, fleet.id(), new).await;
                deliver(cloud, event, "younger").await;
            }
        })
        .actor("run", |cloud| run_as("run", cloud, &request))
        .afterwards(|cloud| again(cloud, &events, &request))
        .at_the_end(|cloud| one_is_active(cloud, &[&old, &new]))
        .exhaustive();
    println!("{explored}");
    explored.assert_holds();
}

/// The call, counted from now, with which a newcomer marks whom it replaces: the last write before it is attached.
async fn mark_of(fleet: &Fleet, newcomer: &Issued) -> usize {
    let probe = fleet.fork();
    let begun = probe.cloud.calls().len();
    probe.connect(newcomer).await.unwrap();
    let calls = &probe.cloud.calls()[begun..];
    let attached = calls.iter().position(|call| *call == "iot:AttachThingPrincipal").unwrap();
    calls[..attached].iter().rposition(|call| *call == "dynamodb:UpdateItem").unwrap()
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
        let probe = fleet.fork();
        let begun = probe.cloud.calls().len();
        probe.connect(&one).await.unwrap();
        let at = probe.cloud.calls()[begun..].iter().position(|call| *call == "iot:UpdateThing").unwrap();
        fleet.cloud.plan(at, InjectedFault::DiedAfter);
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
