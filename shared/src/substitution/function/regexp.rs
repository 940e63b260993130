//! Regular expressions.
//!
//! AWS IoT's are Java's. Here they are those of `regex-lite`, which have no look-around, no references back, no possessive
//! quantifiers and no properties of Unicode, and which take time in proportion to the text. `$1` in a replacement is Java's.

use std::borrow::Cow;

use regex_lite::{Captures, Regex, RegexBuilder};

use super::text::push;
use crate::substitution::fault::{MAX_SEARCHED_BYTES, Problem};
use crate::substitution::value::Value;

/// Bytes of an expression, at most.
const MAX_PATTERN_BYTES: usize = 1024;
/// Bytes of a compiled expression, at most: its size times that of the text is the time of a search.
const MAX_COMPILED_BYTES: usize = 32_768;

/// What is done with an expression.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::substitution) enum Regexp {
    Matches,
    Replace,
    Substr,
}

/// Compiles an expression. Why it is none, or too large, is told in one line.
pub(in crate::substitution) fn compiled(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("a regular expression has at most {MAX_PATTERN_BYTES} bytes"));
    }
    RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .build()
        .map_err(|error| format!("not a regular expression that is supported here: {error}"))
}

impl Regexp {
    /// The function, and how many arguments it takes.
    pub(super) fn named(lower: &str) -> Option<(Self, usize)> {
        Some(match lower {
            "regexp_matches" => (Self::Matches, 2),
            "regexp_replace" => (Self::Replace, 3),
            "regexp_substr" => (Self::Substr, 2),
            _ => return None,
        })
    }

    /// Undefined if the expression or the replacement is none.
    pub(super) fn call(self, text: &Value, pattern: &Value, by: &Value) -> Result<Value, Problem> {
        let Some((text, pattern)) = text.to_text().zip(pattern.to_text()) else { return Ok(Value::Undefined) };
        let Ok(expression) = compiled(&pattern) else { return Ok(Value::Undefined) };
        if text.len() > MAX_SEARCHED_BYTES {
            return Err(Problem::TooLongToSearch);
        }
        match (self, by.to_text()) {
            (Self::Matches, _) => Ok(Value::Boolean(expression.is_match(&text))),
            (Self::Substr, _) => Ok(expression.find(&text).map_or(Value::Undefined, |found| found.as_str().into())),
            (Self::Replace, Some(by)) => replaced(&text, &expression, &by),
            (Self::Replace, None) => Ok(Value::Undefined),
        }
    }
}

fn replaced(text: &str, expression: &Regex, by: &str) -> Result<Value, Problem> {
    let Some(parts) = parts(by, expression) else { return Ok(Value::Undefined) };
    let mut replaced = String::new();
    let mut rest = 0;
    for captures in expression.captures_iter(text) {
        let Some(found) = captures.get(0) else { continue };
        push(&mut replaced, text.get(rest..found.start()).unwrap_or_default())?;
        for part in &parts {
            push(&mut replaced, part.of(&captures))?;
        }
        rest = found.end();
    }
    push(&mut replaced, text.get(rest..).unwrap_or_default())?;
    Ok(Value::Text(replaced))
}

/// A part of a replacement.
enum Part<'a> {
    Group(usize),
    Literal(Cow<'a, str>),
}

impl Part<'_> {
    fn of<'a>(&'a self, captures: &'a Captures<'_>) -> &'a str {
        match self {
            // A group that took no part in the match is empty.
            Self::Group(group) => captures.get(*group).map_or("", |found| found.as_str()),
            Self::Literal(text) => text,
        }
    }
}

/// Reads a replacement as Java does ("`Matcher.appendReplacement`"): `$1` to `$12` as long as there are such groups, `${name}`,
/// and a backslash before what stands for itself. None if it is wrong.
fn parts<'a>(by: &'a str, expression: &Regex) -> Option<Vec<Part<'a>>> {
    let groups = expression.captures_len();
    let mut parts = Vec::new();
    let mut rest = by;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..)?;
        rest = match c {
            '\\' => {
                let escaped = after.chars().next()?;
                parts.push(Part::Literal(Cow::Owned(escaped.to_string())));
                after.get(escaped.len_utf8()..)?
            }
            '$' if after.starts_with('{') => {
                let (name, rest) = after.strip_prefix('{')?.split_once('}')?;
                let is_named = |found: Option<&str>| found == Some(name);
                parts.push(Part::Group(expression.capture_names().position(is_named)?));
                rest
            }
            '$' => {
                let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                let group = |length: usize| {
                    Some((after.get(..length)?.parse::<usize>().ok().filter(|group| *group < groups)?, length))
                };
                // The first digit is of the group in any case, others only if there is one.
                group(1)?;
                let (number, length) = (1..=digits).map_while(group).last()?;
                parts.push(Part::Group(number));
                after.get(length..)?
            }
            _ => {
                let end = rest.find(['\\', '$']).unwrap_or(rest.len());
                let (literal, rest) = rest.split_at_checked(end)?;
                parts.push(Part::Literal(Cow::Borrowed(literal)));
                rest
            }
        };
    }
    Some(parts)
}
