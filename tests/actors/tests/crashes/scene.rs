//! The certificates, the steps before, and the actors at once.

use std::ops::Range;
use std::time::Duration;

use actors::activation::{connect, nobody_is_half_in};
use actors::checking::{serial_bytes, source};
use actors::{Fleet, Turns, operator};
use crl_checker::Request;
use fastrand::Rng;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{self, Active, Inactive};
use shared::profile::TakeOver;
use shared::testing::{CloudState, Exploration, FakeCloud, InjectedFault, Issued, NewCrl, Object};
use tokio::time::timeout;

use crate::end::End;

/// Time after which whatever has not ended is dead.
const MAX_TIME: Duration = Duration::from_hours(1);
/// Number of the last list before the actors begin.
const LAST: u64 = 20;
/// Names of the actors.
pub(crate) const NAMES: [&str; 3] = ["first", "second", "third"];

/// What a list says of each certificate.
pub(crate) type Entries = [Option<RevocationReason>; 3];

/// Somebody who does something once. Numbers are places of certificates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Actor {
    Delete(usize),
    Deliver(usize),
    Publish(Entries),
    Reconcile,
    Release,
    Reregister(usize),
    Rule(TakeOver),
    Run,
    SwitchOff(usize),
}

/// What has happened to a certificate at any time.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each of them may be so or not, whatever the others are")]
pub(crate) struct Past {
    pub(crate) deleted: bool,
    /// AWS IoT has had it as ACTIVE, whether or not somebody came to write it.
    pub(crate) has_been_in: bool,
    pub(crate) held: bool,
    pub(crate) revoked: bool,
    pub(crate) switched_off: bool,
    /// It was switched off while its row told that it was ACTIVE, and no hold has come since.
    pub(crate) switched_off_for_good: bool,
}

/// The story of all certificates up to now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    pub(crate) joined: bool,
    pub(crate) of: [Past; 3],
    pub(crate) released: bool,
    pub(crate) rule_changed: bool,
    steps: Vec<String>,
}

impl Story {
    fn note(&mut self, actor: Actor) {
        match actor {
            Actor::Delete(place) | Actor::Reregister(place) => self.of[place].deleted = true,
            Actor::Publish(entries) => {
                for (past, entry) in self.of.iter_mut().zip(entries) {
                    past.revoked |= entry == Some(KeyCompromise);
                    if entry == Some(CertificateHold) {
                        past.held = true;
                        past.switched_off_for_good = false;
                    }
                }
            }
            Actor::Release => self.released = true,
            Actor::Rule(rule) => {
                self.rule_changed = true;
                self.joined |= rule == TakeOver::Join;
            }
            Actor::SwitchOff(place) => self.of[place].switched_off = true,
            Actor::Deliver(_) | Actor::Reconcile | Actor::Run => {}
        }
    }
}

/// What an operator may do to a certificate.
type Deed = fn(usize, &mut Rng) -> Actor;

const DEEDS: [Deed; 6] = [
    |_, _| Actor::Release,
    |place, _| Actor::Delete(place),
    |place, _| Actor::Reregister(place),
    |place, _| Actor::SwitchOff(place),
    |_, random| Actor::Rule(*random.choice(&[TakeOver::Rotate, TakeOver::Refuse]).unwrap()),
    |_, _| Actor::Rule(TakeOver::Join),
];

/// Three certificates, the oldest first, and what has happened to them.
pub(crate) struct Scene {
    pub(crate) devices: [Issued; 3],
    pub(crate) fleet: Fleet,
    is_last_youngest: bool,
    lists: Vec<(u64, Entries)>,
    /// What the operator of this seed may do: many do nothing, which leaves more to be checked at the end.
    operator: Vec<Deed>,
    story: Story,
    turns: Turns,
}

impl Scene {
    /// The beginning of a seed.
    pub(crate) async fn begun(random: &mut Rng) -> Self {
        let fleet = Fleet::with_crl().await;
        fleet.set_rule(TakeOver::Rotate);
        let ages = *random.choice(&[[30, 20, 10], [30, 20, 10], [30, 20, 20], [30, 30, 10], [20, 20, 20]]).unwrap();
        let devices = ages.map(|age| fleet.device_of_age("pump-1", age));
        let story = Story { steps: vec![format!("ages in hours: {ages:?}")], ..Story::default() };
        let is_last_youngest = ages[2] < ages[1];
        let operator = DEEDS.into_iter().filter(|_| random.usize(..4) == 0).collect();
        let turns = *random.choice(&[Turns::AtOnce, Turns::Late]).unwrap();
        let mut scene = Self { devices, fleet, is_last_youngest, lists: vec![(1, [None; 3])], operator, story, turns };
        for number in 2..random.u64(3..=10) {
            scene.step(number, random).await;
        }
        scene
    }

    /// Somebody for whom it is time.
    pub(crate) fn choose(&self, random: &mut Rng) -> Actor {
        let place = random.usize(..self.devices.len());
        match random.usize(..20) {
            0..8 => Actor::Deliver(place),
            8..12 => Actor::Run,
            12..17 => Actor::Publish([(); 3].map(|()| entry(random))),
            17 => Actor::Reconcile,
            _ => random.choice(&self.operator).map_or(Actor::Deliver(place), |does| does(place, random)),
        }
    }

    /// One step, which may crash anywhere. Then so much time passes that whoever has died is known to be dead.
    async fn step(&mut self, number: u64, random: &mut Rng) {
        let actor = self.choose(random);
        let may_crash =
            matches!(actor, Actor::Deliver(_) | Actor::Reconcile | Actor::Release | Actor::Run) && random.bool();
        let crash = may_crash.then(|| (random.usize(..34), random.choice(InjectedFault::STOPS).unwrap()));
        if let Actor::SwitchOff(place) = actor {
            self.story.of[place].switched_off_for_good |= self.is_known_to_be_in(place);
        }
        self.story.note(actor);
        if let Actor::Publish(entries) = actor {
            self.lists.push((number, entries));
        }
        let cloud = self.fleet.cloud.clone();
        if let Some((at, fault)) = crash {
            cloud.plan(at, fault);
        }
        let work = async {
            match actor {
                // Once: an attempt that fails may be the last one for now.
                Actor::Deliver(place) => drop(connect(&cloud, &self.fleet.event(&self.devices[place])).await),
                _ => self.act(actor, number, &format!("step-{number}"), cloud.clone()).await,
            }
        };
        // Whoever has died never ends.
        let _ = timeout(MAX_TIME, work).await;
        cloud.plan_nothing();
        cloud.let_processes_die();
        let statuses = self.statuses(&cloud);
        for (past, status) in self.story.of.iter_mut().zip(&statuses) {
            past.has_been_in |= *status == Some(Active);
        }
        self.story.steps.push(format!("{actor:?}, crash {crash:?}: {statuses:?}"));
    }

    fn is_known_to_be_in(&self, place: usize) -> bool {
        let rows = self.fleet.cloud.registrations_of(&self.devices[place].id);
        let is_told = rows.iter().all(|row| row.is_confirmed() && row.status == Some(Active));
        rows.len() == 1 && is_told && self.statuses(&self.fleet.cloud)[place] == Some(Active)
    }

    /// The statuses of the certificates; none of one that AWS IoT does not have.
    pub(crate) fn statuses(&self, cloud: &FakeCloud) -> [Option<CertificateStatus>; 3] {
        let certificates = cloud.state().certificates;
        self.devices.each_ref().map(|device| certificates.get(&device.id).map(|found| found.status.clone()))
    }

    fn request(&self) -> Request {
        Request { accept_shrunk: true, ca_certificate_id: Some(self.fleet.id().clone()), ..Request::default() }
    }

    fn list(&self, number: u64, entries: Entries) -> Vec<u8> {
        let entries = self.devices.iter().zip(entries);
        let entries = entries.filter_map(|(device, entry)| entry.map(|entry| (serial_bytes(device), entry)));
        self.fleet.authority.crl(&NewCrl::current(number, self.fleet.now), entries)
    }

    async fn act(&self, actor: Actor, number: u64, name: &str, cloud: FakeCloud) {
        // What an actor is answered is nobody's concern: what counts is where the certificates end.
        match actor {
            Actor::Delete(place) => operator::delete(&cloud, &self.devices[place].id).await,
            Actor::Deliver(place) => self.turns.deliver(cloud, &self.fleet.event(&self.devices[place]), name).await,
            Actor::Publish(entries) => {
                let list = Object::from(self.list(number, entries));
                let publish = move |state: &mut CloudState| drop(state.sources.insert(source(), list.clone()));
                drop(cloud.call("(CA)", publish).await);
            }
            Actor::Reconcile => self.turns.run_as(name, cloud, &Request { reconcile: true, ..self.request() }).await,
            Actor::Release => drop(operator::release_thing_as(name, &cloud, "pump-1").await),
            Actor::Reregister(place) => {
                operator::delete(&cloud, &self.devices[place].id).await;
                operator::register(&cloud, self.fleet.id(), &self.devices[place]).await;
            }
            Actor::Rule(rule) => operator::set_rule(&cloud, &self.fleet, rule).await,
            Actor::Run => self.turns.run_as(name, cloud, &self.request()).await,
            Actor::SwitchOff(place) => operator::set_status(&cloud, &self.devices[place].id, Inactive).await,
        }
    }

    /// Everybody who died is dead, every event comes again, and every device connects again. An operator lets the checker accept what has become of the
    /// list, and it has one ordinary run.
    async fn settle(&self, cloud: FakeCloud) {
        drop(cloud.call("(time passes)", CloudState::let_processes_die).await);
        for (device, name) in self.devices.iter().zip(["again-1", "again-2", "again-3"]) {
            self.turns.deliver(cloud.clone(), &self.fleet.event(device), name).await;
            self.turns.deliver(cloud.clone(), &self.fleet.later_event(device), &format!("{name}-later")).await;
        }
        self.turns.run_as("accepting", cloud.clone(), &self.request()).await;
        self.turns.run_as("afterwards", cloud, &Request::default()).await;
    }

    /// Goes through some orders of these actors.
    pub(crate) fn cross(&self, actors: &[Actor], faults: usize, seeds: Range<u64>) -> Result<(), String> {
        let (mut lists, mut story) = (self.lists.clone(), self.story.clone());
        let mut exploration = Exploration::new(&self.fleet.cloud);
        for ((actor, name), number) in actors.iter().zip(NAMES).zip(LAST + 1..) {
            exploration = exploration.actor(name, move |cloud| self.act(*actor, number, name, cloud));
            if let Actor::Publish(entries) = actor {
                lists.push((number, *entries));
            }
            story.note(*actor);
            if let Actor::SwitchOff(place) = actor {
                story.of[*place].switched_off_for_good = false;
            }
        }
        let explored = exploration
            .faults_of(faults, &InjectedFault::STOPS)
            .afterwards(|cloud| self.settle(cloud))
            .always(nobody_is_half_in)
            .at_the_end(|cloud| self.end(&story, &lists, cloud).check())
            .random(seeds);
        let failed = |failure| format!("{:#?}, then {actors:?}, faults {faults}: {failure}", self.story.steps);
        explored.failure.map_or(Ok(()), |failure| Err(failed(failure)))
    }

    fn end<'e>(&'e self, story: &'e Story, lists: &[(u64, Entries)], cloud: &'e FakeCloud) -> End<'e> {
        let state = cloud.crl_state(self.fleet.id(), &source()).unwrap();
        let number = state.current.unwrap().number.unwrap().to_string();
        let newest = lists.iter().rev().find(|(list, _)| format!("{list:x}") == number);
        End {
            cloud,
            is_last_youngest: self.is_last_youngest,
            newest: newest.unwrap().1,
            rows: self.devices.each_ref().map(|device| cloud.registrations_of(&device.id)),
            statuses: self.statuses(cloud),
            story,
        }
    }
}

fn entry(random: &mut Rng) -> Option<RevocationReason> {
    *random.choice(&[None, None, None, Some(CertificateHold), Some(CertificateHold), Some(KeyCompromise)]).unwrap()
}
