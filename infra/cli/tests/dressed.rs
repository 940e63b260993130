//! Files as tools really write them: with text around their PEM, in DER, with other line ends and byte order marks.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its set-up does")]

use std::fs;
use std::process::{Command, Output};

use jitr::issue::{CertificateAuthority, DeviceRequest, KeyAlgorithm, Subject, Validity};
use tempfile::TempDir;
use time::macros::datetime;

/// What OpenSSL makes of `ca.pem`, `ca.key`, `device.pem` and `list.pem`; the last argument names the new file.
const BY_OPENSSL: [&str; 11] = [
    "x509 -in ca.pem -text -out ca-text.pem",
    "x509 -in ca.pem -trustout -addtrust clientAuth -out ca-trusted.pem",
    "x509 -in ca.pem -outform DER -out ca.der",
    "x509 -in device.pem -text -fingerprint -out device-text.pem",
    "crl -in list.pem -text -out list-text.pem",
    "crl -in list.pem -outform DER -out list.der",
    "ec -in ca.key -outform DER -out ca-key.der",
    "ec -in ca.key -text -out ca-key-text.pem",
    "pkcs12 -export -in ca.pem -inkey ca.key -name pumps -passout pass: -out ca.p12",
    "pkcs12 -in ca.p12 -passin pass: -nodes -out ca-bags.pem",
    "ec -in ca.key -aes128 -passout pass:secret -out ca-encrypted.pem",
];

struct Stage(TempDir);

impl Stage {
    fn new() -> Self {
        let validity = Validity::days(datetime!(2026-09-01 12:00 UTC), 3650);
        let authority =
            CertificateAuthority::new(&Subject::common_name("Maker Root"), validity, KeyAlgorithm::P256).unwrap();
        let subject = Subject::common_name("pump-1");
        let serial = Some("a01".parse().unwrap());
        let device = DeviceRequest { subject, validity, key: KeyAlgorithm::P256, serial };
        let device = authority.issue_device(&device).unwrap();
        let stage = Self(tempfile::tempdir().unwrap());
        stage.write("ca.pem", authority.certificate_pem());
        stage.write("ca.key", &authority.key_pem());
        stage.write("device.pem", &device.chain_pem);
        stage.write("routes.json", "\u{feff}{}\r\n");
        stage.run(
            "crl new --ca ca.pem --ca-key ca.key --revoke a01=keyCompromise --out list.pem \
             --this-update 2026-09-01T12:00:00Z --next-update 2026-09-08T12:00:00Z",
            0,
        );
        for arguments in BY_OPENSSL {
            let output = stage.command("openssl", arguments);
            assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        }
        for name in ["ca", "device", "list"] {
            let text = fs::read_to_string(stage.0.path().join(format!("{name}-text.pem"))).unwrap();
            stage.write(&format!("{name}-windows.pem"), &format!("\u{feff}{}", text.replace('\n', "\r\n")));
            stage.write(&format!("{name}-mac.pem"), &text.replace('\n', "\r"));
        }
        stage
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.0.path().join(name), content).unwrap();
    }

    fn command(&self, program: &str, arguments: &str) -> Output {
        let mut command = Command::new(program);
        command.args(arguments.split(' ')).current_dir(self.0.path()).env_remove("AWS_ENDPOINT_URL");
        command.output().expect("this test needs the command openssl")
    }

    /// Runs `jitr`, and gives what it writes.
    fn run(&self, arguments: &str, code: i32) -> String {
        let output = self.command(env!("CARGO_BIN_EXE_jitr"), arguments);
        let written = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        assert_eq!(output.status.code(), Some(code), "{arguments}: {written}");
        written
    }
}

#[test]
fn every_file_is_read_as_tools_write_it() {
    let stage = Stage::new();
    let check = |ca: &str, crl: &str, cert: &str| {
        let arguments = format!("crl check --ca {ca} --crl {crl} --cert {cert} --at 2026-09-03T00:00:00Z");
        let answer = stage.run(&arguments, 2);
        assert!(answer.contains("keyCompromise"), "{arguments}: {answer}");
    };
    for ca in ["ca.pem", "ca-text.pem", "ca-trusted.pem", "ca.der", "ca-bags.pem", "ca-windows.pem", "ca-mac.pem"] {
        check(ca, "list.pem", "device.pem");
    }
    for crl in ["list-text.pem", "list.der", "list-windows.pem", "list-mac.pem"] {
        check("ca.pem", crl, "device.pem");
    }
    for cert in ["device-text.pem", "device-windows.pem", "device-mac.pem"] {
        check("ca.pem", "list.pem", cert);
    }
    for (ca, key) in [
        ("ca-text.pem", "ca-key-text.pem"),
        ("ca.der", "ca-key.der"),
        ("ca-bags.pem", "ca-bags.pem"),
        ("ca-trusted.pem", "ca-key-text.pem"),
    ] {
        stage.run(&format!("device new --ca {ca} --ca-key {key} --name pump-2 --out made --force"), 0);
        for from in ["list-text.pem", "list.der", "list-windows.pem"] {
            stage.run(&format!("crl new --ca {ca} --ca-key {key} --from {from} --out next.crl --force"), 0);
        }
    }
    assert_eq!(stage.run("routes check routes.json", 0), "no routes\n");
}

#[test]
fn what_can_not_be_used_is_named() {
    let stage = Stage::new();
    let new = |ca: &str, key: &str| {
        stage.run(&format!("device new --ca {ca} --ca-key {key} --name pump-2 --out made --force"), 1)
    };
    for (ca, key, words) in [
        (
            "ca.key",
            "ca.key",
            "ca.key is not usable: it is neither DER nor PEM with a block CERTIFICATE: it has PRIVATE KEY",
        ),
        (
            "ca.pem",
            "ca.pem",
            "ca.pem is not usable: it is neither DER nor PEM with a block PRIVATE KEY: it has CERTIFICATE",
        ),
        ("ca.pem", "ca-encrypted.pem", "ca-encrypted.pem is not usable: it is encrypted"),
        ("ca.p12", "ca.key", "ca.p12 is not usable: not an X.509 certificate"),
        ("routes.json", "ca.key", "routes.json is not usable: it is neither DER nor PEM with a block CERTIFICATE"),
        ("ca.pem", "routes.json", "routes.json is not usable: it is not a private key"),
    ] {
        let written = new(ca, key);
        assert!(written.contains(words), "{words}: {written}");
    }
}
