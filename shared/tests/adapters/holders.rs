//! The `Registrations` table as it tells whose thing a certificate is.

use serde_json::{Value, json};
use shared::fault::FaultKind::{Invalid, NotFound, Throttled};
use shared::port::{Holders, Holding, RegistrationStore as _};
use shared::registration::{CERTIFICATE_INDEX, THING_INDEX};

use crate::wire::{Service, assert_fault, authority, certificate, dynamodb_error, name, ok};

const NOW_TEXT: &str = "2026-09-01T00:00:00.000Z";

fn row(id: &str, more: &Value) -> Value {
    let mut row = json!({
        "registrationId": {"S": id}, "caCertificateId": {"S": authority().as_str()},
        "certificateId": {"S": certificate().as_str()}, "decidedAt": {"S": NOW_TEXT},
        "decision": {"S": "activating"}, "reason": {"S": "checks_passed"}, "serial": {"S": "a1"},
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

fn activated(id: &str) -> Value {
    let more = json!({
        "activatedAt": {"S": NOW_TEXT}, "decision": {"S": "activated"}, "thingName": {"S": name().as_str()},
    });
    row(id, &more)
}

fn index(ids: &[&str]) -> Value {
    let item = |id: &&str| json!({"registrationId": {"S": id}});
    json!({"Items": ids.iter().map(item).collect::<Value>()})
}

fn rows(rows: &[Value]) -> Value {
    json!({"Responses": {"registrations": rows}, "UnprocessedKeys": {}})
}

#[tokio::test]
async fn the_index_names_the_rows_which_are_read_consistently() {
    let mut first = index(&["ca#a1"]);
    first["LastEvaluatedKey"] = json!({"registrationId": {"S": "ca#a1"}});
    let both = rows(&[row("ca#a1", &json!({})), activated("ca#a2")]);
    let service = Service::new([ok(&first), ok(&index(&["ca#a2"])), ok(&both)]);
    let holding = service.registrations().holding(&certificate()).await.unwrap();
    assert_eq!(holding, Holding::Thing(name()));

    let sent = service.sent();
    for sent in &sent[..2] {
        assert_eq!((sent.target.as_str(), sent.text("TableName")), ("DynamoDB_20120810.Query", "registrations"));
        assert_eq!((sent.text("IndexName"), CERTIFICATE_INDEX), ("byCertificateId", "byCertificateId"));
        assert_eq!(sent.text("KeyConditionExpression"), "#key = :value");
        assert_eq!(sent.text("ProjectionExpression"), "#id");
        assert_eq!(*sent.names(), json!({"#id": "registrationId", "#key": "certificateId"}));
        assert_eq!(*sent.values(), json!({":value": {"S": certificate().as_str()}}));
        // DynamoDB refuses consistent reads of a global index.
        assert_eq!(sent.body["ConsistentRead"], Value::Null);
    }
    assert_eq!(sent[1].body["ExclusiveStartKey"], json!({"registrationId": {"S": "ca#a1"}}));
    assert_eq!((sent[2].target.as_str(), sent.len()), ("DynamoDB_20120810.BatchGetItem", 3));
    let keys = json!([{"registrationId": {"S": "ca#a1"}}, {"registrationId": {"S": "ca#a2"}}]);
    assert_eq!(sent[2].body["RequestItems"]["registrations"], json!({"Keys": keys, "ConsistentRead": true}));
}

#[tokio::test]
async fn rows_about_a_certificate_are_those_that_still_are() {
    let stolen = row("ca#a2", &json!({"certificateId": {"S": "0f".repeat(32)}}));
    let unreadable = row("ca#a3", &json!({"decision": {"S": "mislaid"}}));
    let read = [activated("ca#a1"), stolen, unreadable].map(|row| ok(&json!({"Item": row})));
    let gone = ok(&json!({}));
    let answers = [ok(&index(&["ca#a1", "ca#a2", "ca#a3", "ca#a4"]))].into_iter().chain(read).chain([gone]);
    let service = Service::new(answers);
    let found = service.registrations().registrations_about(&certificate()).await.unwrap();
    assert_eq!(found.iter().map(|row| row.registration_id.as_str()).collect::<Vec<_>>(), ["ca#a1"]);
    for sent in service.sent().iter().skip(1) {
        assert_eq!((sent.target.as_str(), &sent.body["ConsistentRead"]), ("DynamoDB_20120810.GetItem", &json!(true)));
    }

    let service = Service::new([ok(&index(&["ca#a1"])), dynamodb_error(400, "ThrottlingException")]);
    let found = service.registrations().registrations_about(&certificate()).await;
    assert_fault(found, "dynamodb:GetItem", Throttled, "a row may be hidden");

    let service = Service::new([ok(&index(&[]))]);
    assert!(service.registrations().registrations_about(&certificate()).await.unwrap().is_empty());
    assert_eq!(service.only().text("IndexName"), CERTIFICATE_INDEX);
}

#[tokio::test]
async fn the_index_names_the_cas_that_want_a_thing_each_once() {
    let ca = authority();
    let ids = [format!("{ca}#a1"), format!("{ca}#certificate#{}", certificate()), "rejected#07".to_owned()];
    let service = Service::new([ok(&index(&ids.each_ref().map(String::as_str)))]);
    let found = service.registrations().authorities_about(&name()).await.unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [ca]);
    let sent = service.only();
    assert_eq!((sent.text("IndexName"), THING_INDEX), ("byThingName", "byThingName"));
    assert_eq!(*sent.names(), json!({"#id": "registrationId", "#key": "thingName"}));
    assert_eq!(*sent.values(), json!({":value": {"S": name().as_str()}}));
}

#[tokio::test]
async fn rows_tell_whether_there_is_a_thing_or_may_be_one() {
    let foreign = json!({"certificateId": {"S": "0f".repeat(32)}});
    let mut stolen = activated("ca#a1");
    stolen["certificateId"] = foreign["certificateId"].clone();
    let cases = [
        (vec![], Holding::Nothing),
        (vec![row("ca#a1", &json!({}))], Holding::NotYet),
        (vec![row("ca#a1", &json!({"decision": {"S": "refused"}}))], Holding::Nothing),
        (vec![activated("ca#a1")], Holding::Thing(name())),
        // The index was behind: the row is another certificate's by now.
        (vec![stolen], Holding::Nothing),
        (vec![row("ca#a1", &foreign)], Holding::Nothing),
    ];
    for (found, expected) in cases {
        let service = Service::new([ok(&index(&["ca#a1"])), ok(&rows(&found))]);
        assert_eq!(service.registrations().holding(&certificate()).await.unwrap(), expected, "{found:?}");
    }
}

#[tokio::test]
async fn an_unknown_certificate_takes_one_request() {
    let service = Service::new([ok(&index(&[]))]);
    assert_eq!(service.registrations().holding(&certificate()).await.unwrap(), Holding::Nothing);
    assert_eq!(service.only().target, "DynamoDB_20120810.Query");
}

#[tokio::test]
async fn each_call_reports_its_operation() {
    let holding = async |answers: Vec<_>| Service::new(answers).registrations().holding(&certificate()).await;
    let missing = dynamodb_error(400, "ResourceNotFoundException");
    assert_fault(holding(vec![missing]).await, "dynamodb:Query", NotFound, "no table");
    let nameless = ok(&json!({"Items": [{"certificateId": {"S": certificate().as_str()}}]}));
    assert_fault(holding(vec![nameless]).await, "dynamodb:Query", Invalid, "no key");
    let throttled = vec![ok(&index(&["ca#a1"])), dynamodb_error(400, "ThrottlingException")];
    assert_fault(holding(throttled).await, "dynamodb:BatchGetItem", Throttled, "throttled");
    let broken = vec![ok(&index(&["ca#a1"])), ok(&rows(&[row("ca#a1", &json!({"decision": {"S": "?"}}))]))];
    assert_fault(holding(broken).await, "dynamodb:BatchGetItem", Invalid, "a row");
}
