//! A thing, two certificates of it, what the CA has published, and who acts on them.

mod end;

use crl_checker::Request;
use shared::pki::crl::RevocationReason::{self, CertificateHold};
use shared::port::CertificateStatus::{Active, Inactive};
use shared::profile::TakeOver;
use shared::testing::{CloudState, Exploration, FakeCloud, InjectedFault, Issued, NewCrl, Object};

use self::end::{End, Play};
use crate::activation::nobody_is_half_in;
use crate::checking::{serial_bytes, source};
use crate::{Fleet, Turns, operator};

/// The highest number of a CRL that a run has read when the actors begin.
const BEFORE: u64 = 3;
/// Names of the actors.
const NAMES: [&str; 4] = ["first", "second", "third", "fourth"];

/// Where the older certificate is when the actors begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// AWS IoT has registered it, and its event was not delivered.
    Pending,
    /// The same, and the CA's list has it on hold.
    Listed,
    /// The same, and the run that has put the list in place died before it carried anything out.
    Counting,
    /// The certificate is ACTIVE with its thing.
    Inside,
    /// It is INACTIVE, since the CA's list has it on hold.
    OnHold,
    /// It is ACTIVE again after a hold.
    Freed,
    /// It is INACTIVE, since the younger one has taken its place.
    Replaced,
}

impl Start {
    fn is_pending(self) -> bool {
        matches!(self, Self::Pending | Self::Listed | Self::Counting)
    }

    fn is_listed(self) -> bool {
        matches!(self, Self::Listed | Self::Counting | Self::OnHold)
    }
}

/// What the CA has published, with the reason of the older certificate's entry, if there is one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Published {
    /// A new list.
    New(Option<RevocationReason>),
    /// A new list that is past its nextUpdate.
    Expired(Option<RevocationReason>),
    /// A list of a lower number than the one before.
    RolledBack(Option<RevocationReason>),
    /// The source has no list any more.
    Nothing,
}

/// Somebody who does something once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Actor {
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
    /// An operator deletes the older certificate.
    Delete,
    /// An operator deletes the older certificate, and AWS IoT registers it again.
    Reregister,
    /// An operator releases the thing.
    Release,
    /// An operator sets another take-over rule.
    Rule(TakeOver),
    /// The CA publishes.
    Publish(Published),
    /// The CA publishes, and an ordinary run of the checker follows.
    PublishAndRun(Published),
}

impl Actor {
    /// Everybody, but for those that are somebody only in a time of their own: the CA, and other rules.
    pub const ALL: [Self; 9] = [
        Self::Older,
        Self::Younger,
        Self::Run,
        Self::Reconcile,
        Self::SwitchOff,
        Self::Delete,
        Self::Reregister,
        Self::Release,
        Self::Rule(TakeOver::Join),
    ];
}

/// The scene when the actors begin.
pub struct Scene {
    fleet: Fleet,
    new: Issued,
    old: Issued,
    published: Published,
    rule: TakeOver,
    start: Start,
    turns: Turns,
}

impl Scene {
    /// Makes the scene. The rule and the actors' turns hold from when they begin.
    pub async fn new(start: Start, published: Published, rule: TakeOver, turns: Turns) -> Self {
        let fleet = Fleet::with_crl().await;
        fleet.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(TakeOver::Rotate));
        let (old, new) = (fleet.device_of_age("pump-1", 20), fleet.device_of_age("pump-1", 10));
        if !start.is_pending() {
            fleet.connect(&old).await.expect("an activation");
        }
        if start.is_listed() || start == Start::Freed {
            fleet.publish(2, &[(&old, CertificateHold)]);
            if start == Start::Counting {
                fleet.cloud.plan(fleet.second_write_of_a_run().await, InjectedFault::Refused);
            }
            fleet.sync().await;
            fleet.cloud.plan_nothing();
        }
        let scene = Self { fleet, new, old, published, rule, start, turns };
        let fleet = &scene.fleet;
        if start == Start::Freed {
            fleet.publish(BEFORE, &[]);
            fleet.run(&scene.request()).await;
        }
        if start == Start::Replaced {
            fleet.connect(&scene.new).await.expect("an activation");
        }
        fleet.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(rule));
        fleet.cloud.change(scene.publication(0, published));
        scene
    }

    /// The event of the older certificate.
    pub fn event_of_older(&self) -> String {
        self.fleet.event(&self.old)
    }

    /// All orders of these actors' calls, of which so many meet a fault.
    pub fn exploration<'s>(&'s self, actors: &'s [Actor], faults: usize) -> Exploration<'s> {
        let mut exploration = Exploration::new(&self.fleet.cloud);
        for ((n, actor), name) in actors.iter().enumerate().zip(NAMES) {
            exploration = exploration.actor(name, move |cloud| self.act(*actor, n + 1, cloud));
        }
        exploration
            .faults_of(faults, &InjectedFault::STOPS)
            .afterwards(move |cloud| self.settle(actors, cloud))
            .always(move |cloud| self.check_moment(actors, cloud))
            .at_the_end(move |cloud| self.check(actors, faults, cloud))
    }

    fn request(&self) -> Request {
        Request { accept_shrunk: true, ca_certificate_id: Some(self.fleet.id().clone()), ..Request::default() }
    }

    /// Lets the CA publish as the n-th actor; before them it is number 0.
    fn publication(&self, n: usize, published: Published) -> impl Fn(&mut CloudState) + Send + Sync + use<> {
        let Self { fleet, old, .. } = self;
        let list = |crl: NewCrl, reason: Option<RevocationReason>| {
            let entry = reason.map(|reason| (serial_bytes(old), reason));
            Some(Object::from(fleet.authority.crl(&crl, entry)))
        };
        let current = NewCrl::current(number(n), fleet.now);
        let list = match published {
            Published::New(reason) => list(current, reason),
            Published::Expired(reason) => {
                list(NewCrl { next_update: fleet.now - time::Duration::minutes(10), ..current }, reason)
            }
            Published::RolledBack(reason) => list(NewCrl { number: 0, ..current }, reason),
            Published::Nothing => None,
        };
        move |state| {
            match list.clone() {
                Some(list) => state.sources.insert(source(), list),
                None => state.sources.remove(&source()),
            };
        }
    }

    async fn publish(&self, n: usize, published: Published, cloud: &FakeCloud) {
        // Who publishes is told nothing.
        drop(cloud.call("(CA)", self.publication(n, published)).await);
    }

    async fn act(&self, actor: Actor, n: usize, cloud: FakeCloud) {
        let Self { fleet, new, old, turns, .. } = self;
        let name = &format!("actor-{n}");
        match actor {
            Actor::Older => turns.deliver(cloud, &fleet.event(old), name).await,
            Actor::Younger => turns.deliver(cloud, &fleet.event(new), name).await,
            Actor::Run => turns.run_as(name, cloud, &self.request()).await,
            Actor::Reconcile => turns.run_as(name, cloud, &Request { reconcile: true, ..self.request() }).await,
            Actor::SwitchOff => operator::set_status(&cloud, &old.id, Inactive).await,
            Actor::Delete => operator::delete(&cloud, &old.id).await,
            Actor::Reregister => {
                operator::delete(&cloud, &old.id).await;
                operator::register(&cloud, fleet.id(), old).await;
            }
            // What `jitr` is answered is nobody's concern: what counts is where the certificates end.
            Actor::Release => drop(operator::release_thing_as(name, &cloud, "pump-1").await),
            Actor::Rule(rule) => operator::set_rule(&cloud, fleet, rule).await,
            Actor::Publish(published) => self.publish(n, published, &cloud).await,
            Actor::PublishAndRun(published) => {
                self.publish(n, published, &cloud).await;
                turns.run_as(name, cloud, &self.request()).await;
            }
        }
    }

    /// Everybody who died is dead, every event comes again, every device connects again, and the checker has one ordinary run.
    async fn settle(&self, actors: &[Actor], cloud: FakeCloud) {
        drop(cloud.call("(time passes)", CloudState::let_processes_die).await);
        let Self { fleet, new, old, turns, .. } = self;
        let has = |actor| actors.contains(&actor);
        if has(Actor::Older) || has(Actor::Reregister) {
            turns.deliver(cloud.clone(), &fleet.event(old), "again-1").await;
            turns.deliver(cloud.clone(), &fleet.later_event(old), "later-1").await;
        }
        if has(Actor::Younger) {
            turns.deliver(cloud.clone(), &fleet.event(new), "again-2").await;
            turns.deliver(cloud.clone(), &fleet.later_event(new), "later-2").await;
        }
        // An ordinary run is about all CAs: a comparison that was asked for is done by it.
        turns.run_as("afterwards", cloud, &Request { ca_certificate_id: None, ..self.request() }).await;
    }

    fn play<'p>(&self, actors: &'p [Actor], faults: usize) -> Play<'p> {
        Play { actors, faults, published: self.published, rule: self.rule, start: self.start }
    }

    fn end(&self, play: &Play<'_>, cloud: &FakeCloud) -> End {
        let state = cloud.state();
        let status = |device: &Issued| state.certificates.get(&device.id).map(|found| found.status.clone());
        End { entry: self.newest_entry(play, cloud), new: status(&self.new), old: status(&self.old) }
    }

    fn check_moment(&self, actors: &[Actor], cloud: &FakeCloud) -> Result<(), String> {
        nobody_is_half_in(cloud)?;
        let play = self.play(actors, 0);
        if !play.is_always_in() {
            return Ok(());
        }
        cloud.change(|state| {
            let is_in =
                |device: &Issued| state.certificates.get(&device.id).is_some_and(|found| found.status == Active);
            if is_in(&self.old) || is_in(&self.new) { Ok(()) } else { Err("the device is locked out".to_owned()) }
        })
    }

    fn check(&self, actors: &[Actor], faults: usize, cloud: &FakeCloud) -> Result<(), String> {
        nobody_is_half_in(cloud)?;
        let (play, state) = (self.play(actors, faults), cloud.state());
        let end = self.end(&play, cloud);
        play.check(&end).map_err(|problem| format!("{problem}: {end}"))?;
        let status = |device: &Issued| state.certificates.get(&device.id).map(|found| found.status.clone());
        for device in [&self.old, &self.new] {
            if let Some(status) = status(device) {
                play.check_rows(&cloud.registrations_of(&device.id), &status)?;
            }
        }
        Ok(())
    }

    /// What the newest verified list says of the older certificate.
    fn newest_entry(&self, play: &Play<'_>, cloud: &FakeCloud) -> Option<RevocationReason> {
        let newest = cloud.crl_state(self.fleet.id(), &source())?.current?.number?.to_string();
        let lists = play.lists();
        let newest = lists.iter().enumerate().find(|(n, _)| format!("{:x}", number(*n)) == newest);
        match newest {
            Some((_, Published::New(reason) | Published::Expired(reason))) => *reason,
            _ => self.start.is_listed().then_some(CertificateHold),
        }
    }
}

/// Number of the CRL that the n-th actor publishes; before them it is number 0.
fn number(n: usize) -> u64 {
    BEFORE + 1 + u64::try_from(n).expect("few actors")
}
