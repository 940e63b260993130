//! The work of a run follows the number of changes.

use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise, Unspecified};
use shared::testing::NewCrl;

use actors::Fleet;
use actors::checking::serial_bytes;

/// Runs the checker over a CRL of `size` entries to which `added` registered certificates are added and from which
/// `released` leave; the calls made, by name.
async fn calls(size: u64, devices_inside: usize, added: usize, released: usize) -> Vec<(&'static str, usize)> {
    let fleet = Fleet::with_crl().await;
    let mut devices = Vec::new();
    for n in 0..devices_inside {
        devices.push(fleet.inside(&format!("pump-{n}")).await);
    }
    let strangers = || (1..=size).map(|n| ((n << 20).to_be_bytes().to_vec(), Unspecified));
    let on_hold = devices.iter().take(released).map(|device| (serial_bytes(device), CertificateHold));
    let revoked = devices.iter().rev().take(added).map(|device| (serial_bytes(device), KeyCompromise));
    let before: Vec<(Vec<u8>, RevocationReason)> = strangers().chain(on_hold).collect();
    fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(2, fleet.now), before));
    fleet.sync().await;
    let after: Vec<(Vec<u8>, RevocationReason)> = strangers().chain(revoked).collect();
    fleet.publish_bytes(fleet.authority.crl(&NewCrl::current(3, fleet.now), after));
    let begun = fleet.cloud.calls().len();
    let report = fleet.sync().await;
    assert_eq!((report.changes.revoked, report.changes.released), (added as u64, released as u64));
    let calls = fleet.cloud.calls();
    let mut counts = std::collections::BTreeMap::new();
    for call in &calls[begun..] {
        *counts.entry(*call).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn neither_a_larger_crl_nor_a_larger_fleet_makes_more_calls() {
    let small = calls(8_000, 30, 10, 5).await;
    assert_eq!(calls(30_000, 30, 10, 5).await, small);
    assert_eq!(calls(8_000, 90, 10, 5).await, small);
    let twice = calls(8_000, 30, 20, 10).await;
    let updates = |calls: &[(&str, usize)]| calls.iter().find(|(name, _)| *name == "iot:UpdateCertificate").unwrap().1;
    assert_eq!((updates(&small), updates(&twice)), (15, 30));
}

/// Seconds that a run takes which is the first to find a CRL with so many revocations, at the template's defaults, while nobody
/// else calls AWS IoT.
async fn seconds_to_revoke(devices: usize, reconcile: bool) -> f64 {
    use actors::checking::{Published, limits};
    use crl_checker::{Checker, Parts, Request};
    use shared::pace::{Paced, Quotas};
    use shared::registration::Process;
    use std::time::Duration;
    use tokio::time::Instant;

    let fleet = Fleet::with_crl().await;
    let mut inside = Vec::new();
    for n in 0..devices {
        inside.push(fleet.inside(&format!("pump-{n}")).await);
    }
    let entries: Vec<_> = inside.iter().map(|device| (device, KeyCompromise)).collect();
    fleet.publish(2, &entries);
    let cloud = &fleet.cloud;
    cloud.set_latency(|_| Duration::from_millis(5));
    let quotas = Quotas { attach_policy: 10.0, describe_certificate: 10.0, share: 0.3, update_certificate: 10.0 };
    let checker = Checker::new(Parts {
        authorities: cloud.authorities(),
        bucket: cloud.clone(),
        fetcher: Published(cloud.clone()),
        limits: limits(),
        registrations: cloud.registrations(),
        registry: Paced::new(cloud.clone(), &quotas.part(0.9)),
        registry_of_comparisons: Paced::new(cloud.clone(), &quotas.part(0.1)),
        sessions: cloud.sessions(),
    });
    let (begun, time) = (Instant::now(), Duration::from_mins(14));
    let process = Process { id: "run".to_owned(), until: actors::deadline() };
    let request = Request { reconcile, ..Request::default() };
    let report = Box::pin(checker.run(&request, &process, actors::now(), begun + time)).await.unwrap();
    assert_eq!(report.changes.revoked, devices as u64);
    begun.elapsed().as_secs_f64()
}

/// Revocations do not wait for turns of those that compare all registrations.
#[tokio::test(start_paused = true)]
async fn a_revocation_that_the_daily_run_finds_first_goes_at_the_pace_of_revocations() {
    let (ordinary, daily) = (seconds_to_revoke(60, false).await, seconds_to_revoke(60, true).await);
    assert!(daily < ordinary * 1.5, "{ordinary:.0} s by a run every 15 minutes, {daily:.0} s by the daily one");
}
