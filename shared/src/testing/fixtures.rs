//! The event fixtures of `events/` and the frozen certificates of `tests/data/`.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a fixture that can't be read ends the test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Names of the frozen CAs, `<name>-ca`, each with a `<name>-device` that events of the activator are about.
pub const FROZEN_FLEETS: [&str; 2] = ["fixture", "walkthrough"];

/// An event with its expected outcome.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// What stands beside it in `<name>.expected.json`.
    pub expected: Value,
    /// File name without its ending.
    pub name: String,
    /// The bytes as they would reach the function; not always JSON.
    pub payload: Vec<u8>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All fixtures in a folder of `events/`, each with its expected outcome.
#[must_use]
pub fn fixtures(folder: &str) -> Vec<Fixture> {
    let folder = repository().join("events").join(folder);
    let mut fixtures = Vec::new();
    for entry in fs::read_dir(&folder).expect("a folder of events/") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in Unicode");
        if let Some(name) = name.strip_suffix(".json").filter(|name| !name.ends_with(".expected")) {
            let expected =
                fs::read(folder.join(format!("{name}.expected.json"))).expect("an outcome beside each event");
            fixtures.push(Fixture {
                expected: serde_json::from_slice(&expected).expect("an outcome in JSON"),
                name: name.to_owned(),
                payload: fs::read(&path).expect("a readable event"),
            });
        }
    }
    fixtures
}

/// A frozen certificate in PEM.
#[must_use]
pub fn frozen_certificate(name: &str) -> String {
    let der = fs::read(frozen(name, "der")).expect("a frozen certificate");
    pem::encode(&pem::Pem::new("CERTIFICATE", der))
}

/// The private key of a frozen certificate in PEM. Only the certificates that fixtures are about have kept theirs.
#[must_use]
pub fn frozen_key(name: &str) -> String {
    fs::read_to_string(frozen(name, "key")).expect("a frozen key")
}

fn frozen(name: &str, ending: &str) -> PathBuf {
    repository().join(format!("tests/data/certificates/{name}.{ending}"))
}
