//! Distribution points and their names (RFC 5280 section 4.2.1.13).

use super::der::{self, Element, Flaw, SEQUENCE};
use super::{MAX_SCOPE_NAMES, ReasonSet};
use crate::pki::Name;
use crate::uri::{self, Uri};

/// Context-specific identifier octets of `DistributionPoint` and `GeneralName`.
const DIRECTORY_NAME: u8 = 0xa4;
const FULL_NAME: u8 = 0xa0;
const POINT_NAME: u8 = 0xa0;
const RELATIVE_NAME: u8 = 0xa1;
const URI: u8 = 0x86;

/// One of a certificate's `cRLDistributionPoints` (RFC 5280 section 4.2.1.13).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DistributionPoint {
    /// `cRLIssuer` is present and names somebody else than the certificate's issuer: they sign what is there.
    pub foreign_issuer: bool,
    /// Its names, as [`Scope`](super::Scope) writes them. One that is relative to the issuer's is written as a whole.
    /// Without any, those of `cRLIssuer` count (RFC 5280 section 6.3.3 (b) (2) (i)).
    pub names: Vec<String>,
    /// The reasons that the CRL there covers; none for all of them.
    pub reasons: Option<ReasonSet>,
}

impl DistributionPoint {
    /// Reads the value of the extension of a certificate of this issuer.
    ///
    /// All names together have at most [`MAX_SCOPE_NAMES`] bytes: each of them is compared with each of a CRL's, and one
    /// that is relative to a long issuer's name is longer than what it is read from.
    pub(in crate::pki) fn read_all(value: &[u8], issuer: &Name) -> Result<Vec<Self>, Flaw> {
        let mut rest = der::only(value, SEQUENCE, "cRLDistributionPoints that are no SEQUENCE")?;
        let mut points: Vec<Self> = Vec::new();
        let mut free = MAX_SCOPE_NAMES;
        while !rest.is_empty() {
            let point = der::expect(&mut rest, SEQUENCE, "a DistributionPoint that is no SEQUENCE")?;
            let point = Self::read(point, issuer)?;
            let size = point.names.iter().map(String::len).sum();
            free = free.checked_sub(size).ok_or(Flaw("distribution points whose names have more than 8192 bytes"))?;
            points.push(point);
        }
        Ok(points)
    }

    fn read(mut content: &[u8], issuer: &Name) -> Result<Self, Flaw> {
        let point = der::optional(&mut content, POINT_NAME)?;
        let reasons = der::optional(&mut content, 0x81)?.map(ReasonSet::read).transpose()?;
        let signers = der::optional(&mut content, 0xa2)?.map(general_names).transpose()?;
        der::end(content)?;
        let is_issuer = |name: &String| directory_name(name).is_some_and(|name| name.matches(issuer));
        let foreign_issuer = signers.as_ref().is_some_and(|signers| !signers.iter().any(is_issuer));
        let names = match point {
            // Relative to a foreign issuer's name, or to one of several: which, makes no difference here.
            Some(point) => names(point, issuer)?,
            None => signers.unwrap_or_default(),
        };
        Ok(Self { foreign_issuer, names, reasons })
    }

    /// Its HTTP and HTTPS addresses.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| Uri::read(name).is_some_and(|uri| uri.is_web()))
    }
}

/// The names of a `DistributionPointName`, whose relative form is relative to this issuer's name.
pub(super) fn names(mut content: &[u8], issuer: &Name) -> Result<Vec<String>, Flaw> {
    let choice = der::element(&mut content)?;
    der::end(content)?;
    match choice.tag {
        FULL_NAME => general_names(choice.content),
        RELATIVE_NAME => {
            let name = issuer.with_relative(choice.content)?;
            Ok(vec![text_of(DIRECTORY_NAME, &der::encode(DIRECTORY_NAME, &[name.as_der()]))])
        }
        _ => Err(Flaw("a DistributionPointName of an unknown form")),
    }
}

/// The content of `GeneralNames`.
fn general_names(mut rest: &[u8]) -> Result<Vec<String>, Flaw> {
    let mut names = Vec::new();
    while !rest.is_empty() {
        names.push(general_name(der::element(&mut rest)?)?);
    }
    if names.is_empty() { Err(Flaw("GeneralNames without names")) } else { Ok(names) }
}

/// Whether two names are the same, each as [`Scope`](super::Scope) writes it.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    match (directory_name(one), directory_name(other)) {
        (Some(one), Some(other)) => one.matches(&other),
        _ => uri::matches(one, other),
    }
}

/// The directory name that stands in a name as [`Scope`](super::Scope) writes it; none for other forms.
pub(super) fn directory_name(text: &str) -> Option<Name> {
    let element = hex::decode(text.strip_prefix("4:")?).ok()?;
    Some(Name::new(der::only(&element, DIRECTORY_NAME, "no directory name").ok()?))
}

/// A name that is no URI.
fn text_of(tag: u8, element: &[u8]) -> String {
    format!("{}:{}", tag & 0x1f, hex::encode(element))
}

fn general_name(element: Element<'_>) -> Result<String, Flaw> {
    // RFC 5280 section 4.2.1.6: forms 0, 3, 4 and 5 are constructed.
    if !matches!(element.tag, 0xa0 | 0x81 | 0x82 | 0xa3 | DIRECTORY_NAME | 0xa5 | URI | 0x87 | 0x88) {
        return Err(Flaw("a GeneralName of an unknown form"));
    }
    match std::str::from_utf8(element.content) {
        // What has no scheme could be taken for a name of another form.
        Ok(uri) if element.tag == URI && uri.is_ascii() && Uri::read(uri).is_some() => Ok(uri.to_owned()),
        _ => Ok(text_of(element.tag, element.whole)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A distribution point with these names.
    pub(in super::super) fn point(names: &[&str], reasons: Option<u16>, foreign_issuer: bool) -> DistributionPoint {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        DistributionPoint { foreign_issuer, names, reasons: reasons.map(ReasonSet::from_bits) }
    }

    /// `SEQUENCE { SET { SEQUENCE { OID commonName, [string type] text } } }`.
    pub(in super::super) fn name(string_type: u8, text: &str) -> Name {
        let attribute =
            [der::encode(0x06, &[&[0x55, 0x04, 0x03]]), der::encode(string_type, &[text.as_bytes()])].concat();
        Name::new(&der::encode(SEQUENCE, &[&der::encode(0x31, &[&der::encode(SEQUENCE, &[&attribute])])]))
    }

    /// A directory name as a scope writes it.
    pub(in super::super) fn directory(name: &Name) -> String {
        text_of(DIRECTORY_NAME, &der::encode(DIRECTORY_NAME, &[name.as_der()]))
    }

    #[test]
    fn names_become_text() {
        let issuer = name(0x0c, "Maker Root");
        let read = |encoded: &str| DistributionPoint::read_all(&hex::decode(encoded).unwrap(), &issuer);
        // SEQUENCE { SEQUENCE { [0] { [0] { [6] "HTTP://a", [4] name, [6] "ldap://a" } } } }
        let points =
            read("301e301ca01aa0188608485454503a2f2f61a4023000 86086c6461703a2f2f61".replace(' ', "").as_str());
        let points = points.unwrap();
        assert_eq!(points, [point(&["HTTP://a", "4:a4023000", "ldap://a"], None, false)]);
        assert_eq!(points[0].urls().collect::<Vec<_>>(), ["HTTP://a"]);
        // A URI that looks like a name of another form.
        assert_eq!(read("300c300aa008a0068604343a3030"), Ok(vec![point(&["6:8604343a3030"], None, false)]));
        for flawed in
            ["3004 3002a000", "30063004a002a000", "30083006a004a0024500", "300530030500", "30003000", "30043002a200"]
        {
            assert!(read(&flawed.replace(' ', "")).is_err(), "{flawed}");
        }
    }

    #[test]
    fn issuers_of_a_point_are_foreign_or_the_certificates_own() {
        let issuer = name(0x0c, "Maker Root");
        let read = |parts: &[&[u8]]| {
            let value = der::encode(SEQUENCE, &[&der::encode(SEQUENCE, parts)]);
            DistributionPoint::read_all(&value, &issuer).unwrap().remove(0)
        };
        let signer = |name: &Name| der::encode(0xa2, &[&der::encode(DIRECTORY_NAME, &[name.as_der()])]);
        let (same, other) = (name(0x13, "MAKER ROOT"), name(0x0c, "Other Root"));
        let uri = der::encode(POINT_NAME, &[&der::encode(FULL_NAME, &[b"\x86\x08http://a"])]);
        assert_eq!(read(&[&uri, &signer(&other)]), point(&["http://a"], None, true));
        assert_eq!(read(&[&uri, &signer(&same)]), point(&["http://a"], None, false));
        assert_eq!(read(&[&signer(&same)]), point(&[&directory(&same)], None, false));
        // commonName=1 beside the issuer's name.
        let relative =
            der::encode(POINT_NAME, &[&der::encode(RELATIVE_NAME, &[b"\x30\x08\x06\x03\x55\x04\x03\x0c\x011"])]);
        let whole = issuer.with_relative(b"\x30\x08\x06\x03\x55\x04\x03\x0c\x011").unwrap();
        assert_eq!(whole.text(), "CN=Maker Root, CN=1");
        assert_eq!(read(&[&relative, &[0x81, 2, 6, 0x40]]), point(&[&directory(&whole)], Some(0b10), false));
    }
}
