//! Revocation snapshots: the revoked serial numbers of one verified CRL as an object that never changes.
//!
//! A list may have millions of entries; whether one certificate is among them has to be known within milliseconds.
//! So the entries lie in pages of 8 KiB, and a serial number alone tells which page holds it: a reader that knows the
//! [`Layout`] fetches that page and nothing else, at any size. Records hold whole serial numbers, so that an answer is
//! exact; the fingerprint only orders and spreads them. [`Builder`] makes a snapshot, [`Layout::find`] asks it,
//! [`Difference`] tells what changed from one to the next.
//!
//! An object is a header page and then the record pages, 0 to pages − 1. Integers are big-endian, unused octets are
//! zero. The name of an object should contain the SHA-256 of the whole ([`Written::sha256`]), which a reader of the
//! whole verifies. All snapshots of one source have the same order of records, and one CRL always gives the same
//! octets.
//!
//! Header page, 8,192 octets:
//!
//! | offset | octets | field |
//! | --- | --- | --- |
//! | 0 | 8 | magic, `jitrsnap` |
//! | 8 | 4 | format version, 1 |
//! | 12 | 32 | CA certificate id |
//! | 44 | 8 | seed: start of SHA-256(CA certificate id ‖ source) |
//! | 52 | 8 | `thisUpdate`, seconds since 1970, signed |
//! | 60 | 8 | `nextUpdate`, seconds since 1970, signed |
//! | 68 | 8 | number of entries |
//! | 76 | 4 | number of record pages, at least 1 |
//! | 80 | 1 | length of the CRL number in octets; 0 if the CRL has none |
//! | 81 | 20 | CRL number, minimal, left-justified |
//! | 101 | 2 | length of the source in octets |
//! | 103 | 1,000 | source (where the CRL comes from), UTF-8, left-justified |
//! | 1,103 | 32 | SHA-256 of all record pages |
//! | 8,176 | 16 | check: start of SHA-256 of octets 0 to 8,175 |
//!
//! The snapshot id is the start (16 octets) of SHA-256 of octets 0 to 1,102 of the header. It stands in every page, so
//! that a page of another snapshot is recognised.
//!
//! Record page, 8,192 octets:
//!
//! | offset | octets | field |
//! | --- | --- | --- |
//! | 0 | 16 | snapshot id |
//! | 16 | 8 | seed, as in the header |
//! | 24 | 4 | number of record pages, as in the header |
//! | 28 | 4 | index of this page |
//! | 32 | 2 | number of records, at most 271 |
//! | 34 | 2 | zero |
//! | 36 | 30 each | records by ascending fingerprint, then length, then serial number |
//! | 8,176 | 16 | check: start of SHA-256 of octets 0 to 8,175 |
//!
//! Record, 30 octets:
//!
//! | offset | octets | field |
//! | --- | --- | --- |
//! | 0 | 8 | fingerprint: start of SHA-256(seed ‖ serial number without padding) |
//! | 8 | 1 | reason code (`CRLReason`) |
//! | 9 | 1 | length of the serial number in octets, 1 to 20 |
//! | 10 | 20 | serial number, minimal, left-justified |
//!
//! A record is in the page with the index (fingerprint · pages) >> 64, computed in 128 bits. There is one page for
//! every 180 entries, so that with fingerprints spread evenly none of them gets more than the 271 that fit; should it
//! happen, the builder takes more pages. Seed and number of pages are in each page because a reader with a wrong one
//! would look for its record in the wrong place and not miss it.
//!
//! The checks find what broke; they don't prove who wrote it. Whoever reads a whole snapshot compares its SHA-256 with
//! the one in the state before acting on anything in it. A page alone can't be compared so: that only the CRL checker
//! can write snapshots is for the bucket's policy to say.

mod builder;
mod difference;
mod fault;
mod header;
mod layout;
mod merge;
mod page;
mod record;
mod scratch;
mod search;
mod stream;

pub use builder::{Builder, Written};
pub use difference::{Change, Difference, DifferenceError};
pub use fault::SnapshotFault;
pub use header::Header;
pub use layout::Layout;
pub use page::PAGE_OCTETS;
pub use scratch::{Scratch, ScratchFile};
pub use search::{Found, Search};
pub use stream::{Chunks, StreamError};
