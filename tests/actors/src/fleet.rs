//! A CA that an operator has enrolled, and its devices.

use std::sync::Arc;

use activator::Response;
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use shared::id::{AccountId, CaCertificateId, Serial};
use shared::pki::Certificate;
use shared::port::CertificateStatus;
use shared::profile::Profile;
use shared::registration::{Registration, RegistrationId};
use shared::testing::{FakeCloud, Issued, TestAuthority};
use time::{Duration, OffsetDateTime};

use crate::{activation, explored_time};

/// Time after which a device connects again: later than any decision that a test has seen before.
const LATER: Duration = Duration::days(1);

/// An enrolled CA and its devices, in a cloud of their own.
pub struct Fleet {
    /// The CA.
    pub authority: Arc<TestAuthority>,
    /// Where everything is.
    pub cloud: FakeCloud,
    /// When the fleet was made.
    pub now: OffsetDateTime,
}

impl Fleet {
    /// A CA that is enrolled with this profile, which lacks its certificate and the time of the enrolment.
    pub fn new(profile: Value) -> Self {
        let now = now();
        let authority = Arc::new(TestAuthority::new("Fleet CA", now));
        let cloud = FakeCloud::default();
        enrol(&cloud, &authority, serde_json::from_value(profile).expect("a profile"));
        Self { authority, cloud, now }
    }

    /// The same CA and devices in another cloud of the same state.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { authority: Arc::clone(&self.authority), cloud: self.cloud.fork(), now: self.now }
    }

    /// The CA's id.
    pub fn id(&self) -> &CaCertificateId {
        self.authority.id()
    }

    /// A device whose certificate AWS IoT has just registered.
    pub fn device(&self, common_name: &str) -> Issued {
        self.register(self.authority.issue(common_name, self.now))
    }

    /// The same, whose certificate began to be valid so many hours ago.
    pub fn device_of_age(&self, common_name: &str, hours: i64) -> Issued {
        let begin = self.now - Duration::hours(hours);
        self.register(self.authority.issue_with(common_name, self.now, |params| params.not_before = begin))
    }

    /// Lets AWS IoT register a certificate.
    pub fn register(&self, issued: Issued) -> Issued {
        self.cloud.register(self.id(), &account(), &issued.id, &issued.pem);
        issued
    }

    /// A device connects for the first time: one invocation of the activator.
    ///
    /// # Errors
    /// What the invocation ended with, if Lambda is to try it again.
    pub async fn connect(&self, device: &Issued) -> Result<Response, Diagnostic> {
        activation::connect(&self.cloud, &self.event(device)).await
    }

    /// A device that has come in.
    pub async fn inside(&self, common_name: &str) -> Issued {
        let device = self.device(common_name);
        self.connect(&device).await.expect("an activation");
        assert_eq!(self.status(&device), CertificateStatus::Active, "{common_name} has come in");
        device
    }

    /// The event about a device.
    pub fn event(&self, device: &Issued) -> String {
        event(&self.authority, device)
    }

    /// The event about a device that connects again later.
    pub fn later_event(&self, device: &Issued) -> String {
        event_at(self.id(), device, explored_time() + LATER)
    }

    /// The status of a device's certificate in AWS IoT.
    pub fn status(&self, device: &Issued) -> CertificateStatus {
        self.cloud.state().status(&device.id)
    }

    /// Sets the status of a device's certificate in AWS IoT, as an operator does.
    pub fn set_status(&self, device: &Issued, status: CertificateStatus) {
        self.cloud.change(|state| state.set_status(&device.id, status));
    }

    /// The only row about a device.
    pub fn row(&self, device: &Issued) -> Registration {
        self.cloud.registration_of(&device.id)
    }

    /// The key of the row about a device whose serial number is proven.
    pub fn registration_id(&self, device: &Issued) -> RegistrationId {
        RegistrationId::issued(self.id(), &serial(device))
    }
}

/// Registers a CA with AWS IoT, and enrols it.
pub fn enrol(cloud: &FakeCloud, authority: &TestAuthority, mut profile: Profile) {
    profile.ca_pem = Some(authority.pem().to_owned());
    profile.enrolled_at = Some("2026-09-01T00:00:00.000Z".to_owned());
    cloud.change(|state| state.authorities.insert(authority.id().clone(), authority.pem().to_owned()));
    cloud.put_profile(authority.id(), &profile);
}

/// The account that everything is in.
pub fn account() -> AccountId {
    "012345678901".parse().expect("an account")
}

/// The time, as the functions read it themselves.
pub fn now() -> OffsetDateTime {
    #[expect(clippy::disallowed_methods, reason = "the handlers read the clock themselves")]
    OffsetDateTime::now_utc()
}

/// The event about a device.
pub fn event(authority: &TestAuthority, device: &Issued) -> String {
    event_of(authority.id(), device)
}

/// The event about a device of a CA that is known by its id alone.
pub fn event_of(authority: &CaCertificateId, device: &Issued) -> String {
    event_at(authority, device, explored_time())
}

/// The same, published at this time.
pub fn event_at(authority: &CaCertificateId, device: &Issued, published_at: OffsetDateTime) -> String {
    json!({
        "awsAccountId": account(),
        "caCertificateId": authority,
        "certificateId": device.id,
        "certificateRegistrationTimestamp": null,
        "certificateStatus": "PENDING_ACTIVATION",
        "timestamp": published_at.unix_timestamp() * 1000,
    })
    .to_string()
}

/// The serial number of a certificate.
pub fn serial(device: &Issued) -> Serial {
    Certificate::from_der(&device.der).expect("a certificate").serial().clone()
}
