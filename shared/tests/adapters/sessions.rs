//! Live sessions: the `Devices` table, and AWS IoT's data plane.

use serde_json::json;
use shared::fault::FaultKind::{Denied, Invalid, Throttled, Unavailable};
use shared::port::{SessionClient, SessionEnd, Sessions};

use crate::wire::{Answer, Service, assert_fault, certificate, dynamodb_error, iot_error, name, ok};

fn recorded(id: &str) -> SessionClient {
    SessionClient { id: id.to_owned(), is_recorded: true }
}

fn guessed(id: &str) -> SessionClient {
    SessionClient { is_recorded: false, ..recorded(id) }
}

#[tokio::test]
async fn clients_are_those_connected_under_the_certificate() {
    let service = Service::new([
        ok(&json!({"Items": [{"clientId": {"S": "pump-17"}}], "LastEvaluatedKey": {"clientId": {"S": "pump-17"}}})),
        ok(&json!({"Items": [{"clientId": {"S": "pump/18"}}]})),
    ]);
    let clients = service.sessions().clients(&certificate(), Some(&name())).await.unwrap();
    assert_eq!(clients, [recorded("pump-17"), recorded("pump/18")]);
    let sent = service.sent();
    for sent in &sent {
        assert_eq!((sent.target.as_str(), sent.text("TableName")), ("DynamoDB_20120810.Query", "devices"));
        assert_eq!(sent.text("IndexName"), "byPrincipal");
        assert_eq!(sent.text("KeyConditionExpression"), "#principal = :certificate");
        assert_eq!(sent.text("FilterExpression"), "#connected = :true");
        assert_eq!(sent.text("ProjectionExpression"), "#clientId");
        let names = json!({"#clientId": "clientId", "#connected": "connected", "#principal": "principal"});
        assert_eq!(*sent.names(), names);
        assert_eq!(*sent.values(), json!({":certificate": {"S": certificate().as_str()}, ":true": {"BOOL": true}}));
    }
    assert_eq!(sent[1].body["ExclusiveStartKey"], json!({"clientId": {"S": "pump-17"}}));
}

#[tokio::test]
async fn without_a_record_of_presence_the_thing_is_the_client() {
    let none = || ok(&json!({"Items": []}));
    let of_principal = |principal: &str| ok(&json!({"Item": {"principal": {"S": principal}}}));
    let other = "0f".repeat(32);
    for (record, expected) in [
        (ok(&json!({})), vec![guessed("pump-17")]),
        (ok(&json!({"Item": {}})), vec![guessed("pump-17")]),
        (of_principal(certificate().as_str()), vec![guessed("pump-17")]),
        // The client id is another certificate's: its session is not ended.
        (of_principal(&other), vec![]),
    ] {
        let service = Service::new([none(), record]);
        assert_eq!(service.sessions().clients(&certificate(), Some(&name())).await.unwrap(), expected);
        let sent = &service.sent()[1];
        assert_eq!((sent.target.as_str(), &sent.body["ConsistentRead"]), ("DynamoDB_20120810.GetItem", &json!(true)));
        assert_eq!(sent.body["Key"], json!({"clientId": {"S": "pump-17"}}));
    }
    assert!(Service::new([none()]).sessions().clients(&certificate(), None).await.unwrap().is_empty());
    let service = Service::new([dynamodb_error(400, "ThrottlingException")]);
    let clients = service.sessions().clients(&certificate(), Some(&name())).await;
    assert_fault(clients, "dynamodb:Query", Throttled, "clients");
    let service = Service::new([ok(&json!({"Items": [{}]}))]);
    assert_fault(service.sessions().clients(&certificate(), None).await, "dynamodb:Query", Invalid, "clientId");
}

#[tokio::test]
async fn a_session_is_ended_at_the_data_plane() {
    let service = Service::new([ok(&json!({}))]);
    assert_eq!(service.sessions().end(&recorded("pump/17 a")).await.unwrap(), SessionEnd::Ended);
    let sent = service.only();
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("DELETE", "/connections/pump%2F17%20a"));
    assert!(sent.host.starts_with("data-ats.iot.us-east-1."), "{}", sent.host);
}

fn page(status: u16) -> Answer {
    Answer { body: "<html>no such page</html>".to_owned(), headers: Vec::new(), status }
}

#[tokio::test]
async fn a_missing_session_is_not_ended_and_a_missing_operation_is_no_fault() {
    let cases = [
        (iot_error(404, "ResourceNotFoundException"), SessionEnd::NotConnected),
        (iot_error(404, "UnknownOperationException"), SessionEnd::NotOffered),
        (iot_error(400, "UnknownOperationException"), SessionEnd::NotOffered),
        (page(404), SessionEnd::NotOffered),
        (page(405), SessionEnd::NotOffered),
        (iot_error(501, "NotImplemented"), SessionEnd::NotOffered),
    ];
    for (answer, expected) in cases {
        let case = format!("{answer:?}");
        assert_eq!(Service::new([answer]).sessions().end(&guessed("pump-17")).await.unwrap(), expected, "{case}");
    }
}

#[tokio::test]
async fn errors_of_the_data_plane_are_classified() {
    let cases = [
        (403, "ForbiddenException", Denied),
        (403, "AccessDeniedException", Denied),
        (429, "ThrottlingException", Throttled),
        (500, "InternalFailureException", Unavailable),
        (503, "ServiceUnavailableException", Unavailable),
        (400, "InvalidRequestException", Invalid),
    ];
    for (status, code, kind) in cases {
        let service = Service::new([iot_error(status, code)]);
        assert_fault(service.sessions().end(&guessed("pump-17")).await, "iot:DeleteConnection", kind, code);
    }
    assert_fault(
        Service::default().sessions().end(&guessed("pump-17")).await,
        "iot:DeleteConnection",
        Unavailable,
        "lost",
    );
}
