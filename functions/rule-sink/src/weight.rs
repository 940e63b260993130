//! How much memory a message needs while it is written, known before its payload is read.
//!
//! A payload's values cost far more than its bytes: `1,` becomes a value, an attribute of the SDK, and again one of what
//! DynamoDB did not process. Counting them takes one pass over the bytes and no memory.

use crate::envelope::Envelope;

/// Bytes of memory for a message with an empty payload.
const PER_MESSAGE: usize = 4096;
/// Bytes of memory for each byte of the body.
const PER_BYTE: usize = 8;
/// Bytes of memory for each value in a payload, and for each name.
const PER_NODE: usize = 384;
/// Additional bytes of memory for each object: a map keeps room for several members.
const PER_OBJECT: usize = 1536;

/// Bytes of memory that a message needs at most, as `make bench` measures it for the most expensive payloads.
pub(crate) fn weight(body: &str, envelope: &Envelope<'_>) -> usize {
    // What is not base64 is rejected, and no values come of it.
    let Nodes { all, objects } = envelope.payload().map(|payload| Nodes::count(&payload)).unwrap_or_default();
    [(PER_BYTE, body.len()), (PER_NODE, all), (PER_OBJECT, objects)]
        .into_iter()
        .fold(PER_MESSAGE, |sum, (bytes, count)| sum.saturating_add(bytes.saturating_mul(count)))
}

/// Values and names that a payload has at most.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Nodes {
    /// All of them.
    all: usize,
    /// The objects among them.
    objects: usize,
}

impl Nodes {
    /// Each value of a JSON text is the first, follows a comma, or is the first in an array or object; each name is followed
    /// by a colon. Of what is not JSON no values come.
    fn count(payload: &[u8]) -> Self {
        let mut nodes = Self { all: 1, objects: 0 };
        let mut in_string = false;
        let mut bytes = payload.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' if in_string => {
                    bytes.next();
                }
                b'"' => in_string = !in_string,
                b',' | b':' | b'[' if !in_string => nodes.all += 1,
                b'{' if !in_string => {
                    nodes.all += 1;
                    nodes.objects += 1;
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

    /// The values, names and objects of a JSON text.
    fn nodes(value: &Value) -> Nodes {
        let (own, inner) = match value {
            Value::Array(elements) => (Nodes { all: 1, objects: 0 }, elements.iter().map(nodes).collect::<Vec<_>>()),
            Value::Object(members) => {
                (Nodes { all: 1 + members.len(), objects: 1 }, members.values().map(nodes).collect())
            }
            _ => (Nodes { all: 1, objects: 0 }, Vec::new()),
        };
        inner.iter().fold(own, |all, nodes| Nodes { all: all.all + nodes.all, objects: all.objects + nodes.objects })
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
    fn nodes_are_counted_outside_of_strings() {
        let cases = [
            ("", 0, 1),
            ("1", 0, 1),
            (r#""[,{\",{""#, 0, 1),
            ("[1,1,1]", 0, 4),
            ("[[],[],[]]", 0, 7),
            (r#"{"a":{"a":[1,{}]}}"#, 3, 8),
            (r#"{"\\":"{","b":[","]}"#, 1, 6),
        ];
        for (payload, objects, all) in cases {
            assert_eq!(Nodes::count(payload.as_bytes()), Nodes { all, objects }, "{payload}");
        }
    }

    proptest! {
        /// Empty arrays and objects count twice.
        #[test]
        fn no_payload_has_more_nodes_than_are_counted(json in any_json()) {
            let payload = json.to_string();
            let counted = Nodes::count(payload.as_bytes());
            let found = nodes(&Value::from_json(payload.as_bytes()).unwrap());
            prop_assert_eq!(counted.objects, found.objects);
            prop_assert!((found.all..=2 * found.all).contains(&counted.all), "{:?} {:?}", counted, found);
        }

        #[test]
        fn any_bytes_are_counted(payload: Vec<u8>) {
            let Nodes { all, objects } = Nodes::count(&payload);
            prop_assert!(objects < all && all <= payload.len() + 1);
        }
    }
}
