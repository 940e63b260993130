//! Revocation snapshots: what is in them is found, what is not is not, and nothing broken is believed.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod damage;
mod difference;
mod format;
mod lookup;
mod search;

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::digest;
use shared::id::{CaCertificateId, Serial};
use shared::pki::crl::RevocationReason;
use shared::snapshot::{Builder, Change, Chunks, Difference, DifferenceError, Header, Layout, PAGE_OCTETS};
use time::macros::datetime;

/// Serial numbers, minimal, and their reasons.
#[derive(Clone, Debug, Default)]
struct Model(BTreeMap<Vec<u8>, RevocationReason>);

impl Model {
    /// The numbers of the range, with every reason in turn.
    fn of(numbers: Range<u64>) -> Self {
        Self(numbers.map(|number| (octets(number), reason(number))).collect())
    }

    fn built(&self) -> Snapshot {
        build(&header(), self.0.iter().map(|(serial, reason)| (serial.clone(), *reason)))
    }
}

/// A snapshot in memory.
#[derive(Clone, Debug)]
struct Snapshot {
    layout: Layout,
    octets: Vec<u8>,
    sha256: String,
}

impl Snapshot {
    /// The octets that a ranged read returns.
    fn read(&self, range: Range<u64>) -> &[u8] {
        &self.octets[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
    }

    fn find(&self, serial: &[u8]) -> Option<RevocationReason> {
        let serial = id(serial);
        let found = self.layout.find(self.read(self.layout.page_of(&serial)), &serial).unwrap();
        assert_eq!(self.layout.find_in_whole(&self.octets, &serial).unwrap(), found);
        found
    }

    /// Page 0 is the header.
    fn page(&self, number: usize) -> &[u8] {
        &self.octets[number * PAGE_OCTETS..][..PAGE_OCTETS]
    }

    fn streamed(&self, sizes: &[usize]) -> (Pieces, Layout, String) {
        (Pieces::new(&self.octets, sizes), self.layout.clone(), self.sha256.clone())
    }
}

fn header() -> Header {
    Header {
        ca_certificate_id: authority(),
        crl_number: Some("1f4".to_owned()),
        next_update: datetime!(2026-11-08 00:00 UTC),
        source: "https://pki.example/fleet.crl".to_owned(),
        this_update: datetime!(2026-11-01 00:00 UTC),
    }
}

fn authority() -> CaCertificateId {
    "c0".repeat(32).parse().unwrap()
}

fn build(header: &Header, entries: impl IntoIterator<Item = (Vec<u8>, RevocationReason)>) -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = Builder::new(&header.ca_certificate_id, &header.source, folder.path());
    for (serial, reason) in entries {
        builder.insert(&serial, reason);
    }
    let mut octets = Vec::new();
    let written = builder.write(header, &mut octets).unwrap();
    assert_eq!(written.sha256, hex::encode(sha256(&octets)));
    assert_eq!(written.layout.octets(), octets.len() as u64);
    Snapshot { layout: written.layout, octets, sha256: written.sha256 }
}

/// The minimal octets of a positive number.
fn octets(number: u64) -> Vec<u8> {
    assert!(number > 0);
    number.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect()
}

fn id(serial: &[u8]) -> Serial {
    hex::encode(serial).parse().unwrap()
}

fn reason(number: u64) -> RevocationReason {
    let reasons: Vec<_> = RevocationReason::ALL.into_iter().filter(|r| *r != RevocationReason::RemoveFromCrl).collect();
    reasons[usize::try_from(number).unwrap() % reasons.len()]
}

fn sha256(octets: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, octets).as_ref().to_vec()
}

/// Octets in pieces whose sizes repeat; then the error, if there is to be one.
struct Pieces {
    error: Option<&'static str>,
    pieces: std::vec::IntoIter<Vec<u8>>,
}

impl Pieces {
    fn new(mut octets: &[u8], sizes: &[usize]) -> Self {
        assert!(sizes.iter().any(|size| *size > 0));
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            if octets.is_empty() {
                break;
            }
            let (piece, rest) = octets.split_at((*size).min(octets.len()));
            pieces.push(piece.to_vec());
            octets = rest;
        }
        // An empty piece is not the end, and none may follow the last octet.
        pieces.push(Vec::new());
        Self { error: None, pieces: pieces.into_iter() }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ReadFault(&'static str);

impl Chunks for Pieces {
    type Error = ReadFault;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ReadFault> {
        match (self.pieces.next(), self.error) {
            (None, Some(error)) => Err(ReadFault(error)),
            (piece, _) => Ok(piece),
        }
    }
}

/// Runs a future whose sources are always ready.
fn now<T>(future: impl Future<Output = T> + Send) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing to wait for"),
    }
}

/// All changes up to the end or the error.
fn changes(mut difference: Difference<Pieces, Pieces>) -> (Vec<Change>, Result<(), DifferenceError<ReadFault>>) {
    let mut changes = Vec::new();
    loop {
        match now(difference.next()) {
            Ok(Some(change)) => changes.push(change),
            Ok(None) => {
                assert!(now(difference.next()).unwrap().is_none(), "the end stays the end");
                return (changes, Ok(()));
            }
            Err(error) => {
                assert!(now(difference.next()).is_err(), "an error stays one");
                return (changes, Err(error));
            }
        }
    }
}

/// Reads one snapshot to its end.
fn stream(snapshot: &Snapshot, sizes: &[usize]) -> (Vec<Change>, Result<(), DifferenceError<ReadFault>>) {
    changes(Difference::new(None, snapshot.streamed(sizes)))
}
