//! What is known of the CRL of one source: the rows `crl#<source>` of the `Authorities` table.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{CrlSource, Validators};
use crate::decision::Reason;
use crate::id::Serial;
use crate::pki::crl::{CrlNumber, Scope};
use crate::port::Continuation;
use crate::snapshot::Layout;
use crate::text::Detail;
use crate::timestamp;

/// Start of the sort keys of CRL states in the `Authorities` table; the source follows.
pub const CRL_RECORD: &str = "crl#";

/// A revocation snapshot in S3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotObject {
    /// Key of the object; it ends with the SHA-256 of the content, so that what has been written never changes.
    pub key: String,
    /// How the content is laid out.
    pub layout: Layout,
    /// SHA-256 of the content in hexadecimal.
    pub sha256: String,
}

/// A CRL that was verified and counts until a later one takes its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedCrl {
    /// CRL number; CRLs of version 1 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<CrlNumber>,
    /// When the next CRL is due.
    #[serde(with = "timestamp::text")]
    pub next_update: OffsetDateTime,
    /// Which certificates and reasons it answers for.
    pub scope: Scope,
    /// Entries that were skipped, because no certificate can have their serial numbers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// The serial numbers on it.
    pub snapshot: SnapshotObject,
    /// When it was issued.
    #[serde(with = "timestamp::text")]
    pub this_update: OffsetDateTime,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands members over by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A fault of the newest check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckFault {
    /// When the source was asked.
    #[serde(with = "timestamp::text")]
    pub at: OffsetDateTime,
    /// A sentence for people.
    pub detail: Detail,
    /// What is wrong.
    pub reason: Reason,
}

/// How far the changes up to a snapshot have been carried out.
///
/// The target stays until it is reached, also if a newer CRL counts meanwhile: so there is progress from run to run,
/// however often CRLs come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The last serial number whose change was carried out, in the order of the snapshot; none at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Serial>,
    /// CRL number of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<CrlNumber>,
    /// The snapshot whose changes are being carried out.
    pub target: SnapshotObject,
    /// Set once the registrations are walked instead of the entries, and stays if that is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk: Option<FleetWalk>,
}

impl Progress {
    /// The beginning of the way to a CRL that counts.
    #[must_use]
    pub fn to(crl: &PublishedCrl) -> Self {
        Self { after: None, number: crl.number.clone(), target: crl.snapshot.clone(), walk: None }
    }
}

/// A walk over the registrations that looks each of them up in the target.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetWalk {
    /// Where it goes on; none at its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Continuation>,
    /// Requests after which looking the entries up is the cheaper way, and is taken.
    pub requests_left: u64,
}

/// All that is known of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CrlState {
    /// The snapshot whose changes have all been carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<SnapshotObject>,
    /// When the source was asked the last time.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp::optional_text")]
    pub checked_at: Option<OffsetDateTime>,
    /// The CRL that counts; none as long as none could be verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<PublishedCrl>,
    /// What was wrong with the newest check; none if it went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<CheckFault>,
    /// How far the way from `applied` to the next snapshot has been gone; none before its first part is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Serial numbers whose change failed; each run tries them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry: Vec<Serial>,
    /// Where the CRL comes from.
    pub source: CrlSource,
    /// Counts the writes of `applied`, `progress` and `retry`; the lock of whoever makes the next one.
    #[serde(default)]
    pub step: u64,
    /// What is wrong with the row, if it can't be read. Then nothing else is known of the source.
    #[serde(skip)]
    pub unreadable: Option<Detail>,
    /// What the source said about the newest answer.
    #[serde(default)]
    pub validators: Validators,
    /// Counts the CRLs that counted; the lock of whoever puts the next one in place.
    #[serde(default)]
    pub version: u64,
}

impl CrlState {
    /// A source that was never asked.
    #[must_use]
    pub fn new(source: CrlSource) -> Self {
        Self {
            applied: None,
            checked_at: None,
            current: None,
            last_error: None,
            progress: None,
            retry: Vec::new(),
            source,
            step: 0,
            unreadable: None,
            validators: Validators::default(),
            version: 0,
        }
    }

    /// A source whose row can't be read.
    #[must_use]
    pub fn unreadable(source: CrlSource, problem: impl fmt::Display) -> Self {
        Self { unreadable: Some(Detail::new(problem)), ..Self::new(source) }
    }

    /// What waits to be carried out: the rest of what is under way, or all changes up to the CRL that counts.
    #[must_use]
    pub fn unapplied(&self) -> Option<Progress> {
        if self.progress.is_some() {
            return self.progress.clone();
        }
        let current = self.current.as_ref()?;
        let done = self.applied.as_ref().is_some_and(|applied| applied.key == current.snapshot.key);
        (!done).then(|| Progress::to(current))
    }

    /// What the certificates are brought to: the target of what is under way, or what has been carried out. With the CRL
    /// number, where it is known.
    ///
    /// Whoever compares certificates with a list takes this one. With a newer one, which may be replaced before its turn
    /// comes, changes would be made that no later difference takes back.
    #[must_use]
    pub fn basis(&self) -> Option<(Option<&CrlNumber>, &SnapshotObject)> {
        if let Some(progress) = &self.progress {
            return Some((progress.number.as_ref(), &progress.target));
        }
        let applied = self.applied.as_ref()?;
        let current = self.current.as_ref().filter(|crl| crl.snapshot.key == applied.key);
        Some((current.and_then(|crl| crl.number.as_ref()), applied))
    }

    /// Whether every change of the CRL that counts has been carried out on every certificate.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.unapplied().is_none() && self.retry.is_empty()
    }

    /// Whether the certificates have been brought to the snapshot of this key, or are on the way to it.
    #[must_use]
    pub fn leads_to(&self, key: &str) -> bool {
        let target = self.progress.as_ref().map(|progress| &progress.target);
        [self.applied.as_ref(), target].into_iter().flatten().any(|object| object.key == key)
    }

    /// Whether the state needs the object of this key.
    #[must_use]
    pub fn names(&self, key: &str) -> bool {
        self.leads_to(key) || self.current.as_ref().is_some_and(|crl| crl.snapshot.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MAX_DETAIL;

    #[test]
    fn a_fault_in_a_row_is_short_even_if_the_row_was_not() {
        let row = serde_json::json!({"at": "2026-09-01T12:00:00.000Z", "detail": "x".repeat(260_000),
                                     "reason": "crl_extension"});
        let fault: CheckFault = serde_json::from_value(row).unwrap();
        assert_eq!(fault.detail.len(), MAX_DETAIL);
        let kept = serde_json::to_value(&fault).unwrap();
        assert_eq!(kept["detail"].as_str().map(str::len), Some(MAX_DETAIL));
    }
}
