//! Pairs of actors about one thing and two certificates of it: every order of their calls, and what holds at the end of each.
//!
//! With `FAULTS=1`, as `make explore` has it, every call of every order may meet a fault besides.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does, and tells how many orders it has run"
)]

use actors::activation::{deliver, nobody_is_half_in};
use actors::checking::run_as;
use actors::{Fleet, operator};
use crl_checker::Request;
use shared::id::CertificateId;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{self, Active, Inactive, PendingActivation, Revoked};
use shared::profile::TakeOver;
use shared::testing::{CloudState, Exploration, FakeCloud, InjectedFault, Issued};

/// Where the older certificate is when the actors begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Start {
    Pending,
    Inside,
    OnHold,
}

/// Somebody who does something once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Does {
    /// The event of the older certificate is delivered, until it is decided about.
    Older,
    /// The event of the younger certificate is delivered, until it is decided about.
    Younger,
    /// An ordinary run of the checker.
    Run,
    /// A run that compares all registrations.
    Reconcile,
    /// An operator sets the older certificate INACTIVE.
    SwitchOff,
    /// An operator releases the thing.
    Release,
    /// An operator deletes the older certificate, and AWS IoT registers it again.
    Reregister,
}

/// A thing, its certificates, and the list that the CA has published but no run has read.
struct Scene {
    fleet: Fleet,
    list: Option<RevocationReason>,
    new: Issued,
    old: Issued,
    start: Start,
}

impl Scene {
    async fn new(start: Start, list: Option<RevocationReason>) -> Self {
        let fleet = Fleet::with_crl().await;
        fleet.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(TakeOver::Rotate));
        let issue = |age: i64| {
            let begin = fleet.now - time::Duration::hours(age);
            fleet.register(fleet.authority.issue_with("pump-1", fleet.now, |params| params.not_before = begin))
        };
        let (old, new) = (issue(20), issue(10));
        if start != Start::Pending {
            fleet.connect(&old).await.unwrap();
        }
        if start == Start::OnHold {
            fleet.publish(2, &[(&old, CertificateHold)]);
            fleet.sync().await;
        }
        fleet.publish(3, &list.map(|reason| (&old, reason)).into_iter().collect::<Vec<_>>());
        Self { fleet, list, new, old, start }
    }

    fn request(&self) -> Request {
        Request { accept_shrunk: true, ca_certificate_id: Some(self.fleet.id().clone()), ..Request::default() }
    }

    async fn act(&self, does: Does, name: &str, cloud: FakeCloud) {
        match does {
            Does::Older => deliver(cloud, &self.fleet.event(&self.old), name).await,
            Does::Younger => deliver(cloud, &self.fleet.event(&self.new), name).await,
            Does::Run => run_as(name, cloud, &self.request()).await,
            Does::Reconcile => run_as(name, cloud, &Request { reconcile: true, ..self.request() }).await,
            Does::SwitchOff => set_status(&cloud, &self.old.id, Inactive).await,
            Does::Release => drop(operator::release_thing_as(name, &cloud, "pump-1").await),
            Does::Reregister => set_status(&cloud, &self.old.id, PendingActivation).await,
        }
    }

    /// Everybody who died is dead, every event comes again, and the checker has one ordinary run.
    async fn settle(&self, pair: [Does; 2], cloud: FakeCloud) {
        drop(cloud.call("(time passes)", CloudState::let_processes_die).await);
        for (does, device, name) in [(Does::Older, &self.old, "again-1"), (Does::Younger, &self.new, "again-2")] {
            if pair.contains(&does) || (does == Does::Older && pair.contains(&Does::Reregister)) {
                deliver(cloud.clone(), &self.fleet.event(device), name).await;
            }
        }
        run_as("afterwards", cloud, &self.request()).await;
    }

    fn check(&self, pair: [Does; 2], cloud: &FakeCloud) -> Result<(), String> {
        nobody_is_half_in(cloud)?;
        let state = cloud.state();
        for device in [&self.old, &self.new] {
            let status = state.status(&device.id);
            for row in cloud.registrations_of(&device.id) {
                // No run asks AWS IoT about a certificate that no list and no attempt is about.
                let is_unseen = pair.contains(&Does::SwitchOff) && status == Inactive;
                let is_told = is_unseen || row.status.as_ref().is_none_or(|known| *known == status);
                if !row.is_confirmed() || !is_told {
                    return Err(format!("AWS IoT has {status}: {row:?}"));
                }
            }
        }
        let (old, new) = (state.status(&self.old.id), state.status(&self.new.id));
        let found = format!("{old} and {new}");
        if old == Active && new == Active {
            return Err(format!("two ACTIVE: {found}"));
        }
        let wanted = self.wanted(pair);
        if wanted.is_empty() || wanted.contains(&old) { Self::check_younger(pair, &new) } else { Err(found) }
    }

    fn check_younger(pair: [Does; 2], status: &CertificateStatus) -> Result<(), String> {
        let is_in = !pair.contains(&Does::Younger) || *status == Active || pair.contains(&Does::Release);
        if is_in { Ok(()) } else { Err(format!("the younger one is {status}")) }
    }

    /// Where the older certificate may end; empty where anything that the other checks let pass is right.
    fn wanted(&self, pair: [Does; 2]) -> &'static [CertificateStatus] {
        let was_in = self.start != Start::Pending || pair.contains(&Does::Older);
        match self.list {
            Some(CertificateHold) if was_in => &[Inactive],
            Some(_) if was_in => &[Revoked],
            // With a fault, the operator's own call may be the one that fails.
            _ if pair.contains(&Does::SwitchOff) && faults() > 0 => &[Active, Inactive],
            _ if pair.contains(&Does::SwitchOff) => &[Inactive],
            _ if pair.contains(&Does::Younger) => &[Inactive, PendingActivation],
            _ if pair.contains(&Does::Release) => &[],
            _ if was_in => &[Active],
            _ => &[PendingActivation],
        }
    }

    /// Every order of two actors.
    fn explore(&self, pair: [Does; 2]) {
        let [first, second] = pair;
        let explored = Exploration::new(&self.fleet.cloud)
            .actor("first", |cloud| self.act(first, "first", cloud))
            .actor("second", |cloud| self.act(second, "second", cloud))
            .faults_of(faults(), &InjectedFault::STOPS)
            .afterwards(|cloud| self.settle(pair, cloud))
            .always(nobody_is_half_in)
            .at_the_end(|cloud| self.check(pair, cloud))
            .exhaustive();
        println!("{:?}, then {:?}, {pair:?}: {explored}", self.start, self.list);
        explored.assert_holds();
    }
}

/// A status that AWS IoT is given by other hands.
async fn set_status(cloud: &FakeCloud, id: &CertificateId, status: CertificateStatus) {
    let id = id.clone();
    let set = cloud.call("(operator)", move |state| state.set_status(&id, status.clone()));
    drop(set.await);
}

/// Faults of an order.
#[expect(clippy::disallowed_methods, reason = "an argument of whoever runs the test")]
fn faults() -> usize {
    std::env::var("FAULTS").map_or(0, |text| text.parse().unwrap())
}

fn explore(start: Start, list: Option<RevocationReason>, pairs: &[[Does; 2]]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let scene = runtime.block_on(Scene::new(start, list));
    let _inside = runtime.enter();
    for pair in pairs {
        scene.explore(*pair);
    }
}

#[test]
fn a_run_crosses_an_operator() {
    use Does::{Release, Run, SwitchOff};
    explore(Start::Inside, Some(CertificateHold), &[[Run, SwitchOff], [Run, Release]]);
    explore(Start::OnHold, None, &[[Run, Release]]);
}

#[test]
fn a_delivery_crosses_an_operator() {
    use Does::{Older, Release, SwitchOff};
    explore(Start::Pending, None, &[[Older, Release]]);
    explore(Start::Inside, None, &[[Older, Release], [Older, SwitchOff]]);
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn a_run_crosses_a_run_or_a_comparison() {
    use Does::{Reconcile, Run};
    explore(Start::Inside, Some(CertificateHold), &[[Run, Run], [Run, Reconcile]]);
    explore(Start::OnHold, None, &[[Run, Run], [Run, Reconcile]]);
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn a_run_that_ends_a_hold_crosses_the_younger_certificate() {
    explore(Start::OnHold, None, &[[Does::Run, Does::Younger]]);
}

#[test]
#[ignore = "minutes; `make explore` has it"]
fn a_run_that_revokes_crosses_whoever_lets_in() {
    use Does::{Reregister, Run, Younger};
    explore(Start::Inside, Some(KeyCompromise), &[[Run, Reregister], [Run, Younger]]);
}
