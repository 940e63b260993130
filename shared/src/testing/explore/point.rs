//! A point of an exploration as a plain value, and the steps from it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::actor::{Actor, Names, Next, Place};
use super::{Exploration, Failure, Step};
use crate::testing::cloud::Answer;
use crate::testing::{CloudState, FakeCloud, InjectedFault};

/// Where everything is.
#[derive(Clone)]
pub(super) struct Point {
    actors: Vec<Whereabouts>,
    faults: usize,
    state: CloudState,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Whereabouts {
    At(Place),
    Died,
    Ended,
}

/// A step that may come next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) actor: usize,
    pub(super) fault: Option<InjectedFault>,
}

/// What the points of an exploration share.
pub(super) struct Course<'e, 's> {
    pub(super) calls: usize,
    exploration: &'e mut Exploration<'s>,
    names: Names,
    pub(super) steps: Vec<Step>,
    /// The cloud that checks look at.
    view: FakeCloud,
}

impl<'e, 's> Course<'e, 's> {
    pub(super) fn new(exploration: &'e mut Exploration<'s>) -> Self {
        let view = FakeCloud::default();
        Self { calls: 0, exploration, names: Names::default(), steps: Vec::new(), view }
    }

    pub(super) fn bound(&self) -> usize {
        self.exploration.bound
    }

    pub(super) fn start(&mut self) -> Point {
        let state = self.exploration.start.state();
        let faults = self.exploration.faults;
        let mut actors = Vec::new();
        for actor in &mut self.exploration.actors {
            actors.push(whereabouts(actor, Actor::BEGINNING, &mut self.names));
        }
        Point { actors, faults, state }
    }

    /// What may come next; nothing if all actors have ended or died.
    pub(super) fn choices(&self, point: &Point) -> Vec<Choice> {
        let mut choices = Vec::new();
        for (actor, _) in point.actors.iter().enumerate().filter(|(_, at)| matches!(at, Whereabouts::At(_))) {
            choices.push(Choice { actor, fault: None });
            if point.faults > 0 {
                choices.extend(self.exploration.kinds.iter().map(|kind| Choice { actor, fault: Some(*kind) }));
            }
        }
        choices
    }

    /// Makes a step. The order has one step more from now on.
    pub(super) fn step(&mut self, mut point: Point, choice: Choice) -> Result<Point, Failure> {
        let Choice { actor: number, fault } = choice;
        let Whereabouts::At(place) = point.actors[number] else { unreachable!("only actors that go on are chosen") };
        let actor = &mut self.exploration.actors[number];
        let Next::Call(call) = actor.next(place, &mut self.names) else { unreachable!("its end was noticed") };
        self.calls += 1;
        self.steps.push(Step { actor: actor.name, call: call.name, fault });
        point.faults -= usize::from(fault.is_some());
        let has_effect = !matches!(fault, Some(InjectedFault::DiedBefore | InjectedFault::Refused));
        let answer = has_effect.then(|| call.apply(&mut point.state));
        point.actors[number] = match fault {
            Some(InjectedFault::DiedAfter | InjectedFault::DiedBefore) => Whereabouts::Died,
            Some(InjectedFault::AnswerLost | InjectedFault::Refused) => self.go_on(number, place, None),
            Some(InjectedFault::Stalled) | None => self.go_on(number, place, answer),
        };
        self.check_always(&mut point.state)?;
        Ok(point)
    }

    fn go_on(&mut self, number: usize, place: Place, answer: Option<Answer>) -> Whereabouts {
        let actor = &mut self.exploration.actors[number];
        let place = actor.answered(place, answer, &self.names);
        whereabouts(actor, place, &mut self.names)
    }

    /// Lets happen what comes afterwards, and looks at the end.
    pub(super) fn end(&mut self, mut point: Point) -> Result<(), Failure> {
        let before = self.steps.len();
        let mut place = Actor::BEGINNING;
        while let Some(actor) = &mut self.exploration.afterwards
            && let Next::Call(call) = actor.next(place, &mut self.names)
        {
            self.calls += 1;
            self.steps.push(Step { actor: actor.name, call: call.name, fault: None });
            let answer = call.apply(&mut point.state);
            place = actor.answered(place, Some(answer), &self.names);
            self.check_always(&mut point.state)?;
        }
        self.check(&mut point.state, true)?;
        self.steps.truncate(before);
        Ok(())
    }

    fn check_always(&mut self, state: &mut CloudState) -> Result<(), Failure> {
        self.check(state, false)
    }

    fn check(&mut self, state: &mut CloudState, is_end: bool) -> Result<(), Failure> {
        let Exploration { always, at_the_end, .. } = &self.exploration;
        self.view.change(|seen| std::mem::swap(seen, state));
        let found = if is_end { at_the_end(&self.view) } else { always(&self.view) };
        self.view.change(|seen| std::mem::swap(seen, state));
        found.map_err(|problem| Failure { problem, seed: None, steps: self.steps.clone() })
    }

    /// What a point is known by: equal points have the same future.
    pub(super) fn fingerprint(&self, point: &Point) -> u64 {
        let Point { actors, faults, state } = point;
        let mut hasher = DefaultHasher::new();
        actors.hash(&mut hasher);
        let is_over = !actors.iter().any(|at| matches!(at, Whereabouts::At(_)));
        (if is_over { 0 } else { *faults }).hash(&mut hasher);
        state.hash_still(&mut hasher, &mut |id| self.names.of(id));
        hasher.finish()
    }
}

fn whereabouts(actor: &mut Actor<'_>, place: Place, names: &mut Names) -> Whereabouts {
    match actor.next(place, names) {
        Next::Call(_) => Whereabouts::At(place),
        Next::End => Whereabouts::Ended,
    }
}

/// If a check or a program panics, the order is told.
impl Drop for Course<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after these calls:\n{}", super::outcome::listed(&self.steps));
        }
    }
}
