//! `jitr ca set` and `ca enrol`: each change is told before it is written, and nothing is lost by adding to it.

use serde_json::{Value, json};

use crate::{Stage, errors};

#[test]
fn a_source_comes_beside_the_others() {
    let stage = Stage::enrolled(&["--crl-source", "s3://lists/1.crl", "--crl-host", "h1"]);
    let id = stage.id();
    let output = stage.jitr(&["ca", "set", &id, "--crl-source", "s3://lists/2.crl", "--crl-host", "h2"]);
    assert!(output.status.success());
    let told = errors(&output);
    assert!(told.contains("+ crlSources: s3://lists/2.crl") && !told.contains("- crlSources"), "{told}");
    let after = &stage.answer(&["ca", "show", &id])["profile"];
    assert_eq!(after["crlSources"], json!(["s3://lists/1.crl", "s3://lists/2.crl"]));
    assert_eq!(after["crlHosts"], json!(["h1", "h2"]));
    let answer = stage.answer(&["ca", "set", &id, "--remove-crl-source", "s3://lists/1.crl"]);
    let change = json!({
        "member": "crlSources", "before": ["s3://lists/1.crl", "s3://lists/2.crl"], "after": ["s3://lists/2.crl"],
    });
    assert_eq!(answer["changes"], json!([change]));
    let told = stage.refused(&["ca", "set", &id, "--remove-crl-source", "s3://lists/1.crl"]);
    assert!(told.contains("--remove-crl-source s3://lists/1.crl: the profile has none"), "{told}");
}

/// The device would hang, and one cause would be found after the other.
#[test]
fn names_that_aws_iot_refuses_are_not_written() {
    let stage = Stage::enrolled(&[]);
    let id = stage.id();
    let told =
        stage.refused(&["ca", "set", &id, "--attribute", "two words=x", "--thing-name-template", "eu/${CommonName}"]);
    for part in ["AWS IoT would refuse every device", "--attribute \"two words\"", "--thing-name-template"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn what_is_not_there_is_told_at_once() {
    let stage = Stage::enrolled(&[]);
    let id = stage.id();
    let told = stage.refused(&["ca", "set", &id, "--policy", "none", "--thing-type", "none", "--thing-group", "none"]);
    for part in ["--policy none: there is no", "--thing-type none: there is no", "--thing-group none: there is no"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = stage.refused(&["ca", "set", &id, "--thing-type", "old", "--thing-group", "dynamic"]);
    assert!(told.contains("is deprecated") && told.contains("is dynamic"), "{told}");
    stage.done(&["ca", "set", &id, "--policy", "fleet", "--thing-type", "pump", "--thing-group", "eu"]);
    // What does not change is not looked at again.
    stage.account.fail("GetPolicy", 0, 500, "InternalFailureException");
    stage.done(&["ca", "set", &id, "--admission", "listed"]);
    // Who may not look goes on, warned.
    stage.account.fail("GetPolicy", 0, 403, "UnauthorizedException");
    let output = stage.jitr(&["ca", "set", &id, "--policy", "other"]);
    assert!(output.status.success() && errors(&output).contains("iot:GetPolicy is not allowed"), "{}", errors(&output));
}

/// A profile that the deployed function can't read would keep every device of the CA out.
#[test]
fn no_profile_is_written_that_the_stack_does_not_read() {
    let stage = Stage::enrolled(&[]);
    let id = stage.id();
    let activator = "iot-jitr-activator";
    let tells = |told: Value| stage.account.change(|state| drop(state.environments.insert(activator.to_owned(), told)));
    for older in [json!({}), json!({"PROFILE_VERSION": "0"})] {
        tells(older);
        for arguments in
            [&["ca", "set", &id, "--admission", "listed"][..], &["ca", "set", &id, "--label", "x", "--dry-run"]]
        {
            let told = stage.refused(arguments);
            assert!(told.contains("reads profiles up to version 0, this one needs 1"), "{told}");
        }
    }
    tells(json!({"PROFILE_VERSION": "7"}));
    stage.done(&["ca", "set", &id, "--admission", "listed"]);
    assert_eq!(stage.answer(&["ca", "show", &id])["profile"]["version"], 1);
    stage.account.change(|state| drop(state.environments.remove(activator)));
    let told = stage.refused(&["ca", "set", &id, "--admission", "all"]);
    assert!(told.contains("no function iot-jitr-activator here"), "{told}");
    // Who may not look goes on, warned.
    stage.account.fail("GetFunctionConfiguration", 0, 403, "AccessDeniedException");
    let output = stage.jitr(&["ca", "set", &id, "--admission", "all"]);
    assert!(output.status.success() && errors(&output).contains("PROFILE_VERSION"), "{}", errors(&output));
}

#[test]
fn a_profile_of_a_later_version_is_left_alone() {
    let stage = Stage::enrolled(&[]);
    let id = stage.id();
    stage.account.change(|state| {
        let later = json!({
            "TableName": "iot-jitr-authorities", "Key": {"caCertificateId": {"S": id}, "record": {"S": "profile"}},
            "UpdateExpression": "SET version = :later, whatever = :later",
            "ExpressionAttributeValues": {":later": {"N": "2"}},
        });
        assert_eq!(state.tables.answer("UpdateItem", &later).status, 200);
    });
    let told = stage.refused(&["ca", "set", &id, "--admission", "listed"]);
    assert!(told.contains("it is of version 2, and this program reads versions up to 1"), "{told}");
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let stage = Stage::new();
    let id = stage.id();
    assert!(stage.would(&["ca", "enrol", &id, "--admission", "listed", "--dry-run"]).starts_with("dry run"));
    stage.done(&["ca", "enrol", &id]);
    assert!(stage.would(&["ca", "set", &id, "--admission", "listed", "--dry-run"]).starts_with("dry run"));
    let answer: Value =
        serde_json::from_str(&stage.would(&["--json", "ca", "set", &id, "--admission", "listed", "--dry-run"]))
            .unwrap();
    assert_eq!((&answer["dryRun"], &answer["result"]), (&json!(true), &json!("updated")));
    assert_eq!(answer["changes"][0]["member"], "admission");
    assert!(stage.would(&["ca", "retry", &id, "--dry-run"]).starts_with("dry run"));
    stage.write("ca.pem", stage.authority.certificate_pem());
    stage.write("ca.key", stage.authority.key_pem());
    let register =
        ["ca", "register", "--ca", "ca.pem", "--ca-key", "ca.key", "--update", "--admission", "listed", "--dry-run"];
    assert!(stage.would(&register).starts_with("dry run"));
}
