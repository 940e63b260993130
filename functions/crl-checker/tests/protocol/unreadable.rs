//! A row of a CRL's state that can't be read.

use crl_checker::Outcome;
use shared::pki::crl::RevocationReason::KeyCompromise;
use shared::port::CertificateStatus::{Active, Revoked};
use shared::profile::Profile;
use shared::revocation::{CrlSource, CrlState};

use crate::stage::{SOURCE, Stage};

const OTHER: &str = "https://crl.example.com/other.crl";

/// The row of another source can't be read. The profile names that source, or no longer.
fn break_row(stage: &Stage, is_followed: bool) -> CrlState {
    let broken = CrlState::unreadable(OTHER.parse().unwrap(), "row crl#other: attribute version");
    stage.world.change(|state| {
        let id = stage.authority.id().clone();
        if is_followed {
            let profile: &mut Profile = state.profiles.get_mut(&id).unwrap();
            profile.crl_sources.push(broken.source.clone());
        }
        state.crl_states.insert((id, broken.source.clone()), broken.clone());
    });
    broken
}

fn state_of(stage: &Stage, source: &CrlSource) -> CrlState {
    stage.world.state().crl_states[&(stage.authority.id().clone(), source.clone())].clone()
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_row_is_reported_and_left_alone_and_the_other_source_goes_on() {
    let stage = Stage::new().await;
    let (device, other) = (stage.inside("pump-1").await, stage.inside("pump-2").await);
    let broken = break_row(&stage, true);
    stage.publish(2, &[(&device, KeyCompromise)]);
    let report = stage.sweep().await;
    let of = |source: &str| report.sources.iter().find(|report| report.source == source.parse().ok()).unwrap();
    assert_eq!((of(SOURCE).outcome, of(OTHER).outcome), (Outcome::Published, Outcome::Failed));
    assert_eq!(of(OTHER).detail.as_deref(), Some("row crl#other: attribute version"));
    assert_eq!(state_of(&stage, &broken.source), broken, "nothing is written over it");
    assert_eq!((stage.status(&device), stage.status(&other)), (Revoked, Active));
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_row_of_a_source_that_left_the_profile_is_not_even_reported() {
    let stage = Stage::new().await;
    let broken = break_row(&stage, false);
    let report = stage.sweep().await;
    assert_eq!(report.sources.len(), 1);
    assert_eq!(report.sources[0].outcome, Outcome::Unchanged);
    assert_eq!(state_of(&stage, &broken.source), broken);
}
