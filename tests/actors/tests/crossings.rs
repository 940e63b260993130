//! Several actors at once, in random order, with faults: a certificate ends where its facts say, at the latest after the
//! next ordinary run of the CRL checker.
//!
//! Calls and answers take random times of the paused clock, from a seed, so that the calls of the actors follow each other
//! in a random order; the first calls meet up to two faults. A wrong end is printed with its seed, and comes again with
//! `SEED=<seed> SEEDS=1 cargo test --package actors --test crossings -- --nocapture`; `make explore` runs many seeds.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends where its set-up does, and tells how many schedules it has run"
)]

use std::pin::Pin;
use std::time::{Duration, Instant};

use actors::{Fleet, account, checking, operator};
use crl_checker::Request;
use futures_util::future::join_all;
use shared::decision::Reason;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation};
use shared::profile::TakeOver;
use shared::testing::{CloudState, InjectedFault, Issued};
use tokio::time::timeout;

/// Schedules of a test run.
const SEEDS: u64 = 250;
/// Numbers of the CRLs that the actors publish begin here.
const FIRST_NUMBER: u64 = 11;
/// Time after which an actor that has not ended is dead.
const MAX_TIME: Duration = Duration::from_mins(15);

/// Somebody who does something once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Actor {
    /// The event of the older certificate is delivered.
    Older,
    /// The event of the younger certificate is delivered.
    Younger,
    /// The CA publishes a CRL with this entry for the older certificate, and the checker runs.
    Run(Option<RevocationReason>),
    /// The checker compares all registrations with the CRL that there is.
    Reconcile,
    /// An operator deletes the older certificate, and AWS IoT registers it again.
    Reregister,
    /// An operator releases the thing.
    ReleaseThing,
    /// An operator changes the take-over rule.
    Rule(TakeOver),
}

const ACTORS: [Actor; 13] = [
    Actor::Older,
    Actor::Older,
    Actor::Younger,
    Actor::Younger,
    Actor::Run(None),
    Actor::Run(Some(CertificateHold)),
    Actor::Run(Some(CertificateHold)),
    Actor::Run(Some(KeyCompromise)),
    Actor::Reconcile,
    Actor::Reregister,
    Actor::ReleaseThing,
    Actor::Rule(TakeOver::Rotate),
    Actor::Rule(TakeOver::Join),
];

/// What a seed makes of the beginning.
#[derive(Clone, Debug)]
struct Scenario {
    actors: Vec<Actor>,
    delays: Vec<Duration>,
    faults: Vec<(usize, InjectedFault)>,
    rule: TakeOver,
    schedule: u64,
    start: Start,
}

/// Where the older certificate is when the actors begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Start {
    Pending,
    Inside,
    OnHold,
    Released,
}

/// Numbers that follow from a seed.
struct Random(fastrand::Rng);

impl Random {
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }
}

impl Scenario {
    fn of(seed: u64) -> Self {
        let mut random = Random(fastrand::Rng::with_seed(seed));
        let count = random.0.usize(2..=4);
        Self {
            actors: (0..count).map(|_| random.one(&ACTORS)).collect(),
            delays: (0..count).map(|_| Duration::from_millis(random.0.u64(..15_000))).collect(),
            faults: (0..random.0.usize(..=2))
                .map(|_| (random.0.usize(..40), random.one(&InjectedFault::STOPS)))
                .collect(),
            rule: random.one(&[TakeOver::Rotate, TakeOver::Rotate, TakeOver::Refuse]),
            schedule: random.0.u64(1..),
            start: random.one(&[Start::Pending, Start::Inside, Start::OnHold, Start::Released]),
        }
    }

    fn has(&self, actor: Actor) -> bool {
        self.actors.contains(&actor)
    }
}

/// A run of the checker over the fleet's CA, whose list may lose all of its entries.
fn request(fleet: &Fleet) -> Request {
    Request { accept_shrunk: true, ca_certificate_id: Some(fleet.id().clone()), ..Request::default() }
}

fn active_ones_have_thing_and_policy(state: &CloudState) -> bool {
    state.certificates.values().all(|found| found.status != Active || state.has_thing_and_policy(found))
}

/// Two certificates for one thing, the first of which is older.
async fn prepare(scenario: &Scenario) -> (Fleet, Issued, Issued) {
    let fleet = Fleet::with_crl().await;
    fleet.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(scenario.rule));
    let issue = |age: i64| {
        let begin = fleet.now - time::Duration::hours(age);
        fleet.register(fleet.authority.issue_with("pump-1", fleet.now, |params| params.not_before = begin))
    };
    let (old, new) = (issue(20), issue(10));
    if scenario.start != Start::Pending {
        fleet.connect(&old).await.unwrap();
    }
    if matches!(scenario.start, Start::OnHold | Start::Released) {
        fleet.publish(2, &[(&old, CertificateHold)]);
        fleet.sync().await;
    }
    if scenario.start == Start::Released {
        fleet.publish(3, &[]);
        fleet.run(&request(&fleet)).await;
    }
    (fleet, old, new)
}

async fn act(actor: Actor, number: u64, fleet: &Fleet, old: &Issued, new: &Issued) {
    // What an actor is answered is nobody's concern: what counts is where the certificates end.
    match actor {
        Actor::Older => drop(fleet.connect(old).await),
        Actor::Younger => drop(fleet.connect(new).await),
        Actor::Run(reason) => {
            let entries: Vec<_> = reason.into_iter().map(|reason| (old, reason)).collect();
            fleet.publish(number, &entries);
            drop(checking::run(&fleet.cloud, &request(fleet)).await);
        }
        Actor::Reconcile => drop(checking::run(&fleet.cloud, &Request { reconcile: true, ..request(fleet) }).await),
        Actor::Reregister => fleet.cloud.register(fleet.id(), &account(), &old.id, &old.pem),
        Actor::ReleaseThing => drop(operator::release_thing(&fleet.cloud, "pump-1").await),
        Actor::Rule(rule) => fleet.cloud.change_profile(fleet.id(), |profile| profile.take_over = Some(rule)),
    }
}

/// Lets the actors act, repeats all deliveries, and runs the checker once.
async fn run(scenario: &Scenario) -> Result<(), String> {
    let (fleet, old, new) = prepare(scenario).await;
    fleet.cloud.watch(active_ones_have_thing_and_policy);
    fleet.cloud.shuffle(scenario.schedule, &scenario.faults);
    let mut programs: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
    for ((actor, delay), number) in scenario.actors.iter().zip(&scenario.delays).zip(FIRST_NUMBER..) {
        let (fleet, old, new) = (&fleet, &old, &new);
        programs.push(Box::pin(async move {
            tokio::time::sleep(*delay).await;
            act(*actor, number, fleet, old, new).await;
        }));
    }
    // Those that died never end.
    let _ = timeout(MAX_TIME, join_all(programs)).await;
    fleet.cloud.shuffle(0, &[]);
    fleet.cloud.let_processes_die();
    for _ in 0..2 {
        for device in [&old, &new] {
            let has_begun = device.id == old.id || scenario.has(Actor::Younger);
            if has_begun && fleet.status(device) == PendingActivation {
                drop(fleet.connect(device).await);
            }
        }
    }
    fleet.run(&request(&fleet)).await;
    check(scenario, &fleet, &old, &new)
}

/// What the newest verified CRL says of the older certificate.
fn newest_entry(scenario: &Scenario, fleet: &Fleet) -> Option<RevocationReason> {
    let number = fleet.crl_state().current.unwrap().number.unwrap().to_string();
    let mut published = scenario.actors.iter().zip(FIRST_NUMBER..);
    let last = published.find(|(_, published)| format!("{published:x}") == number);
    match last {
        Some((Actor::Run(reason), _)) => *reason,
        _ => (scenario.start == Start::OnHold).then_some(CertificateHold),
    }
}

fn check(scenario: &Scenario, fleet: &Fleet, old: &Issued, new: &Issued) -> Result<(), String> {
    if let Some(call) = fleet.cloud.broken_after() {
        return Err(format!("ACTIVE without thing or policy after call {call}, {}", fleet.cloud.calls()[call]));
    }
    check_rows(fleet, [old, new])?;
    let (old_status, new_status) = (fleet.status(old), fleet.status(new));
    if old_status == Active && new_status == Active && !scenario.has(Actor::Rule(TakeOver::Join)) {
        return Err("two certificates of one thing are ACTIVE".to_owned());
    }
    let entry = newest_entry(scenario, fleet);
    if old_status == Active && entry.is_some() {
        return Err(format!("ACTIVE, and the newest list says {entry:?}"));
    }
    let was_revoked = scenario.has(Actor::Run(Some(KeyCompromise)));
    let is_alone = !scenario.has(Actor::Younger) && !scenario.has(Actor::ReleaseThing);
    if is_alone && entry.is_none() && !was_revoked && old_status != Active {
        return Err(format!("free, and {old_status}"));
    }
    let is_taken = || fleet.cloud.registrations_of(&new.id).iter().any(|row| row.reason == Reason::ThingTaken);
    let nobody_is_in = old_status != Active && new_status != Active;
    if nobody_is_in && scenario.has(Actor::Younger) && !scenario.has(Actor::ReleaseThing) && !is_taken() {
        return Err(format!("nobody is in: {old_status}, {new_status}"));
    }
    if new_status == Inactive && !scenario.has(Actor::ReleaseThing) {
        return Err("the younger one, which nothing is against, is INACTIVE".to_owned());
    }
    Ok(())
}

/// Every row is confirmed, and tells what AWS IoT has.
fn check_rows(fleet: &Fleet, devices: [&Issued; 2]) -> Result<(), String> {
    for device in devices {
        let status = fleet.status(device);
        for row in fleet.cloud.registrations_of(&device.id) {
            if !row.is_confirmed() {
                return Err(format!("not confirmed: {row:?}"));
            }
            // Nobody looks at one that is registered again before its event comes.
            let is_told = row.status.as_ref().is_none_or(|known| *known == status || status == PendingActivation);
            if !is_told {
                return Err(format!("AWS IoT has {status}: {row:?}"));
            }
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an argument of whoever runs the test")]
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn whatever_crosses_whatever_certificates_end_where_their_facts_say() {
    let (first, count) = (number("SEED", 1), number("SEEDS", SEEDS));
    let begun = Instant::now();
    let mut wrong = 0;
    for seed in first..first + count {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let scenario = Scenario::of(seed);
        if let Err(problem) = runtime.block_on(run(&scenario)) {
            wrong += 1;
            println!("SEED={seed}: {problem}\n  {scenario:?}");
        }
    }
    println!("{count} schedules from seed {first}, {wrong} end wrong, {:.0} s", begun.elapsed().as_secs_f64());
    assert_eq!(wrong, 0, "schedules that end wrong");
}
