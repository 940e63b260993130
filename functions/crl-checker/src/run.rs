//! A run: every source in turn, those unchecked for longest first; then what changed in them; then the reconciliation.
//!
//! Nothing that one source or CA does costs another one more than its turn: a fault and a panic stay its own, a source
//! that is slow is cut off, one whose CRL finds no room beside the others' is asked once more alone, and the time for
//! carrying changes out is shared.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use shared::contained::{IsolationError, contained};
use shared::fault::{Fault, FaultKind};
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::port::{AuthorityStore, CertificateRegistry, CrlPublication, CrlStates};
use shared::profile::{CrlRules, Profile};
use shared::registration::Process;
use shared::revocation::{CrlState, is_followed, request_comparison};
use shared::text::Detail;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::checker::{Checker, Ports, Run, Sweep};
use crate::job::{Job, Stage};
use crate::rehearsal::Draft;
use crate::report::{Outcome, Report, Request, SourceReport};

/// Sources that are dealt with at once.
const AT_ONCE: usize = 4;
/// Longest time that asking one source may take, with making and writing its snapshot.
const MAX_CHECK: Duration = Duration::from_mins(5);
/// Shortest share of the time that a source gets for its changes.
const MIN_SHARE: Duration = Duration::from_secs(10);
/// Time after the end of a share for a certificate that has been begun.
const GRACE: Duration = Duration::from_secs(20);

impl<P: Ports> Checker<P> {
    /// Does what is asked, until it is done or `until` has come. What is left is found by the next run. Rows know the run
    /// as this process.
    ///
    /// # Errors
    /// A [`Fault`] if the CAs can't be listed. Whatever concerns one source or CA is in the report.
    pub async fn run(
        &self,
        request: &Request,
        process: &Process,
        now: OffsetDateTime,
        until: Instant,
    ) -> Result<Report, Fault> {
        let draft = request.dry_run.then(Draft::default);
        self.sweep(draft.as_ref()).run(request, process, now, until).await
    }
}

impl<P: Ports> Sweep<'_, P> {
    async fn run(
        &self,
        request: &Request,
        process: &Process,
        now: OffsetDateTime,
        until: Instant,
    ) -> Result<Report, Fault> {
        let run = Run { accept_shrunk: request.accept_shrunk, is_comparing: false, now, process, until };
        let mut report = Report { dry_run: request.dry_run, ..Report::default() };
        let authorities = self.authorities_of(request, &mut report).await?;
        let mut jobs = Vec::new();
        for authority in &authorities {
            match contained(self.jobs(authority, run), until).await {
                Ok(found) => jobs.extend(found),
                Err(undone) => {
                    let is_over = matches!(undone, IsolationError::OutOfTime) && run.is_over();
                    let outcome = if is_over { Outcome::Postponed } else { Outcome::Failed };
                    let mut failed = SourceReport::new(authority, None, outcome);
                    failed.detail = Some(Detail::new(undone));
                    report.sources.push(failed);
                }
            }
        }
        jobs.sort_by_key(|job| job.state.checked_at);
        self.check_all(&mut jobs, run).await;
        self.apply_everywhere(&mut jobs, run).await;
        for mut job in jobs {
            report.add(std::mem::take(&mut job.tally));
            report.sources.push(job.into_report());
        }
        report.finished = report.sources.iter().all(|source| source.outcome != Outcome::Postponed);
        let confirmed = self.confirm(request.ca_certificate_id.as_ref(), run, &mut report);
        if let Err(undone) = contained(confirmed, until + GRACE).await {
            report.failures.push(Detail::new(format_args!("the rows that are not confirmed: {undone}")));
        }
        let compared = self.reconcile(request, &authorities, Run { is_comparing: true, ..run }, &mut report);
        if let Err(undone) = contained(compared, until + GRACE).await {
            report.failures.push(Detail::new(format_args!("the comparison of all registrations: {undone}")));
        }
        Ok(report)
    }

    /// The CAs that a request is about. One that nobody has enrolled is left alone, whatever its row says; if it was asked
    /// for, the report says so.
    async fn authorities_of(&self, request: &Request, report: &mut Report) -> Result<Vec<CaCertificateId>, Fault> {
        let Some(authority) = &request.ca_certificate_id else { return self.authorities.authorities_with_crls().await };
        match self.authorities.profile(authority).await {
            Ok(profile) if !profile.as_ref().is_some_and(Profile::is_enrolled) => {
                let mut failed = SourceReport::new(authority, None, Outcome::Failed);
                failed.detail = Some("no operator has enrolled the CA with this stack".into());
                report.sources.push(failed);
                Ok(Vec::new())
            }
            // A profile that can't be read is reported with the CA's sources.
            Ok(_) | Err(_) => Ok(vec![authority.clone()]),
        }
    }

    /// Asks the sources: some at once, and then one after the other those that found no room for their CRL.
    async fn check_all(&self, jobs: &mut [Job], run: Run<'_>) {
        let checks = jobs.iter_mut().map(|job| self.check_one(job, run));
        stream::iter(checks).buffer_unordered(AT_ONCE).collect::<()>().await;
        for job in jobs.iter_mut().filter(|job| job.stage == Stage::CheckAlone) {
            self.check_one(job, run).await;
        }
    }

    async fn check_one(&self, job: &mut Job, run: Run<'_>) {
        if run.is_over() {
            job.stage = Stage::Done;
            return;
        }
        if job.stage == Stage::Done {
            // Its row can't be read.
            return;
        }
        let until = run.until.min(Instant::now() + MAX_CHECK);
        let checked = contained(self.check_job(job, run), until).await;
        if let Err(undone) = checked {
            job.interrupt(&undone, run.is_over());
        }
    }

    /// Carries out what changed. The sources share the time; what one does not need, the others get in the next round.
    async fn apply_everywhere(&self, jobs: &mut [Job], run: Run<'_>) {
        loop {
            let waiting: Vec<&mut Job> = jobs.iter_mut().filter(|job| job.stage == Stage::Apply).collect();
            if waiting.is_empty() || run.is_over() {
                return;
            }
            let share = share(run.until.saturating_duration_since(Instant::now()), waiting.len());
            let applications = waiting.into_iter().map(|job| self.apply_one(job, share, run));
            stream::iter(applications).buffer_unordered(AT_ONCE).collect::<()>().await;
        }
    }

    async fn apply_one(&self, job: &mut Job, share: Duration, run: Run<'_>) {
        let until = run.until.min(Instant::now() + share);
        let applied = contained(self.apply(job, Run { until, ..run }), until + GRACE).await;
        match applied {
            Ok(applied) => job.note(applied, run.is_over()),
            Err(undone) => job.interrupt(&undone, run.is_over()),
        }
    }

    /// The sources of a CA: those that its profile names, and the distribution points that were asked for.
    async fn jobs(&self, authority: &CaCertificateId, run: Run<'_>) -> Result<Vec<Job>, Fault> {
        let profile = self.authorities.profile(authority).await?.unwrap_or_default();
        let issuer = self.issuer(authority, &profile, run).await?;
        let rules = profile.crl_rules();
        let states = self.authorities.crl_states(authority).await?;
        let (states, left): (Vec<_>, Vec<_>) = states.into_iter().partition(|state| is_followed(&state.source, &rules));
        self.forget(authority, left).await?;
        let unknown = rules.sources.iter().filter(|source| states.iter().all(|state| state.source != **source));
        let unknown: Vec<CrlState> = unknown.cloned().map(CrlState::new).collect();
        let job = |state| Job::new(authority.clone(), issuer.clone(), rules.clone(), state);
        Ok(states.into_iter().chain(unknown).map(job).collect())
    }

    /// Forgets how far sources have been acted on that have left the profile. All certificates are compared, for holds that
    /// only they had; should one be followed again, everything on its list is new.
    pub(crate) async fn forget(&self, authority: &CaCertificateId, left: Vec<CrlState>) -> Result<(), Fault> {
        let left = left.into_iter().filter(|state| state.applied.is_some() || state.progress.is_some());
        for state in left {
            // First, so that a run which ends here asks again.
            request_comparison(&self.authorities).await?;
            let forgotten = CrlState { applied: None, progress: None, ..state.clone() };
            if !self.authorities.record_progress(authority, &forgotten).await? {
                continue;
            }
            let known = state.applied.into_iter().chain(state.progress.map(|progress| progress.target));
            for object in known.filter(|object| !forgotten.names(&object.key)) {
                self.discard(&object.key).await;
            }
        }
        Ok(())
    }

    /// What is known of the CRLs of a CA that its rules let count: a source that has left the profile does no longer.
    pub(crate) async fn followed(&self, authority: &CaCertificateId, rules: &CrlRules) -> Result<Vec<CrlState>, Fault> {
        let states = self.authorities.crl_states(authority).await?.into_iter();
        Ok(states.filter(|state| is_followed(&state.source, rules)).collect())
    }

    async fn issuer(&self, authority: &CaCertificateId, profile: &Profile, run: Run<'_>) -> Result<Certificate, Fault> {
        let broken = |problem: String| Fault::new("iot:DescribeCACertificate", FaultKind::Invalid, problem);
        let pem = match &profile.ca_pem {
            Some(pem) => pem.clone(),
            None => self
                .registry(run)
                .authority_pem(authority)
                .await?
                .ok_or_else(|| broken(format!("CA {authority} is not registered in this account and Region")))?,
        };
        Certificate::from_pem(&pem).map_err(|fault| broken(format!("the certificate of CA {authority}: {fault}")))
    }
}

/// How much of the time each of so many sources gets.
fn share(left: Duration, sources: usize) -> Duration {
    let rounds = u32::try_from(sources.div_ceil(AT_ONCE)).unwrap_or(u32::MAX);
    left.checked_div(rounds).unwrap_or(left).max(MIN_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_shared_by_as_many_as_wait() {
        let minutes = Duration::from_mins;
        for (sources, expected) in [(1, 12), (4, 12), (5, 6), (12, 4)] {
            assert_eq!(share(minutes(12), sources), minutes(expected), "{sources} sources");
        }
        assert_eq!(share(minutes(12), 10_000), MIN_SHARE);
    }
}
