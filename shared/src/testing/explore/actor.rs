//! An actor as a tree: what it does after each row of answers, found out by running it once.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::task::{Context, Waker};

use super::{Program, program};
use crate::testing::cloud::{Answer, Call, Effect};
use crate::testing::still::{self, ids, renamed, still};
use crate::testing::{FakeCloud, Sent, dynamodb};

/// Polls of a program within which it has to make its next call.
const MAX_POLLS: usize = 100;

/// Where an actor is: what it has been answered so far.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Place(usize);

/// What an actor does at a place.
#[derive(Clone)]
pub(super) enum Next {
    /// It makes a call.
    Call(Call),
    /// It has done everything.
    End,
}

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
    make: Box<dyn Fn(FakeCloud) -> Program<'s> + 's>,
    pub(super) name: &'static str,
    places: Vec<Known>,
    run: Option<Run<'s>>,
}

/// What is known of a place.
struct Known {
    /// The places that answers lead to.
    answers: HashMap<u64, Place>,
    /// The answer that leads here, and from where; none at the beginning.
    from: Option<(Place, Option<Answer>)>,
    /// Ids that were made up on the way.
    made_up: usize,
    next: Option<Next>,
}

/// The actor's code at one of the places.
struct Run<'s> {
    at: Place,
    cloud: FakeCloud,
    /// Ids of the first run through the places, by those that this run makes up instead of them.
    ids: BTreeMap<String, String>,
    next: Next,
    program: Program<'s>,
}

impl<'s> Actor<'s> {
    pub(super) fn new<F: Future<Output = ()> + 's>(name: &'static str, make: impl Fn(FakeCloud) -> F + 's) -> Self {
        let beginning = Known { answers: HashMap::new(), from: None, made_up: 0, next: None };
        let make = Box::new(move |cloud| program(&make, cloud));
        Self { make, name, places: vec![beginning], run: None }
    }

    pub(super) const BEGINNING: Place = Place(0);

    /// What the actor does at a place.
    pub(super) fn next(&mut self, place: Place, names: &mut Names) -> Next {
        if let Some(next) = &self.known(place).next {
            return next.clone();
        }
        let next = self.run_to(place);
        if let Next::Call(Call { effect: Effect::Table(sent), .. }) = &next {
            self.name_ids(place, sent, names);
        }
        self.places[place.0].next = Some(next.clone());
        next
    }

    /// Where an answer leads from a place; no answer is a lost one.
    pub(super) fn answered(&mut self, place: Place, answer: Option<Answer>, names: &Names) -> Place {
        let key = key(answer.as_ref(), names);
        if let Some(known) = self.known(place).answers.get(&key) {
            return *known;
        }
        let made_up = self.known(place).made_up;
        let new = Place(self.places.len());
        self.places.push(Known { answers: HashMap::new(), from: Some((place, answer)), made_up, next: None });
        self.places[place.0].answers.insert(key, new);
        new
    }

    fn known(&self, place: Place) -> &Known {
        &self.places[place.0]
    }

    /// Runs the actor's code to a place, from where it is if that is on the way, and else from the beginning.
    fn run_to(&mut self, place: Place) -> Next {
        let mut way = vec![place];
        while let Some((before, _)) = way.last().and_then(|place| self.known(*place).from.as_ref()) {
            way.push(*before);
        }
        way.reverse();
        let run = self.run.take().filter(|run| run.at != place && way.contains(&run.at));
        let mut run = run.unwrap_or_else(|| self.begin());
        let begun = way.iter().position(|place| *place == run.at).unwrap_or_default();
        for place in way.iter().skip(begun + 1) {
            let (_, answer) = self.known(*place).from.as_ref().expect("every other place follows from one");
            run.answer(answer.clone());
            run.at = *place;
            self.look(&mut run);
        }
        let next = run.with_first_ids(&run.next);
        self.run = Some(run);
        next
    }

    fn begin(&self) -> Run<'s> {
        let cloud = FakeCloud::explored();
        let program = (self.make)(cloud.clone());
        let mut run = Run { at: Self::BEGINNING, cloud, ids: BTreeMap::new(), next: Next::End, program };
        self.look(&mut run);
        run
    }

    /// Lets the code come to its next call. It has to be the one of the first time that it was here, but for the ids that
    /// it makes up.
    fn look(&self, run: &mut Run<'s>) {
        run.go_on();
        let Some(first) = &self.known(run.at).next else { return };
        if let (Some(first), Some(now)) = (first.sent(), run.next.sent()) {
            for (first, now) in ids(&first.body).into_iter().zip(ids(&now.body)) {
                run.ids.entry(now).or_insert(first);
            }
        }
        let (first, now) = (first.to_text(), run.with_first_ids(&run.next).to_text());
        assert_eq!(first, now, "{}: the same answers do not lead to the same call", self.name);
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
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..MAX_POLLS {
            if self.program.as_mut().poll(&mut context).is_ready() {
                self.next = Next::End;
                return;
            }
            if let Some(call) = self.cloud.first_call() {
                self.next = Next::Call(call);
                return;
            }
        }
        unreachable!("the program waits for something else than its next call")
    }

    fn answer(&mut self, answer: Option<Answer>) {
        let own: BTreeMap<&String, &String> = self.ids.iter().map(|(own, first)| (first, own)).collect();
        let mut name = |id: &str| own.get(&id.to_owned()).map_or(id, |own| own.as_str()).to_owned();
        let answer = answer.map(|answer| match answer {
            Answer::Table(answer) if !own.is_empty() => {
                Answer::Table(dynamodb::Answer { body: renamed(&answer.body, &mut name), ..answer })
            }
            other => other,
        });
        self.cloud.answer_first_call(answer);
    }

    fn with_first_ids(&self, next: &Next) -> Next {
        let mut name = |id: &str| self.ids.get(id).map_or(id, String::as_str).to_owned();
        match next {
            Next::Call(Call { effect: Effect::Table(sent), name: call }) if !self.ids.is_empty() => {
                let Sent { body, operation } = &**sent;
                let sent = Sent { body: renamed(body, &mut name), operation: operation.clone() };
                Next::Call(Call { effect: Effect::Table(Arc::new(sent)), name: call })
            }
            other => other.clone(),
        }
    }
}

impl Next {
    fn sent(&self) -> Option<&Sent> {
        match self {
            Self::Call(Call { effect: Effect::Table(sent), .. }) => Some(sent),
            _ => None,
        }
    }

    /// The call without times.
    fn to_text(&self) -> String {
        let Self::Call(call) = self else { return "the end".to_owned() };
        let mut text = call.name.to_owned();
        if let Some(sent) = self.sent() {
            let _ = write!(text, " {}", still(&sent.body, &[], &mut str::to_owned));
        }
        text
    }
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
