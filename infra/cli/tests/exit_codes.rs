//! How the command line ends without a cloud: 0 for what was answered, 1 for what could not be asked.

#![expect(clippy::expect_used, reason = "a test ends where its set-up does")]

use std::process::{Command, Output};

fn jitr(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jitr"))
        .args(arguments)
        .env("AWS_REGION", "us-east-1")
        .env_remove("AWS_ENDPOINT_URL")
        .output()
        .expect("the binary is built with this test")
}

#[test]
fn help_and_version_are_answers() {
    assert!(jitr(&["--version"]).status.success());
    let help = jitr(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for command in ["ca", "device", "devices", "allow", "crl", "sweep", "thing", "why"] {
        assert!(text.contains(command), "{text}");
    }
}

#[test]
fn a_note_that_is_too_long_ends_with_1_and_names_the_option_and_the_limit() {
    let long = "n".repeat(1025);
    let output = jitr(&["allow", "add", "--ca", "ab", "--name", "pump-17", "--note", &long]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("--note takes at most 1024 bytes, this text has 1025"), "{text}");
}

#[test]
fn what_can_not_be_asked_ends_with_1_and_says_why() {
    for (arguments, words) in [
        (&["why"][..], "Usage"),
        (&["ca", "new"], "--name"),
        (&["device", "connect", "--cert", "missing.pem", "--key", "missing.key"], "missing.pem"),
        (&["ca", "register", "--ca", "missing.pem", "--ca-key", "missing.key"], "missing.pem"),
        (&["crl", "check", "--ca", "missing.pem", "--crl", "missing.crl", "--cert", "missing.pem"], "missing.pem"),
        (&["crl", "check", "--colour", "red"], "--colour"),
        (&["crl", "new", "--ca", "missing.pem", "--ca-key", "missing.key", "--out", "missing.crl"], "missing.pem"),
        (&["sweep", "--accept-shrunk"], "--ca"),
        (&["devices", "list", "--offline-for", "soon"], "--offline-for"),
        (&["devices", "show", ""], "a client id must have 1 to 2048 octets"),
    ] {
        let output = jitr(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}
