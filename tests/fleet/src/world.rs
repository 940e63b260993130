//! What everything in a simulation shares.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actors::{account, enrol};
use shared::id::{CaCertificateId, CertificateId};
use shared::port::CertificateStatus;
use shared::testing::{FakeCloud, Issued, TestAuthority};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::time::Instant;

use crate::queue::Queue;
use crate::quota::{Account, LATENCY, TABLE_LATENCY};
use crate::scenario::settings::Settings;

/// When a simulation begins.
const BEGIN: OffsetDateTime = datetime!(2026-09-01 12:00 UTC);

/// A device, and the CA that has issued its certificate.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) ca_certificate_id: CaCertificateId,
    pub(crate) issued: Issued,
    /// Whether nothing speaks against it.
    pub(crate) may_come_in: bool,
}

/// When devices were registered that may come in, in seconds from the beginning.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    pub(crate) of_fleet: Vec<f64>,
    /// Those of the other CA.
    pub(crate) of_others: Vec<f64>,
}

/// The account, its queues, and the CAs.
pub(crate) struct World {
    pub(crate) account: Arc<Account>,
    /// The fleet's CA.
    pub(crate) authority: TestAuthority,
    /// When AWS IoT has registered each device that may come in, since the beginning, seconds.
    pub(crate) arrivals: Mutex<Arrivals>,
    begun: Instant,
    pub(crate) cloud: FakeCloud,
    pub(crate) invocations: AtomicU64,
    /// Devices outside stop connecting.
    is_over: AtomicBool,
    /// Another customer's CA.
    pub(crate) other_authority: TestAuthority,
    pub(crate) overflow: Queue,
    registered: Mutex<BTreeSet<CertificateId>>,
    pub(crate) registered_events: Queue,
}

impl World {
    pub(crate) fn new(settings: &Settings) -> Self {
        let [authority, other_authority] = ["Fleet CA", "Other CA"].map(|name| TestAuthority::new(name, BEGIN));
        let cloud = FakeCloud::default();
        cloud.set_latency(latency);
        for authority in [&authority, &other_authority] {
            enrol(&cloud, authority, serde_json::from_str("{}").expect("a profile"));
        }
        Self {
            account: Arc::new(Account::new(&settings.quotas)),
            authority,
            arrivals: Mutex::default(),
            begun: Instant::now(),
            cloud,
            invocations: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            other_authority,
            overflow: Queue::new("arn:aws:sqs:us-east-1:123456789012:overflow", settings.overflow),
            registered: Mutex::default(),
            registered_events: Queue::new("arn:aws:sqs:us-east-1:123456789012:registered-events", settings.events),
        }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        BEGIN + self.begun.elapsed()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Messages that wait or are being worked on.
    pub(crate) fn waiting(&self) -> usize {
        self.registered_events.len() + self.overflow.len()
    }

    /// Whether AWS IoT has found room in its quota for the certificate.
    pub(crate) fn is_registered(&self, id: &CertificateId) -> bool {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    pub(crate) fn is_in(&self, id: &CertificateId) -> bool {
        self.cloud
            .change(|state| state.certificates.get(id).is_some_and(|found| found.status == CertificateStatus::Active))
    }

    /// A new device of a CA.
    pub(crate) fn issue(&self, authority: &TestAuthority, name: &str) -> Device {
        let issued = authority.issue(name, self.now());
        Device { ca_certificate_id: authority.id().clone(), issued, may_come_in: true }
    }

    /// AWS IoT's part in a connection of a certificate that is not ACTIVE: it registers the certificate and publishes the
    /// event, if its quotas have room.
    pub(crate) fn connect(&self, device: &Device) {
        if !self.account.connects() {
            return;
        }
        let Device { ca_certificate_id, issued, .. } = device;
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if !registered.contains(&issued.id) {
            if !self.account.registers() {
                return;
            }
            self.cloud.register(ca_certificate_id, &account(), &issued.id, &issued.pem);
            registered.insert(issued.id.clone());
            if device.may_come_in {
                let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
                let is_of_fleet = *ca_certificate_id == *self.authority.id();
                let at = self.begun.elapsed().as_secs_f64();
                if is_of_fleet { arrivals.of_fleet.push(at) } else { arrivals.of_others.push(at) }
            }
        }
        self.registered_events.send(self.event(device), "");
    }

    fn event(&self, device: &Device) -> String {
        let millis = self.now().unix_timestamp_nanos() / 1_000_000;
        serde_json::json!({
            "awsAccountId": account(),
            "caCertificateId": device.ca_certificate_id,
            "certificateId": device.issued.id,
            "certificateRegistrationTimestamp": null,
            "certificateStatus": "PENDING_ACTIVATION",
            "timestamp": i64::try_from(millis).expect("a time near now"),
        })
        .to_string()
    }
}

fn latency(name: &str) -> Duration {
    if name.starts_with("iot:") { LATENCY } else { TABLE_LATENCY }
}
