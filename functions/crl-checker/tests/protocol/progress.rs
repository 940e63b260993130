//! Lists that take more than one run, and lists that are longer than the fleet: what they cost, and where they go on.

use std::time::Duration;

use crl_checker::{Limits, Portions, Report, Request};
use proptest::prelude::*;
use shared::fault::Fault;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise, Unspecified};
use shared::port::CertificateStatus::{Active, Inactive, Revoked};
use shared::registration::RegistrationId;
use shared::testing::{FakeCloud, InjectedFault, Issued, NewCrl};

use actors::Fleet;
use actors::checking::{Published, limits, run_with, serial_bytes};

/// Limits under which a handful of certificates is a long list.
fn small(few: u64) -> Limits {
    Limits { portions: Portions { checkpoint: 2, few, rows: 3, window: 3 }, ..limits() }
}

async fn run_small(fleet: &Fleet, few: u64, time: Duration) -> Report {
    try_small(fleet, few, time).await.unwrap()
}

async fn try_small(fleet: &Fleet, few: u64, time: Duration) -> Result<Report, Fault> {
    run_with(small(few), time, &fleet.cloud, Published(fleet.cloud.clone()), &Request::default()).await
}

fn count(cloud: &FakeCloud, from: usize, name: &str) -> usize {
    cloud.calls()[from..].iter().filter(|call| **call == name).count()
}

/// Rows of certificates that nobody lists. A scan reads ten of them.
fn fill(cloud: &FakeCloud, like: &RegistrationId, rows: u64) {
    cloud.change(|state| state.rows_of_a_scan = Some(10));
    for n in 1..=rows {
        cloud.copy_registration(like, &format!("{:x}", (1_u64 << 40) + n).parse().unwrap());
    }
}

/// A first list of so many strangers, and two of the registered devices, with so many other rows; the requests for rows.
async fn requests_for_rows(list: u64, others: u64) -> usize {
    let fleet = Fleet::with_crl().await;
    let (revoked, held) = (fleet.inside("pump-1").await, fleet.inside("pump-2").await);
    fill(&fleet.cloud, &fleet.registration_id(&revoked), others);
    let strangers = (1..=list).map(|n| ((n << 20).to_be_bytes().to_vec(), Unspecified));
    let own = [(serial_bytes(&revoked), KeyCompromise), (serial_bytes(&held), CertificateHold)];
    fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(2, fleet.now), strangers.chain(own)));
    let begun = fleet.cloud.calls().len();
    let limits = Limits { portions: Portions { few: 100, ..Portions::default() }, ..limits() };
    let time = Duration::from_mins(10);
    let report =
        run_with(limits, time, &fleet.cloud, Published(fleet.cloud.clone()), &Request::default()).await.unwrap();
    assert!(report.finished && fleet.crl_state().is_settled(), "{report:?}");
    assert_eq!((fleet.status(&revoked), fleet.status(&held)), (Revoked, Inactive));
    assert_eq!((report.sources[0].added, report.changes.revoked, report.changes.held), (list + 2, 1, 1));
    count(&fleet.cloud, begun, "dynamodb:Scan") + count(&fleet.cloud, begun, "dynamodb:BatchGetItem")
}

#[tokio::test(start_paused = true)]
async fn the_cost_is_in_proportion_to_the_smaller_of_list_and_fleet() {
    // A scan of the fake reads 10 rows; a batch reads 100 entries.
    let few_rows = requests_for_rows(20_000, 28).await;
    assert!(few_rows <= 5, "{few_rows} requests for 30 rows");
    assert_eq!(requests_for_rows(40_000, 28).await, few_rows, "the list does not count");
    let few_entries = requests_for_rows(998, 400).await;
    assert!(few_entries <= 2 * 10 + 2, "{few_entries} requests for 1,000 entries");
    assert_eq!(requests_for_rows(998, 800).await, few_entries, "the fleet does not count");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_takes_several_runs_goes_on_where_it_stopped() {
    for few in [0, 1_000] {
        let fleet = Fleet::with_crl().await;
        let mut devices = Vec::new();
        for n in 0..20 {
            devices.push(fleet.inside(&format!("pump-{n}")).await);
        }
        fleet.publish(2, &devices.iter().map(|device| (device, KeyCompromise)).collect::<Vec<_>>());
        let begun = fleet.cloud.calls().len();
        let mut runs = 0;
        let mut before = None;
        while !fleet.crl_state().is_settled() || runs == 0 {
            let report = run_small(&fleet, few, Duration::from_secs(7)).await;
            let progress = fleet.crl_state().progress;
            assert!(report.finished || progress != before, "no progress from {before:?}");
            before = progress;
            runs += 1;
            assert!(runs <= 10, "{runs} runs");
        }
        assert!(runs >= 4, "{runs} runs");
        assert!(devices.iter().all(|device| fleet.status(device) == Revoked));
        assert_eq!(count(&fleet.cloud, begun, "iot:UpdateCertificate"), 20, "each of them once");
        // One at the beginning of each run, and one for each part: nothing is looked up from the beginning again.
        let requests = count(&fleet.cloud, begun, "dynamodb:BatchGetItem");
        assert!(requests <= runs + 10, "{requests} requests in {runs} runs");
    }
}

#[tokio::test(start_paused = true)]
async fn crls_that_come_faster_than_they_are_carried_out_do_not_stop_the_progress() {
    for few in [0, 1_000] {
        let fleet = Fleet::with_crl().await;
        let mut devices = Vec::new();
        for n in 0..16 {
            devices.push(fleet.inside(&format!("pump-{n}")).await);
        }
        let mut applied = fleet.crl_state().applied;
        let mut moved = 0;
        for n in 0..16 {
            let listed: Vec<_> = devices.iter().take(n + 1).map(|device| (device, KeyCompromise)).collect();
            fleet.publish(2 + n as u64, &listed);
            run_small(&fleet, few, Duration::from_secs(4)).await;
            let now = fleet.crl_state().applied;
            moved += usize::from(now != applied);
            applied = now;
        }
        assert!(moved >= 3, "{moved} lists were carried out");
        let revoked = devices.iter().filter(|device| fleet.status(device) == Revoked).count();
        assert!(revoked >= 8, "{revoked} were revoked");
        run_small(&fleet, few, Duration::from_mins(9)).await;
        assert!(fleet.crl_state().is_settled() && devices.iter().all(|device| fleet.status(device) == Revoked));
        // What no state names any more has been removed.
        assert_eq!(fleet.cloud.state().snapshots.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_comparison_goes_on_where_it_stopped_without_being_asked_again() {
    let fleet = Fleet::with_crl().await;
    let mut devices = Vec::new();
    for n in 0..12 {
        devices.push(fleet.inside(&format!("pump-{n}")).await);
    }
    fill(&fleet.cloud, &fleet.registration_id(&devices[0]), 50);
    fleet.publish(2, &devices.iter().map(|device| (device, CertificateHold)).collect::<Vec<_>>());
    fleet.sync().await;
    // As if every hold had been lifted by hand: the comparison looks at each of them in AWS IoT.
    fleet.cloud.change(|state| state.certificates.values_mut().for_each(|certificate| certificate.status = Active));
    let begun = fleet.cloud.calls().len();
    let request = Request { reconcile: true, ..Request::default() };
    let first = run_with(small(0), Duration::from_secs(8), &fleet.cloud, Published(fleet.cloud.clone()), &request)
        .await
        .unwrap();
    assert!(!first.finished && first.reconciled.is_some());
    let mut runs = 1;
    while run_small(&fleet, 0, Duration::from_secs(8)).await.reconciled.is_some() {
        runs += 1;
        assert!(runs < 20);
    }
    assert!(devices.iter().all(|device| fleet.status(device) == Inactive));
    let looks = count(&fleet.cloud, begun, "iot:DescribeCertificate");
    assert!(
        looks <= devices.len() + runs,
        "{looks} looks at {} certificates in {runs} runs: {:?}",
        devices.len(),
        fleet.cloud.calls().split_off(begun)
    );
    assert_eq!(run_small(&fleet, 0, Duration::from_mins(1)).await.reconciled, None, "it has come to its end");
    assert!(fleet.reconcile().await.reconciled.is_some());
}

/// A hold that only a list has which is replaced before its turn comes: no difference takes it back.
#[tokio::test(start_paused = true)]
async fn a_hold_of_a_list_that_was_never_carried_out_ends_with_it() {
    for n in 0..60 {
        let fleet = Fleet::with_crl().await;
        let (held, newcomer) = (fleet.inside("pump-1").await, fleet.device("pump-2"));
        fleet.publish(2, &[(&held, CertificateHold)]);
        fleet.sync().await;
        fleet.publish(3, &[]);
        // A run that has pinned its target, and dies before it has changed anything.
        let clean = fleet.cloud.fork();
        run_with(small(0), Duration::from_mins(3), &clean, Published(clean.clone()), &Request::default())
            .await
            .unwrap();
        let look = clean.calls().iter().position(|call| *call == "dynamodb:BatchGetItem").unwrap();
        fleet.cloud.plan(look, InjectedFault::DiedBefore);
        let _ = tokio::time::timeout(Duration::from_mins(4), try_small(&fleet, 0, Duration::from_mins(3))).await;
        assert!(fleet.crl_state().progress.is_some());
        fleet.publish(4, &[(&held, CertificateHold), (&newcomer, CertificateHold)]);
        fleet.cloud.plan(n, InjectedFault::DiedBefore);
        let _ = tokio::time::timeout(Duration::from_mins(4), try_small(&fleet, 0, Duration::from_mins(3))).await;
        fleet.cloud.plan_nothing();
        let _ = fleet.connect(&newcomer).await;
        fleet.publish(5, &[]);
        settles(&fleet).await;
        let _ = fleet.connect(&newcomer).await;
        assert_eq!((fleet.status(&held), fleet.status(&newcomer)), (Active, Active), "stopped at call {n}");
    }
}

#[derive(Clone, Debug)]
enum Event {
    /// A new CRL, with an entry for each device that has one.
    Publish(Vec<Option<RevocationReason>>),
    /// A run of so many seconds that meets a mishap at so manieth call.
    Run { few: u64, mishap: Option<(usize, InjectedFault)>, seconds: u64 },
    /// The bucket loses one of its objects, or has it altered.
    Lose { alter: bool, which: usize },
}

const DEVICES: usize = 6;

fn events() -> impl Strategy<Value = Vec<Event>> {
    let entry = prop_oneof![Just(None), Just(Some(CertificateHold)), Just(Some(KeyCompromise))];
    let publish = prop::collection::vec(entry, DEVICES).prop_map(Event::Publish);
    let mishap = prop::option::of((0_usize..40, prop::sample::select(InjectedFault::STOPS.to_vec())));
    let run = (prop::sample::select(vec![0, 1_000]), mishap, 0_u64..12).prop_map(|(few, mishap, seconds)| Event::Run {
        few,
        mishap,
        seconds,
    });
    let lose = (any::<bool>(), 0_usize..3).prop_map(|(alter, which)| Event::Lose { alter, which });
    prop::collection::vec(prop_oneof![3 => publish, 5 => run, 1 => lose], 1..14)
}

/// Lets it happen; tells whether a comparison failed for a certificate, which the next one tries again.
async fn happens(fleet: &Fleet, devices: &[Issued], number: &mut u64, event: &Event) -> bool {
    match event {
        Event::Publish(entries) => {
            *number += 1;
            let listed = devices.iter().zip(entries).filter_map(|(device, reason)| Some((device, (*reason)?)));
            fleet.publish(*number, &listed.collect::<Vec<_>>());
        }
        Event::Run { few, mishap, seconds } => {
            if let Some((n, mishap)) = mishap {
                fleet.cloud.plan(*n, *mishap);
            }
            // A death shows as a run that does not end.
            let ended = tokio::time::timeout(
                Duration::from_secs(seconds + 5),
                try_small(fleet, *few, Duration::from_secs(*seconds)),
            )
            .await;
            fleet.cloud.plan_nothing();
            return ended.is_ok_and(|report| report.is_ok_and(|report| !report.failures.is_empty()));
        }
        Event::Lose { alter, which } => fleet.cloud.change(|state| {
            let Some(key) = state.snapshots.keys().nth(*which).cloned() else { return };
            match state.snapshots.get_mut(&key) {
                Some(object) if *alter => object.change(|bytes| bytes[8_192 + 40] ^= 1),
                _ => drop(state.snapshots.remove(&key)),
            }
        }),
    }
    false
}

/// Runs until nothing is left to do; tells whether a comparison failed for a certificate.
async fn settles(fleet: &Fleet) -> bool {
    let mut has_failed = false;
    fleet.cloud.let_processes_die();
    for _ in 0..6 {
        let report = run_small(fleet, 0, Duration::from_mins(3)).await;
        has_failed |= !report.failures.is_empty();
        let failed = report.sources.iter().any(|source| source.outcome == crl_checker::Outcome::Failed);
        if report.finished && !failed && report.failures.is_empty() && report.reconciled.is_none() {
            assert!(fleet.crl_state().is_settled());
            return has_failed;
        }
    }
    unreachable!("six runs were not enough")
}

async fn ends_in_the_right_statuses(events: Vec<Event>) {
    let fleet = Fleet::with_crl().await;
    let mut devices = Vec::new();
    for n in 0..DEVICES {
        devices.push(fleet.inside(&format!("pump-{n}")).await);
    }
    let mut number = 1;
    let mut has_failed = false;
    for event in &events {
        has_failed |= happens(&fleet, &devices, &mut number, event).await;
    }
    has_failed |= settles(&fleet).await;
    if has_failed || events.iter().any(|event| matches!(event, Event::Lose { .. })) {
        // The next day's comparison, which may be the first to find a snapshot altered.
        fleet.reconcile().await;
        settles(&fleet).await;
    }
    let lists: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Publish(entries) => Some(entries),
            _ => None,
        })
        .collect();
    for (n, device) in devices.iter().enumerate() {
        let last = lists.last().and_then(|entries| entries[n]);
        let ever = lists.iter().any(|entries| entries[n] == Some(KeyCompromise));
        let (status, expected) = (
            fleet.status(device),
            match last {
                Some(KeyCompromise) => Revoked,
                Some(_) => Inactive,
                None => Active,
            },
        );
        assert!(
            status == expected || (ever && status == Revoked),
            "pump-{n}: {status:?} instead of {expected:?}: {:?}",
            fleet.row(device)
        );
    }
}

proptest! {
    // Serial numbers are random, so that a seed does not bring a case back.
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// However runs are cut short, and whatever CRLs come and objects go in between.
    #[test]
    fn any_order_of_stops_and_crls_ends_in_the_right_statuses(events in events()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(ends_in_the_right_statuses(events));
    }
}
