//! What one source or CA does costs the others nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use crl_checker::fetch::{CrlBody, CrlFetch, FetchFault, Fetched};
use crl_checker::{Limits, Outcome, Report, Request};
use serde_json::json;
use shared::pki::crl::RevocationReason::Unspecified;
use shared::profile::Profile;
use shared::revocation::{CrlSource, Validators};
use shared::snapshot::Scratch;
use shared::testing::{FakeCloud, InjectedFault, NewCrl, TestAuthority};

use actors::checking::{limits, run_with};
use actors::now;

/// What a source does when it is asked.
#[derive(Clone)]
enum Source {
    Answers(Vec<u8>),
    Hangs,
    Panics,
}

#[derive(Default)]
struct Sources {
    asked: AtomicUsize,
    by_address: BTreeMap<String, Source>,
}

struct Pieces(std::vec::IntoIter<Bytes>);

impl CrlBody for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchFault> {
        Ok(self.0.next())
    }
}

impl CrlFetch for &Sources {
    type Body = Pieces;

    async fn fetch(&self, source: &CrlSource, _: &[String], _: &Validators) -> Result<Fetched<Pieces>, FetchFault> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match &self.by_address[source.as_str()] {
            Source::Answers(crl) => {
                let pieces = crl.chunks(4_096).map(Bytes::copy_from_slice).collect::<Vec<_>>().into_iter();
                Ok(Fetched::Content { body: Pieces(pieces), validators: Validators::default() })
            }
            Source::Hangs => std::future::pending().await,
            Source::Panics => unreachable!("as planned"),
        }
    }
}

/// A CA for each source, in the order in which they are asked.
fn cas(cloud: &FakeCloud, sources: &mut Sources, made: &[&dyn Fn(&TestAuthority) -> Source]) {
    for (n, make) in made.iter().enumerate() {
        let authority = TestAuthority::new(&format!("CA {n}"), now());
        let address = format!("https://crl.example.com/{n}.crl");
        let mut profile: Profile = enrolled(&address);
        profile.ca_pem = Some(authority.pem().to_owned());
        sources.by_address.insert(address, make(&authority));
        cloud.put_profile(authority.id(), &profile);
    }
}

fn list(entries: u64) -> impl Fn(&TestAuthority) -> Source {
    move |authority| {
        let entries = (1..=entries).map(|n| ((n << 20).to_be_bytes().to_vec(), Unspecified));
        Source::Answers(authority.crl(&NewCrl::current(1, now()), entries))
    }
}

async fn run(limits: Limits, cloud: &FakeCloud, sources: &Sources) -> BTreeMap<String, (Outcome, String)> {
    let report: Report = run_with(limits, Duration::from_mins(12), cloud, sources, &Request::default()).await.unwrap();
    let outcome = |source: crl_checker::SourceReport| {
        let name = source.source.map_or_else(|| "none".to_owned(), |source| source.to_string());
        (name.rsplit('/').next().unwrap().to_owned(), (source.outcome, source.detail.unwrap_or_default().into()))
    };
    report.sources.into_iter().map(outcome).collect()
}

/// The profile of a CA that requires the CRL of one source.
fn enrolled(source: &str) -> Profile {
    let enrolled_at = "2026-09-01T00:00:00.000Z";
    serde_json::from_value(json!({"crl": "required", "crlSources": [source], "enrolledAt": enrolled_at})).unwrap()
}

#[tokio::test(start_paused = true)]
async fn sources_that_hang_panic_or_lie_cost_the_others_nothing() {
    let cloud = FakeCloud::default();
    let mut sources = Sources::default();
    let hangs = |_: &TestAuthority| Source::Hangs;
    let panics = |_: &TestAuthority| Source::Panics;
    let lies = |_: &TestAuthority| Source::Answers(vec![0x30; 100_000]);
    let good = list(5);
    cas(&cloud, &mut sources, &[&hangs, &hangs, &hangs, &hangs, &panics, &lies, &good, &good, &good]);
    // The profile of one more CA can't be used.
    let unreadable = TestAuthority::new("CA without a certificate", now());
    let mut profile = enrolled("https://crl.example.com/x.crl");
    profile.ca_pem = Some("not a certificate".to_owned());
    cloud.put_profile(unreadable.id(), &profile);

    let outcomes = run(limits(), &cloud, &sources).await;
    let of = |name: &str| outcomes[name].0;
    for n in 0..5 {
        assert_eq!(of(&format!("{n}.crl")), Outcome::Failed, "{outcomes:?}");
    }
    assert_eq!((of("5.crl"), of("none")), (Outcome::KeptOut, Outcome::Failed));
    for n in 6..9 {
        assert_eq!(of(&format!("{n}.crl")), Outcome::Published, "{outcomes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_that_do_not_fit_together_are_made_one_after_the_other() {
    let cloud = FakeCloud::default();
    let mut sources = Sources::default();
    // 7 pages of 8 KiB each, and 18 that fit nowhere.
    let (large, larger) = (list(1_000), list(3_000));
    cas(&cloud, &mut sources, &[&large, &large, &larger, &large]);
    let scratch = Scratch::new(std::env::temp_dir(), 100_000);
    let clean = cloud.fork();
    run(limits(), &clean, &sources).await;
    let put = clean.calls().iter().position(|call| *call == "s3:PutObject").unwrap();
    sources.asked.store(0, Ordering::Relaxed);
    // While the first one is written into the bucket, the others are made.
    cloud.plan(put, InjectedFault::Stalled);
    let outcomes = run(Limits { scratch: scratch.clone(), ..limits() }, &cloud, &sources).await;
    for n in [0, 1, 3] {
        assert_eq!(outcomes[&format!("{n}.crl")].0, Outcome::Published, "{outcomes:?}");
    }
    let (outcome, detail) = &outcomes["2.crl"];
    assert_eq!(*outcome, Outcome::Failed);
    assert!(detail.contains("CrlCheckerStorage"), "{detail}");
    assert!(sources.asked.load(Ordering::Relaxed) > 5, "some were asked once more alone");
    assert_eq!(scratch.free(), 100_000);
}
