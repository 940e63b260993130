//! What the activator decides, through its handler, and what it leaves behind.

use actors::activation::connect;
use actors::{Fleet, account, enrol, event, event_of, now};
use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, IsCa};
use serde_json::json;
use shared::decision::{Decision, Reason};
use shared::id::{Serial, ThingName};
use shared::pki::{Certificate, MAX_SUBJECT_TEXT};
use shared::port::{CertificateStatus, RegistrationStore as _};
use shared::profile::Profile;
use shared::registration::{Candidate, NewStatus, Process, Registration};
use shared::testing::{CloudThing as FakeThing, InjectedFault, TestAuthority, serial};
use shared::text::MAX_DETAIL;
use time::Duration;

use crate::walkthrough::walkthrough;

fn thing(name: &str) -> ThingName {
    name.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_new_device_gets_thing_policy_and_active() {
    let fleet = Fleet::new(json!({
        "attributes": {"line": "${Organization}"}, "policyName": "pumps", "thingGroup": "eu", "thingType": "pump",
    }));
    let device = fleet.register(fleet.authority.issue_with("pump-1", fleet.now, |params| {
        params.distinguished_name.push(DnType::OrganizationName, "Größe 3");
    }));
    let response = fleet.connect(&device).await.unwrap();
    assert_eq!((response.decision, response.reason), (Decision::Activated, Reason::ChecksPassed));

    let left = fleet.cloud.state();
    let registered = &left.certificates[&device.id];
    assert_eq!(registered.status, CertificateStatus::Active);
    let made = &left.things[&thing("pump-1")];
    assert!(made.principals.contains(&registered.arn));
    assert!(made.groups.contains(&thing("eu")));
    assert_eq!(made.thing_type, Some(thing("pump")));
    assert_eq!(made.attributes["line"], "Gr=C3=B6=C3=9Fe=203");
    assert_eq!(made.attributes["registrationId"], fleet.row(&device).registration_id);
    assert!(left.policies[&registered.arn].contains(&"pumps".parse().unwrap()));
    let row = fleet.row(&device);
    assert_eq!((row.decision, row.attempts), (Decision::Activated, 1));
    assert_eq!(row.thing_name, Some(thing("pump-1")));
    assert!(row.activated_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_ca_whose_profile_lacks_its_certificate_is_described_once() {
    let fleet = Fleet::new(json!({}));
    fleet.cloud.change_profile(fleet.id(), |profile| profile.ca_pem = None);
    let (first, second) = (fleet.device("pump-1"), fleet.device("pump-2"));
    assert_eq!(fleet.connect(&first).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.connect(&second).await.unwrap().decision, Decision::Activated);
    let described = fleet.cloud.calls().iter().filter(|call| **call == "iot:DescribeCACertificate").count();
    assert_eq!(described, 1);
    assert_eq!(fleet.cloud.profile(fleet.id()).unwrap().ca_pem.as_deref(), Some(fleet.authority.pem()));
    assert!(fleet.cloud.state().policies.values().all(|policies| policies.contains(&"device".parse().unwrap())));
}

#[tokio::test(start_paused = true)]
async fn what_a_row_holds_of_a_certificate_is_short() {
    let fleet = Fleet::new(json!({}));
    let long = "x".repeat(20_000);
    let device = fleet.register(fleet.authority.issue_with(&long, fleet.now, |params| {
        params.distinguished_name.push(DnType::OrganizationName, long.as_str());
    }));
    let response = fleet.connect(&device).await.unwrap();
    assert_eq!(response.decision, Decision::Refused);
    let row = fleet.row(&device);
    assert!(row.detail.len() <= MAX_DETAIL && response.detail.len() <= MAX_DETAIL, "{}", row.detail.len());
    assert!(row.subject.is_some_and(|subject| subject.len() <= MAX_SUBJECT_TEXT));
}

#[tokio::test(start_paused = true)]
async fn certificates_that_fail_a_check_stay_pending_with_their_reason() {
    let fleet = Fleet::new(json!({
        "attributes": {"unit": "${OrganizationalUnit}"},
        "keys": {"curves": ["P-256"], "minRsaBits": 3072},
        "subjectRules": {"CommonName": "pump-.*|.* .*|.*[*].*|long.*"},
    }));
    let now = fleet.now;
    let issue = |name: &str, change: &dyn Fn(&mut rcgen::CertificateParams)| {
        fleet.authority.issue_with(name, now, |params| change(params))
    };
    for (reason, issued) in [
        (Reason::CertificateExpired, issue("pump-1", &|params| params.not_after = now - Duration::seconds(1))),
        (Reason::CertificateNotYetValid, issue("pump-1", &|params| params.not_before = now + Duration::hours(1))),
        (
            Reason::CertificateIsAuthority,
            issue("pump-1", &|params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
        ),
        (
            Reason::CertificateKeyUsage,
            issue("pump-1", &|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
        ),
        (
            Reason::CertificateExtension,
            issue("pump-1", &|params| {
                let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
                extension.set_criticality(true);
                params.custom_extensions.push(extension);
            }),
        ),
        (Reason::SubjectRule, issue("valve-1", &|_| {})),
        (Reason::ThingNameInvalid, issue("pump 1", &|_| {})),
        (Reason::ThingNameInvalid, issue("pump-*", &|_| {})),
        (Reason::ThingNameInvalid, issue(&format!("long{}", "x".repeat(125)), &|_| {})),
        (
            Reason::AttributesInvalid,
            issue("pump-1", &|params| {
                params.distinguished_name.push(DnType::OrganizationalUnitName, "ü".repeat(200));
            }),
        ),
    ] {
        let device = fleet.register(issued);
        let response = fleet.connect(&device).await.unwrap();
        assert_eq!((response.decision, response.reason), (Decision::Refused, reason));
        assert_eq!(fleet.status(&device), CertificateStatus::PendingActivation, "{reason}");
        let row = fleet.row(&device);
        assert_eq!(row.reason, reason);
        assert!(!row.detail.is_empty());
    }
    assert!(fleet.cloud.state().things.is_empty(), "a refused certificate makes no thing");
}

#[tokio::test(start_paused = true)]
async fn certificates_of_version_1_come_in_unless_the_profile_insists_on_a_later_one() {
    for (profile, decision, reason) in [
        (json!({}), Decision::Activated, Reason::ChecksPassed),
        (json!({"minVersion": 1}), Decision::Activated, Reason::ChecksPassed),
        (json!({"minVersion": 2}), Decision::Refused, Reason::CertificateVersion),
        (json!({"minVersion": 3}), Decision::Refused, Reason::CertificateVersion),
    ] {
        let (fleet, authority, device) = walkthrough(profile.clone());
        let response = connect(&fleet.cloud, &event_of(&authority, &device)).await.unwrap();
        assert_eq!((response.decision, response.reason), (decision, reason), "{profile}");
        // The serial number is proven either way.
        assert!(!fleet.row(&device).registration_id.contains("#certificate#"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_subject_value_in_a_legacy_encoding_is_seen_by_rules_and_names() {
    for (profile, reason) in [
        (json!({"subjectRules": {"Organization": "Pumps"}}), Reason::SubjectRule),
        (json!({"thingNameTemplate": "${Organization}"}), Reason::ThingNameInvalid),
    ] {
        let fleet = Fleet::new(profile);
        let device = fleet.register(fleet.authority.issue_with("pump-1", fleet.now, |params| {
            let name = rcgen::DnValue::BmpString("Pumps".try_into().unwrap());
            params.distinguished_name.push(DnType::OrganizationName, name);
        }));
        assert_eq!(fleet.connect(&device).await.unwrap().reason, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_a_foreign_ca_is_refused_and_can_not_squat_a_serial_number() {
    let fleet = Fleet::new(json!({}));
    for (name, reason) in [("Fleet CA", Reason::SignatureInvalid), ("Foreign CA", Reason::IssuerName)] {
        let forger = TestAuthority::new(name, fleet.now);
        let counterfeit =
            fleet.register(forger.issue_with("pump-1", fleet.now, |params| params.serial_number = serial(&[7])));
        assert_eq!(fleet.connect(&counterfeit).await.unwrap().reason, reason);
        assert!(fleet.row(&counterfeit).registration_id.ends_with(&format!("#certificate#{}", counterfeit.id)));
    }
    let genuine =
        fleet.register(fleet.authority.issue_with("pump-1", fleet.now, |params| params.serial_number = serial(&[7])));
    assert_eq!(fleet.connect(&genuine).await.unwrap().decision, Decision::Activated);
    assert!(fleet.row(&genuine).registration_id.ends_with("#7"));
}

#[tokio::test(start_paused = true)]
async fn a_serial_number_serves_one_certificate() {
    let fleet = Fleet::new(json!({}));
    let issue = |name: &str| {
        fleet.register(fleet.authority.issue_with(name, fleet.now, |params| params.serial_number = serial(&[9])))
    };
    let (first, second) = (issue("pump-1"), issue("pump-2"));
    assert_eq!(fleet.connect(&first).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.connect(&second).await.unwrap().reason, Reason::SerialReused);
    assert_eq!(fleet.row(&first).decision, Decision::Activated, "the first row is untouched");
    assert_eq!(fleet.row(&second).reason, Reason::SerialReused);
    assert_eq!(fleet.status(&second), CertificateStatus::PendingActivation);
}

#[tokio::test(start_paused = true)]
async fn what_aws_iot_says_must_agree_with_the_event_and_the_certificate() {
    let fleet = Fleet::new(json!({}));
    let other = TestAuthority::new("Fleet CA", fleet.now);
    let device = fleet.device("pump-1");
    let swapped = fleet.device("pump-2");
    let stolen = fleet.device("pump-3");
    fleet.cloud.change(|state| {
        state.certificates.get_mut(&device.id).unwrap().ca_certificate_id = Some(other.id().clone());
        state.certificates.get_mut(&swapped.id).unwrap().pem = stolen.pem.clone();
        state.certificates.get_mut(&stolen.id).unwrap().owned_by = Some("999999999999".parse().unwrap());
    });
    assert_eq!(fleet.connect(&device).await.unwrap().reason, Reason::AuthorityMismatch);
    assert_eq!(fleet.connect(&swapped).await.unwrap().reason, Reason::CertificateIdMismatch);
    assert_eq!(fleet.connect(&stolen).await.unwrap().reason, Reason::OwnerMismatch);
}

#[tokio::test(start_paused = true)]
async fn an_unregistered_ca_lets_nobody_in() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    fleet.cloud.change_profile(fleet.id(), |profile| profile.ca_pem = None);
    fleet.cloud.change(|state| state.authorities.clear());
    assert_eq!(fleet.connect(&device).await.unwrap().reason, Reason::AuthorityNotFound);
}

#[tokio::test(start_paused = true)]
async fn listed_profiles_let_announced_certificates_in_on_the_next_connection() {
    let fleet = Fleet::new(json!({"admission": "listed"}));
    let issue = |name: &str, octet: u8| {
        fleet.register(fleet.authority.issue_with(name, fleet.now, |params| params.serial_number = serial(&[octet])))
    };
    let (by_name, by_serial, bound) = (issue("pump-1", 1), issue("pump-2", 2), issue("pump-3", 3));
    for device in [&by_name, &by_serial, &bound] {
        assert_eq!(fleet.connect(device).await.unwrap().reason, Reason::NotListed);
        assert_eq!(fleet.status(device), CertificateStatus::PendingActivation);
    }
    let serial = |text: &str| text.parse::<Serial>().unwrap();
    fleet.cloud.allow_name(fleet.id(), &thing("pump-1"));
    fleet.cloud.allow_serial(fleet.id(), &serial("2"), None);
    fleet.cloud.allow_serial(fleet.id(), &serial("3"), Some(&thing("pump-4")));
    assert_eq!(fleet.connect(&by_name).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.connect(&by_serial).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.connect(&bound).await.unwrap().reason, Reason::NotListed);
    assert_eq!(fleet.row(&by_name).attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn certificates_that_somebody_has_decided_about_are_left_alone() {
    for (status, decision) in [
        (CertificateStatus::Active, Decision::AlreadyActive),
        (CertificateStatus::Inactive, Decision::NotPending),
        (CertificateStatus::Revoked, Decision::NotPending),
        (CertificateStatus::Other("PENDING_TRANSFER".to_owned()), Decision::NotPending),
    ] {
        let fleet = Fleet::new(json!({}));
        let device = fleet.device("pump-1");
        fleet.set_status(&device, status.clone());
        let before = fleet.cloud.state();
        assert_eq!(fleet.connect(&device).await.unwrap().decision, decision);
        assert_eq!(fleet.cloud.state(), before);
        let iot = fleet.cloud.calls().iter().filter(|call| call.starts_with("iot:")).count();
        assert_eq!(iot, 1, "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_profile_that_requires_a_crl_activates_nobody_without_one() {
    let fleet = Fleet::new(json!({"crl": "required"}));
    let device = fleet.device("pump-1");
    let fault = fleet.connect(&device).await.unwrap_err();
    assert_eq!(fault.error_type, "crl_not_configured");
    assert_eq!(fleet.status(&device), CertificateStatus::PendingActivation);
    assert_eq!(fleet.row(&device).decision, Decision::Deferred);
    assert!(fleet.cloud.state().things.is_empty());
}

#[tokio::test(start_paused = true)]
async fn under_refuse_a_taken_name_keeps_the_newcomer_out_until_the_thing_is_deleted() {
    let fleet = Fleet::new(json!({}));
    let (owner, thief) = (fleet.device("pump-1"), fleet.device("pump-1"));
    fleet.connect(&owner).await.unwrap();
    let before = fleet.cloud.state().things;
    assert_eq!(fleet.connect(&thief).await.unwrap().reason, Reason::ThingTaken);
    assert_eq!(fleet.status(&thief), CertificateStatus::PendingActivation);
    assert_eq!(fleet.cloud.state().things, before, "the thing is untouched");
    fleet.cloud.change(|state| state.things.clear());
    assert_eq!(fleet.connect(&thief).await.unwrap().decision, Decision::Activated);
}

#[tokio::test(start_paused = true)]
async fn under_refuse_a_thing_made_by_hand_is_taken_unless_the_certificate_is_on_it() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.device("pump-1");
    fleet.cloud.change(|state| state.things.insert(thing("pump-1"), FakeThing { version: 1, ..FakeThing::default() }));
    assert_eq!(fleet.connect(&device).await.unwrap().reason, Reason::ThingTaken);
    fleet.cloud.change(|state| {
        let arn = state.certificates[&device.id].arn.clone();
        state.things.get_mut(&thing("pump-1")).unwrap().principals.insert(arn);
    });
    assert_eq!(fleet.connect(&device).await.unwrap().decision, Decision::Activated);
}

#[tokio::test(start_paused = true)]
async fn under_rotate_the_newcomer_replaces_the_older_certificate() {
    let fleet = Fleet::new(json!({"takeOver": "rotate"}));
    let old = fleet.device("pump-1");
    fleet.connect(&old).await.unwrap();
    let new = fleet.register(
        fleet.authority.issue_with("pump-1", fleet.now, |params| params.not_before = fleet.now - Duration::hours(1)),
    );
    assert_eq!(fleet.connect(&new).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.status(&old), CertificateStatus::Inactive);
    assert_eq!(fleet.status(&new), CertificateStatus::Active);
    assert_eq!(fleet.row(&old).superseded_by, Some(new.id.clone()));
    assert_eq!(
        fleet.cloud.state().things[&thing("pump-1")].attributes["registrationId"],
        fleet.row(&new).registration_id
    );
    // An older certificate of the same name, stolen from a drawer, does not get the thing back.
    let older = fleet.register(
        fleet.authority.issue_with("pump-1", fleet.now, |params| params.not_before = fleet.now - Duration::days(9)),
    );
    assert_eq!(fleet.connect(&older).await.unwrap().reason, Reason::OlderThanHolder);
    assert_eq!(fleet.status(&new), CertificateStatus::Active);
}

#[tokio::test(start_paused = true)]
async fn under_rotate_equal_validity_waits_for_the_one_that_is_on_its_way() {
    let fleet = Fleet::new(json!({"takeOver": "rotate"}));
    let (first, second) = (fleet.device("pump-1"), fleet.device("pump-1"));
    // The first one is ACTIVE, and has died before it could write so.
    let clean = fleet.cloud.fork();
    connect(&clean, &fleet.event(&first)).await.unwrap();
    fleet.cloud.plan(clean.calls().len() - 1, InjectedFault::DiedBefore);
    let died = tokio::time::timeout(std::time::Duration::from_mins(10), fleet.connect(&first)).await;
    assert!(died.is_err() && fleet.status(&first) == CertificateStatus::Active);
    assert_eq!(fleet.connect(&second).await.unwrap_err().error_type, "holder_in_progress");
    fleet.cloud.let_processes_die();
    assert_eq!(fleet.connect(&first).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.connect(&second).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.status(&first), CertificateStatus::Inactive);
}

#[tokio::test(start_paused = true)]
async fn under_join_certificates_share_the_thing() {
    let fleet = Fleet::new(json!({"takeOver": "join"}));
    let (first, second) = (fleet.device("pump-1"), fleet.device("pump-1"));
    fleet.connect(&first).await.unwrap();
    assert_eq!(fleet.connect(&second).await.unwrap().decision, Decision::Activated);
    assert_eq!(fleet.status(&first), CertificateStatus::Active);
    assert_eq!(fleet.cloud.state().things[&thing("pump-1")].principals.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_thing_of_another_ca_is_never_touched() {
    for rule in ["refuse", "rotate", "join"] {
        let fleet = Fleet::new(json!({"takeOver": rule}));
        let other = TestAuthority::new("Other CA", fleet.now);
        let owner = other.issue("pump-1", fleet.now);
        fleet.cloud.register(other.id(), &account(), &owner.id, &owner.pem);
        enrol(&fleet.cloud, &other, Profile::default());
        connect(&fleet.cloud, &event(&other, &owner)).await.unwrap();
        let newcomer = fleet.device("pump-1");
        let before = fleet.cloud.state().things;
        assert_eq!(fleet.connect(&newcomer).await.unwrap().reason, Reason::ThingOfOtherAuthority, "{rule}");
        assert_eq!(fleet.status(&owner), CertificateStatus::Active);
        assert_eq!(fleet.cloud.state().things, before);

        // The same without the attribute: what counts then is who is on the thing.
        fleet.cloud.change(|state| state.things.get_mut(&thing("pump-1")).unwrap().attributes.clear());
        let reason = fleet.connect(&newcomer).await.unwrap().reason;
        let expected = if rule == "refuse" { Reason::ThingTaken } else { Reason::ThingOfOtherAuthority };
        assert_eq!(reason, expected, "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_there_yet_is_tried_again_and_one_that_is_gone_is_not() {
    let fleet = Fleet::new(json!({}));
    let device = fleet.authority.issue("pump-1", fleet.now);
    assert_eq!(fleet.connect(&device).await.unwrap_err().error_type, "unavailable");
    let old = event(&fleet.authority, &device)
        .replace(&now().unix_timestamp().to_string()[..6], &(now().unix_timestamp() - 90_000).to_string()[..6]);
    let response = connect(&fleet.cloud, &old).await.unwrap();
    assert_eq!((response.decision, response.reason), (Decision::NotPending, Reason::CertificateGone));
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_does_not_cover_a_later_decision() {
    let fleet = Fleet::new(json!({"admission": "listed"}));
    let device = fleet.device("pump-1");
    // Another invocation, whose clock is ahead, lets the device in while this one reads the allow-list.
    let registrations = fleet.cloud.registrations();
    let certificate = Certificate::from_pem(&device.pem).unwrap();
    let candidate = Candidate { thing_name: Some(thing("pump-1")), ..Candidate::issued(fleet.id(), &certificate) };
    let ahead = fleet.now + Duration::hours(1);
    let process = Process { id: "ahead".to_owned(), until: ahead + Duration::minutes(1) };
    let new = Registration::new(&candidate, ahead);
    let activated = new.clone().admitted(&candidate, ahead).set_to(NewStatus::Active, &process, ahead);
    registrations.save(&new, activated).await.unwrap();
    assert_eq!(fleet.connect(&device).await.unwrap().reason, Reason::NotListed);
    assert_eq!(fleet.row(&device).decision, Decision::Activated);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_recorded_is_not_acknowledged() {
    for fault in [InjectedFault::Refused, InjectedFault::AnswerLost] {
        let fleet = Fleet::new(json!({}));
        fleet.cloud.plan(0, fault);
        assert_eq!(connect(&fleet.cloud, "{}").await.unwrap_err().error_type, "unavailable");

        let counterfeit = fleet.register(TestAuthority::new("Foreign CA", fleet.now).issue("pump-1", fleet.now));
        // After the certificate and the profile comes the verdict.
        fleet.cloud.plan(2, fault);
        assert_eq!(fleet.connect(&counterfeit).await.unwrap_err().error_type, "unavailable");

        let device = fleet.device("pump-2");
        fleet.cloud.plan(7, fault);
        assert_eq!(fleet.connect(&device).await.unwrap_err().error_type, "unavailable");
        assert_eq!(fleet.cloud.calls().iter().filter(|call| **call == "iot:UpdateCertificate").count(), 1);
        assert!(fleet.connect(&device).await.is_ok());
    }
}
