//! Faults that tests inject into calls.

/// What happens to one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InjectedFault {
    /// The call has its effect; the caller gets a fault that passes.
    AnswerLost,
    /// The call has its effect; the caller is never answered, as if it had died afterwards.
    DiedAfter,
    /// The call has no effect; the caller is never answered, as if it had died before.
    DiedBefore,
    /// The call has no effect; the caller gets a fault that passes.
    Refused,
    /// The call takes half a minute before it has its effect.
    Stalled,
}

impl InjectedFault {
    /// The kinds that end an attempt.
    pub const STOPS: [Self; 4] = [Self::AnswerLost, Self::DiedAfter, Self::DiedBefore, Self::Refused];
}
