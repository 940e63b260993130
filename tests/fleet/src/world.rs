//! What everything in a simulation shares.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actors::{account, enrol};
use shared::id::CertificateId;
use shared::port::CertificateStatus;
use shared::testing::{FakeCloud, Issued, TestAuthority};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::time::Instant;

use crate::queue::Queue;
use crate::quota::{Account, LATENCY, TABLE_LATENCY};

/// When a simulation begins.
const BEGIN: OffsetDateTime = datetime!(2026-09-01 12:00 UTC);
/// Of the queue between rule and activator.
const VISIBILITY_TIME_OUT: Duration = Duration::from_mins(3);
const MAX_RECEIVES: u32 = 480;

/// The account, its queue, and the fleet's CA.
pub(crate) struct World {
    pub(crate) account: Arc<Account>,
    pub(crate) authority: TestAuthority,
    begun: Instant,
    pub(crate) cloud: FakeCloud,
    pub(crate) invocations: AtomicU64,
    /// Devices outside stop connecting.
    is_over: AtomicBool,
    pub(crate) registered: Mutex<BTreeSet<CertificateId>>,
    pub(crate) registered_events: Queue,
}

impl World {
    pub(crate) fn new() -> Self {
        let authority = TestAuthority::new("Fleet CA", BEGIN);
        let cloud = FakeCloud::default();
        cloud.set_latency(latency);
        enrol(&cloud, &authority, serde_json::from_str("{}").expect("a profile"));
        Self {
            account: Arc::new(Account::new()),
            authority,
            begun: Instant::now(),
            cloud,
            invocations: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            registered: Mutex::default(),
            registered_events: Queue::new(VISIBILITY_TIME_OUT, MAX_RECEIVES),
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

    pub(crate) fn is_in(&self, id: &CertificateId) -> bool {
        self.cloud
            .change(|state| state.certificates.get(id).is_some_and(|found| found.status == CertificateStatus::Active))
    }

    /// AWS IoT's part in a connection of a certificate that is not ACTIVE: it registers the certificate, if its quota has
    /// room, and publishes the event.
    pub(crate) fn connect(&self, device: &Issued) {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if !registered.contains(&device.id) {
            if !self.account.registers() {
                return;
            }
            self.cloud.register(self.authority.id(), &account(), &device.id, &device.pem);
            registered.insert(device.id.clone());
        }
        self.registered_events.send(self.event(device));
    }

    fn event(&self, device: &Issued) -> String {
        let millis = self.now().unix_timestamp_nanos() / 1_000_000;
        serde_json::json!({
            "awsAccountId": account(),
            "caCertificateId": self.authority.id(),
            "certificateId": device.id,
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
