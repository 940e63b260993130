//! What an invocation tells CloudWatch.

use shared::decision::{Reason, Verdict};

/// The counts of a decision, by metric name. Most decisions have none: their rows and the log tell them.
pub(crate) fn counts(verdict: &Verdict) -> Vec<(&'static str, u64)> {
    match verdict.reason {
        // Another stack's CA, or one that the operator has forgotten, or a table that was lost.
        Reason::AuthorityNotEnrolled => vec![("AuthoritiesNotEnrolled", 1)],
        _ => Vec::new(),
    }
}
