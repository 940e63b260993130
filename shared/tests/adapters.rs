//! The adapters to AWS at the wire: the bytes that they send, and what they make of a service's answers.
//!
//! The SDK's clients are the real ones, over an HTTP client that answers from a list. So codes, statuses and bodies go
//! through the SDK's own parsers. Statuses and codes are those of the AWS IoT and DynamoDB API references.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test ends where its set-up does")]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_iot::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use shared::aws::authorities::Authorities;
use shared::aws::iot::Iot;
use shared::aws::registrations::Registrations;
use shared::decision::{Decision, Reason, Verdict};
use shared::fault::FaultKind::{self, Denied, Invalid, NotFound, Throttled, Unavailable};
use shared::fault::{Fault, chain};
use shared::id::{CaCertificateId, CertificateId, PolicyName, Serial, ThingName};
use shared::port::{
    AuthorityStore, Begin, CertificateRegistry, CertificateStatus, Creation, Finish, NewStatus, NewThing, Principal,
    RegistrationStore, Replaced, StatusChange, ThingRegistry,
};
use shared::registration::{Candidate, RegistrationId};
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-09-01 00:00 UTC);
const ARN: &str = "arn:aws:iot:us-east-1:000000000000:cert/00";

/// A service's answer.
#[derive(Clone, Debug)]
struct Answer {
    body: String,
    headers: Vec<(&'static str, &'static str)>,
    status: u16,
}

/// An answer of status 200.
fn ok(body: &Value) -> Answer {
    Answer { body: body.to_string(), headers: Vec::new(), status: 200 }
}

/// An error as AWS IoT gives it (REST-JSON): the code is in a header.
fn iot_error(status: u16, code: &'static str) -> Answer {
    Answer { body: r#"{"message":"so it is"}"#.to_owned(), headers: vec![("x-amzn-errortype", code)], status }
}

/// An error as DynamoDB gives it (JSON 1.0): the code is in the body, with a name space.
fn dynamodb_error(status: u16, code: &str) -> Answer {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "so it is"});
    Answer { body: body.to_string(), headers: Vec::new(), status }
}

/// A request as it was sent.
#[derive(Clone, Debug)]
struct Sent {
    body: Value,
    method: String,
    /// Path and query.
    path: String,
    /// DynamoDB's operation; empty for AWS IoT.
    target: String,
}

impl Sent {
    fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_default()
    }
}

/// The far end of the clients' connections. An exhausted list of answers is a lost connection.
#[derive(Clone, Debug, Default)]
struct Service {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Service {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    /// Without retries: every answer is the one that gets classified.
    fn config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        let credentials = Credentials::new("key", "secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .region(Region::new("us-east-1"))
            .retry_config(RetryConfig::disabled())
            .build()
    }

    fn iot(&self) -> Iot {
        Iot::new(&self.config())
    }

    fn authorities(&self) -> Authorities {
        Authorities::new(&self.config(), "authorities")
    }

    fn registrations(&self) -> Registrations {
        Registrations::new(&self.config(), "registrations")
    }

    fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// The only request that was sent.
    fn only(&self) -> Sent {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }
}

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().split_once("amazonaws.com").unwrap().1.to_owned();
        self.sent.lock().unwrap().push(Sent {
            body: serde_json::from_slice(request.body().bytes().unwrap()).unwrap_or(Value::Null),
            method: request.method().to_owned(),
            path: uri,
            target: request.headers().get("x-amz-target").unwrap_or_default().to_owned(),
        });
        let Some(answer) = self.answers.lock().unwrap().pop_front() else {
            return HttpConnectorFuture::ready(Err(ConnectorError::io("no answer".into())));
        };
        let mut response = HttpResponse::new(answer.status.try_into().unwrap(), SdkBody::from(answer.body));
        for (name, value) in answer.headers {
            response.headers_mut().insert(name, value);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn authority() -> CaCertificateId {
    "ca".repeat(32).parse().unwrap()
}

fn certificate() -> CertificateId {
    "ce".repeat(32).parse().unwrap()
}

fn name() -> ThingName {
    "pump-17".parse().unwrap()
}

fn policy() -> PolicyName {
    "device".parse().unwrap()
}

fn thing() -> NewThing {
    let attributes = [("registrationId", "ca#a1"), ("site", "north")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
    NewThing { attributes: BTreeMap::from(attributes), name: name(), thing_type: Some("pump".parse().unwrap()) }
}

fn candidate() -> Candidate {
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

fn verdict() -> Verdict {
    Verdict::new(Decision::Refused, Reason::NotListed, "not announced")
}

#[track_caller]
fn assert_fault<T: Debug>(answer: Result<T, Fault>, operation: &str, kind: FaultKind, case: &str) -> String {
    match answer {
        Ok(value) => panic!("{case}: {value:?} instead of {kind:?}"),
        Err(fault) => {
            assert_eq!((fault.operation, fault.kind), (operation, kind), "{case}: {}", chain(&fault));
            chain(&fault)
        }
    }
}

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
    let service = Service::new(vec![iot_error(400, "ThrottlingException"); 9]);
    let (iot, id, name) = (service.iot(), certificate(), name());
    assert_fault(iot.certificate(&id).await, "iot:DescribeCertificate", Throttled, "");
    assert_fault(iot.authority_pem(&authority()).await, "iot:DescribeCACertificate", Throttled, "");
    assert_fault(iot.set_status(&id, NewStatus::Active).await, "iot:UpdateCertificate", Throttled, "");
    assert_fault(iot.create_thing(&thing()).await, "iot:CreateThing", Throttled, "");
    assert_fault(iot.thing(&name).await, "iot:DescribeThing", Throttled, "");
    assert_fault(iot.rewrite_thing(&thing(), 1).await, "iot:UpdateThing", Throttled, "");
    assert_fault(iot.principals(&name).await, "iot:ListThingPrincipals", Throttled, "");
    assert_fault(iot.attach_thing(&name, ARN).await, "iot:AttachThingPrincipal", Throttled, "");
    assert_fault(iot.join_group(&name, &name).await, "iot:AddThingToThingGroup", Throttled, "");
    assert_eq!(service.sent().len(), 9);
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
    assert_eq!(gone().set_status(&certificate(), NewStatus::Active).await.unwrap(), StatusChange::Impossible);
    assert!(!gone().rewrite_thing(&thing(), 3).await.unwrap());

    let bad_state = Service::new([iot_error(406, "CertificateStateException")]).iot();
    assert_eq!(bad_state.set_status(&certificate(), NewStatus::Active).await.unwrap(), StatusChange::Impossible);
    let taken = Service::new([iot_error(409, "ResourceAlreadyExistsException")]).iot();
    assert_eq!(taken.create_thing(&thing()).await.unwrap(), Creation::Taken);
    let raced = Service::new([iot_error(409, "VersionConflictException")]).iot();
    assert!(!raced.rewrite_thing(&thing(), 3).await.unwrap());
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
        assert_eq!(service.iot().set_status(&certificate(), status).await.unwrap(), StatusChange::Done);
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
        assert_fault(registrations.begin(&candidate(), NOW).await, "dynamodb:UpdateItem", kind, code);
        let registrations = service().registrations();
        assert_fault(registrations.finish(&candidate(), NOW).await, "dynamodb:UpdateItem", kind, code);
        let registrations = service().registrations();
        assert_fault(registrations.record(&candidate(), &verdict(), NOW).await, "dynamodb:UpdateItem", kind, code);
        let registrations = service().registrations();
        assert_fault(registrations.registration(&candidate().id).await, "dynamodb:GetItem", kind, code);
    }
}

fn condition_failed() -> Answer {
    dynamodb_error(400, "ConditionalCheckFailedException")
}

/// The same, with the row that did not meet the condition.
fn held_by(certificate_id: &str) -> Answer {
    let mut answer = condition_failed();
    let mut body: Value = serde_json::from_str(&answer.body).unwrap();
    body["Item"] = json!({"certificateId": {"S": certificate_id}});
    answer.body = body.to_string();
    answer
}

#[tokio::test]
async fn failed_conditions_are_answers() {
    let failing = || Service::new([condition_failed()]).registrations();
    assert_eq!(failing().begin(&candidate(), NOW).await.unwrap(), Begin::SerialReused);
    assert_eq!(failing().finish(&candidate(), NOW).await.unwrap(), Finish::Superseded);
    failing().supersede(&candidate().id, &candidate(), NOW).await.unwrap();
    failing().note_failure(&candidate(), "throttled", NOW).await.unwrap();
    // The row was begun by this very attempt: that it is another's now is a fault.
    let intended = failing().intend_to_replace(&candidate(), &Replaced::Foreign).await;
    assert_fault(intended, "dynamodb:UpdateItem", Invalid, "intend_to_replace");
}

#[tokio::test]
async fn a_verdict_about_a_row_of_another_certificate_goes_to_the_unproven_key() {
    let service = Service::new([held_by(&"0f".repeat(32)), ok(&json!({}))]);
    service.registrations().record(&candidate(), &verdict(), NOW).await.unwrap();
    let sent = service.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].text("ReturnValuesOnConditionCheckFailure"), "ALL_OLD");
    let unproven = RegistrationId::unproven(&authority(), &certificate());
    assert_eq!(sent[1].body["Key"], json!({"registrationId": {"S": unproven.as_str()}}));
    assert_eq!(sent[1].body["ConditionExpression"], Value::Null);

    // A later verdict about the same certificate stands in the row: it stays.
    let service = Service::new([held_by(certificate().as_str())]);
    service.registrations().record(&candidate(), &verdict(), NOW).await.unwrap();
    assert_eq!(service.sent().len(), 1);
}

#[tokio::test]
async fn beginning_takes_a_free_row_or_its_own_and_lifts_a_supersession() {
    let service = Service::new([ok(&json!({"Attributes": {"replacing": {"S": "ca#b2"}}}))]);
    let begun = service.registrations().begin(&candidate(), NOW).await.unwrap();
    let replacing = Some(Replaced::Registration(RegistrationId::from_text("ca#b2")));
    assert_eq!(begun, Begin::Begun { replacing });

    let sent = service.only();
    assert_eq!((sent.target.as_str(), sent.text("TableName")), ("DynamoDB_20120810.UpdateItem", "registrations"));
    assert_eq!(sent.body["Key"], json!({"registrationId": {"S": candidate().id.as_str()}}));
    assert_eq!(
        sent.text("ConditionExpression"),
        "(attribute_not_exists(#certificateId) OR #certificateId = :certificateId)"
    );
    assert_eq!(sent.body["ExpressionAttributeNames"]["#certificateId"], "certificateId");
    assert_eq!(sent.body["ExpressionAttributeValues"][":certificateId"], json!({"S": certificate().as_str()}));
    assert_eq!(sent.body["ExpressionAttributeValues"][":decision"], json!({"S": "activating"}));
    assert_eq!(sent.text("ReturnValues"), "ALL_NEW");
    let update = sent.text("UpdateExpression");
    assert!(update.ends_with(" REMOVE #supersededAt, #supersededBy"), "{update}");
    assert!(update.contains("#firstSeenAt = if_not_exists(#firstSeenAt, :firstSeenAt)"), "{update}");
    assert!(!update.contains("ADD"), "an attempt is counted when it has decided: {update}");

    for (attributes, expected) in [(json!({}), None), (json!({"replacing": {"S": "foreign"}}), Some(Replaced::Foreign))]
    {
        let service = Service::new([ok(&json!({"Attributes": attributes}))]);
        let begun = service.registrations().begin(&candidate(), NOW).await.unwrap();
        assert_eq!(begun, Begin::Begun { replacing: expected });
    }
}

#[tokio::test]
async fn conditions_keep_later_decisions_and_other_certificates() {
    let own = "#certificateId = :certificateId";
    let later = "(attribute_not_exists(#decidedAt) OR #decidedAt <= :decidedAt)";
    let service = Service::new(vec![ok(&json!({})); 5]);
    let registrations = service.registrations();
    let replaced = RegistrationId::from_text("ca#b2");
    registrations.finish(&candidate(), NOW).await.unwrap();
    registrations.record(&candidate(), &verdict(), NOW).await.unwrap();
    registrations.supersede(&replaced, &candidate(), NOW).await.unwrap();
    registrations.note_failure(&candidate(), "throttled", NOW).await.unwrap();
    registrations.intend_to_replace(&candidate(), &Replaced::Registration(replaced)).await.unwrap();

    let sent = service.sent();
    let conditions: Vec<&str> = sent.iter().map(|sent| sent.text("ConditionExpression")).collect();
    let expected = [
        &format!("{own} AND attribute_not_exists(supersededBy)"),
        &format!("(attribute_not_exists(#certificateId) OR {own}) AND {later}"),
        "attribute_exists(registrationId)",
        own,
        own,
    ];
    assert_eq!(conditions, expected);
    assert!(sent[0].text("UpdateExpression").ends_with(" REMOVE #lastError, #lastErrorAt, #replacing"), "{sent:?}");
    assert_eq!(sent[1].body["ExpressionAttributeValues"][":decidedAt"], json!({"S": "2026-09-01T00:00:00.000Z"}));
    assert_eq!(sent[2].body["Key"], json!({"registrationId": {"S": "ca#b2"}}));
    assert_eq!(sent[4].body["ExpressionAttributeValues"][":replacing"], json!({"S": "ca#b2"}));
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
