//! How much of an item's 400 KB something takes ("DynamoDB item sizes and formats" in the Amazon DynamoDB developer
//! guide).

use super::{Attribute, Write};
use crate::route::KeyValue;
use crate::substitution::{Number, Value};

/// What an array or an object takes besides its content.
const CONTAINER: usize = 3;
/// What each element or member takes besides itself.
const ELEMENT: usize = 1;
/// What a number takes at most.
const LONGEST_NUMBER: usize = 21;

impl Write {
    /// Octets of the key and of what is written. Of an UPDATE the item may have more.
    #[must_use]
    pub fn size(&self) -> usize {
        let key = self.key.attributes().map(|key| key.name.len() + key.value.size());
        let written = self.effect.attributes().into_iter().flatten();
        key.sum::<usize>() + written.map(|(name, attribute)| name.len() + attribute.size()).sum::<usize>()
    }
}

impl KeyValue {
    fn size(&self) -> usize {
        match self {
            Self::Number(value) => number(value),
            Self::Text(text) => text.len(),
        }
    }
}

impl Attribute {
    /// Octets of the value.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Binary(octets) => octets.len(),
            Self::Json(value) => json(value),
        }
    }
}

fn json(value: &Value) -> usize {
    match value {
        Value::Array(elements) => CONTAINER + elements.iter().map(|element| ELEMENT + json(element)).sum::<usize>(),
        Value::Boolean(_) | Value::Null | Value::Undefined => 1,
        Value::Number(value) => number(value),
        Value::Object(members) => {
            CONTAINER + members.iter().map(|(name, value)| ELEMENT + name.len() + json(value)).sum::<usize>()
        }
        Value::Text(text) => text.len(),
    }
}

/// One octet for each two significant digits, one more, and one for a minus.
///
/// The guide calls that approximate. Here digits make pairs from the point on, so that 1.23 has two and 12.34, too, but
/// 123.4 three: never less than half of the digits.
fn number(number: &Number) -> usize {
    let Some((first, last)) = number.powers() else { return 1 };
    let pairs = usize::try_from(first.div_euclid(2) - last.div_euclid(2) + 1).unwrap_or(LONGEST_NUMBER);
    (pairs + 1 + usize::from(number.as_str().starts_with('-'))).min(LONGEST_NUMBER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{Attributes, Effect, ItemKey, KeyAttribute};

    fn size(json: &str) -> usize {
        Attribute::Json(Value::from_json(json.as_bytes()).unwrap()).size()
    }

    #[test]
    fn values_take_what_the_guide_says() {
        let cases = [
            // JSON, octets
            (r#""""#, 0),
            (r#""abc""#, 3),
            (r#""ä€😀\u0041""#, 2 + 3 + 4 + 1),
            ("null", 1),
            ("true", 1),
            ("false", 1),
            ("[]", 3),
            ("{}", 3),
            (r#"["abc", null]"#, 3 + (1 + 3) + (1 + 1)),
            (r#"{"ä": "abc", "bc": 1}"#, 3 + (1 + 2 + 3) + (1 + 2 + 2)),
            (r#"[[], {"a": [true]}]"#, 3 + (1 + 3) + (1 + 3 + (1 + 1 + 3 + (1 + 1)))),
        ];
        for (json, octets) in cases {
            assert_eq!(size(json), octets, "{json}");
        }
        assert_eq!(Attribute::Json(Value::Undefined).size(), 1);
        assert_eq!(Attribute::Binary(vec![0xff; 5]).size(), 5);
        assert_eq!(Attribute::Binary(Vec::new()).size(), 0);
    }

    #[test]
    fn numbers_take_an_octet_for_two_digits() {
        let cases = [
            ("0", 1),
            ("-0.0", 1),
            ("1", 2),
            ("-1", 3),
            ("12", 2),
            ("123", 3),
            ("1234", 3),
            ("21.50", 3),
            ("48.137154", 5),
            ("1.5", 3),
            // Zeros on either side don't count.
            ("0.001", 2),
            ("0.0012", 2),
            ("-0.05", 3),
            ("1000000", 2),
            ("1200e20", 2),
            ("1E-130", 2),
            ("-9.9E+125", 3),
            // A pair that the point parts.
            ("120", 3),
            ("123.4", 4),
            ("0.125", 3),
            ("12345678901234567890123456789012345678", 20),
            ("-12345678901234567890123456789012345678", 21),
            ("1.2345678901234567890123456789012345678", 21),
            ("-1.2345678901234567890123456789012345678", 21),
        ];
        for (json, octets) in cases {
            assert_eq!(size(json), octets, "{json}");
        }
    }

    #[test]
    fn writes_take_their_names_keys_and_attributes() {
        let key = |name: &str, value| KeyAttribute { name: name.to_owned(), value };
        let write = |effect| Write {
            effect,
            key: ItemKey {
                hash: key("id", KeyValue::Text("pump-17".to_owned())),
                range: Some(key("at", KeyValue::Number(Number::from(1_772_694_489_u64)))),
            },
            table: "telemetry".to_owned(),
        };
        let attributes = Attributes::from([
            ("ä".to_owned(), Attribute::Json(Value::Boolean(true))),
            ("body".to_owned(), Attribute::Binary(vec![0; 10])),
        ]);
        let of_key = (2 + 7) + (2 + 6);
        let of_attributes = (2 + 1) + (4 + 10);
        assert_eq!(write(Effect::Delete).size(), of_key);
        for effect in [Effect::Put, |attributes| Effect::PutNew(attributes, None), Effect::Update] {
            assert_eq!(write(effect(attributes.clone())).size(), of_key + of_attributes);
        }
        let mut write = write(Effect::Put(Attributes::new()));
        write.key.range = None;
        assert_eq!(write.size(), 2 + 7);
    }
}
