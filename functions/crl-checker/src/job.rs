//! One source of one CA in a run.

use shared::contained::IsolationError;
use shared::fault::chain;
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::profile::CrlRules;
use shared::revocation::CrlState;
use shared::text::Detail;

use crate::report::{Outcome, SourceReport, Tally};

/// A source with all that is known of it, and what the run has made of it so far.
pub(crate) struct Job {
    pub(crate) authority: CaCertificateId,
    pub(crate) issuer: Certificate,
    pub(crate) report: SourceReport,
    pub(crate) rules: CrlRules,
    pub(crate) stage: Stage,
    pub(crate) state: CrlState,
    pub(crate) tally: Tally,
}

/// What a source still waits for in this run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// To be asked.
    Check,
    /// To be asked alone: its CRL found no room beside the others'.
    CheckAlone,
    /// To have its changes carried out.
    Apply,
    /// Nothing.
    Done,
}

/// How far the changes of a source have been carried out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Applied {
    /// To their end.
    Done,
    /// Another run is at it.
    LostLock,
    /// The time was up.
    Stopped,
}

impl Job {
    /// A source whose row can't be read has failed already: nothing is written over what somebody may still mend.
    pub(crate) fn new(authority: CaCertificateId, issuer: Certificate, rules: CrlRules, state: CrlState) -> Self {
        let report = SourceReport::new(&authority, Some(&state.source), Outcome::Postponed);
        let unreadable = state.unreadable.clone();
        let mut job = Self { authority, issuer, report, rules, stage: Stage::Check, state, tally: Tally::default() };
        if let Some(problem) = unreadable {
            job.fail(problem);
        }
        job
    }

    /// The source could not be dealt with; the next run tries again.
    pub(crate) fn fail(&mut self, detail: Detail) {
        self.stage = Stage::Done;
        self.report.outcome = Outcome::Failed;
        self.report.detail = Some(detail);
    }

    /// Notes how asking it or carrying its changes out was cut short.
    pub(crate) fn interrupt(&mut self, undone: &IsolationError, is_over: bool) {
        match undone {
            IsolationError::OutOfTime if is_over => {
                self.stage = Stage::Done;
                self.report.outcome = Outcome::Postponed;
            }
            IsolationError::Fault(fault) => self.fail(chain(fault)),
            IsolationError::OutOfTime | IsolationError::Panic => self.fail(Detail::new(undone)),
        }
    }

    /// Notes how far its changes have been carried out. One that was stopped waits for its next share of the time.
    pub(crate) fn note(&mut self, applied: Applied, is_over: bool) {
        match applied {
            Applied::Done => self.stage = Stage::Done,
            Applied::LostLock => {
                self.stage = Stage::Done;
                self.report.outcome = Outcome::LostLock;
            }
            Applied::Stopped if is_over => {
                self.stage = Stage::Done;
                self.report.outcome = Outcome::Postponed;
            }
            Applied::Stopped => {}
        }
    }

    /// What the run says of the source.
    pub(crate) fn into_report(mut self) -> SourceReport {
        if self.stage != Stage::Done {
            self.report.outcome = Outcome::Postponed;
        }
        if let Some(crl) = &self.state.current {
            self.report.crl_number.clone_from(&crl.number);
            self.report.entries = Some(crl.snapshot.layout.entries);
            self.report.skipped = Some(crl.skipped).filter(|skipped| *skipped > 0);
        }
        self.report
    }
}
