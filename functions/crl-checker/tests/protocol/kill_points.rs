//! Stopping a run, or an activation at the gate, at each of its calls, and repeating it, ends as a clean run does.

use std::time::Duration;

use crl_checker::{Limits, Portions, Report, Request};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::testing::{FakeCloud, InjectedFault};

use actors::Fleet;
use actors::activation::connect;
use actors::checking::{Published, limits, run, run_with};
use serde_json::Value;
use shared::id::CaCertificateId;

/// The state without what a repetition may change.
fn settled(cloud: &FakeCloud, authority: &CaCertificateId) -> Value {
    let mut state = cloud.state();
    // An object that was written before the run was stopped, and that no state names, does no harm.
    let states = cloud.crl_states(authority);
    state.snapshots.retain(|key, _| states.iter().any(|state| state.names(key)));
    // Who finds a certificate ACTIVE already does not ask which CRL has cleared it.
    let without =
        ["attempts", "checkedAt", "crlNumber", "lastError", "lastErrorAt", "revision", "step", "thingVersion"];
    let mut picture = state.picture(&without);
    // A repetition may have compared all registrations once more.
    let is_over = |row: &Value| row["record"]["S"] == "comparison" && row["due"]["BOOL"] == false;
    picture["tables"][0].as_array_mut().unwrap().retain(|row| !is_over(row));
    picture
}

/// Runs `attempt` with a fault at each of its calls, then again until it ends well.
async fn every_kill_point_settles(fleet: &Fleet, least: usize, attempt: impl AsyncFn(&FakeCloud) -> bool) {
    let clean = fleet.cloud.fork();
    assert!(attempt(&clean).await);
    let expected = settled(&clean, fleet.id());
    for fault in InjectedFault::STOPS {
        let mut n = 0;
        loop {
            let cloud = fleet.cloud.fork();
            cloud.plan(n, fault);
            // A death shows as an attempt that does not end.
            let _ = tokio::time::timeout(Duration::from_mins(4), attempt(&cloud)).await;
            let met = cloud.calls().len() > n;
            cloud.plan_nothing();
            cloud.let_processes_die();
            let context = format!("{fault:?} at call {n} of {:?}", cloud.calls());
            let ended = attempt(&cloud).await || attempt(&cloud).await;
            assert!(ended, "{context}");
            run(&cloud, &Request::default()).await.unwrap();
            assert_eq!(settled(&cloud, fleet.id()), expected, "{context}");
            if !met {
                break;
            }
            n += 1;
        }
        assert!(n >= least, "only {n} calls were met");
    }
}

/// Two devices inside, one of them on hold; the next CRL revokes the first, holds the second, releases the third.
async fn changed_fleet() -> Fleet {
    let fleet = Fleet::with_crl().await;
    let revoked = fleet.inside("pump-1").await;
    let held = fleet.inside("pump-2").await;
    let released = fleet.inside("pump-3").await;
    fleet.cloud.open_session("pump-1", &revoked.id);
    fleet.publish(2, &[(&released, CertificateHold)]);
    fleet.sync().await;
    fleet.publish(3, &[(&revoked, KeyCompromise), (&held, CertificateHold)]);
    fleet
}

async fn sync(cloud: &FakeCloud, request: &Request) -> bool {
    let report = run(cloud, request).await;
    report.is_ok_and(|report| is_good(&report))
}

fn is_good(report: &Report) -> bool {
    let failed = report.sources.iter().any(|source| source.outcome == crl_checker::Outcome::Failed);
    report.finished && !failed && report.failures.is_empty()
}

#[tokio::test(start_paused = true)]
async fn a_run_settles_from_every_kill_point() {
    let fleet = changed_fleet().await;
    let request = Request::default();
    every_kill_point_settles(&fleet, 25, async |cloud| sync(cloud, &request).await).await;
}

/// The same with a state that is written after every two changes, by entries and by the fleet.
#[tokio::test(start_paused = true)]
async fn a_run_of_many_parts_settles_from_every_kill_point() {
    let fleet = changed_fleet().await;
    let portions = |few| Portions { checkpoint: 1, few, rows: 1, window: 2 };
    for (few, least) in [(0, 28), (1_000, 28)] {
        every_kill_point_settles(&fleet, least, async |cloud| {
            let limits = Limits { portions: portions(few), ..limits() };
            let time = Duration::from_mins(10);
            let report = run_with(limits, time, cloud, Published(cloud.clone()), &Request::default()).await;
            report.is_ok_and(|report| is_good(&report))
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reconciliation_settles_from_every_kill_point() {
    let fleet = changed_fleet().await;
    let request = Request { reconcile: true, ..Request::default() };
    every_kill_point_settles(&fleet, 25, async |cloud| sync(cloud, &request).await).await;
}

#[tokio::test(start_paused = true)]
async fn an_activation_of_a_listed_certificate_settles_from_every_kill_point() {
    for (reason, least) in [(KeyCompromise, 7), (CertificateHold, 10)] {
        let fleet = Fleet::with_crl().await;
        let device = fleet.device("pump-1");
        fleet.publish(2, &[(&device, reason)]);
        fleet.sync().await;
        let payload = fleet.event(&device);
        every_kill_point_settles(&fleet, least, async |cloud| connect(cloud, &payload).await.is_ok()).await;
    }
}
