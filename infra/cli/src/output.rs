//! How answers reach the operator: tables and sentences, or JSON for programs.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use comfy_table::{Table, presets};
use serde::Serialize;

/// In which form a command answers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// One JSON document, or one per line where a command reports as it goes.
    Json,
    /// For people.
    #[default]
    Text,
}

impl Format {
    /// Prints an answer: the document as JSON, or what `text` makes of it.
    ///
    /// # Errors
    /// A document that has no JSON form, or nobody who reads on.
    pub fn print<T: Serialize>(self, answer: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let answer = match self {
            Self::Json => harmless(&serde_json::to_string_pretty(answer)?),
            Self::Text => text(answer),
        };
        Ok(writeln!(io::stdout(), "{answer}")?)
    }

    /// Prints one line of a report that goes on: JSON Lines, or what `text` makes of it.
    ///
    /// # Errors
    /// A document that has no JSON form, or nobody who reads on.
    pub fn print_line<T: Serialize>(self, line: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let line = match self {
            Self::Json => harmless(&serde_json::to_string(line)?),
            Self::Text => text(line),
        };
        Ok(writeln!(io::stdout(), "{line}")?)
    }

    /// Says what is being done, for people only: a program reads the answer.
    pub fn say(self, sentence: &str) {
        if self == Self::Text {
            // Whoever stopped reading still wants the work to be done; the answer will notice.
            let _ = writeln!(io::stdout(), "{sentence}");
        }
    }
}

/// An error with its causes, each said once: the SDK's errors repeat theirs.
#[must_use]
pub fn in_words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |mut text, cause| {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        text
    })
}

/// Text that somebody else chose, with what a terminal would obey, or show as nothing, as Rust writes it in a literal.
#[must_use]
pub fn printable(text: &str) -> String {
    // Quotes need no escape outside of a literal; each has a backslash of its own.
    text.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

/// JSON with the control characters escaped that serde leaves as they are. They occur within texts only.
fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, '\u{7f}'..='\u{9f}') {
            // Writing into a String does not fail.
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

/// Lays rows out under a header, without lines, to be read and to be cut.
#[must_use]
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Lays facts out as name and value, one per line; facts without a value are left out.
#[must_use]
pub fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let rows: Vec<_> = facts.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_aligned_columns_and_no_trailing_blanks() {
        let text = table(["id", "label"], [["a1".to_owned(), "pumps".to_owned()], ["b22".to_owned(), String::new()]]);
        assert_eq!(text, "id   label\na1   pumps\nb22");
    }

    #[test]
    fn what_others_chose_can_be_printed() {
        for (text, printed) in [
            ("site/7 pump", "site/7 pump"),
            ("it's \"ä\"", "it's \"ä\""),
            ("a\u{1b}[2J\r\n\u{9b}m", "a\\u{1b}[2J\\r\\n\\u{9b}m"),
            ("\u{202e}abc\u{200b}", "\\u{202e}abc\\u{200b}"),
            ("\\u{1b}", "\\\\u{1b}"),
            ("\\'", "\\\\'"),
        ] {
            assert_eq!(printable(text), printed);
        }
    }

    #[test]
    fn json_bears_no_control_characters_and_the_same_text() {
        let text = "a\u{1b}\u{7f}\u{80}\u{9b}\u{9f}\u{a0}ä\\";
        let json = harmless(&serde_json::to_string(text).unwrap());
        assert!(!json.contains(char::is_control) && json.contains("\\u009b"), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn causes_are_said_once() {
        let error =
            anyhow::anyhow!("NotFound: no table").context("service error: NotFound: no table").context("failed");
        assert_eq!(in_words(&error), "failed: service error: NotFound: no table");
    }

    #[test]
    fn facts_without_a_value_are_left_out() {
        let text = facts([("thing", Some("pump-17".to_owned())), ("group", None), ("a", Some("b".to_owned()))]);
        assert_eq!(text, "thing  pump-17\na      b");
    }
}
