//! A point of an exploration as a plain value, and the steps from it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::actor::{Actor, Names, Place};
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
    /// Which of the calls that the actor waits for.
    call: usize,
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
            let beginning = actor.beginning(&mut self.names);
            actors.push(whereabouts(actor, beginning, &mut self.names));
        }
        Point { actors, faults, state }
    }

    /// What may come next; nothing if all actors have ended or died.
    pub(super) fn choices(&mut self, point: &Point) -> Vec<Choice> {
        let mut choices = Vec::new();
        let Exploration { actors, kinds, .. } = &mut *self.exploration;
        for (number, (actor, at)) in actors.iter_mut().zip(&point.actors).enumerate() {
            let Whereabouts::At(place) = at else { continue };
            for call in 0..actor.waiting(*place, &mut self.names).len() {
                choices.push(Choice { actor: number, call, fault: None });
                if point.faults > 0 {
                    choices.extend(kinds.iter().map(|kind| Choice { actor: number, call, fault: Some(*kind) }));
                }
            }
        }
        choices
    }

    /// Makes a step. The order has one step more from now on.
    pub(super) fn step(&mut self, mut point: Point, choice: Choice) -> Result<Point, Failure> {
        let Choice { actor: number, call: call_number, fault } = choice;
        let Whereabouts::At(place) = point.actors[number] else { unreachable!("only actors that go on are chosen") };
        let actor = &mut self.exploration.actors[number];
        let (_, call) = &actor.waiting(place, &mut self.names)[call_number];
        self.calls += 1;
        let has_effect = !matches!(fault, Some(InjectedFault::DiedBefore | InjectedFault::Refused));
        let answer = has_effect.then(|| call.apply(&mut point.state));
        self.steps.push(Step { call: call.name, actor: actor.name, fault });
        point.faults -= usize::from(fault.is_some());
        point.actors[number] = match fault {
            Some(InjectedFault::DiedAfter | InjectedFault::DiedBefore) => Whereabouts::Died,
            Some(InjectedFault::AnswerLost | InjectedFault::Refused) => self.go_on(choice, place, None),
            Some(InjectedFault::Stalled) | None => self.go_on(choice, place, answer),
        };
        self.check_always(&mut point.state)?;
        Ok(point)
    }

    fn go_on(&mut self, Choice { actor, call, .. }: Choice, place: Place, answer: Option<Answer>) -> Whereabouts {
        let actor = &mut self.exploration.actors[actor];
        let place = actor.answered(place, call, answer, &mut self.names);
        whereabouts(actor, place, &mut self.names)
    }

    /// Lets happen what comes afterwards, and looks at the end. Of several calls at once the first is answered first.
    pub(super) fn end(&mut self, mut point: Point) -> Result<(), Failure> {
        let before = self.steps.len();
        let mut place = None;
        while let Some(actor) = &mut self.exploration.afterwards {
            let at = place.unwrap_or_else(|| actor.beginning(&mut self.names));
            let Some((_, call)) = actor.waiting(at, &mut self.names).first() else { break };
            self.calls += 1;
            let answer = call.apply(&mut point.state);
            self.steps.push(Step { call: call.name, actor: actor.name, fault: None });
            place = Some(actor.answered(at, 0, Some(answer), &mut self.names));
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
    if actor.waiting(place, names).is_empty() { Whereabouts::Ended } else { Whereabouts::At(place) }
}

/// If a check or a program panics, the order is told.
impl Drop for Course<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after these calls:\n{}", super::outcome::listed(&self.steps));
        }
    }
}
