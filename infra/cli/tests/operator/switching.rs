//! `jitr ca enable` and `ca disable`: devices come or come no more, without the CA's key.

use serde_json::json;

use crate::{Stage, errors};

fn state(stage: &Stage) -> (String, String) {
    let authority = stage.account.state().authorities.into_values().next().unwrap();
    (authority.status, authority.auto_registration)
}

fn states(status: &str, auto_registration: &str) -> (String, String) {
    (status.to_owned(), auto_registration.to_owned())
}

#[test]
fn a_ca_is_switched_off_and_on() {
    let stage = Stage::enrolled(&[]);
    let id = stage.id();
    assert!(stage.would(&["ca", "disable", &id, "--dry-run"]).starts_with("dry run"));
    let off = stage.answer(&["ca", "disable", &id]);
    assert_eq!(off["before"], json!({"status": "ACTIVE", "autoRegistration": "ENABLE"}));
    assert_eq!(off["after"], json!({"status": "INACTIVE", "autoRegistration": "DISABLE"}));
    assert_eq!(state(&stage), states("INACTIVE", "DISABLE"));
    assert!(stage.would(&["ca", "disable", &id]).contains("is so already"));
    stage.done(&["ca", "enable", &id]);
    assert_eq!(state(&stage), states("ACTIVE", "ENABLE"));
    stage.done(&["ca", "disable", &id, "--auto-registration"]);
    assert_eq!(state(&stage), states("ACTIVE", "DISABLE"));
    stage.account.fail("UpdateCACertificate", 0, 403, "UnauthorizedException");
    assert!(stage.refused(&["ca", "enable", &id]).contains("the credentials do not allow this"));
}

#[test]
fn rules_come_before_a_ca_is_switched_on() {
    let stage = Stage::new();
    let id = stage.id();
    stage.done(&["ca", "disable", &id]);
    let told = stage.refused(&["ca", "enable", &id]);
    assert!(
        told.contains(&format!("nobody has enrolled CA {id}, and its rules come first: jitr ca enrol {id}")),
        "{told}"
    );
    let enrolled = stage.jitr(&["ca", "enrol", &id]);
    assert!(enrolled.status.success(), "{}", errors(&enrolled));
    assert!(String::from_utf8_lossy(&enrolled.stdout).contains(&format!("jitr ca enable {id}")));
    stage.done(&["ca", "enable", &id]);
    assert_eq!(state(&stage), states("ACTIVE", "ENABLE"));
}
