//! What a run tells CloudWatch.

use crate::report::{Outcome, Report};

/// The counts of a run, by metric name.
pub(crate) fn counts(report: &Report) -> [(&'static str, u64); 9] {
    let sources = |outcome| {
        let found = report.sources.iter().filter(|source| source.outcome == outcome).count();
        u64::try_from(found).unwrap_or(u64::MAX)
    };
    let failed = u64::try_from(report.failures.len()).unwrap_or(u64::MAX);
    let changes = &report.changes;
    [
        ("CertificatesHeld", changes.held),
        ("CertificatesReleased", changes.released),
        ("CertificatesRevoked", changes.revoked),
        ("CrlChecksFailed", failed.saturating_add(sources(Outcome::Failed))),
        ("CrlsKeptOut", sources(Outcome::KeptOut)),
        ("CrlsPublished", sources(Outcome::Published)),
        ("RunsUnfinished", u64::from(!report.finished)),
        ("SessionsEnded", changes.sessions_ended),
        ("SessionsNotOffered", changes.sessions_not_offered),
    ]
}
