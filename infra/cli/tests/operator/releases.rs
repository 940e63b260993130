//! `jitr thing release`: what is destroyed is named, and wanted.

use crate::{Stage, errors};

const CERTIFICATE: &str = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

/// A thing of the stack's, or of somebody else's, with a certificate.
fn stage(is_own: bool, status: &str) -> Stage {
    let stage = Stage::enrolled(&[]);
    let id = stage.id();
    stage.account.change(|state| {
        state.registered(&id, "a1", "pump-1", status);
        state.certificates.insert(CERTIFICATE.to_owned(), status.to_owned());
        let registration = is_own.then(|| format!("{id}#a1"));
        state.things.insert("pump-1".to_owned(), (registration, vec![CERTIFICATE.to_owned()]));
    });
    stage
}

#[test]
fn nothing_is_destroyed_unasked() {
    let stage = stage(true, "INACTIVE");
    let told = stage.refused(&["thing", "release", "pump-1"]);
    for part in
        [&format!("certificate {CERTIFICATE}: would be detached"), "thing pump-1, made for registration", "--yes does"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(stage.would(&["thing", "release", "pump-1", "--dry-run"]).starts_with("dry run"));
    let answer = stage.answer(&["thing", "release", "pump-1", "--yes"]);
    assert_eq!((&answer["deleted"], &answer["detached"][0]), (&true.into(), &CERTIFICATE.into()));
    assert!(stage.account.state().things.is_empty());
    assert!(stage.done(&["thing", "release", "pump-1"]).contains("does not exist"));
}

#[test]
fn what_is_in_use_or_of_others_needs_force() {
    for (is_own, status, part) in [
        (true, "ACTIVE", "is ACTIVE: --force switches it off"),
        (false, "INACTIVE", "was not made by this stack: --force deletes it"),
    ] {
        let stage = stage(is_own, status);
        let told = stage.refused(&["thing", "release", "pump-1", "--yes"]);
        assert!(told.contains(part), "{part}: {told}");
        stage.done(&["thing", "release", "pump-1", "--yes", "--force"]);
        let left = stage.account.state();
        assert!(left.things.is_empty());
        assert_eq!(left.certificates[CERTIFICATE], "INACTIVE");
    }
}

#[test]
fn a_certificate_on_hold_is_named() {
    let stage = stage(true, "INACTIVE");
    stage.account.change(|state| state.hold("a1"));
    let told = stage.refused(&["thing", "release", "pump-1", "--yes"]);
    assert!(told.contains("is on hold, and would not come back: --force detaches it"), "{told}");
}

/// The thing is gone by then: the error says so, and what is left.
#[test]
fn whoever_waits_for_the_name_is_told_by_the_next_run() {
    let stage = stage(true, "INACTIVE");
    let release = ["thing", "release", "pump-1", "--yes"];
    stage.account.fail("Query", 1, 400, "AccessDeniedException");
    let output = stage.jitr(&release);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("thing pump-1 is gone, and devices that were refused"), "{}", errors(&output));
    assert!(stage.account.state().things.is_empty());
    stage.account.mend();
    stage.done(&release);
}

#[test]
fn what_is_interrupted_is_told_and_completed_by_the_next_run() {
    let stage = stage(true, "ACTIVE");
    let release = ["thing", "release", "pump-1", "--yes", "--force"];
    stage.account.fail("DeleteThing", 0, 403, "UnauthorizedException");
    let output = stage.jitr(&release);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("may be released in part; run the command again"), "{}", errors(&output));
    stage.account.mend();
    stage.done(&release);
    assert!(stage.account.state().things.is_empty());
}
