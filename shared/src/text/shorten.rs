//! Bounds of text that is kept.

use std::fmt::{self, Write};
use std::ops::Deref;

use serde::{Deserialize, Serialize};

/// Longest [`Detail`] in bytes: a sentence with a name or two. A row that every activation reads holds one.
pub const MAX_DETAIL: usize = 1024;

/// What ends a text that was longer.
const ELLIPSIS: &str = "…";

/// The value as text of `max_bytes` at most; of a longer one, its beginning and `…`.
///
/// The value is formatted only as far as it is needed, so that memory has the same bound.
#[must_use]
pub fn shorten(value: impl fmt::Display, max_bytes: usize) -> String {
    let mut bounded = Bounded { is_cut: false, max_bytes, text: String::new() };
    // An error says that the bound was reached.
    let _ = write!(bounded, "{value}");
    let Bounded { is_cut, mut text, .. } = bounded;
    if is_cut {
        text.truncate(text.floor_char_boundary(max_bytes.saturating_sub(ELLIPSIS.len())));
        if text.len() + ELLIPSIS.len() <= max_bytes {
            text.push_str(ELLIPSIS);
        }
    }
    text
}

struct Bounded {
    is_cut: bool,
    max_bytes: usize,
    text: String,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let free = self.max_bytes.saturating_sub(self.text.len());
        self.is_cut = part.len() > free;
        self.text.push_str(part.get(..part.floor_char_boundary(free)).unwrap_or_default());
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}

/// A sentence for people that explains a decision or a fault, of [`MAX_DETAIL`] bytes at most.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Detail(String);

impl Detail {
    /// The value as a sentence, shortened if need be.
    #[must_use]
    pub fn new(value: impl fmt::Display) -> Self {
        Self(shorten(value, MAX_DETAIL))
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        if text.len() <= MAX_DETAIL { Self(text) } else { Self::new(text) }
    }
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<Detail> for String {
    fn from(detail: Detail) -> Self {
        detail.0
    }
}

impl Deref for Detail {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn longer_texts_end_in_an_ellipsis() {
        for (text, max_bytes, expected) in [
            ("pump", 4, "pump"),
            ("pumps", 4, "p…"),
            ("äöü", 6, "äöü"),
            ("äöüß", 7, "äö…"),
            ("äöüß", 6, "ä…"),
            ("pump", 3, "…"),
            ("pump", 2, ""),
            ("", 0, ""),
        ] {
            assert_eq!(shorten(text, max_bytes), expected, "{text} {max_bytes}");
        }
        assert_eq!(shorten(format_args!("{}{:?}", "ab", "cdef"), 8), "ab\"cdef\"");
        assert_eq!(shorten(format_args!("{}{:?}", "ab", "cdefg"), 8), "ab\"cd…");
    }

    #[test]
    fn a_value_is_formatted_only_as_far_as_it_is_needed() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("and so on ")?;
                }
            }
        }
        assert_eq!(Detail::new(Endless).len(), MAX_DETAIL);
    }

    #[test]
    fn a_detail_is_bounded_wherever_it_comes_from() {
        let long = "x".repeat(260_000);
        let read: Detail = serde_json::from_str(&serde_json::to_string(&long).unwrap()).unwrap();
        for detail in [Detail::new(&long), Detail::from(long.clone()), Detail::from(long.as_str()), read] {
            assert_eq!(detail.len(), MAX_DETAIL);
            assert!(detail.ends_with('…'));
        }
    }

    proptest! {
        #[test]
        fn a_shortened_text_is_a_beginning(text in any::<String>(), max_bytes in 3_usize..40) {
            let short = shorten(&text, max_bytes);
            prop_assert!(short.len() <= max_bytes);
            if text.len() <= max_bytes {
                prop_assert_eq!(short, text);
            } else {
                let beginning = short.strip_suffix(ELLIPSIS).unwrap();
                prop_assert!(text.starts_with(beginning));
                prop_assert!(max_bytes - short.len() < 4);
            }
        }
    }
}
