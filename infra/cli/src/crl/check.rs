//! `jitr crl check`: what CRLs say about a certificate, decided by the activator's own code, offline.

mod delta;
mod local;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;
use shared::decision::Reason;
use shared::pki::crl::{Crl, CrlFault, CrlNumber};
use shared::pki::{Certificate, CertificateFault, verify_issued_by};
use shared::profile::{CrlRequirement, CrlRules, WhenStale};
use shared::revocation::{CrlState, Snapshots, Standing, standing};
use shared::timestamp;
use time::OffsetDateTime;

use super::arguments;
use crate::ca::when_stale;
use crate::files::read_certificate;
use crate::output::{Format, write_error};
use delta::{Delta, Update};
use local::{LocalPages, Target};

/// A certificate to be looked up.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The CA certificate, PEM or DER; the first one of the file.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// A CRL of the CA, DER or PEM; can be given several times. A delta CRL counts beside the complete one that it changes.
    #[arg(long, value_name = "FILE", required = true)]
    crl: Vec<PathBuf>,
    /// The device's certificate, PEM or DER; the first one of a chain.
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// The time to decide for, RFC 3339; now by default.
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    at: Option<OffsetDateTime>,
    /// How long a CRL goes on counting after its next update: refuse, or hours or days as in 24h, 7d.
    #[arg(long, value_name = "HOURS", value_parser = when_stale, default_value = "refuse")]
    when_stale: WhenStale,
}

/// A CRL file.
struct List {
    path: PathBuf,
    read: Result<Crl, CrlFault>,
    state: CrlState,
}

impl List {
    /// Why it does not count at this time, whatever the profile says about stale CRLs.
    fn fault(&self, at: OffsetDateTime) -> Option<CrlFault> {
        match &self.read {
            Ok(crl) => crl.check_current(at).err(),
            Err(fault) => Some(fault.clone()),
        }
    }
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Good,
    Revoked,
    Held,
    Unusable,
}

/// One line. What is not known is null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: Status,
    /// Why it is listed, by RFC 5280, or why nothing can be said.
    reason: Option<&'static str>,
    crl_number: Option<CrlNumber>,
    this_update: Option<String>,
    next_update: Option<String>,
    entries: Option<u64>,
    /// Further entries, with serial numbers that no certificate can have.
    skipped: Option<u64>,
}

impl Answer {
    /// An answer out of this CRL.
    fn new(status: Status, reason: Option<&'static str>, list: Option<&List>) -> Self {
        let crl = list.and_then(|list| list.read.as_ref().ok());
        Self {
            status,
            reason,
            crl_number: crl.and_then(|crl| crl.number().cloned()),
            this_update: crl.map(|crl| timestamp::to_text(crl.this_update())),
            next_update: crl.map(|crl| timestamp::to_text(crl.next_update())),
            entries: crl.map(Crl::entries),
            skipped: crl.map(Crl::skipped),
        }
    }

    /// Nothing can be said; people read on standard error why.
    fn unusable(reason: Reason, detail: &str, list: Option<&List>) -> Self {
        let file = list.map(|list| format!("{}: ", list.path.display())).unwrap_or_default();
        write_error(format!("unusable: {file}{detail}"));
        Self::new(Status::Unusable, Some(reason.as_str()), list)
    }
}

pub(super) async fn run(args: &CheckArgs, now: OffsetDateTime) -> Result<ExitCode> {
    let answer = answer(args, args.at.unwrap_or(now)).await?;
    Format::Json.print_line(&answer, |_| String::new())?;
    Ok(match answer.status {
        Status::Good => ExitCode::SUCCESS,
        Status::Revoked => ExitCode::from(2),
        Status::Held => ExitCode::from(3),
        Status::Unusable => ExitCode::from(4),
    })
}

async fn answer(args: &CheckArgs, at: OffsetDateTime) -> Result<Answer> {
    let unusable = |reason, path: &Path, fault: &CertificateFault| {
        Ok(Answer::unusable(reason, &format!("{}: {fault}", path.display()), None))
    };
    let authority = match read_or_fault(&args.ca)? {
        Ok(authority) => authority,
        Err(fault) => return unusable(Reason::IssuerUnusable, &args.ca, &fault),
    };
    let certificate = match read_or_fault(&args.cert)? {
        Ok(certificate) => certificate,
        Err(fault) => return unusable(fault.reason(), &args.cert, &fault),
    };
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let lists = read_lists(&args.crl, &authority, &certificate, folder.path(), at)?;
    match verify_issued_by(&certificate, &authority, at) {
        Ok(()) => ask(&certificate, &lists, args.when_stale, folder.path(), at).await,
        Err(fault) => unusable(fault.reason(), &args.cert, &fault),
    }
}

/// The certificate of a file, or why it is none that can be asked about.
///
/// # Errors
/// A file that can't be read.
fn read_or_fault(path: &Path) -> Result<Result<Certificate, CertificateFault>> {
    let error = match read_certificate(path) {
        Ok(certificate) => return Ok(Ok(certificate)),
        Err(error) => error,
    };
    match error.downcast::<CertificateFault>() {
        Ok(fault) => Ok(Err(fault)),
        Err(error) if error.is::<std::io::Error>() => Err(error),
        Err(error) => Ok(Err(CertificateFault::Malformed(error.root_cause().to_string()))),
    }
}

/// Reads the CRLs, and those that delta CRLs among them change as they are with the changes.
fn read_lists(
    paths: &[PathBuf],
    authority: &Certificate,
    certificate: &Certificate,
    folder: &Path,
    at: OffsetDateTime,
) -> Result<Vec<List>> {
    let mut lists = Vec::new();
    let mut deltas = Vec::new();
    for (place, path) in paths.iter().enumerate() {
        let list = read_list(path, &Target::new(folder, place.to_string()), authority, None, at)?;
        if list.read == Err(CrlFault::Delta) {
            deltas.extend(Delta::read(path, authority, certificate, at)?);
        }
        lists.push(list);
    }
    // Another issuer's list says nothing about this one's, and explains nothing beside one that is this one's.
    let is_foreign = |list: &List| matches!(list.read, Err(CrlFault::IssuerName { .. }));
    if !lists.iter().all(is_foreign) {
        lists.retain(|list| !is_foreign(list));
    }
    for (place, list) in lists.iter_mut().enumerate() {
        let Ok(crl) = &list.read else { continue };
        if let Some(update) = delta::update(&deltas, crl) {
            let target = Target::new(folder, format!("{place}-updated"));
            *list = read_list(&list.path, &target, authority, Some(update), at)?;
        }
    }
    Ok(lists)
}

/// Reads a CRL as the CRL checker does. One that is out of date is published all the same: for how long it goes on
/// counting is for the profile to say. One of the future is not.
fn read_list(
    path: &Path,
    target: &Target<'_>,
    authority: &Certificate,
    update: Option<&Update>,
    at: OffsetDateTime,
) -> Result<List> {
    let mut state = CrlState::new(target.source()?);
    let read = match target.read_snapshot(path, authority, update, at)? {
        Ok((crl, published)) => {
            if !matches!(crl.check_current(at), Err(CrlFault::NotYetValid(_))) {
                state.current = Some(published);
            }
            Ok(crl)
        }
        Err(fault) => Err(fault),
    };
    Ok(List { path: path.to_owned(), read, state })
}

async fn ask(
    certificate: &Certificate,
    lists: &[List],
    when_stale: WhenStale,
    folder: &Path,
    at: OffsetDateTime,
) -> Result<Answer> {
    let rules = CrlRules {
        hosts: Vec::new(),
        requirement: CrlRequirement::Required,
        sources: lists.iter().map(|list| list.state.source.clone()).collect(),
        when_stale,
    };
    let states: Vec<_> = lists.iter().map(|list| list.state.clone()).collect();
    let snapshots = Snapshots::new(LocalPages::new(folder));
    let covers = |list: &List| list.read.as_ref().is_ok_and(|crl| !crl.scope().covers(certificate).is_empty());
    Ok(match standing(certificate, &rules, &states, &snapshots, at).await? {
        Standing::Good(cleared) => {
            let counted = with_number(lists, cleared.crl_number(), at).find(|list| covers(list));
            Answer::new(Status::Good, None, counted)
        }
        Standing::Listed(listing) => {
            let mut listed = None;
            for list in with_number(lists, listing.crl_number.as_ref(), at) {
                let Some(crl) = &list.state.current else { continue };
                if snapshots.find(&crl.snapshot, certificate.serial()).await? == Some(listing.reason) {
                    listed = Some(list);
                    break;
                }
            }
            let listed_as = if listing.is_hold() { Status::Held } else { Status::Revoked };
            Answer::new(listed_as, Some(listing.reason.as_str()), listed)
        }
        Standing::Unknown { verdict, .. } => {
            let stale = verdict.reason == Reason::CrlStale;
            let at_fault = |list: &List, fault: &CrlFault| match fault {
                CrlFault::Expired(_) => stale && covers(list),
                _ => !stale,
            };
            let fault = lists
                .iter()
                .filter_map(|list| Some((list, list.fault(at)?)))
                .find(|(list, fault)| at_fault(list, fault));
            if let Some((list, fault)) = fault {
                Answer::unusable(fault.reason(), &fault.to_string(), Some(list))
            } else {
                let only = if let [only] = lists { Some(only) } else { None };
                Answer::unusable(verdict.reason, &verdict.detail, only)
            }
        }
    })
}

/// The CRLs with this number, current ones first: numbers of partitions may be the same.
fn with_number<'a>(
    lists: &'a [List],
    number: Option<&'a CrlNumber>,
    at: OffsetDateTime,
) -> impl Iterator<Item = &'a List> {
    let is_it = move |list: &&List| list.read.as_ref().is_ok_and(|crl| crl.number() == number);
    let current = lists.iter().filter(move |list| list.fault(at).is_none());
    current.chain(lists.iter().filter(move |list| list.fault(at).is_some())).filter(is_it)
}
