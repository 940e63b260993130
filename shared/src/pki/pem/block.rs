//! The blocks of a text that is there as a whole.

use x509_parser::asn1_rs::Any;
use x509_parser::prelude::FromDer;

use super::decoder::{Decoder, Event, Flaw};
use super::{CERTIFICATE_LABELS, TRUSTED_CERTIFICATE, is_utf16};

/// A block of PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// What is between the boundaries, decoded.
    pub content: Vec<u8>,
    /// The label of the boundaries, one of those that were asked for.
    pub label: &'static str,
}

/// Why a text does not hold the blocks that were asked for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PemError {
    /// There is nothing but white space.
    #[error("it is empty")]
    Empty,
    /// A block has something else than base64, or another end than its beginning.
    #[error("its PEM block has {0}")]
    Malformed(&'static str),
    /// There is no block with one of the labels.
    #[error("it is neither DER nor PEM with a block {wanted}{}", but(.found.as_deref()))]
    Missing {
        /// Label of the first other block.
        found: Option<String>,
        /// The first of the labels.
        wanted: &'static str,
    },
    /// The text ends within a block.
    #[error("it ends within a PEM block")]
    Truncated,
    /// The text is UTF-16.
    #[error("it is text in UTF-16: save it as UTF-8")]
    Utf16,
}

fn but(found: Option<&str>) -> String {
    found.map(|label| format!(": it has {label}")).unwrap_or_default()
}

impl From<Flaw> for PemError {
    fn from(flaw: Flaw) -> Self {
        Self::Malformed(flaw.what)
    }
}

/// Reads all blocks with one of the labels, in the order of the text: at least one.
///
/// # Errors
/// See [`PemError`].
pub fn read_blocks(text: &[u8], labels: &'static [&'static str]) -> Result<Vec<Block>, PemError> {
    if is_utf16(text) {
        return Err(PemError::Utf16);
    }
    let mut blocks: Vec<Block> = Vec::new();
    let mut decoder = Decoder::new(labels);
    decoder.feed::<PemError>(text, &mut |event| {
        match event {
            Event::Begin(label) => blocks.push(Block { content: Vec::new(), label }),
            Event::Content(bytes) => {
                if let Some(block) = blocks.last_mut() {
                    block.content.extend_from_slice(bytes);
                }
            }
        }
        Ok(())
    })?;
    if !decoder.is_outside() {
        return Err(PemError::Truncated);
    }
    if decoder.is_blank() {
        return Err(PemError::Empty);
    }
    if blocks.is_empty() {
        let wanted = labels.first().copied().unwrap_or_default();
        return Err(PemError::Missing { found: decoder.other_label().map(ToOwned::to_owned), wanted });
    }
    Ok(blocks)
}

/// The DER form of every certificate in a text, in its order: at least one.
///
/// # Errors
/// See [`PemError`].
pub fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    Ok(read_blocks(text, CERTIFICATE_LABELS)?.into_iter().map(certificate_of).collect())
}

/// A trusted certificate has OpenSSL's trust settings behind it, which are left out.
fn certificate_of(Block { mut content, label }: Block) -> Vec<u8> {
    if label == TRUSTED_CERTIFICATE
        && let Ok((settings, _)) = Any::from_der(&content)
    {
        content.truncate(content.len() - settings.len());
    }
    content
}
