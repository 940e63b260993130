//! A decoder for text that arrives in pieces.

use std::mem;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::boundary::{self, LineStart, is_blank, is_line_end, is_white};

/// Digits that are decoded at once, a multiple of 4.
const BATCH: usize = 16 * 1024;

/// What the base64 of a DER sequence of 128 bytes and more begins with. Only with it does a block begin in the line of
/// its boundary; else the line would be a sentence about PEM.
const SAME_LINE: &[u8] = b"MI";

/// What is wrong within a block, for people, and how many bytes of it were good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::pki) struct Flaw {
    /// Bytes that were decoded before.
    pub(in crate::pki) decoded: usize,
    /// The flaw.
    pub(in crate::pki) what: &'static str,
}

/// What a decoder finds, in the order of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::pki) enum Event<'a> {
    /// A block of this label begins.
    Begin(&'static str),
    /// The next bytes of its content.
    Content(&'a [u8]),
}

/// Decodes the blocks of some labels, and passes over everything else.
///
/// It holds one batch of digits at most, and the beginning of a line that may become a boundary.
#[derive(Debug)]
pub(in crate::pki) struct Decoder {
    /// Bytes of the block that are decoded.
    decoded: usize,
    /// Digits that are not decoded yet.
    digits: Vec<u8>,
    /// Whether there was nothing but white space.
    is_blank: bool,
    labels: &'static [&'static str],
    /// The first label of a block that was not asked for.
    other: Option<String>,
    /// Padding has been there: nothing may follow it.
    padded: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Outside of a block: the line's beginning, as long as it may become a boundary.
    LineStart(Vec<u8>),
    /// Outside of a block, in a line of text.
    Text,
    /// Behind a boundary, in its line, with so many bytes of [`SAME_LINE`].
    Begun { label: &'static str, matched: usize },
    /// In a block.
    Body { label: &'static str },
    /// In the boundary at the end of a block, behind so many bytes of it.
    End { label: &'static str, matched: usize },
}

impl Decoder {
    pub(in crate::pki) fn new(labels: &'static [&'static str]) -> Self {
        Self {
            decoded: 0,
            digits: Vec::new(),
            is_blank: true,
            labels,
            other: None,
            padded: false,
            state: State::LineStart(Vec::new()),
        }
    }

    /// Whether the text may end here: no block has begun without its end.
    pub(in crate::pki) fn is_outside(&self) -> bool {
        matches!(self.state, State::LineStart(_) | State::Text)
    }

    /// Whether there was nothing but white space.
    pub(in crate::pki) fn is_blank(&self) -> bool {
        self.is_blank
    }

    /// The first label of a block that was not asked for.
    pub(in crate::pki) fn other_label(&self) -> Option<&str> {
        self.other.as_deref()
    }

    /// Reads the next piece, and hands over what it holds.
    ///
    /// # Errors
    /// A [`Flaw`] of a block, or what `sink` returns.
    pub(in crate::pki) fn feed<E: From<Flaw>>(
        &mut self,
        mut text: &[u8],
        sink: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.is_blank = self.is_blank && text.iter().all(|byte| is_white(*byte));
        while let Some((&first, rest)) = text.split_first() {
            text = match &mut self.state {
                State::Text => self.skip_text(text),
                State::Body { .. } if first != b'-' => self.collect(text, sink)?,
                State::Body { label } => {
                    let label = *label;
                    self.decode_digits(sink)?;
                    self.check(self.digits.is_empty(), "base64 that breaks off")?;
                    self.state = State::End { label, matched: 0 };
                    text
                }
                State::LineStart(_) => {
                    self.begin_line(first);
                    rest
                }
                State::Begun { label, matched } => {
                    let (label, matched) = (*label, *matched);
                    self.follow_boundary(label, matched, first, sink)?;
                    rest
                }
                State::End { label, matched } => {
                    let (label, matched) = (*label, *matched);
                    self.follow_end(label, matched, first)?;
                    rest
                }
            };
        }
        // Nothing that could be decoded waits for the next piece, so that every fault is found as early.
        if matches!(self.state, State::Body { .. }) { self.decode_digits(sink) } else { Ok(()) }
    }

    fn check(&self, holds: bool, otherwise: &'static str) -> Result<(), Flaw> {
        if holds { Ok(()) } else { Err(self.flaw(otherwise)) }
    }

    fn flaw(&self, what: &'static str) -> Flaw {
        Flaw { decoded: self.decoded, what }
    }

    fn begin_line(&mut self, byte: u8) {
        let State::LineStart(line) = &mut self.state else { return };
        if is_line_end(byte) {
            line.clear();
            return;
        }
        line.push(byte);
        self.state = match boundary::read(line) {
            LineStart::Blank => return line.clear(),
            LineStart::Undecided => return,
            LineStart::Text => State::Text,
            LineStart::Boundary(label) => {
                if let Some(label) = self.labels.iter().find(|known| **known == label) {
                    State::Begun { label, matched: 0 }
                } else {
                    self.other.get_or_insert_with(|| label.to_owned());
                    State::Text
                }
            }
        };
    }

    /// The rest of the piece behind the next line end.
    fn skip_text<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let Some(end) = text.iter().position(|byte| is_line_end(*byte)) else { return &[] };
        self.state = State::LineStart(Vec::new());
        text.get(end..).unwrap_or_default()
    }

    fn follow_boundary<E: From<Flaw>>(
        &mut self,
        label: &'static str,
        matched: usize,
        byte: u8,
        sink: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if matched == 0 && is_blank(byte) {
            return Ok(());
        }
        let is_content = SAME_LINE.get(matched) == Some(&byte);
        if is_content && matched + 1 < SAME_LINE.len() {
            self.state = State::Begun { label, matched: matched + 1 };
            return Ok(());
        }
        if !is_content && (matched > 0 || !is_line_end(byte)) {
            // A sentence that begins with a boundary; a line end behind it is looked at again.
            self.state = if is_line_end(byte) { State::LineStart(Vec::new()) } else { State::Text };
            return Ok(());
        }
        self.digits.extend_from_slice(if is_content { SAME_LINE } else { &[] });
        (self.decoded, self.padded) = (0, false);
        self.state = State::Body { label };
        sink(Event::Begin(label))
    }

    /// RFC 7468 lets a parser accept another label here. There is no reason to: the block may have been cut.
    fn follow_end(&mut self, label: &'static str, matched: usize, byte: u8) -> Result<(), Flaw> {
        let expected = b"-----END ".iter().chain(label.as_bytes()).chain(b"-----");
        self.check(expected.clone().nth(matched) == Some(&byte), "an end that is not that of its beginning")?;
        let is_complete = expected.count() == matched + 1;
        // Files that were put together without a line end between them have the next boundary in the same line.
        self.state =
            if is_complete { State::LineStart(Vec::new()) } else { State::End { label, matched: matched + 1 } };
        Ok(())
    }

    /// Collects the digits up to the next white space, or as many as are decoded at once.
    fn collect<'a, E: From<Flaw>>(
        &mut self,
        text: &'a [u8],
        sink: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<&'a [u8], E> {
        let free = BATCH.saturating_sub(self.digits.len());
        let is_digit = |byte: &&u8| !is_white(**byte) && **byte != b'-';
        let count = text.iter().take(free).take_while(is_digit).count();
        let (digits, rest) = text.split_at_checked(count).unwrap_or((text, &[]));
        self.digits.extend_from_slice(digits);
        if self.digits.len() >= BATCH {
            self.decode_digits(sink)?;
        }
        let white = rest.iter().take_while(|byte| is_white(**byte)).count();
        Ok(rest.get(white..).unwrap_or_default())
    }

    /// Decodes the groups of four digits that are complete.
    fn decode_digits<E: From<Flaw>>(&mut self, sink: &mut dyn FnMut(Event<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut digits = mem::take(&mut self.digits);
        let complete = digits.len() - digits.len() % 4;
        let groups = digits.get(..complete).unwrap_or_default();
        if let Ok(content) = STANDARD.decode(groups) {
            self.hand_over(groups, &content, sink)?;
        } else {
            // What stands before the flaw counts first, as if the input had been cut there.
            for group in groups.chunks(4) {
                let content = STANDARD.decode(group).map_err(|_| self.flaw("something that is no base64"))?;
                self.hand_over(group, &content, sink)?;
            }
        }
        digits.drain(..complete);
        self.digits = digits;
        Ok(())
    }

    fn hand_over<E: From<Flaw>>(
        &mut self,
        groups: &[u8],
        content: &[u8],
        sink: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(last) = groups.last() else { return Ok(()) };
        self.check(!self.padded, "base64 after its padding")?;
        self.padded = *last == b'=';
        sink(Event::Content(content))?;
        self.decoded += content.len();
        Ok(())
    }
}
