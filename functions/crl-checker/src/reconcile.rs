//! All registrations against all CRLs, whether something changed or not: what no difference shows.
//!
//! Certificates that were activated without a CRL, activations that died after ACTIVE, holds whose end fell into a time
//! when another CRL of the CA did not count. A comparison may take several runs; where it goes on is written as it goes.

use shared::fault::Fault;
use shared::id::CaCertificateId;
use shared::port::{AuthorityStore, CrlPublication};
use shared::revocation::Comparison;

use crate::carry::{Due, Failures};
use crate::checker::{Checker, Mode, Ports, Run};
use crate::report::{Outcome, Report, Request, SourceReport};
use crate::walk::{List, Lists, Part};
use crate::window::is_lost;

impl<P: Ports> Checker<P> {
    /// Compares the registrations of these CAs, if it is asked for or under way, as far as the time suffices.
    pub(crate) async fn reconcile(
        &self,
        request: &Request,
        authorities: &[CaCertificateId],
        run: Run<'_>,
        report: &mut Report,
    ) -> Result<(), Fault> {
        if authorities.is_empty() {
            report.reconciled = request.reconcile.then_some(0);
            return Ok(());
        }
        let scope = request.ca_certificate_id.as_ref();
        let mut comparison = match run.mode {
            Mode::Apply => self.authorities.comparison(scope).await?,
            Mode::Report => Comparison::default(),
        };
        if request.reconcile && !comparison.due {
            comparison = comparison.requested();
        }
        if !comparison.due {
            return Ok(());
        }
        report.reconciled = Some(0);
        let lists = self.all_lists(authorities, report).await;
        let mut failures = Failures::default();
        while comparison.due {
            if run.is_over() || failures.are_too_many() {
                report.finished = false;
                break;
            }
            let read = self.part(&lists, comparison.from.as_ref(), u64::MAX, run);
            let Ok(part) = tokio::time::timeout_at(run.until, read).await else { continue };
            comparison = self.compare(part?, comparison, run, report, &mut failures).await?;
            if run.mode == Mode::Apply {
                if !self.authorities.record_comparison(scope, &comparison).await? {
                    // Another run is at it.
                    break;
                }
                comparison.step += 1;
            }
            if comparison.due && comparison.from.is_none() && failures.has_lost {
                // Its list is made again by the next check.
                report.finished = false;
                break;
            }
        }
        failures.into_result()
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
        let done = self.carry_out(&part.due, true, run, &mut report.changes, failures).await?;
        failures.has_lost |= part.failed.iter().any(|(_, fault)| is_lost(fault));
        let comparison = Comparison { again: comparison.again || failures.has_lost, ..comparison };
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
    async fn all_lists(&self, authorities: &[CaCertificateId], report: &mut Report) -> Lists {
        let mut lists = Lists::new();
        for authority in authorities {
            match self.lists(authority).await {
                Ok(own) => {
                    lists.insert(authority.clone(), own);
                }
                Err(fault) => report.sources.push(SourceReport::failed(authority, &fault)),
            }
        }
        lists
    }

    /// The lists of a CA. One that is past its nextUpdate still tells who was revoked; who is not on it any more is asked
    /// at the gate.
    pub(crate) async fn lists(&self, authority: &CaCertificateId) -> Result<Vec<List>, Fault> {
        let rules = self.authorities.profile(authority).await?.unwrap_or_default().crl_rules();
        Ok(self.followed(authority, &rules).await?.iter().filter_map(List::of).collect())
    }
}

impl SourceReport {
    /// A CA that could not be dealt with.
    pub(crate) fn failed(authority: &CaCertificateId, fault: &Fault) -> Self {
        let detail = Some(shared::fault::chain(fault));
        Self { detail, ..Self::new(authority, None, Outcome::Failed) }
    }
}
