use proptest::prelude::*;

use super::*;

/// A value: identifier octet and content.
#[derive(Clone, Debug)]
struct Written(u8, Vec<u8>);

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The text in each string type that can hold it.
fn writings(text: &str) -> Vec<Written> {
    let mut writings = vec![
        Written(0x0c, bytes(text)),
        Written(0x1c, text.chars().flat_map(|character| u32::from(character).to_be_bytes()).collect()),
        Written(0x1e, text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ];
    if let Ok(latin_1) = text.chars().map(u8::try_from).collect() {
        writings.push(Written(0x14, latin_1));
    }
    if text.is_ascii() {
        writings.extend([0x13, 0x16, 0x1a].map(|tag| Written(tag, bytes(text))));
    }
    writings
}

/// A name of relative names of attributes: last octet of the type under 2.5.4, and value.
fn name(relative_names: &[Vec<(u8, Written)>]) -> Name {
    let attribute = |(kind, Written(tag, content)): &(u8, Written)| {
        let kind = der::encode(OBJECT_IDENTIFIER, &[&[0x55, 0x04, *kind]]);
        der::encode(SEQUENCE, &[&kind, &der::encode(*tag, &[content])])
    };
    let relative = |attributes: &Vec<(u8, Written)>| {
        der::encode(SET, &[&attributes.iter().map(attribute).collect::<Vec<_>>().concat()])
    };
    Name::new(&der::encode(SEQUENCE, &[&relative_names.iter().map(relative).collect::<Vec<_>>().concat()]))
}

fn single(tag: u8, content: &[u8]) -> Name {
    name(&[vec![(3, Written(tag, content.to_vec()))]])
}

#[test]
fn names_match_by_value() {
    let plain = single(0x0c, b"Maker Root");
    for (case, other, expected) in [
        ("PrintableString", single(0x13, b"Maker Root"), true),
        ("capitals and spaces", single(0x16, b"  MAKER   ROOT "), true),
        ("BMPString", single(0x1e, &"maker root".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()), true),
        ("another text", single(0x0c, b"Maker Boot"), false),
        ("no space", single(0x0c, b"MakerRoot"), false),
        ("OCTET STRING", single(0x04, b"Maker Root"), false),
        ("another type", name(&[vec![(10, Written(0x0c, bytes("Maker Root")))]]), false),
        ("nothing", name(&[]), false),
        ("no DER", Name::new(b"Maker Root"), false),
    ] {
        assert_eq!((plain.matches(&other), other.matches(&plain)), (expected, expected), "{case}");
    }
    // Octets that are no UTF-8, in two string types: the same octets are the same, nothing else is.
    let unreadable = single(0x0c, &[0xff, 0x41]);
    assert!(unreadable.matches(&single(0x0c, &[0xff, 0x41])));
    assert!(!unreadable.matches(&single(0x0c, &[0xff, 0x61])));
    assert!(!unreadable.matches(&single(0x13, &[0xff, 0x41])));
    assert!(Name::new(b"no name").matches(&Name::new(b"no name")));
}

#[test]
fn relative_names_are_sets_in_an_order() {
    let attribute = |kind, text: &str| (kind, Written(0x0c, bytes(text)));
    let (a, b) = (attribute(3, "a"), attribute(10, "b"));
    let set = name(&[vec![a.clone(), b.clone()]]);
    assert!(set.matches(&name(&[vec![b.clone(), a.clone()]])));
    assert!(set.matches(&name(&[vec![attribute(10, "B"), attribute(3, " A")]])));
    for other in [
        name(&[vec![a.clone()], vec![b.clone()]]),
        name(&[vec![a.clone()]]),
        name(&[vec![a.clone(), b.clone(), b.clone()]]),
        name(&[vec![a.clone(), a.clone()]]),
    ] {
        assert!(!set.matches(&other), "{}", other.text());
    }
    assert!(!name(&[vec![a.clone()], vec![b.clone()]]).matches(&name(&[vec![b], vec![a]])));
}

#[test]
fn texts_name_types_and_values() {
    let attributes = vec![(10, Written(0x14, vec![0x5a, 0xfc])), (5, Written(0x04, vec![1]))];
    let text = name(&[attributes, vec![(3, Written(0x13, bytes("pump")))]]).text();
    assert_eq!(text, "O=Zü + serialNumber=#040101, CN=pump");
    assert_eq!(Name::new(&[1, 2]).text(), "0102");
    let long = single(0x0c, "x".repeat(10_000).as_bytes());
    assert_eq!(long.text().chars().count(), MAX_TEXT);
}

#[test]
fn names_that_read_alike_are_told_apart() {
    let [text, octets] = [single(0x0c, b"Maker"), single(0x0c, b"Maker\0")];
    assert!(text.matches(&octets), "a character that means nothing");
    let (own, others) = single(0x0c, b"#0401ff").tell_apart(&single(0x04, &[0xff]));
    assert_eq!(own, "CN=#0401ff (2.5.4.3, UTF8String, 0c0723303430316666)");
    assert_eq!(others, "CN=#0401ff (2.5.4.3, no string, 0401ff)");
    let (own, others) = name(&[vec![(3, Written(0x0c, bytes("a, CN=b")))]])
        .tell_apart(&name(&[vec![(3, Written(0x0c, bytes("a")))], vec![(3, Written(0x0c, bytes("b")))]]));
    assert_ne!(own, others);
    let long = |end: &str| single(0x0c, format!("{}{end}", "x".repeat(10_000)).as_bytes());
    let (own, others) = long("a").tell_apart(&long("b"));
    assert_ne!(own, others);
    assert!(own.chars().count() <= MAX_EXCERPT + 1, "{own}");
}

/// Texts of letters with and without marks, digits, single spaces within.
fn texts() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9.äÖéßςΣЖя]{1,6}( [a-zA-Z0-9.äÖéßςΣЖя]{1,6}){0,2}"
}

/// The same text with other letters and spaces.
fn dressed(text: &str, letters: &[u8], spaces: usize) -> String {
    let mut letters = letters.iter().cycle();
    let inner = " ".repeat(spaces + 1);
    let cased = |character: char| match letters.next().map(|choice| choice % 3) {
        Some(0) => character.to_uppercase().collect::<String>(),
        Some(1) => character.to_lowercase().collect(),
        _ => character.to_string(),
    };
    let text: String = text.chars().map(cased).collect();
    format!("{}{}{}", " ".repeat(spaces), text.replace(' ', &inner), " ".repeat(spaces / 2))
}

/// A name in two writings: kinds and texts of its attributes, and how the second is dressed.
fn pairs() -> impl Strategy<Value = (Vec<Vec<(u8, String)>>, Name, Name)> {
    let kind = prop::sample::select(vec![3_u8, 6, 7, 8, 10, 11]);
    let dress = (any::<prop::sample::Index>(), proptest::collection::vec(any::<u8>(), 1..8), 0..3_usize);
    let attribute = (kind, texts(), any::<prop::sample::Index>(), dress);
    let relative = (proptest::collection::vec(attribute, 1..4), any::<bool>());
    proptest::collection::vec(relative, 1..4).prop_map(|relative_names| {
        let (mut plain, mut one, mut other) = (Vec::new(), Vec::new(), Vec::new());
        for (attributes, reversed) in relative_names {
            plain.push(attributes.iter().map(|(kind, text, ..)| (*kind, text.clone())).collect());
            one.push(attributes.iter().map(|(kind, text, at, _)| (*kind, at.get(&writings(text)).clone())).collect());
            let mut set: Vec<_> = attributes
                .iter()
                .map(|(kind, text, _, (at, letters, spaces))| {
                    (*kind, at.get(&writings(&dressed(text, letters, *spaces))).clone())
                })
                .collect();
            if reversed {
                set.reverse();
            }
            other.push(set);
        }
        (plain, name(&one), name(&other))
    })
}

proptest! {
    #[test]
    fn any_string_type_case_and_spacing_is_the_same_name((_, one, other) in pairs()) {
        prop_assert!(one.matches(&other), "{} {}", one.text(), other.text());
        prop_assert!(other.matches(&one));
    }

    #[test]
    fn any_changed_character_is_another_name(
        (plain, one, _) in pairs(),
        place in any::<prop::sample::Index>(),
        inserted in prop::sample::select(vec!['x', '!', 'ø', '€', '0']),
        writing in any::<prop::sample::Index>(),
    ) {
        let mut changed = plain;
        let relative = place.index(changed.len());
        let attribute = place.index(changed[relative].len());
        let text = &mut changed[relative][attribute].1;
        let at = place.index(text.chars().count() + 1);
        *text = text.chars().take(at).chain([inserted]).chain(text.chars().skip(at)).collect();
        let written = |attributes: &Vec<(u8, String)>| {
            attributes.iter().map(|(kind, text)| (*kind, writing.get(&writings(text)).clone())).collect()
        };
        let other = name(&changed.iter().map(written).collect::<Vec<_>>());
        prop_assert!(!one.matches(&other), "{} {}", one.text(), other.text());
        let (own, others) = one.tell_apart(&other);
        prop_assert_ne!(own, others);
    }

    /// Whatever two names are made of: those that don't match never look the same.
    #[test]
    fn names_that_do_not_match_are_told_apart(
        one in proptest::collection::vec(any::<u8>(), 0..6),
        other in proptest::collection::vec(any::<u8>(), 0..6),
        tags in prop::sample::select(vec![(0x0c, 0x0c), (0x0c, 0x04), (0x13, 0x14), (0x1e, 0x0c), (0x04, 0x03)]),
        raw: bool,
    ) {
        let (one, other) =
            if raw { (Name::new(&one), Name::new(&other)) } else { (single(tags.0, &one), single(tags.1, &other)) };
        if !one.matches(&other) {
            let (own, others) = one.tell_apart(&other);
            prop_assert_ne!(own, others);
        }
    }
}
