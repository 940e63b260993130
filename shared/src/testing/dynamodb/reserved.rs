//! Words that stand for themselves in expressions.

use std::collections::HashSet;
use std::sync::LazyLock;

/// "Reserved words in DynamoDB" of the Developer Guide
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>), one a line.
static RESERVED: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("reserved-words.txt").lines().collect());

/// Words of the grammar.
const KEYWORDS: [&str; 9] = ["ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET"];

/// Whether the word needs a placeholder to be an attribute's name.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(word.to_ascii_uppercase().as_str())
}

/// Whether the word is never a name.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_developer_guide_has_573_reserved_words() {
        assert_eq!(RESERVED.len(), 573);
        assert!(is_reserved("Status") && is_reserved("ZONE") && !is_reserved("device") && !is_reserved(""));
        assert!(is_keyword("between") && !is_keyword("size"));
    }
}
