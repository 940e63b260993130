//! All registrations against all CRLs, whether something changed or not: what no difference shows.
//!
//! Certificates that were activated without a CRL, activations that died after ACTIVE, holds whose end fell into a time
//! when another CRL of the CA did not count. A comparison may take several runs; where it goes on is written as it goes.

use std::collections::BTreeMap;

use shared::fault::Fault;
use shared::id::{CaCertificateId, Serial};
use shared::port::{AuthorityStore, CrlPublication, CrlStates};
use shared::revocation::{Comparison, CrlState};

use crate::carry::{Due, Failures};
use crate::checker::{Ports, Run, Sweep};
use crate::report::{Outcome, Report, Request, SourceReport, Tally};
use crate::walk::{List, Lists, Part};
use crate::window::is_lost;

impl<P: Ports> Sweep<'_, P> {
    /// Compares the registrations of these CAs, if it is asked for or under way, as far as the time suffices.
    pub(crate) async fn reconcile(
        &self,
        request: &Request,
        authorities: &[CaCertificateId],
        run: Run<'_>,
        report: &mut Report,
    ) -> Result<(), Fault> {
        let scope = request.ca_certificate_id.as_ref();
        let mut comparison = self.authorities.comparison(scope).await?;
        if !request.reconcile && !comparison.due {
            return Ok(());
        }
        let without = if scope.is_none() { self.forget_all(authorities).await? } else { Vec::new() };
        report.reconciled = (request.reconcile || !authorities.is_empty() || !without.is_empty()).then_some(0);
        if authorities.is_empty() && without.is_empty() {
            return Ok(());
        }
        comparison = self.authorities.comparison(scope).await?;
        if !comparison.due {
            comparison = comparison.requested();
        }
        let authorities: Vec<_> = authorities.iter().chain(&without).cloned().collect();
        let mut failures = Failures::default();
        let lists = self.all_lists(&authorities, report, &mut failures).await;
        while comparison.due {
            if run.is_over() || failures.are_too_many() {
                report.finished = false;
                break;
            }
            let read = self.part(&lists, comparison.from.as_ref(), u64::MAX, run);
            let Ok(part) = tokio::time::timeout_at(run.until, read).await else { continue };
            comparison = self.compare(part?, comparison, run, report, &mut failures).await?;
            if !self.authorities.record_comparison(scope, &comparison).await? {
                // Another run is at it.
                break;
            }
            comparison.step += 1;
            if comparison.due && comparison.from.is_none() && failures.has_missed {
                report.finished = false;
                break;
            }
        }
        failures.into_result()
    }

    /// The CAs whose profiles have named CRLs once, and name none any more: no run asks their sources. What is known of these
    /// is forgotten.
    async fn forget_all(&self, authorities: &[CaCertificateId]) -> Result<Vec<CaCertificateId>, Fault> {
        let mut without = Vec::new();
        for authority in self.authorities.enrolled_authorities().await? {
            if authorities.contains(&authority) {
                continue;
            }
            let states = self.authorities.crl_states(&authority).await?;
            if states.is_empty() {
                continue;
            }
            self.forget(&authority, states).await?;
            without.push(authority);
        }
        Ok(without)
    }

    /// Lets the next runs try again what has failed for single certificates: each list of the CA says then what it has of
    /// them. False if another run has changed a state meanwhile.
    async fn leave_to_retry(&self, due: &[Due], failures: &Failures) -> Result<bool, Fault> {
        let mut failed: BTreeMap<CaCertificateId, Vec<Serial>> = BTreeMap::new();
        for due in due.iter().filter(|due| failures.serials.contains(&due.serial)) {
            if let Some(authority) = due.id.authority() {
                failed.entry(authority).or_default().push(due.serial.clone());
            }
        }
        for (authority, serials) in failed {
            let states = self.states(&authority).await?.into_iter();
            let mut is_left = false;
            for mut state in states.filter(|state| state.unreadable.is_none()) {
                is_left = true;
                let known = state.retry.len();
                let new: Vec<Serial> = serials.iter().filter(|serial| !state.retry.contains(serial)).cloned().collect();
                state.retry.extend(new);
                if state.retry.len() > known && !self.authorities.record_progress(&authority, &state).await? {
                    return Ok(false);
                }
            }
            if !is_left {
                // No list tries them again.
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Deals with a part; returns the comparison as it goes on.
    async fn compare(
        &self,
        part: Part,
        comparison: Comparison,
        run: Run<'_>,
        report: &mut Report,
        failures: &mut Failures,
    ) -> Result<Comparison, Fault> {
        for (authority, fault) in &part.failed {
            let failed = SourceReport::failed(authority, fault);
            if !report.sources.contains(&failed) {
                report.sources.push(failed);
            }
        }
        let mut tally = Tally::default();
        let done = self.carry_out(&part.due, true, run, &mut tally, failures).await;
        report.add(tally);
        let done = done?;
        // A list that is lost asks for a comparison when it is made again.
        failures.has_missed |= part.failed.iter().any(|(_, fault)| !is_lost(fault));
        if !self.leave_to_retry(&part.due, failures).await? {
            failures.has_missed = true;
        }
        let comparison = Comparison { again: comparison.again || failures.has_missed, ..comparison };
        if done < part.due.len() {
            let last = done.checked_sub(1).and_then(|last| part.due.get(last)).map(Due::continuation);
            return Ok(Comparison { from: last.or_else(|| comparison.from.clone()), ..comparison });
        }
        report.reconciled = report.reconciled.map(|compared| compared + part.compared);
        Ok(match part.next {
            Some(next) => Comparison { from: Some(next), ..comparison },
            None => comparison.ended(),
        })
    }

    /// The CRLs of the CAs; those of a CA that can't be read are reported, and its rows are not compared.
    async fn all_lists(&self, authorities: &[CaCertificateId], report: &mut Report, failures: &mut Failures) -> Lists {
        let mut lists = Lists::new();
        for authority in authorities {
            match self.states(authority).await {
                Ok(states) => {
                    // Once somebody has mended it, no difference tells what it has.
                    failures.has_missed |= states.iter().any(|state| state.unreadable.is_some());
                    lists.insert(authority.clone(), lists_of(&states));
                }
                Err(fault) => report.sources.push(SourceReport::failed(authority, &fault)),
            }
        }
        lists
    }

    /// The lists of a CA.
    pub(crate) async fn lists(&self, authority: &CaCertificateId) -> Result<Vec<List>, Fault> {
        Ok(lists_of(&self.states(authority).await?))
    }

    async fn states(&self, authority: &CaCertificateId) -> Result<Vec<CrlState>, Fault> {
        let rules = self.authorities.profile(authority).await?.unwrap_or_default().crl_rules();
        self.followed(authority, &rules).await
    }
}

/// One that is past its nextUpdate still tells who was revoked; who is not on it any more is asked at the gate.
fn lists_of(states: &[CrlState]) -> Vec<List> {
    states.iter().filter_map(List::of).collect()
}

impl SourceReport {
    /// A CA that could not be dealt with.
    pub(crate) fn failed(authority: &CaCertificateId, fault: &Fault) -> Self {
        let detail = Some(shared::fault::chain(fault));
        Self { detail, ..Self::new(authority, None, Outcome::Failed) }
    }
}
