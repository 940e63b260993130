//! What the CRLs of a CA say about one certificate, as the activator, the CRL checker and the command line decide it.

use time::{Duration, OffsetDateTime};

use super::{CrlSource, CrlState, Location, PublishedCrl, Snapshots};
use crate::decision::{Decision, Reason, Verdict};
use crate::fault::Fault;
use crate::pki::Certificate;
use crate::pki::crl::{CrlNumber, ReasonSet, RevocationReason};
use crate::port::SnapshotPages;
use crate::profile::{CrlRequirement, CrlRules, WhenStale};

/// States of CRLs that the certificates of one CA may bring about; those of sources that its profile names do not count.
/// Each activation reads all of them, and each run of the checker asks their sources: a CA that put a distribution point
/// of its own into each certificate would add one with each. A divided list has far fewer parts: the largest web CA
/// divides its own into 128. Where several activations ask at the same moment, there may be a few more.
pub const MAX_REQUESTED: usize = 256;

/// Proof that no CRL stands in the way of a certificate. Only this module can make one, and ACTIVE can't be had without.
#[derive(Debug)]
pub struct NotRevoked {
    crl_number: Option<CrlNumber>,
}

impl NotRevoked {
    /// For a profile that asks for no CRL.
    #[must_use]
    pub fn unless_required(rules: &CrlRules) -> Option<Self> {
        match rules.requirement {
            CrlRequirement::None => Some(Self { crl_number: None }),
            CrlRequirement::Required => None,
        }
    }

    /// Number of the CRL that cleared the certificate; none if none was asked, or it had none.
    #[must_use]
    pub fn crl_number(&self) -> Option<&CrlNumber> {
        self.crl_number.as_ref()
    }
}

/// A certificate's place on a CRL.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Number of the CRL.
    pub crl_number: Option<CrlNumber>,
    /// Why it is listed.
    pub reason: RevocationReason,
}

impl Listing {
    /// Whether it may leave the list again.
    #[must_use]
    pub fn is_hold(&self) -> bool {
        self.reason == RevocationReason::CertificateHold
    }

    /// The verdict that follows from it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let list = self.crl_number.as_ref().map_or_else(|| "the CRL".to_owned(), |number| format!("CRL {number}"));
        if self.is_hold() {
            let detail = format!("{list} has the certificate on hold");
            Verdict::new(Decision::Held, Reason::CertificateHold, detail)
        } else {
            let detail = format!("{list} lists the certificate as revoked ({})", self.reason);
            Verdict::new(Decision::Revoked, Reason::CertificateRevoked, detail)
        }
    }
}

/// What the CRLs say about a certificate.
#[derive(Debug)]
pub enum Standing {
    /// Every reason for which a certificate may be revoked is covered by a CRL that counts. None of them lists it, and no
    /// later one that is past its time.
    Good(NotRevoked),
    /// A CRL that counts lists it.
    Listed(Listing),
    /// Nothing is known for sure, which never means "not revoked".
    Unknown {
        /// The deferral, with what is missing.
        verdict: Verdict,
        /// Distribution points that the certificate names, that the profile lets us follow, and that nobody has asked: as
        /// many as [`MAX_REQUESTED`] has room for.
        wanted: Vec<CrlSource>,
    },
}

/// Looks a certificate up in every CRL that counts for it, if any is required.
///
/// # Errors
/// A [`Fault`] if a snapshot can't be read or is corrupt.
pub async fn standing<P: SnapshotPages + Sync>(
    certificate: &Certificate,
    rules: &CrlRules,
    states: &[CrlState],
    snapshots: &Snapshots<P>,
    now: OffsetDateTime,
) -> Result<Standing, Fault> {
    if let Some(cleared) = NotRevoked::unless_required(rules) {
        return Ok(Standing::Good(cleared));
    }
    let consulted = consult(certificate, rules, states, now);
    let mut listed: Option<Listing> = None;
    for crl in &consulted.counting {
        let Some(reason) = snapshots.find(&crl.snapshot, certificate.serial()).await? else { continue };
        let listing = Listing { crl_number: crl.number.clone(), reason };
        if !listing.is_hold() {
            return Ok(Standing::Listed(listing));
        }
        listed = Some(listing);
    }
    if let Some(listing) = listed {
        return Ok(Standing::Listed(listing));
    }
    if let Some((verdict, wanted)) = consulted.missing {
        return Ok(Standing::Unknown { verdict, wanted });
    }
    if let Some(crl) = find_outdated(&consulted, certificate, snapshots).await? {
        return Ok(Standing::Unknown { verdict: listed_before(crl), wanted: Vec::new() });
    }
    let crl_number = consulted.counting.first().and_then(|crl| crl.number.clone());
    Ok(Standing::Good(NotRevoked { crl_number }))
}

/// Whether a CRL lists the certificate that does not count any more, and none that was issued after it clears it.
///
/// # Errors
/// As [`standing`].
pub async fn was_listed<P: SnapshotPages + Sync>(
    certificate: &Certificate,
    rules: &CrlRules,
    states: &[CrlState],
    snapshots: &Snapshots<P>,
    now: OffsetDateTime,
) -> Result<bool, Fault> {
    Ok(find_outdated(&consult(certificate, rules, states, now), certificate, snapshots).await?.is_some())
}

async fn find_outdated<'c, P: SnapshotPages + Sync>(
    consulted: &Consulted<'c>,
    certificate: &Certificate,
    snapshots: &Snapshots<P>,
) -> Result<Option<&'c PublishedCrl>, Fault> {
    for crl in &consulted.outdated {
        if snapshots.find(&crl.snapshot, certificate.serial()).await?.is_some() {
            return Ok(Some(crl));
        }
    }
    Ok(None)
}

/// A CRL that does not count any more lists the certificate, and none that was issued after it clears it.
fn listed_before(crl: &PublishedCrl) -> Verdict {
    let due = crl.next_update;
    let detail = format!("the newest CRL lists the certificate; a new one was due at {due}, and has not been had");
    Verdict::new(Decision::Deferred, Reason::CrlStale, detail)
}

/// Which CRLs to ask, and what stands in the way of a good answer whatever they say.
struct Consulted<'a> {
    counting: Vec<&'a PublishedCrl>,
    missing: Option<(Verdict, Vec<CrlSource>)>,
    /// Those that cover the certificate, do not count any more, and were issued after all that count for the same.
    outdated: Vec<&'a PublishedCrl>,
}

fn consult<'a>(
    certificate: &Certificate,
    rules: &CrlRules,
    states: &'a [CrlState],
    now: OffsetDateTime,
) -> Consulted<'a> {
    let mut counting: Vec<&PublishedCrl> = Vec::new();
    let mut outdated: Vec<&PublishedCrl> = Vec::new();
    let mut answered = ReasonSet::NONE;
    let mut unchecked = rules.sources.iter().any(|source| states.iter().all(|state| state.source != *source));
    let mut stale = None;
    let mut unreadable = None;
    for state in states.iter().filter(|state| is_followed(&state.source, rules)) {
        if let Some(problem) = &state.unreadable {
            // Its CRL may list the certificate.
            unreadable = Some(problem);
            continue;
        }
        let Some(crl) = &state.current else {
            unchecked = true;
            continue;
        };
        let covered = crl.scope.covers(certificate);
        if covered.is_empty() {
            continue;
        }
        if now < counts_until(crl, rules.when_stale) {
            counting.push(crl);
            answered = answered.union(covered);
        } else {
            stale = Some(crl.next_update);
            outdated.push(crl);
        }
    }
    outdated.retain(|old| {
        let replaces = |crl: &&PublishedCrl| crl.this_update >= old.this_update && crl.scope.matches(&old.scope);
        !counting.iter().any(replaces)
    });
    let missing = (answered != ReasonSet::ALL || unreadable.is_some()).then(|| {
        let mut wanted: Vec<CrlSource> = certificate
            .crl_urls()
            .filter_map(|url| url.parse().ok())
            .filter(|source| is_followed(source, rules) && states.iter().all(|state| state.source != *source))
            .collect();
        let requested = states.iter().filter(|state| !rules.sources.contains(&state.source)).count();
        let room = MAX_REQUESTED.saturating_sub(requested);
        let deferred = |reason, detail: String| Verdict::new(Decision::Deferred, reason, detail);
        let verdict = if let Some(problem) = unreadable {
            deferred(Reason::CrlStateUnreadable, format!("what is known of a CRL of this CA can't be read: {problem}"))
        } else if room == 0 && !wanted.is_empty() {
            let detail = format!(
                "the CRL checker follows {requested} distribution points that certificates of this CA named, and no more \
                 than {MAX_REQUESTED}; this one names {:?}",
                wanted.iter().map(CrlSource::as_str).collect::<Vec<_>>()
            );
            deferred(Reason::CrlTooManyPoints, detail)
        } else if let Some(next_update) = stale {
            let detail = format!("a new CRL was due at {next_update}, and has not been had");
            deferred(Reason::CrlStale, detail)
        } else if unchecked || !wanted.is_empty() {
            deferred(Reason::CrlNotChecked, "no verified CRL has been had yet from a source of this CA".to_owned())
        } else if rules.sources.is_empty() && rules.hosts.is_empty() {
            let detail = "the profile requires a CRL, and names no source of one".to_owned();
            deferred(Reason::CrlNotConfigured, detail)
        } else {
            let named: Vec<&str> = certificate.crl_urls().collect();
            let detail = format!("no CRL of this CA covers the certificate; its distribution points are {named:?}");
            deferred(Reason::CrlNotCovering, detail)
        };
        wanted.truncate(room);
        (verdict, wanted)
    });
    Consulted { counting, missing, outdated }
}

/// Whether the profile names the source, or lets distribution points on its host be followed.
#[must_use]
pub fn is_followed(source: &CrlSource, rules: &CrlRules) -> bool {
    rules.sources.contains(source)
        || matches!(source.location(), Location::Web { host, .. } if rules.hosts.iter().any(|allowed| allowed == host))
}

fn counts_until(crl: &PublishedCrl, when_stale: WhenStale) -> OffsetDateTime {
    match when_stale {
        WhenStale::AllowUntil(hours) => crl.next_update.saturating_add(Duration::hours(hours.into())),
        WhenStale::Refuse => crl.next_update,
    }
}
