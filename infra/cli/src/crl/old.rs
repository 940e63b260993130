//! The CRL that a new one goes on from, and how its entries change.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use shared::id::Serial;
use shared::pki::Certificate;
use shared::pki::crl::{CertificateKind, Crl, CrlNumber, RevocationReason, Scope};
use shared::pki::pem::{CRL_LABELS, is_der, read_blocks};
use time::OffsetDateTime;
use x509_parser::revocation_list::RevokedCertificate;

use super::list::read_crl;
use crate::files::read_bytes;
use crate::issue::CrlEntry;
use crate::numbers::in_both_bases;

/// Entries by serial number.
pub(super) type Entries = BTreeMap<Serial, CrlEntry>;

/// Reads a CRL of this authority with all its entries; it may be out of date. Entries with serial numbers that no
/// certificate can have are not carried on. Of a serial number that comes twice, the most severe reason counts.
pub(super) fn read_old(path: &Path, authority: &Certificate) -> Result<(Crl, Entries)> {
    let unusable = || format!("{} is no list to go on from", path.display());
    let file = read_bytes(path)?;
    let crl = read_crl(file.as_slice(), authority, authority.not_before(), |_| ())?.with_context(unusable)?;
    let der = if is_der(&file) {
        file
    } else {
        let blocks = read_blocks(&file, CRL_LABELS).with_context(unusable)?;
        blocks.into_iter().next().map(|block| block.content).with_context(unusable)?
    };
    let (_, parsed) = x509_parser::parse_x509_crl(&der).with_context(unusable)?;
    let mut entries = Entries::new();
    for entry in parsed.iter_revoked_certificates().filter(|entry| is_possible(entry.raw_serial())) {
        let entry = read_entry(entry).with_context(unusable)?;
        let is_graver = |before: &CrlEntry| before.reason.severity() < entry.reason.severity();
        if entry.reason != RevocationReason::RemoveFromCrl && entries.get(&entry.serial).is_none_or(is_graver) {
            entries.insert(entry.serial.clone(), entry);
        }
    }
    Ok((crl, entries))
}

/// Whether this content of an INTEGER is a serial number that a certificate can have: positive, at most 20 bytes.
fn is_possible(serial: &[u8]) -> bool {
    let magnitude = serial.strip_prefix(&[0]).unwrap_or(serial);
    (1..=20).contains(&magnitude.len()) && serial.first().is_some_and(|first| *first < 0x80)
}

fn read_entry(entry: &RevokedCertificate<'_>) -> Result<CrlEntry> {
    let reason = entry.reason_code().map_or(0, |(_, code)| code.0);
    Ok(CrlEntry {
        invalid_since: entry.invalidity_date().map(|(_, date)| date.to_datetime()),
        reason: RevocationReason::from_code(reason).with_context(|| format!("reason {reason} of an entry"))?,
        revoked_at: entry.revocation_date.to_datetime(),
        serial: hex::encode(entry.raw_serial()).parse()?,
    })
}

/// Takes entries out and puts entries in. One that is on the list with another reason gets the new one; one that is
/// there with the same stays as it is, with the date of its revocation.
pub(super) fn change(
    entries: &mut Entries,
    remove: &[Serial],
    list: impl IntoIterator<Item = (Serial, RevocationReason)>,
    at: OffsetDateTime,
) -> Result<()> {
    for serial in remove {
        if entries.remove(serial).is_none() {
            bail!("serial number {} is not on the old list, or to be removed twice", in_both_bases(serial.as_str()));
        }
    }
    let mut given = BTreeMap::new();
    for (serial, reason) in list {
        if remove.contains(&serial) {
            bail!("serial number {} is to be removed and to be listed", in_both_bases(serial.as_str()));
        }
        if given.insert(serial.clone(), reason).is_some_and(|other| other != reason) {
            bail!("serial number {} is to be listed for two reasons", in_both_bases(serial.as_str()));
        }
    }
    for (serial, reason) in given {
        if entries.get(&serial).is_none_or(|entry| entry.reason != reason) {
            entries.insert(serial.clone(), CrlEntry { invalid_since: None, reason, revoked_at: at, serial });
        }
    }
    Ok(())
}

/// The next number.
pub(super) fn following(number: &CrlNumber) -> Result<CrlNumber> {
    let mut octets = hex::decode(format!("{:0>40}", number.to_string()))?;
    for octet in octets.iter_mut().rev() {
        *octet = octet.wrapping_add(1);
        if *octet != 0 {
            return Ok(hex::encode(octets).parse()?);
        }
    }
    bail!("no CRL number follows {number}: it has 20 octets already")
}

/// The distribution points of a scope, and whether it is limited to end-entity certificates: what a new list of the
/// same scope is made of.
pub(super) fn reproduce(scope: &Scope) -> Result<(Vec<String>, bool)> {
    let points = scope.distribution_points.clone();
    let is_uri = |name: &String| name.contains("://");
    let only_users = match scope.certificates {
        CertificateKind::All => Some(false),
        CertificateKind::User => Some(true),
        CertificateKind::Attribute | CertificateKind::Authority => None,
    };
    match only_users {
        Some(only_users)
            if scope.reasons.is_none() && points.iter().all(is_uri) && !(only_users && points.is_empty()) =>
        {
            Ok((points, only_users))
        }
        _ => bail!(
            "the old list's issuing distribution point cannot be reproduced here: give --idp-uri, or sign with openssl"
        ),
    }
}

#[cfg(test)]
mod tests {
    use shared::pki::crl::ReasonSet;
    use time::macros::datetime;

    use super::*;

    const THEN: OffsetDateTime = datetime!(2026-09-01 12:00 UTC);
    const NOW: OffsetDateTime = datetime!(2026-09-02 12:00 UTC);

    fn serial(text: &str) -> Serial {
        text.parse().unwrap()
    }

    fn entries() -> Entries {
        let mut entries = Entries::new();
        let list = [(serial("a"), RevocationReason::CertificateHold), (serial("b"), RevocationReason::Superseded)];
        change(&mut entries, &[], list, THEN).unwrap();
        entries
    }

    #[test]
    fn entries_come_go_and_change() {
        let mut entries = entries();
        let list = [
            (serial("b"), RevocationReason::Superseded),
            (serial("c"), RevocationReason::KeyCompromise),
            (serial("c"), RevocationReason::KeyCompromise),
        ];
        change(&mut entries, &[serial("a")], list, NOW).unwrap();
        let found: Vec<_> = entries.values().map(|e| (e.serial.as_str(), e.reason, e.revoked_at)).collect();
        let expected = [("b", RevocationReason::Superseded, THEN), ("c", RevocationReason::KeyCompromise, NOW)];
        assert_eq!(found, expected);
        change(&mut entries, &[], [(serial("b"), RevocationReason::KeyCompromise)], NOW).unwrap();
        assert_eq!(entries[&serial("b")].reason, RevocationReason::KeyCompromise);
        assert_eq!(entries[&serial("b")].revoked_at, NOW);
    }

    #[test]
    fn impossible_serial_numbers_are_left_behind() {
        for (serial, expected) in [
            (&[1][..], true),
            (&[0, 0x80], true),
            (&[0x7f; 20], true),
            (&[[0].as_slice(), &[0xff; 20]].concat(), true),
            (&[0], false),
            (&[0xff], false),
            (&[0x80; 20], false),
            (&[1; 21], false),
            (&[[0].as_slice(), &[0xff; 21]].concat(), false),
        ] {
            assert_eq!(is_possible(serial), expected, "{serial:02x?}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let unspecified = |text| (serial(text), RevocationReason::Unspecified);
        for (remove, list) in [
            (vec![serial("c")], vec![]),
            (vec![serial("a"), serial("a")], vec![]),
            (vec![serial("a")], vec![unspecified("a")]),
            (vec![], vec![unspecified("c"), (serial("c"), RevocationReason::KeyCompromise)]),
        ] {
            assert!(change(&mut entries(), &remove, list.clone(), NOW).is_err(), "{remove:?} {list:?}");
        }
    }

    #[test]
    fn numbers_count_on() {
        for (number, next) in [("0", "1"), ("9", "a"), ("ff", "100"), ("6523a7ff", "6523a800")] {
            assert_eq!(following(&number.parse().unwrap()).unwrap().to_string(), next);
        }
        assert!(following(&"f".repeat(40).parse().unwrap()).is_err());
    }

    #[test]
    fn a_scope_is_reproduced_or_refused() {
        let scope = |certificates, points: &[&str], reasons| Scope {
            certificates,
            distribution_points: points.iter().map(ToString::to_string).collect(),
            reasons,
        };
        let uri = "http://crl.example.com/1.crl";
        assert_eq!(reproduce(&scope(CertificateKind::All, &[], None)).unwrap(), (Vec::new(), false));
        assert_eq!(reproduce(&scope(CertificateKind::User, &[uri], None)).unwrap(), (vec![uri.to_owned()], true));
        for other in [
            scope(CertificateKind::User, &[], None),
            scope(CertificateKind::Authority, &[uri], None),
            scope(CertificateKind::All, &[uri, "4:a4023000"], None),
            scope(CertificateKind::All, &[uri], Some(ReasonSet::ALL)),
        ] {
            assert!(reproduce(&other).is_err(), "{other:?}");
        }
    }
}
