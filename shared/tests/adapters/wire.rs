//! The far end of the clients, and what the tests are about.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};
use shared::aws::authorities::Authorities;
use shared::aws::dead_letters::DeadLetterQueue;
use shared::aws::iot::Iot;
use shared::aws::items::Items;
use shared::aws::overflow::FairQueue;
use shared::aws::registrations::Registrations;
use shared::aws::sessions::LiveSessions;
use shared::aws::snapshots::{self, SnapshotBucket};
use shared::fault::FaultKind::{self};
use shared::fault::{Fault, chain};
use shared::id::{CaCertificateId, CertificateId, PolicyName, Serial, ThingName};
use shared::port::NewThing;
use shared::registration::{Candidate, RegistrationId};
use shared::testing::connected;
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-09-01 00:00 UTC);
pub(crate) const ARN: &str = "arn:aws:iot:us-east-1:000000000000:cert/00";

/// A service's answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) body: String,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) status: u16,
}

/// An answer of status 200.
pub(crate) fn ok(body: &Value) -> Answer {
    Answer { body: body.to_string(), headers: Vec::new(), status: 200 }
}

/// An error as AWS IoT gives it (REST-JSON): the code is in a header.
pub(crate) fn iot_error(status: u16, code: &'static str) -> Answer {
    Answer { body: r#"{"message":"so it is"}"#.to_owned(), headers: vec![("x-amzn-errortype", code)], status }
}

/// An error as DynamoDB gives it (JSON 1.0): the code is in the body, with a name space.
pub(crate) fn dynamodb_error(status: u16, code: &str) -> Answer {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "so it is"});
    Answer { body: body.to_string(), headers: Vec::new(), status }
}

/// An error as SQS gives it (JSON 1.0): the body has the code of the shape, the header the one of the older protocol.
pub(crate) fn sqs_error(status: u16, code: &str, query: &'static str) -> Answer {
    let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": "so it is"});
    let headers = if query.is_empty() { Vec::new() } else { vec![("x-amzn-query-error", query)] };
    Answer { body: body.to_string(), headers, status }
}

/// An error as S3 gives it (REST-XML).
pub(crate) fn s3_error(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>so it is</Message></Error>");
    Answer { body, headers: Vec::new(), status }
}

/// A condition that was not met by this row; by no row at all if it is null.
pub(crate) fn condition_failed(row: &Value) -> Answer {
    let mut answer = dynamodb_error(400, "ConditionalCheckFailedException");
    let mut body: Value = serde_json::from_str(&answer.body).unwrap();
    if !row.is_null() {
        body["Item"] = row.clone();
    }
    answer.body = body.to_string();
    answer
}

/// A request as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) body: Value,
    pub(crate) content: Vec<u8>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) host: String,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// DynamoDB's operation; empty for AWS IoT.
    pub(crate) target: String,
}

impl Sent {
    pub(crate) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }

    /// DynamoDB's names behind the placeholders.
    pub(crate) fn names(&self) -> &Value {
        &self.body["ExpressionAttributeNames"]
    }

    /// DynamoDB's values behind the placeholders.
    pub(crate) fn values(&self) -> &Value {
        &self.body["ExpressionAttributeValues"]
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// The far end of the clients' connections. An exhausted list of answers is a lost connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    pub(crate) answers: Arc<Mutex<VecDeque<Answer>>>,
    delay: Duration,
    pub(crate) sent: Arc<Mutex<Vec<Sent>>>,
}

impl Service {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    /// The same, but each answer takes its time.
    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Without retries: every answer is the one that gets classified.
    pub(crate) fn config(&self) -> SdkConfig {
        connected(self.clone())
    }

    pub(crate) fn iot(&self) -> Iot {
        Iot::new(&self.config())
    }

    pub(crate) fn authorities(&self) -> Authorities {
        Authorities::new(&self.config(), "authorities")
    }

    pub(crate) fn dead_letters(&self) -> DeadLetterQueue {
        DeadLetterQueue::new(&self.config(), "https://sqs.us-east-1.amazonaws.com/000000000000/refused")
    }

    pub(crate) fn overflow(&self) -> FairQueue {
        FairQueue::new(&self.config(), "https://sqs.us-east-1.amazonaws.com/000000000000/overflow")
    }

    pub(crate) fn items(&self) -> Items {
        Items::new(&self.config())
    }

    pub(crate) fn registrations(&self) -> Registrations {
        Registrations::new(&self.config(), "registrations")
    }

    pub(crate) fn sessions(&self) -> LiveSessions {
        LiveSessions::new(&self.config(), "devices")
    }

    pub(crate) fn snapshots(&self) -> SnapshotBucket {
        SnapshotBucket::new(snapshots::client(&self.config()), "snapshots")
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// The only request that was sent.
    pub(crate) fn only(&self) -> Sent {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }
}

impl HttpConnector for Service {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let service = self.clone();
        HttpConnectorFuture::new(async move {
            let content = ByteStream::new(request.take_body()).collect().await.unwrap().to_vec();
            let (host, path) = request.uri().split_once("://").unwrap().1.split_once('/').unwrap();
            let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            service.sent.lock().unwrap().push(Sent {
                body: serde_json::from_slice(&content).unwrap_or(Value::Null),
                content,
                headers,
                host: host.to_owned(),
                method: request.method().to_owned(),
                path: format!("/{path}"),
                target: request.headers().get("x-amz-target").unwrap_or_default().to_owned(),
            });
            if !service.delay.is_zero() {
                tokio::time::sleep(service.delay).await;
            }
            let Some(answer) = service.answers.lock().unwrap().pop_front() else {
                return Err(ConnectorError::io("no answer".into()));
            };
            let mut response = HttpResponse::new(answer.status.try_into().unwrap(), SdkBody::from(answer.body));
            for (name, value) in answer.headers {
                response.headers_mut().insert(name, value);
            }
            Ok(response)
        })
    }
}

pub(crate) fn authority() -> CaCertificateId {
    "ca".repeat(32).parse().unwrap()
}

pub(crate) fn certificate() -> CertificateId {
    "ce".repeat(32).parse().unwrap()
}

pub(crate) fn name() -> ThingName {
    "pump-17".parse().unwrap()
}

pub(crate) fn policy() -> PolicyName {
    "device".parse().unwrap()
}

pub(crate) fn thing() -> NewThing {
    let attributes = [("registrationId", "ca#a1"), ("site", "north")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    NewThing { attributes: BTreeMap::from(attributes), name: name(), thing_type: Some("pump".parse().unwrap()) }
}

pub(crate) fn candidate() -> Candidate {
    let serial: Serial = "a1".parse().unwrap();
    Candidate {
        ca_certificate_id: authority(),
        certificate_id: certificate(),
        id: RegistrationId::issued(&authority(), &serial),
        not_after: Some(datetime!(2027-09-01 00:00 UTC)),
        not_before: None,
        serial: Some(serial),
        subject: Some("CN=pump-17".to_owned()),
        thing_name: Some(name()),
    }
}

#[track_caller]
pub(crate) fn assert_fault<T: Debug>(answer: Result<T, Fault>, operation: &str, kind: FaultKind, case: &str) -> String {
    match answer {
        Ok(value) => panic!("{case}: {value:?} instead of {kind:?}"),
        Err(fault) => {
            assert_eq!((fault.operation, fault.kind), (operation, kind), "{case}: {}", chain(&fault));
            chain(&fault).into()
        }
    }
}
