//! Which certificates and which reasons a CRL answers for.

use serde::{Deserialize, Serialize};

use super::der::{self, Element, Flaw, SEQUENCE};
use super::{CrlFault, ReasonSet};
use crate::pki::{Certificate, Name};
use crate::uri::{self, Uri};

/// Most bytes that the names of a distribution point may have together: they are kept in a row that each activation
/// reads, and shortened they would match nothing.
pub const MAX_SCOPE_NAMES: usize = 8192;

/// Context-specific identifier octets of `IssuingDistributionPoint`, `DistributionPoint` and `GeneralName`.
const DIRECTORY_NAME: u8 = 0xa4;
const FULL_NAME: u8 = 0xa0;
const POINT_NAME: u8 = 0xa0;
const RELATIVE_NAME: u8 = 0xa1;
const URI: u8 = 0x86;

/// The kind of certificates that a CRL is limited to (RFC 5280 section 5.2.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CertificateKind {
    /// No limit.
    All,
    /// Attribute certificates only.
    Attribute,
    /// CA certificates only.
    Authority,
    /// End-entity certificates only.
    User,
}

/// What a CRL answers for: `IssuingDistributionPoint` (RFC 5280 section 5.2.5), or everything without that extension.
///
/// Names are text: a URI as it stands, any other form as `<tag number>:<hexadecimal of the element>`. They are compared
/// by value: URIs by [`uri`](crate::uri)'s rules, directory names by those of [`Name`], all others by their bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// The kind of certificates.
    pub certificates: CertificateKind,
    /// Names of the distribution point; empty if the CRL is not partitioned.
    pub distribution_points: Vec<String>,
    /// The reasons; none for all of them.
    pub reasons: Option<ReasonSet>,
}

impl Scope {
    /// Every certificate of the CA, every reason.
    pub(super) fn everything() -> Self {
        Self { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None }
    }

    /// The reasons for which a CRL of this scope answers for a certificate of its CA, by RFC 5280 section 6.3.3 (b) and
    /// (d); none if it does not cover the certificate.
    #[must_use]
    pub fn covers(&self, certificate: &Certificate) -> ReasonSet {
        self.answer(certificate.is_authority(), certificate.issuer(), certificate.distribution_points())
    }

    fn answer(&self, is_authority: bool, issuer: &Name, points: &[DistributionPoint]) -> ReasonSet {
        let of_its_kind = match self.certificates {
            CertificateKind::All => true,
            CertificateKind::Attribute => false,
            CertificateKind::Authority => is_authority,
            CertificateKind::User => !is_authority,
        };
        if !of_its_kind {
            return ReasonSet::NONE;
        }
        let own = self.reasons.unwrap_or(ReasonSet::ALL);
        // Section 6.3.3 processes a CRL of the issuer that no distribution point of the certificate leads to as if the
        // certificate had one with the issuer's own name.
        let names = &self.distribution_points;
        if names.is_empty() || names.iter().filter_map(|name| directory_name(name)).any(|name| name.matches(issuer)) {
            return own;
        }
        points
            .iter()
            // What a foreign issuer publishes there is an indirect CRL.
            .filter(|point| !point.foreign_issuer)
            .filter(|point| point.names.iter().any(|name| names.iter().any(|own| is_same_name(own, name))))
            .fold(ReasonSet::NONE, |all, point| all.union(own.intersection(point.reasons.unwrap_or(ReasonSet::ALL))))
    }

    /// Reads the value of the extension of a CRL of this issuer.
    ///
    /// # Errors
    /// [`CrlFault::Indirect`], [`CrlFault::Malformed`], [`CrlFault::Scope`].
    pub(super) fn read(value: &[u8], issuer: &Name) -> Result<Self, CrlFault> {
        let mut rest = der::only(value, SEQUENCE, "an issuingDistributionPoint that is no SEQUENCE")?;
        let names = der::optional(&mut rest, POINT_NAME)?;
        let names = names.map(|names| point_names(names, issuer)).transpose()?.unwrap_or_default();
        if names.iter().map(String::len).sum::<usize>() > MAX_SCOPE_NAMES {
            return Err(CrlFault::Scope("its names have more than 8192 bytes"));
        }
        let users = der::boolean(der::optional(&mut rest, 0x81)?)?;
        let authorities = der::boolean(der::optional(&mut rest, 0x82)?)?;
        let reasons = der::optional(&mut rest, 0x83)?.map(reason_flags).transpose()?;
        let indirect = der::boolean(der::optional(&mut rest, 0x84)?)?;
        let attributes = der::boolean(der::optional(&mut rest, 0x85)?)?;
        der::end(rest)?;
        let certificates = match (users, authorities, attributes) {
            (false, false, false) => CertificateKind::All,
            (true, false, false) => CertificateKind::User,
            (false, true, false) => CertificateKind::Authority,
            (false, false, true) => CertificateKind::Attribute,
            _ => return Err(CrlFault::Scope("it is limited to several kinds of certificates at once")),
        };
        if indirect {
            return Err(CrlFault::Indirect);
        }
        let scope = Self { certificates, distribution_points: names, reasons };
        // A limit that limits nothing was meant to say something else.
        if scope == Self::everything() { Err(CrlFault::Scope("it is empty")) } else { Ok(scope) }
    }
}

/// One of a certificate's `cRLDistributionPoints` (RFC 5280 section 4.2.1.13).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DistributionPoint {
    /// `cRLIssuer` is present and names somebody else than the certificate's issuer: they sign what is there.
    pub foreign_issuer: bool,
    /// Its names, as [`Scope`] writes them. One that is relative to the issuer's is written as a whole. Without any, those
    /// of `cRLIssuer` count (RFC 5280 section 6.3.3 (b) (2) (i)).
    pub names: Vec<String>,
    /// The reasons that the CRL there covers; none for all of them.
    pub reasons: Option<ReasonSet>,
}

impl DistributionPoint {
    /// Reads the value of the extension of a certificate of this issuer.
    pub(in crate::pki) fn read_all(value: &[u8], issuer: &Name) -> Result<Vec<Self>, Flaw> {
        let mut rest = der::only(value, SEQUENCE, "cRLDistributionPoints that are no SEQUENCE")?;
        let mut points = Vec::new();
        while !rest.is_empty() {
            let point = der::expect(&mut rest, SEQUENCE, "a DistributionPoint that is no SEQUENCE")?;
            points.push(Self::read(point, issuer)?);
        }
        Ok(points)
    }

    fn read(mut content: &[u8], issuer: &Name) -> Result<Self, Flaw> {
        let point = der::optional(&mut content, POINT_NAME)?;
        let reasons = der::optional(&mut content, 0x81)?.map(reason_flags).transpose()?;
        let signers = der::optional(&mut content, 0xa2)?.map(general_names).transpose()?;
        der::end(content)?;
        let is_issuer = |name: &String| directory_name(name).is_some_and(|name| name.matches(issuer));
        let foreign_issuer = signers.as_ref().is_some_and(|signers| !signers.iter().any(is_issuer));
        let names = match point {
            // Relative to a foreign issuer's name, or to one of several: which, makes no difference here.
            Some(point) => point_names(point, issuer)?,
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
fn point_names(mut content: &[u8], issuer: &Name) -> Result<Vec<String>, Flaw> {
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

/// Whether two names are the same, each as [`Scope`] writes it.
fn is_same_name(one: &str, other: &str) -> bool {
    match (directory_name(one), directory_name(other)) {
        (Some(one), Some(other)) => one.matches(&other),
        _ => uri::matches(one, other),
    }
}

/// The directory name that stands in a name as [`Scope`] writes it; none for other forms.
fn directory_name(text: &str) -> Option<Name> {
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

/// Reads the content of `ReasonFlags`, a BIT STRING that ends with its last named bit (X.690 section 11.2.2).
fn reason_flags(content: &[u8]) -> Result<ReasonSet, Flaw> {
    let flaw = Flaw("ReasonFlags that are not as DER encodes them");
    let (&unused, octets) = content.split_first().ok_or(flaw)?;
    let (first, second) = match octets {
        [] => (0, 0),
        [first] => (*first, 0),
        [first, second] => (*first, *second),
        _ => return Err(flaw),
    };
    let ends_with_its_last_bit = match octets.last() {
        Some(last) => *last != 0 && u32::from(unused) == last.trailing_zeros(),
        None => unused == 0,
    };
    if !ends_with_its_last_bit {
        return Err(flaw);
    }
    // Bit 0 of a BIT STRING is the highest of its first octet.
    Ok(ReasonSet::from_bits(u16::from_le_bytes([first.reverse_bits(), second.reverse_bits()])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Reason;

    fn point(names: &[&str], reasons: Option<u16>, foreign_issuer: bool) -> DistributionPoint {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        DistributionPoint { foreign_issuer, names, reasons: reasons.map(ReasonSet::from_bits) }
    }

    fn scope(names: &[&str], certificates: CertificateKind, reasons: Option<u16>) -> Scope {
        let distribution_points = names.iter().map(|name| (*name).to_owned()).collect();
        Scope { certificates, distribution_points, reasons: reasons.map(ReasonSet::from_bits) }
    }

    /// `SEQUENCE { SET { SEQUENCE { OID commonName, [string type] text } } }`.
    fn name(string_type: u8, text: &str) -> Name {
        let attribute =
            [der::encode(0x06, &[&[0x55, 0x04, 0x03]]), der::encode(string_type, &[text.as_bytes()])].concat();
        Name::new(&der::encode(SEQUENCE, &[&der::encode(0x31, &[&der::encode(SEQUENCE, &[&attribute])])]))
    }

    fn directory(name: &Name) -> String {
        text_of(DIRECTORY_NAME, &der::encode(DIRECTORY_NAME, &[name.as_der()]))
    }

    #[test]
    fn coverage_follows_rfc_5280_section_6_3_3() {
        use CertificateKind::{All, Attribute, Authority, User};
        let set = ReasonSet::from_bits;
        let (everything, nothing) = (ReasonSet::ALL, ReasonSet::NONE);
        let plain = [point(&["http://a"], None, false)];
        let (own, others) = (directory(&name(0x13, "maker  ROOT")), directory(&name(0x0c, "Other Root")));
        for (case, scope, points, expected) in [
            ("no names, no points", scope(&[], All, None), &[][..], everything),
            ("no names, some points", scope(&[], User, None), &plain, everything),
            ("no names, some reasons", scope(&[], All, Some(0b110)), &plain, set(0b110)),
            ("CA certificates", scope(&[], Authority, None), &plain, nothing),
            ("attribute certificates", scope(&[], Attribute, None), &plain, nothing),
            ("a shared name", scope(&["http://b", "http://a"], All, None), &plain, everything),
            ("a name by value", scope(&["HTTP://A:80/"], All, None), &plain, everything),
            ("another name", scope(&["http://b"], All, None), &plain, nothing),
            ("a name, no points", scope(&["http://a"], All, None), &[], nothing),
            ("a foreign issuer", scope(&["http://a"], All, None), &[point(&["http://a"], None, true)], nothing),
            ("the issuer's name, no points", scope(&[&own], All, None), &[], everything),
            ("the issuer's name, other points", scope(&["http://b", &own], User, Some(0b110)), &plain, set(0b110)),
            ("the issuer's name, CA certificates", scope(&[&own], Authority, None), &plain, nothing),
            ("another's name, no points", scope(&[&others], All, None), &[], nothing),
            (
                "another's name in both",
                scope(&[&others], All, None),
                &[point(&[&directory(&name(0x16, "OTHER root "))], None, false)],
                everything,
            ),
            (
                "reasons of both",
                scope(&["http://a"], User, Some(0b110)),
                &[point(&["http://a"], Some(0b1100), false)],
                set(0b100),
            ),
            (
                "two matching points",
                scope(&["http://a"], User, None),
                &[point(&["http://a"], Some(0b10), false), point(&["http://c", "http://a"], Some(0b100), false)],
                set(0b110),
            ),
        ] {
            assert_eq!(scope.answer(false, &name(0x0c, "Maker Root"), points), expected, "{case}");
        }
    }

    #[test]
    fn kinds_are_those_of_basic_constraints() {
        use CertificateKind::{All, Attribute, Authority, User};
        for (kind, device, authority) in
            [(All, true, true), (Attribute, false, false), (Authority, false, true), (User, true, false)]
        {
            for names in [&[][..], &["http://a"]] {
                let scope = scope(names, kind, None);
                let points = [point(&["http://a"], None, false)];
                let covered = [false, true].map(|is| !scope.answer(is, &name(0x0c, "Maker Root"), &points).is_empty());
                assert_eq!(covered, [device, authority], "{kind:?} {names:?}");
            }
        }
    }

    #[test]
    fn reason_flags_have_one_encoding() {
        let read = |encoded: &str| reason_flags(&hex::decode(encoded).unwrap());
        assert_eq!(read("0640"), Ok(ReasonSet::from_bits(0b10)));
        assert_eq!(read("017e"), Ok(ReasonSet::from_bits(0b0111_1110)));
        assert_eq!(read("070080"), Ok(ReasonSet::from_bits(0b1_0000_0000)));
        assert_eq!(read("077f80"), Ok(ReasonSet::ALL));
        assert_eq!(read("00"), Ok(ReasonSet::NONE));
        for flawed in ["", "01", "0040", "0540", "0740", "0000", "08", "07008000", "0480", "ff80"] {
            assert!(read(flawed).is_err(), "{flawed}");
        }
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

    #[test]
    fn a_default_that_is_written_out_means_nothing_else() {
        let read = |encoded: &str| Scope::read(&hex::decode(encoded).unwrap(), &name(0x0c, "Maker Root"));
        let users = Scope { certificates: CertificateKind::User, ..Scope::everything() };
        for encoded in ["30038101ff", "30068101ff820100", "300c8101ff820100840100850100"] {
            assert_eq!(read(encoded), Ok(users.clone()), "{encoded}");
        }
        for (encoded, expected) in [
            ("3000", Reason::CrlScope),
            ("3003810100", Reason::CrlScope),
            ("3003840100", Reason::CrlScope),
            ("30038401ff", Reason::CrlIndirect),
            ("3003810101", Reason::CrlMalformed),
            ("30028100", Reason::CrlMalformed),
        ] {
            assert_eq!(read(encoded).unwrap_err().reason(), expected, "{encoded}");
        }
    }
}
