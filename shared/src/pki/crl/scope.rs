//! Which certificates and which reasons a CRL answers for.

use serde::{Deserialize, Serialize};

use super::der::{self, SEQUENCE};
use super::point::{self, DistributionPoint, directory_name, is_same_name};
use super::{CrlFault, ReasonSet};
use crate::pki::{Certificate, Name};

/// Most bytes that the names of a CRL's distribution point may have together, and those of a certificate's: they are kept
/// in a row that each activation reads, and compared with each other. Shortened they would match nothing.
pub const MAX_SCOPE_NAMES: usize = 8192;

/// Context-specific identifier octet of `distributionPoint`.
const POINT_NAME: u8 = 0xa0;

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
/// by value: URIs as [`DistributionPoint`] says, directory names as [`Name`] does, all others by their bytes.
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

    /// Whether both answer for the same certificates and reasons, names compared by value in whatever order.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let has_all = |one: &Self, other: &Self| {
            let has = |name: &String| one.distribution_points.iter().any(|own| is_same_name(own, name));
            other.distribution_points.iter().all(has)
        };
        self.certificates == other.certificates
            && self.reasons == other.reasons
            && has_all(self, other)
            && has_all(other, self)
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
        let names = names.map(|names| point::names(names, issuer)).transpose()?.unwrap_or_default();
        if names.iter().map(String::len).sum::<usize>() > MAX_SCOPE_NAMES {
            return Err(CrlFault::Scope("its names have more than 8192 bytes"));
        }
        let users = der::boolean(der::optional(&mut rest, 0x81)?)?;
        let authorities = der::boolean(der::optional(&mut rest, 0x82)?)?;
        let reasons = der::optional(&mut rest, 0x83)?.map(ReasonSet::read).transpose()?;
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

#[cfg(test)]
mod tests {
    use super::super::point::tests::{directory, name, point};
    use super::*;
    use crate::decision::Reason;

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
