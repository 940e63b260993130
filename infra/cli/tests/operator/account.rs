//! An account of AWS that remembers, as far as the commands reach it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shared::profile::PROFILE_VERSION;
use shared::testing::dynamodb::Tables;

use crate::server::{Answer, Request, Server};

const STACK: &str = "iot-jitr";

/// A CA certificate of AWS IoT's registry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Authority {
    pub(crate) auto_registration: String,
    pub(crate) pem: String,
    pub(crate) status: String,
}

/// Everything that commands can change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) authorities: BTreeMap<String, Authority>,
    /// What somebody else writes over an object as soon as it has been read.
    pub(crate) changes_when_read: Option<Vec<u8>>,
    /// Statuses of device certificates.
    pub(crate) certificates: BTreeMap<String, String>,
    /// Environments of the functions.
    pub(crate) environments: BTreeMap<String, Value>,
    /// Objects by bucket and key.
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    pub(crate) tables: Tables,
    /// Things: for which registration each was made, and what is attached to it.
    pub(crate) things: BTreeMap<String, (Option<String>, Vec<String>)>,
}

impl State {
    pub(crate) fn register(&mut self, id: &str, pem: &str) {
        let on = Authority { auto_registration: "ENABLE".to_owned(), pem: pem.to_owned(), status: "ACTIVE".to_owned() };
        self.authorities.insert(id.to_owned(), on);
    }

    /// A device that has come in, with its row.
    pub(crate) fn registered(&mut self, authority: &str, serial: &str, thing: &str, status: &str) {
        let text = |text: &str| json!({"S": text});
        let item = json!({
            "registrationId": text(&format!("{authority}#{serial}")), "caCertificateId": text(authority),
            "certificateId": text(&"d".repeat(64)), "decidedAt": text("2026-09-01T12:00:00.000Z"),
            "decision": text("activated"), "reason": text("checks_passed"), "revision": {"N": "3"},
            "serial": text(serial), "status": text(status), "thingName": text(thing),
        });
        let put = json!({"TableName": format!("{STACK}-registrations"), "Item": item});
        assert_eq!(self.tables.answer("PutItem", &put).status, 200);
    }

    /// Puts the certificate of a serial number on hold.
    pub(crate) fn hold(&mut self, serial: &str) {
        let id = self.authorities.keys().next().map(|authority| format!("{authority}#{serial}"));
        let update = json!({
            "TableName": format!("{STACK}-registrations"), "Key": {"registrationId": {"S": id}},
            "UpdateExpression": "SET revocationReason = :reason",
            "ExpressionAttributeValues": {":reason": {"S": "certificateHold"}},
        });
        assert_eq!(self.tables.answer("UpdateItem", &update).status, 200);
    }

    /// The rows of a table of the stack.
    pub(crate) fn rows(&self, table: &str) -> Vec<Value> {
        self.tables.rows(&format!("{STACK}-{table}"))
    }
}

/// Which request fails: the how-manieth of an operation, with which status and error.
#[derive(Clone, Debug)]
struct Fault {
    after: usize,
    kind: &'static str,
    operation: &'static str,
    status: u16,
}

/// The account behind an endpoint on this machine.
pub(crate) struct Account {
    fault: Arc<Mutex<Option<Fault>>>,
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Account {
    pub(crate) fn start() -> Self {
        let [authorities, registrations] = ["authorities", "registrations"].map(|table| format!("{STACK}-{table}"));
        let tables = Tables::default()
            .table(&authorities, "caCertificateId", Some("record"))
            .index(&authorities, "byRecord", "record", Some("caCertificateId"))
            .table(&registrations, "registrationId", None)
            .index(&registrations, "byCertificateId", "certificateId", None)
            .index(&registrations, "byThingName", "thingName", None);
        let state = State {
            authorities: BTreeMap::new(),
            certificates: BTreeMap::new(),
            changes_when_read: None,
            environments: BTreeMap::from([
                (format!("{STACK}-activator"), json!({"PROFILE_VERSION": PROFILE_VERSION.to_string()})),
                (format!("{STACK}-crl-checker"), json!({"CRL_MINIMUM_SHARE": "50"})),
            ]),
            objects: BTreeMap::new(),
            tables,
            things: BTreeMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let fault: Arc<Mutex<Option<Fault>>> = Arc::default();
        let (own, faults) = (Arc::clone(&state), Arc::clone(&fault));
        let server = Server::start(move |request| {
            failed(request, &faults).unwrap_or_else(|| answer(request, &mut own.lock().unwrap()))
        });
        Self { fault, server, state }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.server.endpoint
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub(crate) fn state(&self) -> State {
        self.state.lock().unwrap().clone()
    }

    /// Lets an operation fail once it has been carried out so many times.
    pub(crate) fn fail(&self, operation: &'static str, after: usize, status: u16, kind: &'static str) {
        *self.fault.lock().unwrap() = Some(Fault { after, kind, operation, status });
    }

    pub(crate) fn mend(&self) {
        *self.fault.lock().unwrap() = None;
    }
}

fn failed(request: &Request, fault: &Mutex<Option<Fault>>) -> Option<Answer> {
    let mut fault = fault.lock().unwrap();
    let fault = fault.as_mut().filter(|fault| fault.operation == operation(request))?;
    if fault.after > 0 {
        fault.after -= 1;
        return None;
    }
    let body = match operation(request) {
        "GetObject" | "PutObject" => format!("<Error><Code>{}</Code></Error>", fault.kind),
        _ => json!({"__type": fault.kind, "message": "it is so"}).to_string(),
    };
    let headers = format!("x-amzn-errortype: {}\r\n", fault.kind);
    Some(Answer { headers, status: fault.status, ..Answer::ok(body) })
}

/// The operation's name in the API reference.
fn operation(request: &Request) -> &str {
    if !request.operation().is_empty() {
        return request.operation();
    }
    let (method, path) = method_and_path(request);
    match (method, path.split('/').nth(1).unwrap_or_default()) {
        ("GET", "registrationcode") => "GetRegistrationCode",
        ("GET", "cacertificates") => "ListCACertificates",
        ("GET", "cacertificate") => "DescribeCACertificate",
        ("POST", "cacertificate") => "RegisterCACertificate",
        ("PUT", "cacertificate") => "UpdateCACertificate",
        ("DELETE", "things") if path.ends_with("/principals") => "DetachThingPrincipal",
        ("DELETE", "things") => "DeleteThing",
        ("GET", "certificates") => "DescribeCertificate",
        ("GET", "things") if path.ends_with("/principals") => "ListThingPrincipals",
        ("GET", "things") => "DescribeThing",
        ("GET", "policies") => "GetPolicy",
        ("GET", "thing-groups") => "DescribeThingGroup",
        ("GET", "thing-types") => "DescribeThingType",
        ("PUT", "certificates") => "UpdateCertificate",
        ("GET", "2015-03-31") => "GetFunctionConfiguration",
        ("GET", "lists") => "GetObject",
        ("PUT", "lists") => "PutObject",
        _ => "",
    }
}

fn method_and_path(request: &Request) -> (&str, &str) {
    let mut words = request.line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    (method, target.split('?').next().unwrap_or_default())
}

fn answer(request: &Request, state: &mut State) -> Answer {
    if !request.operation().is_empty() {
        let shared::testing::dynamodb::Answer { body, status } =
            state.tables.answer(request.operation(), &request.document());
        return Answer { status, ..Answer::ok(body.to_string()) };
    }
    if let "GetObject" | "PutObject" = operation(request) {
        return object(request, state);
    }
    let id = method_and_path(request).1.rsplit('/').next().unwrap_or_default();
    let answered = match operation(request) {
        "GetFunctionConfiguration" => {
            let name = method_and_path(request).1.split('/').nth(3).unwrap_or_default();
            state.environments.get(name).map(|variables| json!({"Environment": {"Variables": variables}}))
        }
        "GetRegistrationCode" => Some(json!({"registrationCode": "c".repeat(64)})),
        "ListCACertificates" => {
            let ids = state.authorities.keys().map(|id| json!({"certificateId": id}));
            Some(json!({"certificates": ids.collect::<Vec<_>>()}))
        }
        "DescribeCACertificate" => state.authorities.get(id).map(|authority| {
            let Authority { auto_registration, pem, status } = authority;
            json!({"certificateDescription": {
                "autoRegistrationStatus": auto_registration, "certificateId": id, "certificatePem": pem, "status": status,
            }})
        }),
        "UpdateCACertificate" => state.authorities.get_mut(id).map(|authority| {
            let wanted = |name: &str| request.line.split(&format!("{name}=")).nth(1)?.split([' ', '&']).next();
            if let Some(status) = wanted("newStatus") {
                status.clone_into(&mut authority.status);
            }
            if let Some(status) = wanted("newAutoRegistrationStatus") {
                status.clone_into(&mut authority.auto_registration);
            }
            json!({})
        }),
        _ => of_device(request, state),
    };
    answered.map_or_else(missing, |answered| Answer::ok(answered.to_string()))
}

/// Device certificates and things.
fn of_device(request: &Request, state: &mut State) -> Option<Value> {
    let id = method_and_path(request).1.split('/').nth(2).unwrap_or_default();
    let arn = |id: &str| format!("arn:aws:iot:us-east-1:000000000000:cert/{id}");
    match operation(request) {
        "DescribeCertificate" => state.certificates.get(id).map(|status| {
            json!({"certificateDescription": {
                "certificateArn": arn(id), "certificateId": id, "caCertificateId": "c".repeat(64), "status": status,
                "certificatePem": "no certificate", "creationDate": 1.0, "ownedBy": "000000000000",
            }})
        }),
        "UpdateCertificate" => {
            let status = request.line.split("newStatus=").nth(1)?.split([' ', '&']).next()?;
            state.certificates.insert(id.to_owned(), status.to_owned()).map(|_| json!({}))
        }
        "DescribeThing" => state.things.get(id).map(|(registration, _)| {
            let attributes = registration.as_ref().map_or_else(|| json!({}), |id| json!({"registrationId": id}));
            json!({"attributes": attributes, "thingName": id, "version": 1})
        }),
        "ListThingPrincipals" => state
            .things
            .get(id)
            .map(|(_, attached)| json!({"principals": attached.iter().map(|id| arn(id)).collect::<Vec<_>>()})),
        "DetachThingPrincipal" => {
            let (_, attached) = state.things.get_mut(id)?;
            attached.retain(|attached| !request.header("x-amzn-principal").ends_with(attached.as_str()));
            Some(json!({}))
        }
        "DeleteThing" => state.things.remove(id).map(|_| json!({})),
        "GetPolicy" if id == "fleet" => Some(json!({"policyName": id})),
        "DescribeThingGroup" if id == "eu" => Some(json!({"thingGroupName": id})),
        "DescribeThingGroup" if id == "dynamic" => Some(json!({"thingGroupName": id, "queryString": "x:*"})),
        "DescribeThingType" if id == "pump" => Some(json!({"thingTypeName": id})),
        "DescribeThingType" if id == "old" => Some(json!({"thingTypeMetadata": {"deprecated": true}})),
        _ => None,
    }
}

/// S3, with its conditional writes.
fn object(request: &Request, state: &mut State) -> Answer {
    let path = method_and_path(request).1.to_owned();
    let etag = |octets: &[u8]| format!("\"{}\"", octets.iter().map(|octet| u64::from(*octet)).sum::<u64>());
    let known = state.objects.get(&path).cloned();
    if operation(request) == "GetObject" {
        let Some(octets) = known else {
            return Answer { status: 404, ..Answer::ok("<Error><Code>NoSuchKey</Code></Error>") };
        };
        let headers = format!("ETag: {}\r\n", etag(&octets));
        if let Some(octets) = state.changes_when_read.take() {
            state.objects.insert(path, octets);
        }
        return Answer { headers, ..Answer::of_octets(octets) };
    }
    let (is_match, is_none) = (request.header("if-match"), request.header("if-none-match"));
    let is_met = match &known {
        Some(octets) => is_none.is_empty() && (is_match.is_empty() || is_match == etag(octets)),
        None => is_match.is_empty(),
    };
    if !is_met {
        return Answer { status: 412, ..Answer::ok("<Error><Code>PreconditionFailed</Code></Error>") };
    }
    state.objects.insert(path, request.body.clone());
    Answer::ok("")
}

fn missing() -> Answer {
    let headers = "x-amzn-errortype: ResourceNotFoundException\r\n".to_owned();
    Answer { headers, status: 404, ..Answer::ok(json!({"message": "there is none"}).to_string()) }
}
