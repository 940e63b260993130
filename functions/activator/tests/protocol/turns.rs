//! What others do while an activation waits for a turn of an operation's quota.

use std::time::Duration;

use activator::Handler;
use actors::activation::{handler, lambda_event, settings};
use actors::{Fleet, account, next_request_id, now, operator};
use serde_json::json;
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::pace::{Paced, Quotas};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::port::{CertificateRegistry as _, CertificateStatus, NewStatus};
use shared::testing::{FakeCloud, Issued, Queue};

/// A turn of `UpdateCertificate` every so many seconds.
const BETWEEN_TURNS: Duration = Duration::from_secs(15);

type Process = Handler<Paced<FakeCloud>, Authorities, Registrations, FakeCloud, Queue>;

/// A process that has just taken its turn of `UpdateCertificate`.
async fn busy(fleet: &Fleet) -> Process {
    let update_certificate = BETWEEN_TURNS.as_secs_f64().recip();
    let registry = Paced::new(fleet.cloud.clone(), &Quotas { update_certificate, ..Quotas::UNLIMITED });
    let other = fleet.device("other");
    registry.set_status(&other.id, NewStatus::Inactive, None).await.unwrap();
    handler(settings(&account()), registry, &fleet.cloud, Queue::default())
}

async fn connect(process: &Process, fleet: &Fleet, device: &Issued) {
    let event = lambda_event(&next_request_id(), &fleet.event(device));
    let answer = Box::pin(process.handle_at(event, now())).await;
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_sets_while_a_turn_is_waited_for_stays() {
    for by_hand in [Active, Inactive, Revoked] {
        let fleet = Fleet::new(json!({}));
        let device = fleet.device("pump-1");
        let process = busy(&fleet).await;
        let operator = async {
            tokio::time::sleep(BETWEEN_TURNS * 2 / 3).await;
            assert_eq!(fleet.status(&device), PendingActivation, "its turn has not come");
            operator::set_status(&fleet.cloud, &device.id, by_hand.clone()).await;
        };
        tokio::join!(connect(&process, &fleet, &device), operator);
        assert_eq!(fleet.status(&device), by_hand);
        let row = fleet.cloud.registration_of(&device.id);
        assert!(row.is_confirmed());
        assert_eq!(row.status, Some(by_hand.clone()));
        assert_eq!(updates(&fleet.cloud), 1, "{by_hand}: that of the other device alone");

        // It stays so at the next connection, and when the rows are compared with AWS IoT.
        connect(&process, &fleet, &device).await;
        fleet.reconcile().await;
        assert_eq!(fleet.status(&device), by_hand);
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_deleted_while_a_turn_is_waited_for_is_let_go() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let process = busy(&fleet).await;
    let operator = async {
        tokio::time::sleep(BETWEEN_TURNS * 2 / 3).await;
        operator::delete(&fleet.cloud, &device.id).await;
    };
    tokio::join!(connect(&process, &fleet, &device), operator);
    assert_eq!(fleet.cloud.registration_of(&device.id).status, Some(CertificateStatus::deleted()));
}

/// Who waits long is looked at again, and let in.
#[tokio::test(start_paused = true)]
async fn a_wait_costs_a_look() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let process = busy(&fleet).await;
    let before = fleet.cloud.calls().len();
    connect(&process, &fleet, &device).await;
    assert_eq!(fleet.status(&device), Active);
    let looks = fleet.cloud.calls()[before..].iter().filter(|call| **call == "iot:DescribeCertificate").count();
    // The CA signs with ECDSA: one look is at the twin.
    assert_eq!(looks, 3);
}

fn updates(cloud: &FakeCloud) -> usize {
    cloud.calls().iter().filter(|call| **call == "iot:UpdateCertificate").count()
}
