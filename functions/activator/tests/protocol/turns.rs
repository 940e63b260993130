//! What others do while an activation waits for a turn of an operation's quota.

use std::time::Duration;

use activator::Handler;
use actors::activation::{handler, lambda_event, settings};
use actors::{Fleet, account, next_request_id, now, operator, serial};
use serde_json::json;
use shared::aws::authorities::Authorities;
use shared::aws::registrations::Registrations;
use shared::fault::{Fault, FaultKind};
use shared::id::{CaCertificateId, CertificateId, PolicyName, ThingName};
use shared::pace::{Paced, Quotas};
use shared::pki::crl::{CertificateKind, RevocationReason, Scope};
use shared::port::CertificateStatus::{Active, Inactive, PendingActivation, Revoked};
use shared::port::{
    Attachments, CertificateRegistry, CertificateStatus, Creation, Look, NewStatus, NewThing, Principal,
    RegisteredCertificate, StatusChange, Thing, ThingRegistry,
};
use shared::testing::{FakeCloud, Issued, NewCrl, Queue};

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

/// A certificate that is deleted is detached from its thing and its policy. It may be registered again before the turn comes,
/// for its device comes back every few seconds. The event is delivered again, and the next attempt begins from nothing.
#[tokio::test(start_paused = true)]
async fn one_that_is_registered_again_while_a_turn_is_waited_for_is_not_half_in() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let process = busy(&fleet).await;
    let operator = async {
        tokio::time::sleep(BETWEEN_TURNS / 2).await;
        operator::delete(&fleet.cloud, &device.id).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        fleet.cloud.register(fleet.id(), &account(), &device.id, &device.pem);
    };
    let event = lambda_event(&next_request_id(), &fleet.event(&device));
    let (answer, ()) = tokio::join!(process.handle_at(event, now()), operator);
    assert_eq!(answer.unwrap_err().error_type, "unavailable");
    assert_eq!(fleet.status(&device), PendingActivation);
    connect(&process, &fleet, &device).await;
    assert_eq!(fleet.status(&device), Active);
    actors::activation::nobody_is_half_in(&fleet.cloud).unwrap();
}

/// What an operator switches off while a hold waits for its turn is the operator's: the end of the hold does not let it in.
#[tokio::test(start_paused = true)]
async fn an_operators_switch_during_the_wait_of_a_hold_outlives_the_hold() {
    let source = "https://crl.example.com/fleet.crl";
    let fleet = Fleet::new(json!({"crl": "required", "crlSources": [source]}));
    let device = fleet.device("pump-1");
    let scope = || Scope { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None };
    let place = |number: u32, entries: Vec<_>| {
        let crl = NewCrl::current(number.into(), fleet.now);
        fleet.cloud.place_crl(fleet.id(), &source.parse().unwrap(), &crl, &scope(), entries);
    };
    place(7, vec![(serial(&device), RevocationReason::CertificateHold)]);
    let process = busy(&fleet).await;
    let operator = async {
        tokio::time::sleep(BETWEEN_TURNS * 2 / 3).await;
        assert_eq!(fleet.status(&device), PendingActivation, "its turn has not come");
        operator::set_status(&fleet.cloud, &device.id, Inactive).await;
    };
    tokio::join!(connect(&process, &fleet, &device), operator);
    assert_eq!(fleet.status(&device), Inactive);
    place(8, Vec::new());
    fleet.reconcile().await;
    assert_eq!(fleet.status(&device), Inactive, "what an operator switched off is not switched on by a CRL");
}

#[tokio::test(start_paused = true)]
async fn a_wait_costs_one_look_however_often_the_change_is_throttled() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    let registry = Paced::new(
        Throttling { cloud: fleet.cloud.clone(), is_done: false, left: 6.into() },
        &Quotas { update_certificate: 1.0, ..Quotas::UNLIMITED },
    );
    let process = handler(settings(&account()), registry, &fleet.cloud, Queue::default());
    let event = lambda_event(&next_request_id(), &fleet.event(&device));
    Box::pin(process.handle_at(event, now())).await.unwrap();
    assert_eq!(fleet.status(&device), Active);
    let looks = fleet.cloud.calls().iter().filter(|call| **call == "iot:DescribeCertificate").count();
    assert!(looks <= 3, "{looks} looks: the first, the twin, and one more are three");
}

/// The same for one that is on hold: whoever is told that it is held takes it for INACTIVE.
#[tokio::test(start_paused = true)]
async fn one_on_hold_that_is_registered_again_while_a_turn_is_waited_for_is_not_told_to_be_held() {
    let source = "https://crl.example.com/fleet.crl";
    let fleet = Fleet::new(json!({"crl": "required", "crlSources": [source]}));
    let device = fleet.device("pump-1");
    let scope = Scope { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None };
    let crl = NewCrl::current(7_u32.into(), fleet.now);
    let entries = vec![(serial(&device), RevocationReason::CertificateHold)];
    fleet.cloud.place_crl(fleet.id(), &source.parse().unwrap(), &crl, &scope, entries);
    let process = busy(&fleet).await;
    let operator = async {
        tokio::time::sleep(BETWEEN_TURNS / 2).await;
        operator::delete(&fleet.cloud, &device.id).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        fleet.cloud.register(fleet.id(), &account(), &device.id, &device.pem);
    };
    let event = lambda_event(&next_request_id(), &fleet.event(&device));
    let (answer, ()) = tokio::join!(process.handle_at(event, now()), operator);
    let row = fleet.cloud.registration_of(&device.id);
    assert_eq!(fleet.status(&device), PendingActivation);
    assert!(answer.is_err(), "{answer:?}, and the row tells {:?} of {:?}", row.decision, row.status);
}

/// A change whose answer was lost is made again at a later turn, before which the own INACTIVE is found.
#[tokio::test(start_paused = true)]
async fn a_hold_that_was_set_by_a_call_whose_answer_was_lost_ends_with_the_hold() {
    let source = "https://crl.example.com/fleet.crl";
    let fleet = Fleet::new(json!({"crl": "required", "crlSources": [source]}));
    let device = fleet.device("pump-1");
    let scope = || Scope { certificates: CertificateKind::All, distribution_points: Vec::new(), reasons: None };
    let place = |number: u32, entries: Vec<_>| {
        let crl = NewCrl::current(number.into(), fleet.now);
        fleet.cloud.place_crl(fleet.id(), &source.parse().unwrap(), &crl, &scope(), entries);
    };
    place(7, vec![(serial(&device), RevocationReason::CertificateHold)]);
    let registry = Paced::new(
        Throttling { cloud: fleet.cloud.clone(), is_done: true, left: 1.into() },
        &Quotas { update_certificate: BETWEEN_TURNS.as_secs_f64().recip(), ..Quotas::UNLIMITED },
    );
    let process = handler(settings(&account()), registry, &fleet.cloud, Queue::default());
    let event = lambda_event(&next_request_id(), &fleet.event(&device));
    let failed = Box::pin(process.handle_at(event, now())).await;
    assert_eq!(failed.unwrap_err().error_type, "unavailable", "it may be another one's");
    assert_eq!(fleet.status(&device), Inactive);
    let again = lambda_event(&next_request_id(), &fleet.event(&device));
    Box::pin(process.handle_at(again, now() + time::Duration::minutes(3))).await.unwrap();
    assert_eq!(fleet.cloud.registration_of(&device.id).switched_off_at, None, "no operator has switched it off");
    place(8, Vec::new());
    fleet.reconcile().await;
    assert_eq!(fleet.status(&device), Active, "the hold has ended");
}

/// A registry that throttles the first changes of a status.
#[derive(Debug)]
struct Throttling {
    cloud: FakeCloud,
    /// Whether they are made all the same, and it is their answers that are lost.
    is_done: bool,
    left: std::sync::atomic::AtomicU32,
}

impl CertificateRegistry for Throttling {
    async fn certificate(&self, id: &CertificateId) -> Result<Option<RegisteredCertificate>, Fault> {
        self.cloud.certificate(id).await
    }
    async fn authority_pem(&self, id: &CaCertificateId) -> Result<Option<String>, Fault> {
        self.cloud.authority_pem(id).await
    }
    async fn set_status(
        &self,
        id: &CertificateId,
        status: NewStatus,
        look: Option<&Look>,
    ) -> Result<StatusChange, Fault> {
        use std::sync::atomic::Ordering::Relaxed;
        if self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            let kind = if self.is_done { FaultKind::Unavailable } else { FaultKind::Throttled };
            if self.is_done {
                self.cloud.set_status(id, status, look).await?;
            }
            return Err(Fault::new("iot:UpdateCertificate", kind, "not this time"));
        }
        self.cloud.set_status(id, status, look).await
    }
}

impl Attachments for Throttling {
    async fn principals(&self, name: &ThingName) -> Result<Vec<Principal>, Fault> {
        self.cloud.principals(name).await
    }
    async fn has_policy(&self, arn: &str) -> Result<bool, Fault> {
        self.cloud.has_policy(arn).await
    }
}

impl ThingRegistry for Throttling {
    async fn create_thing(&self, thing: &NewThing) -> Result<Creation, Fault> {
        self.cloud.create_thing(thing).await
    }
    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, Fault> {
        self.cloud.thing(name).await
    }
    async fn rewrite_thing(&self, thing: &NewThing, version: i64) -> Result<bool, Fault> {
        self.cloud.rewrite_thing(thing, version).await
    }
    async fn attach_thing(&self, name: &ThingName, arn: &str) -> Result<(), Fault> {
        self.cloud.attach_thing(name, arn).await
    }
    async fn attach_policy(&self, policy: &PolicyName, arn: &str) -> Result<(), Fault> {
        self.cloud.attach_policy(policy, arn).await
    }
    async fn detach_thing(&self, name: &ThingName, arn: &str) -> Result<(), Fault> {
        self.cloud.detach_thing(name, arn).await
    }
    async fn delete_thing(&self, name: &ThingName, version: i64) -> Result<bool, Fault> {
        self.cloud.delete_thing(name, version).await
    }
    async fn join_group(&self, name: &ThingName, group: &ThingName) -> Result<(), Fault> {
        self.cloud.join_group(name, group).await
    }
}
