//! What a CRL changes against the one that is there, and whom that means.

use std::collections::BTreeMap;

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use shared::id::{CaCertificateId, CertificateId, Serial, ThingName};
use shared::pki::crl::RevocationReason;
use shared::port::{CertificateStatus, RegistrationStore as _};
use shared::registration::RegistrationId;

use crate::cloud::Cloud;
use crate::numbers::in_both_bases;
use crate::store::explain;

/// Most entries that are looked up: of more, an operator reads counts.
const MAX_NAMED: usize = 50;
const READS_AT_ONCE: usize = 8;

/// Reasons by serial number.
pub(super) type Listed = BTreeMap<Serial, RevocationReason>;

/// An entry that comes, goes, or has another reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    serial: Serial,
    /// The reason on the list that is there; none if it is not on that.
    before: Option<&'static str>,
    /// The reason on the new list; none if it is not on that.
    after: Option<&'static str>,
    /// The certificate of this serial number; none if none was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_id: Option<CertificateId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thing_name: Option<ThingName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<CertificateStatus>,
}

/// The changes from one list to another, in the order of serial numbers. Of the first fifty it is told whom they mean.
///
/// # Errors
/// A failed call.
pub(super) async fn changes(
    id: &CaCertificateId,
    before: &Listed,
    after: &Listed,
    cloud: &Cloud,
) -> Result<Vec<Change>> {
    let changes = differences(before, after);
    let named = stream::iter(changes.iter().take(MAX_NAMED).cloned());
    let named: Vec<_> = named.map(|change| name(id, change, cloud)).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(named.into_iter().chain(changes.into_iter().skip(MAX_NAMED)).collect())
}

fn differences(before: &Listed, after: &Listed) -> Vec<Change> {
    let mut both: BTreeMap<&Serial, [Option<&'static str>; 2]> = BTreeMap::new();
    for (place, list) in [before, after].into_iter().enumerate() {
        for (serial, reason) in list {
            if let Some(reasons) = both.entry(serial).or_default().get_mut(place) {
                *reasons = Some(reason.as_str());
            }
        }
    }
    let changed = both.into_iter().filter(|(_, [before, after])| before != after);
    changed
        .map(|(serial, [before, after])| Change {
            serial: serial.clone(),
            before,
            after,
            certificate_id: None,
            thing_name: None,
            status: None,
        })
        .collect()
}

async fn name(id: &CaCertificateId, change: Change, cloud: &Cloud) -> Result<Change> {
    let row = cloud.registrations.registration(&RegistrationId::issued(id, &change.serial)).await.map_err(explain)?;
    Ok(match row {
        Some(row) => Change {
            certificate_id: Some(row.certificate_id),
            thing_name: row.thing_name,
            status: row.status,
            ..change
        },
        None => change,
    })
}

/// For people: a line for each of the first changes, and how many more there are.
pub(super) fn lines(changes: &[Change]) -> Vec<String> {
    let mut lines: Vec<_> = changes.iter().take(MAX_NAMED).map(Change::line).collect();
    let more = changes.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        lines.push(format!("and {more} more changes"));
    }
    lines
}

impl Change {
    fn line(&self) -> String {
        let serial = in_both_bases(self.serial.as_str());
        let what = match (self.before, self.after) {
            (None, Some(reason)) => format!("+ {serial} {reason}"),
            (Some(reason), None) => format!("- {serial} {reason}"),
            (before, after) => format!("~ {serial} {} -> {}", before.unwrap_or("-"), after.unwrap_or("-")),
        };
        let status = self.status.as_ref().map_or("status unknown", CertificateStatus::as_str);
        match (&self.thing_name, &self.certificate_id) {
            (Some(thing), _) => format!("{what}: thing {thing}, {status}"),
            (None, Some(certificate)) => format!("{what}: certificate {certificate}, {status}"),
            (None, None) => format!("{what}: no certificate of this serial number has been registered"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_go_or_have_another_reason() {
        use RevocationReason::{CertificateHold, KeyCompromise};
        let list = |entries: &[(&str, RevocationReason)]| -> Listed {
            entries.iter().map(|(serial, reason)| (serial.parse().unwrap(), *reason)).collect()
        };
        let before = list(&[("a1", CertificateHold), ("a2", CertificateHold), ("a3", KeyCompromise)]);
        let after = list(&[("a1", KeyCompromise), ("a3", KeyCompromise), ("1000", CertificateHold)]);
        let nobody = ": no certificate of this serial number has been registered";
        assert_eq!(
            lines(&differences(&before, &after)),
            [
                format!("+ 0x1000 (decimal 4096) certificateHold{nobody}"),
                format!("~ 0xa1 (decimal 161) certificateHold -> keyCompromise{nobody}"),
                format!("- 0xa2 (decimal 162) certificateHold{nobody}"),
            ]
        );
        assert_eq!(differences(&after, &after), []);
    }

    #[test]
    fn many_changes_are_counted() {
        let after: Listed =
            (1..=60).map(|n| (format!("a{n:02}").parse().unwrap(), RevocationReason::Superseded)).collect();
        let lines = lines(&differences(&Listed::new(), &after));
        assert_eq!((lines.len(), lines.last().map(String::as_str)), (51, Some("and 10 more changes")));
    }
}
