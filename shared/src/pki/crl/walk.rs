//! The walk over a `CertificateList` (RFC 5280 section 5.1) that arrives in pieces.
//!
//! Elements are taken straight out of a piece where they are there as a whole. One that a piece cuts in two is collected
//! and taken when it is complete, so that where the input is cut makes no difference. Limits on elements keep what is
//! collected small.

use std::mem;

use super::der::{self, BIT_STRING, Flaw, GENERALIZED_TIME, Header, INTEGER, SEQUENCE, UTC_TIME};
use super::found::Found;
use super::{CrlFault, Entry, entry};
use crate::pki::Certificate;

/// Most octets of an element of the header, of the extensions, and of the signature.
const MAX_ELEMENT: usize = 64 * 1024;
/// Most octets of an entry.
const MAX_ENTRY: usize = 4 * 1024;

const CRL_EXTENSIONS: u8 = 0xa0;

const TOO_LONG: Flaw = Flaw("an element longer than what it stands in");

/// The parts of a list in their order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    List,
    Signed,
    Version,
    Algorithm,
    Issuer,
    ThisUpdate,
    NextUpdate,
    Entries,
    Entry,
    Extensions,
    OuterAlgorithm,
    Signature,
    Nothing,
}

/// What entries are handed to.
///
/// The loop over entries of the usual shape is compiled together with what it hands them to: a call for each one would
/// take a fifth of the time that the entry takes.
pub(super) trait Entries {
    /// Hands an entry over.
    fn one(&mut self, entry: Entry<'_>);

    /// Hands over the entries of the usual shape at the start of `input` ([`entry::read_usual`]).
    fn usual(&mut self, input: &[u8], extensible: bool) -> Usual;
}

/// Entries of the usual shape that have been handed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    /// Their number.
    pub(super) entries: u64,
    /// The octets that they took up.
    pub(super) octets: usize,
}

impl<F: FnMut(Entry<'_>)> Entries for F {
    fn one(&mut self, entry: Entry<'_>) {
        self(entry);
    }

    fn usual(&mut self, input: &[u8], extensible: bool) -> Usual {
        let mut rest = input;
        let mut entries = 0;
        while let Some((entry, after)) = entry::read_usual(rest, extensible) {
            self(entry);
            entries += 1;
            rest = after;
        }
        Usual { entries, octets: input.len() - rest.len() }
    }
}

/// How far a step came.
enum Step {
    /// It used up this many octets.
    Took(usize),
    /// It needs this many octets to go on.
    Wants(usize),
}

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walk {
    /// What has been found.
    pub(super) found: Found,
    /// The beginning of an element that has not arrived as a whole.
    held: Vec<u8>,
    /// Where the `CertificateList` and revokedCertificates end.
    list_end: usize,
    entries_end: usize,
    /// What comes next.
    next: Part,
    /// Octets used up.
    position: usize,
}

impl Walk {
    /// A walk that has not begun.
    pub(super) fn new() -> Self {
        Self { found: Found::default(), held: Vec::new(), list_end: 0, entries_end: 0, next: Part::List, position: 0 }
    }

    /// Whether the list has come to its end.
    pub(super) fn is_complete(&self) -> bool {
        self.next == Part::Nothing
    }

    /// Goes on with the next piece of what should be a list of `authority`. No fault can be passed over.
    pub(super) fn go_on(
        &mut self,
        mut piece: &[u8],
        authority: &Certificate,
        entries: &mut dyn Entries,
    ) -> Result<(), CrlFault> {
        while !piece.is_empty() {
            if self.held.is_empty() {
                match self.step(piece, authority, entries)? {
                    Step::Took(octets) => piece = piece.get(octets..).unwrap_or_default(),
                    Step::Wants(_) => {
                        self.held.extend_from_slice(piece);
                        return Ok(());
                    }
                }
            } else {
                piece = self.step_held(piece, authority, entries)?;
            }
        }
        Ok(())
    }

    /// Goes on with the element that has been collected so far, and returns what is left of the piece.
    fn step_held<'a>(
        &mut self,
        mut piece: &'a [u8],
        authority: &Certificate,
        entries: &mut dyn Entries,
    ) -> Result<&'a [u8], CrlFault> {
        let mut held = mem::take(&mut self.held);
        loop {
            match self.step(&held, authority, entries)? {
                Step::Took(octets) => {
                    held.drain(..octets.min(held.len()));
                    if held.is_empty() {
                        break;
                    }
                }
                Step::Wants(octets) => {
                    let missing = octets.saturating_sub(held.len());
                    let (more, rest) = piece.split_at_checked(missing).unwrap_or((piece, &[]));
                    held.extend_from_slice(more);
                    piece = rest;
                    if more.len() < missing {
                        break;
                    }
                }
            }
        }
        // Also when empty: the next element that is cut in two needs no allocation.
        self.held = held;
        Ok(piece)
    }

    fn step(&mut self, input: &[u8], authority: &Certificate, entries: &mut dyn Entries) -> Result<Step, CrlFault> {
        let step = self.take(input, authority, entries).map_err(|fault| fault.at(self.position))?;
        if let Step::Took(octets) = step {
            self.position += octets;
        }
        Ok(step)
    }

    fn take(&mut self, input: &[u8], authority: &Certificate, entries: &mut dyn Entries) -> Result<Step, CrlFault> {
        let end = match self.next {
            Part::Nothing => return Err(CrlFault::TrailingBytes),
            Part::List => usize::MAX,
            Part::Signed | Part::OuterAlgorithm | Part::Signature => self.list_end,
            Part::Entry => self.entries_end,
            _ => self.found.signed.end,
        };
        let room = end.saturating_sub(self.position);
        if room == 0 {
            self.close()?;
            return Ok(Step::Took(0));
        }
        let input = input.get(..room).unwrap_or(input);
        if self.next == Part::Entry {
            let usual = entries.usual(input, self.found.is_extensible());
            self.found.entries += usual.entries;
            if usual.octets > 0 {
                return Ok(Step::Took(usual.octets));
            }
        }
        let Some(header) = der::header(input)? else {
            return if input.len() < room { Ok(Step::Wants(input.len() + 1)) } else { Err(TOO_LONG.into()) };
        };
        if header.total() > room {
            return Err(TOO_LONG.into());
        }
        if let Some(taken) = self.enter(header)? {
            return Ok(Step::Took(taken));
        }
        let is_entry = self.next == Part::Entry;
        if header.total() > if is_entry { MAX_ENTRY } else { MAX_ELEMENT } {
            return Err(Flaw("an element longer than is sensible").into());
        }
        if input.len() < header.total() {
            return Ok(Step::Wants(header.total()));
        }
        let element = der::element(&mut &*input)?;
        if is_entry {
            match entry::read(element.content, self.found.is_extensible())? {
                Some(entry) => {
                    entries.one(entry);
                    self.found.entries += 1;
                }
                None => self.found.skipped += 1,
            }
        } else {
            self.next = self.found.read(self.next, element, element.whole.len() == room, authority)?;
        }
        Ok(Step::Took(header.total()))
    }

    /// The element that encloses what comes next has ended.
    fn close(&mut self) -> Result<(), CrlFault> {
        self.next = match self.next {
            Part::Entry => Part::Extensions,
            Part::Entries | Part::Extensions => Part::OuterAlgorithm,
            Part::NextUpdate => return Err(CrlFault::NextUpdateMissing),
            _ => return Err(Flaw("the end of an element where another should be in it").into()),
        };
        Ok(())
    }

    /// Steps into an element whose content is not to be collected, or over one that is not there, and returns how many
    /// octets that takes; none if the element is to be read as a whole.
    fn enter(&mut self, header: Header) -> Result<Option<usize>, CrlFault> {
        let end = self.position.saturating_add(header.total());
        let (next, taken) = match (self.next, header.tag) {
            (Part::List, SEQUENCE) => {
                self.list_end = end;
                (Part::Signed, header.own)
            }
            (Part::Signed, SEQUENCE) => {
                self.found.signed = self.position..end;
                (Part::Version, header.own)
            }
            (Part::Entries, SEQUENCE) => {
                self.entries_end = end;
                (Part::Entry, header.own)
            }
            // A CRL without version is of version 1.
            (Part::Version, SEQUENCE) => (Part::Algorithm, 0),
            // No entries, no list.
            (Part::Entries, CRL_EXTENSIONS) => (Part::Extensions, 0),
            (Part::NextUpdate, SEQUENCE | CRL_EXTENSIONS) => return Err(CrlFault::NextUpdateMissing),
            (Part::Version, INTEGER)
            | (Part::Algorithm | Part::Issuer | Part::Entry | Part::OuterAlgorithm, SEQUENCE)
            | (Part::ThisUpdate | Part::NextUpdate, UTC_TIME | GENERALIZED_TIME)
            | (Part::Extensions, CRL_EXTENSIONS)
            | (Part::Signature, BIT_STRING) => return Ok(None),
            _ => return Err(Flaw("an element of another kind than belongs here").into()),
        };
        self.next = next;
        Ok(Some(taken))
    }
}
