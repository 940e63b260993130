//! What the activator decides, through its handler, and what it leaves behind.

use crate::stage::{Stage, account, enrol, event, event_of, knock, now, walkthrough};
use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, IsCa};
use serde_json::json;
use shared::decision::{Decision, Reason};
use shared::id::{Serial, ThingName};
use shared::pki::MAX_SUBJECT_TEXT;
use shared::port::CertificateStatus;
use shared::profile::Profile;
use shared::testing::{FakeThing, Mishap, TestAuthority, serial};
use shared::text::MAX_DETAIL;
use time::Duration;

fn thing(name: &str) -> ThingName {
    name.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_new_device_gets_thing_policy_and_active() {
    let stage = Stage::new(json!({
        "attributes": {"line": "${Organization}"}, "policyName": "pumps", "thingGroup": "eu", "thingType": "pump",
    }));
    let device = stage.register(stage.authority.issue_with("pump-1", stage.now, |params| {
        params.distinguished_name.push(DnType::OrganizationName, "Größe 3");
    }));
    let response = stage.knock(&device).await.unwrap();
    assert_eq!((response.decision, response.reason), (Decision::Activated, Reason::ChecksPassed));

    let left = stage.world.state();
    let registered = &left.certificates[&device.id];
    assert_eq!(registered.status, CertificateStatus::Active);
    let made = &left.things[&thing("pump-1")];
    assert!(made.principals.contains(&registered.arn));
    assert!(made.groups.contains(&thing("eu")));
    assert_eq!(made.thing_type, Some(thing("pump")));
    assert_eq!(made.attributes["line"], "Gr=C3=B6=C3=9Fe=203");
    assert_eq!(made.attributes["registrationId"], stage.row(&device).registration_id);
    assert!(left.policies[&registered.arn].contains(&"pumps".parse().unwrap()));
    let row = stage.row(&device);
    assert_eq!((row.decision, row.attempts), (Decision::Activated, 1));
    assert_eq!(row.thing_name, Some(thing("pump-1")));
    assert!(row.activated_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_ca_whose_profile_lacks_its_certificate_is_described_once() {
    let stage = Stage::new(json!({}));
    stage.world.change(|state| state.profiles.values_mut().for_each(|profile| profile.ca_pem = None));
    let (first, second) = (stage.device("pump-1"), stage.device("pump-2"));
    assert_eq!(stage.knock(&first).await.unwrap().decision, Decision::Activated);
    assert_eq!(stage.knock(&second).await.unwrap().decision, Decision::Activated);
    let described = stage.world.calls().iter().filter(|call| **call == "iot:DescribeCACertificate").count();
    assert_eq!(described, 1);
    assert_eq!(stage.world.state().profiles[stage.authority.id()].ca_pem.as_deref(), Some(stage.authority.pem()));
    assert!(stage.world.state().policies.values().all(|policies| policies.contains(&"device".parse().unwrap())));
}

#[tokio::test(start_paused = true)]
async fn what_a_row_holds_of_a_certificate_is_short() {
    let stage = Stage::new(json!({}));
    let long = "x".repeat(20_000);
    let device = stage.register(stage.authority.issue_with(&long, stage.now, |params| {
        params.distinguished_name.push(DnType::OrganizationName, long.as_str());
    }));
    let response = stage.knock(&device).await.unwrap();
    assert_eq!(response.decision, Decision::Refused);
    let row = stage.row(&device);
    assert!(row.detail.len() <= MAX_DETAIL && response.detail.len() <= MAX_DETAIL, "{}", row.detail.len());
    assert!(row.subject.is_some_and(|subject| subject.len() <= MAX_SUBJECT_TEXT));
}

#[tokio::test(start_paused = true)]
async fn certificates_that_fail_a_check_stay_pending_with_their_reason() {
    let stage = Stage::new(json!({
        "attributes": {"unit": "${OrganizationalUnit}"},
        "keys": {"curves": ["P-256"], "minRsaBits": 3072},
        "subjectRules": {"CommonName": "pump-.*|.* .*|.*[*].*|long.*"},
    }));
    let now = stage.now;
    let issue = |name: &str, change: &dyn Fn(&mut rcgen::CertificateParams)| {
        stage.authority.issue_with(name, now, |params| change(params))
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
        let device = stage.register(issued);
        let response = stage.knock(&device).await.unwrap();
        assert_eq!((response.decision, response.reason), (Decision::Refused, reason));
        assert_eq!(stage.status(&device), CertificateStatus::PendingActivation, "{reason}");
        let rows = stage.world.state().rows;
        let row = rows.values().find(|row| row.registration.certificate_id == device.id).unwrap();
        assert_eq!(row.registration.reason, reason);
        assert!(!row.registration.detail.is_empty());
    }
    assert!(stage.world.state().things.is_empty(), "a refused certificate makes no thing");
}

#[tokio::test(start_paused = true)]
async fn certificates_of_version_1_come_in_unless_the_profile_insists_on_a_later_one() {
    for (profile, decision, reason) in [
        (json!({}), Decision::Activated, Reason::ChecksPassed),
        (json!({"minVersion": 1}), Decision::Activated, Reason::ChecksPassed),
        (json!({"minVersion": 2}), Decision::Refused, Reason::CertificateVersion),
        (json!({"minVersion": 3}), Decision::Refused, Reason::CertificateVersion),
    ] {
        let (stage, authority, device) = walkthrough(profile.clone());
        let response = knock(&stage.world, &event_of(&authority, &device)).await.unwrap();
        assert_eq!((response.decision, response.reason), (decision, reason), "{profile}");
        // The serial number is proven either way.
        assert!(!stage.row(&device).registration_id.contains("#certificate#"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_subject_value_in_a_legacy_encoding_is_seen_by_rules_and_names() {
    for (profile, reason) in [
        (json!({"subjectRules": {"Organization": "Pumps"}}), Reason::SubjectRule),
        (json!({"thingNameTemplate": "${Organization}"}), Reason::ThingNameInvalid),
    ] {
        let stage = Stage::new(profile);
        let device = stage.register(stage.authority.issue_with("pump-1", stage.now, |params| {
            let name = rcgen::DnValue::BmpString("Pumps".try_into().unwrap());
            params.distinguished_name.push(DnType::OrganizationName, name);
        }));
        assert_eq!(stage.knock(&device).await.unwrap().reason, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_a_foreign_ca_is_refused_and_can_not_squat_a_serial_number() {
    let stage = Stage::new(json!({}));
    for (name, reason) in [("Fleet CA", Reason::SignatureInvalid), ("Foreign CA", Reason::IssuerName)] {
        let forger = TestAuthority::new(name, stage.now);
        let counterfeit =
            stage.register(forger.issue_with("pump-1", stage.now, |params| params.serial_number = serial(&[7])));
        assert_eq!(stage.knock(&counterfeit).await.unwrap().reason, reason);
        assert!(stage.row(&counterfeit).registration_id.ends_with(&format!("#certificate#{}", counterfeit.id)));
    }
    let genuine =
        stage.register(stage.authority.issue_with("pump-1", stage.now, |params| params.serial_number = serial(&[7])));
    assert_eq!(stage.knock(&genuine).await.unwrap().decision, Decision::Activated);
    assert!(stage.row(&genuine).registration_id.ends_with("#7"));
}

#[tokio::test(start_paused = true)]
async fn a_serial_number_serves_one_certificate() {
    let stage = Stage::new(json!({}));
    let issue = |name: &str| {
        stage.register(stage.authority.issue_with(name, stage.now, |params| params.serial_number = serial(&[9])))
    };
    let (first, second) = (issue("pump-1"), issue("pump-2"));
    assert_eq!(stage.knock(&first).await.unwrap().decision, Decision::Activated);
    assert_eq!(stage.knock(&second).await.unwrap().reason, Reason::SerialReused);
    assert_eq!(stage.row(&first).decision, Decision::Activated, "the first row is untouched");
    assert_eq!(stage.row(&second).reason, Reason::SerialReused);
    assert_eq!(stage.status(&second), CertificateStatus::PendingActivation);
}

#[tokio::test(start_paused = true)]
async fn what_aws_iot_says_must_agree_with_the_event_and_the_certificate() {
    let stage = Stage::new(json!({}));
    let other = TestAuthority::new("Fleet CA", stage.now);
    let device = stage.device("pump-1");
    let swapped = stage.device("pump-2");
    let stolen = stage.device("pump-3");
    stage.world.change(|state| {
        state.certificates.get_mut(&device.id).unwrap().ca_certificate_id = Some(other.id().clone());
        state.certificates.get_mut(&swapped.id).unwrap().pem = stolen.pem.clone();
        state.certificates.get_mut(&stolen.id).unwrap().owned_by = Some("999999999999".parse().unwrap());
    });
    assert_eq!(stage.knock(&device).await.unwrap().reason, Reason::AuthorityMismatch);
    assert_eq!(stage.knock(&swapped).await.unwrap().reason, Reason::CertificateIdMismatch);
    assert_eq!(stage.knock(&stolen).await.unwrap().reason, Reason::OwnerMismatch);
}

#[tokio::test(start_paused = true)]
async fn an_unregistered_ca_lets_nobody_in() {
    let stage = Stage::new(json!({}));
    let device = stage.device("pump-1");
    stage.world.change(|state| {
        state.profiles.values_mut().for_each(|profile| profile.ca_pem = None);
        state.authorities.clear();
    });
    assert_eq!(stage.knock(&device).await.unwrap().reason, Reason::AuthorityNotFound);
}

#[tokio::test(start_paused = true)]
async fn listed_profiles_let_announced_certificates_in_on_the_next_connection() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let issue = |name: &str, octet: u8| {
        stage.register(stage.authority.issue_with(name, stage.now, |params| params.serial_number = serial(&[octet])))
    };
    let (by_name, by_serial, bound) = (issue("pump-1", 1), issue("pump-2", 2), issue("pump-3", 3));
    for device in [&by_name, &by_serial, &bound] {
        assert_eq!(stage.knock(device).await.unwrap().reason, Reason::NotListed);
        assert_eq!(stage.status(device), CertificateStatus::PendingActivation);
    }
    let authority = stage.authority.id().clone();
    let serial = |text: &str| text.parse::<Serial>().unwrap();
    stage.world.change(|state| {
        state.announced_names.insert((authority.clone(), thing("pump-1")));
        state.announced_serials.insert((authority.clone(), serial("2")), None);
        state.announced_serials.insert((authority.clone(), serial("3")), Some(thing("pump-4")));
    });
    assert_eq!(stage.knock(&by_name).await.unwrap().decision, Decision::Activated);
    assert_eq!(stage.knock(&by_serial).await.unwrap().decision, Decision::Activated);
    assert_eq!(stage.knock(&bound).await.unwrap().reason, Reason::NotListed);
    assert_eq!(stage.row(&by_name).attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn certificates_that_somebody_has_decided_about_are_left_alone() {
    for (status, decision) in [
        (CertificateStatus::Active, Decision::AlreadyActive),
        (CertificateStatus::Inactive, Decision::NotPending),
        (CertificateStatus::Revoked, Decision::NotPending),
        (CertificateStatus::Other("PENDING_TRANSFER".to_owned()), Decision::NotPending),
    ] {
        let stage = Stage::new(json!({}));
        let device = stage.device("pump-1");
        stage.world.change(|state| state.certificates.get_mut(&device.id).unwrap().status = status.clone());
        let before = stage.world.state();
        assert_eq!(stage.knock(&device).await.unwrap().decision, decision);
        assert_eq!(stage.world.state(), before);
        let iot = stage.world.calls().iter().filter(|call| call.starts_with("iot:")).count();
        assert_eq!(iot, 1, "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_profile_that_requires_a_crl_activates_nobody_without_one() {
    let stage = Stage::new(json!({"crl": "required"}));
    let device = stage.device("pump-1");
    let fault = stage.knock(&device).await.unwrap_err();
    assert_eq!(fault.error_type, "crl_not_configured");
    assert_eq!(stage.status(&device), CertificateStatus::PendingActivation);
    assert_eq!(stage.row(&device).decision, Decision::Deferred);
    assert!(stage.world.state().things.is_empty());
}

#[tokio::test(start_paused = true)]
async fn under_refuse_a_taken_name_keeps_the_newcomer_out_until_the_thing_is_deleted() {
    let stage = Stage::new(json!({}));
    let (owner, thief) = (stage.device("pump-1"), stage.device("pump-1"));
    stage.knock(&owner).await.unwrap();
    let before = stage.world.state().things;
    assert_eq!(stage.knock(&thief).await.unwrap().reason, Reason::ThingTaken);
    assert_eq!(stage.status(&thief), CertificateStatus::PendingActivation);
    assert_eq!(stage.world.state().things, before, "the thing is untouched");
    stage.world.change(|state| state.things.clear());
    assert_eq!(stage.knock(&thief).await.unwrap().decision, Decision::Activated);
}

#[tokio::test(start_paused = true)]
async fn under_refuse_a_thing_made_by_hand_is_taken_unless_the_certificate_is_on_it() {
    let stage = Stage::new(json!({}));
    let device = stage.device("pump-1");
    stage.world.change(|state| state.things.insert(thing("pump-1"), FakeThing { version: 1, ..FakeThing::default() }));
    assert_eq!(stage.knock(&device).await.unwrap().reason, Reason::ThingTaken);
    stage.world.change(|state| {
        let arn = state.certificates[&device.id].arn.clone();
        state.things.get_mut(&thing("pump-1")).unwrap().principals.insert(arn);
    });
    assert_eq!(stage.knock(&device).await.unwrap().decision, Decision::Activated);
}

#[tokio::test(start_paused = true)]
async fn under_rotate_the_newcomer_replaces_the_older_certificate() {
    let stage = Stage::new(json!({"takeOver": "rotate"}));
    let old = stage.device("pump-1");
    stage.knock(&old).await.unwrap();
    let new = stage.register(
        stage.authority.issue_with("pump-1", stage.now, |params| params.not_before = stage.now - Duration::hours(1)),
    );
    assert_eq!(stage.knock(&new).await.unwrap().decision, Decision::Activated);
    assert_eq!(stage.status(&old), CertificateStatus::Inactive);
    assert_eq!(stage.status(&new), CertificateStatus::Active);
    assert_eq!(stage.row(&old).superseded_by, Some(new.id.clone()));
    assert_eq!(
        stage.world.state().things[&thing("pump-1")].attributes["registrationId"],
        stage.registration_id(&new).as_str()
    );
    // An older certificate of the same name, stolen from a drawer, does not get the thing back.
    let older = stage.register(
        stage.authority.issue_with("pump-1", stage.now, |params| params.not_before = stage.now - Duration::days(9)),
    );
    assert_eq!(stage.knock(&older).await.unwrap().reason, Reason::OlderThanHolder);
    assert_eq!(stage.status(&new), CertificateStatus::Active);
}

#[tokio::test(start_paused = true)]
async fn under_rotate_equal_validity_waits_for_the_one_that_is_on_its_way() {
    let stage = Stage::new(json!({"takeOver": "rotate"}));
    let (first, second) = (stage.device("pump-1"), stage.device("pump-1"));
    stage.knock(&first).await.unwrap();
    stage.world.change(|state| {
        let row = state.rows.values_mut().find(|row| row.registration.certificate_id == first.id).unwrap();
        row.registration.decision = Decision::Activating;
    });
    assert_eq!(stage.knock(&second).await.unwrap_err().error_type, "holder_in_progress");
    assert_eq!(stage.knock(&first).await.unwrap().decision, Decision::Activated);
    assert_eq!(stage.knock(&second).await.unwrap().decision, Decision::Activated);
    assert_eq!(stage.status(&first), CertificateStatus::Inactive);
}

#[tokio::test(start_paused = true)]
async fn under_join_certificates_share_the_thing() {
    let stage = Stage::new(json!({"takeOver": "join"}));
    let (first, second) = (stage.device("pump-1"), stage.device("pump-1"));
    stage.knock(&first).await.unwrap();
    assert_eq!(stage.knock(&second).await.unwrap().decision, Decision::Activated);
    assert_eq!(stage.status(&first), CertificateStatus::Active);
    assert_eq!(stage.world.state().things[&thing("pump-1")].principals.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_thing_of_another_ca_is_never_touched() {
    for rule in ["refuse", "rotate", "join"] {
        let stage = Stage::new(json!({"takeOver": rule}));
        let other = TestAuthority::new("Other CA", stage.now);
        let owner = other.issue("pump-1", stage.now);
        stage.world.register(other.id(), &account(), &owner.id, &owner.pem);
        stage.world.change(|state| enrol(state, &other, Profile::default()));
        knock(&stage.world, &event(&other, &owner)).await.unwrap();
        let newcomer = stage.device("pump-1");
        let before = stage.world.state().things;
        assert_eq!(stage.knock(&newcomer).await.unwrap().reason, Reason::ThingOfOtherAuthority, "{rule}");
        assert_eq!(stage.status(&owner), CertificateStatus::Active);
        assert_eq!(stage.world.state().things, before);

        // The same without the attribute: what counts then is who is on the thing.
        stage.world.change(|state| state.things.get_mut(&thing("pump-1")).unwrap().attributes.clear());
        let reason = stage.knock(&newcomer).await.unwrap().reason;
        let expected = if rule == "refuse" { Reason::ThingTaken } else { Reason::ThingOfOtherAuthority };
        assert_eq!(reason, expected, "{rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_there_yet_is_tried_again_and_one_that_is_gone_is_not() {
    let stage = Stage::new(json!({}));
    let device = stage.authority.issue("pump-1", stage.now);
    assert_eq!(stage.knock(&device).await.unwrap_err().error_type, "unavailable");
    let old = event(&stage.authority, &device)
        .replace(&now().unix_timestamp().to_string()[..6], &(now().unix_timestamp() - 90_000).to_string()[..6]);
    let response = knock(&stage.world, &old).await.unwrap();
    assert_eq!((response.decision, response.reason), (Decision::NotPending, Reason::CertificateGone));
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_does_not_cover_a_later_decision() {
    let stage = Stage::new(json!({"admission": "listed"}));
    let device = stage.device("pump-1");
    let authority = stage.authority.id().clone();
    stage.world.change(|state| state.announced_names.insert((authority, thing("pump-1"))));
    stage.knock(&device).await.unwrap();
    stage.world.change(|state| {
        let row = state.rows.values_mut().next().unwrap();
        row.registration.decided_at = "2999-01-01T00:00:00.000Z".to_owned();
        state.announced_names.clear();
        state.certificates.get_mut(&device.id).unwrap().status = CertificateStatus::PendingActivation;
    });
    assert_eq!(stage.knock(&device).await.unwrap().reason, Reason::NotListed);
    assert_eq!(stage.row(&device).decision, Decision::Activated);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_recorded_is_not_acknowledged() {
    for mishap in [Mishap::FailBefore, Mishap::FailAfter] {
        let stage = Stage::new(json!({}));
        stage.world.plan(0, mishap);
        assert_eq!(knock(&stage.world, "{}").await.unwrap_err().error_type, "unavailable");

        let counterfeit = stage.register(TestAuthority::new("Foreign CA", stage.now).issue("pump-1", stage.now));
        // After the certificate and the profile comes the verdict.
        stage.world.plan(2, mishap);
        assert_eq!(stage.knock(&counterfeit).await.unwrap_err().error_type, "unavailable");

        let device = stage.device("pump-2");
        stage.world.plan(7, mishap);
        assert_eq!(stage.knock(&device).await.unwrap_err().error_type, "unavailable");
        assert_eq!(stage.world.calls().iter().filter(|call| **call == "iot:UpdateCertificate").count(), 1);
        assert!(stage.knock(&device).await.is_ok());
    }
}
