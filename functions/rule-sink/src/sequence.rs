//! The messages of one item: which of them have to be written, one after another, and which need not because a later one
//! makes them irrelevant. One that is refused makes nothing irrelevant.

use std::ops::Range;

use shared::item::{Effect, Write};

/// A message that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Its place among the records.
    pub place: usize,
    /// The write.
    pub write: Write,
}

/// The messages of one item, in the order in which rules saw them. There is at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    steps: Vec<Step>,
}

/// A message, and the earlier ones that need not be written if it is.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    pending: Pending,
    /// Where the earlier ones begin; they end before this one.
    since: usize,
}

impl Sequence {
    pub(crate) fn new(writes: Vec<Pending>) -> Self {
        let mut steps: Vec<Step> = Vec::with_capacity(writes.len());
        for pending in writes {
            let mut since = steps.len();
            while let Some(earlier) = since.checked_sub(1).and_then(|at| steps.get(at)) {
                if !is_irrelevant(&earlier.pending.write.effect, &pending.write.effect) {
                    break;
                }
                since = earlier.since;
            }
            steps.push(Step { pending, since });
        }
        Self { steps }
    }

    /// The last message.
    pub(crate) fn last(&self) -> Option<&Pending> {
        self.steps.last().map(|step| &step.pending)
    }

    /// Whether the last message makes all others irrelevant and replaces whatever was there before, so that a batch can take
    /// the sequence.
    pub(crate) fn is_replacement(&self) -> bool {
        self.steps.last().is_some_and(|last| last.since == 0 && last.pending.write.effect.replaces())
    }

    /// The places of all messages among the records.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        self.steps.iter().map(|step| step.pending.place)
    }

    /// What is to be written.
    pub(crate) fn begin(&self) -> Remaining<'_> {
        let mut remaining = Remaining { due: Vec::new(), steps: &self.steps };
        remaining.add(0..self.steps.len());
        remaining
    }
}

/// What of a sequence is still to be written.
#[derive(Debug)]
pub(crate) struct Remaining<'a> {
    /// The steps by their positions, the next one last.
    due: Vec<usize>,
    steps: &'a [Step],
}

/// A message that is to be written next.
#[derive(Debug)]
pub(crate) struct Due<'a> {
    pub(crate) pending: &'a Pending,
    /// The positions of those that need not be written if it is.
    superseded: Range<usize>,
}

impl<'a> Remaining<'a> {
    /// The next message.
    pub(crate) fn next(&mut self) -> Option<Due<'a>> {
        let at = self.due.pop()?;
        let Step { pending, since } = self.steps.get(at)?;
        Some(Due { pending, superseded: *since..at })
    }

    /// The places of the messages that need not be written if this one is.
    pub(crate) fn superseded(&self, due: &Due<'_>) -> impl Iterator<Item = usize> + use<'a> {
        let steps = self.steps.get(due.superseded.clone()).unwrap_or_default();
        steps.iter().map(|step| step.pending.place)
    }

    /// What a message that is refused would have made irrelevant is written next, before what comes later.
    pub(crate) fn reinstate(&mut self, refused: &Due<'_>) {
        self.add(refused.superseded.clone());
    }

    /// How many messages are not written yet, of `due` on.
    pub(crate) fn count(&self, due: &Due<'_>) -> usize {
        self.steps.len().saturating_sub(due.superseded.start)
    }

    /// Adds what has to be written so that nothing of a range is missing.
    fn add(&mut self, range: Range<usize>) {
        let mut end = range.end;
        while let Some(at) = end.checked_sub(1).filter(|at| *at >= range.start) {
            self.due.push(at);
            end = self.steps.get(at).map_or(at, |step| step.since);
        }
    }
}

/// Whether nothing is left of a write after the next one of the same item.
fn is_irrelevant(earlier: &Effect, later: &Effect) -> bool {
    match (earlier, later) {
        (_, Effect::Delete | Effect::Put(_)) => true,
        (Effect::Update(earlier), Effect::Update(later)) => earlier.keys().all(|name| later.contains_key(name)),
        _ => false,
    }
}
