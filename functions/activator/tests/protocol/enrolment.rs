//! CAs that nobody enrolled: the rule hands over their events too, and the activator leaves their devices alone.

use activator::{Response, Settings, UnenrolledAuthorities};
use actors::activation::{invoke, settings};
use actors::{Fleet, account, enrol, event, now};
use lambda_runtime::Diagnostic;
use serde_json::json;
use shared::decision::{Decision, Reason};
use shared::id::PolicyName;
use shared::port::CertificateStatus;
use shared::profile::Profile;
use shared::testing::{CloudState, FakeCloud, Issued, TestAuthority};

/// A fleet whose CA is registered with AWS IoT, and not enrolled.
fn unenrolled() -> Fleet {
    let fleet = Fleet::new(json!({}));
    fleet.cloud.remove_profiles();
    fleet
}

/// One invocation of a function that admits the devices of CAs that nobody enrolled.
async fn connect_where_all_are_admitted(fleet: &Fleet, device: &Issued) -> Result<Response, Diagnostic> {
    let settings = Settings { unenrolled_authorities: UnenrolledAuthorities::Admit, ..settings(&account()) };
    invoke(settings, &fleet.cloud, &fleet.cloud, &event(&fleet.authority, device)).await
}

/// The state but for the rows about certificates.
fn without_rows(cloud: &FakeCloud) -> CloudState {
    let cloud = cloud.fork();
    cloud.remove_registrations(|_| true);
    cloud.state()
}

#[tokio::test(start_paused = true)]
async fn a_device_of_an_unenrolled_ca_is_left_alone_for_one_call_of_aws_iot() {
    let fleet = unenrolled();
    let device = fleet.device("pump-1");
    let before = without_rows(&fleet.cloud);
    for attempt in 1..=3 {
        let from = fleet.cloud.calls().len();
        let response = fleet.connect(&device).await.unwrap();
        assert_eq!((response.decision, response.reason), (Decision::Refused, Reason::AuthorityNotEnrolled));
        let mut calls = fleet.cloud.calls()[from..].to_vec();
        calls.sort_unstable();
        assert_eq!(calls, ["dynamodb:GetItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "iot:DescribeCertificate"]);
        assert_eq!(without_rows(&fleet.cloud), before, "nothing but the row is written");
        let row = fleet.row(&device);
        assert_eq!((row.reason, row.attempts), (Reason::AuthorityNotEnrolled, attempt));
        assert!(row.registration_id.ends_with(&format!("#certificate#{}", device.id)), "{}", row.registration_id);
    }
}

#[tokio::test(start_paused = true)]
async fn once_its_ca_is_enrolled_a_device_comes_in_on_its_next_connection() {
    let fleet = unenrolled();
    let device = fleet.device("pump-1");
    assert_eq!(fleet.connect(&device).await.unwrap().reason, Reason::AuthorityNotEnrolled);
    enrol(&fleet.cloud, &fleet.authority, Profile::default());
    assert_eq!(fleet.connect(&device).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.status(&device), CertificateStatus::Active);
}

#[tokio::test(start_paused = true)]
async fn what_a_certificate_of_an_unenrolled_ca_is_like_does_not_matter() {
    let fleet = unenrolled();
    let counterfeit = fleet.register(TestAuthority::new("Foreign CA", fleet.now).issue("pump-1", fleet.now));
    let unreadable = fleet.device("pump-2");
    fleet.cloud.change(|state| "no PEM".clone_into(&mut state.certificates.get_mut(&unreadable.id).unwrap().pem));
    for device in [counterfeit, unreadable] {
        assert_eq!(fleet.connect(&device).await.unwrap().reason, Reason::AuthorityNotEnrolled);
        assert_eq!(fleet.row(&device).reason, Reason::AuthorityNotEnrolled);
    }
}

#[tokio::test(start_paused = true)]
async fn where_unenrolled_cas_are_admitted_they_are_described_once_and_get_the_defaults() {
    let fleet = unenrolled();
    for name in ["pump-1", "pump-2"] {
        let device = fleet.device(name);
        let response = connect_where_all_are_admitted(&fleet, &device).await.unwrap();
        assert_eq!(response.decision, Decision::Activated);
    }
    let described = fleet.cloud.calls().iter().filter(|call| **call == "iot:DescribeCACertificate").count();
    assert_eq!(described, 1);
    let left = fleet.cloud.state();
    assert_eq!(fleet.cloud.profile(fleet.id()).unwrap().ca_pem.as_deref(), Some(fleet.authority.pem()));
    assert!(left.policies.values().all(|policies| policies.contains(&"device".parse().unwrap())));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_the_activator_wrote_is_no_enrolment() {
    let fleet = unenrolled();
    let (first, second) = (fleet.device("pump-1"), fleet.device("pump-2"));
    connect_where_all_are_admitted(&fleet, &first).await.unwrap();
    assert!(fleet.cloud.profile(fleet.id()).is_some());
    assert_eq!(fleet.connect(&second).await.unwrap().reason, Reason::AuthorityNotEnrolled);
    assert_eq!(fleet.status(&second), CertificateStatus::PendingActivation);
}

#[tokio::test(start_paused = true)]
async fn a_lost_table_closes_to_new_devices_and_leaves_the_others_inside() {
    let fleet = Fleet::new(json!({}));
    let (inside, new) = (fleet.device("pump-1"), fleet.device("pump-2"));
    assert_eq!(fleet.connect(&inside).await.unwrap().decision, Decision::Activated);
    fleet.cloud.remove_profiles();
    assert_eq!(fleet.connect(&new).await.unwrap().reason, Reason::AuthorityNotEnrolled);
    assert_eq!(fleet.connect(&inside).await.unwrap().decision, Decision::AlreadyActive);
    assert_eq!(fleet.status(&inside), CertificateStatus::Active);
    assert_eq!(fleet.row(&inside).decision, Decision::Activated);
}

/// A stack: a CA that is enrolled with it alone, tables and a policy of its own.
struct Stack {
    authority: std::sync::Arc<TestAuthority>,
    settings: Settings,
    tables: FakeCloud,
}

impl Stack {
    fn new(name: &str, registry: &FakeCloud) -> Self {
        let Fleet { authority, cloud: tables, .. } = Fleet::new(json!({}));
        registry.change(|state| state.authorities.insert(authority.id().clone(), authority.pem().to_owned()));
        let mut settings = settings(&account());
        settings.defaults.policy_name = name.parse().unwrap();
        Self { authority, settings, tables }
    }

    async fn hears(&self, registry: &FakeCloud, payload: &str) -> Response {
        invoke(self.settings.clone(), registry, &self.tables, payload).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn two_stacks_in_one_account_serve_their_own_cas_only() {
    let registry = FakeCloud::default();
    let stacks = [Stack::new("first", &registry), Stack::new("second", &registry)];
    for (own, other) in [(&stacks[0], &stacks[1]), (&stacks[1], &stacks[0])] {
        for other_comes_first in [true, false] {
            let device =
                own.authority.issue(&format!("{}-{other_comes_first}", own.settings.defaults.policy_name), now());
            registry.register(own.authority.id(), &account(), &device.id, &device.pem);
            let event = event(&own.authority, &device);
            let untouched = registry.state();
            if other_comes_first {
                assert_eq!(other.hears(&registry, &event).await.reason, Reason::AuthorityNotEnrolled);
                assert_eq!(registry.state(), untouched, "another stack's device is left alone");
            }
            assert_eq!(own.hears(&registry, &event).await.decision, Decision::Activated);
            let inside = registry.state();
            // AWS IoT delivers an event more than once.
            assert_eq!(other.hears(&registry, &event).await.decision, Decision::AlreadyActive);
            assert_eq!(registry.state(), inside, "another stack's device is left alone");

            let registered = &inside.certificates[&device.id];
            let policies: Vec<_> = inside.policies[&registered.arn].iter().map(PolicyName::as_str).collect();
            assert_eq!(policies, [own.settings.defaults.policy_name.as_str()]);
            let rows_of = |stack: &Stack| {
                stack.tables.registrations_of(&device.id).iter().map(|row| row.reason).collect::<Vec<_>>()
            };
            assert_eq!(rows_of(own), [Reason::ChecksPassed]);
            let refused = if other_comes_first { vec![Reason::AuthorityNotEnrolled] } else { Vec::new() };
            assert_eq!(rows_of(other), refused);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_stacks_that_hear_of_a_device_at_once_leave_it_to_the_one_that_serves_it() {
    for halves_of_a_second in 0..12 {
        let registry = FakeCloud::default();
        let (own, other) = (Stack::new("first", &registry), Stack::new("second", &registry));
        let device = own.authority.issue("pump-1", now());
        registry.register(own.authority.id(), &account(), &device.id, &device.pem);
        let event = event(&own.authority, &device);
        let late = async {
            tokio::time::sleep(std::time::Duration::from_millis(500 * halves_of_a_second)).await;
            other.hears(&registry, &event).await
        };
        let (response, heard) = tokio::join!(own.hears(&registry, &event), late);
        assert_eq!(response.decision, Decision::Activated);
        assert!([Decision::Refused, Decision::AlreadyActive].contains(&heard.decision), "{heard:?}");
        let state = registry.state();
        assert_eq!(state.certificates[&device.id].status, CertificateStatus::Active);
        assert!(state.policies.values().all(|policies| policies.iter().all(|name| name.as_str() == "first")));
        assert_eq!(state.things.len(), 1);
    }
}
