//! Reading a whole snapshot from the first octet to the last.

use std::future::Future;
use std::mem;

use aws_lc_rs::digest;

use super::fault::SnapshotFault;
use super::header::{self, HASH_OCTETS};
use super::layout::{Frame, Layout};
use super::page::{self, PAGE_OCTETS};
use super::record::Record;

/// Where a snapshot's octets come from.
pub trait Chunks {
    /// Why the next piece can't be had.
    type Error;

    /// The next octets, in order, in pieces of any size; none after the last.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, Self::Error>> + Send;
}

/// Why a stream ended early.
#[derive(Debug, thiserror::Error)]
pub enum StreamError<E> {
    /// The snapshot can't be believed.
    #[error("the snapshot has a fault")]
    Fault(#[source] SnapshotFault),
    /// Its octets can't be had.
    #[error("the snapshot could not be read")]
    Read(#[source] E),
}

impl<E> From<SnapshotFault> for StreamError<E> {
    fn from(fault: SnapshotFault) -> Self {
        Self::Fault(fault)
    }
}

/// The records of a snapshot, in order.
pub(super) struct Records<C> {
    chunks: C,
    entries: u64,
    layout: Layout,
    page: std::vec::IntoIter<Record>,
    pages: Hash,
    pages_hash: [u8; HASH_OCTETS],
    piece: Vec<u8>,
    sha256: String,
    state: State,
    used: usize,
    whole: Hash,
}

#[derive(Clone, Copy)]
enum State {
    Header,
    Page(u32),
    Verified,
}

/// A hash that can be taken out at the end.
struct Hash(digest::Context);

impl Hash {
    fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    fn take(&mut self) -> digest::Digest {
        mem::replace(self, Self::new()).0.finish()
    }
}

impl<C: Chunks> Records<C> {
    pub(super) fn new(chunks: C, layout: Layout, sha256: String) -> Self {
        Self {
            chunks,
            entries: 0,
            layout,
            page: Vec::new().into_iter(),
            pages: Hash::new(),
            pages_hash: [0; _],
            piece: Vec::new(),
            sha256,
            state: State::Header,
            used: 0,
            whole: Hash::new(),
        }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The next record; none after the last, once the whole object has turned out to be what it should be.
    pub(super) async fn peek(&mut self) -> Result<Option<Record>, StreamError<C::Error>> {
        loop {
            if let Some(record) = self.page.as_slice().first() {
                return Ok(Some(*record));
            }
            let frame = self.layout.frame()?;
            match self.state {
                State::Header => {
                    let octets = self.take().await?;
                    self.pages_hash = header::read(&frame, &octets)?;
                    self.state = State::Page(0);
                }
                State::Page(index) if index < frame.pages => {
                    let octets = self.take().await?;
                    self.pages.0.update(&octets);
                    let records = page::read(&frame, index, &octets)?;
                    // Widening: a page has at most 271.
                    self.entries += u64::try_from(records.len()).unwrap_or_default();
                    self.page = records.into_iter();
                    self.state = State::Page(index + 1);
                }
                State::Page(_) => {
                    self.verify(&frame).await?;
                    self.state = State::Verified;
                }
                State::Verified => return Ok(None),
            }
        }
    }

    /// Goes on to the record after the one that [`Self::peek`] returns.
    pub(super) fn advance(&mut self) {
        self.page.next();
    }

    /// The octets of the next page.
    async fn take(&mut self) -> Result<Vec<u8>, StreamError<C::Error>> {
        let mut page = Vec::with_capacity(PAGE_OCTETS);
        while page.len() < PAGE_OCTETS {
            let rest = self.piece.get(self.used..).unwrap_or_default();
            let some = rest.get(..PAGE_OCTETS - page.len()).unwrap_or(rest);
            page.extend_from_slice(some);
            self.used += some.len();
            if page.len() < PAGE_OCTETS {
                let piece = self.chunks.next().await.map_err(StreamError::Read)?;
                self.piece = piece.ok_or(SnapshotFault::Length)?;
                self.used = 0;
            }
        }
        self.whole.0.update(&page);
        Ok(page)
    }

    async fn verify(&mut self, frame: &Frame) -> Result<(), StreamError<C::Error>> {
        if self.used < self.piece.len() {
            return Err(SnapshotFault::Length.into());
        }
        while let Some(piece) = self.chunks.next().await.map_err(StreamError::Read)? {
            if !piece.is_empty() {
                return Err(SnapshotFault::Length.into());
            }
        }
        if self.entries != frame.entries {
            return Err(SnapshotFault::Entries { expected: frame.entries, found: self.entries }.into());
        }
        let whole = hex::encode(self.whole.take()) == self.sha256;
        if whole && self.pages.take().as_ref() == self.pages_hash { Ok(()) } else { Err(SnapshotFault::Hash.into()) }
    }
}
