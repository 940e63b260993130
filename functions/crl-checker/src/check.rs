//! One source: fetch, verify as the octets arrive, judge, publish.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};

use aws_lc_rs::digest;
use shared::decision::Reason;
use shared::fault::{Fault, FaultKind};
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::pki::crl::{Crl, CrlReader};
use shared::port::{CrlPublication, SnapshotStore};
use shared::profile::CrlRules;
use shared::revocation::{CheckFault, CrlSource, CrlState, PublishedCrl, SnapshotObject, Validators};
use shared::snapshot::{Builder, Header, Written};
use shared::text::Detail;
use time::OffsetDateTime;

use crate::checker::{Checker, Mode, Ports, Run};
use crate::fetch::{CrlBody, CrlFetch, Fetched};
use crate::judge::may_follow;
use crate::report::Outcome;

/// What became of asking a source.
pub(crate) enum Checked {
    /// What the source has does not count.
    KeptOut(CheckFault),
    /// Another run was faster.
    LostLock,
    /// A new CRL counts; in a run that only reports, with its snapshot, which is not in the bucket.
    Published(Box<PublishedCrl>, Option<File>),
    /// The CRL is the one that is known.
    Unchanged,
}

impl Checked {
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::KeptOut(_) => Outcome::KeptOut,
            Self::LostLock => Outcome::LostLock,
            Self::Published(..) => Outcome::Published,
            Self::Unchanged => Outcome::Unchanged,
        }
    }
}

/// A CRL that was verified, with its snapshot in a file.
struct Verified {
    crl: Crl,
    snapshot: File,
    validators: Validators,
    written: Written,
}

impl<P: Ports> Checker<P> {
    /// Asks a source, and puts its CRL in place if it counts.
    pub(crate) async fn check(
        &self,
        authority: &CaCertificateId,
        issuer: &Certificate,
        rules: &CrlRules,
        state: &CrlState,
        run: Run,
    ) -> Result<Checked, Fault> {
        let source = &state.source;
        let checked = match self.fetch_and_verify(authority, issuer, rules, state, run.now).await? {
            Err(kept_out) => Err(kept_out),
            Ok(None) => still_current(state, run.now).map(|()| None),
            Ok(Some(verified)) => {
                let share = if run.accept_shrunk { 0 } else { self.limits.minimum_share };
                let entries = verified.written.layout.entries;
                may_follow(state.current.as_ref(), &verified.crl, entries, share).map(|()| Some(verified))
            }
        };
        let fault = |(reason, detail)| CheckFault { at: run.now, detail, reason };
        match checked.map_err(fault) {
            Err(fault) => {
                if run.mode == Mode::Apply {
                    self.authorities.record_check(authority, source, &state.validators, Some(&fault), run.now).await?;
                }
                Ok(Checked::KeptOut(fault))
            }
            Ok(None) => {
                self.note_unchanged(authority, state, &state.validators, run).await?;
                Ok(Checked::Unchanged)
            }
            Ok(Some(verified)) => self.put_in_place(authority, state, verified, run).await,
        }
    }

    async fn note_unchanged(
        &self,
        authority: &CaCertificateId,
        state: &CrlState,
        validators: &Validators,
        run: Run,
    ) -> Result<(), Fault> {
        match run.mode {
            Mode::Apply => self.authorities.record_check(authority, &state.source, validators, None, run.now).await,
            Mode::Report => Ok(()),
        }
    }

    /// Streams the CRL through the verification and into a snapshot at once. None if the source says that nothing has
    /// changed; inside, why the CRL does not count.
    async fn fetch_and_verify(
        &self,
        authority: &CaCertificateId,
        issuer: &Certificate,
        rules: &CrlRules,
        state: &CrlState,
        now: OffsetDateTime,
    ) -> Result<Result<Option<Verified>, (Reason, Detail)>, Fault> {
        // Without a CRL that counts, an answer of "not modified" would be of no use.
        let known = state.current.as_ref().map(|_| state.validators.clone()).unwrap_or_default();
        let hosts = allowed_hosts(rules);
        let fetched = match self.fetcher.fetch(&state.source, &hosts, &known).await {
            Ok(fetched) => fetched,
            Err(fault) => return Ok(Err((fault.reason(), shared::fault::chain(&fault)))),
        };
        let (mut body, validators) = match fetched {
            Fetched::NotModified => return Ok(Ok(None)),
            Fetched::Content { body, validators } => (body, validators),
        };
        let mut reader = CrlReader::new(issuer);
        let mut builder = Builder::new(authority, state.source.as_str(), &self.limits.scratch);
        loop {
            match body.next().await {
                Ok(Some(chunk)) => {
                    if let Err(fault) = reader.feed(&chunk, |entry| builder.insert(entry.serial, entry.reason)) {
                        return Ok(Err((fault.reason(), Detail::new(fault))));
                    }
                }
                Ok(None) => break,
                Err(fault) => return Ok(Err((fault.reason(), shared::fault::chain(&fault)))),
            }
        }
        let crl = match reader.finish(now).and_then(|crl| crl.check_current(now).map(|()| crl)) {
            Ok(crl) => crl,
            Err(fault) => return Ok(Err((fault.reason(), Detail::new(fault)))),
        };
        let (snapshot, written) = self.write(authority, &state.source, &crl, builder)?;
        Ok(Ok(Some(Verified { crl, snapshot, validators, written })))
    }

    /// Writes the snapshot into a file without a name.
    fn write(
        &self,
        authority: &CaCertificateId,
        source: &CrlSource,
        crl: &Crl,
        builder: Builder,
    ) -> Result<(File, Written), Fault> {
        let header = Header {
            ca_certificate_id: authority.clone(),
            crl_number: crl.number().map(ToString::to_string),
            next_update: crl.next_update(),
            source: source.to_string(),
            this_update: crl.this_update(),
        };
        let local = |error: std::io::Error| Fault::new(SCRATCH, FaultKind::Unavailable, error);
        let mut file = tempfile::tempfile_in(&self.limits.scratch).map_err(local)?;
        let written =
            builder.write(&header, &mut file).map_err(|fault| Fault::new(SCRATCH, FaultKind::Unavailable, fault))?;
        file.seek(SeekFrom::Start(0)).map_err(local)?;
        Ok((file, written))
    }

    /// The object first, then the state that names it.
    async fn put_in_place(
        &self,
        authority: &CaCertificateId,
        state: &CrlState,
        verified: Verified,
        run: Run,
    ) -> Result<Checked, Fault> {
        let Verified { crl, snapshot, validators, written } = verified;
        let key = object_key(authority, &state.source, &written.sha256);
        if state.current.as_ref().is_some_and(|current| current.snapshot.key == key) {
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
        if run.mode == Mode::Report {
            return Ok(Checked::Published(Box::new(published), Some(snapshot)));
        }
        self.snapshots.pages().put(&published.snapshot.key, snapshot).await?;
        let placed =
            self.authorities.publish(authority, &state.source, state.version, &published, &validators, run.now).await?;
        Ok(if placed { Checked::Published(Box::new(published), None) } else { Checked::LostLock })
    }
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
