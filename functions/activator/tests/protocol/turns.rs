//! What others do while an activation waits for a turn of an operation's quota.

use std::time::Duration;

use activator::{Answer, Handler};
use actors::activation::{handler, lambda_event, settings};
use actors::{Fleet, account, next_request_id, now, operator, serial};
use lambda_runtime::Diagnostic;
use serde_json::json;
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::id::Serial;
use shared::pace::{Paced, Quotas};
use shared::pki::crl::{CertificateKind, RevocationReason, Scope};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::port::{CertificateRegistry as _, CertificateStatus, NewStatus};
use shared::testing::{FakeCloud, InjectedFault, Issued, NewCrl, Queue};

/// A turn of `UpdateCertificate` every so many seconds.
const BETWEEN_TURNS: Duration = Duration::from_secs(15);

type Process = Handler<Paced<FakeCloud>, Authorities, Registrations, FakeCloud, Queue>;

fn registry(fleet: &Fleet) -> Paced<FakeCloud> {
    let update_certificate = BETWEEN_TURNS.as_secs_f64().recip();
    Paced::new(fleet.cloud.clone(), &Quotas { update_certificate, ..Quotas::UNLIMITED })
}

fn process(fleet: &Fleet, registry: Paced<FakeCloud>) -> Process {
    handler(settings(&account()), registry, &fleet.cloud, Queue::default())
}

/// A process that has just taken its turn of `UpdateCertificate`.
async fn busy(fleet: &Fleet) -> Process {
    let registry = registry(fleet);
    let other = fleet.device("other");
    registry.set_status(&other.id, NewStatus::Inactive, None).await.unwrap();
    process(fleet, registry)
}

async fn connect(process: &Process, fleet: &Fleet, device: &Issued) {
    let event = lambda_event(&next_request_id(), &fleet.event(device));
    let answer = Box::pin(process.handle_at(event, now())).await;
    assert!(answer.is_ok(), "{answer:?}");
}

const SOURCE: &str = "https://crl.example.com/fleet.crl";

/// A fleet that nobody enters without a CRL, and a device that is on hold.
fn fleet_with_a_hold() -> (Fleet, Issued) {
    let fleet = Fleet::new(json!({"crl": "required", "crlSources": [SOURCE]}));
    let device = fleet.device("pump-1");
    place_crl(&fleet, 7, vec![(serial(&device), RevocationReason::CertificateHold)]);
    (fleet, device)
}

fn place_crl(fleet: &Fleet, number: u32, entries: Vec<(Serial, RevocationReason)>) {
    let scope = Scope { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None };
    let crl = NewCrl::current(number.into(), fleet.now);
    fleet.cloud.place_crl(fleet.id(), &SOURCE.parse().unwrap(), &crl, &scope, entries);
}

/// The answer to an event whose certificate an operator deletes while its turn is waited for. Its device comes back.
async fn connect_and_be_registered_again(
    process: &Process,
    fleet: &Fleet,
    device: &Issued,
) -> Result<Answer, Diagnostic> {
    let operator = async {
        tokio::time::sleep(BETWEEN_TURNS / 2).await;
        operator::delete(&fleet.cloud, &device.id).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        fleet.cloud.register(fleet.id(), &account(), &device.id, &device.pem);
    };
    let event = lambda_event(&next_request_id(), &fleet.event(device));
    tokio::join!(Box::pin(process.handle_at(event, now())), operator).0
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

/// A certificate that is deleted is detached from its thing and its policy. It may be registered again before the turn comes,
/// for its device comes back every few seconds. The event is delivered again, and the next attempt begins from nothing.
#[tokio::test(start_paused = true)]
async fn one_that_is_registered_again_while_a_turn_is_waited_for_is_not_half_in() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let process = busy(&fleet).await;
    let answer = connect_and_be_registered_again(&process, &fleet, &device).await;
    assert_eq!(answer.unwrap_err().error_type, "unavailable");
    assert_eq!(fleet.status(&device), PendingActivation);
    connect(&process, &fleet, &device).await;
    assert_eq!(fleet.status(&device), Active);
    actors::activation::nobody_is_half_in(&fleet.cloud).unwrap();
}

/// What an operator switches off while a hold waits for its turn is the operator's: the end of the hold does not let it in.
#[tokio::test(start_paused = true)]
async fn an_operators_switch_during_the_wait_of_a_hold_outlives_the_hold() {
    let (fleet, device) = fleet_with_a_hold();
    let process = busy(&fleet).await;
    let operator = async {
        tokio::time::sleep(BETWEEN_TURNS * 2 / 3).await;
        assert_eq!(fleet.status(&device), PendingActivation, "its turn has not come");
        operator::set_status(&fleet.cloud, &device.id, Inactive).await;
    };
    tokio::join!(connect(&process, &fleet, &device), operator);
    assert_eq!(fleet.status(&device), Inactive);
    place_crl(&fleet, 8, Vec::new());
    fleet.reconcile().await;
    assert_eq!(fleet.status(&device), Inactive, "what an operator switched off is not switched on by a CRL");
}

/// The same for one that is on hold: whoever is told that it is held takes it for INACTIVE.
#[tokio::test(start_paused = true)]
async fn one_on_hold_that_is_registered_again_while_a_turn_is_waited_for_is_not_told_to_be_held() {
    let (fleet, device) = fleet_with_a_hold();
    let process = busy(&fleet).await;
    let answer = connect_and_be_registered_again(&process, &fleet, &device).await;
    let row = fleet.cloud.registration_of(&device.id);
    assert_eq!(fleet.status(&device), PendingActivation);
    assert!(answer.is_err(), "{answer:?}, and the row tells {:?} of {:?}", row.decision, row.status);
}

/// A change whose answer was lost is made again at a later turn, before which the own INACTIVE is found.
#[tokio::test(start_paused = true)]
async fn a_hold_that_was_set_by_a_call_whose_answer_was_lost_ends_with_the_hold() {
    let (fleet, device) = fleet_with_a_hold();
    let (other_fleet, other) = fleet_with_a_hold();
    let [process, others] = [&fleet, &other_fleet].map(|fleet| process(fleet, registry(fleet)));
    let before = other_fleet.cloud.calls().len();
    connect(&others, &other_fleet, &other).await;
    let update = other_fleet.cloud.calls().split_off(before).iter().position(|call| *call == "iot:UpdateCertificate");
    fleet.cloud.plan(update.unwrap(), InjectedFault::AnswerLost);
    let event = lambda_event(&next_request_id(), &fleet.event(&device));
    let failed = Box::pin(process.handle_at(event, now())).await;
    assert_eq!(failed.unwrap_err().error_type, "unavailable", "it may be another one's");
    assert_eq!(fleet.status(&device), Inactive);
    let again = lambda_event(&next_request_id(), &fleet.event(&device));
    Box::pin(process.handle_at(again, now() + time::Duration::minutes(3))).await.unwrap();
    assert_eq!(fleet.cloud.registration_of(&device.id).switched_off_at, None, "no operator has switched it off");
    place_crl(&fleet, 8, Vec::new());
    fleet.reconcile().await;
    assert_eq!(fleet.status(&device), Active, "the hold has ended");
}
