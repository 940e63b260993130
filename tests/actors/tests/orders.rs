//! Two actors at once: every order of their calls.
//!
//! With `FAULTS=1`, as `make explore` has it, every call of every order may meet a fault besides: minutes, not seconds.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does")]

use actors::Fleet;
use actors::account;
use actors::activation::{deliver, invoke_with, nobody_is_half_in, settings};
use actors::checking::run_as;
use crl_checker::Request;
use shared::aws::authorities::Authorities;
use shared::fault::Fault;
use shared::id::{CaCertificateId, Serial, ThingName};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{self, Active, Inactive, Revoked};
use shared::port::{Announcement, AuthorityStore, CrlStates};
use shared::profile::{Profile, TakeOver};
use shared::revocation::{CrlSource, CrlState};
use shared::testing::{CloudState, Exploration, FakeCloud, InjectedFault, Issued};
use time::OffsetDateTime;
use tokio::sync::Mutex;

const HOUR: time::Duration = time::Duration::HOUR;

/// Faults of an order.
#[expect(clippy::disallowed_methods, reason = "an argument of whoever runs the test")]
fn faults() -> usize {
    std::env::var("FAULTS").map_or(0, |text| text.parse().unwrap())
}

/// A certificate for a thing that began to be valid so many hours ago.
fn issued(fleet: &Fleet, hours: i32) -> Issued {
    let begin = fleet.now - HOUR * hours;
    fleet.register(fleet.authority.issue_with("pump-1", fleet.now, |params| params.not_before = begin))
}

fn request(fleet: &Fleet) -> Request {
    Request { accept_shrunk: true, ca_certificate_id: Some(fleet.id().clone()), ..Request::default() }
}

/// Everybody who died is dead, every event comes again, and the checker has one ordinary run.
async fn settle(cloud: FakeCloud, events: &[String], request: &Request) {
    drop(cloud.call("(time passes)", CloudState::let_processes_die).await);
    for (n, event) in events.iter().enumerate() {
        deliver(cloud.clone(), event, &format!("again-{n}")).await;
    }
    run_as("afterwards", cloud, request).await;
}

/// The status is one of these, and the row is confirmed with it.
fn ends(cloud: &FakeCloud, device: &Issued, wanted: &[CertificateStatus]) -> Result<(), String> {
    let status = cloud.state().status(&device.id);
    let row = cloud.registration_of(&device.id);
    let is_told = row.is_confirmed() && row.status.as_ref() == Some(&status);
    if wanted.contains(&status) && is_told { Ok(()) } else { Err(format!("{status}, {row:?}")) }
}

#[test]
fn a_delivery_and_a_run_that_takes_the_device_out() {
    for (reason, wanted) in [(CertificateHold, Inactive), (KeyCompromise, Revoked)] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let fleet = runtime.block_on(Fleet::with_crl());
        let _inside = runtime.enter();
        let device = fleet.device("pump-1");
        fleet.publish(2, &[(&device, reason)]);
        let (event, request) = (fleet.event(&device), request(&fleet));
        let events = [event.clone()];
        let explored = Exploration::new(&fleet.cloud)
            .actor("delivery", |cloud| deliver(cloud, &event, "delivery"))
            .actor("run", |cloud| run_as("run", cloud, &request))
            .faults_of(faults(), &InjectedFault::STOPS)
            .afterwards(|cloud| settle(cloud, &events, &request))
            .always(nobody_is_half_in)
            .at_the_end(|cloud| ends(cloud, &device, std::slice::from_ref(&wanted)))
            .exhaustive();
        println!("{explored}");
        explored.assert_holds();
    }
}

#[test]
fn two_deliveries_of_one_event() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let fleet = runtime.block_on(Fleet::with_crl());
    let _inside = runtime.enter();
    let device = fleet.device("pump-1");
    let (event, request) = (fleet.event(&device), request(&fleet));
    let events = [event.clone()];
    let explored = Exploration::new(&fleet.cloud)
        .actor("first", |cloud| deliver(cloud, &event, "first"))
        .actor("second", |cloud| deliver(cloud, &event, "second"))
        .faults_of(faults(), &InjectedFault::STOPS)
        .afterwards(|cloud| settle(cloud, &events, &request))
        .always(nobody_is_half_in)
        .at_the_end(|cloud| ends(cloud, &device, &[Active]))
        .exhaustive();
    println!("{explored}");
    explored.assert_holds();
}

#[test]
fn an_older_and_a_younger_certificate_under_rotate() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let fleet = runtime.block_on(Fleet::with_crl());
    let _inside = runtime.enter();
    fleet.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(TakeOver::Rotate));
    let (old, new) = (issued(&fleet, 20), issued(&fleet, 10));
    let (first, second, request) = (fleet.event(&old), fleet.event(&new), request(&fleet));
    let events = [first.clone(), second.clone()];
    let explored = Exploration::new(&fleet.cloud)
        .actor("older", |cloud| deliver(cloud, &first, "older"))
        .actor("younger", |cloud| deliver(cloud, &second, "younger"))
        .faults_of(faults(), &InjectedFault::STOPS)
        .afterwards(|cloud| settle(cloud, &events, &request))
        .always(nobody_is_half_in)
        .at_the_end(|cloud| {
            let old_status = cloud.state().status(&old.id);
            if old_status == Active {
                return Err("two ACTIVE".to_owned());
            }
            ends(cloud, &new, &[Active])
        })
        .exhaustive();
    println!("{explored}");
    explored.assert_holds();
}

/// The `Authorities` table for a gate that asks too early: its CRL states are those of before the row was written.
struct ReadEarly {
    inner: Authorities,
    states: Mutex<Vec<CrlState>>,
}

impl AuthorityStore for ReadEarly {
    async fn profile(&self, id: &CaCertificateId) -> Result<Option<Profile>, Fault> {
        *self.states.lock().await = self.inner.crl_states(id).await?;
        self.inner.profile(id).await
    }

    async fn keep_authority(&self, id: &CaCertificateId, pem: &str, now: OffsetDateTime) -> Result<(), Fault> {
        self.inner.keep_authority(id, pem, now).await
    }

    async fn announced_serial(&self, id: &CaCertificateId, serial: &Serial) -> Result<Option<Announcement>, Fault> {
        self.inner.announced_serial(id, serial).await
    }

    async fn announced_name(&self, id: &CaCertificateId, name: &ThingName) -> Result<Option<Announcement>, Fault> {
        self.inner.announced_name(id, name).await
    }
}

impl CrlStates for ReadEarly {
    async fn crl_states(&self, _: &CaCertificateId) -> Result<Vec<CrlState>, Fault> {
        Ok(self.states.lock().await.clone())
    }

    async fn request_crl(&self, id: &CaCertificateId, source: &CrlSource) -> Result<(), Fault> {
        self.inner.request_crl(id, source).await
    }
}

/// Shows that the orders above can fail: what keeps a revoked device out is that the row is written before the CRLs are
/// asked.
#[test]
fn a_gate_that_reads_the_crl_states_before_the_row_is_written_lets_a_revoked_device_in() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let fleet = runtime.block_on(Fleet::with_crl());
    let _inside = runtime.enter();
    let device = fleet.device("pump-1");
    fleet.publish(2, &[(&device, KeyCompromise)]);
    let (event, request) = (fleet.event(&device), request(&fleet));
    let events = [event.clone()];
    let explored = Exploration::new(&fleet.cloud)
        .actor("delivery", |cloud| {
            let authorities = ReadEarly { inner: cloud.authorities(), states: Mutex::default() };
            let event = &event;
            async move {
                drop(invoke_with("delivery", settings(&account()), &cloud, authorities, &cloud, event).await);
            }
        })
        .actor("run", |cloud| run_as("run", cloud, &request))
        .afterwards(|cloud| settle(cloud, &events, &request))
        .at_the_end(|cloud| ends(cloud, &device, &[Revoked]))
        .exhaustive();
    println!("{explored}");
    let failure = explored.failure.unwrap();
    assert!(failure.problem.starts_with(Active.as_str()), "{failure}");
}
