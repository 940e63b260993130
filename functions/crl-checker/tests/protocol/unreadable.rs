//! A row of a CRL's state that can't be read.

use actors::Fleet;
use actors::checking::SOURCE;
use crl_checker::Outcome;
use serde_json::{Value, json};
use shared::pki::crl::RevocationReason::KeyCompromise;
use shared::port::CertificateStatus::{Active, Revoked};

const OTHER: &str = "https://crl.example.com/other.crl";
const RECORD: &str = "crl#https://crl.example.com/other.crl";

/// The row of another source can't be read. The profile names that source, or does not.
fn break_row(fleet: &Fleet, is_followed: bool) {
    if is_followed {
        fleet.cloud.change_profile(fleet.id(), |profile| profile.crl_sources.push(OTHER.parse().unwrap()));
    }
    fleet.cloud.put_record(fleet.id(), RECORD, &json!({"source": {"S": OTHER}, "version": {"S": "first"}}));
}

fn row(fleet: &Fleet) -> Option<Value> {
    fleet.cloud.record(fleet.id(), RECORD)
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_row_is_reported_and_left_alone_and_the_other_source_goes_on() {
    let fleet = Fleet::with_crl().await;
    let (device, other) = (fleet.inside("pump-1").await, fleet.inside("pump-2").await);
    break_row(&fleet, true);
    let broken = row(&fleet);
    fleet.publish(2, &[(&device, KeyCompromise)]);
    let report = fleet.sync().await;
    let of = |source: &str| report.sources.iter().find(|report| report.source == source.parse().ok()).unwrap();
    assert_eq!((of(SOURCE).outcome, of(OTHER).outcome), (Outcome::Published, Outcome::Failed));
    let detail = of(OTHER).detail.as_deref().unwrap();
    assert!(detail.contains(RECORD) && detail.contains("attribute version"), "{detail}");
    assert_eq!(row(&fleet), broken, "nothing is written over it");
    assert_eq!((fleet.status(&device), fleet.status(&other)), (Revoked, Active));
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_row_of_a_source_that_left_the_profile_is_not_even_reported() {
    let fleet = Fleet::with_crl().await;
    break_row(&fleet, false);
    let broken = row(&fleet);
    let report = fleet.sync().await;
    assert_eq!(report.sources.len(), 1);
    assert_eq!(report.sources[0].outcome, Outcome::Unchanged);
    assert_eq!(row(&fleet), broken);
}
