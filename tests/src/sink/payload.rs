//! Payloads of every kind, each with what a table has to hold of it. Neither is made from the other.

use std::collections::BTreeMap;

use super::Chance;
use super::table::{exact, octets};

/// Numbers that only an exact reader keeps, and some that could be written in another way.
const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "-0.0",
    "21.50",
    "0.1",
    "-273.15",
    "1e5",
    "1E+3",
    "9007199254740993",
    "12345678901234567890123456789012345678",
    "-0.00012345678901234567890123456789012345678",
    "9.9999999999999999999999999999999999999E+125",
    "1e-130",
    "-1.0E-130",
];
/// Texts as JSON can write them, and what they are.
const TEXTS: [(&str, &str); 7] = [
    ("", ""),
    ("on", "on"),
    (r"\u00e9\ud83d\ude00", "é😀"),
    ("é😀", "é😀"),
    (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
    (r"\u0000", "\0"),
    ("21.50", "21.50"),
];
const NAMES: [&str; 7] = ["t", "humidity", "a.b", "#n", ":v", "é😀", "payload"];
/// Text of devices that don't speak JSON.
const PLAIN: [&str; 6] = ["21.50 C", "{\"t\":", "{'t':1}", "ok", "\u{feff}{}", "01"];
/// Levels of arrays and objects inside of a payload.
const DEPTH: usize = 4;

/// A payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payload {
    /// What is published.
    pub octets: Vec<u8>,
    /// What the table has to hold where JSON becomes attributes, in the words of [`content`](super::content).
    pub content: String,
}

impl Payload {
    fn binary(data: Vec<u8>) -> Self {
        Self { content: octets(&data), octets: data }
    }
}

/// A payload of any kind. The JSON objects among them hold `n`.
pub fn payload(chance: &mut Chance, n: usize) -> Payload {
    match chance.below(10) {
        0 => Payload::binary(Vec::new()),
        1 => {
            let mut all: Vec<u8> = (0..=u8::MAX).collect();
            chance.shuffle(&mut all);
            Payload::binary(all)
        }
        2 => {
            let count = chance.below(300);
            // No text begins so.
            Payload::binary([vec![0xff], chance.octets(count)].concat())
        }
        3 => Payload::binary(chance.one_of(&PLAIN, "").as_bytes().to_vec()),
        4 => json(chance, DEPTH).into_payload(),
        _ => {
            let mut members = vec![("n".to_owned(), Json::number(n.to_string()))];
            for name in NAMES {
                if chance.below(2) == 0 {
                    members.push((name.to_owned(), json(chance, DEPTH)));
                }
            }
            chance.shuffle(&mut members);
            Json::object(members, chance).into_payload()
        }
    }
}

/// JSON, and the same as a table holds it.
struct Json {
    content: String,
    text: String,
}

impl Json {
    fn number(text: String) -> Self {
        Self { content: exact(&text), text }
    }

    fn object(members: Vec<(String, Self)>, chance: &mut Chance) -> Self {
        let space = space(chance);
        let text: Vec<String> =
            members.iter().map(|(name, json)| format!("\"{name}\"{space}:{space}{}", json.text)).collect();
        let content: BTreeMap<String, String> = members.into_iter().map(|(name, json)| (name, json.content)).collect();
        Self { content: format!("{content:?}"), text: format!("{{{space}{}{space}}}", text.join(",")) }
    }

    fn into_payload(self) -> Payload {
        Payload { octets: self.text.into_bytes(), content: self.content }
    }
}

fn json(chance: &mut Chance, depth: usize) -> Json {
    match chance.below(if depth == 0 { 5 } else { 8 }) {
        0 => Json { content: "null".to_owned(), text: "null".to_owned() },
        1 => {
            let flag = if chance.below(2) == 0 { "true" } else { "false" };
            Json { content: flag.to_owned(), text: flag.to_owned() }
        }
        2 => {
            let (text, content) = chance.one_of(&TEXTS, ("", ""));
            Json { content: format!("{content:?}"), text: format!("\"{text}\"") }
        }
        3 => Json::number(format!("{}.{:03}", chance.below(100_000), chance.below(1000))),
        4 => Json::number(chance.one_of(&NUMBERS, "0").to_owned()),
        5 => {
            let elements: Vec<Json> = (0..chance.below(4)).map(|_| json(chance, depth - 1)).collect();
            let text: Vec<&str> = elements.iter().map(|json| json.text.as_str()).collect();
            let content: Vec<&String> = elements.iter().map(|json| &json.content).collect();
            Json { content: format!("{content:?}"), text: format!("[{}{}]", space(chance), text.join(" ,")) }
        }
        _ => {
            let names = NAMES.iter().take(chance.below(NAMES.len()));
            let members: Vec<_> = names.map(|name| ((*name).to_owned(), json(chance, depth - 1))).collect();
            Json::object(members, chance)
        }
    }
}

/// White space, which is not kept.
fn space(chance: &mut Chance) -> &'static str {
    chance.one_of(&["", " ", "\n\t", "\r\n  "], "")
}
