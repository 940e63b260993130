//! The walk-through's own commands, word for word: `openssl` makes the CA and the device's certificate, the AWS CLI
//! registers the CA, `jitr ca enrol` lets the stack serve it, `mosquitto_pub` is refused once and then publishes.
//!
//! OpenSSL up to 3.0 makes device certificates of X.509 version 1 so. Where a tool is not installed, frozen files like its
//! own, the SDK, and this suite's own client take its place.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_iot::types::CertificateStatus;
use jitr::device::session::Message;
use jitr::issue::{CertificateAuthority, DeviceCredentials};
use serde_json::Value;
use shared::decision::Decision;
use shared::id::CaCertificateId;
use shared::pki::Certificate;
use shared::testing::{frozen_certificate, frozen_key};
use tempfile::TempDir;
use tests::stack::{PATIENCE, Stack, jitr, now, setting};
use tokio::process::Command;

use crate::unique;

/// How long one command may take.
const COMMAND_TIME_OUT: Duration = Duration::from_secs(30);

/// Which of the walk-through's tools are used.
#[derive(Clone, Copy, Debug)]
struct Tools {
    aws: bool,
    mosquitto: bool,
    openssl: bool,
}

impl Tools {
    const NONE: Self = Self { aws: false, mosquitto: false, openssl: false };

    fn installed() -> Self {
        let path = setting("PATH");
        let is_there = |name| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        Self { aws: is_there("aws"), mosquitto: is_there("mosquitto_pub"), openssl: is_there("openssl") }
    }
}

/// Somebody who follows the walk-through in a folder of their own.
struct Reader {
    folder: TempDir,
    /// Common name of the device, and so its thing's name and its client id.
    name: String,
    stack: Stack,
    tools: Tools,
}

impl Reader {
    async fn new(tools: Tools) -> Result<Self> {
        let name = if tools.openssl { unique("pump") } else { "by-hand-device".to_owned() };
        Ok(Self { folder: tempfile::tempdir()?, name, stack: Stack::connect().await, tools })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.path(name)).with_context(|| name.to_owned())
    }

    /// Types a command; none if it fails.
    async fn tries(&self, command: &str) -> Result<Option<String>> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).current_dir(self.folder.path()).kill_on_drop(true);
        let ended = tokio::time::timeout(COMMAND_TIME_OUT, shell.output()).await;
        let output = ended.with_context(|| format!("{command}: no end within {COMMAND_TIME_OUT:?}"))??;
        if !output.status.success() {
            println!("{command}: {}", String::from_utf8_lossy(&output.stderr));
            return Ok(None);
        }
        Ok(Some(String::from_utf8(output.stdout)?))
    }

    /// Types a command that has to succeed; gives what it prints.
    async fn types(&self, command: &str) -> Result<String> {
        self.tries(command).await?.with_context(|| format!("this failed: {command}"))
    }

    /// A member of the JSON that a command prints.
    async fn reads(&self, member: &str, command: &str) -> Result<String> {
        let answer: Value = serde_json::from_str(&self.types(command).await?)?;
        Ok(answer.get(member).and_then(Value::as_str).with_context(|| format!("no {member}: {answer}"))?.to_owned())
    }

    async fn makes_ca(&self) -> Result<()> {
        if !self.tools.openssl {
            fs::write(self.path("CAroot.pem"), frozen_certificate("by-hand-ca"))?;
            fs::write(self.path("CAroot.key"), frozen_key("by-hand-ca"))?;
            return Ok(());
        }
        let subject = format!("/CN={}", unique("walk-through"));
        self.types("openssl genrsa -out CAroot.key 2048").await?;
        self.types(&format!(
            "openssl req -x509 -new -nodes -key CAroot.key -sha256 -days 1024 -out CAroot.pem -subj {subject}"
        ))
        .await?;
        Ok(())
    }

    async fn registers_ca(&self) -> Result<CaCertificateId> {
        let iot = &self.stack.iot;
        let code = if self.tools.aws {
            self.reads("registrationCode", "aws iot get-registration-code").await?
        } else {
            iot.get_registration_code().send().await?.registration_code.context("no registration code")?
        };
        self.proves_possession(&code).await?;
        let id = if self.tools.aws {
            let register = "aws iot register-ca-certificate --ca-certificate file://CAroot.pem \
                            --verification-cert file://verificationCert.crt --set-as-active --allow-auto-registration";
            self.reads("certificateId", register).await?
        } else {
            let request = iot.register_ca_certificate().ca_certificate(self.file("CAroot.pem")?);
            let request = request.verification_certificate(self.file("verificationCert.crt")?);
            let answer = request.set_as_active(true).allow_auto_registration(true).send().await?;
            answer.certificate_id.context("no id of the CA")?
        };
        Ok(id.parse()?)
    }

    /// Has the CA sign a certificate whose common name is the registration code.
    async fn proves_possession(&self, code: &str) -> Result<()> {
        if !self.tools.openssl {
            let authority = CertificateAuthority::from_pem(&self.file("CAroot.pem")?, &self.file("CAroot.key")?)?;
            fs::write(self.path("verificationCert.crt"), authority.issue_verification(code, now())?)?;
            return Ok(());
        }
        for command in [
            "openssl genrsa -out verificationCert.key 2048",
            &format!("openssl req -new -key verificationCert.key -out verificationCert.csr -subj /CN={code}"),
            "openssl x509 -req -in verificationCert.csr -CA CAroot.pem -CAkey CAroot.key -CAcreateserial \
             -out verificationCert.crt -days 500 -sha256",
        ] {
            self.types(command).await?;
        }
        Ok(())
    }

    async fn makes_device(&self) -> Result<DeviceCredentials> {
        if self.tools.openssl {
            for command in [
                "openssl genrsa -out deviceCert.key 2048",
                &format!("openssl req -new -key deviceCert.key -out deviceCert.csr -subj /CN={}", self.name),
                "openssl x509 -req -in deviceCert.csr -CA CAroot.pem -CAkey CAroot.key -CAcreateserial \
                 -out deviceCert.crt -days 365 -sha256",
            ] {
                self.types(command).await?;
            }
        } else {
            fs::write(self.path("deviceCert.crt"), frozen_certificate("by-hand-device"))?;
            fs::write(self.path("deviceCert.key"), frozen_key("by-hand-device"))?;
        }
        self.types("cat deviceCert.crt CAroot.pem > deviceCertAndCACert.crt").await?;
        let certificate_pem = self.file("deviceCert.crt")?;
        let certificate = Certificate::from_pem(&certificate_pem)?;
        Ok(DeviceCredentials {
            certificate_id: certificate.id().clone(),
            chain_pem: self.file("deviceCertAndCACert.crt")?,
            certificate_pem,
            key_pem: self.file("deviceCert.key")?,
            not_after: certificate.not_after(),
            serial: certificate.serial().clone(),
        })
    }

    /// Publishes one message; tells whether the service has accepted it.
    async fn publishes(&self, device: &DeviceCredentials) -> Result<bool> {
        let (name, topic) = (&self.name, format!("dt/{}/hello", self.name));
        if !self.tools.mosquitto {
            let Ok(mut session) = self.stack.session(device, name).await? else { return Ok(false) };
            let message = Message { topic, payload: b"Hello".to_vec() };
            return Ok(session.publish(&message, PATIENCE).await.is_ok());
        }
        let endpoint = setting("JITR_MQTT_ENDPOINT");
        let (host, port) = endpoint.rsplit_once(':').context("no host:port")?;
        fs::copy(setting("JITR_SERVER_CA"), self.path("root.pem"))?;
        let publish = format!(
            "mosquitto_pub --cafile root.pem --cert deviceCertAndCACert.crt --key deviceCert.key -h {host} -p {port} -q 1 \
             -t {topic} -i {name} --tls-version tlsv1.2 -m Hello"
        );
        Ok(self.tries(&publish).await?.is_some())
    }
}

async fn walk_through(tools: Tools) -> Result<()> {
    println!("{tools:?}");
    let reader = Reader::new(tools).await?;
    reader.makes_ca().await?;
    let ca = reader.registers_ca().await?;
    jitr(&["ca", "enrol", ca.as_str()]).await?;
    let device = reader.makes_device().await?;

    if reader.publishes(&device).await? {
        bail!("a certificate that AWS IoT had never seen was let in");
    }
    let stack = &reader.stack;
    stack.decided(&ca, &device, Decision::Activated).await?;
    assert_eq!(stack.status(&device.certificate_id).await?, Some(CertificateStatus::Active));
    assert!(reader.publishes(&device).await?, "the device is in, and its message was not accepted");
    Ok(())
}

#[tokio::test]
async fn the_walk_through_ends_in_an_accepted_message() -> Result<()> {
    walk_through(Tools::installed()).await
}

#[tokio::test]
async fn the_walk_throughs_certificates_of_version_1_come_in() -> Result<()> {
    // Without OpenSSL the other test has used the frozen files, and a CA is registered once.
    if Tools::installed().openssl { walk_through(Tools::NONE).await } else { Ok(()) }
}
