//! What is wrong with a configuration of routes.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub struct RouteFault {
    /// What is wrong.
    pub message: String,
    /// The member, as `telemetry.ttl.after`; empty for the whole. With a source in front of it: `MORE_ROUTES:
    /// telemetry.ttl.after`, or `MORE_ROUTES` for the whole.
    pub path: String,
}

impl fmt::Display for RouteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{}{separator}{}", self.path, self.message)
    }
}

/// Everything that is wrong, at least one thing, in the order of the text; last, in what routes of one table
/// disagree.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub struct RouteFaults(pub Vec<RouteFault>);

impl fmt::Display for RouteFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
