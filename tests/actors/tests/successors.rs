//! Certificates that were about to take a thing over and never came in, and what the older ones are left with.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does")]

use std::time::Duration;

use actors::Fleet;
use crl_checker::Request;
use shared::pki::crl::RevocationReason::{self, CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{self, Active, Inactive, PendingActivation};
use shared::profile::{Admission, TakeOver};
use shared::testing::InjectedFault::{DiedAfter, DiedBefore, Stalled};
use shared::testing::Issued;
use tokio::time::{sleep, timeout};

fn all() -> Request {
    Request { accept_shrunk: true, ..Request::default() }
}

/// The CA publishes, and the checker runs.
async fn list(fleet: &Fleet, number: u64, entries: &[(&Issued, RevocationReason)]) {
    fleet.publish(number, entries);
    fleet.run(&all()).await;
}

/// The dead are dead, the events come again, and the checker has one ordinary run.
async fn settle(fleet: &Fleet, devices: &[&Issued]) {
    fleet.cloud.plan_nothing();
    fleet.cloud.let_processes_die();
    for device in devices {
        // The event of a refused certificate, or one that is gone, may end with an error.
        drop(fleet.connect(device).await);
    }
    fleet.run(&all()).await;
}

/// Statuses of certificates; none of one that was deleted.
fn statuses<const N: usize>(fleet: &Fleet, devices: [&Issued; N]) -> [Option<CertificateStatus>; N] {
    let certificates = fleet.cloud.state().certificates;
    devices.map(|device| certificates.get(&device.id).map(|found| found.status.clone()))
}

/// The second certificate has replaced the first one; the third has not come yet.
async fn three() -> (Fleet, Issued, Issued, Issued) {
    let fleet = Fleet::with_crl().await;
    fleet.set_rule(TakeOver::Rotate);
    let [first, second, third] = [30, 20, 10].map(|hours| fleet.device_of_age("pump-1", hours));
    fleet.connect(&first).await.unwrap();
    fleet.connect(&second).await.unwrap();
    assert_eq!(statuses(&fleet, [&first, &second]), [Some(Inactive), Some(Active)]);
    (fleet, first, second, third)
}

/// The second certificate was about to replace the first one, and died.
async fn two() -> (Fleet, Issued, Issued) {
    let fleet = Fleet::with_crl().await;
    fleet.set_rule(TakeOver::Rotate);
    let [old, new] = [20, 10].map(|hours| fleet.device_of_age("pump-1", hours));
    fleet.connect(&old).await.unwrap();
    fleet.die_at(&new, "iot:UpdateCertificate", DiedBefore).await;
    assert_eq!(statuses(&fleet, [&old, &new]), [Some(Active), Some(PendingActivation)]);
    (fleet, old, new)
}

#[tokio::test(start_paused = true)]
async fn the_third_goes_in_the_middle_of_its_take_over() {
    for is_revoked in [true, false] {
        let (fleet, first, second, third) = three().await;
        let activate = async |fleet: Fleet| drop(fleet.connect(&third).await);
        let at = fleet.place_of("iot:UpdateCertificate", activate).await;
        fleet.cloud.plan(at, Stalled);
        let others = async {
            sleep(Duration::from_secs(15)).await;
            if is_revoked {
                list(&fleet, 2, &[(&third, KeyCompromise)]).await;
            } else {
                fleet.cloud.change(|state| state.delete(&third.id));
            }
        };
        let (answer, ()) = tokio::join!(fleet.connect(&third), others);
        // What it is answered is nobody's concern.
        drop(answer);
        settle(&fleet, &[&first, &second]).await;
        assert_eq!(statuses(&fleet, [&first, &second]), [Some(Inactive), Some(Active)], "revoked: {is_revoked}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_third_dies_and_goes_and_a_hold_of_the_first_comes_and_goes() {
    let (fleet, first, second, third) = three().await;
    fleet.die_at(&third, "iot:UpdateCertificate", DiedBefore).await;
    let revoked = fleet.fork();
    list(&revoked, 2, &[(&first, CertificateHold), (&third, KeyCompromise)]).await;
    list(&revoked, 3, &[(&third, KeyCompromise)]).await;
    fleet.cloud.change(|state| state.delete(&third.id));
    list(&fleet, 2, &[(&first, CertificateHold)]).await;
    list(&fleet, 3, &[]).await;
    for fleet in [fleet, revoked] {
        settle(&fleet, &[&first, &second]).await;
        assert_eq!(statuses(&fleet, [&first, &second]), [Some(Inactive), Some(Active)]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_third_dies_and_goes_and_the_hold_of_the_first_ends_before_the_seconds() {
    let (fleet, first, second, third) = three().await;
    fleet.die_at(&third, "iot:UpdateCertificate", DiedBefore).await;
    list(&fleet, 2, &[(&first, CertificateHold), (&second, CertificateHold)]).await;
    fleet.cloud.change(|state| state.delete(&third.id));
    list(&fleet, 3, &[(&second, CertificateHold)]).await;
    assert_eq!(statuses(&fleet, [&first, &second]), [Some(Inactive), Some(Inactive)]);
    list(&fleet, 4, &[]).await;
    assert_eq!(statuses(&fleet, [&first, &second]), [Some(Inactive), Some(Active)]);
}

#[tokio::test(start_paused = true)]
async fn the_second_is_revoked_after_it_was_in_and_the_third_dies_and_goes() {
    let (fleet, first, second, third) = three().await;
    fleet.die_at(&third, "iot:UpdateCertificate", DiedBefore).await;
    list(&fleet, 2, &[(&second, KeyCompromise), (&first, CertificateHold)]).await;
    fleet.cloud.change(|state| state.delete(&third.id));
    list(&fleet, 3, &[(&second, KeyCompromise)]).await;
    assert_eq!(fleet.status(&first), Inactive, "one that was in had replaced it");
}

/// How a certificate is kept from coming in.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    Deleted,
    NotListed,
    OnHold,
    Revoked,
    SwitchedOff,
}

#[tokio::test(start_paused = true)]
async fn the_hold_of_the_older_one_ends_while_the_younger_one_can_not_come_in() {
    use Obstacle::{Deleted, NotListed, OnHold, Revoked, SwitchedOff};

    for obstacle in [Deleted, NotListed, OnHold, Revoked, SwitchedOff] {
        let (fleet, old, new) = two().await;
        let held = [(&old, CertificateHold), (&new, CertificateHold)];
        let on_hold = matches!(obstacle, OnHold).then_some((&new, CertificateHold));
        list(&fleet, 2, if on_hold.is_some() { &held } else { &held[..1] }).await;
        match obstacle {
            NotListed => fleet.cloud.change_profile(fleet.id(), |profile| profile.admission = Some(Admission::Listed)),
            SwitchedOff => fleet.set_status(&new, Inactive),
            Deleted | OnHold | Revoked => {}
        }
        if !matches!(obstacle, Deleted | Revoked) {
            // It is refused, or has come to nothing before.
            drop(fleet.connect(&new).await);
        }
        list(&fleet, 3, on_hold.as_slice()).await;
        match obstacle {
            Deleted => fleet.cloud.change(|state| state.delete(&new.id)),
            Revoked => list(&fleet, 4, &[(&new, KeyCompromise)]).await,
            NotListed | OnHold | SwitchedOff => {}
        }
        settle(&fleet, &[&old, &new]).await;
        assert_eq!(fleet.status(&old), Active, "{obstacle:?}: {:?}", statuses(&fleet, [&old, &new]));
    }
}

/// An attempt under another rule has the thing already, and somebody else is on it.
#[tokio::test(start_paused = true)]
async fn the_rule_becomes_refuse_while_two_are_on_the_thing() {
    for (rule, call, fault) in
        [(TakeOver::Rotate, "iot:UpdateThing", DiedAfter), (TakeOver::Join, "iot:AttachThingPrincipal", DiedBefore)]
    {
        let fleet = Fleet::with_crl().await;
        fleet.set_rule(rule);
        let [old, new] = [20, 10].map(|hours| fleet.device_of_age("pump-1", hours));
        let (first, second) = if rule == TakeOver::Join { (&new, &old) } else { (&old, &new) };
        if rule == TakeOver::Rotate {
            fleet.connect(first).await.unwrap();
            fleet.die_at(second, call, fault).await;
        } else {
            fleet.die_at(first, call, fault).await;
            fleet.connect(second).await.unwrap();
        }
        fleet.set_rule(TakeOver::Refuse);
        let with_attribute = fleet.fork();
        with_attribute.cloud.change_profile(fleet.id(), |profile| {
            profile.attributes.insert("site".to_owned(), "north".to_owned().try_into().unwrap());
        });
        for fleet in [fleet, with_attribute] {
            for _ in 0..2 {
                settle(&fleet, &[&old, &new]).await;
            }
            assert_eq!(statuses(&fleet, [&old, &new]), [Some(Active), Some(PendingActivation)], "{rule:?}");
        }
    }
}

/// A request whose sender is long dead arrives after all.
#[tokio::test(start_paused = true)]
async fn one_that_was_replaced_becomes_active_late_and_its_event_comes_again() {
    let fleet = Fleet::with_crl().await;
    fleet.set_rule(TakeOver::Rotate);
    let [old, new] = [20, 10].map(|hours| fleet.device_of_age("pump-1", hours));
    fleet.die_at(&old, "iot:UpdateCertificate", DiedBefore).await;
    fleet.connect(&new).await.unwrap();
    settle(&fleet, &[]).await;
    fleet.set_status(&old, Active);
    settle(&fleet, &[&old]).await;
    assert_eq!(statuses(&fleet, [&old, &new]), [Some(Inactive), Some(Active)]);
}

/// Both successors die once they are in, before they take anybody out, and the first of them goes.
#[tokio::test(start_paused = true)]
async fn the_second_and_the_third_die_and_the_second_goes() {
    for is_revoked in [true, false] {
        let fleet = Fleet::with_crl().await;
        fleet.set_rule(TakeOver::Rotate);
        let [first, second, third] = [30, 20, 10].map(|hours| fleet.device_of_age("pump-1", hours));
        fleet.connect(&first).await.unwrap();
        let activate = async |fleet: Fleet| drop(fleet.connect(&second).await);
        let at = fleet.place_of("iot:UpdateCertificate", activate).await;
        // With the confirmation that follows.
        fleet.cloud.plan(at + 1, DiedAfter);
        let _ = timeout(Duration::from_mins(30), fleet.connect(&second)).await;
        fleet.cloud.plan_nothing();
        fleet.cloud.let_processes_die();
        fleet.die_at(&third, "iot:UpdateCertificate", DiedAfter).await;
        if is_revoked {
            list(&fleet, 2, &[(&second, KeyCompromise)]).await;
        } else {
            fleet.cloud.change(|state| state.delete(&second.id));
        }
        settle(&fleet, &[&first, &second, &third]).await;
        assert_eq!(statuses(&fleet, [&first, &third]), [Some(Inactive), Some(Active)], "revoked: {is_revoked}");
    }
}

/// The second replaced the first, which was on hold, and died before it wrote so. The third marks both, and goes.
#[tokio::test(start_paused = true)]
async fn a_take_over_that_was_complete_and_not_confirmed_stays_so() {
    for end_of_third in ["deleted", "refused", "waits"] {
        let fleet = Fleet::with_crl().await;
        fleet.set_rule(TakeOver::Rotate);
        let [first, second, third] = [30, 20, 10].map(|hours| fleet.device_of_age("pump-1", hours));
        fleet.connect(&first).await.unwrap();
        list(&fleet, 2, &[(&first, CertificateHold)]).await;
        fleet.die_at(&second, "iot:UpdateCertificate", DiedAfter).await;
        fleet.die_at(&third, "iot:UpdateCertificate", DiedBefore).await;
        let mut devices = vec![&first, &second, &third];
        match end_of_third {
            "deleted" => fleet.cloud.change(|state| state.delete(&third.id)),
            "refused" => fleet.cloud.change_profile(fleet.id(), |profile| profile.admission = Some(Admission::Listed)),
            _ => drop(devices.pop()),
        }
        fleet.publish(3, &[]);
        settle(&fleet, &devices).await;
        let ends = statuses(&fleet, [&first, &second]);
        assert_eq!(ends, [Some(Inactive), Some(Active)], "the third {end_of_third}");
    }
}

/// The successor was deleted, and an operator has let the older one in again, which a hold takes out for a while.
#[tokio::test(start_paused = true)]
async fn one_that_was_let_in_again_comes_back_after_a_hold() {
    for is_seen in [true, false] {
        let (fleet, first, second, _) = three().await;
        fleet.cloud.change(|state| state.delete(&second.id));
        fleet.set_status(&first, Active);
        let own = [&first];
        settle(&fleet, if is_seen { &own } else { &[] }).await;
        list(&fleet, 2, &[(&first, CertificateHold)]).await;
        assert_eq!(fleet.status(&first), Inactive);
        list(&fleet, 3, &[]).await;
        settle(&fleet, &own).await;
        assert_eq!(fleet.status(&first), Active, "seen before: {is_seen}");
    }
}

/// Names are made of something else from now on: both have things of their own.
#[tokio::test(start_paused = true)]
async fn names_change_in_the_middle_of_a_take_over() {
    let (fleet, old, new) = two().await;
    let template = "${CertificateSerialNumber}".parse().unwrap();
    fleet.cloud.change_profile(fleet.id(), |profile| profile.thing_name_template = Some(template));
    settle(&fleet, &[&old, &new]).await;
    assert_eq!(statuses(&fleet, [&old, &new]), [Some(Active), Some(Active)]);
}

/// Certificates share their thing from now on.
#[tokio::test(start_paused = true)]
async fn the_rule_becomes_join_in_the_middle_of_a_take_over() {
    let (fleet, old, new) = two().await;
    fleet.set_rule(TakeOver::Join);
    settle(&fleet, &[&old, &new]).await;
    assert_eq!(statuses(&fleet, [&old, &new]), [Some(Active), Some(Active)]);
}

/// The thing was made for the newcomer, and an older one joined it; the rule is another one for a while.
#[tokio::test(start_paused = true)]
async fn the_rule_becomes_join_again() {
    let fleet = Fleet::with_crl().await;
    fleet.set_rule(TakeOver::Join);
    let [old, new] = [20, 10].map(|hours| fleet.device_of_age("pump-1", hours));
    fleet.die_at(&new, "iot:AttachThingPrincipal", DiedBefore).await;
    fleet.connect(&old).await.unwrap();
    fleet.set_rule(TakeOver::Rotate);
    fleet.die_at(&new, "iot:UpdateCertificate", DiedBefore).await;
    fleet.set_rule(TakeOver::Join);
    settle(&fleet, &[&old, &new]).await;
    assert_eq!(statuses(&fleet, [&old, &new]), [Some(Active), Some(Active)]);
}

/// Certificates share their thing from now on, and the newcomer is on hold for a while.
#[tokio::test(start_paused = true)]
async fn the_rule_becomes_join_while_the_newcomer_is_on_hold() {
    let (fleet, old, new) = two().await;
    fleet.set_rule(TakeOver::Join);
    list(&fleet, 2, &[(&new, CertificateHold)]).await;
    settle(&fleet, &[&old, &new]).await;
    list(&fleet, 3, &[]).await;
    settle(&fleet, &[&old, &new]).await;
    assert_eq!(statuses(&fleet, [&old, &new]), [Some(Active), Some(Active)]);
}

/// The second was about to replace the first, and has a thing of another name by now. The third takes the first's over, and dies
/// once it is ACTIVE.
#[tokio::test(start_paused = true)]
async fn the_third_dies_after_the_second_has_another_name() {
    for is_on_hold in [false, true] {
        let fleet = Fleet::with_crl().await;
        fleet.set_rule(TakeOver::Rotate);
        let [first, second, third] = [30, 20, 10].map(|hours| fleet.device_of_age("pump-1", hours));
        let name_things = |template: &str| {
            let template = template.parse().unwrap();
            fleet.cloud.change_profile(fleet.id(), |profile| profile.thing_name_template = Some(template));
        };
        fleet.connect(&first).await.unwrap();
        fleet.die_at(&second, "iot:UpdateCertificate", DiedBefore).await;
        if is_on_hold {
            list(&fleet, 2, &[(&first, CertificateHold)]).await;
        }
        name_things("${CertificateSerialNumber}");
        fleet.connect(&second).await.unwrap();
        name_things("${CommonName}");
        fleet.die_at(&third, "iot:UpdateCertificate", DiedAfter).await;
        if is_on_hold {
            list(&fleet, 3, &[]).await;
        }
        settle(&fleet, &[&first, &second, &third]).await;
        let ends = statuses(&fleet, [&first, &third]);
        assert_eq!(ends, [Some(Inactive), Some(Active)], "on hold: {is_on_hold}");
    }
}

/// The second was deleted, and an operator has let the first in again. The third replaces it, and dies once it is ACTIVE.
#[tokio::test(start_paused = true)]
async fn the_third_dies_beside_one_that_was_let_in_again() {
    for comes_again in [true, false] {
        let (fleet, first, second, third) = three().await;
        fleet.cloud.change(|state| state.delete(&second.id));
        fleet.set_status(&first, Active);
        fleet.die_at(&third, "iot:UpdateCertificate", DiedAfter).await;
        let all = [&first, &third];
        settle(&fleet, if comes_again { &all } else { &all[1..] }).await;
        assert_eq!(statuses(&fleet, [&first, &third]), [Some(Inactive), Some(Active)], "comes again: {comes_again}");
    }
}
