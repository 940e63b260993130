//! What a run answers.

use serde::{Deserialize, Serialize};
use shared::decision::Reason;
use shared::id::{CaCertificateId, CertificateId, ThingName};
use shared::pki::crl::CrlNumber;
use shared::registration::CertificateStatus;
use shared::revocation::CrlSource;
use shared::text::Detail;

use crate::change::Effect;

/// Certificates that a report names at most. Lambda's answers have 6 MB ("Lambda quotas"); one takes less than 2,000 octets,
/// a sentence of [`MAX_DETAIL`](shared::text::MAX_DETAIL) among them.
const MAX_NAMED: usize = 2_000;

/// What a run is asked to do. The schedule's events name neither.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// Let a CRL count that has lost more entries than the stack allows; for one CA only.
    pub accept_shrunk: bool,
    /// One CA; without it, all whose profile names sources.
    pub ca_certificate_id: Option<CaCertificateId>,
    /// Report, and change nothing.
    pub dry_run: bool,
    /// Compare all registrations with all CRLs, whether something changed or not.
    pub reconcile: bool,
}

/// What became of one source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The source, AWS or the function's permissions failed; the next run tries again.
    Failed,
    /// What the source has does not count; the CRL before goes on counting.
    KeptOut,
    /// Another run was faster.
    LostLock,
    /// The time was up; the next run goes on.
    Postponed,
    /// A new CRL counts now.
    Published,
    /// The CRL is the one that is known.
    Unchanged,
}

/// What was done about one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// Serial numbers that came onto the list, as far as they have been looked at.
    pub added: u64,
    /// The CA.
    pub ca_certificate_id: CaCertificateId,
    /// Number of the CRL that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crl_number: Option<CrlNumber>,
    /// A sentence for people, if something was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
    /// Entries of the CRL that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Serial numbers that left the list, as far as they have been looked at.
    pub removed: u64,
    /// Further entries of the CRL that counts, which were skipped because no certificate can have their serial numbers;
    /// left out if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u64>,
    /// The source; none if the CA itself could not be dealt with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<CrlSource>,
}

impl SourceReport {
    pub(crate) fn new(authority: &CaCertificateId, source: Option<&CrlSource>, outcome: Outcome) -> Self {
        Self {
            added: 0,
            ca_certificate_id: authority.clone(),
            crl_number: None,
            detail: None,
            entries: None,
            outcome,
            reason: None,
            removed: 0,
            skipped: None,
            source: source.cloned(),
        }
    }
}

/// How many certificates a run has changed, or would change.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// Confirmed, after an earlier process had died or two had crossed.
    pub confirmed: u64,
    /// Set INACTIVE by a hold.
    pub held: u64,
    /// Set ACTIVE again.
    pub released: u64,
    /// Set REVOKED.
    pub revoked: u64,
    /// Live sessions ended at once.
    pub sessions_ended: u64,
    /// Live sessions that the service ends by itself within minutes.
    pub sessions_not_offered: u64,
    /// Certificates on hold that can't be released, because another CRL of the CA does not count at the moment.
    pub unknown: u64,
}

impl Changes {
    /// Whether anything has become of a certificate.
    pub(crate) fn is_any(self) -> bool {
        self != Self::default()
    }

    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.confirmed += other.confirmed;
        self.held += other.held;
        self.released += other.released;
        self.revoked += other.revoked;
        self.sessions_ended += other.sessions_ended;
        self.sessions_not_offered += other.sessions_not_offered;
        self.unknown += other.unknown;
    }
}

/// A certificate that a run has changed, or would change.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateChange {
    /// The issuing CA.
    pub ca_certificate_id: CaCertificateId,
    /// The certificate.
    pub certificate_id: CertificateId,
    /// A sentence for people: why.
    pub detail: Detail,
    /// The status before, in AWS IoT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<CertificateStatus>,
    /// Reason of the decision that the row has now.
    pub reason: Reason,
    /// Serial number in lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The thing that the certificate was let in as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing_name: Option<ThingName>,
    /// The status after; the same for one that waits for its activation or for another list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<CertificateStatus>,
}

/// What was done about certificates.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    certificates: Vec<CertificateChange>,
    changes: Changes,
    left_out: u64,
}

impl Tally {
    /// Adds what was done about one certificate.
    pub(crate) fn add(&mut self, effect: Effect) {
        self.changes.add(effect.changes);
        name(effect.certificate, &mut self.certificates, &mut self.left_out);
    }
}

/// What a run did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The certificates changed, at most 2,000 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateChange>,
    /// Further certificates changed, which are not named; left out if there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub certificates_left_out: u64,
    /// Certificates changed, by number.
    pub changes: Changes,
    /// Whether nothing was changed: what is told is what the run would have done.
    pub dry_run: bool,
    /// What went wrong beside the sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Detail>,
    /// Whether nothing is left for the next run.
    pub finished: bool,
    /// Registrations compared with all CRLs, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconciled: Option<u64>,
    /// The sources that were asked.
    pub sources: Vec<SourceReport>,
}

impl Report {
    /// Adds what was done about one certificate.
    pub(crate) fn add_one(&mut self, effect: Effect) {
        let mut tally = Tally::default();
        tally.add(effect);
        self.add(tally);
    }

    /// Adds what was done about certificates.
    pub(crate) fn add(&mut self, more: Tally) {
        self.changes.add(more.changes);
        self.certificates_left_out += more.left_out;
        name(more.certificates, &mut self.certificates, &mut self.certificates_left_out);
    }
}

/// Names certificates, as far as there is room; one that was changed twice once.
fn name(more: impl IntoIterator<Item = CertificateChange>, named: &mut Vec<CertificateChange>, left_out: &mut u64) {
    for certificate in more {
        if let Some(known) = named.iter_mut().find(|known| known.certificate_id == certificate.certificate_id) {
            *known = CertificateChange { from: known.from.take(), ..certificate };
        } else if named.len() < MAX_NAMED {
            named.push(certificate);
        } else {
            *left_out += 1;
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands members over by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
