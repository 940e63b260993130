//! Steps of a story that tests tell one after the other.

use std::future::Future;
use std::time::Duration;

use crl_checker::Request;
use shared::pki::crl::RevocationReason;
use shared::port::CertificateStatus;
use shared::profile::TakeOver;
use shared::revocation::request_comparison;
use shared::testing::{InjectedFault, Issued};
use tokio::time::timeout;

use crate::{Fleet, checking};

/// A request that accepts whatever has become of the lists.
fn accepting() -> Request {
    Request { accept_shrunk: true, ..Request::default() }
}

/// Time after which whatever has not ended is dead.
const MAX_TIME: Duration = Duration::from_mins(30);

impl Fleet {
    /// Changes the take-over rule of the CA.
    pub fn set_rule(&self, rule: TakeOver) {
        self.cloud.change_profile(self.id(), |profile| profile.take_over = Some(rule));
    }

    /// The place of the first call of this name, counted from the next call, as the work makes it in a copy of the cloud.
    pub async fn place_of<F: Future>(&self, call: &str, work: impl FnOnce(Self) -> F) -> usize {
        let probe = self.fork();
        let cloud = probe.cloud.clone();
        let begun = cloud.calls().len();
        work(probe).await;
        cloud.calls().iter().skip(begun).position(|made| *made == call).expect("a call of this name")
    }

    /// An attempt to let a device in that meets this fault at its first call of this name, and is dead afterwards.
    pub async fn die_at(&self, device: &Issued, call: &str, fault: InjectedFault) {
        let at = self.place_of(call, async |fleet: Self| drop(fleet.connect(device).await)).await;
        self.cloud.plan(at, fault);
        let _ = timeout(MAX_TIME, self.connect(device)).await;
        self.cloud.plan_nothing();
        self.cloud.let_processes_die();
    }

    /// A run of the checker that meets this fault at its n-th call of this name, counted from 0, and is dead afterwards.
    pub async fn run_dies_at(&self, call: &str, n: usize, fault: InjectedFault) {
        let probe = self.fork();
        let begun = probe.cloud.calls().len();
        probe.run(&accepting()).await;
        let calls = probe.cloud.calls();
        let places = calls.iter().skip(begun).enumerate().filter(|(_, made)| **made == call);
        let at = places.map(|(at, _)| at).nth(n).expect("as many calls of this name");
        self.cloud.plan(at, fault);
        let _ = timeout(MAX_TIME, checking::run(&self.cloud, &accepting())).await;
        self.cloud.plan_nothing();
        self.cloud.let_processes_die();
    }

    /// The CA publishes, and the checker has one ordinary run.
    pub async fn list(&self, number: u64, entries: &[(&Issued, RevocationReason)]) {
        self.publish(number, entries);
        self.run(&accepting()).await;
    }

    /// The dead are dead, the events of these devices come again, and the checker has one ordinary run.
    pub async fn settle(&self, devices: &[&Issued]) {
        self.cloud.plan_nothing();
        self.cloud.let_processes_die();
        for device in devices {
            // The event of a certificate that is kept out, or gone, may end with an error.
            drop(self.connect(device).await);
        }
        self.run(&accepting()).await;
    }

    /// All registrations are to be compared, as `jitr ca set` asks for after other rules for CRLs.
    pub async fn request_comparison(&self) {
        request_comparison(&self.cloud.authorities()).await.expect("a request without faults");
    }

    /// An operator gives a device this thing and the policy, and sets it ACTIVE.
    pub fn let_in_by_hand(&self, device: &Issued, thing: &str) {
        self.cloud.change(|state| {
            let arn = state.certificates.get(&device.id).expect("a certificate").arn.clone();
            let thing = state.things.entry(thing.parse().expect("a thing name")).or_default();
            thing.version = thing.version.max(1);
            thing.principals.insert(arn.clone());
            state.policies.entry(arn).or_default().insert("device".parse().expect("a policy"));
            state.set_status(&device.id, CertificateStatus::Active);
        });
    }
}
