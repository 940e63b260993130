//! A run: every source in turn, those unchecked for longest first, then the reconciliation if it was asked for.

use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use shared::fault::{Fault, FaultKind, chain};
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::port::{AuthorityStore, CertificateRegistry, CrlPublication, CrlStates};
use shared::profile::{CrlRules, Profile};
use shared::revocation::{CrlState, is_followed};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::check::Checked;
use crate::checker::{Checker, Mode, Ports, Run};
use crate::report::{Changes, Outcome, Report, Request, SourceReport};

/// Sources that are dealt with at once.
const AT_ONCE: usize = 4;

/// One source of one CA.
struct Job {
    authority: CaCertificateId,
    issuer: Certificate,
    rules: CrlRules,
    state: CrlState,
}

impl<P: Ports> Checker<P> {
    /// Does what is asked, until it is done or `until` has come. What is left is found by the next run.
    ///
    /// # Errors
    /// A [`Fault`] if the CAs can't be listed or the registrations can't be read. Whatever concerns one source is in
    /// the report.
    pub async fn run(&self, request: &Request, now: OffsetDateTime, until: Instant) -> Result<Report, Fault> {
        let mode = if request.dry_run { Mode::Report } else { Mode::Apply };
        let run = Run { accept_shrunk: request.accept_shrunk, mode, now, until };
        let authorities = self.authorities_of(request).await?;
        let mut report = Report::default();
        let mut jobs = Vec::new();
        for authority in &authorities {
            match self.jobs(authority).await {
                Ok(found) => jobs.extend(found),
                Err(fault) => {
                    let mut failed = SourceReport::new(authority, None, Outcome::Failed);
                    failed.detail = Some(chain(&fault));
                    report.sources.push(failed);
                }
            }
        }
        jobs.sort_by_key(|job| job.state.checked_at);
        let changes = Mutex::new(Changes::default());
        let checks = jobs.into_iter().map(|job| self.deal_with(job, run, &changes));
        report.sources.extend(stream::iter(checks).buffered(AT_ONCE).collect::<Vec<_>>().await);
        report.changes = changes.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.finished = report.sources.iter().all(|source| source.outcome != Outcome::Postponed);
        if request.reconcile {
            let (compared, finished) = self.reconcile(&authorities, run, &mut report.changes).await?;
            report.reconciled = Some(compared);
            report.finished &= finished;
        }
        Ok(report)
    }

    /// The CAs that a request is about. One that nobody has enrolled is left alone, whatever its row says.
    async fn authorities_of(&self, request: &Request) -> Result<Vec<CaCertificateId>, Fault> {
        let Some(authority) = &request.ca_certificate_id else { return self.authorities.authorities_with_crls().await };
        match self.authorities.profile(authority).await {
            Ok(profile) if !profile.as_ref().is_some_and(Profile::is_enrolled) => Ok(Vec::new()),
            // A profile that can't be read is reported with the CA's sources.
            Ok(_) | Err(_) => Ok(vec![authority.clone()]),
        }
    }

    /// The sources of a CA: those that its profile names, and the distribution points that were asked for.
    async fn jobs(&self, authority: &CaCertificateId) -> Result<Vec<Job>, Fault> {
        let profile = self.authorities.profile(authority).await?.unwrap_or_default();
        let issuer = self.issuer(authority, &profile).await?;
        let rules = profile.crl_rules();
        let states = self.followed(authority, &rules).await?;
        let unknown = rules.sources.iter().filter(|source| states.iter().all(|state| state.source != **source));
        let unknown: Vec<CrlState> = unknown.cloned().map(CrlState::new).collect();
        let job = |state| Job { authority: authority.clone(), issuer: issuer.clone(), rules: rules.clone(), state };
        Ok(states.into_iter().chain(unknown).map(job).collect())
    }

    /// What is known of the CRLs of a CA that its rules let count: a source that has left the profile does no longer.
    pub(crate) async fn followed(&self, authority: &CaCertificateId, rules: &CrlRules) -> Result<Vec<CrlState>, Fault> {
        let states = self.authorities.crl_states(authority).await?.into_iter();
        Ok(states.filter(|state| is_followed(&state.source, rules)).collect())
    }

    async fn issuer(&self, authority: &CaCertificateId, profile: &Profile) -> Result<Certificate, Fault> {
        let broken = |problem: String| Fault::new("iot:DescribeCACertificate", FaultKind::Invalid, problem);
        let pem = match &profile.ca_pem {
            Some(pem) => pem.clone(),
            None => self
                .registry
                .authority_pem(authority)
                .await?
                .ok_or_else(|| broken(format!("CA {authority} is not registered in this account and Region")))?,
        };
        Certificate::from_pem(&pem).map_err(|fault| broken(format!("the certificate of CA {authority}: {fault}")))
    }

    /// Checks one source, and carries out what changed.
    async fn deal_with(&self, job: Job, run: Run, changes: &Mutex<Changes>) -> SourceReport {
        let Job { authority, issuer, rules, mut state } = job;
        let source = state.source.clone();
        let mut report = SourceReport::new(&authority, Some(&source), Outcome::Postponed);
        if run.is_over() {
            return report;
        }
        let mut counted = Changes::default();
        let outcome = async {
            let checked = self.check(&authority, &issuer, &rules, &state, run).await?;
            report.outcome = checked.outcome();
            match checked {
                Checked::KeptOut(fault) => {
                    report.reason = Some(fault.reason);
                    report.detail = Some(fault.detail);
                    // What the CRL before has changed may not have been carried out to its end.
                    self.apply(&authority, &state, None, run, &mut report, &mut counted).await?;
                }
                Checked::Published(crl, content) => {
                    state.current = Some(*crl);
                    self.apply(&authority, &state, content, run, &mut report, &mut counted).await?;
                }
                Checked::Unchanged => self.apply(&authority, &state, None, run, &mut report, &mut counted).await?,
                Checked::LostLock => {}
            }
            Ok::<_, Fault>(())
        };
        let outcome = outcome.await;
        if let Some(crl) = &state.current {
            report.crl_number.clone_from(&crl.number);
            report.entries = Some(crl.snapshot.layout.entries);
            report.skipped = Some(crl.skipped).filter(|skipped| *skipped > 0);
        }
        if let Err(fault) = outcome {
            report.outcome = Outcome::Failed;
            report.detail = Some(chain(&fault));
        }
        changes.lock().unwrap_or_else(PoisonError::into_inner).add(counted);
        report
    }
}
