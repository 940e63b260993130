//! `jitr` as an operator uses it, against an account that remembers what was done to it: what each command changes, what it
//! leaves alone, and what stands after a failure.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where its set-up does")]

#[path = "operator/account.rs"]
mod account;
#[path = "operator/announcements.rs"]
mod announcements;
#[path = "operator/profiles.rs"]
mod profiles;
#[path = "operator/publishing.rs"]
mod publishing;
#[path = "operator/reasons.rs"]
mod reasons;
#[path = "operator/releases.rs"]
mod releases;
mod server;
#[path = "operator/switching.rs"]
mod switching;

use std::process::{Command, Output};

use account::Account;
use jitr::issue::{CertificateAuthority, KeyAlgorithm, Subject, Validity};
use serde_json::Value;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// An operator's folder, and the account that the commands reach.
struct Stage {
    account: Account,
    authority: CertificateAuthority,
    folder: TempDir,
}

impl Stage {
    /// An account with one CA that AWS IoT has and the stack does not know.
    fn new() -> Self {
        let validity = Validity::days(now() - Duration::days(1), 30);
        let authority =
            CertificateAuthority::new(&Subject::common_name("Maker Root"), validity, KeyAlgorithm::P256).unwrap();
        let account = Account::start();
        account.change(|state| state.register(authority.certificate().id().as_str(), authority.certificate_pem()));
        Self { account, authority, folder: tempfile::tempdir().unwrap() }
    }

    /// The same after `jitr ca enrol` with these arguments.
    fn enrolled(arguments: &[&str]) -> Self {
        let stage = Self::new();
        let id = stage.id();
        stage.done(&[&["ca", "enrol", &id], arguments].concat());
        stage
    }

    fn id(&self) -> String {
        self.authority.certificate().id().to_string()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn jitr(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_jitr"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL", self.account.endpoint())
            .env("AWS_MAX_ATTEMPTS", "1")
            .env_remove("AWS_PROFILE")
            .env_remove("JITR_OFFLINE_GRACE")
            .env_remove("JITR_STACK")
            .output()
            .expect("the binary is built with this test")
    }

    /// What a command prints that succeeds.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.jitr(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command answers that succeeds.
    fn answer(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[&["--json"], arguments].concat())).unwrap()
    }

    /// What a command says that fails, and that changes nothing.
    fn refused(&self, arguments: &[&str]) -> String {
        let before = self.account.state();
        let output = self.jitr(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", errors(&output));
        assert_eq!(self.account.state(), before, "{arguments:?} has changed something");
        errors(&output)
    }

    /// The same of a dry run that succeeds.
    fn would(&self, arguments: &[&str]) -> String {
        let before = self.account.state();
        let printed = self.done(arguments);
        assert_eq!(self.account.state(), before, "{arguments:?} has changed something");
        printed
    }
}

fn now() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "the binary reads the clock too")]
    OffsetDateTime::now_utc()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
