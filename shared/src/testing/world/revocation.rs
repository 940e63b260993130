//! Snapshots and sessions in memory.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a broken fake ends the test")]

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;

use super::World;
use crate::fault::{Fault, FaultKind};
use crate::id::{CaCertificateId, CertificateId, Serial, ThingName};
use crate::pki::crl::{CrlNumber, RevocationReason, Scope};
use crate::port::{SessionEnd, Sessions, SnapshotPages, SnapshotStore};
use crate::revocation::{CrlSource, PublishedCrl, SnapshotObject};
use crate::snapshot::{Builder, Chunks, Header};
use crate::testing::NewCrl;

/// An object's content in pieces.
#[derive(Debug)]
pub struct Content(VecDeque<Vec<u8>>);

impl Chunks for Content {
    type Error = Fault;

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.0.pop_front())
    }
}

impl World {
    /// A CRL that counts, as the CRL checker puts it in place: with this scope, listing these serial numbers.
    pub fn place_crl(
        &self,
        authority: &CaCertificateId,
        source: &CrlSource,
        crl: &NewCrl,
        scope: &Scope,
        entries: impl IntoIterator<Item = (Serial, RevocationReason)>,
    ) {
        let mut builder = Builder::new(authority, source.as_str(), std::env::temp_dir());
        for (serial, reason) in entries {
            let digits = serial.as_str();
            let even = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
            builder.insert(&hex::decode(even).expect("hexadecimal digits"), reason);
        }
        let number: CrlNumber = format!("{:x}", crl.number).parse().expect("a CRL number");
        let header = Header {
            ca_certificate_id: authority.clone(),
            crl_number: Some(number.to_string()),
            next_update: crl.next_update,
            source: source.to_string(),
            this_update: crl.this_update,
        };
        let mut object = Vec::new();
        let written = builder.write(&header, &mut object).expect("a snapshot");
        let key = format!("snapshots/{authority}/{}", written.sha256);
        let published = PublishedCrl {
            next_update: crl.next_update,
            number: Some(number),
            scope: scope.clone(),
            skipped: 0,
            snapshot: SnapshotObject { key: key.clone(), layout: written.layout, sha256: written.sha256 },
            this_update: crl.this_update,
        };
        self.change(|state| {
            state.snapshots.insert(key, object);
            let row = state.crl_state(authority, source);
            row.current = Some(published);
            row.version += 1;
        });
    }
}

fn missing(key: &str) -> Fault {
    Fault::new("s3:GetObject", FaultKind::Missing, format!("no object {key}"))
}

impl SnapshotPages for &World {
    async fn read(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        self.lock().octets_read += range.end.saturating_sub(range.start);
        let range =
            usize::try_from(range.start).unwrap_or(usize::MAX)..usize::try_from(range.end).unwrap_or(usize::MAX);
        self.call("s3:GetObject", |state| {
            state.snapshots.get(key).and_then(|object| object.get(range)).map(<[u8]>::to_vec)
        })
        .await?
        .ok_or_else(|| missing(key))
    }
}

impl SnapshotStore for &World {
    type Content = Content;

    async fn open(&self, key: &str) -> Result<Content, Fault> {
        let object = self.call("s3:GetObject", |state| state.snapshots.get(key).cloned()).await?;
        let object = object.ok_or_else(|| missing(key))?;
        Ok(Content(object.chunks(10_000).map(<[u8]>::to_vec).collect()))
    }

    async fn put(&self, key: &str, mut content: File) -> Result<(), Fault> {
        let mut object = Vec::new();
        let read = content.read_to_end(&mut object);
        read.map_err(|error| Fault::new("s3:PutObject", FaultKind::Invalid, error))?;
        self.call("s3:PutObject", |state| {
            state.snapshots.insert(key.to_owned(), object);
        })
        .await
    }

    async fn remove(&self, key: &str) -> Result<(), Fault> {
        self.call("s3:DeleteObject", |state| {
            state.snapshots.remove(key);
        })
        .await
    }
}

impl Sessions for &World {
    async fn client_ids(&self, certificate: &CertificateId, thing: Option<&ThingName>) -> Result<Vec<String>, Fault> {
        self.call("dynamodb:Query", |state| {
            let connected = state.connected.iter().filter(|(_, principal)| *principal == certificate);
            let mut ids: Vec<String> = connected.map(|(client, _)| client.clone()).collect();
            if ids.is_empty() {
                ids.extend(thing.map(ToString::to_string));
            }
            ids
        })
        .await
    }

    async fn end(&self, client_id: &str) -> Result<SessionEnd, Fault> {
        self.call("iot:DeleteConnection", |state| {
            state.connected.remove(client_id);
            SessionEnd::Ended
        })
        .await
    }
}
