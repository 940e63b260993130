//! `jitr ca register`: rules first, switched on last.

use std::fs;
use std::process::Output;

use jitr::issue::CertificateAuthority;
use serde_json::{Value, json};

use crate::{Cloud, World, authority, errors};

fn cloud(change: impl FnOnce(&mut World)) -> Cloud {
    let authority: CertificateAuthority = authority();
    let cloud = Cloud::start(&authority, |world| {
        world.ca = Value::Null;
        world.profile = Value::Null;
        change(world);
    });
    fs::write(cloud.folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
    fs::write(cloud.folder.path().join("ca.key"), authority.key_pem()).unwrap();
    cloud
}

fn register(cloud: &Cloud, arguments: &[&str]) -> Output {
    cloud.jitr(&[&["ca", "register", "--ca", "ca.pem", "--ca-key", "ca.key"], arguments].concat())
}

/// What was changed, in its order.
fn changes(cloud: &Cloud) -> Vec<&'static str> {
    let requests = cloud.seen("/");
    let change = |line: &str, target: &str| match () {
        () if target.ends_with(".PutItem") => Some("profile"),
        () if line.starts_with("POST /cacertificate") => Some("registered"),
        () if line.starts_with("PUT /cacertificate") => Some("switched on"),
        () => None,
    };
    requests.iter().filter_map(|request| change(&request.line, request.header("x-amz-target"))).collect()
}

#[test]
fn a_new_ca_has_its_rules_before_it_is_open() {
    let cloud = cloud(|_| ());
    let output = register(&cloud, &["--admission", "listed"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(changes(&cloud), ["profile", "registered"]);
    let request = &cloud.seen("POST /cacertificate")[0];
    assert!(request.line.contains("setAsActive=true") && request.line.contains("allowAutoRegistration=true"));
}

#[test]
fn a_ca_that_is_switched_on_has_its_rules_before() {
    let cloud = cloud(|world| world.ca = json!({"status": "INACTIVE", "autoRegistrationStatus": "DISABLE"}));
    let output = register(&cloud, &["--admission", "listed"]);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert!(errors(&output).contains("--update") && changes(&cloud).is_empty());
    let output = register(&cloud, &["--admission", "listed", "--update"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(changes(&cloud), ["profile", "switched on"]);
}

/// What stands is told, and the same command again completes it.
#[test]
fn a_ca_that_can_not_be_registered_is_not_open_and_its_profile_stands() {
    let refused = cloud(|world| world.registering = Some((403, "UnauthorizedException")));
    let output = register(&refused, &["--admission", "listed"]);
    assert_eq!(output.status.code(), Some(1));
    let told = errors(&output);
    assert!(told.contains("stands, and the CA is not switched on: run the command again"), "{told}");
    assert_eq!(changes(&refused), ["profile", "registered"], "the second was refused");

    let again = cloud(|world| {
        world.profile = json!({
            "admission": {"S": "listed"}, "caPem": {"S": world.authority_pem}, "enrolledAt": {"S": "t"},
            "label": {"S": "Maker Root"}, "updatedAt": {"S": "t"},
        });
    });
    let output = register(&again, &["--admission", "listed"]);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(changes(&again), ["registered"], "the profile is as it shall be");
}

#[test]
fn a_profile_that_can_not_be_written_leaves_the_ca_unregistered() {
    let cloud = cloud(|world| world.writing = Some((400, "AccessDeniedException")));
    let output = register(&cloud, &["--admission", "listed"]);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert_eq!(changes(&cloud), ["profile"], "and nothing after it");
}
