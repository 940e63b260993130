//! AWS IoT's registry.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use serde_json::{Value, json};
use shared::aws::iot::Iot;
use shared::fault::FaultKind::{Denied, Invalid, NotFound, Throttled, Unavailable};
use shared::pace::{Paced, Quotas};
use shared::port::{
    Attachments, AuthorityStore, CertificateRegistry, CertificateStatus, Creation, Look, NewStatus, Principal,
    RegisteredCertificate, StatusChange, ThingRegistry,
};
use shared::registration::RegistrationId;
use tokio::time::Instant;

use crate::wire::{ARN, Service, assert_fault, authority, certificate, iot_error, name, ok, policy, thing};

#[tokio::test]
async fn errors_of_aws_iot_are_classified_by_code() {
    let cases = [
        (400, "ThrottlingException", Throttled),
        (429, "TooManyRequestsException", Throttled),
        (500, "InternalFailureException", Unavailable),
        (503, "ServiceUnavailableException", Unavailable),
        // Not in the model: by status alone.
        (502, "BadGateway", Unavailable),
        (429, "SlowDown", Throttled),
        (403, "AccessDeniedException", Denied),
        (403, "ForbiddenException", Denied),
        (401, "UnauthorizedException", Denied),
        (403, "UnrecognizedClientException", Denied),
        (400, "InvalidRequestException", Invalid),
        (404, "ResourceNotFoundException", NotFound),
        (410, "LimitExceededException", Invalid),
    ];
    for (status, code, kind) in cases {
        let service = Service::new([iot_error(status, code)]);
        let attached = service.iot().attach_policy(&policy(), ARN).await;
        let text = assert_fault(attached, "iot:AttachPolicy", kind, code);
        assert!(text.contains("so it is"), "{code}: the service's own words are lost: {text}");
    }
}

#[tokio::test]
async fn every_call_to_aws_iot_reports_its_operation() {
    let service = Service::new(vec![iot_error(400, "ThrottlingException"); 12]);
    let (iot, id, name) = (service.iot(), certificate(), name());
    assert_fault(iot.certificate(&id).await, "iot:DescribeCertificate", Throttled, "");
    assert_fault(iot.authority_pem(&authority()).await, "iot:DescribeCACertificate", Throttled, "");
    assert_fault(iot.set_status(&id, NewStatus::Active, None).await, "iot:UpdateCertificate", Throttled, "");
    assert_fault(iot.create_thing(&thing()).await, "iot:CreateThing", Throttled, "");
    assert_fault(iot.thing(&name).await, "iot:DescribeThing", Throttled, "");
    assert_fault(iot.rewrite_thing(&thing(), 1).await, "iot:UpdateThing", Throttled, "");
    assert_fault(iot.principals(&name).await, "iot:ListThingPrincipals", Throttled, "");
    assert_fault(iot.has_policy(ARN).await, "iot:ListAttachedPolicies", Throttled, "");
    assert_fault(iot.attach_thing(&name, ARN).await, "iot:AttachThingPrincipal", Throttled, "");
    assert_fault(iot.detach_thing(&name, ARN).await, "iot:DetachThingPrincipal", Throttled, "");
    assert_fault(iot.delete_thing(&name, 1).await, "iot:DeleteThing", Throttled, "");
    assert_fault(iot.join_group(&name, &name).await, "iot:AddThingToThingGroup", Throttled, "");
    assert_eq!(service.sent().len(), 12);
}

/// The SDK's own retries, without their waits.
fn with_retries(service: &Service) -> SdkConfig {
    let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_micros(1));
    service.config().into_builder().retry_config(retries).build()
}

#[tokio::test]
async fn throttled_calls_of_paced_operations_are_not_repeated_by_the_sdk() {
    for code in ["ThrottlingException", "TooManyRequestsException"] {
        let service = Service::new(vec![iot_error(400, code); 9]);
        let (iot, id) = (Iot::for_pace(&with_retries(&service)), certificate());
        assert_fault(iot.certificate(&id).await, "iot:DescribeCertificate", Throttled, code);
        assert_fault(iot.set_status(&id, NewStatus::Active, None).await, "iot:UpdateCertificate", Throttled, code);
        assert_fault(iot.attach_policy(&policy(), ARN).await, "iot:AttachPolicy", Throttled, code);
        assert_eq!(service.sent().len(), 3, "{code}");
        assert_fault(iot.thing(&name()).await, "iot:DescribeThing", Throttled, code);
        assert_eq!(service.sent().len(), 6, "{code}: others are");
    }
}

#[tokio::test]
async fn other_faults_of_paced_operations_are_repeated_by_the_sdk() {
    let service = Service::new([iot_error(503, "ServiceUnavailableException"), ok(&json!({}))]);
    let iot = Iot::for_pace(&with_retries(&service));
    iot.attach_policy(&policy(), ARN).await.unwrap();
    assert_eq!(service.sent().len(), 2);
}

/// The pacer has to know of each try of a change of status, and repeats it a few times.
#[tokio::test(start_paused = true)]
async fn a_change_of_status_is_repeated_by_the_pacer_alone() {
    let unavailable = || iot_error(503, "ServiceUnavailableException");
    let service = Service::new([unavailable(), ok(&json!({}))]);
    let iot = Iot::for_pace(&with_retries(&service));
    let set = iot.set_status(&certificate(), NewStatus::Active, None).await;
    assert_fault(set, "iot:UpdateCertificate", Unavailable, "once");
    assert_eq!(service.sent().len(), 1);
    for (faults, sent) in [(2, 3), (5, 3)] {
        let answers = std::iter::repeat_with(unavailable).take(faults).chain([ok(&json!({}))]);
        let service = Service::new(answers.collect::<Vec<_>>());
        let paced = Paced::new(Iot::for_pace(&with_retries(&service)), &Quotas::UNLIMITED);
        let set = paced.set_status(&certificate(), NewStatus::Active, None).await;
        assert_eq!((set.is_ok(), service.sent().len()), (faults < 3, sent), "{faults} faults");
    }
}

/// A registry at the pace of its quotas takes a turn for each try, and gives up at last.
#[tokio::test(start_paused = true)]
async fn throttled_calls_are_repeated_in_turn() {
    let quotas = Quotas { attach_policy: 15.0, describe_certificate: 10.0, share: 0.3, update_certificate: 10.0 };
    let throttled = || iot_error(400, "ThrottlingException");
    let service = Service::new([throttled(), throttled(), ok(&json!({}))]);
    let paced = Paced::new(service.iot(), &quotas);
    let begun = Instant::now();
    assert_eq!(paced.set_status(&certificate(), NewStatus::Active, None).await.unwrap(), StatusChange::Done);
    assert_eq!(service.sent().len(), 3);
    assert!(begun.elapsed() >= Duration::from_millis(200), "each try has a turn of its own");

    let service = Service::new(vec![throttled(); 100]);
    let paced = Paced::new(service.iot(), &quotas);
    assert_fault(paced.attach_policy(&policy(), ARN).await, "iot:AttachPolicy", Throttled, "for ever");
    assert_eq!(service.sent().len(), 21);
    assert_fault(paced.certificate(&certificate()).await, "iot:DescribeCertificate", Throttled, "for ever");
    assert_eq!(service.sent().len(), 42);
    assert_fault(paced.create_thing(&thing()).await, "iot:CreateThing", Throttled, "no quota of its own");
    assert_eq!(service.sent().len(), 43);
}

/// What is waited for costs one look, however often the change is throttled.
#[tokio::test(start_paused = true)]
async fn a_look_is_as_new_as_the_last_one() {
    let throttled = || iot_error(400, "ThrottlingException");
    let description = json!({"certificateArn": ARN, "certificatePem": "pem", "status": "PENDING_ACTIVATION"});
    let seen = RegisteredCertificate {
        arn: ARN.to_owned(),
        ca_certificate_id: None,
        created_at: None,
        owned_by: None,
        pem: "pem".to_owned(),
        status: CertificateStatus::PendingActivation,
    };
    // Turns come once a second; after five of them the look is old.
    let answers = std::iter::repeat_with(throttled).take(6);
    let answers = answers.chain([ok(&json!({"certificateDescription": description})), throttled(), ok(&json!({}))]);
    let service = Service::new(answers.collect::<Vec<_>>());
    let paced = Paced::new(service.iot(), &Quotas { update_certificate: 1.0, ..Quotas::UNLIMITED });
    let look = Look::new(Instant::now(), &seen);
    let set = paced.set_status(&certificate(), NewStatus::Active, Some(&look)).await;
    assert_eq!((set.unwrap(), service.sent().len()), (StatusChange::Done, 9));
}

#[tokio::test]
async fn a_lost_connection_passes() {
    let service = Service::default();
    assert_fault(service.iot().thing(&name()).await, "iot:DescribeThing", Unavailable, "AWS IoT");
    assert_fault(service.authorities().profile(&authority()).await, "dynamodb:GetItem", Unavailable, "DynamoDB");
}

#[tokio::test]
async fn answers_of_aws_iot_that_are_no_faults() {
    let gone = || Service::new([iot_error(404, "ResourceNotFoundException")]).iot();
    assert_eq!(gone().certificate(&certificate()).await.unwrap(), None);
    assert_eq!(gone().authority_pem(&authority()).await.unwrap(), None);
    assert_eq!(gone().thing(&name()).await.unwrap(), None);
    assert!(gone().principals(&name()).await.unwrap().is_empty());
    assert_eq!(gone().set_status(&certificate(), NewStatus::Active, None).await.unwrap(), StatusChange::Impossible);
    assert!(!gone().rewrite_thing(&thing(), 3).await.unwrap());
    gone().detach_thing(&name(), ARN).await.unwrap();
    assert!(gone().delete_thing(&name(), 3).await.unwrap());

    let bad_state = Service::new([iot_error(406, "CertificateStateException")]).iot();
    assert_eq!(bad_state.set_status(&certificate(), NewStatus::Active, None).await.unwrap(), StatusChange::Impossible);
    let taken = Service::new([iot_error(409, "ResourceAlreadyExistsException")]).iot();
    assert_eq!(taken.create_thing(&thing()).await.unwrap(), Creation::Taken);
    let raced = Service::new([iot_error(409, "VersionConflictException")]).iot();
    assert!(!raced.rewrite_thing(&thing(), 3).await.unwrap());
    let raced = Service::new([iot_error(409, "VersionConflictException")]).iot();
    assert!(!raced.delete_thing(&name(), 3).await.unwrap());
}

#[tokio::test]
async fn a_missing_thing_passes_only_where_it_was_just_made() {
    let gone = || Service::new([iot_error(404, "ResourceNotFoundException")]).iot();
    assert_fault(gone().attach_thing(&name(), ARN).await, "iot:AttachThingPrincipal", Unavailable, "thing");
    assert_fault(gone().attach_policy(&policy(), ARN).await, "iot:AttachPolicy", NotFound, "policy");
    assert_fault(gone().create_thing(&thing()).await, "iot:CreateThing", NotFound, "thing type");
    assert_fault(gone().join_group(&name(), &name()).await, "iot:AddThingToThingGroup", NotFound, "group");
}

#[tokio::test]
async fn a_described_certificate_is_complete_or_invalid() {
    let whole = json!({
        "certificateArn": ARN, "certificatePem": "pem", "status": "PENDING_ACTIVATION",
        "caCertificateId": authority().as_str(), "ownedBy": "000000000000",
    });
    let described = |member: &Value| Service::new([ok(&json!({"certificateDescription": member}))]);

    let service = described(&whole);
    let found = service.iot().certificate(&certificate()).await.unwrap().unwrap();
    assert_eq!((found.arn.as_str(), found.pem.as_str()), (ARN, "pem"));
    assert_eq!(found.status, CertificateStatus::PendingActivation);
    assert_eq!(found.ca_certificate_id, Some(authority()));
    assert_eq!(found.owned_by, Some("000000000000".parse().unwrap()));
    let sent = service.only();
    assert_eq!((sent.method.as_str(), sent.path), ("GET", format!("/certificates/{}", certificate())));

    for member in ["certificateArn", "certificatePem", "status"] {
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove(member);
        let read = described(&part).iot().certificate(&certificate()).await;
        let text = assert_fault(read, "iot:DescribeCertificate", Invalid, member);
        assert!(text.contains(&format!("lacks {member}")), "{text}");
    }
    let empty = Service::new([ok(&json!({}))]).iot().certificate(&certificate()).await;
    let text = assert_fault(empty, "iot:DescribeCertificate", Invalid, "empty");
    assert!(text.contains("lacks certificateDescription"), "{text}");
}

#[tokio::test]
async fn statuses_are_read_and_written_as_aws_iot_spells_them() {
    for status in ["ACTIVE", "INACTIVE", "REVOKED", "PENDING_ACTIVATION", "PENDING_TRANSFER", "OF_TOMORROW"] {
        let description = json!({"certificateArn": ARN, "certificatePem": "pem", "status": status});
        let service = Service::new([ok(&json!({"certificateDescription": description}))]);
        let found = service.iot().certificate(&certificate()).await.unwrap().unwrap();
        assert_eq!(found.status.as_str(), status);
    }
    let cases = [(NewStatus::Active, "ACTIVE"), (NewStatus::Inactive, "INACTIVE"), (NewStatus::Revoked, "REVOKED")];
    for (status, text) in cases {
        let service = Service::new([ok(&json!({}))]);
        assert_eq!(service.iot().set_status(&certificate(), status, None).await.unwrap(), StatusChange::Done);
        let sent = service.only();
        let path = format!("/certificates/{}?newStatus={text}", certificate());
        assert_eq!((sent.method.as_str(), sent.path), ("PUT", path));
    }
}

#[tokio::test]
async fn requests_about_things_carry_what_was_asked() {
    let attributes = json!({"registrationId": "ca#a1", "site": "north"});

    let service = Service::new([ok(&json!({}))]);
    assert_eq!(service.iot().create_thing(&thing()).await.unwrap(), Creation::Made);
    let sent = service.only();
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/things/pump-17"));
    assert_eq!(sent.body["attributePayload"]["attributes"], attributes);
    assert_eq!(sent.text("thingTypeName"), "pump");

    // Without merge AWS IoT would drop the attributes of others, without the version it would overwrite a rival.
    let service = Service::new([ok(&json!({}))]);
    assert!(service.iot().rewrite_thing(&thing(), 7).await.unwrap());
    let sent = service.only();
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("PATCH", "/things/pump-17"));
    assert_eq!(sent.body["attributePayload"], json!({"attributes": attributes, "merge": true}));
    assert_eq!(sent.body["expectedVersion"], 7);

    let service = Service::new([ok(&json!({}))]);
    service.iot().join_group(&name(), &"pumps".parse().unwrap()).await.unwrap();
    let sent = service.only();
    assert_eq!((sent.text("thingName"), sent.text("thingGroupName")), ("pump-17", "pumps"));

    let service = Service::new([ok(&json!({}))]);
    service.iot().attach_policy(&policy(), ARN).await.unwrap();
    let sent = service.only();
    assert_eq!((sent.path.as_str(), sent.text("target")), ("/target-policies/device", ARN));

    for (policies, has_policy) in [(json!([{"policyName": "device"}]), true), (json!([]), false)] {
        let service = Service::new([ok(&json!({"policies": policies}))]);
        assert_eq!(service.iot().has_policy(ARN).await.unwrap(), has_policy);
        assert!(service.only().path.starts_with("/attached-policies/arn%3Aaws%3Aiot"));
    }
}

#[tokio::test]
async fn a_thing_is_read_with_its_version_and_registration() {
    let service = Service::new([ok(&json!({"version": 4, "attributes": {"registrationId": "ca#a1"}}))]);
    let found = service.iot().thing(&name()).await.unwrap().unwrap();
    assert_eq!((found.version, found.registration_id), (4, Some(RegistrationId::from_text("ca#a1"))));

    let service = Service::new([ok(&json!({"version": 1, "attributes": {"site": "north"}}))]);
    assert_eq!(service.iot().thing(&name()).await.unwrap().unwrap().registration_id, None);
}

#[tokio::test]
async fn principals_of_all_pages_are_read() {
    let arn = format!("arn:aws:iot:us-east-1:000000000000:cert/{}", certificate());
    let cognito = "us-east-1:00000000-0000-4000-8000-000000000000";
    let service = Service::new([
        ok(&json!({"principals": [arn], "nextToken": "more"})),
        ok(&json!({"principals": [cognito, ARN]})),
    ]);
    let principals = service.iot().principals(&name()).await.unwrap();
    let others = [cognito, ARN].map(|arn| Principal::Other(arn.to_owned()));
    assert_eq!(principals, [&[Principal::Certificate(certificate())][..], &others].concat());
    assert!(service.sent()[1].path.contains("nextToken=more"));

    let service = Service::new([ok(&json!({"principals": [], "nextToken": "more"}))]);
    assert_fault(service.iot().principals(&name()).await, "iot:ListThingPrincipals", Unavailable, "half a list");
}
