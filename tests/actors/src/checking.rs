//! Runs of the CRL checker over a CA that publishes one CRL.

use std::time::Duration;

use bytes::Bytes;
use crl_checker::fetch::{CrlBody, CrlFetch, FetchFault, Fetched};
use crl_checker::{Checker, Limits, Outcome, Parts, Portions, Report, Request};
use serde_json::{Value, json};
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::aws::sessions::LiveSessions;
use shared::fault::Fault;
use shared::pki::crl::RevocationReason;
use shared::port::{Attachments, CertificateRegistry};
use shared::registration::Process;
use shared::revocation::{CrlSource, CrlState, Validators};
use shared::snapshot::Scratch;
use shared::testing::{FakeCloud, Issued, NewCrl};
use tokio::time::Instant;

use crate::{Fleet, deadline, explored_time, next_request_id, now, serial};

/// Where the CA publishes its CRL.
pub const SOURCE: &str = "https://crl.example.com/fleet.crl";
/// Where a CA with two lists publishes the other one.
pub const OTHER_SOURCE: &str = "https://crl.example.com/other.crl";

impl Fleet {
    /// A fleet whose CA has published an empty CRL with number 1, which has been checked once.
    pub async fn with_crl() -> Self {
        let fleet = Self::new(json!({"crl": "required", "crlSources": [SOURCE]}));
        fleet.publish(1, &[]);
        fleet.sync().await;
        fleet
    }

    /// A CA that publishes two lists of the same scope, which are empty.
    pub async fn with_two_lists() -> Self {
        let fleet = Self::new(json!({"crl": "required", "crlSources": [SOURCE, OTHER_SOURCE]}));
        fleet.publish(1, &[]);
        fleet.publish_other(1, &[]);
        fleet.sync().await;
        fleet
    }

    /// Lets the CA publish its other list.
    pub fn publish_other(&self, number: u64, entries: &[(&Issued, RevocationReason)]) {
        self.cloud.publish_crl(&other_source(), self.crl(number, entries));
    }

    /// Makes what is known of the other list unreadable; returns what it was.
    pub fn break_other(&self) -> Value {
        let record = format!("crl#{OTHER_SOURCE}");
        let good = self.cloud.record(self.id(), &record).expect("a state");
        let broken = json!({"current": {"S": "broken"}, "version": {"S": "broken"}});
        self.cloud.put_record(self.id(), &record, &broken);
        good
    }

    /// Makes it readable again.
    pub fn mend_other(&self, good: &Value) {
        self.cloud.put_record(self.id(), &format!("crl#{OTHER_SOURCE}"), good);
    }

    /// The snapshot of the other list is lost, and its source has none.
    pub fn lose_other(&self) {
        let state = self.cloud.crl_state(self.id(), &other_source()).expect("a state");
        let key = state.current.expect("a list that counts").snapshot.key;
        self.cloud.change(|state| state.snapshots.remove(&key));
        self.cloud.publish_crl(&other_source(), None);
    }

    /// The list that counts is past its nextUpdate, and its source has none.
    pub fn expire(&self) {
        self.cloud.change_crl_state(self.id(), &source(), |state| {
            if let Some(current) = &mut state.current {
                current.next_update = now() - time::Duration::minutes(5);
            }
        });
        self.cloud.publish_crl(&source(), None);
    }

    /// The CRL of this number that lists these devices.
    pub fn crl(&self, number: u64, entries: &[(&Issued, RevocationReason)]) -> Vec<u8> {
        let entries = entries.iter().map(|(device, reason)| (serial_bytes(device), *reason));
        self.authority.crl(&NewCrl::current(number, self.now), entries)
    }

    /// Lets the CA publish a CRL.
    pub fn publish(&self, number: u64, entries: &[(&Issued, RevocationReason)]) {
        self.publish_bytes(self.crl(number, entries));
    }

    /// Lets the CA publish whatever it is.
    pub fn publish_bytes(&self, crl: Vec<u8>) {
        self.cloud.publish_crl(&source(), crl);
    }

    /// One ordinary run of the checker.
    pub async fn sync(&self) -> Report {
        self.run(&Request::default()).await
    }

    /// One run of the checker that compares all registrations with all CRLs.
    pub async fn reconcile(&self) -> Report {
        self.run(&Request { reconcile: true, ..Request::default() }).await
    }

    /// One run of the checker. A dry run before it has to foretell all of it, but for faults, and to change nothing.
    pub async fn run(&self, request: &Request) -> Report {
        if self.cloud.has_planned() {
            return run(&self.cloud, request).await.expect("a run that tells of its fault");
        }
        let foretold = self.rehearse(request).await;
        let report = run(&self.cloud, request).await.expect("a run without faults");
        let met = Report { dry_run: true, ..report.clone() };
        assert_eq!(without_faults(foretold), without_faults(met), "what a dry run has foretold");
        report
    }

    /// A dry run of the checker, in a cloud of its own.
    pub async fn rehearse(&self, request: &Request) -> Report {
        let Self { cloud, .. } = self.fork();
        let request = Request { dry_run: true, ..request.clone() };
        let report = run(&cloud, &request).await.expect("a run without faults");
        assert_eq!(cloud.state(), self.cloud.state(), "a dry run changes nothing");
        report
    }

    /// The call, counted from now, with which a run notes that it begins to carry a list out: before it, it has put the
    /// list in place.
    pub async fn second_write_of_a_run(&self) -> usize {
        let probe = self.fork();
        let begun = probe.cloud.calls().len();
        probe.sync().await;
        let calls = probe.cloud.calls();
        let writes = calls.iter().skip(begun).enumerate().filter(|(_, call)| **call == "dynamodb:UpdateItem");
        writes.map(|(at, _)| at).nth(1).expect("two writes")
    }

    /// What is known of the CA's CRL.
    pub fn crl_state(&self) -> CrlState {
        self.cloud.crl_state(self.id(), &source()).expect("a source that was asked")
    }
}

/// A report without the words of faults: of several, another one may be met.
fn without_faults(mut report: Report) -> Report {
    for source in report.sources.iter_mut().filter(|source| source.outcome == Outcome::Failed) {
        source.detail = None;
    }
    report
}

/// Where the CA publishes its CRL.
pub fn source() -> CrlSource {
    SOURCE.parse().expect("a source")
}

/// Where a CA with two lists publishes the other one.
pub fn other_source() -> CrlSource {
    OTHER_SOURCE.parse().expect("a source")
}

/// The serial number of a certificate, big-endian, as a CRL has it.
pub fn serial_bytes(device: &Issued) -> Vec<u8> {
    let digits = serial(device).to_string();
    let even = if digits.len().is_multiple_of(2) { digits } else { format!("0{digits}") };
    hex::decode(even).expect("hexadecimal digits")
}

/// One run of the checker.
///
/// # Errors
/// The fault that ended it.
pub async fn run(cloud: &FakeCloud, request: &Request) -> Result<Report, Fault> {
    run_for(Duration::from_mins(10), cloud, request).await
}

/// A run of the checker as an actor of this name. An exploration runs its code many times: it is the same process then.
pub async fn run_as(name: &str, cloud: FakeCloud, request: &Request) {
    run_through([cloud.clone(), cloud.clone()], name, cloud, request).await;
}

/// The same, with registries of its own before AWS IoT: that of ordinary runs, and that of comparisons.
pub(crate) async fn run_through<R>(registries: [R; 2], name: &str, cloud: FakeCloud, request: &Request)
where
    R: CertificateRegistry + Attachments + Sync,
{
    let process = Process { id: name.to_owned(), until: deadline() };
    let parts = parts(limits(), registries, &cloud, Published(cloud.clone()));
    // What a run reports is nobody's concern: what counts is where the certificates end.
    let run = Checker::new(parts);
    drop(Box::pin(run.run(request, &process, explored_time(), Instant::now() + Duration::from_mins(10))).await);
}

/// One run of the checker that has so much time.
///
/// # Errors
/// The fault that ended it.
pub async fn run_for(time: Duration, cloud: &FakeCloud, request: &Request) -> Result<Report, Fault> {
    run_with(limits(), time, cloud, Published(cloud.clone()), request).await
}

/// One run of the checker within these limits, with this way to the sources.
///
/// # Errors
/// The fault that ended it.
pub async fn run_with<F: CrlFetch + Sync>(
    limits: Limits,
    time: Duration,
    cloud: &FakeCloud,
    fetcher: F,
    request: &Request,
) -> Result<Report, Fault> {
    let checker = Checker::new(parts(limits, [cloud.clone(), cloud.clone()], cloud, fetcher));
    let process = Process { id: next_request_id(), until: now() + time };
    Box::pin(checker.run(request, &process, now(), Instant::now() + time)).await
}

type CloudParts<R, F> = Parts<R, Authorities, Registrations, FakeCloud, F, LiveSessions>;

fn parts<R, F>(limits: Limits, registries: [R; 2], cloud: &FakeCloud, fetcher: F) -> CloudParts<R, F>
where
    R: CertificateRegistry + Attachments + Sync,
    F: CrlFetch + Sync,
{
    let [registry, registry_of_comparisons] = registries;
    Parts {
        authorities: cloud.authorities(),
        bucket: cloud.clone(),
        fetcher,
        limits,
        registrations: cloud.registrations(),
        registry,
        registry_of_comparisons,
        sessions: cloud.sessions(),
    }
}

/// The limits of a run.
pub fn limits() -> Limits {
    let scratch = Scratch::new(std::env::temp_dir(), 1 << 30);
    Limits { minimum_share: 50, portions: Portions::default(), scratch }
}

/// The sources of a cloud.
#[derive(Clone, Debug)]
pub struct Published(pub FakeCloud);

/// A CRL in one piece.
#[derive(Debug)]
pub struct Piece(Option<Bytes>);

impl CrlBody for Piece {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchFault> {
        Ok(self.0.take())
    }
}

impl CrlFetch for Published {
    type Body = Piece;

    async fn fetch(&self, source: &CrlSource, _: &[String], known: &Validators) -> Result<Fetched<Piece>, FetchFault> {
        let url = source.to_string();
        let lost = |_| FetchFault::Incomplete { received: 0, url: url.clone() };
        let found = self.0.fetch_crl(source).await.map_err(lost)?;
        let crl = found.ok_or(FetchFault::Status { status: 404, url })?.to_vec();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &crl);
        let validators = Validators::new(Some(format!("\"{}\"", hex::encode(digest))), None);
        if *known == validators {
            return Ok(Fetched::NotModified);
        }
        Ok(Fetched::Content { body: Piece(Some(crl.into())), validators })
    }
}
