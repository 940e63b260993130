//! A client that nobody here wrote: the AWS IoT Device SDK for Python.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use tests::stack::{Stack, setting};
use tokio::process::Command;

use crate::{HOUR, unique};

#[tokio::test]
async fn the_device_sdk_for_python_comes_in_and_publishes() -> Result<()> {
    let stack = Stack::connect().await;
    let fleet = stack.fleet("sdk", &[]).await?;
    let name = unique("pump");
    let device = fleet.device(&name, HOUR)?;
    let (certificate, key) = fleet.files(&device)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(root.join("../.venv/bin/python"))
        .arg(root.join("clients/device_sdk.py"))
        .args(["--client-id", &name, "--endpoint", &setting("JITR_MQTT_ENDPOINT")])
        .args(["--server-ca", &setting("JITR_SERVER_CA")])
        .arg("--certificate")
        .arg(certificate)
        .arg("--key")
        .arg(key)
        .kill_on_drop(true)
        .output()
        .await
        .context("the virtual environment of the local cloud has no Python")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(printed.lines().last().context("no output")?)?;
    assert_eq!(report["published"], true, "{report}");
    assert!(report["failures"].as_u64().unwrap() >= 1, "the first connection is always refused: {report}");
    Ok(())
}
