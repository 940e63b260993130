//! Which CAs the stack serves: `jitr ca enrol`, and what the other commands make of a CA that nobody enrolled.

use serde_json::{Value, json};

use crate::{Cloud, World, authority, errors};

/// A cloud in which AWS IoT has the CA, and the stack has not.
fn unenrolled(change: impl FnOnce(&mut World)) -> Cloud {
    Cloud::start(&authority(), |world| {
        world.profile = Value::Null;
        change(world);
    })
}

fn printed(cloud: &Cloud, arguments: &[&str]) -> String {
    let output = cloud.jitr(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn answered(cloud: &Cloud, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(cloud, &[&["--json"], arguments].concat())).unwrap()
}

/// The profiles that were written.
fn written(cloud: &Cloud) -> Vec<Value> {
    let requests = cloud.seen("POST ").into_iter();
    let puts = requests.filter(|request| request.header("x-amz-target").ends_with(".PutItem"));
    puts.map(|request| request.document()).collect()
}

/// Nothing that AWS IoT has was changed.
fn assert_registry_is_untouched(cloud: &Cloud) {
    let iot = cloud.seen("/cacertificate").into_iter();
    assert!(iot.into_iter().all(|request| request.line.starts_with("GET ")));
}

#[test]
fn a_registered_ca_is_enrolled_with_the_rules_of_the_flags() {
    let cloud = unenrolled(|_| ());
    let rules = ["--admission", "listed", "--require-crl", "--crl-source", "s3://lists/1.crl"];
    let answer = answered(&cloud, &[&["ca", "enrol", &cloud.id], &rules[..]].concat());
    assert_eq!(answer["profileResult"], "created");
    assert_eq!((&answer["status"], &answer["autoRegistration"]), (&json!("ACTIVE"), &json!("ENABLE")));
    assert_eq!(answer["provisioningTemplate"], false);
    let writes = written(&cloud);
    let item = &writes[0]["Item"];
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0]["ConditionExpression"], "attribute_not_exists(caCertificateId)");
    assert_eq!((&item["record"]["S"], &item["caCertificateId"]["S"]), (&json!("profile"), &json!(cloud.id)));
    assert_eq!((&item["admission"]["S"], &item["crl"]["S"]), (&json!("listed"), &json!("required")));
    assert_eq!(item["label"]["S"], "Maker Root", "the common name is the label");
    assert!(item["enrolledAt"]["S"].is_string() && item["caPem"]["S"].as_str().unwrap().contains("BEGIN"));
    assert_registry_is_untouched(&cloud);

    let other = unenrolled(|_| ());
    let text = printed(&other, &["ca", "enrol", &other.id[..8], "--label", "pumps"]);
    assert!(text.starts_with("enrolled ") && !text.contains("missing") && !text.contains("warning"), "{text}");
}

#[test]
fn what_a_ca_lacks_is_said_and_not_changed() {
    let cloud = unenrolled(|world| {
        world.ca = json!({"status": "INACTIVE", "autoRegistrationStatus": "DISABLE"});
        world.registration_config = json!({"templateBody": "{}", "roleArn": "arn:aws:iam::012345678901:role/r"});
    });
    let text = printed(&cloud, &["ca", "enrol", &cloud.id]);
    let update = format!("aws iot update-ca-certificate --certificate-id {} --remove-auto-registration", cloud.id);
    let enable = format!("AWS IoT has the CA as INACTIVE: jitr ca enable {}", cloud.id);
    assert!(text.contains(&update) && text.contains(&enable), "{text}");
    assert_eq!(written(&cloud).len(), 1, "it can be switched on once its rules are there");
    assert_registry_is_untouched(&cloud);
}

#[test]
fn a_ca_that_aws_iot_does_not_have_is_not_enrolled() {
    let cloud = unenrolled(|world| world.ca = Value::Null);
    let output = cloud.jitr(&["ca", "enrol", &cloud.id]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("AWS IoT has no CA"), "{}", errors(&output));
    assert!(written(&cloud).is_empty());
}

/// 64 digits that are nobody's.
#[test]
fn nothing_is_written_for_a_ca_that_is_nowhere() {
    let cloud = unenrolled(|world| world.ca = Value::Null);
    let nobody = "a".repeat(64);
    for arguments in [
        &["ca", "enrol", &nobody][..],
        &["ca", "set", &nobody, "--admission", "listed"],
        &["ca", "retry", &nobody],
        &["allow", "add", "--ca", &nobody, "--name", "pump-1"],
    ] {
        let output = cloud.jitr(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let writes = cloud.seen("POST ").into_iter().filter(|request| request.operation() != "GetItem").count();
        assert_eq!(writes, 0, "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn no_two_cas_have_one_label() {
    let called = |label| {
        unenrolled(|world| {
            world.other = Some(("b".repeat(64), label));
        })
    };
    let cloud = called("pumps");
    let output = cloud.jitr(&["ca", "enrol", &cloud.id, "--label", "pumps"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("another CA has the label \"pumps\""), "{}", errors(&output));
    assert!(written(&cloud).is_empty());
    // The common name of its certificate is taken.
    let cloud = called("Maker Root");
    assert_eq!(answered(&cloud, &["ca", "enrol", &cloud.id])["profile"]["label"], Value::Null);
}

#[test]
fn a_ca_that_could_be_another_is_not_changed() {
    let cloud = Cloud::start(&authority(), |_| ());
    for ca in ["", " ", &cloud.id[..7]] {
        let output = cloud.jitr(&["ca", "set", ca, "--admission", "listed"]);
        assert_eq!(output.status.code(), Some(1), "{ca:?}");
        assert!(written(&cloud).is_empty(), "{ca:?}: {}", errors(&output));
    }
}

#[test]
fn a_ca_is_enrolled_once_and_keeps_its_rules() {
    let enrolled = |world: &mut World| {
        world.profile = json!({"enrolledAt": {"S": "t"}, "caPem": {"S": "x"}, "admission": {"S": "listed"}});
    };
    let cloud = Cloud::start(&authority(), enrolled);
    for same in [&[][..], &["--admission", "listed"]] {
        let answer = answered(&cloud, &[&["ca", "enrol", &cloud.id], same].concat());
        assert_eq!(answer["profileResult"], "unchanged", "{same:?}");
    }
    let output = cloud.jitr(&["ca", "enrol", &cloud.id, "--admission", "all"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("jitr ca set"), "{}", errors(&output));
    assert!(written(&cloud).is_empty());
}

#[test]
fn a_row_that_the_activator_wrote_is_not_in_the_way() {
    let cloud = unenrolled(|world| {
        world.profile = json!({"caPem": {"S": "kept"}, "createdAt": {"S": "t"}, "updatedAt": {"S": "t"}});
    });
    assert_eq!(answered(&cloud, &["ca", "enrol", &cloud.id])["profileResult"], "created");
    let writes = written(&cloud);
    assert_eq!(writes[0]["ConditionExpression"], "updatedAt = :before");
    assert!(writes[0]["Item"]["enrolledAt"]["S"].is_string());
}

/// Whoever wrote rules wanted them: without `enrolledAt` they close the CA, and its enrolment opens it no further.
#[test]
fn rules_that_stand_in_the_row_of_an_unenrolled_ca_are_enrolled_with_it() {
    let cloud = unenrolled(|world| {
        world.profile = json!({
            "admission": {"S": "listed"}, "caPem": {"S": "kept"}, "createdAt": {"S": "t"}, "crl": {"S": "required"},
            "label": {"S": "pumps"}, "updatedAt": {"S": "t"},
        });
    });
    let answer = answered(&cloud, &["ca", "enrol", &cloud.id, "--take-over", "rotate"]);
    assert_eq!(answer["profileResult"], "created");
    let item = &written(&cloud)[0]["Item"];
    let rules = ["admission", "crl", "label", "takeOver"].map(|name| item[name]["S"].as_str().unwrap_or("nothing"));
    assert_eq!(rules, ["listed", "required", "pumps", "rotate"]);
    assert!(item["caPem"]["S"].as_str().unwrap().contains("BEGIN"), "the certificate is AWS IoT's");
}

#[test]
fn rules_are_set_for_enrolled_cas_only() {
    let stray = json!({"caPem": {"S": "kept"}, "createdAt": {"S": "t"}, "updatedAt": {"S": "t"}});
    for profile in [Value::Null, stray] {
        let cloud = unenrolled(|world| world.profile = profile);
        let output = cloud.jitr(&["ca", "set", &cloud.id, "--admission", "all"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains(&format!("jitr ca enrol {}", cloud.id)), "{}", errors(&output));
        assert!(written(&cloud).is_empty());
    }
    let cloud = Cloud::start(&authority(), |_| ());
    printed(&cloud, &["ca", "set", &cloud.id, "--admission", "listed"]);
    assert_eq!(written(&cloud)[0]["Item"]["enrolledAt"]["S"], "2026-09-01T12:00:00.000Z", "it stays enrolled");
}

#[test]
fn cas_are_shown_as_enrolled_or_not() {
    let (own, other) = (Cloud::start(&authority(), |_| ()), unenrolled(|_| ()));
    for (cloud, enrolled) in [(&own, true), (&other, false)] {
        let listed = answered(cloud, &["ca", "list"]);
        assert_eq!((&listed[0]["enrolled"], &listed[0]["status"]), (&json!(enrolled), &json!("ACTIVE")));
        assert_eq!(answered(cloud, &["ca", "show", &cloud.id])["enrolled"], enrolled);
        let text = printed(cloud, &["ca", "list"]);
        assert!(text.contains("ENROLLED") && text.contains(if enrolled { "  yes  " } else { "  no  " }), "{text}");
        assert_eq!(text.contains("jitr ca enrol"), !enrolled, "{text}");
        assert_eq!(printed(cloud, &["ca", "show", &cloud.id]).contains("jitr ca enrol"), !enrolled);
    }
    // Nothing is left alone of a CA whose devices AWS IoT does not register.
    let off = unenrolled(|world| world.ca = json!({"status": "ACTIVE", "autoRegistrationStatus": "DISABLE"}));
    assert!(!printed(&off, &["ca", "list"]).contains("jitr ca enrol"));
}

#[test]
fn certificates_can_be_announced_before_their_ca_is_enrolled() {
    let cloud = unenrolled(|_| ());
    let answer = answered(&cloud, &["allow", "add", "--ca", &cloud.id, "--name", "pump-17"]);
    assert_eq!((&answer["new"], &answer["enrolled"]), (&json!(1), &json!(false)));
    let text = printed(&cloud, &["allow", "add", "--ca", &cloud.id, "--name", "pump-17"]);
    assert!(text.contains(&format!("jitr ca enrol {} --admission listed", cloud.id)), "{text}");
}
