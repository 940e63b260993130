//! The reader that a CRL is fed to: DER or PEM, walked and hashed in one pass.

use std::mem;
use std::ops::Range;

use ::time::OffsetDateTime;
use aws_lc_rs::digest::Context;

use super::der::Flaw;
use super::walk::{Entries, Walk};
use super::{Crl, CrlFault, Entry, Scope};
use crate::pki::pem::{CRL_LABELS, Decoder, Event, is_der, is_utf16};
use crate::pki::{Certificate, CertificateVersion, SignatureAlgorithm};

/// Octets that are walked before they are hashed: they still are in the processor's cache.
const PIECE: usize = 64 * 1024;

/// Reads one CRL, DER or PEM, that arrives in chunks of any size, and verifies it at its end.
///
/// Where the chunks are cut makes no difference to what is returned. A reader holds at most one incomplete element and,
/// until the algorithm has been named, the beginning of the list: less than 300 KiB, however long the list is.
///
/// DER has to begin with the first octet. Everything else is PEM: one block labelled `X509 CRL`, with any text around
/// it ([`pem`](crate::pki::pem)).
pub struct CrlReader {
    fault: Option<CrlFault>,
    form: Form,
    list: List,
}

enum Form {
    Der,
    Pem(PemCrl),
    /// The first octet, if it has been there: two decide.
    Unknown(Option<u8>),
}

/// PEM that is searched for its one CRL.
struct PemCrl {
    crls: usize,
    decoder: Decoder,
}

impl CrlReader {
    /// A reader for a complete CRL of this CA.
    #[must_use]
    pub fn new(authority: &Certificate) -> Self {
        let hash = SignedHash { position: 0, state: HashState::Waiting(Vec::new()) };
        Self {
            fault: None,
            form: Form::Unknown(None),
            list: List { authority: authority.clone(), hash, walk: Walk::new() },
        }
    }

    /// A reader for a CRL of this CA that accepts delta CRLs too: [`Crl::base`] tells them from complete ones.
    #[must_use]
    pub fn accepting_deltas(authority: &Certificate) -> Self {
        let mut reader = Self::new(authority);
        reader.list.walk.found.accepts_deltas = true;
        reader
    }

    /// Reads the next octets and hands over the entries that are complete with them, in the list's order.
    ///
    /// They are unproven: nothing of them counts before [`finish`](Self::finish) has returned a [`Crl`].
    ///
    /// # Errors
    /// The first fault in the order of the octets. From then on every call returns it again, `finish` too.
    pub fn feed(&mut self, chunk: &[u8], mut entries: impl FnMut(Entry<'_>)) -> Result<(), CrlFault> {
        self.feed_to(chunk, &mut entries)
    }

    /// Not generic, so that the walk is compiled here and as this crate is, but for its innermost loop ([`Entries`]).
    fn feed_to(&mut self, chunk: &[u8], entries: &mut dyn Entries) -> Result<(), CrlFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let read = self.read(chunk, entries);
        self.fault = read.clone().err();
        read
    }

    fn read(&mut self, chunk: &[u8], entries: &mut dyn Entries) -> Result<(), CrlFault> {
        if let Form::Unknown(first) = self.form {
            let beginning: Vec<u8> = first.into_iter().chain(chunk.iter().copied()).take(2).collect();
            let Some(form) = Form::of(&beginning)? else {
                self.form = Form::Unknown(beginning.first().copied());
                return Ok(());
            };
            self.form = form;
            self.decode(first.as_slice(), entries)?;
        }
        self.decode(chunk, entries)
    }

    fn decode(&mut self, chunk: &[u8], entries: &mut dyn Entries) -> Result<(), CrlFault> {
        let Self { form, list, .. } = self;
        match form {
            Form::Der => list.read(chunk, entries),
            Form::Pem(pem) => pem.read(chunk, list, entries),
            Form::Unknown(_) => Ok(()),
        }
    }

    /// Verifies the CRL when its input has ended: it is complete, the CA may sign CRLs at `now`, and the signature
    /// verifies under the CA's key. Issuer, version and extensions have been checked on the way.
    ///
    /// `thisUpdate` and `nextUpdate` are not compared with `now`: see [`Crl::check_current`].
    ///
    /// # Errors
    /// The first fault found.
    pub fn finish(self, now: OffsetDateTime) -> Result<Crl, CrlFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let is_complete = match self.form {
            Form::Der => true,
            Form::Pem(pem) => pem.is_complete()?,
            Form::Unknown(_) => false,
        };
        if is_complete { self.list.finish(now) } else { Err(CrlFault::Truncated) }
    }
}

impl Form {
    /// The form of what begins so, if two octets have been there.
    fn of(beginning: &[u8]) -> Result<Option<Self>, CrlFault> {
        match beginning {
            [] | [_] => Ok(None),
            _ if is_der(beginning) => Ok(Some(Self::Der)),
            _ if is_utf16(beginning) => Err(Flaw("text in UTF-16").into()),
            _ => Ok(Some(Self::Pem(PemCrl { crls: 0, decoder: Decoder::new(CRL_LABELS) }))),
        }
    }
}

impl PemCrl {
    fn read(&mut self, text: &[u8], list: &mut List, entries: &mut dyn Entries) -> Result<(), CrlFault> {
        let Self { crls, decoder } = self;
        decoder.feed(text, &mut |event| match event {
            Event::Begin(_) => {
                *crls += 1;
                if *crls > 1 { Err(CrlFault::TrailingBytes) } else { Ok(()) }
            }
            Event::Content(der) => list.read(der, entries),
        })
    }

    /// Whether the block has come to its end. Text without any block is no CRL at all.
    fn is_complete(&self) -> Result<bool, CrlFault> {
        if self.crls == 0 && self.decoder.is_outside() && !self.decoder.is_blank() {
            return Err(Flaw("neither DER nor PEM with a block X509 CRL").into());
        }
        Ok(self.crls > 0 && self.decoder.is_outside())
    }
}

/// A CRL in DER that is being read.
struct List {
    authority: Certificate,
    hash: SignedHash,
    walk: Walk,
}

impl List {
    fn read(&mut self, der: &[u8], entries: &mut dyn Entries) -> Result<(), CrlFault> {
        for piece in der.chunks(PIECE) {
            self.walk.go_on(piece, &self.authority, entries)?;
            self.hash.go_on(piece, self.walk.found.signature_algorithm, &self.walk.found.signed);
        }
        Ok(())
    }

    fn finish(self, now: OffsetDateTime) -> Result<Crl, CrlFault> {
        let is_complete = self.walk.is_complete();
        let found = self.walk.found;
        let (true, Some(this_update), Some(next_update), Some(algorithm), HashState::Running(hash)) =
            (is_complete, found.this_update, found.next_update, found.signature_algorithm, self.hash.state)
        else {
            return Err(CrlFault::Truncated);
        };
        check_authority(&self.authority, now)?;
        if !algorithm.verifies_digest(&self.authority.key, &hash.finish(), &found.signature) {
            return Err(CrlFault::SignatureInvalid);
        }
        Ok(Crl {
            base: found.extensions.base,
            entries: found.entries,
            next_update,
            number: found.extensions.number,
            scope: found.extensions.scope.unwrap_or_else(Scope::everything),
            signature_algorithm: algorithm,
            skipped: found.skipped,
            this_update,
        })
    }
}

/// RFC 5280 section 6.3.3 (f); the CA is the registered one, so there is no path to build.
fn check_authority(authority: &Certificate, now: OffsetDateTime) -> Result<(), CrlFault> {
    let extensions = &authority.extensions;
    let unusable = |why: String| Err(CrlFault::IssuerUnusable(why));
    // Version 1 roots have no extensions to say it; AWS IoT registered them as CAs all the same.
    if authority.version() == CertificateVersion::V3 && extensions.authority != Some(true) {
        return unusable("basicConstraints does not make it a CA".to_owned());
    }
    if extensions.crl_sign == Some(false) {
        return unusable("keyUsage lacks cRLSign".to_owned());
    }
    if let Some(oid) = &extensions.unknown_critical {
        return unusable(format!("critical extension {oid} is not understood"));
    }
    let (start, end) = (authority.not_before(), authority.not_after());
    if now < start || end < now {
        return unusable(format!("it is valid from {start} until {end}"));
    }
    Ok(())
}

/// The digest of the signed part, whose place and hash function turn out while it arrives.
struct SignedHash {
    /// Octets that have arrived.
    position: usize,
    state: HashState,
}

enum HashState {
    Running(Context),
    /// What has arrived: little, because the algorithm is named early.
    Waiting(Vec<u8>),
}

impl SignedHash {
    fn go_on(&mut self, piece: &[u8], algorithm: Option<SignatureAlgorithm>, signed: &Range<usize>) {
        if let (HashState::Waiting(held), Some(algorithm)) = (&mut self.state, algorithm) {
            let mut context = Context::new(algorithm.hash().algorithm());
            context.update(part(&mem::take(held), 0, signed));
            self.state = HashState::Running(context);
        }
        match &mut self.state {
            HashState::Running(context) => context.update(part(piece, self.position, signed)),
            HashState::Waiting(held) => held.extend_from_slice(piece),
        }
        self.position += piece.len();
    }
}

/// What of a piece that begins at `position` belongs to the signed part.
fn part<'a>(piece: &'a [u8], position: usize, signed: &Range<usize>) -> &'a [u8] {
    let start = signed.start.saturating_sub(position).min(piece.len());
    let end = signed.end.saturating_sub(position).min(piece.len());
    piece.get(start..end).unwrap_or_default()
}
