//! PEM that arrives in pieces: one block `X509 CRL` (RFC 7468 section 6), nothing but white space after it.

use std::mem;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::CrlFault;
use super::der::Flaw;

const BEGIN: &[u8] = b"-----BEGIN X509 CRL-----";
const END: &[u8] = b"-----END X509 CRL-----";

/// Digits that are decoded at once, a multiple of 4.
const BATCH: usize = 16 * 1024;

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// So many octets of the first line have been there.
    Begin(usize),
    /// The first line has to end.
    LineEnd,
    Body,
    /// So many octets of the last line have been there.
    End(usize),
    After,
}

/// A block that is being decoded.
#[derive(Debug)]
pub(super) struct Pem {
    /// Octets decoded.
    decoded: usize,
    /// Digits that are not decoded yet.
    digits: Vec<u8>,
    /// Padding has been there: nothing may follow it.
    padded: bool,
    stage: Stage,
}

impl Pem {
    pub(super) fn new() -> Self {
        Self { decoded: 0, digits: Vec::new(), padded: false, stage: Stage::Begin(0) }
    }

    /// Whether the block has come to its end.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.stage, Stage::After)
    }

    /// Decodes the next piece and hands over what it stands for.
    pub(super) fn feed(
        &mut self,
        mut text: &[u8],
        der: &mut dyn FnMut(&[u8]) -> Result<(), CrlFault>,
    ) -> Result<(), CrlFault> {
        while let Some((first, rest)) = text.split_first() {
            match self.stage {
                Stage::Begin(count) => {
                    self.check(BEGIN.get(count) == Some(first), "a PEM block that does not begin as an X509 CRL")?;
                    self.stage = if count + 1 == BEGIN.len() { Stage::LineEnd } else { Stage::Begin(count + 1) };
                    text = rest;
                }
                Stage::LineEnd => {
                    self.check(first.is_ascii_whitespace(), "something after the PEM label")?;
                    self.stage = Stage::Body;
                    text = rest;
                }
                Stage::Body if *first == b'-' => {
                    self.decode_digits(der)?;
                    self.check(self.digits.is_empty(), "base64 that breaks off")?;
                    self.stage = Stage::End(0);
                }
                Stage::Body => text = self.collect(text, der)?,
                Stage::End(count) => {
                    self.check(END.get(count) == Some(first), "a PEM block that does not end as an X509 CRL")?;
                    self.stage = if count + 1 == END.len() { Stage::After } else { Stage::End(count + 1) };
                    text = rest;
                }
                Stage::After if first.is_ascii_whitespace() => text = rest,
                Stage::After => return Err(CrlFault::TrailingBytes),
            }
        }
        // Nothing that could be decoded waits for the next piece, so that every fault is found as early.
        if matches!(self.stage, Stage::Body) { self.decode_digits(der) } else { Ok(()) }
    }

    fn check(&self, holds: bool, otherwise: &'static str) -> Result<(), CrlFault> {
        if holds { Ok(()) } else { Err(self.flaw(otherwise)) }
    }

    fn flaw(&self, what: &'static str) -> CrlFault {
        CrlFault::from(Flaw(what)).at(self.decoded)
    }

    /// Collects the digits up to the next white space, or as many as are decoded at once.
    fn collect<'a>(
        &mut self,
        text: &'a [u8],
        der: &mut dyn FnMut(&[u8]) -> Result<(), CrlFault>,
    ) -> Result<&'a [u8], CrlFault> {
        let is_digit = |octet: &u8| !octet.is_ascii_whitespace() && *octet != b'-';
        let free = BATCH.saturating_sub(self.digits.len());
        let count = text.iter().take(free).take_while(|octet| is_digit(octet)).count();
        let (digits, rest) = text.split_at_checked(count).unwrap_or((text, &[]));
        self.digits.extend_from_slice(digits);
        if self.digits.len() >= BATCH {
            self.decode_digits(der)?;
        }
        Ok(rest.trim_ascii_start())
    }

    /// Decodes the groups of four digits that are complete.
    fn decode_digits(&mut self, der: &mut dyn FnMut(&[u8]) -> Result<(), CrlFault>) -> Result<(), CrlFault> {
        let mut digits = mem::take(&mut self.digits);
        let complete = digits.len() - digits.len() % 4;
        let groups = digits.get(..complete).unwrap_or_default();
        if let Ok(octets) = STANDARD.decode(groups) {
            self.hand_over(groups, &octets, der)?;
        } else {
            // What stands before the flaw counts first, as if the input had been cut there.
            for group in groups.chunks(4) {
                let octets = STANDARD.decode(group).map_err(|_| self.flaw("something that is no base64"))?;
                self.hand_over(group, &octets, der)?;
            }
        }
        digits.drain(..complete);
        self.digits = digits;
        Ok(())
    }

    fn hand_over(
        &mut self,
        groups: &[u8],
        octets: &[u8],
        der: &mut dyn FnMut(&[u8]) -> Result<(), CrlFault>,
    ) -> Result<(), CrlFault> {
        let Some(last) = groups.last() else { return Ok(()) };
        self.check(!self.padded, "base64 after its padding")?;
        self.padded = *last == b'=';
        der(octets)?;
        self.decoded += octets.len();
        Ok(())
    }
}
