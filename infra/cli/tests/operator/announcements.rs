//! `jitr allow`: nothing is replaced unasked.

use serde_json::{Value, json};

use crate::Stage;

fn stage() -> Stage {
    Stage::enrolled(&["--admission", "listed"])
}

/// New, changed, unchanged.
fn counts(answer: &Value) -> [u64; 3] {
    ["new", "changed", "unchanged"].map(|name| answer[name].as_u64().unwrap())
}

#[test]
fn what_is_announced_already_is_told_from_what_is_new() {
    let stage = stage();
    let id = stage.id();
    let add = ["allow", "add", "--ca", &id, "--serial", "0xa1", "--name", "pump-1", "--note", "batch 4"];
    assert_eq!(counts(&stage.answer(&add)), [1, 0, 0]);
    assert_eq!(counts(&stage.answer(&add)), [0, 0, 1]);
    assert_eq!(counts(&stage.answer(&add[..8])), [0, 0, 1], "a note that is not given stays");
    stage.write("list.csv", "serial,name\na1,pump-1\nb2,\n,pump-9\n");
    let file = ["allow", "add", "--ca", &id, "--file", "list.csv"];
    assert_eq!(counts(&stage.answer(&file)), [2, 0, 1]);
    assert_eq!(counts(&stage.answer(&file)), [0, 0, 3]);
}

#[test]
fn another_binding_or_note_is_replaced_only_if_that_is_asked_for() {
    let stage = stage();
    let id = stage.id();
    stage.done(&["allow", "add", "--ca", &id, "--serial", "0xa1", "--name", "pump-1", "--note", "batch 4"]);
    let other = ["allow", "add", "--ca", &id, "--serial", "0xa1", "--name", "pump-2"];
    let told = stage.refused(&other);
    assert!(told.contains("serial 0xa1 is announced for pump-1 and not pump-2"), "{told}");
    stage.write("list.csv", "serial,name\na1,pump-2\nb2,pump-3\n");
    let told = stage.refused(&["allow", "add", "--ca", &id, "--file", "list.csv"]);
    assert!(told.contains("nothing was changed"), "{told}");
    let replace = [&other[..], &["--replace"]].concat();
    assert!(stage.would(&[&replace[..], &["--dry-run"]].concat()).contains("0 new, 1 changed, 0 unchanged"));
    assert_eq!(counts(&stage.answer(&replace)), [0, 1, 0]);
    let list = stage.answer(&["allow", "list", "--ca", &id]);
    assert_eq!((&list[0]["thingName"], &list[0]["note"]), (&json!("pump-2"), &json!("batch 4")));
}

#[test]
fn a_name_that_serial_numbers_are_bound_to_is_not_denied() {
    let stage = stage();
    let id = stage.id();
    stage.done(&["allow", "add", "--ca", &id, "--serial", "0x10", "--name", "pump-1"]);
    let told = stage.would(&["allow", "remove", "--ca", &id, "--name", "pump-1"]);
    assert!(told.contains(&format!("jitr allow remove --ca {id} --serial 0x10")), "{told}");
    let remove = ["allow", "remove", "--ca", &id, "--serial", "0x10"];
    assert!(stage.would(&[&remove[..], &["--dry-run"]].concat()).contains("serial 0x10 is announced"));
    assert_eq!(stage.answer(&remove)["removed"], true);
    assert_eq!(stage.answer(&["allow", "list", "--ca", &id]), json!([]));
}

/// What was announced before a failure stands, and the same command goes on.
#[test]
fn a_list_that_is_cut_short_is_completed_by_the_next_run() {
    let stage = stage();
    let id = stage.id();
    let names: Vec<_> = (0..100).map(|n| format!("pump-{n}")).collect();
    stage.write("list.csv", format!("name\n{}\n", names.join("\n")));
    let add = ["allow", "add", "--ca", &id, "--file", "list.csv"];
    stage.account.fail("PutItem", 40, 400, "AccessDeniedException");
    let output = stage.jitr(&add);
    assert_eq!(output.status.code(), Some(1));
    let told = crate::errors(&output);
    assert!(told.contains("of 100 were announced; run the command again, it goes on"), "{told}");
    stage.account.mend();
    let [new, changed, unchanged] = counts(&stage.answer(&add));
    assert_eq!((new + unchanged, changed), (100, 0));
    assert!(unchanged >= 25, "{unchanged} of about 40 stand");
    assert_eq!(stage.account.state().rows("authorities").len(), 101);
}
