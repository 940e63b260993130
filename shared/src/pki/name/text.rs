//! Attribute values as text: decoded from their string type, and prepared for comparison as RFC 4518 section 2 has it.

/// Identifier octets of the string types, with their names.
const STRING_TYPES: [(u8, &str); 8] = [
    (0x0c, "UTF8String"),
    (0x12, "NumericString"),
    (0x13, "PrintableString"),
    (0x14, "TeletexString"),
    (0x16, "IA5String"),
    (0x1a, "VisibleString"),
    (0x1c, "UniversalString"),
    (0x1e, "BMPString"),
];

/// Name of the string type with this identifier octet; none for other types.
pub(super) fn string_type(tag: u8) -> Option<&'static str> {
    STRING_TYPES.iter().find(|(known, _)| *known == tag).map(|(_, name)| *name)
}

/// The characters of a value; none if it is of no string type, or not encoded as its type demands.
///
/// `TeletexString` is read as ISO 8859-1, which is what certificates have in it (RFC 5280 appendix B), and `BMPString`
/// as UTF-16.
pub(super) fn decode(tag: u8, content: &[u8]) -> Option<String> {
    let latin_1 = || content.iter().copied().map(char::from).collect();
    match string_type(tag)? {
        "UTF8String" => String::from_utf8(content.to_vec()).ok(),
        "TeletexString" => Some(latin_1()),
        "BMPString" => {
            let (units, []) = content.as_chunks::<2>() else { return None };
            char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit))).collect::<Result<_, _>>().ok()
        }
        "UniversalString" => {
            let (units, []) = content.as_chunks::<4>() else { return None };
            units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect()
        }
        _ => content.is_ascii().then(latin_1),
    }
}

/// The text as it is compared: equal for values that differ in case and insignificant spaces only.
///
/// Steps of RFC 4518: mapping (section 2.2) with case folding, and insignificant spaces (section 2.6.1), where one
/// space is left of the two that the RFC writes. Left out are normalization (section 2.3), whose tables would add about
/// 90 KB to each function, and the prohibition of characters (section 2.4): a composed and a decomposed letter differ,
/// and characters without meaning compare as they are.
pub(super) fn prepare(text: &str) -> String {
    let mut prepared = String::with_capacity(text.len());
    let mut spaced = false;
    for character in text.chars().filter_map(map) {
        if character == ' ' {
            spaced = true;
            continue;
        }
        if spaced && !prepared.is_empty() {
            prepared.push(' ');
        }
        spaced = false;
        fold(character, &mut prepared);
    }
    prepared
}

/// Characters that mean a space become one, those that are not seen become nothing (RFC 4518 section 2.2).
fn map(character: char) -> Option<char> {
    match character {
        '\t'..='\r'
        | '\u{85}'
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Some(' '),
        '\0'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{1806}'
        | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2063}'
        | '\u{206a}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffc}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0001}'
        | '\u{e0020}'..='\u{e007f}' => None,
        other => Some(other),
    }
}

/// Full case folding by the standard library's tables: what one character's capital letters become in small.
fn fold(character: char, folded: &mut String) {
    match character {
        character if character.is_ascii() => folded.push(character.to_ascii_lowercase()),
        // Its capital letter is that of another small letter, with which it must not be mixed up.
        'ı' => folded.push('ı'),
        // Small first: some capital letters have no other, such as that of ß.
        character => folded.extend(character.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_types_are_decoded_or_not_at_all() {
        let utf_16 = [0, 0x5a, 0, 0xfc, 0xd8, 0x3d, 0xde, 0x00];
        let utf_32 = [0, 0, 0, 0x5a, 0, 1, 0xf6, 0];
        for (tag, content, expected) in [
            (0x0c, "Zü".as_bytes(), Some("Zü")),
            (0x0c, &[0x5a, 0xfc], None),
            (0x12, b"12 3", Some("12 3")),
            (0x13, b"Maker", Some("Maker")),
            (0x13, &[0x5a, 0xfc], None),
            (0x14, &[0x5a, 0xfc], Some("Zü")),
            (0x16, b"a@b", Some("a@b")),
            (0x1a, b"a b", Some("a b")),
            (0x1c, &utf_32, Some("Z😀")),
            (0x1c, &[0, 0, 0xd8, 0], None),
            (0x1c, &[0, 0, 0x5a], None),
            (0x1e, &utf_16, Some("Zü😀")),
            (0x1e, &[0xd8, 0x3d], None),
            (0x1e, &[0, 0x5a, 0], None),
            (0x03, b"\0Maker", None),
            (0x04, b"Maker", None),
        ] {
            assert_eq!(decode(tag, content).as_deref(), expected, "{tag:#x} {content:02x?}");
        }
    }

    #[test]
    fn texts_that_mean_the_same_become_the_same() {
        for (text, expected) in [
            ("", ""),
            (" \t ", ""),
            ("Maker Root", "maker root"),
            ("  MAKER \u{a0}\u{3000} ROOT\n", "maker root"),
            ("\u{ad}Maker\u{200b} \u{0}Root\u{feff}", "maker root"),
            ("STRASSE", "strasse"),
            ("Straße", "strasse"),
            ("STRAẞE", "strasse"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
            ("Σίσυφος", "σίσυφοσ"),
            ("\u{212a}elvin", "kelvin"),
            ("ſpecial", "special"),
        ] {
            assert_eq!(prepare(text), expected, "{text:?}");
        }
        for (one, other) in
            [("Maker", "Mäker"), ("ab", "a b"), ("a.b", "a b"), ("ı", "i"), ("0", "O"), ("é", "e\u{301}")]
        {
            assert_ne!(prepare(one), prepare(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn case_makes_no_difference_to_any_character() {
        let folded = |characters: &mut dyn Iterator<Item = char>| prepare(&characters.collect::<String>());
        for character in ('\u{80}'..=char::MAX).filter(|character| *character != 'ı') {
            let plain = prepare(&character.to_string());
            assert_eq!(folded(&mut character.to_lowercase()), plain, "{character:?}");
            assert_eq!(folded(&mut character.to_uppercase()), plain, "{character:?}");
            assert_eq!(prepare(&plain), plain, "{character:?}");
        }
    }
}
