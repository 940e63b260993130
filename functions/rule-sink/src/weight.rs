//! How much memory a message needs while it is written, known before its payload is read.
//!
//! A payload's values cost far more than its bytes: `1,` becomes a value, an attribute of the SDK, and again one of what
//! DynamoDB did not process. Counting them takes one pass over the bytes and no memory.

use crate::envelope::Envelope;

/// Bytes of memory for a message with an empty payload.
const PER_MESSAGE: usize = 4096;
/// Bytes of memory for each byte of the body.
const PER_BYTE: usize = 8;
/// Bytes of memory for each value in a payload.
const PER_VALUE: usize = 384;
/// Additional bytes of memory for each object: a map keeps room for several members.
const PER_OBJECT: usize = 1536;

/// Bytes of memory that a message needs at most, as `make bench` measures it for the most expensive payloads.
pub(crate) fn weight(body: &str, envelope: &Envelope<'_>) -> usize {
    // What is not base64 is rejected, and no values come of it.
    let Nodes { objects, values } = envelope.payload().map(|payload| Nodes::count(&payload)).unwrap_or_default();
    PER_MESSAGE + PER_BYTE * body.len() + PER_VALUE * values + PER_OBJECT * objects
}

/// Values that a payload has at most.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Nodes {
    /// The objects among them.
    objects: usize,
    /// All of them.
    values: usize,
}

impl Nodes {
    /// Each value of a JSON text is the first, follows a comma, or is the first in an array or object. Of what is not
    /// JSON no values come.
    fn count(payload: &[u8]) -> Self {
        let mut nodes = Self { objects: 0, values: 1 };
        let mut in_string = false;
        let mut bytes = payload.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' if in_string => {
                    bytes.next();
                }
                b'"' => in_string = !in_string,
                b',' | b'[' if !in_string => nodes.values += 1,
                b'{' if !in_string => {
                    nodes.objects += 1;
                    nodes.values += 1;
                }
                _ => {}
            }
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::substitution::Value;

    use super::*;

    /// The objects and all values of a JSON text.
    fn nodes(value: &Value) -> Nodes {
        let (objects, inner) = match value {
            Value::Array(elements) => (0, elements.iter().map(nodes).collect::<Vec<_>>()),
            Value::Object(members) => (1, members.values().map(nodes).collect()),
            _ => (0, Vec::new()),
        };
        inner.iter().fold(Nodes { objects, values: 1 }, |all, nodes| Nodes {
            objects: all.objects + nodes.objects,
            values: all.values + nodes.values,
        })
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i32>().prop_map(Into::into),
            r#"[\[\]{},:"\\a]{0,6}"#.prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(r#"[\[{,"\\a]{0,3}"#, inner, 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn values_are_counted_outside_of_strings() {
        let cases = [
            ("", 0, 1),
            ("1", 0, 1),
            (r#""[,{\",{""#, 0, 1),
            ("[1,1,1]", 0, 4),
            ("[[],[],[]]", 0, 7),
            (r#"{"a":{"a":[1,{}]}}"#, 3, 6),
            (r#"{"\\":"{","b":[","]}"#, 1, 4),
        ];
        for (payload, objects, values) in cases {
            assert_eq!(Nodes::count(payload.as_bytes()), Nodes { objects, values }, "{payload}");
        }
    }

    proptest! {
        /// Empty arrays and objects count twice.
        #[test]
        fn no_payload_has_more_values_than_are_counted(json in any_json()) {
            let payload = json.to_string();
            let counted = Nodes::count(payload.as_bytes());
            let found = nodes(&Value::from_json(payload.as_bytes()).unwrap());
            prop_assert_eq!(counted.objects, found.objects);
            prop_assert!((found.values..=2 * found.values).contains(&counted.values), "{:?} {:?}", counted, found);
        }

        #[test]
        fn any_bytes_are_counted(payload: Vec<u8>) {
            let Nodes { objects, values } = Nodes::count(&payload);
            prop_assert!(objects < values && values <= payload.len() + 1);
        }
    }
}
