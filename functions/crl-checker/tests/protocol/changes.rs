//! What a new CRL changes.

use std::time::Duration;

use crl_checker::{Changes, Outcome, Request};
use shared::decision::{Decision, Reason};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise, RemoveFromCrl, Superseded, Unspecified};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};

use shared::testing::{InjectedFault, World};

use crate::stage::{SOURCE, Stage, run, run_for};

#[tokio::test(start_paused = true)]
async fn a_revoked_device_is_out_and_its_session_is_ended() {
    let stage = Stage::new().await;
    let (device, other) = (stage.inside("pump-1").await, stage.inside("pump-2").await);
    stage.world.change(|state| state.connected.insert("pump-1".to_owned(), device.id.clone()));
    stage.publish(2, &[(&device, KeyCompromise)]);
    let report = stage.sweep().await;
    assert_eq!(report.changes, Changes { revoked: 1, sessions_ended: 1, ..Changes::default() });
    assert_eq!(report.sources[0].outcome, Outcome::Published);
    assert_eq!((report.sources[0].added, report.sources[0].entries), (1, Some(1)));
    assert_eq!((stage.status(&device), stage.status(&other)), (Revoked, Active));
    let row = stage.row(&device);
    assert_eq!((row.decision, row.reason), (Decision::Revoked, Reason::CertificateRevoked));
    assert_eq!((row.revocation_reason, row.revoked_at.is_some()), (Some(KeyCompromise), true));
    assert_eq!(row.crl_number.unwrap().to_string(), "2");
    assert!(stage.world.state().connected.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hold_comes_and_goes() {
    let stage = Stage::new().await;
    let device = stage.inside("pump-1").await;
    for round in 0..2 {
        stage.publish(2 + 2 * round, &[(&device, CertificateHold)]);
        assert_eq!(stage.sweep().await.changes.held, 1);
        assert_eq!((stage.status(&device), stage.row(&device).decision), (Inactive, Decision::Held));
        stage.publish(3 + 2 * round, &[]);
        assert_eq!(stage.sweep().await.changes.released, 1);
        let row = stage.row(&device);
        assert_eq!(
            (stage.status(&device), row.decision, row.reason),
            (Active, Decision::Activated, Reason::HoldReleased)
        );
        assert_eq!(row.held_at, None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_takes_a_hold_back_releases_it() {
    let stage = Stage::new().await;
    let device = stage.inside("pump-1").await;
    stage.publish(2, &[(&device, CertificateHold)]);
    stage.sweep().await;
    stage.publish(3, &[(&device, RemoveFromCrl)]);
    stage.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    assert_eq!(stage.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn a_hold_becomes_a_revocation_but_never_the_other_way_round() {
    let stage = Stage::new().await;
    let device = stage.inside("pump-1").await;
    stage.publish(2, &[(&device, CertificateHold)]);
    stage.sweep().await;
    stage.publish(3, &[(&device, Superseded)]);
    stage.sweep().await;
    assert_eq!(stage.status(&device), Revoked);
    stage.publish(4, &[(&device, CertificateHold)]);
    stage.sweep().await;
    stage.publish(5, &[]);
    stage.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    assert_eq!((stage.status(&device), stage.row(&device).decision), (Revoked, Decision::Revoked));
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_switched_off_stays_off() {
    let stage = Stage::new().await;
    let device = stage.inside("pump-1").await;
    stage.world.change(|state| state.certificates.get_mut(&device.id).unwrap().status = Inactive);
    stage.publish(2, &[(&device, CertificateHold)]);
    stage.sweep().await;
    stage.publish(3, &[]);
    stage.sweep().await;
    stage.reconcile().await;
    assert_eq!((stage.status(&device), stage.row(&device).decision), (Inactive, Decision::Activated));
}

#[tokio::test(start_paused = true)]
async fn a_listed_newcomer_never_gets_in() {
    let stage = Stage::new().await;
    let (revoked, held) = (stage.device("pump-1"), stage.device("pump-2"));
    stage.publish(2, &[(&revoked, Unspecified), (&held, CertificateHold)]);
    assert_eq!(stage.sweep().await.changes, Changes::default());
    assert!(stage.knock(&revoked).await && stage.knock(&held).await);
    assert_eq!((stage.status(&revoked), stage.status(&held)), (Revoked, Inactive));
    assert!(!stage.world.state().things.contains_key(&"pump-1".parse().unwrap()));
    // The hold ends: thing and policy are there already.
    stage.publish(3, &[(&revoked, Unspecified)]);
    assert_eq!(stage.sweep().await.changes.released, 1);
    assert_eq!(stage.status(&held), Active);
    assert!(stage.world.state().things[&"pump-2".parse().unwrap()].principals.len() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_on_hold_does_not_take_a_name_over() {
    let stage = Stage::new().await;
    stage.inside("pump-1").await;
    let second = stage.device("pump-1");
    stage.publish(2, &[(&second, CertificateHold)]);
    stage.sweep().await;
    assert!(stage.knock(&second).await);
    assert_eq!((stage.status(&second), stage.row(&second).decision), (PendingActivation, Decision::Held));
    stage.publish(3, &[]);
    stage.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    assert_eq!(stage.status(&second), PendingActivation);
    stage.knock(&second).await;
    assert_eq!(stage.row(&second).reason, Reason::ThingTaken);
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_crl_moves_the_time_of_the_check_only() {
    let stage = Stage::new().await;
    let before = stage.crl_state();
    let calls = stage.world.calls().len();
    let report = stage.sweep().await;
    assert_eq!(report.sources[0].outcome, Outcome::Unchanged);
    let after = stage.crl_state();
    assert!(before.checked_at < after.checked_at);
    assert_eq!(shared::revocation::CrlState { checked_at: before.checked_at, ..after }, before);
    // The CAs, the profile, the states; the start of the snapshot, the time of the check; whether a comparison is due.
    assert_eq!(stage.world.calls().len() - calls, 6, "{:?}", stage.world.calls());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_what_a_run_would_do_and_changes_nothing() {
    let stage = Stage::new().await;
    let (revoked, held, released) =
        (stage.inside("pump-1").await, stage.inside("pump-2").await, stage.inside("pump-3").await);
    stage.publish(2, &[(&released, CertificateHold)]);
    stage.sweep().await;
    stage.publish(3, &[(&revoked, KeyCompromise), (&held, CertificateHold)]);
    let before = stage.world.state();
    let dry = stage.run(&Request { dry_run: true, ..Request::default() }).await;
    assert_eq!(stage.world.state(), before);
    assert_eq!((dry.changes.revoked, dry.changes.held), (1, 1));
    assert_eq!((dry.sources[0].added, dry.sources[0].removed), (2, 1));
    let wet = stage.sweep().await;
    assert_eq!((wet.changes.revoked, wet.changes.held, wet.changes.released), (1, 1, 1));
    assert_eq!((wet.sources[0].added, wet.sources[0].removed), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reconciliation_finds_what_no_difference_shows() {
    let stage = Stage::new().await;
    let (revoked, held) = (stage.inside("pump-1").await, stage.inside("pump-2").await);
    stage.publish(2, &[(&revoked, KeyCompromise), (&held, CertificateHold)]);
    stage.sweep().await;
    // As if an activation had been cut short after ACTIVE, or had been made without a CRL.
    stage.world.change(|state| {
        state.certificates.get_mut(&held.id).unwrap().status = Active;
        let certificate = state.certificates.get_mut(&revoked.id).unwrap();
        certificate.status = Active;
        let row = &mut state.rows.get_mut(&stage.registration(&revoked)).unwrap().registration;
        row.decision = Decision::Activated;
        row.revoked_at = None;
    });
    assert_eq!(stage.sweep().await.changes, Changes::default());
    let report = stage.reconcile().await;
    assert_eq!((report.reconciled, report.changes.revoked, report.changes.held), (Some(2), 1, 1));
    assert_eq!((stage.status(&revoked), stage.status(&held)), (Revoked, Inactive));
    assert_eq!(stage.reconcile().await.changes, Changes::default());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_left_the_profile_holds_nobody_any_more() {
    let stage = Stage::new().await;
    let device = stage.inside("pump-1").await;
    stage.publish(2, &[(&device, CertificateHold)]);
    stage.sweep().await;
    assert_eq!(stage.status(&device), Inactive);
    stage.world.change(|state| {
        let profile = state.profiles.get_mut(stage.authority.id()).unwrap();
        profile.crl_sources = vec!["https://crl.example.com/second.crl".parse().unwrap()];
    });
    stage.publish(3, &[]);
    stage.reconcile().await;
    assert_eq!(stage.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_one_certificate_does_not_keep_another_in() {
    let stage = Stage::new().await;
    let devices = [stage.inside("pump-1").await, stage.inside("pump-2").await];
    stage.publish(2, &[(&devices[0], KeyCompromise), (&devices[1], KeyCompromise)]);
    let start = stage.world.state();
    let revoked = |world: &World| {
        let certificates = world.state().certificates;
        devices.iter().filter(|device| certificates[&device.id].status == Revoked).count()
    };
    let mut met = 0;
    for n in 0..30 {
        let world = World::new(start.clone());
        world.plan(n, InjectedFault::Refused);
        let report = run(&world, &stage.shelf, &Request::default()).await;
        if !matches!(world.calls().get(n), Some(&"iot:UpdateCertificate" | &"iot:DeleteConnection")) {
            continue;
        }
        met += 1;
        assert_eq!(report.unwrap().sources[0].outcome, Outcome::Failed);
        let expected = if world.calls()[n] == "iot:UpdateCertificate" { 1 } else { 2 };
        assert_eq!(revoked(&world), expected, "{:?}", world.calls());
        assert!(world.state().crl_states.values().all(|state| !state.is_settled()));
        run(&world, &stage.shelf, &Request::default()).await.unwrap();
        assert_eq!(revoked(&world), 2);
        assert!(world.state().crl_states.values().all(shared::revocation::CrlState::is_settled));
    }
    assert_eq!(met, 4, "two certificates, two calls");
}

#[tokio::test(start_paused = true)]
async fn a_run_stops_at_its_deadline_and_the_next_one_goes_on() {
    let stage = Stage::new().await;
    let mut devices = Vec::new();
    for n in 0..6 {
        devices.push(stage.inside(&format!("pump-{n}")).await);
    }
    stage.publish(2, &devices.iter().map(|device| (device, KeyCompromise)).collect::<Vec<_>>());
    let revoked = || devices.iter().filter(|device| stage.status(device) == Revoked).count();
    // A call of AWS IoT takes a second of the paused clock.
    let short = Duration::from_secs(4);
    let report = run_for(short, &stage.world, &stage.shelf, &Request::default()).await.unwrap();
    assert_eq!((report.sources[0].outcome, report.finished), (Outcome::Postponed, false));
    let first = revoked();
    assert!((1..6).contains(&first), "{first} of 6");
    assert_eq!(report.changes.revoked, first as u64);
    assert!(stage.crl_state().unapplied().is_some());

    let report = stage.sweep().await;
    assert_eq!((report.sources[0].outcome, report.finished), (Outcome::Unchanged, true));
    assert_eq!((revoked(), report.changes.revoked), (6, 6 - first as u64));
    assert!(stage.crl_state().unapplied().is_none());

    let report = run_for(Duration::ZERO, &stage.world, &stage.shelf, &Request::default()).await.unwrap();
    assert_eq!((report.sources[0].outcome, report.finished), (Outcome::Postponed, false));
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_was_cut_short_ends_all_the_same() {
    let stage = Stage::new().await;
    let (inside, marked) = (stage.inside("pump-1").await, stage.device("pump-2"));
    stage.publish(2, &[(&inside, CertificateHold)]);
    stage.sweep().await;
    stage.publish(3, &[]);
    stage.sweep().await;
    // The run died before it wrote when it had held the first; the second was marked on its way in, and switched off by
    // an operator since.
    stage.publish(4, &[(&marked, CertificateHold)]);
    stage.sweep().await;
    stage.knock(&marked).await;
    stage.publish(5, &[]);
    stage.sweep().await;
    stage.world.change(|state| {
        for device in [&inside, &marked] {
            state.certificates.get_mut(&device.id).unwrap().status = Inactive;
            let row = &mut state.rows.get_mut(&stage.registration(device)).unwrap().registration;
            (row.decision, row.held_at) = (Decision::Held, None);
        }
        state.rows.get_mut(&stage.registration(&marked)).unwrap().registration.activated_at = None;
    });
    stage.reconcile().await;
    assert_eq!((stage.status(&inside), stage.status(&marked)), (Active, Inactive));
}

#[tokio::test(start_paused = true)]
async fn the_source_unchecked_for_longest_comes_first_and_the_rest_waits_for_the_next_run() {
    let stage = Stage::new().await;
    let second = "https://crl.example.com/second.crl";
    stage.world.change(|state| {
        let profile = state.profiles.get_mut(stage.authority.id()).unwrap();
        profile.crl_sources.push(second.parse().unwrap());
    });
    let report = stage.sweep().await;
    let order: Vec<&str> = report.sources.iter().map(|source| source.source.as_ref().unwrap().as_str()).collect();
    assert_eq!(order, [second, SOURCE]);
}
