//! The same lists read by the command `openssl crl`.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use shared::pki::crl::RevocationReason;

use crate::make::sign;
use crate::shapes::shapes;
use crate::{Listed, NOW, certificate, check, file, is_possible, path, read};

/// Generated lists; a process each.
const GENERATED: usize = 60;

/// Entries, and whether the signature verifies; none if OpenSSL can't read the list.
fn verdict(list: &[u8]) -> Option<(Vec<Listed>, bool)> {
    let mut command = Command::new("openssl");
    command.args(["crl", "-inform", "DER", "-noout", "-text", "-verify", "-CAfile"]).arg(path("authorities.pem"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let spawned = command.spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("this test needs the command openssl: {error}"));
    child.stdin.take().unwrap().write_all(list).unwrap();
    let output = child.wait_with_output().unwrap();
    let (text, messages) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    text.contains("Certificate Revocation List").then(|| (entries(&text), messages.contains("verify OK")))
}

/// The entries with serial numbers that a certificate can have.
fn entries(text: &str) -> Vec<Listed> {
    let mut listed: Vec<(&str, RevocationReason)> = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(serial) = line.strip_prefix("Serial Number: ") {
            listed.push((serial, RevocationReason::Unspecified));
        } else if line.starts_with("X509v3 CRL Reason Code:") {
            listed.last_mut().unwrap().1 = reason(lines.next().unwrap());
        }
    }
    let possible = |(serial, reason): (&str, _)| {
        // Negative ones begin with a sign, and those of more than 34 octets go on in the next line.
        let octets = hex::decode(serial.trim_start_matches("00")).ok()?;
        is_possible(&octets).then_some((octets, reason))
    };
    listed.into_iter().filter_map(possible).collect()
}

fn reason(words: &str) -> RevocationReason {
    let is_named = |reason: &RevocationReason| reason.as_str().eq_ignore_ascii_case(&words.replace(' ', ""));
    RevocationReason::ALL.into_iter().find(is_named).unwrap_or_else(|| panic!("OpenSSL says {words:?}"))
}

#[test]
fn generated_lists_say_the_same() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..GENERATED {
        let shape = shapes(true).new_tree(&mut runner).unwrap().current();
        let list = sign(&shape.signed_part);
        assert_eq!(check(&list, &certificate("ca-p256"), NOW).as_ref(), Ok(&shape.listed));
        assert_eq!(verdict(&list), Some((shape.listed.clone(), true)), "{shape:02x?}");

        // The signature of another list.
        let end = list.len() - 80;
        let other = shapes(true).new_tree(&mut runner).unwrap().current();
        if other.signed_part == shape.signed_part {
            continue;
        }
        let other = sign(&other.signed_part);
        let swapped = [&list[..end], &other[other.len() - 80..]].concat();
        assert!(check(&swapped, &certificate("ca-p256"), NOW).is_err());
        assert!(verdict(&swapped).is_none_or(|(_, verifies)| !verifies));
    }
}

#[test]
fn frozen_lists_say_the_same() {
    for entry in std::fs::read_dir(path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(label) = name.strip_prefix("good-").and_then(|name| name.strip_suffix(".der")) else { continue };
        let authority = match label.split('-').next().unwrap() {
            "rsa" => "ca-rsa",
            "p384" => "ca-p384",
            "p521" => "ca-p521",
            _ => "ca-p256",
        };
        let list = file(&name);
        let (crl, listed) = read([list.as_slice()], &certificate(authority));
        crl.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(verdict(&list), Some((listed, true)), "{name}");
    }
    for name in ["bad-signature-invalid", "bad-signature-invalid-serial"] {
        let (_, verifies) = verdict(&file(&format!("{name}.der"))).unwrap();
        assert!(!verifies, "{name}");
    }
}
