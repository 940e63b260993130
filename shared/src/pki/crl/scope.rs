//! Which certificates and which reasons a CRL answers for.

use serde::{Deserialize, Serialize};

use super::der::{self, Element, Flaw, SEQUENCE};
use super::{CrlFault, ReasonSet};
use crate::pki::Certificate;

/// Most bytes that the names of a distribution point may have together: they are kept in a row that each activation
/// reads, and shortened they would match nothing.
pub const MAX_SCOPE_NAMES: usize = 8192;

/// Context-specific identifier octets of `IssuingDistributionPoint`, `DistributionPoint` and `GeneralName`.
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
/// Names are text: a URI as it stands, any other form as `<tag number>:<hexadecimal of the element>`.
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

    /// The reasons for which a CRL of this scope answers for an end-entity certificate of its CA, by RFC 5280 section
    /// 6.3.3 (b) and (d); none if it does not cover the certificate.
    #[must_use]
    pub fn covers(&self, certificate: &Certificate) -> ReasonSet {
        self.covers_points(certificate.distribution_points())
    }

    fn covers_points(&self, points: &[DistributionPoint]) -> ReasonSet {
        match self.certificates {
            CertificateKind::All | CertificateKind::User => {}
            CertificateKind::Attribute | CertificateKind::Authority => return ReasonSet::NONE,
        }
        let own = self.reasons.unwrap_or(ReasonSet::ALL);
        if self.distribution_points.is_empty() {
            return own;
        }
        points
            .iter()
            // What a foreign issuer publishes there is an indirect CRL.
            .filter(|point| !point.foreign_issuer)
            .filter(|point| point.names.iter().any(|name| self.distribution_points.contains(name)))
            .fold(ReasonSet::NONE, |all, point| all.union(own.intersection(point.reasons.unwrap_or(ReasonSet::ALL))))
    }

    /// Reads the value of the extension.
    ///
    /// # Errors
    /// [`CrlFault::Indirect`], [`CrlFault::Malformed`], [`CrlFault::Scope`].
    pub(super) fn read(value: &[u8]) -> Result<Self, CrlFault> {
        let mut rest = der::only(value, SEQUENCE, "an issuingDistributionPoint that is no SEQUENCE")?;
        if rest.is_empty() {
            return Err(CrlFault::Scope("it is empty"));
        }
        let names = match der::optional(&mut rest, POINT_NAME)? {
            Some(name) => point_names(name)?.ok_or(CrlFault::Scope("its name is relative to the issuer's"))?,
            None => Vec::new(),
        };
        if names.iter().map(String::len).sum::<usize>() > MAX_SCOPE_NAMES {
            return Err(CrlFault::Scope("its names have more than 8192 bytes"));
        }
        let users = der::encoded_true(der::optional(&mut rest, 0x81)?)?;
        let authorities = der::encoded_true(der::optional(&mut rest, 0x82)?)?;
        let reasons = der::optional(&mut rest, 0x83)?.map(reason_flags).transpose()?;
        let indirect = der::encoded_true(der::optional(&mut rest, 0x84)?)?;
        let attributes = der::encoded_true(der::optional(&mut rest, 0x85)?)?;
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
        Ok(Self { certificates, distribution_points: names, reasons })
    }
}

/// One of a certificate's `cRLDistributionPoints` (RFC 5280 section 4.2.1.13).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DistributionPoint {
    /// `cRLIssuer` is present: somebody else than the certificate's issuer signs what is there.
    pub foreign_issuer: bool,
    /// Its names, as [`Scope`] writes them; empty if it has none, or one that is relative to the issuer's.
    pub names: Vec<String>,
    /// The reasons that the CRL there covers; none for all of them.
    pub reasons: Option<ReasonSet>,
}

impl DistributionPoint {
    /// Reads the value of the extension.
    pub(in crate::pki) fn read_all(value: &[u8]) -> Result<Vec<Self>, Flaw> {
        let mut rest = der::only(value, SEQUENCE, "cRLDistributionPoints that are no SEQUENCE")?;
        let mut points = Vec::new();
        while !rest.is_empty() {
            points.push(Self::read(der::expect(&mut rest, SEQUENCE, "a DistributionPoint that is no SEQUENCE")?)?);
        }
        Ok(points)
    }

    fn read(mut content: &[u8]) -> Result<Self, Flaw> {
        let name = der::optional(&mut content, POINT_NAME)?.map(point_names).transpose()?;
        let reasons = der::optional(&mut content, 0x81)?.map(reason_flags).transpose()?;
        let issuer = der::optional(&mut content, 0xa2)?;
        der::end(content)?;
        Ok(Self { foreign_issuer: issuer.is_some(), names: name.flatten().unwrap_or_default(), reasons })
    }

    /// Its HTTP and HTTPS addresses.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        let is_web = |name: &&str| {
            let scheme = name.split_once("://").map_or("", |(scheme, _)| scheme);
            scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
        };
        self.names.iter().map(String::as_str).filter(is_web)
    }
}

/// The names of a `DistributionPointName`; none if it is a nameRelativeToCRLIssuer.
fn point_names(mut content: &[u8]) -> Result<Option<Vec<String>>, Flaw> {
    let choice = der::element(&mut content)?;
    der::end(content)?;
    match choice.tag {
        FULL_NAME => {}
        RELATIVE_NAME => return Ok(None),
        _ => return Err(Flaw("a DistributionPointName of an unknown form")),
    }
    let mut rest = choice.content;
    let mut names = Vec::new();
    while !rest.is_empty() {
        names.push(general_name(der::element(&mut rest)?)?);
    }
    if names.is_empty() { Err(Flaw("a distribution point's fullName without names")) } else { Ok(Some(names)) }
}

fn general_name(element: Element<'_>) -> Result<String, Flaw> {
    // RFC 5280 section 4.2.1.6: forms 0, 3, 4 and 5 are constructed.
    if !matches!(element.tag, 0xa0 | 0x81 | 0x82 | 0xa3 | 0xa4 | 0xa5 | 0x86 | 0x87 | 0x88) {
        return Err(Flaw("a GeneralName of an unknown form"));
    }
    match std::str::from_utf8(element.content) {
        Ok(uri) if element.tag == URI && uri.is_ascii() => Ok(uri.to_owned()),
        _ => Ok(format!("{}:{}", element.tag & 0x1f, hex::encode(element.whole))),
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

    fn point(names: &[&str], reasons: Option<u16>, foreign_issuer: bool) -> DistributionPoint {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        DistributionPoint { foreign_issuer, names, reasons: reasons.map(ReasonSet::from_bits) }
    }

    fn scope(names: &[&str], certificates: CertificateKind, reasons: Option<u16>) -> Scope {
        let distribution_points = names.iter().map(|name| (*name).to_owned()).collect();
        Scope { certificates, distribution_points, reasons: reasons.map(ReasonSet::from_bits) }
    }

    #[test]
    fn coverage_follows_rfc_5280_section_6_3_3() {
        use CertificateKind::{All, Attribute, Authority, User};
        let set = ReasonSet::from_bits;
        let (everything, nothing) = (ReasonSet::ALL, ReasonSet::NONE);
        let plain = [point(&["http://a"], None, false)];
        for (case, scope, points, expected) in [
            ("no names, no points", scope(&[], All, None), &[][..], everything),
            ("no names, some points", scope(&[], User, None), &plain, everything),
            ("no names, some reasons", scope(&[], All, Some(0b110)), &plain, set(0b110)),
            ("CA certificates", scope(&[], Authority, None), &plain, nothing),
            ("attribute certificates", scope(&[], Attribute, None), &plain, nothing),
            ("a shared name", scope(&["http://b", "http://a"], All, None), &plain, everything),
            ("another name", scope(&["http://b"], All, None), &plain, nothing),
            ("a name, no points", scope(&["http://a"], All, None), &[], nothing),
            ("a foreign issuer", scope(&["http://a"], All, None), &[point(&["http://a"], None, true)], nothing),
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
            assert_eq!(scope.covers_points(points), expected, "{case}");
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
        let read = |encoded: &str| DistributionPoint::read_all(&hex::decode(encoded).unwrap());
        // SEQUENCE { SEQUENCE { [0] { [0] { [6] "HTTP://a", [4] name, [6] "ldap://a" } } } }
        let points =
            read("301e301ca01aa0188608485454503a2f2f61a4023000 86086c6461703a2f2f61".replace(' ', "").as_str());
        let points = points.unwrap();
        assert_eq!(points, [point(&["HTTP://a", "4:a4023000", "ldap://a"], None, false)]);
        assert_eq!(points[0].urls().collect::<Vec<_>>(), ["HTTP://a"]);
        // A relative name, reasons and an issuer.
        assert_eq!(read("300c300aa002a10081020640a200"), Ok(vec![point(&[], Some(0b10), true)]));
        for flawed in ["3004 3002a000", "30063004a002a000", "30083006a004a0024500", "300530030500", "30003000"] {
            assert!(read(&flawed.replace(' ', "")).is_err(), "{flawed}");
        }
    }
}
