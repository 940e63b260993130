//! Rows that can't be read, that fail, or that tell another story than AWS IoT.

use std::sync::Arc;
use std::time::Duration;

use actors::{Fleet, checking, enrol};
use crl_checker::Request;
use serde_json::json;
use shared::decision::Decision;
use shared::pki::crl::RevocationReason::{CertificateHold, KeyCompromise};
use shared::port::CertificateStatus::{Active, Inactive, Revoked};
use shared::testing::{InjectedFault, TestAuthority};
use tokio::time::sleep;

fn all() -> Request {
    Request { accept_shrunk: true, ..Request::default() }
}

/// Another version of the suite has written a word into a row that this one does not know.
#[tokio::test(start_paused = true)]
async fn a_row_that_can_not_be_read_costs_the_others_nothing() {
    let fleet = Fleet::with_crl().await;
    let unreadable = fleet.inside("pump-1").await;
    let (revoked, held) = (fleet.inside("pump-2").await, fleet.inside("pump-3").await);
    let id = fleet.registration_id(&unreadable);
    fleet.cloud.change_row(&id, |row| {
        row.insert("reason".to_owned(), json!({"S": "a_word_of_another_version"}));
        row.insert("unconfirmed".to_owned(), json!({"S": "unconfirmed"}));
    });
    fleet.publish(2, &[(&unreadable, KeyCompromise), (&revoked, KeyCompromise), (&held, CertificateHold)]);
    let report = fleet.run(&all()).await;
    assert_eq!((fleet.status(&revoked), fleet.status(&held)), (Revoked, Inactive));
    let told = report.sources.iter().filter_map(|source| source.detail.as_ref()).chain(&report.failures);
    assert!(told.clone().any(|detail| detail.to_string().contains(id.as_str())), "{report:?}");

    // A comparison tells of it too, and goes on.
    fleet.publish(3, &[(&unreadable, KeyCompromise), (&revoked, KeyCompromise)]);
    fleet.run(&Request { reconcile: true, ..all() }).await;
    assert_eq!(fleet.status(&held), Active);
    fleet.cloud.change_row(&id, |row| {
        row.insert("reason".to_owned(), json!({"S": "checks_passed"}));
    });
    fleet.run(&all()).await;
    assert_eq!(fleet.status(&unreadable), Revoked);
}

/// A whole fleet's rows hold a word that this version does not know.
#[tokio::test(start_paused = true)]
async fn many_rows_that_can_not_be_read_cost_the_others_nothing() {
    let fleet = Fleet::with_crl().await;
    let mut devices = Vec::new();
    for n in 0..105 {
        let device = fleet.inside(&format!("pump-{n}")).await;
        fleet.cloud.change_row(&fleet.registration_id(&device), |row| {
            row.insert("reason".to_owned(), json!({"S": "a_word_of_another_version"}));
            row.insert("unconfirmed".to_owned(), json!({"S": "unconfirmed"}));
        });
        devices.push(device);
    }
    let (revoked, begun) = (fleet.inside("valve-1").await, fleet.inside("valve-2").await);
    let mut entries: Vec<_> = devices.iter().map(|device| (device, KeyCompromise)).collect();
    fleet.publish(2, &entries);
    fleet.run(&all()).await;
    entries.push((&revoked, KeyCompromise));
    fleet.publish(3, &entries);
    fleet.cloud.change_registration(&fleet.registration_id(&begun), |row| {
        row.revocation_reason = Some(KeyCompromise);
    });
    fleet.run(&all()).await;
    assert_eq!((fleet.status(&revoked), fleet.status(&begun)), (Revoked, Revoked));
    fleet.run(&Request { reconcile: true, ..all() }).await;
}

/// More rows of one CA fail than a run goes on with.
#[tokio::test(start_paused = true)]
async fn rows_that_fail_keep_nobody_elses_from_their_end() {
    let fleet = Fleet::with_crl().await;
    for n in 0..102 {
        let device = fleet.inside(&format!("pump-{n}")).await;
        fleet.cloud.change_registration(&fleet.registration_id(&device), |row| {
            row.revocation_reason = Some(CertificateHold);
        });
    }
    let authority = loop {
        let authority = TestAuthority::new("Second CA", fleet.now);
        if authority.id() > fleet.id() {
            break authority;
        }
    };
    let second = Fleet { authority: Arc::new(authority), cloud: fleet.cloud.clone(), now: fleet.now };
    enrol(&second.cloud, &second.authority, serde_json::from_value(json!({"crl": "none"})).unwrap());
    let other = second.inside("valve-1").await;
    second.cloud.change_registration(&second.registration_id(&other), |row| {
        row.revocation_reason = Some(KeyCompromise);
    });
    let broken = json!({"crlSources": {"S": "broken"}, "enrolledAt": {"S": "2026-09-01T00:00:00.000Z"}});
    fleet.cloud.put_record(fleet.id(), "profile", &broken);
    fleet.run(&all()).await;
    assert_eq!(second.status(&other), Revoked);
}

/// An attempt that refuses writes after a run has revoked the certificate, which began before.
#[tokio::test(start_paused = true)]
async fn a_revocation_is_told_though_a_refusal_is_written_later() {
    let fleet = Fleet::with_crl().await;
    fleet.inside("pump-1").await;
    let device = fleet.device("pump-1");
    let at = fleet.place_of("iot:CreateThing", async |fleet: Fleet| drop(fleet.connect(&device).await)).await;
    fleet.cloud.plan(at, InjectedFault::Stalled);
    let run = async {
        sleep(Duration::from_secs(6)).await;
        fleet.publish(2, &[(&device, KeyCompromise)]);
        checking::run_as("run", fleet.cloud.clone(), &all()).await;
    };
    let (answer, ()) = tokio::join!(fleet.connect(&device), run);
    // What it is answered is nobody's concern.
    drop(answer);
    assert_eq!((fleet.status(&device), fleet.row(&device).decision), (Revoked, Decision::Revoked));
}

/// A row from before rows had revisions tells of an attempt that died after it had set ACTIVE.
#[tokio::test(start_paused = true)]
async fn the_event_of_an_old_row_comes_again_after_active() {
    let fleet = Fleet::with_crl().await;
    let device = fleet.inside("pump-1").await;
    let id = fleet.registration_id(&device);
    fleet.cloud.change(|state| state.to_old_layout(&id));
    fleet.connect(&device).await.unwrap();
    let row = fleet.row(&device);
    assert_eq!((row.status.as_ref(), row.decision), (Some(&Active), Decision::Activated), "{row:?}");
    assert!(row.activated_at.is_some());
}
