//! Answers for people: lines, tables and facts whose values are escaped.

use std::fmt::{self, Display};
use std::ops::Deref;

use comfy_table::{Table, presets};
use shared::text::escape;

/// Lines for a terminal. Nothing within a line is left that a terminal would obey or not show, so that a value in it
/// can't forge another line.
///
/// It is made of lines, tables and facts only, and only it is printed: no command has to think of escaping.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text(String);

impl Text {
    /// One line.
    #[must_use]
    pub fn line(line: impl Display) -> Self {
        Self(escape(&line.to_string()).to_string())
    }

    /// Lines, one below the other.
    #[must_use]
    pub fn lines(lines: impl IntoIterator<Item = impl Display>) -> Self {
        Self::stack(lines.into_iter().map(Self::line))
    }

    /// Texts, one below the other.
    #[must_use]
    pub fn stack(texts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(texts, "\n")
    }

    /// Texts with an empty line between them.
    #[must_use]
    pub fn paragraphs(texts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(texts, "\n\n")
    }

    fn join(texts: impl IntoIterator<Item = Self>, between: &str) -> Self {
        let texts: Vec<_> = texts.into_iter().map(|text| text.0).collect();
        Self(texts.join(between))
    }

    fn table(mut table: Table) -> Self {
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self(table.trim_fmt())
    }
}

/// One line.
impl From<String> for Text {
    fn from(line: String) -> Self {
        Self::line(line)
    }
}

/// One line.
impl From<&str> for Text {
    fn from(line: &str) -> Self {
        Self::line(line)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lays rows out under a header, without lines, to be read and to be cut.
#[must_use]
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Text {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header).add_rows(rows.into_iter().map(escape_cells));
    Text::table(table)
}

/// Lays facts out as name and value, one per line; facts without a value are left out.
#[must_use]
pub fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Text {
    let rows = facts.into_iter().filter_map(|(name, value)| Some(escape_cells([name.to_owned(), value?])));
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_rows(rows);
    Text::table(table)
}

fn escape_cells<const N: usize>(cells: [String; N]) -> [String; N] {
    cells.map(|cell| escape(&cell).to_string())
}

/// What is wrong with an input in several places: a summary, and a line for each place.
#[derive(Debug)]
pub struct Problems(Text);

impl Problems {
    /// Problems under a summary that ends in a colon.
    pub fn new(summary: impl Display, problems: impl IntoIterator<Item = impl Display>) -> Self {
        let problems = problems.into_iter().map(|problem| Text::line(format_args!("  {problem}")));
        Self(Text::stack([Text::line(format_args!("{summary}:"))].into_iter().chain(problems)))
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Problems {}

/// An error with its causes after the word `error`, each named once: the SDK's errors repeat theirs.
#[must_use]
pub fn format_error(error: &anyhow::Error) -> Text {
    let causes = error.chain().fold(String::new(), |mut causes, cause| {
        let cause = cause.downcast_ref().map_or_else(|| Text::line(cause), |Problems(text)| text.clone());
        if causes.is_empty() {
            causes.push_str(&cause);
        } else if !causes.contains(&*cause) {
            causes.push_str(": ");
            causes.push_str(&cause);
        }
        causes
    });
    Text(format!("error: {causes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\r\n\u{9b}m\u{202e}b\u{200b}";
    const ESCAPED: &str = "a\\u001b[2J\\r\\n\\u009bm\\u202eb\\u200b";

    #[test]
    fn tables_have_aligned_columns_and_no_trailing_blanks() {
        let text = table(["id", "label"], [["a1".to_owned(), "pumps".to_owned()], ["b22".to_owned(), String::new()]]);
        assert_eq!(&*text, "id   label\na1   pumps\nb22");
    }

    #[test]
    fn facts_without_a_value_are_left_out() {
        let text = facts([("thing", Some("pump-17".to_owned())), ("group", None), ("a", Some("b".to_owned()))]);
        assert_eq!(&*text, "thing  pump-17\na      b");
    }

    #[test]
    fn every_value_is_escaped() {
        let row = || [HOSTILE.to_owned(), "b".to_owned()];
        for (text, expected) in [
            (Text::line(HOSTILE), ESCAPED.to_owned()),
            (HOSTILE.into(), ESCAPED.to_owned()),
            (HOSTILE.to_owned().into(), ESCAPED.to_owned()),
            (Text::lines(row()), format!("{ESCAPED}\nb")),
            (Text::paragraphs([Text::line(HOSTILE), Text::line("b")]), format!("{ESCAPED}\n\nb")),
            (table(["A", "B"], [row()]), format!("{:<width$}  B\n{ESCAPED}  b", "A", width = ESCAPED.len())),
            (facts([("a", Some(HOSTILE.to_owned()))]), format!("a  {ESCAPED}")),
        ] {
            assert_eq!(&*text, expected);
        }
    }

    #[test]
    fn causes_are_named_once() {
        let error =
            anyhow::anyhow!("NotFound: no table").context("service error: NotFound: no table").context("failed");
        assert_eq!(&*format_error(&error), "error: failed: service error: NotFound: no table");
    }

    #[test]
    fn errors_are_escaped_and_problems_keep_their_lines() {
        let error = anyhow::anyhow!(HOSTILE).context("failed");
        assert_eq!(&*format_error(&error), format!("error: failed: {ESCAPED}"));
        let problems = Problems::new("routes.json", [HOSTILE, "b"]);
        let error = anyhow::Error::new(problems).context("nothing was done");
        assert_eq!(&*format_error(&error), format!("error: nothing was done: routes.json:\n  {ESCAPED}\n  b"));
    }
}
