//! The queue of new certificates that wait, and the rows that tell of them.

use serde_json::{Value, json};
use shared::fault::FaultKind::{Invalid, NotFound, Throttled};
use shared::id::{CaCertificateId, CertificateId};
use shared::port::{OverflowQueue as _, RegistrationStore as _, Waiting, WaitingEvent, WaitingIf};
use time::Duration;

use crate::wire::{Answer, NOW, Service, assert_fault, dynamodb_error, ok, sqs_error};

fn event() -> WaitingEvent {
    WaitingEvent { body: "{\"a\":\"é\"}".to_owned(), ca_certificate_id: authority() }
}

fn authority() -> CaCertificateId {
    "c".repeat(64).parse().unwrap()
}

fn certificate() -> CertificateId {
    "a".repeat(64).parse().unwrap()
}

#[tokio::test]
async fn an_event_is_sent_as_it_is_with_its_ca_as_group() {
    let service = Service::new([ok(&json!({"MD5OfMessageBody": "0", "MessageId": "m"}))]);
    service.overflow().send_on(&event()).await.unwrap();
    let sent = service.only();
    assert_eq!(sent.target, "AmazonSQS.SendMessage");
    assert_eq!(sent.text("QueueUrl"), "https://sqs.us-east-1.amazonaws.com/000000000000/overflow");
    assert_eq!(sent.text("MessageBody"), event().body);
    assert_eq!(sent.text("MessageGroupId"), "c".repeat(64));
}

#[tokio::test]
async fn what_the_queue_does_not_take_is_a_fault() {
    for (code, kind) in
        [("QueueDoesNotExist", NotFound), ("RequestThrottled", Throttled), ("InvalidMessageContents", Invalid)]
    {
        let service = Service::new([sqs_error(400, code, "")]);
        let text = assert_fault(service.overflow().send_on(&event()).await, "sqs:SendMessage", kind, code);
        assert!(text.contains("so it is"), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_waits_for_an_hour() {
    for (revision, has_revision) in [(None, false), (Some(7), true)] {
        let service = Service::new([ok(&json!({}))]);
        service
            .registrations()
            .set_waiting(&authority(), &certificate(), revision, WaitingIf::Ended(None), NOW)
            .await
            .unwrap();
        let sent = service.only();
        assert_eq!(sent.target, "DynamoDB_20120810.UpdateItem");
        assert_eq!(
            sent.body["Key"],
            json!({"registrationId": {"S": format!("waiting#{}#{}", "c".repeat(64), "a".repeat(64))}})
        );
        let values = &sent.body["ExpressionAttributeValues"];
        let expires = (NOW + Duration::hours(1)).unix_timestamp().to_string();
        assert_eq!(values[":expiresAt"], json!({"N": expires}));
        assert_eq!(values.get(":revision"), has_revision.then(|| json!({"N": "7"})).as_ref());
        assert_eq!(sent.text("UpdateExpression").contains("REMOVE #revision"), !has_revision);
    }
}

#[tokio::test]
async fn what_has_been_answered_meanwhile_is_not_told_to_wait() {
    for (condition, expression, value) in [
        (WaitingIf::Ended(None), "attribute_not_exists(#ends)", Value::Null),
        (WaitingIf::Ended(Some(2)), "#ends = :ends", json!({"N": "2"})),
        (
            WaitingIf::StillWaiting,
            "attribute_exists(#waits) AND #expiresAt > :now",
            json!({"N": NOW.unix_timestamp().to_string()}),
        ),
    ] {
        for answer in [ok(&json!({})), dynamodb_error(400, "ConditionalCheckFailedException")] {
            let service = Service::new([answer]);
            service.registrations().set_waiting(&authority(), &certificate(), None, condition, NOW).await.unwrap();
            let sent = service.only();
            assert_eq!(sent.text("ConditionExpression"), expression);
            let values = &sent.body["ExpressionAttributeValues"];
            let given = values.get(":ends").or_else(|| values.get(":now")).cloned();
            assert_eq!(given.unwrap_or_default(), value);
        }
    }
}

/// A time that no clock has reached.
const LATER: &str = "4000000000";

#[tokio::test]
async fn a_row_tells_whether_a_certificate_waits() {
    let row = |revision: Option<u64>, seconds: i64| -> Answer {
        let expires = (NOW + Duration::seconds(seconds)).unix_timestamp().to_string();
        let mut item =
            json!({"registrationId": {"S": "waiting"}, "expiresAt": {"N": expires}, "waits": {"BOOL": true}});
        if let Some(revision) = revision {
            item["revision"] = json!({"N": revision.to_string()});
        }
        ok(&json!({"Item": item}))
    };
    let ended = json!({"Item": {"registrationId": {"S": "waiting"}, "expiresAt": {"N": LATER}, "ends": {"N": "3"}}});
    let service = Service::new([ok(&ended)]);
    let found = service.registrations().waiting(&authority(), &certificate(), None, NOW).await.unwrap();
    assert_eq!(found, Waiting { ends: Some(3), is_waiting: false });
    for (answer, revision, is_waiting) in [
        (ok(&Value::Object(serde_json::Map::new())), None, false),
        (row(None, 1), None, true),
        (row(None, 0), None, false),
        (row(None, 1), Some(1), false),
        (row(Some(1), 1), Some(1), true),
        (row(Some(1), 1), Some(2), false),
        (row(Some(1), 1), None, false),
    ] {
        let service = Service::new([answer]);
        let found = service.registrations().waiting(&authority(), &certificate(), revision, NOW).await.unwrap();
        assert_eq!(found, Waiting { ends: None, is_waiting }, "{revision:?}");
        let sent = service.only();
        assert_eq!(sent.target, "DynamoDB_20120810.GetItem");
        assert_eq!(sent.body["ConsistentRead"], json!(true));
    }
    let service =
        Service::new([ok(&json!({"Item": {"registrationId": {"S": "waiting"}, "expiresAt": {"S": "soon"}}}))]);
    let fault = service.registrations().waiting(&authority(), &certificate(), None, NOW).await;
    let text = assert_fault(fault, "dynamodb:GetItem", Invalid, "no number");
    assert!(text.contains("expiresAt"), "{text}");
}

#[tokio::test]
async fn a_certificate_that_waits_no_more_has_a_row_that_says_so_whatever_the_clock_is() {
    let service = Service::new([ok(&json!({"Attributes": {"ends": {"N": "4"}}})), ok(&json!({}))]);
    assert_eq!(service.registrations().end_waiting(&authority(), &certificate(), NOW).await.unwrap(), 4);
    let without = service.registrations().end_waiting(&authority(), &certificate(), NOW).await;
    assert_fault(without, "dynamodb:UpdateItem", Invalid, "ends");
    let sent = &service.sent()[0];
    assert_eq!(sent.target, "DynamoDB_20120810.UpdateItem");
    // DynamoDB deletes nothing that has expired more than five years ago.
    let expires = NOW.unix_timestamp().to_string();
    assert_eq!(sent.body["ExpressionAttributeValues"], json!({":expiresAt": {"N": expires}, ":one": {"N": "1"}}));
    assert!(sent.text("UpdateExpression").contains("ADD #ends :one REMOVE #waits"));
}
