//! What the CRLs of a CA decide about a newcomer, and what asking them costs.

use actors::{Fleet, serial};
use rcgen::CrlDistributionPoint;
use serde_json::json;
use shared::decision::{Decision, Reason};
use shared::pki::crl::{CertificateKind, ReasonSet, RevocationReason, Scope};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::revocation::CrlSource;
use shared::testing::{Issued, NewCrl};
use time::Duration;

const SOURCE: &str = "https://crl.example.com/fleet.crl";
const OTHER: &str = "https://crl.example.com/other.crl";

fn fleet() -> Fleet {
    Fleet::new(json!({"crl": "required", "crlSources": [SOURCE, OTHER], "crlHosts": ["cdp.example.com"]}))
}

fn everything() -> Scope {
    Scope { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None }
}

fn place(fleet: &Fleet, source: &str, scope: &Scope, entries: &[(&Issued, RevocationReason)]) {
    place_until(fleet, source, scope, entries, Duration::days(1));
}

fn place_until(fleet: &Fleet, source: &str, scope: &Scope, entries: &[(&Issued, RevocationReason)], left: Duration) {
    let crl = NewCrl { next_update: fleet.now + left, ..NewCrl::current(7, fleet.now) };
    let entries = entries.iter().map(|(device, reason)| (serial(device), *reason));
    fleet.cloud.place_crl(fleet.id(), &source.parse().unwrap(), &crl, scope, entries);
}

fn sources(fleet: &Fleet) -> Vec<CrlSource> {
    fleet.cloud.crl_states(fleet.id()).into_iter().map(|state| state.source).collect()
}

/// A device whose certificate names these distribution points.
fn device_of(fleet: &Fleet, points: &[&str]) -> Issued {
    fleet.register(fleet.authority.issue_with("pump-1", fleet.now, |params| {
        let point = |uri: &&str| CrlDistributionPoint { uris: vec![(*uri).to_owned()] };
        params.crl_distribution_points = points.iter().map(point).collect();
    }))
}

#[tokio::test(start_paused = true)]
async fn a_crl_that_does_not_list_the_certificate_lets_it_in() {
    let fleet = fleet();
    let (device, other) = (fleet.device("pump-1"), fleet.device("pump-2"));
    place(&fleet, SOURCE, &everything(), &[(&other, RevocationReason::KeyCompromise)]);
    assert_eq!(fleet.connect(&device).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.row(&device).crl_number.unwrap().to_string(), "7");
}

#[tokio::test(start_paused = true)]
async fn every_reason_but_a_hold_revokes_for_good() {
    for reason in RevocationReason::ALL {
        let fleet = fleet();
        let device = fleet.device("pump-1");
        place(&fleet, SOURCE, &everything(), &[(&device, reason)]);
        let decision = fleet.connect(&device).await.unwrap().decision;
        let expected = match reason {
            RevocationReason::CertificateHold => (Decision::Held, Inactive),
            RevocationReason::RemoveFromCrl => (Decision::Activated, Active),
            _ => (Decision::Revoked, Revoked),
        };
        assert_eq!((decision, fleet.status(&device)), expected, "{reason}");
        let again = fleet.connect(&device).await.unwrap().decision;
        assert_eq!(fleet.status(&device), expected.1, "{reason}: {again}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_for_sure_keeps_the_device_out_and_is_tried_again() {
    for (source, scope, left, reason) in [
        (None, everything(), 24, Reason::CrlNotChecked),
        (Some("https://elsewhere.example.com/a.crl"), everything(), 24, Reason::CrlNotChecked),
        (Some(SOURCE), everything(), -1, Reason::CrlStale),
        (Some(SOURCE), everything(), 0, Reason::CrlStale),
    ] {
        let fleet = fleet();
        let device = fleet.device("pump-1");
        if let Some(source) = source {
            place_until(&fleet, source, &scope, &[], Duration::hours(left));
        }
        let fault = fleet.connect(&device).await.unwrap_err();
        assert_eq!(fault.error_type, reason.as_str());
        assert_eq!((fleet.status(&device), fleet.row(&device).decision), (PendingActivation, Decision::Deferred));
        assert!(fleet.cloud.state().things.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_crl_for_others_does_not_cover_the_certificate() {
    let some = |reasons| Scope { reasons: Some(ReasonSet::from_bits(reasons)), ..everything() };
    let partition = Scope { distribution_points: vec!["http://cdp.example.com/2.crl".to_owned()], ..everything() };
    for scope in [
        Scope { certificates: CertificateKind::Authority, ..everything() },
        Scope { certificates: CertificateKind::Attribute, ..everything() },
        partition,
        some(0b10),
    ] {
        let fleet = fleet();
        let device = fleet.device("pump-1");
        // Not even what it says of the certificate counts.
        place(&fleet, SOURCE, &scope, &[]);
        let listed: &[(&Issued, RevocationReason)] = &[(&device, RevocationReason::KeyCompromise)];
        place(&fleet, OTHER, &scope, if scope.reasons.is_none() { listed } else { &[] });
        let fault = fleet.connect(&device).await.unwrap_err();
        assert_eq!(fault.error_type, "crl_not_covering", "{scope:?}");
    }
    let fleet = fleet();
    let device = fleet.device("pump-1");
    place(&fleet, SOURCE, &some(0b0_0000_0110), &[]);
    place(&fleet, OTHER, &some(0b1_1111_1000), &[]);
    assert_eq!(fleet.connect(&device).await.unwrap().decision, Decision::Activated, "together they cover all reasons");
}

#[tokio::test(start_paused = true)]
async fn of_several_crls_any_that_lists_the_certificate_decides() {
    let fleet = fleet();
    let device = fleet.device("pump-1");
    place(&fleet, SOURCE, &everything(), &[(&device, RevocationReason::CertificateHold)]);
    place(&fleet, OTHER, &everything(), &[(&device, RevocationReason::CaCompromise)]);
    assert_eq!(fleet.connect(&device).await.unwrap().decision, Decision::Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_distribution_point_on_an_allowed_host_is_handed_to_the_checker() {
    let fleet = Fleet::new(json!({"crl": "required", "crlHosts": ["cdp.example.com"]}));
    let (mine, foreign) = ("http://cdp.example.com/1.crl", "http://evil.example.com/1.crl");
    let device = device_of(&fleet, &[mine, foreign]);
    let fault = fleet.connect(&device).await.unwrap_err();
    assert_eq!(fault.error_type, "crl_not_checked");
    assert_eq!(sources(&fleet), [mine.parse().unwrap()]);
    // The CRL of this partition arrives; one of another partition would not do.
    let partition = |uri: &str| Scope { distribution_points: vec![uri.to_owned()], ..everything() };
    place(&fleet, mine, &partition("http://cdp.example.com/2.crl"), &[]);
    assert!(fleet.connect(&device).await.is_err());
    place(&fleet, mine, &partition(mine), &[]);
    assert_eq!(fleet.connect(&device).await.unwrap().decision, Decision::Activated);
}

#[tokio::test(start_paused = true)]
async fn the_gate_adds_one_call_of_dynamodb_and_at_most_one_of_s3() {
    let named = |calls: &[&str], prefix: &str| calls.iter().filter(|call| call.starts_with(prefix)).count();
    let free = Fleet::new(json!({}));
    let device = free.device("pump-1");
    free.connect(&device).await.unwrap();
    let without = free.cloud.calls();
    for (entries, expected) in [(0, 16_384), (40_000, 8_192)] {
        let fleet = fleet();
        let device = fleet.device("pump-1");
        let crl = NewCrl::current(7, fleet.now);
        let serials = (1..=entries).map(|n: u32| (format!("{n:x}").parse().unwrap(), RevocationReason::Unspecified));
        fleet.cloud.place_crl(fleet.id(), &SOURCE.parse().unwrap(), &crl, &everything(), serials);
        fleet.connect(&device).await.unwrap();
        let with = fleet.cloud.calls();
        assert_eq!(named(&with, "dynamodb:"), named(&without, "dynamodb:") + 1, "{with:?}");
        assert_eq!(named(&with, "iot:"), named(&without, "iot:"));
        assert_eq!(named(&with, "s3:"), 1);
        assert_eq!(fleet.cloud.bytes_read(), expected, "{entries} entries");
    }
}

/// A list that is past its next update clears nobody. What it says of a certificate is newer than what a list says that
/// was issued before it and still counts.
#[tokio::test(start_paused = true)]
async fn a_certificate_on_a_newer_list_that_is_stale_is_not_cleared_by_an_older_one() {
    for reason in [RevocationReason::KeyCompromise, RevocationReason::CertificateHold] {
        let fleet = fleet();
        let (device, other) = (fleet.device("pump-1"), fleet.device("pump-2"));
        let place = |source: &str, number: u64, issued: Duration, left: Duration, listed: &[&Issued]| {
            let crl = NewCrl { next_update: fleet.now + left, number, this_update: fleet.now - issued };
            let entries = listed.iter().map(|device| (serial(device), reason));
            fleet.cloud.place_crl(fleet.id(), &source.parse().unwrap(), &crl, &everything(), entries);
        };
        place(SOURCE, 7, Duration::days(20), Duration::days(20), &[]);
        place(OTHER, 9, Duration::days(2), Duration::hours(-1), &[&device]);
        let fault = fleet.connect(&device).await.unwrap_err();
        assert_eq!(fault.error_type, Reason::CrlStale.as_str(), "{reason}");
        assert_eq!(fleet.status(&device), PendingActivation, "{reason}");
        assert_eq!(fleet.connect(&other).await.unwrap().decision, Decision::Activated, "{reason}");
        // Once a list that was issued after it counts, it says nothing any more.
        place(SOURCE, 10, Duration::days(1), Duration::days(20), &[]);
        assert_eq!(fleet.connect(&device).await.unwrap().decision, Decision::Activated, "{reason}");
    }
}
