//! Distinguished names, compared by value (RFC 5280 section 7.1).
//!
//! Names find the issuer of a certificate or CRL; that it is the issuer, its signature proves. CAs write one name in
//! several ways: another string type after a change of software, other letters in a list than in the certificate. So
//! names are the same if their relative names are, in their order, whatever the string types, the case of letters and
//! insignificant spaces. Values that are no text, or unreadable as such, are the same if their bytes are.

#[cfg(test)]
mod tests;
mod text;

use x509_parser::asn1_rs::Oid;
use x509_parser::objects::{oid_registry, oid2abbrev};

use super::crl::der::{self, Element, Flaw, OBJECT_IDENTIFIER, SEQUENCE, SET};

/// Longest text of a name, in characters.
const MAX_TEXT: usize = 512;
/// Longest part of two names that shows where they differ, in characters, and how much of it stands before the place.
const MAX_EXCERPT: usize = 240;
const LEAD: usize = 80;

/// A distinguished name as it is encoded: `Name` (RFC 5280 section 4.1.2.4).
///
/// Equality is that of the bytes; [`matches`](Self::matches) compares by value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name {
    der: Vec<u8>,
}

/// An attribute in a form that is equal for equal attributes.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct PreparedAttribute {
    /// Content of the object identifier.
    kind: Vec<u8>,
    value: PreparedValue,
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum PreparedValue {
    /// The whole element of a value that can't be read as text.
    Bytes(Vec<u8>),
    Text(String),
}

/// `AttributeTypeAndValue`.
struct Attribute<'a> {
    kind: &'a [u8],
    value: Element<'a>,
}

impl Name {
    /// The name with this encoding, which is not looked into.
    pub(super) fn new(der: &[u8]) -> Self {
        Self { der: der.to_vec() }
    }

    /// The name that a relative name, of which the content is given, makes with the one that it is relative to (RFC 5280
    /// section 4.2.1.13).
    ///
    /// # Errors
    /// A name that is no SEQUENCE, a relative name that is no set of attributes.
    pub(super) fn with_relative(&self, content: &[u8]) -> Result<Self, Flaw> {
        if attributes(content)?.is_empty() {
            return Err(Flaw("a relative name without attributes"));
        }
        let names = der::only(&self.der, SEQUENCE, "a name that is no SEQUENCE")?;
        let relative = der::encode(SET, &[content]);
        Ok(Self { der: der::encode(SEQUENCE, &[names, &relative]) })
    }

    /// The DER form.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Whether both are one name by the rules of RFC 5280 section 7.1.
    ///
    /// A name that is not encoded as DER demands is the same as its equal bytes only.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        if self.der == other.der {
            return true;
        }
        let (Ok(own), Ok(others)) = (relative_names(&self.der), relative_names(&other.der)) else { return false };
        own.len() == others.len() && own.iter().zip(others).all(|(own, other)| same(own, other))
    }

    /// The name for people, shortened.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.whole_text().unwrap_or_else(|_| hex::encode(&self.der));
        text.chars().take(MAX_TEXT).collect()
    }

    /// Texts for people of two names that don't match. They differ: where the names read alike, they show the relative
    /// name in which the difference is, with attribute types, string types and bytes.
    pub(super) fn tell_apart(&self, other: &Self) -> (String, String) {
        let (own, others) = (self.text(), other.text());
        if own != others {
            return (own, others);
        }
        match (relative_names(&self.der), relative_names(&other.der)) {
            (Ok(own), Ok(others)) => {
                let alike = own.iter().zip(&others).take_while(|(own, other)| same(own, other)).count();
                difference(&explicit(own.get(alike).copied()), &explicit(others.get(alike).copied()))
            }
            _ => difference(&hex::encode(&self.der), &hex::encode(&other.der)),
        }
    }

    fn whole_text(&self) -> Result<String, Flaw> {
        let mut names = Vec::new();
        for name in relative_names(&self.der)? {
            let attributes: Vec<String> = attributes(name)?.iter().map(Attribute::text).collect();
            names.push(attributes.join(" + "));
        }
        Ok(names.join(", "))
    }
}

impl Attribute<'_> {
    fn prepare(&self) -> PreparedAttribute {
        let value = match text::decode(self.value.tag, self.value.content) {
            Some(text) => PreparedValue::Text(text::prepare(&text)),
            None => PreparedValue::Bytes(self.value.whole.to_vec()),
        };
        PreparedAttribute { kind: self.kind.to_vec(), value }
    }

    fn text(&self) -> String {
        let oid = Oid::new(self.kind.into());
        let kind = oid2abbrev(&oid, oid_registry()).map_or_else(|_| oid.to_id_string(), ToOwned::to_owned);
        let value = text::decode(self.value.tag, self.value.content);
        format!("{kind}={}", value.unwrap_or_else(|| format!("#{}", hex::encode(self.value.whole))))
    }

    /// Type, string type, text and bytes.
    fn explicit(&self) -> String {
        let string_type = text::string_type(self.value.tag).unwrap_or("no string");
        let kind = Oid::new(self.kind.into()).to_id_string();
        format!("{} ({kind}, {string_type}, {})", self.text(), hex::encode(self.value.whole))
    }
}

/// The contents of a name's relative names, in their order.
fn relative_names(name: &[u8]) -> Result<Vec<&[u8]>, Flaw> {
    let mut rest = der::only(name, SEQUENCE, "a name that is no SEQUENCE")?;
    let mut names = Vec::new();
    while !rest.is_empty() {
        names.push(der::expect(&mut rest, SET, "a relative name that is no SET")?);
    }
    Ok(names)
}

/// The attributes of a relative name.
fn attributes(mut rest: &[u8]) -> Result<Vec<Attribute<'_>>, Flaw> {
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let mut content = der::expect(&mut rest, SEQUENCE, "an attribute that is no SEQUENCE")?;
        let kind = der::expect(&mut content, OBJECT_IDENTIFIER, "an attribute without type")?;
        der::object_identifier(kind)?;
        let value = der::element(&mut content)?;
        der::end(content)?;
        attributes.push(Attribute { kind, value });
    }
    Ok(attributes)
}

/// Whether two relative names are the same set of attributes.
fn same(one: &[u8], other: &[u8]) -> bool {
    let prepared = |relative| {
        let mut prepared: Vec<_> = attributes(relative).ok()?.iter().map(Attribute::prepare).collect();
        prepared.sort();
        Some(prepared)
    };
    one == other || prepared(one).is_some_and(|one| prepared(other) == Some(one))
}

/// A relative name with all that could differ in it.
fn explicit(relative: Option<&[u8]>) -> String {
    let Some(relative) = relative else { return "nothing more".to_owned() };
    match attributes(relative) {
        Ok(attributes) => attributes.iter().map(Attribute::explicit).collect::<Vec<_>>().join(" + "),
        Err(_) => hex::encode(relative),
    }
}

/// Two texts from shortly before their first difference on.
fn difference(one: &str, other: &str) -> (String, String) {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let start = same.saturating_sub(LEAD);
    let from = |text: &str| {
        let mark = if start > 0 { "…" } else { "" };
        format!("{mark}{}", text.chars().skip(start).take(MAX_EXCERPT).collect::<String>())
    };
    (from(one), from(other))
}
