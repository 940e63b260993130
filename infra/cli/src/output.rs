//! How answers reach the operator: tables and sentences, or JSON for programs.
//!
//! Nothing else of the command line writes to the terminal. What is written is [`Text`], or JSON in which the same
//! characters are escaped.

mod text;

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;
use shared::text::escape;

pub use text::{Problems, Text, facts, format_error, table};

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
    pub fn print<T: Serialize, D: Into<Text>>(self, answer: &T, text: impl FnOnce(&T) -> D) -> anyhow::Result<()> {
        match self {
            Self::Json => write_out(&escape_document(&serde_json::to_string_pretty(answer)?)),
            Self::Text => write_out(&text(answer).into()),
        }
    }

    /// Prints one line of a report that goes on: JSON Lines, or what `text` makes of it.
    ///
    /// # Errors
    /// A document that has no JSON form, or nobody who reads on.
    pub fn print_line<T: Serialize, D: Into<Text>>(self, line: &T, text: impl FnOnce(&T) -> D) -> anyhow::Result<()> {
        match self {
            Self::Json => write_out(&escape_document(&serde_json::to_string(line)?)),
            Self::Text => write_out(&text(line).into()),
        }
    }

    /// Reports progress, for people only, on standard error: a program reads the answer.
    pub fn say(self, sentence: impl Into<Text>) {
        if self == Self::Text {
            write_error(sentence);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that writes to standard output")]
fn write_out(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Writes to standard error: what went wrong, beside the answer.
#[expect(clippy::disallowed_methods, reason = "the one place that writes to standard error")]
pub fn write_error(text: impl Into<Text>) {
    // There is nobody left to be told.
    let _ = writeln!(io::stderr(), "{}", text.into());
}

/// A JSON document, escaped line by line: its value stays the same.
fn escape_document(json: &str) -> String {
    let lines: Vec<_> = json.split('\n').map(|line| escape(line).to_string()).collect();
    lines.join("\n")
}

/// A text of another library that has lines of its own, escaped within them.
pub(crate) fn escape_lines(text: &impl Display) -> Text {
    Text::lines(text.to_string().trim_end().split('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_bears_nothing_hidden_and_the_same_value() {
        let answer = ["a\u{1b}\u{7f}\u{80}\u{9b}\u{202e}\u{e0041}\u{a0}ä\\\n", "b"];
        let json = escape_document(&serde_json::to_string_pretty(&answer).unwrap());
        assert_eq!(json.lines().count(), 4);
        for escaped in ["\\u001b", "\\u007f", "\\u0080", "\\u009b", "\\u202e", "\\udb40\\udc41", "\u{a0}ä\\\\\\n"] {
            assert!(json.contains(escaped), "{escaped}: {json}");
        }
        assert_eq!(serde_json::from_str::<[String; 2]>(&json).unwrap(), answer);
    }
}
