//! Two certificates of one thing after somebody has died: steps one after another, any of which may crash, then actors at
//! once, with a fault at the most. The CA may list both certificates, in lists that follow each other.
//!
//! A wrong end is printed with its seed, and comes again with
//! `SEED=<seed> SEEDS=1 cargo test --package actors --test crashes -- --nocapture`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does, and tells how many orders it has run"
)]

use std::time::{Duration, Instant};

use actors::activation::{deliver, nobody_is_half_in};
use actors::checking::{self, run_as, serial_bytes, source};
use actors::{Fleet, operator};
use crl_checker::Request;
use fastrand::Rng;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{self, Active, Inactive, PendingActivation};
use shared::profile::TakeOver;
use shared::testing::{CloudState, Exploration, FakeCloud, InjectedFault, Issued, NewCrl, Object};
use tokio::time::timeout;

/// Beginnings of a test run.
const SEEDS: u64 = 150;
/// Orders of the actors that are gone through after each beginning.
const ORDERS: u64 = 3;
/// Time after which whatever has not ended is dead.
const MAX_TIME: Duration = Duration::from_hours(1);
/// Number of the last list before the actors begin.
const LAST: u64 = 9;
const NAMES: [&str; 3] = ["first", "second", "third"];

type Entry = Option<RevocationReason>;

/// Somebody who does something once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Actor {
    DeleteYounger,
    Older,
    /// The CA publishes a list with these entries for the older and the younger certificate.
    Publish(Entry, Entry),
    Reconcile,
    Release,
    ReregisterYounger,
    Run,
    SwitchOlderOff,
    SwitchYoungerOff,
    Younger,
}

use Actor::{
    DeleteYounger, Older, Publish, Reconcile, Release, ReregisterYounger, Run, SwitchOlderOff, SwitchYoungerOff,
    Younger,
};

/// What the CA has published, by number, with the entries of both certificates.
type Lists = Vec<(u64, Entry, Entry)>;

/// Two certificates, and what has happened to them.
struct Scene {
    fleet: Fleet,
    lists: Lists,
    new: Issued,
    old: Issued,
    story: Vec<String>,
}

impl Scene {
    async fn new() -> Self {
        let fleet = Fleet::with_crl().await;
        fleet.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(TakeOver::Rotate));
        let (old, new) = (fleet.device_of_age("pump-1", 20), fleet.device_of_age("pump-1", 10));
        Self { fleet, lists: vec![(1, None, None)], new, old, story: Vec::new() }
    }

    /// The beginning of a seed.
    async fn begun(random: &mut Rng) -> Self {
        let mut scene = Self::new().await;
        if random.usize(..4) > 0 {
            scene.fleet.connect(&scene.old).await.unwrap();
            scene.story.push("the older one is inside".to_owned());
        }
        for number in 2..random.u64(3..=6) {
            scene.step(number, random).await;
        }
        if random.usize(..3) > 0 {
            scene.publish(LAST, entry(random), entry(random));
        }
        scene
    }

    fn publish(&mut self, number: u64, old: Entry, new: Entry) {
        self.fleet.publish_bytes(self.list(number, old, new));
        self.lists.push((number, old, new));
        self.story.push(format!("list {number} has {old:?} and {new:?}"));
    }

    /// One step, which may crash anywhere. Then so much time passes that whoever has died is known to be dead.
    async fn step(&mut self, number: u64, random: &mut Rng) {
        let actor = match random.usize(..7) {
            0 | 1 => Younger,
            2 => Older,
            3 | 4 => Run,
            5 => return self.publish(number, entry(random), entry(random)),
            _ => return self.publish(number, None, None),
        };
        let Self { fleet, new, old, .. } = &*self;
        let crash =
            (random.usize(..2) == 0).then(|| (random.usize(..30), random.choice(InjectedFault::STOPS).unwrap()));
        if let Some((at, fault)) = crash {
            fleet.cloud.plan(at, fault);
        }
        let work = async {
            match actor {
                Younger => drop(fleet.connect(new).await),
                Older => drop(fleet.connect(old).await),
                _ => drop(checking::run(&fleet.cloud, &self.request()).await),
            }
        };
        // Whoever has died never ends.
        let _ = timeout(MAX_TIME, work).await;
        fleet.cloud.plan_nothing();
        fleet.cloud.let_processes_die();
        let (old, new) = (fleet.status(old), fleet.status(new));
        self.story.push(format!("{actor:?}, crash {crash:?}: {old}, {new}"));
    }

    fn request(&self) -> Request {
        Request { accept_shrunk: true, ca_certificate_id: Some(self.fleet.id().clone()), ..Request::default() }
    }

    fn list(&self, number: u64, old: Entry, new: Entry) -> Vec<u8> {
        let entries = [(&self.old, old), (&self.new, new)].into_iter();
        let entries = entries.filter_map(|(device, entry)| entry.map(|entry| (serial_bytes(device), entry)));
        self.fleet.authority.crl(&NewCrl::current(number, self.fleet.now), entries)
    }

    async fn act(&self, actor: Actor, number: u64, name: &str, cloud: FakeCloud) {
        let Self { fleet, new, old, .. } = self;
        // What an actor is answered is nobody's concern: what counts is where the certificates end.
        match actor {
            DeleteYounger => operator::delete(&cloud, &new.id).await,
            Older => deliver(cloud, &fleet.event(old), name).await,
            Publish(of_old, of_new) => {
                let list = Object::from(self.list(number, of_old, of_new));
                let publish = move |state: &mut CloudState| drop(state.sources.insert(source(), list.clone()));
                drop(cloud.call("(CA)", publish).await);
            }
            Reconcile => run_as(name, cloud, &Request { reconcile: true, ..self.request() }).await,
            Release => drop(operator::release_thing_as(name, &cloud, "pump-1").await),
            ReregisterYounger => {
                operator::delete(&cloud, &new.id).await;
                operator::register(&cloud, fleet.id(), new).await;
            }
            Run => run_as(name, cloud, &self.request()).await,
            SwitchOlderOff => operator::set_status(&cloud, &old.id, Inactive).await,
            SwitchYoungerOff => operator::set_status(&cloud, &new.id, Inactive).await,
            Younger => deliver(cloud, &fleet.event(new), name).await,
        }
    }

    /// Everybody who died is dead, and every event comes again. An operator lets the checker accept what has become of the
    /// list, and it has one ordinary run.
    async fn settle(&self, cloud: FakeCloud) {
        drop(cloud.call("(time passes)", CloudState::let_processes_die).await);
        deliver(cloud.clone(), &self.fleet.event(&self.old), "again-1").await;
        deliver(cloud.clone(), &self.fleet.event(&self.new), "again-2").await;
        run_as("accepting", cloud.clone(), &self.request()).await;
        run_as("afterwards", cloud, &Request::default()).await;
    }

    fn check(&self, actors: &[Actor], lists: &Lists, cloud: &FakeCloud) -> Result<(), String> {
        nobody_is_half_in(cloud)?;
        let state = cloud.state();
        let status = |device: &Issued| state.certificates.get(&device.id).map(|found| found.status.clone());
        let (old, new) = (status(&self.old), status(&self.new));
        let number = cloud.crl_state(self.fleet.id(), &source()).unwrap().current.unwrap().number.unwrap().to_string();
        let newest = lists.iter().find(|(list, ..)| format!("{list:x}") == number).unwrap();
        let end = Crossing { actors, lists, new: new.clone(), newest: *newest, old: old.clone() };
        end.check().map_err(|problem| format!("{problem}: {old:?}, {new:?}, newest list {newest:?}"))?;
        let is_switched = actors.contains(&SwitchOlderOff) || actors.contains(&SwitchYoungerOff);
        for (device, status) in [(&self.old, &old), (&self.new, &new)] {
            let Some(status) = status else { continue };
            for row in cloud.registrations_of(&device.id) {
                // It stays until the younger one is in, which may wait for the end of a hold.
                let is_new_out = matches!(new, Some(Inactive | PendingActivation));
                let awaits = is_new_out && row.superseded_by.as_ref() == Some(&self.new.id);
                let is_unseen = is_switched && *status == Inactive;
                let is_told = is_unseen || row.status.as_ref().is_none_or(|known| known == status);
                if !is_told || !(row.is_confirmed() || awaits) {
                    return Err(format!("AWS IoT has {status}: {row:?}"));
                }
            }
        }
        Ok(())
    }

    /// Goes through some orders of these actors.
    fn cross(&self, actors: &[Actor], faults: usize, seed: u64) -> Result<(), String> {
        let mut lists = self.lists.clone();
        let mut exploration = Exploration::new(&self.fleet.cloud);
        for ((actor, name), number) in actors.iter().zip(NAMES).zip(LAST + 1..) {
            exploration = exploration.actor(name, move |cloud| self.act(*actor, number, name, cloud));
            if let Publish(old, new) = actor {
                lists.push((number, *old, *new));
            }
        }
        let explored = exploration
            .faults_of(faults, &InjectedFault::STOPS)
            .afterwards(|cloud| self.settle(cloud))
            .always(nobody_is_half_in)
            .at_the_end(|cloud| self.check(actors, &lists, cloud))
            .random(seed..seed + ORDERS);
        let failed = |failure| format!("{:#?}, then {actors:?}, faults {faults}: {failure}", self.story);
        explored.failure.map_or(Ok(()), |failure| Err(failed(failure)))
    }
}

/// Where the certificates have ended; none is one that AWS IoT does not have.
struct Crossing<'c> {
    actors: &'c [Actor],
    lists: &'c Lists,
    new: Option<CertificateStatus>,
    newest: (u64, Entry, Entry),
    old: Option<CertificateStatus>,
}

impl Crossing<'_> {
    fn check(&self) -> Result<(), &'static str> {
        let (_, of_old, of_new) = self.newest;
        let (is_old_in, is_new_in) = (self.old == Some(Active), self.new == Some(Active));
        if is_old_in && is_new_in {
            return Err("two ACTIVE");
        }
        if (is_old_in && of_old.is_some()) || (is_new_in && of_new.is_some()) {
            return Err("ACTIVE, and on the newest list");
        }
        let is_disturbed = [Release, SwitchOlderOff, SwitchYoungerOff].iter().any(|actor| self.actors.contains(actor));
        if is_disturbed { Ok(()) } else { self.check_free() }
    }

    /// A certificate that nothing is against is ACTIVE.
    fn check_free(&self) -> Result<(), &'static str> {
        let (_, of_old, of_new) = self.newest;
        let was_new_listed = self.lists.iter().any(|(_, _, new)| new.is_some());
        if !was_new_listed && self.new.as_ref().is_some_and(|status| *status != Active) {
            return Err("nothing is against the younger one, and it is not ACTIVE");
        }
        let was_new_revoked = self.lists.iter().any(|(_, _, new)| *new == Some(KeyCompromise));
        if of_new.is_none() && !was_new_revoked && self.new == Some(Inactive) {
            return Err("the hold of the younger one has ended, and it is INACTIVE");
        }
        let was_old_revoked = self.lists.iter().any(|(_, old, _)| *old == Some(KeyCompromise));
        let may_old_be_in = of_old.is_none() && !was_old_revoked;
        if may_old_be_in && self.new == Some(PendingActivation) && self.old == Some(Inactive) {
            return Err("the older one is INACTIVE for a younger one that waits");
        }
        Ok(())
    }
}

fn entry(random: &mut Rng) -> Entry {
    *random.choice(&[None, None, Some(CertificateHold), Some(CertificateHold), Some(KeyCompromise)]).unwrap()
}

fn actor(random: &mut Rng) -> Actor {
    match random.usize(..14) {
        0 | 1 => Older,
        2..5 => Younger,
        5 | 6 => Run,
        7 => Reconcile,
        8 | 9 => Publish(entry(random), entry(random)),
        10 => Release,
        11 => DeleteYounger,
        12 => ReregisterYounger,
        _ => *random.choice(&[SwitchOlderOff, SwitchYoungerOff]).unwrap(),
    }
}

fn follow(seed: u64) -> Result<(), String> {
    let mut random = Rng::with_seed(seed);
    let actors: Vec<_> = (0..random.usize(1..=NAMES.len())).map(|_| actor(&mut random)).collect();
    let faults = random.usize(..=1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let scene = runtime.block_on(Scene::begun(&mut random));
    let _inside = runtime.enter();
    scene.cross(&actors, faults, seed)
}

#[expect(clippy::disallowed_methods, reason = "an argument of whoever runs the test")]
fn argument(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn after_a_crash_whatever_crosses_whatever_certificates_end_where_their_facts_say() {
    let (first, count) = (argument("SEED", 1), argument("SEEDS", SEEDS));
    let begun = Instant::now();
    let mut wrong = 0;
    for seed in first..first + count {
        if let Err(problem) = follow(seed) {
            wrong += 1;
            println!("SEED={seed}: {problem}");
        }
    }
    println!("{count} beginnings from seed {first}, {wrong} end wrong, {:.0} s", begun.elapsed().as_secs_f64());
    assert_eq!(wrong, 0, "beginnings that end wrong");
}
