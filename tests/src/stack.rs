//! The stack as `sam deploy` left it in the local cloud, a fleet with a CA of its own, and devices that really connect.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_iot::operation::describe_certificate::DescribeCertificateError;
use aws_sdk_iot::types::CertificateStatus;
use jitr::device::connect::{Admitted, BackOff, ConnectError, Options, connect};
use jitr::device::endpoint::{Endpoint, Identity, ServerTrust, client_config};
use jitr::device::session::{Message, Session, SessionError, Target};
use jitr::issue::{CertificateAuthority, DeviceCredentials, DeviceRequest, KeyAlgorithm, Subject, Validity};
use serde_json::{Value, json};
use shared::aws::authorities::Authorities;
use shared::aws::device_events::DeviceEvents;
use shared::aws::devices::Devices;
use shared::aws::registrations::Registrations;
use shared::decision::Decision;
use shared::id::{CaCertificateId, CertificateId};
use shared::port::RegistrationStore;
use shared::registration::{Registration, RegistrationId};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::process::Command;

/// Name of the stack under test.
pub const STACK: &str = "iot-jitr";
/// How long a device tries to get in; the activator may have to start first.
const TIME_OUT: Duration = Duration::from_mins(2);
/// Pause before something is looked at again.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// How long one answer may take.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long the emulator may take for one call. A test's call that is given up and made again fails, since the first one was
/// carried out: what is deleted already can't be deleted.
const ANSWER: Duration = Duration::from_mins(5);

/// The deployed stack.
#[derive(Clone)]
pub struct Stack {
    /// The `Authorities` table.
    pub authorities: Authorities,
    /// The `Devices` table.
    pub devices: Devices,
    /// The `DeviceEvents` table.
    pub device_events: DeviceEvents,
    /// Settings of SDK clients: the local cloud's endpoint and root credentials.
    pub config: SdkConfig,
    /// AWS IoT's control plane.
    pub iot: aws_sdk_iot::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// Base URL of the local cloud.
    pub url: String,
    endpoint: Endpoint,
    registrations: Registrations,
    server_ca: String,
}

impl Stack {
    /// Connects to the local cloud that the environment names.
    ///
    /// # Panics
    /// If there is none: these tests run inside of `infra/local/cloud.py run`.
    pub async fn connect() -> Self {
        let config = shared::aws::load_config().await.into_builder();
        let config = config.timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ANSWER).build()).build();
        let server_ca = setting("JITR_SERVER_CA");
        #[expect(clippy::expect_used, reason = "without the local cloud there is nothing to test")]
        Self {
            authorities: Authorities::new(&config, format!("{STACK}-authorities")),
            devices: Devices::new(&config, format!("{STACK}-devices")),
            device_events: DeviceEvents::new(&config, format!("{STACK}-device-events")),
            iot: aws_sdk_iot::Client::new(&config),
            s3: shared::aws::snapshots::client(&config),
            url: setting("AWS_ENDPOINT_URL"),
            endpoint: setting("JITR_MQTT_ENDPOINT").parse().expect("JITR_MQTT_ENDPOINT is host:port"),
            registrations: Registrations::new(&config, format!("{STACK}-registrations")),
            server_ca: std::fs::read_to_string(&server_ca).expect("JITR_SERVER_CA is a readable file"),
            config,
        }
    }

    /// A fleet with a new CA that is registered with `jitr ca register` and these further arguments.
    ///
    /// # Errors
    /// If the registration fails.
    pub async fn fleet(&self, name: &str, arguments: &[&str]) -> Result<Fleet> {
        self.fleet_of(new_authority(name)?, name, arguments).await
    }

    /// A fleet with this CA.
    ///
    /// # Errors
    /// If the registration fails.
    pub async fn fleet_of(&self, authority: CertificateAuthority, name: &str, arguments: &[&str]) -> Result<Fleet> {
        let folder = tempfile::tempdir()?;
        let (certificate, key) = (folder.path().join("ca.pem"), folder.path().join("ca.key"));
        std::fs::write(&certificate, authority.certificate_pem())?;
        std::fs::write(&key, authority.key_pem())?;
        let register =
            ["--json", "ca", "register", "--ca", text(&certificate)?, "--ca-key", text(&key)?, "--label", name];
        let answer = jitr(&[&register[..], arguments].concat()).await?;
        let answer: Value = serde_json::from_str(&answer).with_context(|| format!("not JSON: {answer}"))?;
        let id = answer.get("caCertificateId").and_then(Value::as_str).context("no caCertificateId")?;
        Ok(Fleet { authority, folder, id: id.parse()?, stack: self.clone() })
    }

    /// A fleet with a new CA that AWS IoT has, and that nobody has enrolled with the stack.
    ///
    /// # Errors
    /// If the registration fails.
    pub async fn unenrolled_fleet(&self, name: &str) -> Result<Fleet> {
        let authority = new_authority(name)?;
        let code = self.iot.get_registration_code().send().await?.registration_code.context("no registration code")?;
        let verification = authority.issue_verification(&code, now())?;
        let request = self.iot.register_ca_certificate().ca_certificate(authority.certificate_pem());
        let request = request.verification_certificate(verification);
        let answer = request.set_as_active(true).allow_auto_registration(true).send().await?;
        let id = answer.certificate_id.context("no id of the CA")?.parse()?;
        Ok(Fleet { authority, folder: tempfile::tempdir()?, id, stack: self.clone() })
    }

    /// A certificate's status in AWS IoT; none if it is not registered.
    ///
    /// # Errors
    /// If the call fails for another reason.
    pub async fn status(&self, id: &CertificateId) -> Result<Option<CertificateStatus>> {
        match self.iot.describe_certificate().certificate_id(id.as_str()).send().await {
            Ok(answer) => Ok(answer.certificate_description.and_then(|found| found.status)),
            Err(error)
                if error.as_service_error().is_some_and(DescribeCertificateError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until a certificate has this status. For what follows a device's way in: a device is ACTIVE, and has its
    /// message accepted, before the certificates that it replaces are taken out.
    ///
    /// # Errors
    /// Which status it has instead, if it does not get this one.
    pub async fn becomes(&self, id: &CertificateId, status: CertificateStatus) -> Result<()> {
        let begun = Instant::now();
        loop {
            let found = self.status(id).await?;
            if found.as_ref() == Some(&status) {
                return Ok(());
            }
            ensure!(begun.elapsed() < TIME_OUT, "{id} is {found:?} after {TIME_OUT:?}, not {status}");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// The registration row of a certificate issued by a CA, as it is at this moment. Tests ask for [`decided`](Self::decided).
    async fn row(&self, authority: &CaCertificateId, device: &DeviceCredentials) -> Result<Registration> {
        let id = RegistrationId::issued(authority, &device.serial);
        self.registrations.registration(&id).await?.with_context(|| format!("no registration {id}"))
    }

    /// A device's row once it has this decision.
    ///
    /// A row that has been seen with it may have another one a moment later: AWS IoT repeats its event at each connection, and
    /// a repeat that read PENDING_ACTIVATION before the device was in takes the row through `activating` once more. So no
    /// test asserts what a row says at one moment.
    ///
    /// # Errors
    /// What the row says instead, if it does not get this decision.
    pub async fn decided(
        &self,
        authority: &CaCertificateId,
        device: &DeviceCredentials,
        decision: Decision,
    ) -> Result<Registration> {
        self.row_when(authority, device, |row| row.decision == decision)
            .await
            .with_context(|| format!("not {decision}"))
    }

    /// A device's row once it is as expected. Not [`eventually`], whose future can't be moved between threads.
    ///
    /// # Errors
    /// What the row says instead, if it does not become so.
    pub async fn row_when(
        &self,
        authority: &CaCertificateId,
        device: &DeviceCredentials,
        is_it: impl Fn(&Registration) -> bool,
    ) -> Result<Registration> {
        let begun = Instant::now();
        loop {
            match self.row(authority, device).await {
                Ok(row) if is_it(&row) => return Ok(row),
                last if begun.elapsed() >= TIME_OUT => {
                    bail!("the row of {} after {TIME_OUT:?}: {last:?}", device.certificate_id)
                }
                _ => tokio::time::sleep(RETRY_AFTER).await,
            }
        }
    }

    /// What `jitr why` prints about a certificate or a name, once all of these words are in it: it reads the row too.
    ///
    /// # Errors
    /// What it prints instead, if they do not appear, or that it failed.
    pub async fn why(&self, who: &str, words: &[&str]) -> Result<String> {
        let begun = Instant::now();
        loop {
            let printed = jitr(&["why", who]).await?;
            if words.iter().all(|word| printed.contains(word)) {
                return Ok(printed);
            }
            ensure!(begun.elapsed() < TIME_OUT, "{words:?} are not in what jitr why prints: {printed}");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// The row about a certificate whose CA did not prove that it has issued it.
    ///
    /// # Errors
    /// If the table can't be read or has no such row.
    pub async fn unproven_row(&self, authority: &CaCertificateId, device: &DeviceCredentials) -> Result<Registration> {
        let id = RegistrationId::unproven(authority, &device.certificate_id);
        self.registrations.registration(&id).await?.with_context(|| format!("no registration {id}"))
    }

    /// How a device with these credentials connects under a client id.
    ///
    /// # Errors
    /// If the credentials can't be read.
    pub fn target(&self, device: &DeviceCredentials, client_id: &str) -> Result<Target> {
        let identity = Identity::from_pem(&device.chain_pem, &device.key_pem)?;
        let trust = ServerTrust::from_pem(&self.server_ca)?;
        Ok(Target {
            endpoint: self.endpoint.clone(),
            tls: client_config(&self.endpoint, &identity, &trust)?,
            client_id: client_id.to_owned(),
            keep_alive: Duration::from_secs(30),
        })
    }

    /// Opens one session.
    ///
    /// # Errors
    /// Outside: the credentials can't be read. Inside: the service did not let the device in.
    pub async fn session(
        &self,
        device: &DeviceCredentials,
        client_id: &str,
    ) -> Result<std::result::Result<Session, SessionError>> {
        Ok(Session::open(&self.target(device, client_id)?, PATIENCE).await)
    }
}

fn new_authority(name: &str) -> Result<CertificateAuthority> {
    let now = now();
    let subject = Subject::common_name(format!("{name} {}", now.unix_timestamp_nanos()));
    Ok(CertificateAuthority::new(&subject, Validity::days(now, 3650), KeyAlgorithm::P256)?)
}

/// A CA that is registered, and the devices that it issues certificates to.
pub struct Fleet {
    /// Id of the CA certificate.
    pub id: CaCertificateId,
    /// The stack in which it is registered.
    pub stack: Stack,
    pub(crate) authority: CertificateAuthority,
    pub(crate) folder: TempDir,
}

impl Fleet {
    /// A new certificate for this common name, valid since `age` ago.
    ///
    /// # Errors
    /// If the CA can't issue it.
    pub fn device(&self, common_name: &str, age: Duration) -> Result<DeviceCredentials> {
        let mut validity = Validity::days(now(), 365);
        validity.not_before = now() - age;
        let subject = Subject::common_name(common_name);
        let request = DeviceRequest { subject, validity, key: KeyAlgorithm::P256, serial: None };
        Ok(self.authority.issue_device(&request)?)
    }

    /// The event that AWS IoT publishes when it registers a certificate just in time.
    #[must_use]
    pub fn registered_event(&self, device: &DeviceCredentials) -> Vec<u8> {
        let event = json!({
            "awsAccountId": "000000000000",
            "caCertificateId": self.id,
            "certificateId": device.certificate_id,
            "certificateRegistrationTimestamp": null,
            "certificateStatus": "PENDING_ACTIVATION",
            "timestamp": now().unix_timestamp() * 1000,
        });
        event.to_string().into_bytes()
    }

    /// Writes a device's chain and key into files, for clients of other makes.
    ///
    /// # Errors
    /// If the files can't be written.
    pub fn files(&self, device: &DeviceCredentials) -> Result<(PathBuf, PathBuf)> {
        let path = |suffix| self.folder.path().join(format!("{}.{suffix}", device.certificate_id));
        std::fs::write(path("pem"), &device.chain_pem)?;
        std::fs::write(path("key"), &device.key_pem)?;
        Ok((path("pem"), path("key")))
    }

    /// A device's whole way in, to its first accepted message.
    ///
    /// # Errors
    /// Outside: the credentials can't be read. Inside: the device was not let in within `time_out`.
    pub async fn come_in(
        &self,
        device: &DeviceCredentials,
        client_id: &str,
        time_out: Duration,
    ) -> Result<std::result::Result<Admitted, ConnectError>> {
        let message = Message { topic: format!("dt/{client_id}/hello"), payload: br#"{"hello":true}"#.to_vec() };
        let target = self.stack.target(device, client_id)?;
        let back_off = BackOff { first: Duration::from_millis(500), longest: Duration::from_secs(4) };
        let options = Options { target, message, time_out, patience: PATIENCE, back_off };
        Ok(connect(&options, &mut |_, _| {}).await)
    }

    /// The same for a device that has to get in. The activator has written that it is in when this returns: it does so after
    /// the certificate has become ACTIVE, when the device may be in already.
    ///
    /// # Errors
    /// If the device does not get in, or the row does not say so.
    pub async fn admit(&self, device: &DeviceCredentials, client_id: &str) -> Result<Admitted> {
        let admitted = self.come_in(device, client_id, TIME_OUT).await?;
        let admitted = admitted.with_context(|| format!("{client_id} is not let in"))?;
        self.stack.decided(&self.id, device, Decision::Activated).await?;
        Ok(admitted)
    }

    /// Knocks once and waits until the activator has written what it made of it.
    ///
    /// # Errors
    /// If the device gets in, or no new decision appears.
    pub async fn knock(&self, device: &DeviceCredentials, client_id: &str) -> Result<Registration> {
        let attempts = self.stack.row(&self.id, device).await.map_or(0, |row| row.attempts);
        let session = self.stack.session(device, client_id).await?;
        ensure!(session.is_err(), "{client_id} was let in");
        let decided = |row: &Registration| row.attempts > attempts && row.decision != Decision::Activating;
        self.stack.row_when(&self.id, device, decided).await
    }
}

/// Runs the operator's command line, and expects it to succeed.
///
/// # Errors
/// What it printed, if it failed.
pub async fn jitr(arguments: &[&str]) -> Result<String> {
    let output = jitr_output(arguments).await?;
    if !output.status.success() {
        bail!("jitr {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs the operator's command line.
///
/// # Errors
/// If it can't be started.
pub async fn jitr_output(arguments: &[&str]) -> Result<Output> {
    let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/jitr");
    let output = Command::new(&binary).args(arguments).output().await;
    output.with_context(|| format!("{} can't be started; `make test` builds it", binary.display()))
}

/// Asks again until there is an answer, for a minute at most.
///
/// # Errors
/// If there is none.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < TIME_OUT {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
    bail!("{what} did not appear within {TIME_OUT:?}")
}

/// The clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the tests read the clock")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not Unicode")
}

/// A variable that `infra/local/cloud.py` sets.
///
/// # Panics
/// If it doesn't.
#[must_use]
#[expect(clippy::disallowed_methods, clippy::panic, reason = "the one place where the tests read their environment")]
pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; these tests run inside of `make test`"))
}
