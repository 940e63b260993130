//! Faults of calls to AWS: what went wrong, and whether it is worth trying again.
//!
//! Decisions and rejections are not faults; they are values. A fault always goes back to Lambda, which tries again
//! and at last hands the event to the failed-registrations queue.

use std::error::Error;
use std::fmt;

use crate::text::Detail;

/// What kind of trouble a call had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// The function's role lacks a permission, or the credentials are bad.
    Denied,
    /// The request or the answer is not what the interface promises; trying again won't help.
    Invalid,
    /// The object that a state names is not there: a newer state has replaced it, or it is lost.
    Missing,
    /// Something named in the configuration does not exist: a table, a policy, a thing type, a thing group.
    NotFound,
    /// The service asks to slow down.
    Throttled,
    /// A time-out, a lost connection, or a fault of the service.
    Unavailable,
}

impl FaultKind {
    /// Whether trying again without anybody's help can succeed.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Denied | Self::Invalid | Self::NotFound => false,
            // A newer state names another object, and the CRL checker makes a lost one again.
            Self::Missing | Self::Throttled | Self::Unavailable => true,
        }
    }

    /// The kind as logs, metrics and Lambda's error type carry it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::NotFound => "not_found",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A call that did not do what it was asked to.
#[derive(Debug)]
pub struct Fault {
    /// What kind of trouble.
    pub kind: FaultKind,
    /// The operation, as AWS names it: `iot:AttachPolicy`.
    pub operation: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl Fault {
    /// A fault of one operation, with what caused it.
    pub fn new(operation: &'static str, kind: FaultKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, operation, source: source.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed ({})", self.operation, self.kind.as_str())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// An error with all its causes as one sentence, shortened if need be.
#[must_use]
pub fn chain(error: &dyn Error) -> Detail {
    Detail::new(Chain(error))
}

struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MAX_DETAIL;

    #[test]
    fn causes_stand_behind_each_other_and_have_an_end() {
        let fault = Fault::new("iot:AttachPolicy", FaultKind::Denied, "not allowed");
        assert_eq!(&*chain(&fault), "iot:AttachPolicy failed (denied): not allowed");
        let fault = Fault::new("iot:AttachPolicy", FaultKind::Denied, "x".repeat(260_000));
        assert_eq!(chain(&fault).len(), MAX_DETAIL);
    }
}
