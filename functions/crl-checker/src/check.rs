//! One source: fetch, verify as the octets arrive, judge, publish.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use lambda_runtime::tracing;
use shared::decision::Reason;
use shared::fault::{Fault, FaultKind};
use shared::id::{CaCertificateId, Serial};
use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlReader};
use shared::port::{CrlPublication, SnapshotStore};
use shared::profile::CrlRules;
use shared::revocation::{
    CheckFault, CrlSource, CrlState, Former, Progress, PublishedCrl, SnapshotObject, Validators, may_follow,
    request_comparison,
};
use shared::snapshot::{Builder, Header, ScratchFile, SnapshotFault, Written};
use shared::text::Detail;
use time::OffsetDateTime;

use crate::checker::{Ports, Run, Sweep};
use crate::fetch::{CrlBody, CrlFetch, Fetched};
use crate::job::{Job, Stage};
use crate::report::Outcome;
use crate::window::is_lost;

/// What became of asking a source.
enum Checked {
    /// What the source has does not count.
    KeptOut(CheckFault),
    /// Another run was faster.
    LostLock,
    /// The CRL found no room in the scratch storage.
    OutOfScratch,
    /// A new CRL counts.
    Published(Box<PublishedCrl>),
    /// The CRL is the one that is known.
    Unchanged,
}

/// Answer of a source.
enum Answer {
    /// A CRL that can't count.
    Faulty((Reason, Detail)),
    /// Nothing new.
    NotModified,
    /// A CRL that found no room in the scratch storage.
    OutOfScratch,
    /// A CRL of the CA.
    Verified(Box<Verified>),
}

/// A CRL that was verified, with its snapshot in a file.
struct Verified {
    crl: Crl,
    snapshot: Arc<ScratchFile>,
    validators: Validators,
    written: Written,
}

impl<P: Ports> Sweep<'_, P> {
    /// Asks a source, and notes what came of it. What it has changed is carried out later.
    pub(crate) async fn check_job(&self, job: &mut Job, run: Run<'_>) -> Result<(), Fault> {
        let checked = self.check(&job.authority, &job.issuer, &job.rules, &job.state, run).await?;
        let (outcome, stage) = match checked {
            Checked::KeptOut(fault) => {
                (job.report.reason, job.report.detail) = (Some(fault.reason), Some(fault.detail));
                // What the CRL before has changed may not have been carried out to its end.
                (Outcome::KeptOut, Stage::Apply)
            }
            Checked::LostLock => (Outcome::LostLock, Stage::Done),
            Checked::OutOfScratch if job.stage == Stage::Check => (Outcome::Postponed, Stage::CheckAlone),
            Checked::OutOfScratch => {
                job.fail(Detail::new(format_args!(
                    "the crl needs more than the {} bytes of scratch storage: raise CrlCheckerStorage",
                    self.limits.scratch.free()
                )));
                return Ok(());
            }
            Checked::Published(crl) => {
                job.state.current = Some(*crl);
                (Outcome::Published, Stage::Apply)
            }
            Checked::Unchanged => (Outcome::Unchanged, Stage::Apply),
        };
        (job.report.outcome, job.stage) = (outcome, stage);
        Ok(())
    }

    async fn check(
        &self,
        authority: &CaCertificateId,
        issuer: &Certificate,
        rules: &CrlRules,
        state: &CrlState,
        run: Run<'_>,
    ) -> Result<Checked, Fault> {
        let is_lost = self.has_lost(state).await?;
        let checked = match self.fetch_and_verify(authority, issuer, rules, state, is_lost, run.now).await? {
            Answer::Faulty(fault) => Err(fault),
            Answer::NotModified => still_current(state, run.now).map(|()| None),
            Answer::OutOfScratch => return Ok(Checked::OutOfScratch),
            Answer::Verified(verified) => {
                let share = if run.accept_shrunk { 0 } else { self.limits.minimum_share };
                let entries = verified.written.layout.entries;
                may_follow(state.current.as_ref().map(Former::from), &verified.crl, entries, share)
                    .map(|()| Some(verified))
            }
        };
        let fault = |(reason, detail)| CheckFault { at: run.now, detail, reason };
        match checked.map_err(fault) {
            Err(fault) => {
                let (source, validators) = (&state.source, &state.validators);
                self.authorities.record_check(authority, source, validators, Some(&fault), run.now).await?;
                Ok(Checked::KeptOut(fault))
            }
            Ok(None) => {
                self.note_unchanged(authority, state, &state.validators, run).await?;
                Ok(Checked::Unchanged)
            }
            Ok(Some(verified)) => self.put_in_place(authority, rules, state, *verified, is_lost, run).await,
        }
    }

    /// Whether the snapshot of the CRL that counts has to be made again: the bucket has lost it, or has another object
    /// in its place.
    async fn has_lost(&self, state: &CrlState) -> Result<bool, Fault> {
        let Some(crl) = &state.current else { return Ok(false) };
        match self.snapshots.probe(&crl.snapshot).await {
            Ok(()) => Ok(false),
            Err(fault) if is_lost(&fault) => {
                let (source, error) = (&state.source, shared::fault::chain(&fault));
                tracing::error!(crl.source = %source, %error, "CRL {source}: its snapshot is lost, and is made again");
                self.withdraw(&crl.snapshot.key, &fault).await;
                Ok(true)
            }
            Err(fault) => Err(fault),
        }
    }

    async fn note_unchanged(
        &self,
        authority: &CaCertificateId,
        state: &CrlState,
        validators: &Validators,
        run: Run<'_>,
    ) -> Result<(), Fault> {
        self.authorities.record_check(authority, &state.source, validators, None, run.now).await
    }

    /// Streams the CRL through the verification and into a snapshot at once.
    async fn fetch_and_verify(
        &self,
        authority: &CaCertificateId,
        issuer: &Certificate,
        rules: &CrlRules,
        state: &CrlState,
        is_lost: bool,
        now: OffsetDateTime,
    ) -> Result<Answer, Fault> {
        // Without a CRL that counts, or its snapshot, an answer of "not modified" would be of no use.
        let known = state.current.as_ref().filter(|_| !is_lost).map(|_| state.validators.clone()).unwrap_or_default();
        let hosts = allowed_hosts(rules);
        let fetched = match self.fetcher.fetch(&state.source, &hosts, &known).await {
            Ok(fetched) => fetched,
            Err(fault) => return Ok(Answer::Faulty((fault.reason(), shared::fault::chain(&fault)))),
        };
        let (mut body, validators) = match fetched {
            Fetched::NotModified => return Ok(Answer::NotModified),
            Fetched::Content { body, validators } => (body, validators),
        };
        let mut reader = CrlReader::new(issuer);
        let mut builder = Builder::new(authority, state.source.as_str(), self.limits.scratch.clone());
        loop {
            match body.next().await {
                Ok(Some(chunk)) => {
                    if let Err(fault) = reader.feed(&chunk, |entry| builder.insert(entry.serial, entry.reason)) {
                        return Ok(Answer::Faulty((fault.reason(), Detail::new(fault))));
                    }
                    if builder.is_out_of_scratch() {
                        return Ok(Answer::OutOfScratch);
                    }
                }
                Ok(None) => break,
                Err(fault) => return Ok(Answer::Faulty((fault.reason(), shared::fault::chain(&fault)))),
            }
        }
        let crl = match reader.finish(now).and_then(|crl| crl.check_current(now).map(|()| crl)) {
            Ok(crl) => crl,
            Err(fault) => return Ok(Answer::Faulty((fault.reason(), Detail::new(fault)))),
        };
        Ok(match self.write(authority, &state.source, &crl, builder).await? {
            Some((snapshot, written)) => Answer::Verified(Box::new(Verified { crl, snapshot, validators, written })),
            None => Answer::OutOfScratch,
        })
    }

    /// Writes the snapshot into a file without a name; none if it finds no room.
    async fn write(
        &self,
        authority: &CaCertificateId,
        source: &CrlSource,
        crl: &Crl,
        builder: Builder,
    ) -> Result<Option<(Arc<ScratchFile>, Written)>, Fault> {
        let is_large = builder.has_spilled();
        let header = Header {
            ca_certificate_id: authority.clone(),
            crl_number: crl.number().map(ToString::to_string),
            next_update: crl.next_update(),
            source: source.to_string(),
            this_update: crl.this_update(),
        };
        let scratch = self.limits.scratch.clone();
        let write = move || {
            let mut file = scratch.file().map_err(SnapshotFault::Scratch)?;
            let written = builder.write(&header, &mut file)?;
            Ok((Arc::new(file), written))
        };
        // Merging millions of entries takes seconds, in which the other sources would time out.
        let made = if is_large {
            let merged = tokio::task::spawn_blocking(write).await;
            merged.map_err(|error| Fault::new(SCRATCH, FaultKind::Unavailable, error))?
        } else {
            write()
        };
        match made {
            Ok(made) => Ok(Some(made)),
            Err(fault) if SnapshotFault::is_out_of_scratch(&fault) => Ok(None),
            Err(fault) => Err(Fault::new(SCRATCH, FaultKind::Unavailable, fault)),
        }
    }

    /// The object first, then the state that names it, then the object that it has replaced goes.
    async fn put_in_place(
        &self,
        authority: &CaCertificateId,
        rules: &CrlRules,
        state: &CrlState,
        verified: Verified,
        is_lost: bool,
        run: Run<'_>,
    ) -> Result<Checked, Fault> {
        let Verified { crl, snapshot, validators, written } = verified;
        let key = object_key(authority, &state.source, &written.sha256);
        let former = state.current.as_ref().map(|current| current.snapshot.key.clone());
        if former.as_ref() == Some(&key) && !is_lost {
            self.note_unchanged(authority, state, &validators, run).await?;
            return Ok(Checked::Unchanged);
        }
        let published = PublishedCrl {
            next_update: crl.next_update(),
            number: crl.number().cloned(),
            scope: crl.scope().clone(),
            skipped: crl.skipped(),
            snapshot: SnapshotObject { key, layout: written.layout, sha256: written.sha256 },
            this_update: crl.this_update(),
        };
        let is_due = is_lost || has_been_without(state, rules, run.now);
        if is_due {
            // Before the snapshot is back, which then tells nobody that it was lost.
            request_comparison(&self.authorities).await?;
        }
        self.snapshots.pages().put(&published.snapshot.key, &snapshot).await?;
        let hides_changes = !is_due && self.hides_changes(state, &published, snapshot).await;
        if hides_changes {
            request_comparison(&self.authorities).await?;
        }
        let is_due = is_due || hides_changes;
        let (source, version) = (&state.source, state.version);
        if !self.authorities.publish(authority, source, version, &published, &validators, run.now).await? {
            return Ok(Checked::LostLock);
        }
        if is_due {
            // Another run may have done it before the list counted.
            request_comparison(&self.authorities).await?;
        }
        let new = CrlState { current: Some(published.clone()), ..state.clone() };
        if let Some(former) = former.filter(|former| !new.names(former)) {
            self.discard(&former).await;
        }
        Ok(Checked::Published(Box::new(published)))
    }

    /// Whether something changes from the CRL that is replaced to the new one that no later difference shows: the gate has
    /// acted on a CRL as soon as it counted, though its turn to be carried out has not come. Differences are taken from the
    /// one that certificates are being brought to.
    async fn hides_changes(&self, state: &CrlState, new: &PublishedCrl, made: Arc<ScratchFile>) -> bool {
        let Some(former) = state.current.as_ref().filter(|former| !state.leads_to(&former.snapshot.key)) else {
            return false;
        };
        let Ok(window) = self.window(Some(&former.snapshot), &Progress::to(new), Some(made)).await else {
            return true;
        };
        if !window.is_last {
            return true;
        }
        let serials: Vec<Serial> = window.changes.iter().map(|(serial, _)| serial.clone()).collect();
        let before = match state.basis() {
            Some((_, basis)) => self.snapshots.find_all(basis, &serials).await,
            None => Ok(HashMap::default()),
        };
        before
            .map_or(true, |before| window.changes.iter().any(|(serial, reason)| before.get(serial) == reason.as_ref()))
    }
}

/// Whether others than this list may have decided, since it had passed its nextUpdate.
fn has_been_without(state: &CrlState, rules: &CrlRules, now: OffsetDateTime) -> bool {
    let is_only = rules.sources.len() < 2 && rules.hosts.is_empty();
    !is_only && state.current.as_ref().is_some_and(|former| former.next_update <= now)
}

/// A source that has nothing newer than a CRL that is past its nextUpdate is at fault too.
fn still_current(state: &CrlState, now: OffsetDateTime) -> Result<(), (Reason, Detail)> {
    match &state.current {
        Some(crl) if crl.next_update <= now => {
            let due = crl.next_update;
            Err((Reason::CrlExpired, format!("a new CRL was due at {due}, and the source has none").into()))
        }
        _ => Ok(()),
    }
}

/// Where redirects may lead: the hosts of the profile's sources, and those that it allows.
fn allowed_hosts(rules: &CrlRules) -> Vec<String> {
    let of_sources = rules.sources.iter().filter_map(|source| match source.location() {
        shared::revocation::Location::Web { host, .. } => Some(host.to_owned()),
        shared::revocation::Location::Bucket { .. } => None,
    });
    of_sources.chain(rules.hosts.iter().cloned()).collect()
}

/// `snapshots/<ca>/<source>/<sha256>`: two sources with the same CRL have an object each, so that one can be removed.
fn object_key(authority: &CaCertificateId, source: &CrlSource, sha256: &str) -> String {
    let source = digest::digest(&digest::SHA256, source.as_str().as_bytes());
    let source: String = hex::encode(source.as_ref()).chars().take(16).collect();
    format!("snapshots/{authority}/{source}/{sha256}")
}

const SCRATCH: &str = "the snapshot";
