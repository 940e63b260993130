//! What a source said to tell one version of its CRL from the next.

use serde::{Deserialize, Serialize};

/// Longest validator that is kept, in bytes: a server must not decide how large a row gets.
pub const MAX_VALIDATOR: usize = 512;

/// `ETag` and `Last-Modified` of the newest answer (RFC 9110 section 8.8), sent back so that an unchanged CRL is not
/// sent again.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Validators {
    /// The entity tag with its quotes, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The date as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl Validators {
    /// The validators of an answer. One that is longer than [`MAX_VALIDATOR`] is left out: shortened, it would match
    /// nothing. So is one that is not visible ASCII, which no header can send back.
    #[must_use]
    pub fn new(etag: Option<String>, last_modified: Option<String>) -> Self {
        let is_kept =
            |text: &String| text.len() <= MAX_VALIDATOR && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        Self { etag: etag.filter(is_kept), last_modified: last_modified.filter(is_kept) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_row_should_hold_is_left_out() {
        let date = || Some("Tue, 01 Sep 2026 00:00:00 GMT".to_owned());
        for (etag, kept) in [
            ("\"a1\"".to_owned(), true),
            ("x".repeat(MAX_VALIDATOR), true),
            ("x".repeat(MAX_VALIDATOR + 1), false),
            ("x".repeat(260_000), false),
            ("\"a\u{1b}\"".to_owned(), false),
            ("\"ä\"".to_owned(), false),
        ] {
            let validators = Validators::new(Some(etag.clone()), date());
            assert_eq!((validators.etag.is_some(), validators.last_modified), (kept, date()), "{etag:.20}");
            assert_eq!(Validators::new(None, Some(etag)).last_modified.is_some(), kept);
        }
    }
}
