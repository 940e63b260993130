//! From a certificate to its thing: name and attributes, within AWS IoT's alphabets and limits.

use std::collections::BTreeMap;
use std::fmt::Write;

use shared::decision::{Decision, Reason, Verdict};
use shared::id::ThingName;
use shared::pki::Certificate;
use shared::port::NewThing;
use shared::profile::Rules;
use shared::registration::{REGISTRATION_ATTRIBUTE, RegistrationId};

/// Longest attribute value ("AWS IoT Core thing limits").
const MAX_VALUE: usize = 800;
/// Longest attribute name.
const MAX_NAME: usize = 128;
/// Attributes on a thing without a type.
const MAX_WITHOUT_TYPE: usize = 3;
/// Attributes on a thing with a type.
const MAX_WITH_TYPE: usize = 50;

/// The name of a certificate's thing.
///
/// # Errors
/// A refusal if the template can't be filled from the subject, or the result is not a legal thing name.
pub(crate) fn name(certificate: &Certificate, rules: &Rules) -> Result<ThingName, Verdict> {
    let text = rules
        .thing_name_template
        .render(certificate, &rules.ca_certificate_id)
        .map_err(|fault| refusal(Reason::ThingNameUnresolved, &fault))?;
    text.parse().map_err(|fault| refusal(Reason::ThingNameInvalid, &fault))
}

/// The thing of a certificate, ready to be made.
///
/// A mapped attribute whose subject field is absent is left out: attributes describe, they do not admit.
///
/// # Errors
/// A refusal if the mapping exceeds AWS IoT's limits.
pub(crate) fn thing(
    name: ThingName,
    id: &RegistrationId,
    certificate: &Certificate,
    rules: &Rules,
) -> Result<NewThing, Verdict> {
    let mut attributes = BTreeMap::from([(REGISTRATION_ATTRIBUTE.to_owned(), id.as_str().to_owned())]);
    for (attribute, template) in &rules.attributes {
        if attribute == REGISTRATION_ATTRIBUTE || !is_attribute_name(attribute) {
            return Err(refusal(Reason::AttributesInvalid, &format!("attribute name {attribute:?} can't be used")));
        }
        let Ok(text) = template.render(certificate, &rules.ca_certificate_id) else { continue };
        let value = encode(&text);
        if value.len() > MAX_VALUE {
            let problem = format!("attribute {attribute} has {} characters, more than {MAX_VALUE}", value.len());
            return Err(refusal(Reason::AttributesInvalid, &problem));
        }
        attributes.insert(attribute.clone(), value);
    }
    let limit = if rules.thing_type.is_some() { MAX_WITH_TYPE } else { MAX_WITHOUT_TYPE };
    if attributes.len() > limit {
        let problem = format!("{} attributes are more than the {limit} that the thing can have", attributes.len());
        return Err(refusal(Reason::AttributesInvalid, &problem));
    }
    Ok(NewThing { attributes, name, thing_type: rules.thing_type.clone() })
}

fn refusal(reason: Reason, detail: &impl ToString) -> Verdict {
    Verdict::new(Decision::Refused, reason, detail.to_string())
}

fn is_attribute_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.,@/:#-".contains(&b);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

/// Encodes a text into AWS IoT's alphabet of attribute values, `a-z A-Z 0-9 _ . , @ / : # = [ ] -`.
///
/// Octets outside of it, and `=` itself, become `=` and two hexadecimal digits, as in quoted-printable (RFC 2045
/// section 6.7), so that the text can be read back.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"_.,@/:#[]-".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            // Writing into a String can't fail.
            let _ = write!(encoded, "={octet:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_the_alphabet_are_quoted() {
        for (text, expected) in [
            ("Pump-17", "Pump-17"),
            ("2026-09-01T00:00:00Z", "2026-09-01T00:00:00Z"),
            ("Größe 3", "Gr=C3=B6=C3=9Fe=203"),
            ("a=b", "a=3Db"),
            ("100%", "100=25"),
            ("", ""),
        ] {
            assert_eq!(encode(text), expected);
        }
    }

    #[test]
    fn attribute_names_keep_to_the_alphabet() {
        assert!(is_attribute_name("firmware.line"));
        for name in ["", "two words", "größe", &"a".repeat(129)] {
            assert!(!is_attribute_name(name), "{name}");
        }
    }
}
