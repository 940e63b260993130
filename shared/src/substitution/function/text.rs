//! Functions of texts. What is no text is taken for one by the standard conversions.

use crate::substitution::LONGEST_RESULT;
use crate::substitution::fault::Problem;
use crate::substitution::value::Value;

/// Spaces that `lpad` and `rpad` add at most.
const MAX_SPACES: i64 = 1000;
/// ASCII characters, which `chr` knows.
const ASCII: std::ops::RangeInclusive<i64> = 0..=127;

/// The character of an ASCII code.
pub(super) fn chr(code: &Value) -> Value {
    let code = code.to_index().filter(|code| ASCII.contains(code)).and_then(|code| u8::try_from(code).ok());
    code.map_or(Value::Undefined, |code| Value::Text(char::from(code).to_string()))
}

/// The place of a text in another, in characters from 0; -1 if it is not there, as in Java.
pub(super) fn index_of(text: &str, searched: &str) -> Value {
    let place = text.split_once(searched).map(|(before, _)| before.chars().count());
    let place = place.map_or(Some(-1), |place| i64::try_from(place).ok());
    place.map_or(Value::Undefined, |place| Value::Number(place.into()))
}

/// The text and so many spaces; Undefined if that is no number.
pub(super) fn padded(text: &Value, count: &Value, join: fn(&str, &str) -> String) -> Value {
    let count = count.to_index().and_then(|count| usize::try_from(count.clamp(0, MAX_SPACES)).ok());
    let padded = text.to_text().zip(count).map(|(text, count)| join(&text, &" ".repeat(count)));
    padded.map_or(Value::Undefined, Value::Text)
}

/// Spaces and tabs, which `ltrim` and `rtrim` remove.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// The text with all occurrences of another one replaced.
pub(super) fn replaced(text: &str, searched: &str, by: &str) -> Result<Value, Problem> {
    let mut replaced = String::new();
    let mut rest = 0;
    for (at, found) in text.match_indices(searched) {
        push(&mut replaced, text.get(rest..at).unwrap_or_default())?;
        push(&mut replaced, by)?;
        rest = at + found.len();
    }
    push(&mut replaced, text.get(rest..).unwrap_or_default())?;
    Ok(Value::Text(replaced))
}

/// Appends what fits.
pub(super) fn push(text: &mut String, more: &str) -> Result<(), Problem> {
    if text.len() + more.len() > LONGEST_RESULT {
        return Err(Problem::TooLong);
    }
    text.push_str(more);
    Ok(())
}

/// Characters `from..until`, both of them moved into the text.
pub(super) fn substring(text: &str, from: i64, until: i64) -> String {
    let index = |at: i64| usize::try_from(at.max(0)).unwrap_or(usize::MAX);
    let (from, until) = (index(from), index(until));
    text.chars().skip(from).take(until.saturating_sub(from)).collect()
}
