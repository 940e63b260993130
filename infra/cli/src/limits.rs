//! Bounds of texts that operators write into tables.

use anyhow::{Result, bail};

/// Checks the length of an option's text.
///
/// # Errors
/// The option and its limit, if the text is longer.
pub(crate) fn check_length(option: &str, text: &str, max_bytes: usize) -> Result<()> {
    if text.len() > max_bytes {
        bail!("{option} takes at most {max_bytes} bytes, this text has {}", text.len());
    }
    Ok(())
}
