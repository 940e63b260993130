//! The two tables.

use serde_json::{Value, json};
use shared::decision::{Decision, Reason, Verdict};
use shared::fault::FaultKind::{Denied, Invalid, NotFound, Throttled, Unavailable};
use shared::id::Serial;
use shared::port::{AuthorityStore, RegistrationStore};
use shared::registration::Registration;
use time::macros::datetime;

use crate::wire::{
    NOW, Service, assert_fault, authority, candidate, certificate, condition_failed, dynamodb_error, name, ok,
};

#[tokio::test]
async fn errors_of_dynamodb_are_classified_by_code() {
    let cases = [
        (400, "ProvisionedThroughputExceededException", Throttled),
        (400, "RequestLimitExceeded", Throttled),
        (400, "ThrottlingException", Throttled),
        (400, "TransactionConflictException", Unavailable),
        (500, "InternalServerError", Unavailable),
        (503, "ServiceUnavailable", Unavailable),
        // DynamoDB refuses credentials and permissions with status 400.
        (400, "AccessDeniedException", Denied),
        (400, "ExpiredTokenException", Denied),
        (400, "UnrecognizedClientException", Denied),
        (400, "ResourceNotFoundException", NotFound),
        (400, "ItemCollectionSizeLimitExceededException", Invalid),
        (400, "ValidationException", Invalid),
    ];
    for (status, code, kind) in cases {
        let service = || Service::new([dynamodb_error(status, code)]);
        let (authorities, registrations) = (service().authorities(), service().registrations());
        assert_fault(authorities.profile(&authority()).await, "dynamodb:GetItem", kind, code);
        let row = Registration::new(&candidate(), NOW);
        assert_fault(registrations.save(&row, row.clone()).await, "dynamodb:UpdateItem", kind, code);
        let registrations = service().registrations();
        assert_fault(registrations.registration(&candidate().id).await, "dynamodb:GetItem", kind, code);
    }
}

#[tokio::test]
async fn a_profile_is_read_consistently_or_its_faulty_attribute_is_named() {
    let row = |attributes: &Value| {
        let mut item = json!({"caCertificateId": {"S": authority().as_str()}, "record": {"S": "profile"}});
        item.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        Service::new([ok(&json!({"Item": item}))])
    };
    let service = row(&json!({"label": {"S": "pumps"}, "keys": {"M": {"minRsaBits": {"N": "3072"}}}}));
    let profile = service.authorities().profile(&authority()).await.unwrap().unwrap();
    assert_eq!(profile.label.as_deref(), Some("pumps"));
    assert_eq!(profile.keys.unwrap().min_rsa_bits, 3072);
    let sent = service.only();
    assert_eq!((sent.text("TableName"), &sent.body["ConsistentRead"]), ("authorities", &json!(true)));
    let key = json!({"caCertificateId": {"S": authority().as_str()}, "record": {"S": "profile"}});
    assert_eq!(sent.body["Key"], key);

    let none = Service::new([ok(&json!({}))]).authorities();
    assert_eq!(none.profile(&authority()).await.unwrap(), None);

    let cases = [
        (json!({"takeover": {"S": "join"}}), "takeover"),
        (json!({"takeOver": {"S": "steal"}}), "takeOver"),
        (json!({"label": {"N": "7"}}), "label"),
        (json!({"keys": {"M": {"minRsaBits": {"S": "3072"}}}}), "keys.minRsaBits"),
    ];
    for (attributes, member) in cases {
        let read = row(&attributes).authorities().profile(&authority()).await;
        let text = assert_fault(read, "dynamodb:GetItem", Invalid, member);
        assert!(text.contains(&format!("attribute {member}:")), "{text}");
    }
}

#[tokio::test]
async fn an_announcement_is_bound_to_a_legal_thing_name_or_to_none() {
    let serial: Serial = "a1".parse().unwrap();
    let service = Service::new([ok(&json!({"Item": {"thingName": {"S": "pump-17"}}}))]);
    let found = service.authorities().announced_serial(&authority(), &serial).await.unwrap().unwrap();
    assert_eq!(found.thing_name, Some(name()));
    assert_eq!(service.only().body["Key"]["record"], json!({"S": "allow#serial#a1"}));

    let service = Service::new([ok(&json!({"Item": {"record": {"S": "allow#name#pump-17"}}}))]);
    let found = service.authorities().announced_name(&authority(), &name()).await.unwrap().unwrap();
    assert_eq!(found.thing_name, None);
    assert_eq!(service.only().body["Key"]["record"], json!({"S": "allow#name#pump-17"}));

    for value in [json!({"S": "no name"}), json!({"N": "17"})] {
        let service = Service::new([ok(&json!({"Item": {"thingName": value}}))]);
        let read = service.authorities().announced_serial(&authority(), &serial).await;
        let text = assert_fault(read, "dynamodb:GetItem", Invalid, "thingName");
        assert!(text.contains("thing"), "{text}");
    }
}

#[tokio::test]
async fn keeping_an_authority_never_replaces_what_the_operator_wrote() {
    let service = Service::new([ok(&json!({}))]);
    service.authorities().keep_authority(&authority(), "pem", NOW).await.unwrap();
    let sent = service.only();
    assert_eq!(
        sent.text("UpdateExpression"),
        "SET #caPem = if_not_exists(#caPem, :caPem), #createdAt = if_not_exists(#createdAt, :createdAt), \
         #updatedAt = :updatedAt"
    );
    assert_eq!(sent.body["ExpressionAttributeValues"][":caPem"], json!({"S": "pem"}));
}

#[tokio::test]
async fn decisions_are_renewed_by_a_later_profile_if_there_is_one() {
    let service = Service::new([ok(&json!({})), condition_failed(&Value::Null)]);
    for _ in 0..2 {
        service.authorities().renew_decisions(&authority(), NOW).await.unwrap();
    }
    let sent = &service.sent()[0];
    assert_eq!(sent.text("UpdateExpression"), "SET #updatedAt = :updatedAt");
    assert_eq!(sent.text("ConditionExpression"), "attribute_exists(#caCertificateId)");
    assert_eq!(sent.values()[":updatedAt"], json!({"S": "2026-09-01T00:00:00.000Z"}));
    let service = Service::new([dynamodb_error(400, "ThrottlingException")]);
    let renewed = service.authorities().renew_decisions(&authority(), NOW).await;
    assert_fault(renewed, "dynamodb:UpdateItem", Throttled, "");
}

#[tokio::test]
async fn a_registration_is_read_or_its_faulty_row_named() {
    let row = json!({
        "registrationId": {"S": candidate().id.as_str()}, "caCertificateId": {"S": authority().as_str()},
        "certificateId": {"S": certificate().as_str()}, "decidedAt": {"S": "2026-09-01T00:00:00.000Z"},
        "decision": {"S": "activated"}, "reason": {"S": "checks_passed"}, "attempts": {"N": "2"},
    });
    let read = async |item: &Value| {
        let service = Service::new([ok(&json!({"Item": item}))]);
        let answer = service.registrations().registration(&candidate().id).await;
        assert_eq!(service.only().body["ConsistentRead"], true);
        answer
    };
    let found = read(&row).await.unwrap().unwrap();
    assert_eq!((found.decision, found.reason, found.attempts), (Decision::Activated, Reason::ChecksPassed, 2));

    let mut broken = row;
    broken["decision"] = json!({"S": "admitted"});
    let text = assert_fault(read(&broken).await, "dynamodb:GetItem", Invalid, "decision");
    assert!(text.contains("admitted"), "{text}");
}

#[tokio::test]
async fn a_rejected_event_is_kept_under_its_hash_for_a_while() {
    let service = Service::new([ok(&json!({}))]);
    let rejected = Verdict::new(Decision::Rejected, Reason::EventNotAnObject, "not an object");
    service.registrations().record_rejection("[]", &rejected, NOW).await.unwrap();
    let sent = service.only();
    // SHA-256 of "[]".
    let key = "rejected#4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";
    assert_eq!(sent.body["Key"], json!({"registrationId": {"S": key}}));
    let values = &sent.body["ExpressionAttributeValues"];
    assert_eq!(values[":payload"], json!({"S": "[]"}));
    let expires = datetime!(2026-11-30 00:00 UTC).unix_timestamp().to_string();
    assert_eq!(values[":expiresAt"], json!({"N": expires}));
}
