//! Characters that a terminal obeys, or shows nothing for.

use std::fmt;
use std::io::{self, Write};

/// Characters that change what a reader sees without being seen, sorted.
///
/// These are the control characters (general category Cc), the line and paragraph separators (Zl, Zp), the interlinear
/// annotations, and what has the property `Default_Ignorable_Code_Point` (Unicode Standard Annex #44), in which are all
/// bidirectional controls, zero-width characters, variation selectors, fillers and tags.
const HIDDEN: [(char, char); 19] = [
    ('\0', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// The text in one line, with every character that a terminal obeys or does not show written as JSON writes it: `\n`,
/// `\u001b`, and `\udb40\udc41` for what lies beyond the basic plane.
///
/// Backslashes stay as they are, so that escaping twice changes nothing, and so that a JSON document keeps its meaning:
/// there such characters occur within strings only.
#[must_use]
pub fn escape(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// A text that is escaped while it is written: see [`escape`].
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((shown, hidden, after)) = split_at_hidden(rest) {
            f.write_str(shown)?;
            write_escaped(f, hidden)?;
            rest = after;
        }
        f.write_str(rest)
    }
}

/// The text before the first hidden character, that character, and what follows it.
fn split_at_hidden(text: &str) -> Option<(&str, char, &str)> {
    let (at, hidden) = text.char_indices().find(|(_, character)| is_hidden(*character))?;
    Some((text.get(..at)?, hidden, text.get(at + hidden.len_utf8()..)?))
}

fn is_hidden(character: char) -> bool {
    // Nearly all text is ASCII.
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    let place = HIDDEN.partition_point(|(_, last)| *last < character);
    HIDDEN.get(place).is_some_and(|(first, _)| *first <= character)
}

fn write_escaped(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    match character {
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        other => other.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}")),
    }
}

/// A writer of whole lines that escapes what is within them: for a log whose lines are each written at once, as
/// `tracing_subscriber` writes them.
#[derive(Debug)]
pub struct EscapedLines<W>(W);

impl EscapedLines<io::Stdout> {
    /// Standard output, where Lambda takes log lines and metrics from.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where functions write to standard output")]
    pub fn stdout() -> Self {
        Self(io::stdout())
    }
}

impl EscapedLines<io::Stderr> {
    /// Standard error.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place where panics are written")]
    pub fn stderr() -> Self {
        Self(io::stderr())
    }
}

impl<W: Write> EscapedLines<W> {
    /// A writer in front of another one.
    pub fn new(inner: W) -> Self {
        Self(inner)
    }
}

impl<W: Write> Write for EscapedLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
        self.0.write_all(format!("{}{end}", escape(text)).as_bytes())?;
        Ok(line.len())
    }

    /// Formats the line first: the parts of a format string are not lines.
    fn write_fmt(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(line.to_string().as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_hides_is_written_out() {
        for (text, expected) in [
            ("site/7 pump", "site/7 pump"),
            ("it's \"ä\" \\ 日本", "it's \"ä\" \\ 日本"),
            ("e\u{301}\u{a0}", "e\u{301}\u{a0}"),
            ("a\u{1b}[2J\r\n\t\u{9b}m\0\u{7f}\u{85}", "a\\u001b[2J\\r\\n\\t\\u009bm\\u0000\\u007f\\u0085"),
            ("\u{202e}abc\u{2066}d\u{61c}\u{200e}", "\\u202eabc\\u2066d\\u061c\\u200e"),
            ("a\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}b", "a\\u200b\\u200d\\u2060\\ufeff\\u00adb"),
            ("a\u{2028}b\u{2029}", "a\\u2028b\\u2029"),
            ("a\u{3164}\u{115f}\u{fe0f}", "a\\u3164\\u115f\\ufe0f"),
            ("a\u{e0041}", "a\\udb40\\udc41"),
            ("", ""),
        ] {
            let escaped = escape(text).to_string();
            assert_eq!(escaped, expected);
            assert_eq!(escape(&escaped).to_string(), escaped, "twice is once");
        }
    }

    #[test]
    fn the_table_is_sorted_and_holds_all_control_characters() {
        assert!(HIDDEN.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert!(HIDDEN.iter().all(|(first, last)| first <= last));
        for character in ('\0'..=char::MAX).filter(|character| character.is_control()) {
            assert!(is_hidden(character), "{character:?}");
        }
    }

    #[test]
    fn lines_of_a_log_stay_lines() {
        let mut log = Vec::new();
        EscapedLines::new(&mut log).write_all(b"{\"a\":\"\xc2\x9b31m\xe2\x80\xae\"}\n").unwrap();
        let (forged, count) = ("forged\nline", 7);
        writeln!(EscapedLines::new(&mut log), "{forged} {count}").unwrap();
        assert_eq!(String::from_utf8(log).unwrap(), "{\"a\":\"\\u009b31m\\u202e\"}\nforged\\nline 7\n");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left_and_json_keeps_its_value(text in any::<String>()) {
            let escaped = escape(&text).to_string();
            prop_assert!(!escaped.chars().any(is_hidden));
            let json = serde_json::to_string(&text).unwrap();
            let escaped = escape(&json).to_string();
            prop_assert!(!escaped.chars().any(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}
