//! What the largest list takes: memory, scratch storage, requests and time of its first check and application.
//!
//! The list is made by one process and read by another, so that the peak of memory is that of the checker. Tables and
//! AWS IoT are in memory; the bucket is a folder. It prints, and never fails because of a figure.

#![expect(clippy::expect_used, reason = "a benchmark that can't go on ends")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crl_checker::fetch::{CrlBody, CrlFetch, FetchFault, Fetched};
use crl_checker::{Checker, Limits, Parts, Portions, Request};
use serde_json::json;
use shared::fault::{Fault, FaultKind};
use shared::pki::crl::RevocationReason::Unspecified;
use shared::port::{SnapshotPages, SnapshotStore};
use shared::profile::Profile;
use shared::registration::Process;
use shared::revocation::{CrlSource, Validators};
use shared::snapshot::{Chunks, Scratch, ScratchFile};
use shared::testing::{FakeCloud, NewCrl, TestAuthority};
use time::OffsetDateTime;

/// Serial numbers of 4 octets: as many entries as `CrlMaxOctets` (256 MiB) lets in, but for a few.
const ENTRIES: u64 = 10_000_000;
/// `CrlCheckerStorage` of the template, but for the part that stays free.
const STORAGE: u64 = 960 << 20;
const SOURCE: &str = "https://crl.example.com/largest.crl";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, folder, entries] = arguments.as_slice()
        && flag == "--make"
    {
        return make(Path::new(folder), entries.parse().expect("a number"));
    }
    let entries = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(ENTRIES);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let this = std::env::current_exe().expect("this program");
    let made = Command::new(this).arg("--make").arg(folder.path()).arg(entries.to_string()).status();
    assert!(made.expect("this program can be started again").success(), "the list could not be made");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(measure(folder.path(), entries));
}

fn make(folder: &Path, entries: u64) {
    let authority = TestAuthority::new("Benchmark CA", now());
    let serials = (0..entries).map(|n| ((0x0100_0000 + n).to_be_bytes(), Unspecified));
    let crl = authority.crl(&NewCrl::current(1, now()), serials);
    std::fs::write(folder.join("crl"), crl).expect("a file");
    std::fs::write(folder.join("ca.pem"), authority.pem()).expect("a file");
    std::fs::write(folder.join("ca.id"), authority.id().as_str()).expect("a file");
}

async fn measure(folder: &Path, entries: u64) {
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
    let profile = json!({"crl": "required", "crlSources": [SOURCE], "enrolledAt": "2026-09-01T00:00:00.000Z"});
    let mut profile: Profile = serde_json::from_value(profile).expect("a profile");
    profile.ca_pem = Some(text("ca.pem"));
    let cloud = FakeCloud::default();
    cloud.put_profile(&text("ca.id").parse().expect("an id"), &profile);
    let scratch = Scratch::new(folder, STORAGE);
    let checker = Checker::new(Parts {
        authorities: cloud.authorities(),
        bucket: Folder(folder.to_owned()),
        fetcher: Shelf(folder.join("crl")),
        limits: Limits { minimum_share: 50, portions: Portions::default(), scratch: scratch.clone() },
        registrations: cloud.registrations(),
        registry: cloud.clone(),
        registry_of_comparisons: cloud.clone(),
        sessions: cloud.sessions(),
    });
    let process = Process { id: "benchmark".to_owned(), until: now() + Duration::from_mins(15) };
    let size = std::fs::metadata(folder.join("crl")).expect("a file").len();
    println!("first list of {entries} entries, {} MB; no fleet", size >> 20);
    for name in ["check and application", "the same again"] {
        let (begun, calls) = (Instant::now(), cloud.calls().len());
        let until = tokio::time::Instant::now() + Duration::from_secs(870);
        let report = Box::pin(checker.run(&Request::default(), &process, now(), until)).await.expect("a run");
        assert!(!report.sources.is_empty(), "the source was asked");
        let outcome = report.sources.first().map(|source| (source.outcome, source.entries, source.detail.clone()));
        println!("{name}: {:.1} s, finished: {}, {outcome:?}", begun.elapsed().as_secs_f64(), report.finished);
        println!(
            "  memory {} MB, scratch {} MB of {} MB at their peaks",
            memory() >> 10,
            scratch.peak() >> 20,
            STORAGE >> 20
        );
        let mut counts = BTreeMap::<&str, usize>::new();
        for call in cloud.calls().split_off(calls) {
            *counts.entry(call).or_default() += 1;
        }
        println!("  requests to tables and AWS IoT: {counts:?}");
    }
}

/// Peak of resident memory, in kilobytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// The source: a file.
struct Shelf(PathBuf);

struct Pieces(File);

impl CrlBody for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchFault> {
        Ok(next(&mut self.0).map(Bytes::from))
    }
}

impl CrlFetch for Shelf {
    type Body = Pieces;

    async fn fetch(&self, _: &CrlSource, _: &[String], known: &Validators) -> Result<Fetched<Pieces>, FetchFault> {
        let validators = Validators::new(Some("\"1\"".to_owned()), None);
        if *known == validators {
            return Ok(Fetched::NotModified);
        }
        Ok(Fetched::Content { body: Pieces(File::open(&self.0).expect("the CRL")), validators })
    }
}

/// The bucket: a folder.
struct Folder(PathBuf);

impl Folder {
    fn path(&self, key: &str) -> PathBuf {
        self.0.join(key.replace('/', "_"))
    }

    fn open_file(&self, key: &str) -> Result<File, Fault> {
        File::open(self.path(key)).map_err(|error| Fault::new("s3:GetObject", FaultKind::Missing, error))
    }
}

struct Content(File);

impl Chunks for Content {
    type Error = Fault;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(next(&mut self.0))
    }
}

impl SnapshotPages for Folder {
    async fn read(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        let mut file = self.open_file(key)?;
        file.seek(SeekFrom::Start(range.start)).expect("a place in the file");
        let mut page = Vec::new();
        file.take(range.end.saturating_sub(range.start)).read_to_end(&mut page).expect("a page");
        Ok(page)
    }
}

impl SnapshotStore for Folder {
    type Content = Content;

    async fn open(&self, key: &str) -> Result<Content, Fault> {
        self.open_file(key).map(Content)
    }

    async fn put(&self, key: &str, content: &Arc<ScratchFile>) -> Result<(), Fault> {
        let mut file = File::create(self.path(key)).expect("a file");
        let mut content = content.file();
        content.seek(SeekFrom::Start(0)).expect("its beginning");
        std::io::copy(&mut content, &mut file).expect("a copy");
        Ok(())
    }

    async fn remove(&self, key: &str) -> Result<(), Fault> {
        std::fs::remove_file(self.path(key)).expect("a file");
        Ok(())
    }
}

fn next(file: &mut File) -> Option<Vec<u8>> {
    let mut piece = vec![0; 65_536];
    let read = file.read(&mut piece).expect("a piece");
    piece.truncate(read);
    (read > 0).then_some(piece)
}

#[expect(clippy::disallowed_methods, reason = "the CRL has to be current")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
