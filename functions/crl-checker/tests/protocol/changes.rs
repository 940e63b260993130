//! What a new CRL changes.

use std::time::Duration;

use crl_checker::{Changes, Outcome, Request};
use shared::decision::{Decision, Reason};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise, RemoveFromCrl, Superseded, Unspecified};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};

use shared::testing::{FakeCloud, InjectedFault};

use actors::Fleet;
use actors::checking::{SOURCE, run, run_for};

#[tokio::test(start_paused = true)]
async fn a_revoked_device_is_out_and_its_session_is_ended() {
    let fleet = Fleet::with_crl().await;
    let (device, other) = (fleet.inside("pump-1").await, fleet.inside("pump-2").await);
    fleet.cloud.open_session("pump-1", &device.id);
    fleet.publish(2, &[(&device, KeyCompromise)]);
    let report = fleet.sync().await;
    assert_eq!(report.changes, Changes { revoked: 1, sessions_ended: 1, ..Changes::default() });
    assert_eq!(report.sources[0].outcome, Outcome::Published);
    assert_eq!((report.sources[0].added, report.sources[0].entries), (1, Some(1)));
    assert_eq!((fleet.status(&device), fleet.status(&other)), (Revoked, Active));
    let row = fleet.row(&device);
    assert_eq!((row.decision, row.reason), (Decision::Revoked, Reason::CertificateRevoked));
    assert_eq!((row.revocation_reason, row.revoked_at.is_some()), (Some(KeyCompromise), true));
    assert_eq!(row.crl_number.unwrap().to_string(), "2");
    assert!(fleet.cloud.state().connected.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hold_comes_and_goes() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    for round in 0..2 {
        fleet.publish(2 + 2 * round, &[(&device, CertificateHold)]);
        assert_eq!(fleet.sync().await.changes.held, 1);
        assert_eq!((fleet.status(&device), fleet.row(&device).decision), (Inactive, Decision::Held));
        fleet.publish(3 + 2 * round, &[]);
        assert_eq!(fleet.sync().await.changes.released, 1);
        let row = fleet.row(&device);
        assert_eq!(
            (fleet.status(&device), row.decision, row.reason),
            (Active, Decision::Activated, Reason::HoldReleased)
        );
        assert_eq!(row.held_at, None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_takes_a_hold_back_releases_it() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.sync().await;
    fleet.publish(3, &[(&device, RemoveFromCrl)]);
    fleet.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn a_hold_becomes_a_revocation_but_never_the_other_way_round() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.sync().await;
    fleet.publish(3, &[(&device, Superseded)]);
    fleet.sync().await;
    assert_eq!(fleet.status(&device), Revoked);
    fleet.publish(4, &[(&device, CertificateHold)]);
    fleet.sync().await;
    fleet.publish(5, &[]);
    fleet.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    assert_eq!((fleet.status(&device), fleet.row(&device).decision), (Revoked, Decision::Revoked));
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_switched_off_stays_off() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.set_status(&device, Inactive);
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.sync().await;
    fleet.publish(3, &[]);
    fleet.sync().await;
    fleet.reconcile().await;
    assert_eq!((fleet.status(&device), fleet.row(&device).decision), (Inactive, Decision::NotPending));
    assert!(fleet.row(&device).switched_off_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_listed_newcomer_never_gets_in() {
    let fleet = Fleet::with_crl().await;
    let (revoked, held) = (fleet.device("pump-1"), fleet.device("pump-2"));
    fleet.publish(2, &[(&revoked, Unspecified), (&held, CertificateHold)]);
    assert_eq!(fleet.sync().await.changes, Changes::default());
    assert!(fleet.connect(&revoked).await.is_ok() && fleet.connect(&held).await.is_ok());
    assert_eq!((fleet.status(&revoked), fleet.status(&held)), (Revoked, Inactive));
    assert!(!fleet.cloud.state().things.contains_key(&"pump-1".parse().unwrap()));
    // The hold ends: thing and policy are there already.
    fleet.publish(3, &[(&revoked, Unspecified)]);
    assert_eq!(fleet.sync().await.changes.released, 1);
    assert_eq!(fleet.status(&held), Active);
    assert!(fleet.cloud.state().things[&"pump-2".parse().unwrap()].principals.len() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_on_hold_does_not_take_a_name_over() {
    let fleet = Fleet::with_crl().await;
    fleet.inside("pump-1").await;
    let second = fleet.device("pump-1");
    fleet.publish(2, &[(&second, CertificateHold)]);
    fleet.sync().await;
    assert!(fleet.connect(&second).await.is_ok());
    assert_eq!((fleet.status(&second), fleet.row(&second).decision), (PendingActivation, Decision::Held));
    fleet.publish(3, &[]);
    fleet.run(&Request { accept_shrunk: true, ..Request::default() }).await;
    assert_eq!(fleet.status(&second), PendingActivation);
    let _ = fleet.connect(&second).await;
    assert_eq!(fleet.row(&second).reason, Reason::ThingTaken);
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_crl_moves_the_time_of_the_check_only() {
    let fleet = Fleet::with_crl().await;
    let before = fleet.crl_state();
    let calls = fleet.cloud.calls().len();
    let report = fleet.sync().await;
    assert_eq!(report.sources[0].outcome, Outcome::Unchanged);
    let after = fleet.crl_state();
    assert!(before.checked_at < after.checked_at);
    assert_eq!(shared::revocation::CrlState { checked_at: before.checked_at, ..after }, before);
    // The CAs, the profile, the states; the start of the snapshot, the source, the time of the check; what is not
    // confirmed; whether a comparison is due.
    assert_eq!(fleet.cloud.calls().len() - calls, 8, "{:?}", fleet.cloud.calls());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_what_a_run_would_do_and_changes_nothing() {
    let fleet = Fleet::with_crl().await;
    let (revoked, held, released) =
        (fleet.inside("pump-1").await, fleet.inside("pump-2").await, fleet.inside("pump-3").await);
    fleet.publish(2, &[(&released, CertificateHold)]);
    fleet.sync().await;
    fleet.cloud.open_session("pump-1", &revoked.id);
    fleet.publish(3, &[(&revoked, KeyCompromise), (&held, CertificateHold)]);
    let before = fleet.cloud.state();
    let dry = run(&fleet.cloud, &Request { dry_run: true, ..Request::default() }).await.unwrap();
    assert_eq!(fleet.cloud.state(), before);
    assert_eq!(dry.changes, Changes { held: 1, released: 1, revoked: 1, sessions_ended: 1, ..Changes::default() });
    assert_eq!((dry.sources[0].added, dry.sources[0].removed), (2, 1));
    let mut named: Vec<_> =
        dry.certificates.iter().map(|named| (named.thing_name.clone().unwrap().to_string(), named)).collect();
    named.sort_by(|(one, _), (other, _)| one.cmp(other));
    let told = named
        .into_iter()
        .map(|(thing, named)| (thing, named.from.clone().unwrap(), named.to.clone().unwrap(), named.reason));
    let expected = [
        ("pump-1", Active, Revoked, Reason::CertificateRevoked),
        ("pump-2", Active, Inactive, Reason::CertificateHold),
        ("pump-3", Inactive, Active, Reason::HoldReleased),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected.map(|(thing, from, to, why)| (thing.to_owned(), from, to, why)));
    // The rehearsal within tells the same.
    fleet.sync().await;
    assert_eq!([&revoked, &held, &released].map(|device| fleet.status(device)), [Revoked, Inactive, Active]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_that_accepts_a_shrunk_list_tells_the_releases() {
    let fleet = Fleet::with_crl().await;
    let devices = [fleet.inside("pump-1").await, fleet.inside("pump-2").await];
    fleet.publish(2, &devices.each_ref().map(|device| (device, CertificateHold)));
    fleet.sync().await;
    fleet.publish(3, &[]);
    let accepting = Request { accept_shrunk: true, ..Request::default() };
    assert_eq!(fleet.rehearse(&accepting).await.changes.released, 2);
    assert_eq!(fleet.run(&accepting).await.changes.released, 2);
}

#[tokio::test(start_paused = true)]
async fn no_session_is_counted_where_there_was_none() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, KeyCompromise)]);
    assert_eq!(fleet.sync().await.changes, Changes { revoked: 1, ..Changes::default() });
}

#[tokio::test(start_paused = true)]
async fn a_reconciliation_finds_what_no_difference_shows() {
    let fleet = Fleet::with_crl().await;
    let (revoked, held) = (fleet.inside("pump-1").await, fleet.inside("pump-2").await);
    fleet.publish(2, &[(&revoked, KeyCompromise), (&held, CertificateHold)]);
    fleet.sync().await;
    // As if an activation had been cut short after ACTIVE, or had been made without a CRL.
    fleet.cloud.change(|state| {
        state.certificates.get_mut(&held.id).unwrap().status = Active;
        let certificate = state.certificates.get_mut(&revoked.id).unwrap();
        certificate.status = Active;
    });
    fleet.cloud.change_registration(&fleet.registration_id(&revoked), |row| {
        row.revocation_reason = None;
        row.status = Some(Active);
    });
    assert_eq!(fleet.sync().await.changes, Changes::default());
    let report = fleet.reconcile().await;
    assert_eq!((report.reconciled, report.changes.revoked, report.changes.held), (Some(2), 1, 1));
    assert_eq!((fleet.status(&revoked), fleet.status(&held)), (Revoked, Inactive));
    assert_eq!(fleet.reconcile().await.changes, Changes::default());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_left_the_profile_holds_nobody_any_more() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, CertificateHold)]);
    fleet.sync().await;
    assert_eq!(fleet.status(&device), Inactive);
    fleet.cloud.change_profile(fleet.id(), |profile| {
        profile.crl_sources = vec!["https://crl.example.com/second.crl".parse().unwrap()];
    });
    fleet.cloud.publish_crl(&"https://crl.example.com/second.crl".parse().unwrap(), fleet.crl(3, &[]));
    fleet.reconcile().await;
    assert_eq!(fleet.status(&device), Active);
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_one_certificate_does_not_keep_another_in() {
    let fleet = Fleet::with_crl().await;
    let devices = [fleet.inside("pump-1").await, fleet.inside("pump-2").await];
    fleet.publish(2, &[(&devices[0], KeyCompromise), (&devices[1], KeyCompromise)]);
    let start = fleet.cloud.state();
    let revoked = |cloud: &FakeCloud| {
        let certificates = cloud.state().certificates;
        devices.iter().filter(|device| certificates[&device.id].status == Revoked).count()
    };
    let mut met = 0;
    for n in 0..30 {
        let cloud = FakeCloud::new(start.clone());
        cloud.plan(n, InjectedFault::Refused);
        let report = run(&cloud, &Request::default()).await;
        if !matches!(cloud.calls().get(n), Some(&"iot:UpdateCertificate" | &"iot:DeleteConnection")) {
            continue;
        }
        met += 1;
        assert_eq!(report.unwrap().sources[0].outcome, Outcome::Failed);
        // What is left unconfirmed has its second turn at the end of the run.
        assert_eq!(revoked(&cloud), 2, "{:?}", cloud.calls());
        assert!(cloud.crl_states(fleet.id()).iter().all(|state| !state.is_settled()));
        run(&cloud, &Request::default()).await.unwrap();
        assert_eq!(revoked(&cloud), 2);
        assert!(cloud.crl_states(fleet.id()).iter().all(shared::revocation::CrlState::is_settled));
    }
    assert_eq!(met, 4, "two certificates, two calls");
}

#[tokio::test(start_paused = true)]
async fn a_run_stops_at_its_deadline_and_the_next_one_goes_on() {
    let fleet = Fleet::with_crl().await;
    let mut devices = Vec::new();
    for n in 0..6 {
        devices.push(fleet.inside(&format!("pump-{n}")).await);
    }
    fleet.publish(2, &devices.iter().map(|device| (device, KeyCompromise)).collect::<Vec<_>>());
    let revoked = || devices.iter().filter(|device| fleet.status(device) == Revoked).count();
    // A call of AWS IoT takes a second of the paused clock.
    let short = Duration::from_secs(4);
    let report = run_for(short, &fleet.cloud, &Request::default()).await.unwrap();
    assert_eq!((report.sources[0].outcome, report.finished), (Outcome::Postponed, false));
    let first = revoked();
    assert!((1..6).contains(&first), "{first} of 6");
    assert_eq!(report.changes.revoked, first as u64);
    assert!(fleet.crl_state().unapplied().is_some());

    let report = fleet.sync().await;
    assert_eq!((report.sources[0].outcome, report.finished), (Outcome::Unchanged, true));
    assert_eq!((revoked(), report.changes.revoked), (6, 6 - first as u64));
    assert!(fleet.crl_state().unapplied().is_none());

    let report = run_for(Duration::ZERO, &fleet.cloud, &Request::default()).await.unwrap();
    assert_eq!((report.sources[0].outcome, report.finished), (Outcome::Postponed, false));
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_was_cut_short_ends_all_the_same() {
    let fleet = Fleet::with_crl().await;
    let (inside, marked) = (fleet.inside("pump-1").await, fleet.device("pump-2"));
    fleet.publish(2, &[(&inside, CertificateHold)]);
    fleet.sync().await;
    fleet.publish(3, &[]);
    fleet.sync().await;
    // The run died before it wrote when it had held the first; the second was marked on its way in, and switched off by
    // an operator since.
    fleet.publish(4, &[(&marked, CertificateHold)]);
    fleet.sync().await;
    let _ = fleet.connect(&marked).await;
    fleet.publish(5, &[]);
    fleet.sync().await;
    fleet.cloud.change(|state| {
        for device in [&inside, &marked] {
            state.set_status(&device.id, Inactive);
        }
    });
    fleet.cloud.change_registration(&fleet.registration_id(&inside), |row| {
        row.revocation_reason = Some(CertificateHold);
        row.status = Some(Inactive);
    });
    fleet.reconcile().await;
    assert_eq!((fleet.status(&inside), fleet.status(&marked)), (Active, Inactive));
}

#[tokio::test(start_paused = true)]
async fn the_source_unchecked_for_longest_comes_first_and_the_rest_waits_for_the_next_run() {
    let fleet = Fleet::with_crl().await;
    let second = "https://crl.example.com/second.crl";
    fleet.cloud.change_profile(fleet.id(), |profile| profile.crl_sources.push(second.parse().unwrap()));
    let report = fleet.sync().await;
    let order: Vec<&str> = report.sources.iter().map(|source| source.source.as_ref().unwrap().as_str()).collect();
    assert_eq!(order, [second, SOURCE]);
}
