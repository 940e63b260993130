//! Certificates that were deleted and have come again, and such as other hands let in.

use actors::{Fleet, operator};
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::profile::{Admission, CrlRequirement};
use shared::testing::InjectedFault::{DiedBefore, Refused};

/// A device whose certificate was revoked, deleted and taken back by the CA, and is registered again. Its attempt dies or is
/// refused, and an operator decides.
#[tokio::test(start_paused = true)]
async fn an_entry_of_an_earlier_life_revokes_nobody() {
    for is_refused in [false, true] {
        for by_hand in [Active, Inactive] {
            let fleet = Fleet::with_crl().await;
            let device = fleet.inside("pump-1").await;
            fleet.list(2, &[(&device, KeyCompromise)]).await;
            assert_eq!(fleet.status(&device), Revoked);
            fleet.cloud.change(|state| state.delete(&device.id));
            fleet.list(3, &[]).await;
            let device = fleet.register(device);
            if is_refused {
                fleet.cloud.change_profile(fleet.id(), |profile| profile.admission = Some(Admission::Listed));
                fleet.settle(&[&device]).await;
            } else {
                fleet.die_at(&device, "iot:CreateThing", DiedBefore).await;
            }
            assert_eq!(fleet.status(&device), PendingActivation);
            fleet.let_in_by_hand(&device, "pump-1");
            fleet.set_status(&device, by_hand.clone());
            fleet.settle(&[&device]).await;
            assert_eq!(fleet.status(&device), by_hand, "refused: {is_refused}");
            fleet.reconcile().await;
            assert_eq!(fleet.status(&device), by_hand, "refused: {is_refused}, after a comparison");
        }
    }
}

/// The same where no attempt was made in the new life.
#[tokio::test(start_paused = true)]
async fn an_entry_of_a_deleted_certificate_revokes_nobody() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.publish(2, &[(&device, KeyCompromise)]);
    fleet.cloud.change(|state| state.delete(&device.id));
    fleet.settle(&[]).await;
    fleet.list(3, &[]).await;
    let device = fleet.register(device);
    fleet.let_in_by_hand(&device, "pump-1");
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
    fleet.reconcile().await;
    assert_eq!(fleet.status(&device), Active, "after a comparison");
}

/// The CA has not taken the entry back.
#[tokio::test(start_paused = true)]
async fn an_entry_that_is_still_there_revokes_whoever_was_let_in_by_hand() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.list(2, &[(&device, KeyCompromise)]).await;
    fleet.cloud.change(|state| state.delete(&device.id));
    let device = fleet.register(device);
    fleet.die_at(&device, "iot:UpdateCertificate", DiedBefore).await;
    fleet.let_in_by_hand(&device, "pump-1");
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Revoked);
}

/// A name was released while its certificate waited; an operator lets the certificate in, which may then be put on hold.
#[tokio::test(start_paused = true)]
async fn whoever_was_released_while_waiting_stays_in_by_an_operators_hand() {
    for is_held in [false, true] {
        let fleet = Fleet::with_crl().await;
        let device = fleet.device("pump-1");
        fleet.die_at(&device, "iot:UpdateCertificate", DiedBefore).await;
        fleet.settle(&[]).await;
        operator::release_thing(&fleet.cloud, "pump-1").await.expect("a release");
        fleet.let_in_by_hand(&device, "pump-1");
        if is_held {
            fleet.list(2, &[(&device, CertificateHold)]).await;
            assert_eq!(fleet.status(&device), Inactive);
            fleet.list(3, &[]).await;
        }
        fleet.settle(&[&device]).await;
        assert_eq!(fleet.status(&device), Active, "held: {is_held}");
    }
}

/// A device on hold of a CA that asks for no list any more, and names none.
#[tokio::test(start_paused = true)]
async fn a_hold_ends_with_the_last_list() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.list(2, &[(&device, CertificateHold)]).await;
    assert_eq!(fleet.status(&device), Inactive);
    fleet.cloud.change_profile(fleet.id(), |profile| {
        profile.crl_sources.clear();
        profile.crl = Some(CrlRequirement::None);
    });
    fleet.request_comparison().await;
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
    assert_eq!(fleet.crl_state().applied, None, "what was known of the list is forgotten");

    // Others have met the list before they were registered anew.
    fleet.set_status(&device, Inactive);
    fleet.cloud.change(|state| state.delete(&device.id));
    let device = fleet.register(device);
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
}

/// A certificate was revoked, and the CA has taken that back. The certificate is deleted and registered again, and an operator
/// lets it in before its event is handled.
#[tokio::test(start_paused = true)]
async fn an_entry_that_was_taken_back_revokes_nobody_in_the_next_life() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.list(2, &[(&device, KeyCompromise)]).await;
    fleet.list(3, &[]).await;
    fleet.cloud.change(|state| state.delete(&device.id));
    let device = fleet.register(device);
    fleet.let_in_by_hand(&device, "pump-1");
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
}

/// The same without an event, and a new list has the certificate.
#[tokio::test(start_paused = true)]
async fn a_row_that_says_revoked_hides_no_later_life_from_a_list() {
    for (reason, end) in [(KeyCompromise, Revoked), (CertificateHold, Inactive)] {
        let fleet = Fleet::with_crl().await;
        let device = fleet.inside("pump-1").await;
        fleet.list(2, &[(&device, KeyCompromise)]).await;
        fleet.list(3, &[]).await;
        fleet.cloud.change(|state| state.delete(&device.id));
        let device = fleet.register(device);
        fleet.let_in_by_hand(&device, "pump-1");
        fleet.list(4, &[(&device, reason)]).await;
        fleet.settle(&[]).await;
        assert_eq!(fleet.status(&device), end);
    }
}

/// An entry of an earlier life that was taken back. The device is refused in its new one, and let in by hand; for a while no list
/// answers.
#[tokio::test(start_paused = true)]
async fn one_with_an_earlier_entry_comes_back_once_the_lists_answer() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.list(2, &[(&device, KeyCompromise)]).await;
    fleet.cloud.change(|state| state.delete(&device.id));
    fleet.list(3, &[]).await;
    let device = fleet.register(device);
    fleet.cloud.change_profile(fleet.id(), |profile| profile.admission = Some(Admission::Listed));
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), PendingActivation);
    fleet.let_in_by_hand(&device, "pump-1");
    fleet.expire();
    fleet.settle(&[&device]).await;
    fleet.list(4, &[]).await;
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
}

/// A name was released while the intent of a dead attempt stood in the row.
#[tokio::test(start_paused = true)]
async fn whoever_was_released_after_a_dead_attempt_stays_in_by_an_operators_hand() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.device("pump-1");
    fleet.die_at(&device, "iot:UpdateCertificate", DiedBefore).await;
    operator::release_thing(&fleet.cloud, "pump-1").await.expect("a release");
    fleet.let_in_by_hand(&device, "pump-1");
    fleet.settle(&[&device]).await;
    assert_eq!(fleet.status(&device), Active);
}

/// One request is refused in the comparison of a CA that names no list any more.
#[tokio::test(start_paused = true)]
async fn a_hold_ends_with_the_last_list_though_a_request_fails() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    fleet.list(2, &[(&device, CertificateHold)]).await;
    fleet.cloud.change_profile(fleet.id(), |profile| {
        profile.crl_sources.clear();
        profile.crl = Some(CrlRequirement::None);
    });
    fleet.request_comparison().await;
    fleet.run_dies_at("iot:DescribeCertificate", 0, Refused).await;
    fleet.settle(&[]).await;
    assert_eq!(fleet.status(&device), Active);
}
