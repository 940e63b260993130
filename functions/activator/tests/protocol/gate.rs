//! What the CRLs of a CA decide about a newcomer, and what asking them costs.

use rcgen::CrlDistributionPoint;
use serde_json::json;
use shared::decision::{Decision, Reason};
use shared::id::Serial;
use shared::pki::Certificate;
use shared::pki::crl::{CertificateKind, ReasonSet, RevocationReason, Scope};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::revocation::CrlSource;
use shared::testing::{Issued, NewCrl};
use time::Duration;

use crate::stage::Stage;

const SOURCE: &str = "https://crl.example.com/fleet.crl";
const OTHER: &str = "https://crl.example.com/other.crl";

fn stage() -> Stage {
    Stage::new(json!({"crl": "required", "crlSources": [SOURCE, OTHER], "crlHosts": ["cdp.example.com"]}))
}

fn everything() -> Scope {
    Scope { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None }
}

fn serial(device: &Issued) -> Serial {
    Certificate::from_der(&device.der).unwrap().serial().clone()
}

fn place(stage: &Stage, source: &str, scope: &Scope, entries: &[(&Issued, RevocationReason)]) {
    place_until(stage, source, scope, entries, Duration::days(1));
}

fn place_until(stage: &Stage, source: &str, scope: &Scope, entries: &[(&Issued, RevocationReason)], left: Duration) {
    let crl = NewCrl { next_update: stage.now + left, ..NewCrl::current(7, stage.now) };
    let entries = entries.iter().map(|(device, reason)| (serial(device), *reason));
    stage.world.place_crl(stage.authority.id(), &source.parse().unwrap(), &crl, scope, entries);
}

fn sources(stage: &Stage) -> Vec<CrlSource> {
    stage.world.state().crl_states.into_keys().map(|(_, source)| source).collect()
}

/// A device whose certificate names these distribution points.
fn device_of(stage: &Stage, points: &[&str]) -> Issued {
    stage.register(stage.authority.issue_with("pump-1", stage.now, |params| {
        let point = |uri: &&str| CrlDistributionPoint { uris: vec![(*uri).to_owned()] };
        params.crl_distribution_points = points.iter().map(point).collect();
    }))
}

#[tokio::test(start_paused = true)]
async fn a_crl_that_does_not_list_the_certificate_lets_it_in() {
    let stage = stage();
    let (device, other) = (stage.device("pump-1"), stage.device("pump-2"));
    place(&stage, SOURCE, &everything(), &[(&other, RevocationReason::KeyCompromise)]);
    assert_eq!(stage.knock(&device).await.unwrap().decision, Decision::Activated);
    assert_eq!(stage.row(&device).crl_number.unwrap().to_string(), "7");
}

#[tokio::test(start_paused = true)]
async fn every_reason_but_a_hold_revokes_for_good() {
    for reason in RevocationReason::ALL {
        let stage = stage();
        let device = stage.device("pump-1");
        place(&stage, SOURCE, &everything(), &[(&device, reason)]);
        let decision = stage.knock(&device).await.unwrap().decision;
        let expected = match reason {
            RevocationReason::CertificateHold => (Decision::Held, Inactive),
            RevocationReason::RemoveFromCrl => (Decision::Activated, Active),
            _ => (Decision::Revoked, Revoked),
        };
        assert_eq!((decision, stage.status(&device)), expected, "{reason}");
        let again = stage.knock(&device).await.unwrap().decision;
        assert_eq!(stage.status(&device), expected.1, "{reason}: {again}");
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
        let stage = stage();
        let device = stage.device("pump-1");
        if let Some(source) = source {
            place_until(&stage, source, &scope, &[], Duration::hours(left));
        }
        let fault = stage.knock(&device).await.unwrap_err();
        assert_eq!(fault.error_type, reason.as_str());
        assert_eq!((stage.status(&device), stage.row(&device).decision), (PendingActivation, Decision::Deferred));
        assert!(stage.world.state().things.is_empty());
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
        let stage = stage();
        let device = stage.device("pump-1");
        // Not even what it says of the certificate counts.
        place(&stage, SOURCE, &scope, &[]);
        let listed: &[(&Issued, RevocationReason)] = &[(&device, RevocationReason::KeyCompromise)];
        place(&stage, OTHER, &scope, if scope.reasons.is_none() { listed } else { &[] });
        let fault = stage.knock(&device).await.unwrap_err();
        assert_eq!(fault.error_type, "crl_not_covering", "{scope:?}");
    }
    let stage = stage();
    let device = stage.device("pump-1");
    place(&stage, SOURCE, &some(0b0_0000_0110), &[]);
    place(&stage, OTHER, &some(0b1_1111_1000), &[]);
    assert_eq!(stage.knock(&device).await.unwrap().decision, Decision::Activated, "together they cover all reasons");
}

#[tokio::test(start_paused = true)]
async fn of_several_crls_any_that_lists_the_certificate_decides() {
    let stage = stage();
    let device = stage.device("pump-1");
    place(&stage, SOURCE, &everything(), &[(&device, RevocationReason::CertificateHold)]);
    place(&stage, OTHER, &everything(), &[(&device, RevocationReason::CaCompromise)]);
    assert_eq!(stage.knock(&device).await.unwrap().decision, Decision::Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_distribution_point_on_an_allowed_host_is_handed_to_the_checker() {
    let stage = Stage::new(json!({"crl": "required", "crlHosts": ["cdp.example.com"]}));
    let (mine, foreign) = ("http://cdp.example.com/1.crl", "http://evil.example.com/1.crl");
    let device = device_of(&stage, &[mine, foreign]);
    let fault = stage.knock(&device).await.unwrap_err();
    assert_eq!(fault.error_type, "crl_not_checked");
    assert_eq!(sources(&stage), [mine.parse().unwrap()]);
    // The CRL of this partition arrives; one of another partition would not do.
    let partition = |uri: &str| Scope { distribution_points: vec![uri.to_owned()], ..everything() };
    place(&stage, mine, &partition("http://cdp.example.com/2.crl"), &[]);
    assert!(stage.knock(&device).await.is_err());
    place(&stage, mine, &partition(mine), &[]);
    assert_eq!(stage.knock(&device).await.unwrap().decision, Decision::Activated);
}

#[tokio::test(start_paused = true)]
async fn the_gate_adds_one_call_of_dynamodb_and_at_most_one_of_s3() {
    let named = |calls: &[&str], prefix: &str| calls.iter().filter(|call| call.starts_with(prefix)).count();
    let free = Stage::new(json!({}));
    let device = free.device("pump-1");
    free.knock(&device).await.unwrap();
    let without = free.world.calls();
    for (entries, expected) in [(0, 16_384), (40_000, 8_192)] {
        let stage = stage();
        let device = stage.device("pump-1");
        let crl = NewCrl::current(7, stage.now);
        let serials = (1..=entries).map(|n: u32| (format!("{n:x}").parse().unwrap(), RevocationReason::Unspecified));
        stage.world.place_crl(stage.authority.id(), &SOURCE.parse().unwrap(), &crl, &everything(), serials);
        stage.knock(&device).await.unwrap();
        let with = stage.world.calls();
        assert_eq!(named(&with, "dynamodb:"), named(&without, "dynamodb:") + 1, "{with:?}");
        assert_eq!(named(&with, "iot:"), named(&without, "iot:"));
        assert_eq!(named(&with, "s3:"), 1);
        assert_eq!(stage.world.octets_read(), expected, "{entries} entries");
    }
}

/// A list that is past its next update clears nobody. What it says of a certificate is newer than what a list says that
/// was issued before it and still counts.
#[tokio::test(start_paused = true)]
async fn a_certificate_on_a_newer_list_that_is_stale_is_not_cleared_by_an_older_one() {
    for reason in [RevocationReason::KeyCompromise, RevocationReason::CertificateHold] {
        let stage = stage();
        let (device, other) = (stage.device("pump-1"), stage.device("pump-2"));
        let place = |source: &str, number: u64, issued: Duration, left: Duration, listed: &[&Issued]| {
            let crl = NewCrl { next_update: stage.now + left, number, this_update: stage.now - issued };
            let entries = listed.iter().map(|device| (serial(device), reason));
            stage.world.place_crl(stage.authority.id(), &source.parse().unwrap(), &crl, &everything(), entries);
        };
        place(SOURCE, 7, Duration::days(20), Duration::days(20), &[]);
        place(OTHER, 9, Duration::days(2), Duration::hours(-1), &[&device]);
        let fault = stage.knock(&device).await.unwrap_err();
        assert_eq!(fault.error_type, Reason::CrlStale.as_str(), "{reason}");
        assert_eq!(stage.status(&device), PendingActivation, "{reason}");
        assert_eq!(stage.knock(&other).await.unwrap().decision, Decision::Activated, "{reason}");
        // Once a list that was issued after it counts, it says nothing any more.
        place(SOURCE, 10, Duration::days(1), Duration::days(20), &[]);
        assert_eq!(stage.knock(&device).await.unwrap().decision, Decision::Activated, "{reason}");
    }
}
