//! `jitr crl publish`: no list is replaced by a step back, nor by one that does not know of it.

use serde_json::{Value, json};

use crate::{Stage, errors};

/// A CA whose lists are published to S3, with its key in the folder.
fn stage() -> Stage {
    let stage = Stage::enrolled(&["--crl-source", "s3://lists/fleet.crl"]);
    stage.write("ca.pem", stage.authority.certificate_pem());
    stage.write("ca.key", stage.authority.key_pem());
    stage
}

/// Makes a list of a number.
fn list(stage: &Stage, number: &str, arguments: &[&str]) -> String {
    let file = format!("{number}.crl");
    let new = ["crl", "new", "--ca", "ca.pem", "--ca-key", "ca.key", "--force", "--number", number, "--out", &file];
    stage.done(&[&new[..], arguments].concat());
    file
}

fn publish(stage: &Stage, file: &str) -> Value {
    stage.answer(&["crl", "publish", file, "--ca", &stage.id()])
}

fn refused(stage: &Stage, file: &str) -> String {
    stage.refused(&["crl", "publish", file, "--ca", &stage.id()])
}

#[test]
fn changes_are_told_with_whom_they_mean_before_they_are_published() {
    let stage = stage();
    let id = stage.id();
    stage.account.change(|state| state.registered(&id, "a2", "pump-2", "ACTIVE"));
    let first = publish(&stage, &list(&stage, "0x5", &["--revoke", "0xa1"]));
    assert_eq!((&first["unchanged"], &first["entries"]), (&json!(false), &json!(1)));
    let second = list(&stage, "0x6", &["--from", "0x5.crl", "--hold", "0xa2", "--remove", "0xa1"]);
    let told = stage.jitr(&["crl", "publish", &second, "--ca", &id, "--dry-run"]);
    let told = errors(&told);
    assert!(told.contains("+ 0xa2 (decimal 162) certificateHold: thing pump-2, ACTIVE"), "{told}");
    assert!(told.contains("- 0xa1 (decimal 161) unspecified: no certificate of this serial number"), "{told}");
    assert!(stage.would(&["crl", "publish", &second, "--ca", &id, "--dry-run"]).starts_with("dry run"));
    let answer = publish(&stage, &second);
    assert_eq!(answer["changes"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["changes"][1]["thingName"], "pump-2");
    let again = publish(&stage, &second);
    assert_eq!((&again["unchanged"], &again["changes"]), (&json!(true), &json!([])));
}

#[test]
fn a_step_back_is_published_by_force_only() {
    let stage = stage();
    let many: Vec<_> = (0xa00..0xa20).flat_map(|serial| ["--revoke".to_owned(), format!("0x{serial:x}")]).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    publish(
        &stage,
        &list(&stage, "0x6", &[&many[..], &["--this-update", "2026-09-02T12:00:00Z", "--days", "400"]].concat()),
    );
    let later = ["--this-update", "2026-09-03T12:00:00Z", "--days", "400"];
    for (number, arguments, part) in [
        ("0x5", [&many[..], &later].concat(), "its number 5 is lower than 6"),
        ("0x7", [&many[..], &["--this-update", "2026-09-01T12:00:00Z", "--days", "400"]].concat(), "was seen before"),
        ("0x8", later.to_vec(), "it lists 0 certificates after 32"),
        ("0x6", [&many[2..], &later].concat(), "another list of number 0x6 (decimal 6) is there"),
    ] {
        let told = refused(&stage, &list(&stage, number, &arguments));
        assert!(told.contains(part), "{part}: {told}");
        assert!(told.contains("--force does it all the same"), "{told}");
    }
    let forced = stage.answer(&["crl", "publish", "0x5.crl", "--ca", &stage.id(), "--force"]);
    assert_eq!(forced["crlNumber"], "5");
}

#[test]
fn how_much_a_list_may_lose_is_for_the_stack_to_say() {
    let stage = stage();
    let all: Vec<_> = (0xa00..0xa1e).flat_map(|serial| ["--revoke".to_owned(), format!("0x{serial:x}")]).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    publish(&stage, &list(&stage, "0x5", &all));
    let fewer = list(&stage, "0x6", &all[20..]);
    let tells = |share: &str| {
        let told = json!({"CRL_MINIMUM_SHARE": share});
        stage.account.change(|state| drop(state.environments.insert("iot-jitr-crl-checker".to_owned(), told)));
    };
    tells("80");
    let told = refused(&stage, &fewer);
    assert!(told.contains("crl_shrunk"), "{told}");
    tells("60");
    publish(&stage, &fewer);
}

/// Each has made number 6 of number 5; the one who is later is told.
#[test]
fn of_two_operators_the_later_one_overwrites_nothing() {
    let stage = stage();
    publish(&stage, &list(&stage, "0x5", &[]));
    let mine = list(&stage, "0x6", &["--from", "0x5.crl", "--revoke", "0xa1"]);
    // Between reading and writing.
    stage.account.change(|state| state.changes_when_read = Some(b"the other one's".to_vec()));
    let output = stage.jitr(&["crl", "publish", &mine, "--ca", &stage.id()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("somebody else has published"), "{}", errors(&output));
    assert_eq!(stage.account.state().objects["/lists/fleet.crl"], b"the other one's");
}

#[test]
fn a_list_that_can_not_be_read_is_not_replaced() {
    let stage = stage();
    publish(&stage, &list(&stage, "0x5", &[]));
    let mine = list(&stage, "0x6", &[]);
    stage.account.fail("GetObject", 0, 403, "AccessDenied");
    let told = refused(&stage, &mine);
    assert!(told.contains("it is not known what would be replaced"), "{told}");
}
