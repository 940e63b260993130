//! An actor as a tree: what it does after each row of answers, found out by running it once.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use super::{Program, program};
use crate::testing::cloud::{Answer, Call, Effect};
use crate::testing::still::{self, ids, renamed, still};
use crate::testing::{FakeCloud, Sent, dynamodb};

/// Polls of a program within which it has to come to where it waits for its calls.
const MAX_POLLS: usize = 1_000;

/// Where an actor is: what it has been answered so far.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Place(usize);

/// The calls that an actor has made at a place and waits for, in the order in which it made them, each with its number; it
/// has ended if there is none.
pub(super) type Waiting = Vec<(u64, Call)>;

/// An answer to one of the calls that an actor waits for; none is lost.
type Answered = (usize, Option<Answer>);

/// Ids that actors have made up, by the names that they have in every order.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// The name of an id; one that was there at the start is its own.
    pub(super) fn of(&self, id: &str) -> String {
        self.0.get(id).map_or(id, String::as_str).to_owned()
    }
}

/// An actor.
pub(super) struct Actor<'s> {
    /// Where attempts begin, by their names.
    attempts: HashMap<Arc<str>, Place>,
    make: Box<dyn Fn(FakeCloud) -> Program<'s> + 's>,
    pub(super) name: &'static str,
    places: Vec<Known>,
    run: Option<Run<'s>>,
}

/// What is known of a place.
struct Known {
    /// The places that answers lead to, by the number of the call.
    answers: HashMap<(usize, u64), Place>,
    /// The answer that leads here, and from where; none at the beginning.
    from: Option<(Place, Answered)>,
    /// Ids that were made up on the way.
    made_up: usize,
    waiting: Option<Waiting>,
}

/// The actor's code at one of the places.
struct Run<'s> {
    at: Place,
    cloud: FakeCloud,
    /// Ids of the first run through the places, by those that this run makes up instead of them.
    ids: BTreeMap<String, String>,
    program: Program<'s>,
    waiting: Waiting,
}

impl<'s> Actor<'s> {
    pub(super) fn new<F: Future<Output = ()> + 's>(name: &'static str, make: impl Fn(FakeCloud) -> F + 's) -> Self {
        let beginning = Known { answers: HashMap::new(), from: None, made_up: 0, waiting: None };
        let make = Box::new(move |cloud| program(&make, cloud));
        Self { attempts: HashMap::new(), make, name, places: vec![beginning], run: None }
    }

    const BEGINNING: Place = Place(0);

    /// Where the actor is before its first call.
    pub(super) fn beginning(&mut self, names: &mut Names) -> Place {
        self.without_attempt(Self::BEGINNING, names)
    }

    /// What the actor waits for at a place.
    pub(super) fn waiting(&mut self, place: Place, names: &mut Names) -> &Waiting {
        if self.known(place).waiting.is_none() {
            let waiting = self.run_to(place);
            for sent in waiting.iter().filter_map(|(_, call)| sent(call)) {
                self.name_ids(place, sent, names);
            }
            self.places[place.0].waiting = Some(waiting);
        }
        self.places[place.0].waiting.as_ref().expect("it is known by now")
    }

    /// Where the answer to one of the calls leads from a place; no answer is a lost one.
    pub(super) fn answered(&mut self, place: Place, call: usize, answer: Option<Answer>, names: &mut Names) -> Place {
        let place = self.next(place, call, answer, names);
        self.without_attempt(place, names)
    }

    /// A place, or where the attempt begins that is all that the actor waits for.
    fn without_attempt(&mut self, place: Place, names: &mut Names) -> Place {
        let [(_, Call { effect: Effect::NewAttempt(name), .. })] = self.waiting(place, names).as_slice() else {
            return place;
        };
        let name = Arc::clone(name);
        if let Some(known) = self.attempts.get(&name) {
            return *known;
        }
        let beginning = self.next(place, 0, Some(Answer::Port(Arc::new(()))), names);
        self.attempts.insert(name, beginning);
        beginning
    }

    fn next(&mut self, place: Place, call: usize, answer: Option<Answer>, names: &Names) -> Place {
        let key = (call, key(answer.as_ref(), names));
        if let Some(known) = self.known(place).answers.get(&key) {
            return *known;
        }
        let leads_to = self.other_way(place, key, names).unwrap_or_else(|| {
            let made_up = self.known(place).made_up;
            let from = Some((place, (call, answer)));
            self.places.push(Known { answers: HashMap::new(), from, made_up, waiting: None });
            Place(self.places.len() - 1)
        });
        self.places[place.0].answers.insert(key, leads_to);
        leads_to
    }

    /// Where the same two answers in the other order have led, if both calls were made at once and no call followed from
    /// the first answer.
    fn other_way(&self, place: Place, (call, answer): (usize, u64), names: &Names) -> Option<Place> {
        let (before, (first_call, first_answer)) = self.known(place).from.as_ref()?;
        let number = self.numbers(place)?[call];
        let all = self.numbers(*before)?;
        let is_only = |after: Place, answered: u64| {
            let left = all.iter().copied().filter(|number| *number != answered);
            self.numbers(after).is_some_and(|numbers| left.eq(numbers))
        };
        let first_number = all[*first_call];
        let other = *self.known(*before).answers.get(&(all.iter().position(|found| *found == number)?, answer))?;
        if !is_only(place, first_number) || !is_only(other, number) {
            return None;
        }
        let call = self.numbers(other)?.iter().position(|found| *found == first_number)?;
        self.known(other).answers.get(&(call, key(first_answer.as_ref(), names))).copied()
    }

    fn numbers(&self, place: Place) -> Option<Vec<u64>> {
        let waiting = self.known(place).waiting.as_ref()?;
        Some(waiting.iter().map(|(number, _)| *number).collect())
    }

    fn known(&self, place: Place) -> &Known {
        &self.places[place.0]
    }

    /// Runs the actor's code to a place, from where it is if that is on the way, and else from the beginning.
    fn run_to(&mut self, place: Place) -> Waiting {
        let mut way = vec![place];
        while let Some((before, _)) = way.last().and_then(|place| self.known(*place).from.as_ref()) {
            way.push(*before);
        }
        way.reverse();
        let run = self.run.take().filter(|run| run.at != place && way.contains(&run.at));
        let mut run = run.unwrap_or_else(|| self.begin());
        let begun = way.iter().position(|place| *place == run.at).unwrap_or_default();
        for place in way.iter().skip(begun + 1) {
            let (_, (call, answer)) = self.known(*place).from.as_ref().expect("every other place follows from one");
            run.answer(*call, answer.clone());
            run.at = *place;
            self.look(&mut run);
        }
        let waiting = run.waiting.iter().map(|(number, call)| (*number, run.with_first_ids(call))).collect();
        self.run = Some(run);
        waiting
    }

    fn begin(&self) -> Run<'s> {
        let cloud = FakeCloud::explored();
        let program = (self.make)(cloud.clone());
        let mut run = Run { at: Self::BEGINNING, cloud, ids: BTreeMap::new(), program, waiting: Vec::new() };
        self.look(&mut run);
        run
    }

    /// Lets the code come to where it waits. Its calls have to be those of the first time that it was here, but for the ids
    /// that it makes up.
    fn look(&self, run: &mut Run<'s>) {
        run.go_on();
        let Some(known) = &self.known(run.at).waiting else { return };
        for ((_, first), (_, now)) in known.iter().zip(&run.waiting) {
            if let (Some(first), Some(now)) = (sent(first), sent(now)) {
                for (first, now) in ids(&first.body).into_iter().zip(ids(&now.body)) {
                    run.ids.entry(now).or_insert(first);
                }
            }
        }
        let first: Vec<_> = known.iter().map(|(_, call)| to_text(call)).collect();
        let now: Vec<_> = run.waiting.iter().map(|(_, call)| to_text(&run.with_first_ids(call))).collect();
        assert_eq!(first, now, "{}: the same answers do not lead to the same calls", self.name);
    }

    fn name_ids(&mut self, place: Place, sent: &Sent, names: &mut Names) {
        for id in ids(&sent.body) {
            let known = &mut self.places[place.0];
            names.0.entry(id).or_insert_with(|| {
                known.made_up += 1;
                format!("({} {})", self.name, known.made_up)
            });
        }
    }
}

impl Run<'_> {
    fn go_on(&mut self) {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        for _ in 0..MAX_POLLS {
            woken.0.store(false, Ordering::Relaxed);
            if self.program.as_mut().poll(&mut context).is_ready() {
                self.waiting = Vec::new();
                return;
            }
            if !woken.0.load(Ordering::Relaxed) {
                self.waiting = self.cloud.waiting_calls();
                assert!(!self.waiting.is_empty(), "the program waits for something else than its calls");
                return;
            }
        }
        unreachable!("the program does not come to where it waits");
    }

    fn answer(&mut self, call: usize, answer: Option<Answer>) {
        let own: BTreeMap<&String, &String> = self.ids.iter().map(|(own, first)| (first, own)).collect();
        let mut name = |id: &str| own.get(&id.to_owned()).map_or(id, |own| own.as_str()).to_owned();
        let answer = answer.map(|answer| match answer {
            Answer::Table(answer) if !own.is_empty() => {
                Answer::Table(dynamodb::Answer { body: renamed(&answer.body, &mut name), ..answer })
            }
            other => other,
        });
        self.cloud.answer_call(call, answer);
    }

    fn with_first_ids(&self, call: &Call) -> Call {
        let mut name = |id: &str| self.ids.get(id).map_or(id, String::as_str).to_owned();
        match sent(call) {
            Some(Sent { body, operation }) if !self.ids.is_empty() => {
                let sent = Sent { body: renamed(body, &mut name), operation: operation.clone() };
                Call { effect: Effect::Table(Arc::new(sent)), ..*call }
            }
            _ => call.clone(),
        }
    }
}

/// Whether a program has been woken since it was polled.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn sent(call: &Call) -> Option<&Sent> {
    match &call.effect {
        Effect::Table(sent) => Some(sent),
        Effect::NewAttempt(_) | Effect::Port(_) => None,
    }
}

/// A call without times.
fn to_text(call: &Call) -> String {
    let mut text = call.name.to_owned();
    if let Some(sent) = sent(call) {
        let _ = write!(text, " {}", still(&sent.body, &[], &mut str::to_owned));
    }
    text
}

/// What an answer is known by.
fn key(answer: Option<&Answer>, names: &Names) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut name = |id: &str| names.of(id);
    match answer {
        None => "lost".hash(&mut hasher),
        Some(Answer::Port(reply)) => still::hash_text(&format!("{reply:?}"), &mut hasher, &mut name),
        Some(Answer::Table(answer)) => {
            answer.status.hash(&mut hasher);
            still::hash(&answer.body, &mut hasher, &mut name);
        }
    }
    hasher.finish()
}
