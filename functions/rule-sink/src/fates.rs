//! What becomes of each message of an invocation.

use crate::refusal::Refusal;

/// What becomes of a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Fate {
    /// It is delivered again: nothing that is known says that it is done.
    #[default]
    Again,
    /// It can't be written.
    Refused(Refusal),
    /// An item was there already, and stays as it is.
    Repeated,
    /// It is written.
    Written,
}

/// The fates of all messages, by their places among the records.
#[derive(Debug)]
pub(crate) struct Fates(Vec<Fate>);

impl Fates {
    /// Everything is delivered again unless something else becomes known.
    pub(crate) fn new(count: usize) -> Self {
        Self(vec![Fate::Again; count])
    }

    pub(crate) fn set(&mut self, place: usize, fate: Fate) {
        if let Some(entry) = self.0.get_mut(place) {
            *entry = fate;
        }
    }

    /// A place that there is not was done by nobody.
    pub(crate) fn of(&self, place: usize) -> &Fate {
        self.0.get(place).unwrap_or(&Fate::Again)
    }

    pub(crate) fn count(&self, is_counted: impl Fn(&Fate) -> bool) -> u64 {
        u64::try_from(self.0.iter().filter(|fate| is_counted(fate)).count()).unwrap_or(u64::MAX)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Fate)> {
        self.0.iter().enumerate()
    }
}
