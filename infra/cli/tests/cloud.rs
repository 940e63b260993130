//! `jitr crl publish`, `jitr sweep`, `jitr ca` and `jitr devices` against answers that are told beforehand: what is asked,
//! and what becomes of the answers.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its set-up does")]

#[path = "cloud/enrolment.rs"]
mod enrolment;
#[path = "cloud/registering.rs"]
mod registering;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output};

use jitr::issue::{CertificateAuthority, CrlRequest, KeyAlgorithm, Subject, Validity};
use serde_json::{Value, json};
use shared::profile::PROFILE_VERSION;
use shared::timestamp::to_text;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use server::{Answer, Request, Server};

/// What the cloud has.
#[derive(Clone)]
struct World {
    /// The function's answer, and what kind of error it is.
    answer: (Value, Option<&'static str>),
    authority_pem: String,
    /// What AWS IoT says of the CA besides; it does not know the CA if this is null.
    ca: Value,
    /// The row of every client.
    device: Value,
    /// The history of every client.
    events: Value,
    /// The CA's id.
    id: String,
    /// Another CA, which is called so.
    other: Option<(String, &'static str)>,
    /// Clients by presence and shard.
    presence: BTreeMap<&'static str, Value>,
    profile: Value,
    /// What comes of registering a CA, and of writing a profile, if it fails.
    registering: Option<(u16, &'static str)>,
    writing: Option<(u16, &'static str)>,
    /// The provisioning template of the CA.
    registration_config: Value,
    states: Value,
}

/// A cloud that answers each request by its kind.
struct Cloud {
    folder: TempDir,
    id: String,
    server: Server,
}

impl Cloud {
    fn start(authority: &CertificateAuthority, change: impl FnOnce(&mut World)) -> Self {
        let mut world = World {
            answer: (json!({"sources": [], "changes": {}, "finished": true}), None),
            authority_pem: authority.certificate_pem().to_owned(),
            ca: json!({"status": "ACTIVE", "autoRegistrationStatus": "ENABLE"}),
            device: Value::Null,
            events: json!([]),
            id: authority.certificate().id().to_string(),
            presence: BTreeMap::new(),
            profile: json!({
                "crlSources": {"L": [{"S": "https://crl.example.com/1.crl"}, {"S": "s3://lists/1.crl"}]},
                "enrolledAt": {"S": "2026-09-01T12:00:00.000Z"},
            }),
            other: None,
            registering: None,
            writing: None,
            registration_config: Value::Null,
            states: json!([]),
        };
        change(&mut world);
        let server = Server::start(move |request| answer(request, &world));
        let id = authority.certificate().id().to_string();
        Self { folder: tempfile::tempdir().unwrap(), id, server }
    }

    fn jitr(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_jitr"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL", &self.server.endpoint)
            .env_remove("AWS_PROFILE")
            .env_remove("JITR_OFFLINE_GRACE")
            .env_remove("JITR_STACK")
            .output()
            .expect("the binary is built with this test")
    }

    fn publish(&self, crl: &[u8], arguments: &[&str]) -> Output {
        fs::write(self.folder.path().join("fleet.crl"), crl).unwrap();
        self.jitr(&[&["--json", "crl", "publish", "fleet.crl", "--ca", &self.id], arguments].concat())
    }

    /// The requests whose line contains a part.
    fn seen(&self, part: &str) -> Vec<Request> {
        self.server.requests.lock().unwrap().iter().filter(|request| request.line.contains(part)).cloned().collect()
    }
}

fn answer(request: &Request, world: &World) -> Answer {
    let asked = request.document();
    let text = |pointer| asked.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (table, presence) = (text("/TableName"), text("/ExpressionAttributeValues/:presence/S"));
    let failed = match () {
        () if request.operation() == "PutItem" => world.writing,
        () if request.line.starts_with("POST /cacertificate") => world.registering,
        () => None,
    };
    if let Some((status, kind)) = failed {
        let headers = format!("x-amzn-errortype: {kind}\r\n");
        return Answer { headers, status, ..Answer::ok(json!({"__type": kind, "message": "no"}).to_string()) };
    }
    if request.line.starts_with("GET /lists/") || request.line.starts_with("GET /other/") {
        return Answer { status: 404, ..Answer::ok("<Error><Code>NoSuchKey</Code></Error>") };
    }
    let answer = match request.operation() {
        "GetItem" if table.ends_with("-devices") => json!({"Item": world.device}),
        "Query" if table.ends_with("-devices") => {
            json!({"Items": world.presence.get(presence).cloned().unwrap_or_else(|| json!([]))})
        }
        "Query" if table.ends_with("-device-events") => json!({"Items": world.events}),
        "GetItem" if world.other.as_ref().is_some_and(|(id, _)| id == text("/Key/caCertificateId/S")) => {
            json!({"Item": {"label": {"S": world.other.as_ref().map(|(_, label)| label)}}})
        }
        "GetItem" if world.profile.is_null() => json!({}),
        "GetItem" => json!({"Item": world.profile}),
        "BatchWriteItem" | "PutItem" => json!({}),
        _ if request.line.starts_with("GET /registrationcode") => json!({"registrationCode": "c".repeat(64)}),
        _ if request.line.starts_with("POST /cacertificate") => json!({"certificateId": world.id}),
        "Query" => json!({"Items": world.states, "Count": 1, "ScannedCount": 1}),
        _ if request.line.contains("/cacertificates") => {
            let ids = std::iter::once(&world.id).chain(world.other.iter().map(|(id, _)| id));
            json!({"certificates": ids.map(|id| json!({"certificateId": id})).collect::<Vec<_>>()})
        }
        _ if request.line.contains("/cacertificate/") && world.ca.is_null() => {
            let headers = "x-amzn-errortype: ResourceNotFoundException\r\n".to_owned();
            return Answer { headers, status: 404, ..Answer::ok(json!({"message": "there is none"}).to_string()) };
        }
        _ if request.line.contains("/cacertificate/") => {
            let mut described = world.ca.as_object().cloned().unwrap_or_default();
            described.insert("certificatePem".to_owned(), world.authority_pem.as_str().into());
            json!({"certificateDescription": described, "registrationConfig": world.registration_config})
        }
        _ if request.line.starts_with("GET ") && request.line.contains("/functions/") => {
            json!({"Environment": {"Variables": {"PROFILE_VERSION": PROFILE_VERSION.to_string()}}})
        }
        _ if request.line.contains("/functions/") => {
            let error = world.answer.1.map(|kind| format!("X-Amz-Function-Error: {kind}\r\n"));
            return Answer { headers: error.unwrap_or_default(), ..Answer::ok(world.answer.0.to_string()) };
        }
        _ => return Answer::ok(""),
    };
    Answer::ok(answer.to_string())
}

fn now() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "the binary reads the clock too")]
    OffsetDateTime::now_utc()
}

fn authority() -> CertificateAuthority {
    CertificateAuthority::new(&Subject::common_name("Maker Root"), Validity::days(now(), 30), KeyAlgorithm::P256)
        .unwrap()
}

fn crl(authority: &CertificateAuthority, days: i64) -> Vec<u8> {
    let request = CrlRequest {
        distribution_points: Vec::new(),
        entries: Vec::new(),
        next_update: now() + Duration::days(days),
        number: "1f".parse().unwrap(),
        only_user_certificates: false,
        this_update: now() - Duration::days(3),
    };
    authority.issue_crl(&request).unwrap().der
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_list_goes_to_the_first_place_in_s3_as_it_is() {
    let authority = authority();
    let cloud = Cloud::start(&authority, |_| ());
    let der = crl(&authority, 7);
    let output = cloud.publish(&der, &[]);
    assert!(output.status.success(), "{}", errors(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&answer["published"], &answer["inProfile"], &answer["unusable"], &answer["crlNumber"]),
        (&json!("s3://lists/1.crl"), &json!(true), &json!(null), &json!("1f"))
    );
    let puts = cloud.seen("PUT ");
    assert_eq!(puts.len(), 1);
    assert!(puts[0].line.starts_with("PUT /lists/1.crl?"), "{}", puts[0].line);
    assert_eq!(puts[0].header("content-type"), "application/pkix-crl");
    assert_eq!(puts[0].body, der);

    let output = cloud.publish(&der, &["--to", "s3://other/a/b.crl"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["inProfile"], false);
    assert!(cloud.seen("PUT /other/a/b.crl?").len() == 1, "{:?}", cloud.seen("PUT "));
}

#[test]
fn a_list_that_will_not_count_is_published_by_force_only() {
    let own = authority();
    for (der, reason) in [
        (crl(&own, -1), "crl_expired"),
        (crl(&authority(), 7), "crl_issuer_key"),
        (b"no CRL".to_vec(), "crl_malformed"),
    ] {
        let cloud = Cloud::start(&own, |_| ());
        let output = cloud.publish(&der, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains(reason), "{}", errors(&output));
        assert!(cloud.seen("PUT ").is_empty(), "{reason}");
        let output = cloud.publish(&der, &["--force"]);
        assert!(output.status.success(), "{}", errors(&output));
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["unusable"], reason);
        assert_eq!(cloud.seen("PUT ")[0].body, der);
    }
}

#[test]
fn a_sweep_asks_the_stacks_function_and_prints_its_answer() {
    let report = json!({
        "sources": [{"caCertificateId": "c", "source": "s3://lists/1.crl", "outcome": "published", "later": [1]}],
        "changes": {"revoked": 2}, "finished": true,
    });
    let cloud = Cloud::start(&authority(), |world| world.answer = (report.clone(), None));
    let output = cloud.jitr(&["--stack", "other", "--json", "sweep"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), report);
    let output = cloud.jitr(&["sweep", "--ca", &cloud.id, "--dry-run", "--reconcile", "--accept-shrunk"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 revoked"));
    let asked = cloud.seen("POST ");
    assert!(asked[0].line.contains("/functions/other-crl-checker/invocations"), "{}", asked[0].line);
    assert!(asked[1].line.contains("/functions/iot-jitr-crl-checker/invocations"), "{}", asked[1].line);
    assert_eq!(asked[0].header("x-amz-invocation-type"), "RequestResponse");
    let event = |request: &Request| serde_json::from_slice::<Value>(&request.body).unwrap();
    assert_eq!(event(&asked[0]), json!({}));
    let all = json!({"caCertificateId": cloud.id, "dryRun": true, "reconcile": true, "acceptShrunk": true});
    assert_eq!(event(&asked[1]), all);
}

#[test]
fn a_sweep_with_trouble_ends_with_1_and_says_where() {
    let report = json!({"sources": [
        {"source": "s3://lists/1.crl", "outcome": "unchanged"},
        {"source": "s3://lists/2.crl", "outcome": "kept_out", "reason": "crl_shrunk"},
    ]});
    let cloud = Cloud::start(&authority(), |world| world.answer = (report.clone(), None));
    let output = cloud.jitr(&["--json", "sweep"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), report, "the answer is printed all the same");
    let errors_of = errors(&output);
    assert!(errors_of.contains("s3://lists/2.crl (crl_shrunk)") && !errors_of.contains("1.crl"), "{errors_of}");

    for (report, told) in [
        (json!({"sources": [], "finished": false}), "the run is not finished"),
        (
            json!({"sources": [], "finished": true, "failures": ["the rows: dynamodb:Query failed"]}),
            "dynamodb:Query failed",
        ),
    ] {
        let cloud = Cloud::start(&authority(), |world| world.answer = (report, None));
        let output = cloud.jitr(&["sweep"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains(told), "{}", errors(&output));
    }

    let failure = json!({"errorType": "denied", "errorMessage": "dynamodb:Query failed"});
    let cloud = Cloud::start(&authority(), |world| world.answer = (failure, Some("Unhandled")));
    let output = cloud.jitr(&["sweep"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("iot-jitr-crl-checker failed: dynamodb:Query failed (denied)"));
    assert_eq!(cloud.seen("POST ").len(), 1, "a failed run is not repeated");
}

#[test]
fn a_ca_is_shown_with_its_sources() {
    let cloud = Cloud::start(&authority(), |world| {
        world.states = json!([{
            "caCertificateId": {"S": "c".repeat(64)}, "record": {"S": "crl#s3://lists/1.crl"},
            "source": {"S": "s3://lists/1.crl"}, "version": {"N": "0"}, "checkedAt": {"S": "2026-09-01T12:00:00.000Z"},
            "lastError": {"M": {"at": {"S": "2026-09-01T12:00:00.000Z"}, "detail": {"S": "no such key"},
                                "reason": {"S": "crl_fetch_failed"}}},
        }]);
    });
    let output = cloud.jitr(&["ca", "show", &cloud.id]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", errors(&output));
    for part in ["https://crl.example.com/1.crl", "s3://lists/1.crl", "no such key (crl_fetch_failed", "never"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let output = cloud.jitr(&["--json", "ca", "show", &cloud.id]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["crlStates"][0]["lastError"]["reason"], "crl_fetch_failed");
}

fn seconds_ago(seconds: i64) -> String {
    to_text(now() - Duration::seconds(seconds))
}

/// A client in the index.
fn listed(client: &str, connected: bool, since: &str) -> Value {
    json!({"clientId": {"S": client}, "connected": {"BOOL": connected}, "presenceSince": {"S": since}})
}

#[test]
fn clients_are_listed_out_of_all_shards() {
    let cloud = Cloud::start(&authority(), |world| {
        world.presence = BTreeMap::from([
            ("connected#0", json!([listed("in", true, &seconds_ago(30))])),
            ("offline#f", json!([listed("out", false, &seconds_ago(900)), listed("blink", false, &seconds_ago(1))])),
            ("console-connected#7", json!([listed("iotconsole-1", true, &seconds_ago(30))])),
        ]);
    });
    let list = |arguments: &[&str]| {
        let output = cloud.jitr(&[&["--json", "devices", "list"], arguments].concat());
        assert!(output.status.success(), "{}", errors(&output));
        let clients: Value = serde_json::from_slice(&output.stdout).unwrap();
        let state = |client: &Value| format!("{} {}", client["clientId"], client["state"]).replace('"', "");
        clients.as_array().unwrap().iter().map(state).collect::<Vec<_>>()
    };
    assert_eq!(list(&[]), ["out offline", "in connected", "blink grace"]);
    assert_eq!(list(&["--connected"]), ["in connected", "blink grace"]);
    assert_eq!(list(&["--connected", "--grace", "0s"]), ["in connected"]);
    assert_eq!(list(&["--console"]), ["iotconsole-1 connected"]);

    let before = cloud.seen("POST ").len();
    let output = cloud.jitr(&["--stack", "other", "devices", "list", "--console", "--offline-for", "10m"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, "no test client of the AWS console has been offline for 10m\n", "{}", errors(&output));
    let asked: Vec<_> = cloud.seen("POST ")[before..].iter().map(Request::document).collect();
    let partitions: BTreeSet<_> =
        asked.iter().map(|query| query["ExpressionAttributeValues"][":presence"]["S"].to_string()).collect();
    assert_eq!(partitions, (0..16).map(|shard| format!("\"console-offline#{shard:x}\"")).collect());
    for query in &asked {
        assert_eq!((&query["TableName"], &query["IndexName"]), (&json!("other-devices"), &json!("byPresence")));
        let until = query["ExpressionAttributeValues"][":time"]["S"].as_str().unwrap();
        assert!((seconds_ago(660)..=seconds_ago(600)).contains(&until.to_owned()), "{until}");
    }
}

#[test]
fn a_client_is_shown_with_its_history() {
    let (began, ended) = (seconds_ago(900), seconds_ago(30));
    let cloud = Cloud::start(&authority(), |world| {
        world.device = json!({
            "clientId": {"S": "site/7"}, "connected": {"BOOL": false}, "connectedAt": {"S": began},
            "disconnectedAt": {"S": ended}, "session": {"S": "s-1"}, "versionNumber": {"N": "4"},
            "subscriptions": {"M": {"a/#": {"M": {"at": {"S": began}, "subscribed": {"BOOL": true}}}}},
            "connectFailures": {"N": "2"}, "lastEventAt": {"S": ended},
        });
        world.events = json!([{
            "clientId": {"S": "site/7"}, "event": {"S": "e"}, "eventType": {"S": "disconnected"},
            "reason": {"S": "CONNECTION_LOST"}, "session": {"S": "s-1"}, "timestamp": {"S": ended},
            "versionNumber": {"N": "4"},
        }]);
    });
    let output = cloud.jitr(&["--stack", "other", "--json", "devices", "show", "site/7", "--last", "3"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        json!({
            "clientId": "site/7", "state": "grace",
            "connection": {"session": "s-1", "versionNumber": 4, "connectedAt": began, "disconnectedAt": ended},
            "subscriptions": [{"filter": "a/#", "since": began}],
            "connectFailures": {"count": 2, "last": null}, "lastEventAt": ended,
            "events": [{"timestamp": ended, "eventType": "disconnected", "session": "s-1", "versionNumber": 4,
                        "reason": "CONNECTION_LOST"}],
        })
    );
    let asked: Vec<_> = cloud.seen("POST ").iter().map(Request::document).collect();
    assert_eq!(asked[0]["TableName"], "other-devices");
    assert_eq!(asked[0]["Key"], json!({"clientId": {"S": "site/7"}}));
    assert_eq!((&asked[1]["TableName"], &asked[1]["Limit"]), (&json!("other-device-events"), &json!(3)));
    let from = asked[1]["ExpressionAttributeValues"][":from"]["S"].as_str().unwrap();
    let week = 7 * 24 * 3600;
    assert!((seconds_ago(week + 60)..=seconds_ago(week)).contains(&from.to_owned()), "{from}");

    let output = cloud.jitr(&["devices", "show", "site/7", "--grace", "10s"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("offline for 3") && text.contains("CONNECTION_LOST, version 4"), "{text}");
}

#[test]
fn a_client_that_is_not_known_ends_with_1() {
    let cloud = Cloud::start(&authority(), |_| ());
    for arguments in [&["devices", "show", "pump\u{1b}17"][..], &["--json", "devices", "show", "pump\u{1b}17"]] {
        let output = cloud.jitr(arguments);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
        assert!(errors(&output).contains("nothing is known of client pump\\u001b17"), "{}", errors(&output));
    }
}
