//! Text that others chose, through every command that shows any: nothing of it reaches the terminal raw.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its set-up does")]

mod server;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use clap::CommandFactory as _;
use jitr::cli::Cli;
use jitr::issue::{CertificateAuthority, DeviceRequest, KeyAlgorithm, Subject, Validity};
use serde_json::{Value, json};
use server::{Answer, Request, Server};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// Clears the screen, turns the text around, hides some, and begins a line of its own.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}m\u{202e}\u{2066}\u{200b}\u{2028}\u{85}\r\nforged";
/// What any escaped form of it holds.
const ESCAPED: &str = "\\u";
const TIME: &str = "2026-09-01T12:00:00.000Z";

/// A command, how it ends, and whether it shows text that others chose.
struct Case {
    arguments: Vec<String>,
    code: i32,
    command: &'static str,
    shows: bool,
}

/// A folder with files, and a cloud whose every text is hostile.
struct Stage {
    folder: TempDir,
    id: String,
    server: Server,
}

impl Stage {
    fn new(answer: impl Fn(&Request, &str) -> Answer + Send + Sync + 'static) -> Self {
        let subject = Subject { organization: Some(HOSTILE.to_owned()), ..Subject::common_name(HOSTILE) };
        let validity = Validity::days(now() - Duration::days(1), 30);
        let authority = CertificateAuthority::new(&subject, validity, KeyAlgorithm::P256).unwrap();
        let request = DeviceRequest { key: KeyAlgorithm::P256, serial: None, subject, validity };
        let device = authority.issue_device(&request).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
        write("ca.pem", authority.certificate_pem());
        write("ca.key", &authority.key_pem());
        write("chain.pem", &device.chain_pem);
        write("device.key", &device.key_pem);
        write("list.csv", &format!("serial,\"{HOSTILE}\"\n1,2\n"));
        write("routes.json", &json!({HOSTILE: {"tableName": HOSTILE, "hashKeyValue": HOSTILE}}).to_string());
        write(HOSTILE, "no CRL");
        let pem = authority.certificate_pem().to_owned();
        let server = Server::start(move |request| answer(request, &pem));
        Self { folder, id: authority.certificate().id().to_string(), server }
    }

    fn jitr(&self, arguments: &[String]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_jitr"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL", &self.server.endpoint)
            .env("AWS_MAX_ATTEMPTS", "1")
            .env_remove("AWS_PROFILE")
            .env_remove("JITR_MQTT_ENDPOINT")
            .env_remove("JITR_OFFLINE_GRACE")
            .env_remove("JITR_SERVER_CA")
            .env_remove("JITR_STACK")
            .output()
            .expect("the binary is built with this test")
    }

    fn cases(&self) -> Vec<Case> {
        let case = |command: &'static str, code, arguments: &[&str], shows| {
            let arguments = command.split(' ').chain(arguments.iter().copied()).map(ToOwned::to_owned).collect();
            Case { arguments, code, command, shows }
        };
        let (id, endpoint) = (self.id.as_str(), "127.0.0.1:1");
        vec![
            case("allow add", 1, &["--ca", id, "--file", "list.csv"], true),
            case("allow list", 0, &["--ca", id], true),
            case("allow remove", 0, &["--ca", id, "--name", "pump"], false),
            case("ca disable", 0, &[id], true),
            case("ca enable", 0, &[id], true),
            case("ca enrol", 0, &[id], true),
            case("ca list", 0, &[], true),
            case("ca new", 0, &["--name", HOSTILE, "--out", "new", "--force"], true),
            case(
                "ca register",
                0,
                &["--ca", "ca.pem", "--ca-key", "ca.key", "--admission", "listed", "--update"],
                true,
            ),
            case("ca registration-code", 0, &[], true),
            case("ca retry", 0, &[id], false),
            case("ca set", 0, &[id, "--admission", "listed"], true),
            case("ca show", 0, &[id], true),
            case("crl check", 4, &["--ca", "ca.pem", "--crl", HOSTILE, "--cert", "chain.pem"], true),
            case(
                "crl new",
                0,
                &["--ca", "ca.pem", "--ca-key", "ca.key", "--out", &format!("{HOSTILE}.crl"), "--force"],
                true,
            ),
            case("crl publish", 1, &[HOSTILE, "--ca", id], true),
            case(
                "device connect",
                1,
                &["--cert", "chain.pem", "--key", "device.key", "--endpoint", endpoint, "--timeout", "1s"],
                true,
            ),
            case(
                "device new",
                0,
                &[
                    "--ca",
                    "ca.pem",
                    "--ca-key",
                    "ca.key",
                    "--name",
                    "pump",
                    "--out",
                    &format!("{HOSTILE}.d"),
                    "--force",
                ],
                true,
            ),
            case("devices failing", 0, &[], true),
            case("devices list", 0, &[], true),
            case("devices show", 0, &[HOSTILE], true),
            case("routes check", 1, &["routes.json"], true),
            case("sweep", 1, &[], true),
            case("thing release", 1, &["pump"], true),
            case("why", 0, &["pump"], true),
        ]
    }
}

fn now() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "the binary reads the clock too")]
    OffsetDateTime::now_utc()
}

/// What every operation answers that a command asks for.
fn answer(request: &Request, authority_pem: &str) -> Answer {
    if request.line.starts_with("GET /lists/") {
        return Answer { status: 404, ..Answer::ok("<Error><Code>NoSuchKey</Code></Error>") };
    }
    let asked = request.document();
    let text = |pointer| asked.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let path = request.line.split(' ').nth(1).unwrap_or_default();
    let ids = (format!("{:064x}", 1), format!("{:064x}", 2));
    let answer = match (request.operation(), text("/TableName").trim_start_matches("iot-jitr")) {
        ("GetItem", "-authorities") => json!({"Item": item(&profile(authority_pem))}),
        ("GetItem", "-registrations") => json!({"Item": item(&registration(&ids))}),
        ("GetItem", "-devices") if text("/Key/clientId/S").starts_with("principal#") => {
            json!({"Item": item(&failing())})
        }
        ("GetItem", "-devices") => json!({"Item": item(&device())}),
        ("Query", "-authorities") if asked.to_string().contains("crl#") => json!({"Items": [item(&crl_state(&ids.0))]}),
        ("Query", "-authorities") => json!({"Items": [item(&announcement(&ids.0))]}),
        ("Query", "-registrations") => json!({"Items": [item(&registration(&ids))]}),
        ("Query", "-devices") if asked.to_string().contains("failing") => json!({"Items": [item(&failing())]}),
        ("Query", "-devices") => json!({"Items": [item(&device())]}),
        ("Query", "-device-events") => json!({"Items": [item(&event("subscribed")), item(&event("connect_failed"))]}),
        ("", _) => of_iot(path, authority_pem, &ids),
        _ => json!({}),
    };
    Answer::ok(answer.to_string())
}

fn of_iot(path: &str, authority_pem: &str, (id, other): &(String, String)) -> Value {
    let arn = format!("arn:aws:iot:us-east-1:000000000000:cert/{id}");
    let described = json!({
        "caCertificateId": other, "certificateArn": arn, "certificateId": id, "certificatePem": authority_pem,
        "ownedBy": "000000000000", "status": "ACTIVE",
    });
    match path.split(['?', '/']).filter(|part| !part.is_empty()).collect::<Vec<_>>().as_slice() {
        ["cacertificates", ..] => json!({"certificates": [{"certificateId": id}]}),
        ["cacertificate", ..] => json!({"certificateArn": arn, "certificateDescription": {
            "autoRegistrationStatus": HOSTILE, "certificateMode": HOSTILE, "certificatePem": authority_pem, "status": HOSTILE,
        }, "certificateId": id}),
        ["certificates", ..] => json!({"certificateDescription": described}),
        ["registrationcode", ..] => json!({"registrationCode": HOSTILE}),
        ["principals", "things", ..] => json!({"things": [HOSTILE]}),
        ["attached-policies", ..] => json!({"policies": [{"policyName": HOSTILE}]}),
        ["things", _, "principals", ..] => json!({"principals": [HOSTILE]}),
        ["things", ..] => json!({"thingName": "pump", "version": 1, "attributes": {"iot-jitr": HOSTILE}}),
        [_, "functions", _, "configuration"] => {
            json!({"Environment": {"Variables": {"PROFILE_VERSION": "1", "CRL_MINIMUM_SHARE": "50"}}})
        }
        [_, "functions", ..] => json!({
            "changes": {HOSTILE: 3}, "finished": true,
            "sources": [{"caCertificateId": HOSTILE, "crlNumber": HOSTILE, "detail": HOSTILE, "outcome": HOSTILE,
                         "reason": HOSTILE, "source": HOSTILE}],
        }),
        _ => json!({}),
    }
}

fn profile(authority_pem: &str) -> Value {
    json!({
        "caPem": authority_pem, "crlHosts": [HOSTILE], "crlSources": ["s3://lists/1.crl"], "enrolledAt": HOSTILE,
        "label": HOSTILE,
        "subjectRules": {"CommonName": "a\u{1b}b"}, "updatedAt": HOSTILE,
    })
}

fn registration((id, other): &(String, String)) -> Value {
    json!({
        "activatedAt": HOSTILE, "attempts": 2, "caCertificateId": other, "certificateId": id, "decidedAt": HOSTILE,
        "decision": "refused", "detail": HOSTILE, "firstSeenAt": HOSTILE, "lastError": HOSTILE, "lastErrorAt": HOSTILE,
        "notAfter": HOSTILE, "reason": "not_listed", "registrationId": HOSTILE, "serial": HOSTILE, "subject": HOSTILE,
        "supersededAt": HOSTILE, "supersededBy": other,
    })
}

fn crl_state(authority: &str) -> Value {
    json!({
        "caCertificateId": authority, "checkedAt": TIME, "record": "crl#s3://lists/1.crl", "source": "s3://lists/1.crl",
        "lastError": {"at": TIME, "detail": HOSTILE, "reason": "crl_fetch_failed"}, "version": 0,
        "validators": {"etag": HOSTILE},
    })
}

fn announcement(authority: &str) -> Value {
    json!({"announcedAt": HOSTILE, "caCertificateId": authority, "note": HOSTILE, "record": "allow#serial#a1"})
}

fn device() -> Value {
    json!({
        "clientId": HOSTILE, "connectFailures": 2, "connected": false, "connectedAt": TIME, "disconnectReason": HOSTILE,
        "disconnectedAt": TIME, "ipAddress": HOSTILE, "principal": HOSTILE, "presenceSince": TIME, "session": HOSTILE,
        "lastConnectFailure": {"at": TIME, "ipAddress": HOSTILE, "principal": HOSTILE, "reason": HOSTILE, "session": HOSTILE},
        "subscriptions": {HOSTILE: {"at": TIME, "subscribed": true}}, "thingName": HOSTILE, "versionNumber": 4,
    })
}

fn failing() -> Value {
    json!({
        "clientId": format!("principal#{HOSTILE}"), "clients": [HOSTILE], "connectFailures": 9, "presence": "failing",
        "presenceSince": TIME,
    })
}

fn event(kind: &str) -> Value {
    json!({
        "clientId": HOSTILE, "event": "e", "eventType": kind, "ipAddress": HOSTILE, "principal": HOSTILE, "reason": HOSTILE,
        "session": HOSTILE, "thingName": HOSTILE, "timestamp": TIME, "topics": [HOSTILE],
    })
}

/// The members of an object as DynamoDB's attributes.
fn item(object: &Value) -> Value {
    let attribute = |value: &Value| match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(flag) => json!({"BOOL": flag}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({"S": text}),
        Value::Array(list) => json!({"L": list.iter().map(|text| json!({"S": text})).collect::<Vec<_>>()}),
        Value::Object(_) => json!({"M": item(value)}),
    };
    object.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// Everything that a command wrote, if nothing in it is hidden or begins a line of its own.
fn written(output: &Output, what: &str) -> String {
    let written = [&output.stdout[..], b"\n", &output.stderr].concat();
    let written = String::from_utf8(written).expect(what);
    for character in written.chars().filter(|character| *character != '\n') {
        let is_hidden = character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        assert!(!is_hidden, "{what}: {character:?} in {written:?}");
    }
    assert!(!written.lines().any(|line| line.trim_start().starts_with("forged")), "{what}: {written}");
    written
}

/// The commands that do something, by their names from the first to the last.
fn commands(command: &clap::Command, path: &str) -> BTreeSet<String> {
    let own = command.get_subcommands().filter(|command| command.get_name() != "help");
    let below: BTreeSet<String> =
        own.flat_map(|command| commands(command, format!("{path} {}", command.get_name()).trim_start())).collect();
    if below.is_empty() { BTreeSet::from([path.to_owned()]) } else { below }
}

#[test]
fn every_command_has_a_case() {
    let cases: BTreeSet<_> = Stage::new(answer).cases().iter().map(|case| case.command.to_owned()).collect();
    assert_eq!(commands(&Cli::command(), ""), cases);
}

#[test]
fn no_answer_reaches_the_terminal_raw() {
    let stage = Stage::new(answer);
    for Case { arguments, code, command, shows } in stage.cases() {
        let output = stage.jitr(&arguments);
        assert_eq!(output.status.code(), Some(code), "{command}: {}", written(&output, command));
        let json = stage.jitr(&[&["--json".to_owned()], &arguments[..]].concat());
        assert_eq!(json.status.code(), Some(code), "{command}: {}", written(&json, command));
        let (text, json) = (written(&output, command), written(&json, command));
        assert_eq!(text.contains(ESCAPED) || json.contains(ESCAPED), shows, "{command}: {text}\n{json}");
    }
}

#[test]
fn no_error_of_a_service_reaches_the_terminal_raw() {
    let stage = Stage::new(|_, _| {
        let headers = "x-amzn-ErrorType: InvalidRequestException\r\n".to_owned();
        let error = json!({"__type": "InvalidRequestException", "message": HOSTILE, "Message": HOSTILE});
        Answer { headers, status: 400, ..Answer::ok(error.to_string()) }
    });
    let shown = stage.cases().into_iter().filter(|case| {
        let output = stage.jitr(&case.arguments);
        written(&output, case.command).contains(ESCAPED)
    });
    assert!(shown.count() > 10, "the errors hold the service's words");
}

#[test]
fn no_argument_that_is_not_understood_is_repeated_raw() {
    let stage = Stage::new(answer);
    for Case { command, .. } in stage.cases() {
        let wrong = format!("--wrong{HOSTILE}");
        let arguments: Vec<_> = command.split(' ').map(ToOwned::to_owned).chain([wrong]).collect();
        let output = stage.jitr(&arguments);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(written(&output, command).contains(ESCAPED), "{command}");
    }
    for arguments in
        [&["device", "new", "--ca", "a", "--ca-key", "b", "--name", "c", "--days", HOSTILE][..], &[HOSTILE]]
    {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let written = written(&stage.jitr(&arguments), "an argument");
        assert!(written.contains(ESCAPED), "{written}");
    }
}
